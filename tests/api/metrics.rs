//! What is counted and measured: as the table in docs/metrics.md says, and right.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{end, form, part};
use super::function::Function;
use super::gateways::Gateway;
use super::pictures::{jpeg, png};
use super::requests::upload;
use super::server::{Server, wait_for};

const DOCUMENTED: &str = include_str!("../../docs/metrics.md");
const NAMED: &str = include_str!("../../src/metrics.rs");

/// Ten times what a scrape may cost.
const SCRAPE: Duration = Duration::from_millis(50);

/// What the table says of a metric: its type, and for each label the values that it may have; none where they are
/// those of the build.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    kind: String,
    labels: BTreeMap<String, Option<BTreeSet<String>>>,
}

/// One line of Prometheus text.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// A metric, labels of the series that are summed up, their value, the reason.
type Expected<'a> = (&'a str, &'a [(&'a str, &'a str)], f64, &'a str);

fn documented() -> BTreeMap<String, Row> {
    let rows = DOCUMENTED.lines().filter(|line| line.starts_with("| `"));
    let of = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let labels = cells[2].split(';').filter(|label| *label != "none").map(|label| {
            let mut words = label.split('`').skip(1).step_by(2).map(str::to_owned);
            let name = words.next().unwrap_or_else(|| panic!("{line}"));
            (name, Some(words.collect()).filter(|values: &BTreeSet<_>| !values.is_empty()))
        });
        (cells[0].trim_matches('`').to_owned(), Row { kind: cells[1].to_owned(), labels: labels.collect() })
    };
    rows.map(of).collect()
}

/// The samples, and the type of each metric.
fn scraped(server: &Server) -> (Vec<Sample>, BTreeMap<String, String>) {
    let answer = server.get("/metrics");
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    let lines = text.lines().filter(|line| !line.is_empty());
    let (comments, samples): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with('#'));
    let kinds = comments.iter().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let kinds = kinds.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
    (samples.into_iter().map(sample).collect(), kinds)
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
    let labels = labels.map(|label| label.split_once("=\"").unwrap());
    let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned())).collect();
    Sample { name: name.into(), labels, value: value.parse().unwrap() }
}

/// The value of one series, 0 where there is none.
fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let is_it = |sample: &&Sample| {
        sample.name == name && labels.iter().all(|(name, value)| sample.labels.get(*name).is_some_and(|it| it == value))
    };
    samples.iter().filter(is_it).map(|sample| sample.value).sum()
}

/// Uploads of every kind, and downloads.
fn use_it(server: &Server) {
    for (name, content, outcome) in [
        ("a.jpg", jpeg(3000, 2000), "201"),
        ("b.jpg", jpeg(300, 200), "201"),
        ("c.png", png(40, 30), "201"),
        ("d.txt", jpeg(30, 20), "415 unsupported-extension"),
        ("e.jpg", jpeg(300, 200)[..300].to_vec(), "422 corrupt-image"),
    ] {
        assert_eq!(server.upload(name, &content).outcome(), outcome);
    }
    assert_eq!(server.post(&form(&[("f.jpg", &jpeg(30, 20)), ("g.gif", b"GIF89a")])).status, 207);
    assert_eq!(server.post(&end(part(b"form-data; name=\"text\"", b"no file"))).outcome(), "400 missing-file");
    assert_eq!(server.get("/thumbnails/a-thumbnail.jpg").status, 200);
    assert_eq!(server.get("/uploads/nothing.jpg").status, 404);
    assert_eq!(server.get("/of/nobody/../../x").status, 404);
}

#[test]
fn names_types_and_labels_are_those_of_the_table() {
    let server = Server::start();
    use_it(&server);
    let (samples, kinds) = scraped(&server);
    let documented = documented();
    let named: BTreeSet<_> = NAMED.split('"').filter(|word| word.starts_with("thumbgate_")).collect();
    let in_table: BTreeSet<_> =
        documented.keys().map(String::as_str).filter(|name| !name.starts_with("process_")).collect();
    assert_eq!(named, in_table, "the names in the source, and those in the table");
    for (name, kind) in &kinds {
        let row = documented.get(name).unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!(*kind, row.kind, "the type of {name}");
    }
    let with_samples: BTreeSet<_> = kinds.keys().map(String::as_str).collect();
    let rare = ["store_errors_total", "store_retries_total", "events_total", "orphans_left_total"];
    let rare: BTreeSet<String> = rare.iter().map(|name| format!("thumbgate_{name}")).collect();
    for name in documented.keys().filter(|name| !rare.contains(*name)) {
        assert!(with_samples.contains(name.as_str()), "{name} is in the table, and nowhere else");
    }
    for Sample { name, labels, .. } in &samples {
        let of = name.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
        let row = documented.get(name).or_else(|| documented.get(of)).unwrap_or_else(|| panic!("{name}"));
        let labels: BTreeMap<_, _> = labels.iter().filter(|(label, _)| *label != "le").collect();
        assert!(labels.keys().eq(&row.labels.keys().collect::<Vec<_>>()), "{name} has {labels:?}");
        for (label, value) in labels {
            let allowed = row.labels[label].as_ref();
            assert!(allowed.is_none_or(|allowed| allowed.contains(value)), "{name} has {label}={value}");
        }
    }
}

#[test]
fn figures_are_right() {
    let server = Server::start();
    use_it(&server);
    let thumbnail = server.get("/thumbnails/a-thumbnail.jpg").body.len() as f64;
    // What is sent is counted as it goes, an answer once it is on its way.
    wait_for("all to be counted", || {
        let (samples, _) = scraped(&server);
        (value(&samples, "thumbgate_sent_bytes_total", &[]) == 2.0 * thumbnail).then_some(())
    });
    let (samples, _) = scraped(&server);
    let files = [jpeg(3000, 2000), jpeg(300, 200), png(40, 30), jpeg(300, 200)[..300].to_vec(), jpeg(30, 20)];
    let received: usize = files.iter().map(Vec::len).sum();
    let table: &[Expected] = &[
        ("uploads_total", &[("outcome", "created")], 4.0, "three by themselves, one of two in a form"),
        ("uploads_total", &[("outcome", "unsupported-extension")], 2.0, "one by itself, one in a form"),
        ("uploads_total", &[("outcome", "corrupt-image")], 1.0, "a file cut short"),
        ("uploads_total", &[("outcome", "missing-file")], 1.0, "a form without files"),
        ("uploads_total", &[], 8.0, "and no others"),
        ("received_bytes_total", &[], received as f64, "what is refused by its name is passed over"),
        ("images_total", &[("format", "jpeg"), ("scale", "1/8")], 1.0, "a large picture"),
        ("images_total", &[("format", "jpeg")], 3.0, "large and small"),
        ("images_total", &[("format", "png"), ("scale", "1/1")], 1.0, "PNG is always read as a whole"),
        ("phase_seconds_count", &[("phase", "receive")], 4.0, "uploads that were stored"),
        ("phase_seconds_count", &[("phase", "decode")], 4.0, "the same"),
        ("phase_seconds_count", &[("phase", "store")], 4.0, "the same"),
        ("phase_seconds_bucket", &[("phase", "store"), ("le", "+Inf")], 4.0, "all lie in the largest bucket"),
        ("uploads_in_flight", &[], 0.0, "all are done"),
        ("memory_used_bytes", &[], 0.0, "all is given back"),
        ("memory_budget_bytes", &[], 134_217_728.0, "MEMORY_BUDGET"),
        ("store_breaker_state", &[], 0.0, "the store works"),
        ("responses_total", &[("route", "/uploads"), ("status", "201")], 3.0, "uploads of one file"),
        ("responses_total", &[("route", "/uploads"), ("status", "207")], 1.0, "a form with two"),
        ("responses_total", &[("route", "/uploads/{*key}"), ("status", "404")], 1.0, "an original that is not there"),
        ("responses_total", &[("route", "other")], 1.0, "a path that leads nowhere is no label"),
        ("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0, "the version"),
    ];
    for (name, labels, expected, reason) in table {
        let found = value(&samples, &format!("thumbgate_{name}"), labels);
        assert_eq!(found, *expected, "{name}{labels:?}: {reason}");
    }
    assert!(value(&samples, "process_resident_memory_bytes", &[]) > 1e6);
}

/// It never waits for what uploads wait for.
#[test]
fn a_scrape_under_load_is_quick() {
    let server = Server::start_with(&[("MAX_UPLOAD_BYTES", "4000000"), ("MEMORY_BUDGET", "8000000")]);
    let picture = jpeg(2000, 1500);
    let mut times: Vec<_> = thread::scope(|scope| {
        for client in 0..8 {
            let (server, picture) = (&server, &picture);
            scope.spawn(move || (0..20).for_each(|nth| drop(server.upload(&format!("{client}-{nth}.jpg"), picture))));
        }
        let scrape = |_| {
            let begun = Instant::now();
            assert_eq!(server.get("/metrics").status, 200);
            begun.elapsed()
        };
        (0..40).map(scrape).collect()
    });
    times.sort();
    assert!(times[20] < SCRAPE, "the median of 40 scrapes is {:?}", times[20]);
}

#[test]
fn a_function_writes_its_figures_into_its_log() {
    let function = Function::start(&[("STORE", "local"), ("LOG_FORMAT", "json")]);
    let send = |name: &str| Gateway::HttpApi.send(&function, &upload(&[(name, &jpeg(300, 200))]));
    assert_eq!(send("a.jpg").outcome(), "201");
    assert_eq!(send("b.txt").outcome(), "415 unsupported-extension");
    let lines = wait_for("the last event's figures", || {
        let lines = function.figures();
        lines.iter().any(|line| line["outcome"] == "unsupported-extension").then_some(lines)
    });
    lines.iter().for_each(expect_embedded_metrics);
    let sum = |name: &str, label: &str, value: &str| -> f64 {
        lines.iter().filter(|line| line[label] == value).filter_map(|line| line[name].as_f64()).sum()
    };
    assert_eq!(sum("thumbgate_uploads_total", "outcome", "created"), 1.0);
    assert_eq!(sum("thumbgate_uploads_total", "outcome", "unsupported-extension"), 1.0);
    assert_eq!(sum("thumbgate_images_total", "format", "jpeg"), 1.0);
    let phases: Vec<_> = lines.iter().filter(|line| line["phase"] == "decode").collect();
    assert_eq!(phases.len(), 1, "what is new since the line before: {phases:?}");
    assert_eq!(phases[0]["thumbgate_phase_seconds"].as_array().map(Vec::len), Some(1));
    let documented = documented();
    let told = lines.iter().flat_map(|line| line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap());
    for metric in told {
        let name = metric["Name"].as_str().unwrap();
        assert!(documented.contains_key(name), "{name} is not in the table");
    }
}

/// The rules of CloudWatch's specification.
fn expect_embedded_metrics(line: &Value) {
    let units = json!(["Seconds", "Bytes", "Count", null]);
    assert!(line["_aws"]["Timestamp"].as_u64().is_some_and(|at| at > 1_700_000_000_000), "milliseconds: {line}");
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    assert!(!directives.is_empty(), "{line}");
    for directive in directives {
        assert_eq!(directive["Namespace"], "thumbgate");
        for dimensions in directive["Dimensions"].as_array().unwrap() {
            let dimensions = dimensions.as_array().unwrap();
            assert!(dimensions.len() <= 30, "{line}");
            for name in dimensions {
                assert!(line[name.as_str().unwrap()].as_str().is_some_and(|value| !value.is_empty()), "{name}: {line}");
            }
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()), "{line}");
        for metric in metrics {
            let value = &line[metric["Name"].as_str().unwrap()];
            let is_list = value.as_array().is_some_and(|list| list.len() <= 100 && list.iter().all(Value::is_number));
            assert!(value.is_number() || is_list, "{metric} is {value}");
            assert!(units.as_array().unwrap().contains(&metric["Unit"]), "{metric}");
        }
    }
}

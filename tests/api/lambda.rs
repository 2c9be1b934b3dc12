//! The service as a Lambda function: the same answers behind every gateway, and nothing that ends it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Answer, form};
use super::function::{Function, TIME};
use super::gateways::{Gateway, Request};
use super::pictures::{jpeg, jpeg_of, png};
use super::requests::{VARIABLES, request, requests, upload};
use super::server::Server;

const LOCAL: [(&str, &str); 2] = [("STORE", "local"), ("LOG_FORMAT", "json")];

#[test]
fn every_gateway_gives_the_answers_of_the_plain_server() {
    let server = Server::start_with(&VARIABLES);
    let expected: Vec<_> = requests().iter().map(|(request, _)| plain(&server, request)).collect();
    let url = format!("http://{}", server.address);
    for ((request, outcome), answer) in requests().iter().zip(&expected) {
        assert_eq!(answer.outcome(), *outcome, "{} {}: {}", request.method, request.target, answer.text());
    }
    for gateway in Gateway::ALL {
        let function = Function::start(&[&LOCAL[..], &VARIABLES].concat());
        for ((request, _), expected) in requests().iter().zip(&expected) {
            let answer = gateway.send(&function, request);
            let told = normal(&answer, gateway.public_url(), request);
            assert_eq!(told, normal(expected, &url, request), "{gateway:?}: {} {}", request.method, request.target);
        }
    }
}

fn plain(server: &Server, request: &Request) -> Answer {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        head += &format!("{name}: {value}\r\n");
    }
    server.send(head, &request.body)
}

/// An answer as text, without what differs from one to the next: ids, times, the service's address.
fn normal(answer: &Answer, public_url: &str, request: &Request) -> String {
    let base_path = public_url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
    let names = [
        "content-type",
        "location",
        "etag",
        "cache-control",
        "vary",
        "content-range",
        "accept-ranges",
        "retry-after",
        "allow",
        "access-control-allow-origin",
        "access-control-allow-methods",
        "access-control-expose-headers",
        "content-security-policy",
        "x-content-type-options",
        "content-length",
    ];
    let mut told = format!("{}\n", answer.status);
    for name in names {
        let is_made_by_the_gateway = name == "content-length" && request.method != "HEAD";
        let value = answer.headers(name).join(", ");
        if !value.is_empty() && !is_made_by_the_gateway {
            let value =
                if name == "location" { value.strip_prefix(&base_path).unwrap_or(&value).to_owned() } else { value };
            told += &format!("{name}: {value}\n");
        }
    }
    let body = match answer.header("content-type") {
        json if json.ends_with("json") => without_ids(answer.json(), public_url).to_string(),
        html if html.starts_with("text/html") => {
            let text = answer.text().replace(answer.header("x-request-id"), "");
            text.replace(public_url, "").replace(&format!("\"{base_path}/"), "\"/")
        }
        _ => format!("{} bytes, {:?}", answer.body.len(), answer.body.iter().map(|byte| u64::from(*byte)).sum::<u64>()),
    };
    told + &body.lines().filter(|line| !line.contains("request_id") && !line.contains("curl")).collect::<String>()
}

fn without_ids(value: Value, public_url: &str) -> Value {
    match value {
        Value::Object(members) => {
            let ids = ["request_id", "expires_at", "version_id"];
            let kept = members.into_iter().filter(|(name, _)| !ids.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name, without_ids(value, public_url))).collect())
        }
        Value::Array(members) => members.into_iter().map(|member| without_ids(member, public_url)).collect(),
        Value::String(text) => {
            let text = text.strip_prefix(public_url).unwrap_or(&text);
            Value::String(text.split("&expires=").next().unwrap_or_default().to_owned())
        }
        other => other,
    }
}

#[test]
fn limits_are_those_of_an_event() {
    let function = Function::start(&LOCAL);
    let limits = Gateway::HttpApi.send(&function, &request("GET", "/limits", &[], b"")).json();
    assert_eq!(
        (limits["max_file_bytes"].as_u64(), limits["max_request_bytes"].as_u64()),
        (Some(4_500_000), Some(4_500_000))
    );
    assert_eq!(limits["presigned_max_bytes"], 33_554_432);
    let answer = Gateway::HttpApi.send(&function, &request("PUT", "/uploads/a.jpg", &[], &jpeg_of(4_500_001)));
    assert_eq!(answer.outcome(), "413 payload-too-large");
    let problem = answer.json();
    assert_eq!((problem["limit"].as_u64(), problem["actual"].as_u64()), (Some(4_500_000), Some(4_500_001)));
    assert!(problem["detail"].as_str().unwrap().contains("/uploads/presigned"), "{problem}");
    assert_eq!(
        Gateway::HttpApi.send(&function, &request("PUT", "/uploads/a.jpg", &[], &jpeg_of(4_500_000))).outcome(),
        "201"
    );
}

#[test]
fn an_answer_that_no_event_can_hold_is_not_lost_in_silence() {
    let function = Function::start(&[&LOCAL[..], &[("THUMBNAIL_SIZE", "1200x1200")]].concat());
    let answer = Gateway::RestApi.send(&function, &upload(&[("a.png", &png(1500, 1500))]));
    assert_eq!(answer.outcome(), "201");
    assert_eq!(
        Gateway::RestApi.send(&function, &request("GET", "/thumbnails/a-thumbnail.png", &[], b"")).outcome(),
        "200"
    );
}

/// What no well-meaning gateway sends. Each is followed by a good request.
#[test]
fn hostile_events_are_answered_and_the_process_lives() {
    let function = Function::start(&LOCAL);
    let process_id = function.process_id();
    let good = upload(&[("image1.jpg", &jpeg(300, 200))]);
    let changed = |gateway: Gateway, change: &dyn Fn(&mut Value)| {
        let mut event = gateway.event(&good);
        change(&mut event);
        event
    };
    let deep = "[".repeat(100_000);
    let table: Vec<(Value, &str, &str)> = vec![
        (changed(Gateway::HttpApi, &|e| e["body"] = "*not base64*".into()), "400 invalid-request", "invalid base64"),
        (changed(Gateway::RestApi, &|e| e["body"] = "====".into()), "400 invalid-request", "padding alone"),
        (
            changed(Gateway::HttpApi, &|e| e["headers"]["host"] = "a b\u{7}".into()),
            "400 invalid-request",
            "a Host with a control character",
        ),
        (changed(Gateway::RestApi, &|e| e["headers"]["host"] = "a b/#?".into()), "201", "a Host that is no host"),
        (changed(Gateway::LoadBalancer, &|e| e["headers"]["host"] = "☃".into()), "201", "a Host of other letters"),
        (
            changed(Gateway::HttpApi, &|e| e["headers"]["x"] = "a\r\nb: c".into()),
            "400 invalid-request",
            "a header in a header",
        ),
        (
            changed(Gateway::HttpApi, &|e| e["requestContext"]["http"]["method"] = "G E T".into()),
            "400 invalid-request",
            "no method",
        ),
        (
            changed(Gateway::HttpApi, &|e| e["rawPath"] = "/uploads\0\u{1}\u{7f} #?".into()),
            "404 not-found",
            "a path of anything",
        ),
        (changed(Gateway::RestApi, &|e| e["path"] = "\\..\\%zz".into()), "404 not-found", "a path that is none"),
        (changed(Gateway::HttpApi, &|e| e["rawPath"] = "".into()), "405 method-not-allowed", "no path"),
        (
            changed(Gateway::FunctionUrl, &|e| e["rawQueryString"] = "a b\n".into()),
            "400 invalid-request",
            "a query that is none",
        ),
        (changed(Gateway::HttpApi, &|e| e["body"] = Value::Null), "400 malformed-multipart", "no body"),
        (changed(Gateway::HttpApi, &|e| e["requestContext"] = json!({})), "400 invalid-request", "an empty context"),
        (changed(Gateway::HttpApi, &|e| e["requestContext"] = json!("x")), "400 invalid-request", "a context of text"),
        (
            changed(Gateway::RestApi, &|e| e["requestContext"]["domainName"] = "a\"<b>".into()),
            "201",
            "a domain that is none",
        ),
        (json!({}), "error", "nothing"),
        (json!([]), "error", "a list"),
        (json!("text"), "error", "text"),
        (json!(null), "error", "null"),
        (json!({"Records": []}), "error", "no records"),
        (json!({"Records": [{"eventSource": "aws:sns"}]}), "error", "records of something else"),
        (json!({"Records": [{"eventSource": "aws:s3"}]}), "error", "a record without its object"),
        (json!({"Records": "x"}), "error", "records of text"),
        (json!({"deep": deep}), "error", "a long text"),
    ];
    for (event, expected, reason) in table {
        let outcome = match function.invoke(&event) {
            Ok(answer) => Gateway::HttpApi.answer(&with_request_id(answer)).outcome(),
            Err(error) => {
                assert!(error["errorMessage"].is_string(), "{error}");
                "error".into()
            }
        };
        assert_eq!(outcome, expected, "{reason}");
        assert_eq!(Gateway::HttpApi.send(&function, &good).outcome(), "201", "the good one behind {reason}");
    }
    for bytes in [&b""[..], b"{", b"\xff\xfe", deep.as_bytes()] {
        assert!(function.invoke_raw(bytes.into(), TIME).is_err(), "{bytes:.20?} is no event");
        assert_eq!(Gateway::HttpApi.send(&function, &good).outcome(), "201");
    }
    assert_eq!(function.process_id(), process_id);
    assert!(function.all_logged("panicked").is_empty(), "nothing is a panic: {:?}", function.all_logged("panicked"));
}

/// REST APIs answer with several values for each header, which [`Answer`] reads as well.
fn with_request_id(mut answer: Value) -> Value {
    if let Some(multiple) = answer["multiValueHeaders"].as_object().cloned()
        && answer["headers"].as_object().is_none_or(serde_json::Map::is_empty)
    {
        answer["headers"] = multiple.into_iter().map(|(name, values)| (name, values[0].clone())).collect();
    }
    answer
}

#[test]
fn a_body_that_went_through_text_is_told_from_a_damaged_picture() {
    let function = Function::start(&LOCAL);
    for gateway in Gateway::ALL {
        let mut event = gateway.event(&upload(&[("image1.jpg", &jpeg(300, 200))]));
        event["isBase64Encoded"] = false.into();
        event["body"] = String::from_utf8_lossy(&form(&[("image1.jpg", &jpeg(300, 200))])).into();
        let answer = gateway.answer(&function.invoke(&event).unwrap());
        assert_eq!(answer.outcome(), "400 invalid-request", "{gateway:?}");
        assert!(answer.text().contains("binary media types"), "{}", answer.text());
    }
}

#[test]
fn a_function_is_not_open_to_all_unless_it_is_said() {
    let function = Function::start(&[&LOCAL[..], &[("ALLOW_ANONYMOUS", "false")]].concat());
    let error = function.init_error();
    assert!(error["errorMessage"].as_str().unwrap().contains("ALLOW_ANONYMOUS=true"), "{error}");
}

#[test]
fn a_start_that_fails_ends_also_where_nobody_can_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = super::server::command(folder.path(), &[("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("ALLOW_ANONYMOUS=true"), "{output:?}");
}

/// Before its first event a function asks the buckets, to find the connection open. That must neither end nor hold it up.
#[test]
fn a_store_that_is_away_does_not_keep_a_function_from_its_start() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, reason) in [(silent.local_addr().unwrap(), "hangs"), (gone, "refuses connections")] {
        let endpoint = format!("http://{address}");
        let begun = Instant::now();
        let function = Function::start(&[
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("S3_FORCE_PATH_STYLE", "true"),
        ]);
        let answer = Gateway::HttpApi.send(&function, &request("GET", "/limits", &[], b""));
        assert_eq!(answer.outcome(), "200", "{reason}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{reason}: {:?}", begun.elapsed());
    }
}

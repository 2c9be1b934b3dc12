//! `thumbgate backfill` on the local store, beside a server that lives.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use super::pictures::{cut, jpeg, png, size};
use super::server::{Server, command};

/// A run that has ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    said: String,
    log: String,
}

impl Ended {
    /// Numbers of the summary, by the words behind them.
    fn numbers(&self, wanted: &[&str]) -> String {
        let number_of = |words: &&str| {
            let line = self.said.lines().find(|line| line.contains(words));
            let line = line.unwrap_or_else(|| panic!("nothing about {words:?} in {}{}", self.said, self.log));
            line.split_whitespace().next().unwrap().to_owned()
        };
        wanted.iter().map(number_of).collect::<Vec<_>>().join(" ")
    }

    /// `created current rejected failed`, and the exit status.
    fn outcome(&self) -> String {
        let numbers = self.numbers(&["thumbnails created", "already right", "rejected", "failed, see"]);
        format!("{numbers}: {}", self.code.unwrap())
    }
}

fn backfill(folder: &Path, arguments: &[&str]) -> Ended {
    let output = command(folder, &[]).arg("backfill").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), said: text(output.stdout), log: text(output.stderr) }
}

impl Server {
    /// Puts a file into the uploads bucket by hand.
    fn lay(&self, key: &str, content: &[u8]) {
        let path = self.file("uploads", key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn backfill(&self, arguments: &[&str]) -> Ended {
        backfill(self.folder.path(), arguments)
    }
}

#[test]
fn what_is_missing_is_made_and_a_second_run_finds_nothing_to_do() {
    let server = Server::start();
    server.upload("done.jpg", &jpeg(300, 200));
    server.lay("a.jpg", &jpeg(300, 200));
    server.lay("x/y/b.PNG", &png(100, 400));
    server.lay("broken.jpg", &cut(&jpeg(300, 200), 50));
    server.lay("notes.txt", b"not a picture");
    let first = server.backfill(&[]);
    assert_eq!(first.outcome(), "2 1 1 0: 0", "{first:?}");
    assert_eq!(first.numbers(&["originals looked at", "not pictures"]), "4 1");
    assert!(first.log.contains("broken.jpg") && first.log.contains("corrupt-image"), "{}", first.log);
    assert!(!first.log.contains("thumbnail created"), "no line for each thumbnail: {}", first.log);
    assert_eq!(size(&fs::read(server.file("thumbnails", "a-thumbnail.jpg")).unwrap()), (150, 100));
    assert_eq!(size(&fs::read(server.file("thumbnails", "x/y/b-thumbnail.PNG")).unwrap()), (38, 150));
    let stored = server.stored();
    assert_eq!(server.backfill(&[]).outcome(), "0 3 1 0: 0", "a second run");
    assert_eq!(server.stored(), stored);

    server.lay("a.jpg", &jpeg(200, 300));
    assert_eq!(server.backfill(&["--min-age", "1ms"]).outcome(), "1 2 1 0: 0", "another original under the key");
    assert_eq!(size(&server.get("/thumbnails/a-thumbnail.jpg").body), (100, 150));
}

#[test]
fn a_dry_run_tells_what_there_is_to_do_and_writes_nothing() {
    let server = Server::start();
    server.upload("done.jpg", &jpeg(30, 20));
    server.upload("stale.jpg", &jpeg(30, 20));
    server.upload("lost.jpg", &jpeg(30, 20));
    server.lay("stale.jpg", &jpeg(60, 20));
    server.lay("new.jpg", &jpeg(90, 20));
    fs::remove_file(server.file("uploads", "lost.jpg")).unwrap();
    let stored = server.stored();
    let look = server.backfill(&["--dry-run", "--repair", "--min-age", "1ms"]);
    assert_eq!(look.code, Some(0), "{look:?}");
    let words = ["originals looked at", "missing", "stale", "already right", "to be removed, since"];
    assert_eq!(look.numbers(&words), "3 1 1 1 1");
    let to_read = jpeg(60, 20).len() + jpeg(90, 20).len();
    assert_eq!(look.numbers(&["bytes to read"]), to_read.to_string());
    assert!(look.said.contains("a run would send about 3 LIST, 14 HEAD, 2 GET, 2 PUT: 0.0"), "{}", look.said);
    assert_eq!(server.stored(), stored);
}

#[test]
fn only_what_is_asked_for_is_looked_at() {
    let server = Server::start();
    for key in ["a/1.jpg", "a/2.jpg", "a/3.jpg", "b/1.jpg", "b/2.jpg"] {
        server.lay(key, &jpeg(30, 20));
    }
    let last_week = SystemTime::now() - Duration::from_secs(6 * 86_400);
    File::options().write(true).open(server.file("uploads", "a/1.jpg")).unwrap().set_modified(last_week).unwrap();
    let table: &[(&[&str], &str, &str)] = &[
        (&["--prefix", "c/"], "0 0 0 0: 0", "nothing begins so"),
        (&["--since", "5d", "--prefix", "a/"], "2 0 0 0: 0", "one of three is older"),
        (&["--since", "7d", "--prefix", "a/"], "1 2 0 0: 0", "but not so old"),
        (&["--max", "1", "--after", "a/3.jpg"], "1 0 0 0: 0", "one, behind a key"),
        (&["--max", "4"], "0 4 0 0: 0", "four"),
        (&["--concurrency", "1"], "1 4 0 0: 0", "all"),
    ];
    for (arguments, expected, reason) in table {
        let ended = server.backfill(arguments);
        assert_eq!(ended.outcome(), *expected, "{reason}: {arguments:?} {ended:?}");
        let goes_on = ended.said.contains("go on with --after 'b/1.jpg'");
        assert_eq!(goes_on, arguments.contains(&"--max"), "{reason}: {}", ended.said);
    }
}

#[test]
fn repair_removes_thumbnails_of_ours_whose_originals_are_gone() {
    let server = Server::start();
    for name in ["kept.jpg", "lost.jpg", "twice.jpg"] {
        server.upload(name, &jpeg(30, 20));
    }
    server.upload("twice.jpg", &jpeg(60, 20));
    for name in ["lost.jpg", "twice.jpg"] {
        fs::remove_file(server.file("uploads", name)).unwrap();
    }
    fs::write(server.file("thumbnails", "foreign-thumbnail.jpg"), jpeg(30, 20)).unwrap();
    fs::write(server.file("thumbnails", "logo.jpg"), jpeg(30, 20)).unwrap();
    let words = ["thumbnails looked at", " removed, since", "too young", "not made by thumbgate"];
    let young = server.backfill(&["--repair"]);
    assert_eq!((young.numbers(&words), young.code), ("5 0 2 2".into(), Some(0)), "uploads may be under way");
    let elsewhere = server.backfill(&["--repair", "--min-age", "1ms", "--prefix", "lo/"]);
    assert_eq!(elsewhere.numbers(&words), "0 0 0 0", "of other originals");
    let mended = server.backfill(&["--repair", "--min-age", "1ms"]);
    assert_eq!((mended.numbers(&words), mended.code), ("5 2 0 2".into(), Some(0)), "{mended:?}");
    assert_eq!(
        server.stored(),
        "thumbnails/foreign-thumbnail.jpg thumbnails/kept-thumbnail.jpg thumbnails/logo.jpg uploads/kept.jpg",
        "also not an earlier version of what was removed"
    );
    assert_eq!(server.backfill(&["--repair", "--min-age", "1ms"]).numbers(&words), "3 0 0 2", "a second run");
}

/// An upload stores both objects at once, and the thumbnail may land first.
#[test]
fn what_an_upload_may_be_about_to_complete_is_looked_at_again_later() {
    let server = Server::start();
    server.upload("a.jpg", &jpeg(30, 20));
    server.upload("a.jpg", &jpeg(60, 20));
    // As if the original of the second had not landed yet.
    let earlier = server.file("uploads", ".thumbgate/versions/a.jpg/1.jpg");
    fs::copy(earlier, server.file("uploads", "a.jpg")).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(server.file("uploads", "a.jpg")).unwrap().set_modified(long_ago).unwrap();
    let ended = server.backfill(&["--min-age", "2s"]);
    assert_eq!(ended.outcome(), "1 0 0 0: 0", "{ended:?}");
    assert!(ended.log.contains("looked at again later"), "{}", ended.log);
    assert_eq!(size(&server.get("/thumbnails/a-thumbnail.jpg").body), (30, 20));
}

#[test]
fn what_fails_is_named_and_makes_the_whole_fail() {
    let server = Server::start();
    server.lay("a.jpg", &jpeg(30, 20));
    server.lay("b.jpg", &jpeg(30, 20));
    fs::create_dir(server.file("thumbnails", "a-thumbnail.jpg")).unwrap();
    let ended = server.backfill(&["--concurrency", "1"]);
    assert_eq!(ended.outcome(), "1 0 0 1: 1", "{ended:?}");
    let failed = ended.log.lines().find(|line| line.contains("an object failed")).unwrap();
    assert!(failed.contains("a.jpg") && failed.contains("ERROR"), "{failed}");
    fs::remove_dir(server.file("thumbnails", "a-thumbnail.jpg")).unwrap();
    assert_eq!(server.backfill(&[]).outcome(), "1 1 0 0: 0", "once it is mended");

    for number in 0..130 {
        server.lay(&format!("c/{number}.jpg"), &jpeg(30, 20));
        fs::create_dir_all(server.file("thumbnails", &format!("c/{number}-thumbnail.jpg"))).unwrap();
    }
    let ended = server.backfill(&[]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.said.contains("given up: 100 objects in a row failed"), "{}", ended.said);
    assert!(ended.said.contains("go on with --after 'b.jpg'"), "not behind what failed: {}", ended.said);
}

#[test]
fn a_run_that_is_stopped_says_where_to_go_on() {
    let server = Server::start();
    let picture = jpeg(800, 600);
    for number in 0..600 {
        server.lay(&format!("{number:03}.jpg"), &picture);
    }
    let mut child = command(server.folder.path(), &[])
        .args(["backfill", "--report-every", "50ms", "--concurrency", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let line = log.find(|line| line.contains("the backfill goes on") && line.contains("done_to")).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((line["level"].as_str(), line["failed"].as_u64()), (Some("INFO"), Some(0)), "{line}");
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    log.for_each(drop);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(": stopped after"), "{said}");
    let (_, rest) = said.split_once("go on with --after '").unwrap_or_else(|| panic!("{said}"));
    let key = rest.trim_end().trim_end_matches('\'');
    let done: u64 = key.trim_end_matches(".jpg").parse::<u64>().unwrap() + 1;
    for number in 0..done {
        assert!(server.file("thumbnails", &format!("{number:03}-thumbnail.jpg")).exists(), "{number} is before {key}");
    }
    let rest = server.backfill(&["--after", key]);
    assert_eq!(rest.numbers(&["originals looked at"]), (600 - done).to_string());
    assert_eq!(rest.code, Some(0));
    assert_eq!(server.backfill(&[]).outcome(), "0 600 0 0: 0", "nothing is left out");
}

#[test]
fn settings_that_stop_the_start() {
    let server = Server::start();
    for (option, value, expected) in [
        ("--since", "last week", "7d"),
        ("--concurrency", "0", "1..=256"),
        ("--data-dir", "./elsewhere", "no bucket's folder"),
        ("--rust-log", "a=b=c", "thumbgate=debug"),
        ("--upload-bucket", "marketing-thumbnails-bucket", "must differ"),
    ] {
        let ended = server.backfill(&[option, value]);
        assert!(ended.code != Some(0) && ended.log.contains(expected), "{option} {value}: {}", ended.log);
    }
    assert!(!server.folder.path().join("elsewhere").exists(), "a wrong folder is not made");
    let open = command(server.folder.path(), &[("LISTEN", "0.0.0.0:80")]).arg("backfill").output().unwrap();
    assert!(open.status.success(), "who does not listen need not care who may call");
}

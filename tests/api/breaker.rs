//! A store that is known to be down, as a server and a function see it. `tests/e2e/breaker.py` has the rest.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Answer;
use super::fault_proxy::Fault;
use super::function::Function;
use super::gateways::{Gateway, Request};
use super::pictures::jpeg;
use super::s3::{Rig, borrowed, rig};
use super::server::{Server, wait_for};

/// Uploads until one is refused without being tried, and how many were tried.
fn failures_until_down(mut upload: impl FnMut() -> Answer) -> usize {
    for failures in 0..20 {
        match &*upload().outcome() {
            "503 not-ready" => return failures,
            outcome => assert_eq!(outcome, "502 storage-unavailable"),
        }
    }
    panic!("after 20 failures in a row the store is not known to be down");
}

#[test]
fn a_folder_that_is_gone_is_known_to_be_gone_and_found_again() {
    let server = Server::start();
    server.upload("a.jpg", &jpeg(20, 10));
    let (folder, aside) = (server.file("uploads", ""), server.folder.path().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    assert_eq!(failures_until_down(|| server.upload("a.jpg", &jpeg(20, 10))), 5);
    let wanted = json!({"filename": "a.jpg", "content_type": "image/jpeg", "bytes": 9}).to_string();
    let head = format!("POST /uploads/presigned HTTP/1.1\r\nContent-Length: {}\r\n", wanted.len());
    let refused = [
        server.get("/ready"),
        server.get("/thumbnails/a-thumbnail.jpg"),
        server.get("/uploads/a.jpg"),
        server.send(&head, wanted.as_bytes()),
    ];
    for answer in refused {
        assert_eq!(answer.outcome(), "503 not-ready");
        assert!((1..=20).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
        assert!(!answer.text().contains("data"), "no path leaks: {}", answer.text());
    }
    assert_eq!(server.get("/health").status, 200);
    fs::rename(&aside, &folder).unwrap();
    wait_for("the breaker to close by itself", || (server.get("/ready").status == 200).then_some(()));
    assert_eq!(server.upload("a.jpg", &jpeg(20, 10)).outcome(), "201");
    let (opened, closed) =
        (server.logged_times(1, "the store is down"), server.logged_times(1, "the store answers again"));
    assert_eq!((opened.len(), closed.len()), (1, 1));
    assert_eq!((opened[0]["level"].as_str(), closed[0]["level"].as_str()), (Some("WARN"), Some("INFO")));
    assert!(opened[0]["cause"].as_str().unwrap().contains("No such file"), "{}", opened[0]);
}

/// One client's bad wishes must not keep the others out.
#[test]
fn what_is_refused_for_one_key_alone_does_not_count() {
    let server = Server::start();
    fs::create_dir(server.file("uploads", "taken.jpg")).unwrap();
    for _ in 0..12 {
        assert_eq!(server.upload("taken.jpg", &jpeg(20, 10)).outcome(), "502 storage-unavailable");
    }
    assert_eq!(server.upload("free.jpg", &jpeg(20, 10)).outcome(), "201");
}

#[test]
fn a_disk_that_is_full_still_gives_what_it_has() {
    let server = Server::start_on_full_disk();
    assert_eq!(server.upload("small.jpg", &jpeg(20, 10)).outcome(), "201");
    for _ in 0..12 {
        assert_eq!(server.upload("large.jpg", &jpeg(640, 480)).outcome(), "502 storage-unavailable");
    }
    assert_eq!(server.get("/uploads/small.jpg").body, jpeg(20, 10));
    assert_eq!(server.upload("small.jpg", &jpeg(20, 10)).outcome(), "201");
}

impl Rig {
    fn break_everything(&self) {
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            for bucket in [&self.uploads, &self.thumbnails] {
                self.proxy.fail(method, bucket, Fault::Status(503), usize::MAX);
            }
        }
    }
}

/// It can't probe in the background, so the event that finds the pause over does.
#[test]
fn a_function_probes_on_the_way_in() {
    let Some(rig) = rig(true, &[]) else { return };
    let function = Function::start(&borrowed(&rig.variables));
    let upload = || {
        let request =
            Request { method: "PUT", target: "/uploads/a.jpg".into(), headers: Vec::new(), body: jpeg(200, 100) };
        Gateway::HttpApi.send(&function, &request)
    };
    assert_eq!(upload().outcome(), "201");
    rig.break_everything();
    assert!((1..=8).contains(&failures_until_down(upload)));
    let event = json!({"Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": rig.uploads}, "object": {"key": "a.jpg"}},
    }]});
    let begun = Instant::now();
    function.invoke(&event).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(4), "an event fails fast: {:?}", begun.elapsed());
    rig.proxy.heal();
    wait_for("an upload that ends well", || (upload().outcome() == "201").then_some(()));
    function.invoke(&event).unwrap();
    function.logged("the store answers again");
}

//! A local store that fails under the server.

use std::fs;

use super::pictures::jpeg;
use super::server::Server;

#[test]
fn a_store_that_is_gone_or_blocked_gives_502_and_leaks_nothing() {
    for (reason, bucket, block) in [
        ("the uploads folder removed", "uploads", false),
        ("the thumbnails folder removed", "thumbnails", false),
        ("a file in the place of the uploads folder", "uploads", true),
        ("a file in the place of the thumbnails folder", "thumbnails", true),
    ] {
        let server = Server::start();
        let folder = server.file(bucket, "");
        let aside = server.folder.path().join("aside");
        fs::rename(&folder, &aside).unwrap();
        if block {
            fs::write(folder.to_str().unwrap().trim_end_matches('/'), "").unwrap();
        }
        let answer = server.upload("a.jpg", &jpeg(20, 10));
        assert_eq!(answer.outcome(), "502 storage-unavailable", "{reason}");
        assert!(!answer.text().contains("data/"), "no path leaks: {}", answer.text());
        assert!(
            server.logged("request failed")["cause"].as_str().unwrap().contains("marketing-"),
            "the log has the cause"
        );
        let ready = server.get("/ready");
        assert_eq!((&*ready.outcome(), ready.header("retry-after")), ("503 not-ready", "5"), "{reason}");
        if block {
            fs::remove_file(folder.to_str().unwrap().trim_end_matches('/')).unwrap();
        }
        fs::rename(&aside, &folder).unwrap();
        assert_eq!(server.stored(), "", "{reason}: neither of the two");
        assert_eq!(server.upload("a.jpg", &jpeg(20, 10)).outcome(), "201", "{reason}: and it works again");
    }
}

#[test]
fn an_earlier_file_survives_an_upload_that_fails() {
    let server = Server::start();
    let first = jpeg(200, 100);
    server.upload("a.jpg", &first);
    let thumbnails = server.file("thumbnails", "");
    let aside = server.folder.path().join("aside");
    fs::rename(&thumbnails, &aside).unwrap();
    assert_eq!(server.upload("a.jpg", &jpeg(100, 200)).outcome(), "502 storage-unavailable");
    fs::rename(&aside, &thumbnails).unwrap();
    assert_eq!(server.get("/uploads/a.jpg").body, first, "the failed upload's original was taken back");
}

#[test]
fn a_full_disk_stores_neither_of_the_two() {
    let server = Server::start_on_full_disk();
    assert_eq!(server.upload("small.jpg", &jpeg(20, 10)).outcome(), "201", "a small one fits");
    let before = server.stored();
    assert_eq!(server.upload("large.jpg", &jpeg(640, 480)).outcome(), "502 storage-unavailable");
    assert_eq!(server.stored(), before, "its thumbnail would fit, and must not stay");
    assert_eq!(server.upload("small.jpg", &jpeg(640, 480)).outcome(), "502 storage-unavailable");
    assert_eq!(server.get("/uploads/small.jpg").body, jpeg(20, 10), "the earlier file is what is there");
}

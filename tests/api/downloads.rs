//! Thumbnails and originals on their way out.

use super::pictures::{jpeg, png, size};
use super::server::Server;

#[test]
fn thumbnails_are_served_with_what_caches_need() {
    let server = Server::start();
    server.upload("a b.png", &png(300, 200));
    let answer = server.get("/thumbnails/a-b-thumbnail.png");
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/png"));
    assert_eq!(size(&answer.body), (150, 100));
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let etag = answer.header("etag").to_owned();
    assert_eq!(etag.len(), 66, "a quoted SHA-256: {etag}");

    let head = server.send("HEAD /thumbnails/a-b-thumbnail.png HTTP/1.1\r\n", b"");
    assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, &*etag));
    assert_eq!(head.header("content-length"), answer.body.len().to_string());
    for (tag, status) in [(&*etag, 304), (&format!("\"x\", W/{etag}"), 304), ("*", 304), ("\"other\"", 200)] {
        let request = format!("GET /thumbnails/a-b-thumbnail.png HTTP/1.1\r\nIf-None-Match: {tag}\r\n");
        assert_eq!(server.send(request, b"").status, status, "{tag}");
    }
}

#[test]
fn the_etag_of_an_original_is_its_sha256() {
    let server = Server::start();
    let record = server.upload("a.jpg", &jpeg(30, 20)).json();
    let etag = format!("\"{}\"", record["upload"]["sha256"].as_str().unwrap());
    assert_eq!(server.get("/uploads/a.jpg").header("etag"), etag);
}

#[test]
fn ranges_are_served() {
    let server = Server::start();
    let original = jpeg(64, 64);
    server.upload("a.jpg", &original);
    let size = original.len();
    let last = size - 1;
    let etag = server.get("/uploads/a.jpg").header("etag").to_owned();
    let table: &[(&str, u16, String, &[u8])] = &[
        ("Range: bytes=0-9", 206, format!("bytes 0-9/{size}"), &original[..10]),
        ("Range: bytes=10-", 206, format!("bytes 10-{last}/{size}"), &original[10..]),
        ("Range: bytes=-5", 206, format!("bytes {}-{last}/{size}", size - 5), &original[size - 5..]),
        ("Range: bytes=5-999999", 206, format!("bytes 5-{last}/{size}"), &original[5..]),
        ("Range: bytes=9-5", 200, String::new(), &original),
        ("Range: bytes=0-1,5-6", 200, String::new(), &original),
        ("Range: pages=1-2", 200, String::new(), &original),
        ("Range: bytes=0-9\r\nIf-Range: \"other\"", 200, String::new(), &original),
        (&format!("Range: bytes=0-9\r\nIf-Range: {etag}"), 206, format!("bytes 0-9/{size}"), &original[..10]),
    ];
    for (headers, status, content_range, body) in table {
        let answer = server.send(format!("GET /uploads/a.jpg HTTP/1.1\r\n{headers}\r\n"), b"");
        assert_eq!((answer.status, answer.header("content-range")), (*status, &**content_range), "{headers}");
        assert_eq!(answer.body, *body, "{headers}");
    }
    let answer = server.send("GET /uploads/a.jpg HTTP/1.1\r\nRange: bytes=999999-\r\n", b"");
    assert_eq!(answer.outcome(), "416 range-not-satisfiable");
    assert_eq!(answer.header("content-range"), format!("bytes */{size}"));
}

#[test]
fn what_is_not_there_is_not_found() {
    let server = Server::start();
    server.upload("a.jpg", &jpeg(20, 10));
    let secret = "/uploads/..%2f..%2f..%2f..%2fetc%2fpasswd";
    for path in [
        "/uploads/b.jpg",
        "/thumbnails/b-thumbnail.jpg",
        "/thumbnails/a.jpg",
        "/uploads/%2e%2e/secret.jpg",
        "/uploads/.thumbgate/counter",
        "/uploads/a.jpg/",
        "/uploads/a.jpg~",
        "/uploads/%00.jpg",
        "/uploads/%ff.jpg",
        "/thumbnails/",
        "/result/b.jpg",
        "/static/../Cargo.toml",
        "/static/nothing",
        "/static/%ff",
        "/nothing",
        secret,
    ] {
        let answer = server.get(path);
        assert!(["404", "404 not-found"].contains(&&*answer.outcome()), "{path}: {}", answer.text());
    }
}

#[test]
fn a_thumbnail_that_is_still_to_be_made_is_pending() {
    let server = Server::start();
    server.upload("a.jpg", &jpeg(20, 10));
    std::fs::copy(server.file("uploads", "a.jpg"), server.file("uploads", "dropped-in.jpg")).unwrap();
    let answer = server.get("/thumbnails/dropped-in-thumbnail.jpg");
    assert_eq!(answer.outcome(), "404 thumbnail-pending");
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("1", "no-store"));
}

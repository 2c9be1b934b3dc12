//! Forms that are malformed, and requests that are no forms.

use std::io::{Read, Write};

use super::client::{BOUNDARY, end, form, form_head, parse, part};
use super::pictures::jpeg;
use super::server::Server;

#[test]
fn malformed_requests_are_refused() {
    let server = Server::start();
    let good = form(&[("a.jpg", &jpeg(20, 10))]);
    let post = |content_type: &str| format!("POST /uploads HTTP/1.1\r\nContent-Type: {content_type}\r\n");
    let multipart = |boundary: &str| post(&format!("multipart/form-data; boundary={boundary}"));
    let usual = form_head();
    let no_disposition = format!("--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\nx\r\n").into_bytes();
    let half = &good[..good.len() / 2];
    let unclosed = &good[..good.len() - BOUNDARY.len() - 6];
    let big_header = format!("form-data; name=\"{}\"; filename=a.jpg", "x".repeat(9 * 1024 * 1024));
    let many_parts = end(part(b"form-data; name=x", b"y").repeat(100_000));
    let many_files = end(part(b"form-data; name=x; filename=a.txt", b"y").repeat(100_000));
    let many_absent = end(part(b"form-data; filename=\"\"", b"").repeat(100_000));
    let long = "x".repeat(30_000);
    let table: Vec<(String, Vec<u8>, &str, &str)> = vec![
        (post("application/json"), b"{}".to_vec(), "415 not-multipart", "another type"),
        (post("image/jpeg"), jpeg(20, 10), "415 not-multipart", "a bare file belongs to PUT"),
        ("POST /uploads HTTP/1.1\r\n".into(), good.clone(), "415 not-multipart", "no type"),
        (post("multipart/form-data"), good.clone(), "400 malformed-multipart", "no boundary"),
        (multipart(""), good.clone(), "400 malformed-multipart", "an empty boundary"),
        (multipart("\"\""), good.clone(), "400 malformed-multipart", "an empty boundary in quotes"),
        (multipart(&"x".repeat(71)), good.clone(), "400 malformed-multipart", "a boundary of 71 characters"),
        (multipart(&long), good.clone(), "400 malformed-multipart", "a boundary of 30 kB"),
        (multipart("another"), good.clone(), "400 malformed-multipart", "a boundary that never comes"),
        (usual.clone(), half.into(), "400 malformed-multipart", "cut in the middle of a file"),
        (usual.clone(), unclosed.into(), "400 malformed-multipart", "no closing boundary"),
        (usual.clone(), b"nonsense".to_vec(), "400 malformed-multipart", "no form at all"),
        (usual.clone(), end(no_disposition), "400 malformed-multipart", "a part without a Content-Disposition"),
        (usual.clone(), end(part(big_header.as_bytes(), b"x")), "400 malformed-multipart", "a part header of 9 MB"),
        (usual.clone(), many_parts, "400 malformed-multipart", "100,000 parts without a file"),
        (usual.clone(), many_absent, "400 malformed-multipart", "100,000 files that nobody chose"),
        (usual.clone(), many_files, "413 too-many-files", "100,000 files"),
        (usual.clone(), end(Vec::new()), "400 missing-file", "no part"),
        (usual.clone(), end(part(b"form-data; name=\"file\"", b"x")), "400 missing-file", "a part without a file name"),
        (usual.clone(), end(part(b"form-data; filename=\"\"", b"")), "400 missing-file", "nobody chose a file"),
        (usual, end(part(b"form-data; filename=\"\"", &jpeg(20, 10))), "400 invalid-filename", "a file without a name"),
    ];
    for (head, body, outcome, reason) in &table {
        let answer = server.send(head, body);
        assert_eq!(answer.outcome(), *outcome, "{reason}: {}", answer.text());
        assert_eq!(server.stored(), "", "{reason}");
    }
}

#[test]
fn what_was_stored_before_a_form_breaks_stays() {
    let server = Server::start();
    let mut body = form(&[("a.jpg", &jpeg(20, 10)), ("b.jpg", &jpeg(20, 10))]);
    body.truncate(body.len() - 100);
    let answer = server.post(&body);
    assert_eq!(answer.status, 207);
    let results = answer.json()["results"].clone();
    assert_eq!((&results[0]["status"], &results[1]["status"]), (&201.into(), &400.into()));
    assert_eq!(results[1]["problem"]["code"], "malformed-multipart");
    assert_eq!(server.stored(), "thumbnails/a-thumbnail.jpg uploads/a.jpg");
}

#[test]
fn a_lying_content_length_stores_nothing() {
    let server = Server::start();
    let body = form(&[("a.jpg", &jpeg(200, 100))]);
    let too_short = format!("{}Host: x\r\nContent-Length: {}\r\n\r\n", form_head(), body.len() - 200);
    let answer = server.exchange(&[too_short.as_bytes(), &body].concat());
    assert_eq!(answer.status, 400, "the rest is no request of its own: {}", answer.head);
    let mut stream = server.connect();
    let too_long = format!("PUT /uploads/a.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len() + 200);
    stream.write_all(&[too_long.as_bytes(), &body].concat()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || parse(&answer).status == 400, "{:?}", String::from_utf8_lossy(&answer));
    assert_eq!(server.stored(), "");
}

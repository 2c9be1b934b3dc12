//! Pages of other origins: who is let in, and what their scripts may read.

use super::client::{Answer, end, form, form_head, part};
use super::pictures::{jpeg, jpeg_of};
use super::server::Server;

const SITE: &str = "https://www.example.com";

#[test]
fn other_origins_are_let_in_by_name_only() {
    let server = Server::start_with(&[("CORS_ORIGINS", "https://www.example.com,http://localhost:5173")]);
    let body = form(&[("a.jpg", &jpeg(20, 10))]);
    let own = format!("http://{}", server.address);
    let post = |origin: &str| server.send(format!("{}Origin: {origin}\r\n", form_head()), &body);
    for (origin, outcome, allowed) in [
        ("https://www.example.com", "201", "https://www.example.com"),
        ("http://localhost:5173", "201", "http://localhost:5173"),
        (&*own, "201", ""),
        ("https://evil.example", "403 forbidden-origin", ""),
        ("https://www.example.com.evil.example", "403 forbidden-origin", ""),
        ("null", "403 forbidden-origin", ""),
    ] {
        let answer = post(origin);
        assert_eq!((&*answer.outcome(), answer.header("access-control-allow-origin")), (outcome, allowed), "{origin}");
    }
    let preflight = |origin: &str| -> Answer {
        let asks = "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: content-type\r\n";
        server.send(format!("OPTIONS /uploads/a.jpg HTTP/1.1\r\nOrigin: {origin}\r\n{asks}"), b"")
    };
    let answer = preflight("https://www.example.com");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "https://www.example.com"));
    assert!(answer.header("access-control-allow-methods").contains("PUT"));
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), "");
    let refused = server.send(
        format!("{}Origin: https://www.example.com\r\n", form_head()),
        &end(part(b"form-data; filename=a.txt", b"x")),
    );
    assert_eq!(refused.header("access-control-allow-origin"), "https://www.example.com", "refusals can be read too");
    let method = server.send("DELETE /uploads/a.jpg HTTP/1.1\r\nOrigin: https://www.example.com\r\n", b"");
    assert_eq!(method.outcome(), "405 method-not-allowed");
    assert_eq!(method.header("access-control-allow-origin"), "https://www.example.com", "also where axum refused");
    let exposed = refused.header("access-control-expose-headers").to_owned();
    for name in ["location", "etag", "retry-after", "server-timing", "x-request-id"] {
        assert!(exposed.contains(name), "{name} in {exposed}");
    }
}

/// Without these headers a script would learn of a refusal no more than that something failed.
#[test]
fn refusals_of_every_kind_can_be_read() {
    let server = Server::start_with(&[("CORS_ORIGINS", SITE), ("MAX_UPLOAD_BYTES", "100000"), ("MAX_FILES", "1")]);
    let send = |head: &str, body: &[u8]| server.send(format!("{head}Origin: {SITE}\r\n"), body);
    let picture = jpeg(20, 10);
    let line = |line: &str| format!("{line} HTTP/1.1\r\n");
    let large = form(&[("a.jpg", &jpeg_of(1_300_000))]);
    for (outcome, answer) in [
        ("201", send(&form_head(), &form(&[("a.jpg", &picture)]))),
        ("413 payload-too-large", send(&form_head(), &large)),
        ("413 payload-too-large", send(&form_head(), &form(&[("a.jpg", &jpeg_of(100_001))]))),
        ("413 too-many-files", send(&form_head(), &form(&[("a.jpg", &picture), ("b.jpg", &picture)]))),
        ("413 payload-too-large", send(&line("PUT /uploads/a.jpg"), &jpeg_of(100_001))),
        ("415 not-multipart", send(&line("POST /uploads"), b"x")),
        ("422 corrupt-image", send(&form_head(), &form(&[("a.jpg", &picture[..picture.len() / 2])]))),
        ("400 invalid-request", send(&line("POST /uploads/presigned"), b"{")),
        ("404 not-found", send(&line("GET /thumbnails/none-thumbnail.jpg"), b"")),
        ("404 not-found", send(&line("GET /nothing"), b"")),
        ("405 method-not-allowed", send(&line("PATCH /uploads"), b"")),
        ("200", send(&line("GET /static/thumbgate-upload.js"), b"")),
        ("200", send(&line("GET /limits"), b"")),
        ("200", send(&line("GET /thumbnails/a-thumbnail.jpg"), b"")),
    ] {
        assert_eq!(answer.outcome(), outcome);
        assert_eq!(answer.header("access-control-allow-origin"), SITE, "{outcome}");
        let exposed = answer.header("access-control-expose-headers");
        for name in ["location", "etag", "retry-after", "server-timing", "x-request-id"] {
            assert!(exposed.contains(name), "{name} in {exposed}");
        }
        assert!(answer.headers("vary").join(",").contains("origin"), "caches keep the answers apart: {answer:?}");
    }
}

#[test]
fn a_preflight_allows_what_clients_send() {
    let server = Server::start_with(&[("CORS_ORIGINS", SITE)]);
    for (path, method, headers) in [
        ("/uploads", "POST", "authorization,x-request-id"),
        ("/uploads/a.jpg", "PUT", "content-type,if-none-match"),
        ("/uploads/presigned", "POST", "authorization,content-type"),
        ("/thumbnails/a-thumbnail.jpg", "GET", "authorization,range"),
        ("/limits", "GET", "authorization"),
    ] {
        let asks = format!("Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: {headers}\r\n");
        let answer = server.send(format!("OPTIONS {path} HTTP/1.1\r\nOrigin: {SITE}\r\n{asks}"), b"");
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, SITE), "{path}");
        assert!(answer.header("access-control-allow-methods").contains(method), "{path}: {answer:?}");
        let allowed = answer.header("access-control-allow-headers");
        assert!(headers.split(',').all(|header| allowed.contains(header)), "{path}: {headers} in {allowed}");
        assert_eq!(answer.header("access-control-max-age"), "600", "{path}");
    }
}

//! The connection itself: deadlines, limits, and a stop that loses nothing.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::client::{form, form_head, parse};
use super::pictures::jpeg;
use super::server::Server;

#[test]
fn silent_half_and_idle_connections_are_closed_after_ten_seconds() {
    let server = Server::start();
    let begun = Instant::now();
    let connections: Vec<_> =
        ["", "GET /heal", "GET /health HTTP/1.1\r\nHost: x\r\n", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"]
            .into_iter()
            .map(|sent| {
                let mut stream = server.connect();
                stream.write_all(sent.as_bytes()).unwrap();
                (sent, stream)
            })
            .collect();
    for (sent, mut stream) in connections {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let taken = begun.elapsed();
        assert!(taken > Duration::from_secs(8) && taken < Duration::from_secs(20), "{sent:?} after {taken:?}");
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn heads_have_limits() {
    let server = Server::start();
    let many_headers = "X-A: b\r\n".repeat(101);
    let long_header = format!("X-Long: {}\r\n", "x".repeat(70 * 1024));
    for (headers, reason) in [(many_headers, "101 headers"), (long_header, "64 KiB of headers")] {
        let status = server.send(format!("GET /health HTTP/1.1\r\n{headers}"), b"").status;
        assert_eq!(status, 431, "{reason}");
    }
    let mut http2 = server.connect();
    http2.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = http2.read_to_end(&mut answer);
    assert!(answer.is_empty() || parse(&answer).status == 400, "HTTP/2 is the proxy's");
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let server = Server::start();
    let mut stream = server.connect();
    let body = form(&[("a.txt", &[b'x'; 5_000])]);
    let refused = format!("{}Host: x\r\nContent-Length: {}\r\n\r\n", form_head(), body.len());
    stream.write_all(&[refused.as_bytes(), &body].concat()).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert!(answers.starts_with("HTTP/1.1 415") && answers.contains("HTTP/1.1 200 OK"), "{answers}");
}

#[test]
fn a_stop_lets_uploads_end_and_takes_no_new_ones() {
    let mut server = Server::start();
    let body = form(&[("a.jpg", &jpeg(1600, 1200))]);
    let mut stream = server.connect();
    let head = format!("{}Host: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", form_head(), body.len());
    stream.write_all(&[head.as_bytes(), &body[..1000]].concat()).unwrap();
    server.logged("ready");
    // Only once the server has seen the head is the upload under way: a second connection's answer shows it.
    assert_eq!(server.get("/health").status, 200);
    server.terminate();
    server.logged("stopping");
    assert!(std::net::TcpStream::connect(server.address).is_err() || server_refuses(&server), "no new connections");
    stream.write_all(&body[1000..]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(parse(&answer).outcome(), "201");
    assert_eq!(server.ended(Duration::from_secs(25)).code(), Some(0));
    assert_eq!(server.stored(), "thumbnails/a-thumbnail.jpg uploads/a.jpg");
}

/// A connection that was still in the kernel's queue is reset.
fn server_refuses(server: &Server) -> bool {
    let mut stream = server.connect();
    let _ = stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    !matches!(stream.read(&mut [0]), Ok(1..))
}

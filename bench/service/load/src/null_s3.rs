//! Answers as S3 does where a service only puts: bodies are read and discarded.

use std::error::Error;
use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::message::{Head, discard_body};

const VERSIONING: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VersioningConfiguration \
    xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
const NO_SUCH_KEY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code></Error>";

/// A request's number is its id and its version's.
static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// Serves on a free port until standard input ends: whoever started this is gone then.
pub fn serve() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that breaks concerns its client alone, which then counts a failure.
            thread::spawn(move || serve_connection(&stream).ok());
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn serve_connection(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(256 << 10, stream);
    let mut writer = stream;
    while let Some(head) = Head::read(&mut reader)? {
        if head.has("expect", "100-continue") {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        discard_body(&mut reader, &head)?;
        writer.write_all(answer(&head.first_line).as_bytes())?;
    }
    Ok(())
}

fn answer(request_line: &str) -> String {
    let mut words = request_line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_object = path.trim_matches('/').contains('/');
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let (status, headers, body) = match (method, is_object) {
        ("PUT", true) => ("200 OK", "ETag: \"d41d8cd98f00b204e9800998ecf8427e\"\r\n", ""),
        ("GET", false) if query.starts_with("versioning") => {
            ("200 OK", "Content-Type: application/xml\r\n", VERSIONING)
        }
        ("HEAD" | "PUT", false) => ("200 OK", "", ""),
        ("DELETE", _) => ("204 No Content", "", ""),
        ("HEAD", true) => ("404 Not Found", "", ""),
        _ => ("404 Not Found", "Content-Type: application/xml\r\n", NO_SUCH_KEY),
    };
    format!(
        "HTTP/1.1 {status}\r\n{headers}x-amz-request-id: {number:016X}\r\nx-amz-version-id: {number:032x}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

//! A client that sends exactly the bytes it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::server::Server;

/// The boundary of every form here.
pub const BOUNDARY: &str = "----boundary7MA4YWxkTrZu0gW";

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers(name).first().copied().unwrap_or_default()
    }

    /// All values of a header, as they are.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and code of a refusal, status alone of everything else: `415 unsupported-content`.
    pub fn outcome(&self) -> String {
        if self.header("content-type") != "application/problem+json" {
            return self.status.to_string();
        }
        let document = self.json();
        assert_eq!(document["status"], self.status, "the document repeats the status");
        assert_eq!(document["request_id"], self.header("x-request-id"), "and names the request");
        format!("{} {}", self.status, document["code"].as_str().unwrap())
    }
}

impl Server {
    pub fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\n"), b"")
    }

    /// Sends a head (without its end), then a body.
    pub fn send(&self, head: impl AsRef<[u8]>, body: &[u8]) -> Answer {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let rest = format!("Host: {}\r\nConnection: close\r\n{length}\r\n", self.address);
        self.exchange(&[head.as_ref(), rest.as_bytes(), body].concat())
    }

    /// Sends a body in pieces of this size, without announcing its length.
    pub fn send_chunked(&self, head: &str, body: &[u8], piece: usize) -> Answer {
        let rest = format!("Host: {}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n", self.address);
        let mut request = [head.as_bytes(), rest.as_bytes()].concat();
        for piece in body.chunks(piece) {
            request.extend(format!("{:x}\r\n", piece.len()).bytes());
            request.extend(piece);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\n\r\n");
        self.exchange(&request)
    }

    /// Posts a form.
    pub fn post(&self, form: &[u8]) -> Answer {
        self.send(form_head(), form)
    }

    /// Posts one file by this name.
    pub fn upload(&self, name: &str, content: &[u8]) -> Answer {
        self.post(&form(&[(name, content)]))
    }

    pub fn put(&self, path: &str, content: &[u8]) -> Answer {
        self.send(format!("PUT {path} HTTP/1.1\r\n"), content)
    }

    /// Sends these bytes on a connection of their own and reads the last answer before it closes.
    pub fn exchange(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        let mut writer = stream.try_clone().unwrap();
        let mut answer = Vec::new();
        std::thread::scope(|scope| {
            // A refusal may come, and the connection close, before all is written.
            scope.spawn(move || writer.write_all(request));
            stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{error} after {} bytes", answer.len()));
            let _ = stream.shutdown(Shutdown::Both);
        });
        parse(&answer)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }
}

/// The head of a request with a form, without its end.
pub fn form_head() -> String {
    format!("POST /uploads HTTP/1.1\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n")
}

/// A form with these files.
pub fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, content) in files {
        form.extend(part(format!("form-data; name=\"file\"; filename=\"{name}\"").as_bytes(), content));
    }
    end(form)
}

/// One part with this `Content-Disposition`.
pub fn part(disposition: &[u8], content: &[u8]) -> Vec<u8> {
    let begin = format!("--{BOUNDARY}\r\nContent-Disposition: ");
    [begin.as_bytes(), disposition, b"\r\n\r\n", content, b"\r\n"].concat()
}

/// Parts with the closing boundary behind them.
pub fn end(mut parts: Vec<u8>) -> Vec<u8> {
    parts.extend(format!("--{BOUNDARY}--\r\n").bytes());
    parts
}

/// Passes over `100 Continue`.
pub fn parse(answer: &[u8]) -> Answer {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer but {:?}", String::from_utf8_lossy(answer)));
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    if status == 100 {
        return parse(&answer[end + 4..]);
    }
    Answer { status, head, body: answer[end + 4..].to_vec() }
}

//! Why a function can't start, told to the runtime: whoever invokes it is answered so.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::json;

const PATH: &str = "/2018-06-01/runtime/init/error";
const KIND: &str = "Init.Refused";
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells the Runtime API at this address. What can't be told stands in the log all the same.
pub fn tell_init_error(api: &str, error: &dyn std::error::Error) {
    let body = json!({"errorType": KIND, "errorMessage": error.to_string(), "stackTrace": []}).to_string();
    let _ = post(api, &body);
}

fn post(api: &str, body: &str) -> io::Result<()> {
    // Lambda gives host and port, cargo-lambda a URL.
    let authority = api.strip_prefix("http://").unwrap_or(api);
    let (authority, base) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
    let address = authority.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("no such host"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST {}{PATH} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Lambda-Runtime-Function-Error-Type: {KIND}\r\nContent-Length: {}\r\n\r\n{body}",
        base.trim_end_matches('/'),
        body.len(),
    )?;
    // The process ends next, and would take what is still on its way with it.
    stream.read_exact(&mut [0; 12])
}

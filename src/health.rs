//! `thumbgate health`: asks a running server whether it is alive, for container probes.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the server at this address, as in `http://127.0.0.1:8080`.
///
/// # Errors
/// Says what the server answered instead, or why there was no answer.
pub fn run(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url}: must begin with http://"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let status = ask(&with_port, authority, path.trim_end_matches('/')).map_err(|error| format!("{url}: {error}"))?;
    if status == "200" { Ok(()) } else { Err(format!("{url}: status {status}")) }
}

fn ask(address: &str, host: &str, base: &str) -> std::io::Result<String> {
    let address = address.to_socket_addrs()?.next().ok_or_else(|| std::io::Error::other("no such host"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let slash = if base.is_empty() { "" } else { "/" };
    write!(stream, "GET {slash}{base}/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut status_line = [0; 12];
    stream.read_exact(&mut status_line)?;
    Ok(String::from_utf8_lossy(&status_line[9..]).into_owned())
}

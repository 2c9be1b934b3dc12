//! A proxy between the service and its S3 that fails as it is told to: one request a connection, plain TCP.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answered with this status; the store never sees it.
    Status(u16),
    /// Never answered; the store never sees it.
    Hang,
    /// The connection ends before the store sees anything.
    ResetBefore,
    /// The store does it, but the answer is lost.
    ResetAfter,
    /// The store gets half of the body.
    CutBody,
}

/// Which requests a fault is for, and how many of them.
#[derive(Clone, Debug)]
struct Rule {
    method: &'static str,
    bucket: String,
    fault: Fault,
    times: usize,
}

/// Ends with the test process.
pub struct FaultProxy {
    pub endpoint: String,
    rules: Arc<Mutex<Vec<Rule>>>,
}

impl FaultProxy {
    /// Before the S3 at this address, as in `http://127.0.0.1:8333`.
    pub fn before(endpoint: &str) -> Self {
        let upstream: SocketAddr = endpoint.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let rules = Arc::new(Mutex::new(Vec::new()));
        let proxy = Self { endpoint: format!("http://{}", listener.local_addr().unwrap()), rules: Arc::clone(&rules) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let rules = Arc::clone(&rules);
                // A connection that breaks is no failure of the proxy.
                thread::spawn(move || drop(pass_on(stream, upstream, &rules)));
            }
        });
        proxy
    }

    /// From now on, so many requests with this method for this bucket fail.
    pub fn fail(&self, method: &'static str, bucket: &str, fault: Fault, times: usize) {
        self.rules.lock().unwrap().push(Rule { method, bucket: bucket.into(), fault, times });
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        self.rules.lock().unwrap().clear();
    }
}

fn pass_on(mut client: TcpStream, upstream: SocketAddr, rules: &Mutex<Vec<Rule>>) -> std::io::Result<()> {
    let (head, body) = read_request(&mut client)?;
    let fault = fault_for(&head, rules);
    match fault {
        Some(Fault::Status(status)) => {
            return write!(client, "HTTP/1.1 {status} Injected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        Some(Fault::Hang) => {
            // Until the client has had enough.
            client.set_read_timeout(Some(Duration::from_secs(60)))?;
            return client.read(&mut [0]).map(|_| ());
        }
        Some(Fault::ResetBefore) => return client.shutdown(Shutdown::Both),
        Some(Fault::ResetAfter | Fault::CutBody) | None => {}
    }
    let mut store = TcpStream::connect(upstream)?;
    store.write_all(head.trim_end_matches("\r\n").as_bytes())?;
    store.write_all(b"\r\nConnection: close\r\n\r\n")?;
    if fault == Some(Fault::CutBody) {
        store.write_all(&body[..body.len() / 2])?;
        store.shutdown(Shutdown::Both)?;
        return client.shutdown(Shutdown::Both);
    }
    store.write_all(&body)?;
    let mut answer = Vec::new();
    store.read_to_end(&mut answer)?;
    if fault == Some(Fault::ResetAfter) {
        return client.shutdown(Shutdown::Both);
    }
    client.write_all(&answer)
}

fn read_request(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().map_or(0, |(_, value)| value.trim().parse().unwrap());
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    Ok((head, body))
}

/// Of several rules for a request the first one that is not used up counts.
fn fault_for(head: &str, rules: &Mutex<Vec<Rule>>) -> Option<Fault> {
    let mut rules = rules.lock().unwrap();
    let rule = rules
        .iter_mut()
        .find(|rule| rule.times > 0 && head.starts_with(&format!("{} /{}", rule.method, rule.bucket)))?;
    rule.times -= 1;
    Some(rule.fault)
}

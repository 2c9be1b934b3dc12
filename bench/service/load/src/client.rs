//! One client: a connection that is kept, and one upload after the other on it.

use std::io::{self, BufReader, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::form::Picture;
use crate::message::{Head, discard_body};

/// Whoever has no answer by then has failed; nothing here waits for ever.
const LONGEST: Duration = Duration::from_mins(2);

/// How an upload ended.
pub struct Outcome {
    /// From the first byte sent to the last one received, with all that was waited for in between.
    pub took: Duration,
    /// How often the service said that it was busy and when to come again.
    pub busy: u32,
    /// Why there is no thumbnail: a status, or what became of the connection.
    pub failure: Option<String>,
}

pub struct Client {
    address: SocketAddr,
    host: String,
    number: usize,
    sent: u64,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(address: SocketAddr, number: usize) -> Self {
        Self { address, host: address.to_string(), number, sent: 0, connection: None }
    }

    /// Uploads the next picture under a name of its own, and comes again when it is told to.
    pub fn upload(&mut self, pictures: &[Picture]) -> Outcome {
        let next = self.sent + self.number as u64;
        let picture = &pictures[usize::try_from(next).unwrap_or(0) % pictures.len()];
        self.sent += 1;
        let name = format!("c{}-{}", self.number, self.sent);
        let (begun, mut busy) = (Instant::now(), 0);
        let failure = loop {
            match self.exchange(picture, &name) {
                Ok((201, _)) => break None,
                Ok((503, Some(seconds))) if begun.elapsed() < LONGEST => {
                    busy += 1;
                    thread::sleep(Duration::from_secs(seconds));
                }
                Ok((status, _)) => break Some(status.to_string()),
                Err(error) => {
                    self.connection = None;
                    break Some(error.kind().to_string());
                }
            }
        };
        Outcome { took: begun.elapsed(), busy, failure }
    }

    /// The answer's status and its Retry-After. A kept connection may have been closed meanwhile: then once more.
    fn exchange(&mut self, picture: &Picture, name: &str) -> io::Result<(u16, Option<u64>)> {
        let was_kept = self.connection.is_some();
        match self.exchange_once(picture, name) {
            Err(error) if was_kept && is_closed(&error) => {
                self.connection = None;
                self.exchange_once(picture, name)
            }
            outcome => outcome,
        }
    }

    fn exchange_once(&mut self, picture: &Picture, name: &str) -> io::Result<(u16, Option<u64>)> {
        let mut connection = self.connection.take().map_or_else(|| connect(self.address), Ok)?;
        let sending = picture.send(name, &self.host, connection.get_mut());
        // A refusal may come before all was sent: the answer tells more than the broken pipe.
        let Some(head) = Head::read(&mut connection)? else {
            return Err(sending.err().unwrap_or_else(|| ErrorKind::ConnectionReset.into()));
        };
        discard_body(&mut connection, &head)?;
        if sending.is_ok() && !head.has("connection", "close") {
            self.connection = Some(connection);
        }
        let status = head.first_line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no status"))?;
        Ok((status, head.get("retry-after").and_then(|seconds| seconds.parse().ok())))
    }
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LONGEST))?;
    stream.set_write_timeout(Some(LONGEST))?;
    Ok(BufReader::new(stream))
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted)
}

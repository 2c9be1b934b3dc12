//! As much of HTTP/1.1 as both ends need.

use std::io::{self, BufRead, ErrorKind};

/// More than any head that the services and their S3 clients send.
const MOST_HEAD_BYTES: usize = 64 << 10;

/// The first line and the headers, their names in lower case.
pub struct Head {
    pub first_line: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// None where the other side has closed between two messages.
    pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(first_line) = line(reader)? else { return Ok(None) };
        let (mut headers, mut bytes) = (Vec::new(), first_line.len());
        loop {
            let text = line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
            if text.is_empty() {
                return Ok(Some(Self { first_line, headers }));
            }
            bytes += text.len();
            let (name, value) = text.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            if bytes > MOST_HEAD_BYTES {
                return Err(invalid("a head that does not end"));
            }
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn has(&self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
    }
}

/// Reads a body to its end, by its length or in chunks, and gives how many bytes it had. S3's own chunks (`aws-chunked`)
/// count as content.
pub fn discard_body(reader: &mut impl BufRead, head: &Head) -> io::Result<u64> {
    if !head.has("transfer-encoding", "chunked") {
        let length =
            head.get("content-length").map_or(Ok(0), str::parse).map_err(|_| invalid("a length that is no number"))?;
        return discard(reader, length).map(|()| length);
    }
    let mut whole = 0;
    loop {
        let text = line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
        let digits = text.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16).map_err(|_| invalid("a chunk without a length"))?;
        if length == 0 {
            while !line(reader)?.ok_or(ErrorKind::UnexpectedEof)?.is_empty() {}
            return Ok(whole);
        }
        whole += length;
        discard(reader, length)?;
        line(reader)?;
    }
}

fn discard(reader: &mut impl BufRead, mut left: u64) -> io::Result<()> {
    while left > 0 {
        let found = reader.fill_buf()?.len();
        if found == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(found);
        reader.consume(taken);
        left -= taken as u64;
    }
    Ok(())
}

fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut text = Vec::new();
    // `&mut *`: `take` would swallow the reader.
    io::Read::take(&mut *reader, MOST_HEAD_BYTES as u64).read_until(b'\n', &mut text)?;
    if text.is_empty() {
        return Ok(None);
    }
    let text = text.strip_suffix(b"\r\n").ok_or_else(|| invalid("a line without its end"))?;
    Ok(Some(String::from_utf8_lossy(text).into_owned()))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

//! Uploads as a browser's form sends them.

use std::fs;
use std::io::{self, IoSlice, Write};
use std::path::Path;

const BOUNDARY: &str = "----bench-load-7MA4YWxkTrZu0gW";

/// A picture, read once and sent often.
pub struct Picture {
    name: String,
    content: Vec<u8>,
    tail: Vec<u8>,
}

impl Picture {
    pub fn read(file: &str) -> io::Result<Self> {
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, content: fs::read(file)?, tail: format!("\r\n--{BOUNDARY}--\r\n").into_bytes() })
    }

    fn content_type(&self) -> &'static str {
        if self.name.ends_with(".png") { "image/png" } else { "image/jpeg" }
    }

    /// Sends it as a form's one file, under a name that begins with `prefix`. The content is not copied for it.
    pub fn send(&self, prefix: &str, host: &str, writer: &mut impl Write) -> io::Result<()> {
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{prefix}-{}\"\r\n\
             Content-Type: {}\r\n\r\n",
            self.name,
            self.content_type()
        );
        let head = format!(
            "POST /uploads HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n{part}",
            part.len() + self.content.len() + self.tail.len()
        );
        write_all(writer, &mut [head.as_bytes(), &self.content, &self.tail].map(IoSlice::new))
    }
}

/// As the standard library's unstable `write_all_vectored`.
fn write_all(writer: &mut impl Write, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !parts.is_empty() {
        match writer.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

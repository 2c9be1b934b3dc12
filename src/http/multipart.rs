//! The parts of a form, as they come: multer, with the limits that it has not got.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::Stream;

use super::body::TooSlow;
use super::disposition;
use super::problem::Refusal;
use crate::key;

/// RFC 2046, section 5.1.1.
const MAX_BOUNDARY_BYTES: usize = 70;
/// A part's header holds a name and a type; multer itself would read on without end.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Parts without a file, over and above the files.
const MAX_FIELDS: usize = 100;

/// A form under way.
pub(super) struct Form {
    parts: multer::Multipart<'static>,
    guard: Arc<Guard>,
    max_request_bytes: u64,
    announced: Option<u64>,
    fields: usize,
}

/// A part that holds a file.
pub(super) struct FilePart {
    name: Result<String, key::Error>,
    field: multer::Field<'static>,
    guard: Arc<Guard>,
    max_request_bytes: u64,
}

impl Form {
    /// The form in a request with these headers.
    ///
    /// # Errors
    /// [`Refusal::NotMultipart`], or [`Refusal::MalformedMultipart`] where the boundary can't be used.
    pub(super) fn new(headers: &HeaderMap, body: Body, max_request_bytes: u64) -> Result<Self, Refusal> {
        let boundary = boundary_of(headers)?;
        let guard = Arc::new(Guard::default());
        let announced = body.size_hint().exact();
        let stream = Throttled { inner: body.into_data_stream(), guard: Arc::clone(&guard), max_request_bytes };
        Ok(Self { parts: multer::Multipart::new(stream, boundary), guard, max_request_bytes, announced, fields: 0 })
    }

    /// The next part that holds a file; ordinary fields before it are passed over.
    ///
    /// # Errors
    /// Where the form is malformed, too large or too slow; there is no next part then.
    pub(super) async fn next_file(&mut self) -> Result<Option<FilePart>, Refusal> {
        loop {
            self.guard.header_begins();
            let field = self.parts.next_field().await.map_err(|error| self.refusal(&error))?;
            self.guard.parse_first.store(true, Ordering::Relaxed);
            self.guard.header_ends();
            let Some(field) = field else { return Ok(None) };
            match file_name_of(field.headers())? {
                Some(name) => return Ok(Some(self.part(name, field))),
                None => self.count_field()?,
            }
            self.part(Ok(String::new()), field).pass_over().await?;
        }
    }

    /// How many bytes the next file can have at most, where a length was announced. What was received does not tell:
    /// some of it may still lie in multer's buffer.
    pub(super) fn bytes_left(&self) -> Option<u64> {
        Some(self.announced?.saturating_sub(self.guard.handed_out.load(Ordering::Relaxed)))
    }

    fn part(&self, name: Result<String, key::Error>, field: multer::Field<'static>) -> FilePart {
        FilePart { name, field, guard: Arc::clone(&self.guard), max_request_bytes: self.max_request_bytes }
    }

    /// Counts a part that brings no file.
    ///
    /// # Errors
    /// Where there are too many of them.
    pub(super) fn count_field(&mut self) -> Result<(), Refusal> {
        self.fields += 1;
        match self.fields {
            0..=MAX_FIELDS => Ok(()),
            _ => Err(Refusal::MalformedMultipart(format!("more than {MAX_FIELDS} parts have no file name"))),
        }
    }

    fn refusal(&self, error: &multer::Error) -> Refusal {
        refusal(error, &self.guard, self.max_request_bytes)
    }
}

impl FilePart {
    /// The file's name, as the client sent it.
    ///
    /// # Errors
    /// Where it sent two, or one that cannot be decoded.
    pub(super) fn name(&self) -> Result<&str, key::Error> {
        self.name.as_deref().map_err(Clone::clone)
    }

    /// Reads on to the end of the part; says whether there was anything in it.
    ///
    /// # Errors
    /// As for [`Form::next_file`].
    pub(super) async fn pass_over(mut self) -> Result<bool, Refusal> {
        let mut has_content = false;
        while let Some(chunk) = self.chunk().await? {
            has_content |= !chunk.is_empty();
        }
        Ok(has_content)
    }

    /// The next bytes of the file.
    ///
    /// # Errors
    /// As for [`Form::next_file`].
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        let chunk = self.field.chunk().await;
        self.guard.parse_first.store(true, Ordering::Relaxed);
        let chunk = chunk.map_err(|error| refusal(&error, &self.guard, self.max_request_bytes))?;
        let bytes = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        self.guard.handed_out.fetch_add(bytes, Ordering::Relaxed);
        Ok(chunk)
    }
}

fn boundary_of(headers: &HeaderMap) -> Result<String, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = content_type.as_deref().and_then(|value| value.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(Refusal::NotMultipart { content_type: content_type.map(Into::into) });
    }
    match multer::parse_boundary(content_type.unwrap_or_default()) {
        Ok(boundary) if (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()) => Ok(boundary),
        Ok(boundary) => Err(Refusal::MalformedMultipart(format!(
            "the boundary in Content-Type has {} bytes, 1 to {MAX_BOUNDARY_BYTES} are allowed",
            boundary.len()
        ))),
        Err(_) => Err(Refusal::MalformedMultipart("the Content-Type names no boundary".into())),
    }
}

fn file_name_of(headers: &HeaderMap) -> Result<Option<Result<String, key::Error>>, Refusal> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(header_too_long());
    }
    let Some(disposition) = headers.get(header::CONTENT_DISPOSITION) else {
        return Err(Refusal::MalformedMultipart("a part has no Content-Disposition".into()));
    };
    match disposition::file_name(disposition.as_bytes()) {
        Ok(name) => Ok(name.map(Ok)),
        Err(detail) => Ok(Some(Err(key::Error::InvalidName(detail.into())))),
    }
}

fn header_too_long() -> Refusal {
    Refusal::MalformedMultipart(format!("a part's header has more than {MAX_HEADER_BYTES} bytes"))
}

fn refusal(error: &multer::Error, guard: &Guard, max_request_bytes: u64) -> Refusal {
    let multer::Error::StreamReadFailed(cause) = error else {
        return Refusal::MalformedMultipart(format!("the form is malformed: {error}"));
    };
    match find::<Stopped>(&**cause) {
        Some(Stopped::HeaderTooLong) => header_too_long(),
        Some(Stopped::TooLarge) => {
            let actual = guard.received.load(Ordering::Relaxed);
            Refusal::PayloadTooLarge { limit: max_request_bytes, actual }
        }
        None => broken_body(&**cause),
    }
}

/// Why a body ended before its end.
pub(super) fn broken_body(error: &(dyn std::error::Error + 'static)) -> Refusal {
    match find::<TooSlow>(error) {
        Some(TooSlow) => Refusal::RequestTimeout,
        None => Refusal::InvalidRequest("the body ended before its end".into()),
    }
}

/// Looks for an error among the causes of another.
fn find<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Counts what multer reads, and how much of it for one header.
#[derive(Debug, Default)]
struct Guard {
    received: AtomicU64,
    /// Of files.
    handed_out: AtomicU64,
    /// [`usize::MAX`] outside headers.
    header: AtomicUsize,
    /// Whether multer is to look at what it has before it gets more.
    parse_first: AtomicBool,
}

impl Guard {
    fn header_begins(&self) {
        self.header.store(0, Ordering::Relaxed);
    }

    fn header_ends(&self) {
        self.header.store(usize::MAX, Ordering::Relaxed);
    }
}

#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("a part's header is too long")]
    HeaderTooLong,
    #[error("the body is too large")]
    TooLarge,
}

/// The body, handed to multer one piece at a time, and only where what it has does not do: it would copy all that it can
/// get into its buffer before it looks at the first byte, and whenever it is asked for anything.
struct Throttled {
    inner: BodyDataStream,
    guard: Arc<Guard>,
    max_request_bytes: u64,
}

impl Stream for Throttled {
    type Item = Result<Bytes, axum::BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.guard.parse_first.swap(false, Ordering::Relaxed) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // The piece that completes a header may well bring the file behind it: only pieces after one
        // that did not complete it count.
        let header = this.guard.header.load(Ordering::Relaxed);
        if header != usize::MAX && header > MAX_HEADER_BYTES {
            return Poll::Ready(Some(Err(Stopped::HeaderTooLong.into())));
        }
        let piece = match ready!(Pin::new(&mut this.inner).poll_next(cx)) {
            Some(Ok(piece)) => piece,
            end => return Poll::Ready(end.map(|end| end.map_err(Into::into))),
        };
        this.guard.parse_first.store(true, Ordering::Relaxed);
        if header != usize::MAX {
            this.guard.header.store(header.saturating_add(piece.len()).min(usize::MAX - 1), Ordering::Relaxed);
        }
        let received = this.guard.received.fetch_add(piece.len() as u64, Ordering::Relaxed) + piece.len() as u64;
        if received > this.max_request_bytes {
            return Poll::Ready(Some(Err(Stopped::TooLarge.into())));
        }
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::iter::{once, repeat_n};

    use axum::http::HeaderValue;
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn no_more_is_read_while_what_is_there_will_do() {
        let part = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n1\r\n";
        let taken = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&taken);
        let pieces = once(part.repeat(9)).chain(repeat_n("2".repeat(1024), 99)).map(move |piece| {
            counting.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(piece)
        });
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=x"));
        let mut form = Form::new(&headers, Body::from_stream(stream::iter(pieces)), u64::MAX).expect("a form");
        let mut taken_by = Vec::new();
        for _ in 0..8 {
            let file = form.next_file().await.expect("a good form").expect("a file");
            assert!(file.pass_over().await.expect("a good part"));
            taken_by.push(taken.load(Ordering::Relaxed));
        }
        assert_eq!(taken_by, [1; 8], "eight files lie in the first piece");
    }
}

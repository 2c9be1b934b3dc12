//! A request body that cannot be endless: it has a deadline, and what nobody reads is read off for a while
//! so that the client gets to see the answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::multipart::broken_body;
use super::problem::Refusal;
use crate::pace::Pace;

/// How long an unread body is read off beside the answer.
const DRAIN: Duration = Duration::from_secs(5);

/// A body of at most `limit` bytes, as a whole.
///
/// # Errors
/// `invalid-request` where it is longer or breaks off, `request-timeout`.
pub(super) async fn read_short(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Refusal::InvalidRequest(format!("the body has more than {limit} bytes")))
        }
        Err(error) => Err(broken_body(&*error)),
    }
}

/// The body came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
pub(super) struct TooSlow;

/// A body under guard.
pub(super) struct Guarded {
    inner: Body,
    pace: Pace,
    drain_at_most: u64,
    awaits_continue: bool,
}

/// Puts a request's body under guard; what is not read of it is read off up to `drain_at_most` bytes.
pub(super) fn guard(request: Request, drain_at_most: u64) -> Request {
    let awaits_continue = request.headers().contains_key(header::EXPECT);
    request.map(|inner| {
        if inner.is_end_stream() {
            return inner;
        }
        Body::new(Guarded { inner, pace: Pace::default(), drain_at_most, awaits_continue })
    })
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        this.awaits_continue = false;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                this.pace.moved(data.map_or(0, Bytes::len));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => this.pace.poll_too_slow(cx).map(|()| Some(Err(TooSlow.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A client that still sends would not read our answer but meet a reset. One that waits for `100 Continue`
/// gets the answer instead, and reading on would only invite it to send.
impl Drop for Guarded {
    fn drop(&mut self) {
        if self.inner.is_end_stream() || self.awaits_continue {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let body = std::mem::take(&mut self.inner);
        runtime.spawn(timeout(DRAIN, drain(body, self.drain_at_most)));
    }
}

async fn drain(mut body: Body, mut bytes_left: u64) {
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        let Some(left) = bytes_left.checked_sub(bytes) else { return };
        bytes_left = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use tokio::time::sleep;

    #[tokio::test]
    async fn a_trickle_ends_at_the_deadline_and_waiting_for_us_does_not_count() {
        let trickle = stream::unfold((), |()| async {
            sleep(Duration::from_millis(10)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        let mut body = Guarded {
            inner: Body::from_stream(trickle),
            pace: Pace::with_grace(Duration::from_millis(200)),
            drain_at_most: 0,
            awaits_continue: false,
        };
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
        sleep(Duration::from_millis(300)).await;
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()), "we were slow, not the client");
        let mut frames = 0;
        let error = loop {
            match body.frame().await {
                Some(Ok(_)) => frames += 1,
                Some(Err(error)) => break error,
                None => panic!("the trickle never ends by itself"),
            }
        };
        assert!((1..=20).contains(&frames), "{frames} frames of 10 ms each came within 200 ms");
        assert!(error.is::<TooSlow>(), "{error:?}");
    }
}

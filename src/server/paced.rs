//! A connection whose other side has to read: who asks for large files and does not take them would hold them for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pace::Pace;

/// A stream that fails once its reader is too slow.
pub(super) struct Paced<S> {
    stream: S,
    pace: Pace,
}

impl<S> Paced<S> {
    /// With the usual patience.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, pace: Pace::default() }
    }

    fn poll_paced(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>>
    where
        S: Unpin,
    {
        match write(Pin::new(&mut self.stream), cx) {
            Poll::Ready(outcome) => {
                self.pace.moved(*outcome.as_ref().unwrap_or(&0));
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                let too_slow = || Err(io::Error::new(io::ErrorKind::TimedOut, "the answer is not read"));
                self.pace.poll_too_slow(cx).map(|()| too_slow())
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_paced(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_paced(cx, |stream, cx| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::sleep;

    #[tokio::test]
    async fn who_does_not_read_is_left_and_who_reads_slowly_is_served() {
        let short = Duration::from_millis(100);
        for (reads, expected) in [(false, Some(io::ErrorKind::TimedOut)), (true, None)] {
            let (mut reader, stream) = duplex(16);
            let mut paced = Paced { stream, pace: Pace::with_grace(short) };
            let reading = tokio::spawn(async move {
                let mut buffer = [0; 16];
                while reads && reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                sleep(short * 20).await;
            });
            let outcome = paced.write_all(&[0; 4096]).await;
            assert_eq!(outcome.err().map(|error| error.kind()), expected, "reads: {reads}");
            reading.abort();
        }
    }

    #[tokio::test]
    async fn what_was_read_gives_more_time() {
        let (mut reader, stream) = duplex(1 << 20);
        let mut paced = Paced { stream, pace: Pace::with_grace(Duration::from_millis(50)) };
        paced.write_all(&vec![0; 1 << 20]).await.expect("there is room for it");
        let waiting = tokio::spawn(async move { paced.write_all(&[0; 16]).await });
        // A megabyte may take twenty seconds.
        sleep(Duration::from_millis(500)).await;
        reader.read_exact(&mut [0; 16]).await.expect("what was written");
        assert!(waiting.await.expect("no panic").is_ok());
    }
}

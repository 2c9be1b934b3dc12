//! The listener: HTTP/1.1 with deadlines, a cap on connections, and an end that loses nothing.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::http::Peer;

/// For the first byte of a connection, and for each head from its first byte to its last.
const HEAD: Duration = Duration::from_secs(10);
/// Request line and headers together; more is answered 431.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// More connections wait in the kernel's queue until one of these ends.
const MAX_CONNECTIONS: usize = 4096;
/// How long all may take to end once the server is to stop.
const DRAIN: Duration = Duration::from_secs(25);
/// What of it is kept for uploads whose clients are gone.
const FINISH: Duration = Duration::from_secs(1);

/// Serves until `stop` comes, then lets requests under way end. Says by when the rest of the program has
/// to end too: 25 s after the stop.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) -> Instant {
    let router = router.layer(from_fn(refuse_long_head));
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer, place)) => begin(stream, peer, place, router.clone(), &graceful),
            Err(error) => rest_after(&error).await,
        }
    }
    drop(listener);
    let deadline = Instant::now() + DRAIN;
    if timeout_at(deadline - FINISH, graceful.shutdown()).await.is_err() {
        warn!("connections are still open as the server stops");
    }
    deadline
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

fn begin(
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    router: Router,
    graceful: &GracefulShutdown,
) {
    let watcher = graceful.watcher();
    let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        request
    });
    tokio::spawn(async move {
        let _place = place;
        // Small answers must not wait for the acknowledgement of the ones before.
        let _ = stream.set_nodelay(true);
        // hyper's own timer begins with a head's first byte: who never sends one would stay.
        if !matches!(timeout(HEAD, stream.peek(&mut [0])).await, Ok(Ok(1..))) {
            return;
        }
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(MAX_HEAD_BYTES)
            // A client may close its side once all is sent: what has arrived is still read and stored.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        if let Err(error) = watcher.watch(connection).await {
            debug!(%error, "a connection ended early");
        }
    });
}

/// hyper looks at its limit only when a head is not complete yet, and its buffer may hold more by then.
async fn refuse_long_head(request: Request, next: Next) -> Response {
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers + request.uri().path().len() > MAX_HEAD_BYTES {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    }
    next.run(request).await
}

/// Out of file descriptors, for example: trying again at once would only burn a core.
async fn rest_after(error: &io::Error) {
    let is_of_one_client = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !is_of_one_client {
        warn!(%error, "no connection can be accepted");
        sleep(Duration::from_millis(100)).await;
    }
}

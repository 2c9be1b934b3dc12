//! The listener: HTTP/1.1 with deadlines, a cap on connections, and an end that loses nothing.

mod paced;
mod places;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::http::Peer;
use paced::Paced;
use places::{Place, Places};

/// For the first byte of a connection, and for each head from its first byte to its last.
const HEAD: Duration = Duration::from_secs(10);
/// Request line and headers together; more is answered 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// What is read of a body at a time.
const MAX_READ_BYTES: usize = 32 * 1024;
/// Files that the program has open beside connections, and those that a connection may need on top of itself.
const OWN_FILES: u64 = 64;
const FILES_PER_CONNECTION: u64 = 4;
/// How long all may take to end once the server is to stop.
const DRAIN: Duration = Duration::from_secs(25);
/// What of it is kept for uploads whose clients are gone.
const FINISH: Duration = Duration::from_secs(1);

/// How many connections there may be at once.
#[derive(Clone, Debug)]
pub struct Limits {
    /// In all; more wait in the kernel's queue.
    pub connections: usize,
    /// From one client; more are closed.
    pub connections_per_client: usize,
    /// Those behind which there are many clients.
    pub proxies: Vec<IpNet>,
}

/// Serves until `stop` comes, then lets requests under way end. Says by when the rest of the program has
/// to end too: 25 s after the stop.
pub async fn serve(limits: Limits, listener: TcpListener, router: Router, stop: impl Future<Output = ()>) -> Instant {
    let router = router.layer(from_fn(close_after_chunks));
    let places = Places::new(Limits { connections: most_connections(limits.connections), ..limits });
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer, place)) => match places.of_client(peer.ip(), place) {
                Some(place) => begin(stream, peer, place, router.clone(), &graceful),
                None => debug!(client = %peer.ip(), "closed: this client has as many connections as it may have"),
            },
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

/// As many as the open files allow, once the process may have as many of those as the system lets it.
fn most_connections(wanted: usize) -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it fails, the limit stays as it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let Some(files) = getrlimit(Resource::Nofile).current else { return wanted };
    let most = files.saturating_sub(OWN_FILES) / FILES_PER_CONNECTION;
    let most = usize::try_from(most).unwrap_or(wanted).clamp(1, wanted);
    if most < wanted {
        warn!(wanted, most, files, "the limit on open files allows fewer connections than MAX_CONNECTIONS");
    }
    most
}

async fn accept(listener: &TcpListener, places: &Places) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.any().await;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

fn begin(stream: TcpStream, peer: SocketAddr, place: Place, router: Router, graceful: &GracefulShutdown) {
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
            .max_header_size(MAX_HEAD_BYTES)
            .max_buf_size(MAX_READ_BYTES)
            // A client may close its side once all is sent: what has arrived is still read and stored.
            .half_close(true)
            .serve_connection(TokioIo::new(Paced::new(stream)), TowerToHyperService::new(service));
        if let Err(error) = watcher.watch(connection).await {
            debug!(%error, "a connection ended early");
        }
    });
}

/// Where a body's end is found by its chunks, whoever stands in front of us may have found it elsewhere: hyper takes a
/// Content-Length beside them for a mistake. What follows such a body is never read as a request.
async fn close_after_chunks(request: Request, next: Next) -> Response {
    let is_in_chunks = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = next.run(request).await;
    if is_in_chunks {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
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

//! Pages of other origins: which may call the API, and which may not even post a form to it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::Web;
use super::access::X_API_KEY;
use super::problem::Refusal;
use super::rate::{RATE_LIMIT, RATE_LIMIT_POLICY};
use super::request_id::REQUEST_ID;

/// CORS for the origins in `CORS_ORIGINS`.
pub(super) fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
            header::RANGE,
            X_API_KEY,
            REQUEST_ID,
        ])
        .expose_headers([
            header::LOCATION,
            header::ETAG,
            header::ACCEPT_RANGES,
            header::CONTENT_RANGE,
            header::RETRY_AFTER,
            HeaderName::from_static("server-timing"),
            RATE_LIMIT,
            RATE_LIMIT_POLICY,
            REQUEST_ID,
        ])
        .max_age(Duration::from_secs(600))
}

/// A form on any page of the web can post here without CORS having a say: such posts are refused, unless
/// the page is one of ours or named in `CORS_ORIGINS`. Programs send no `Origin` and pass.
pub(super) async fn refuse_foreign(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let changes_something = request.method() == Method::POST || request.method() == Method::PUT;
    let origin = request.headers().get(header::ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
    match origin {
        Some(origin) if changes_something && !is_welcome(&web, &origin, request.headers()) => {
            Refusal::ForbiddenOrigin { origin: origin.chars().take(200).collect() }.into_response()
        }
        _ => next.run(request).await,
    }
}

fn is_welcome(web: &Web, origin: &str, headers: &HeaderMap) -> bool {
    let listed = || web.access.cors_origins.iter().any(|allowed| allowed == "*" || allowed == origin);
    let base = web.public_url.len() - web.base_path().len();
    // Behind a load balancer the address may be unknown.
    let ours = || base > 0 && origin == &web.public_url[..base];
    ours() || listed() || is_same_address(origin, headers)
}

/// Somebody who opens `http://localhost:8080` or `http://192.168.1.5:8080` is on our own page. A name
/// other than localhost proves nothing: whoever owns it can let it point here (DNS rebinding).
fn is_same_address(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
    if host.is_empty() || host != authority {
        return false;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || literal.parse::<std::net::IpAddr>().is_ok()
}

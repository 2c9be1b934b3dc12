//! What every request and every answer has: an id, a span around its log lines, security headers, and
//! refusals written out as documents.

use std::any::Any;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, info_span};

use super::access::Caller;
use super::client_address::ClientAddress;
use super::problem::{Problem, Refusal};
use super::request_id::{REQUEST_ID, RequestId};
use super::{Web, page};
use crate::{metrics, telemetry};

/// What paths that lead nowhere are counted as.
const NO_ROUTE: &str = "other";

/// The outermost layer.
pub(super) async fn with_context(State(web): State<Arc<Web>>, mut request: Request, next: Next) -> Response {
    let request_id = RequestId::of(&request);
    let caller = Caller::of(request.headers(), &web.access.keys);
    let varies = has_pages(&web) && is_form(&request);
    let span = info_span!("request", request_id = request_id.as_str(), key_name = caller.name());
    telemetry::adopt(&span, |name| request.headers().get(name)?.to_str().ok());
    let as_page = is_for_a_person(&web, &request);
    let (method, route) = (request.method().clone(), request.extensions().get::<MatchedPath>().cloned());
    request.extensions_mut().insert(request_id.clone());
    request.extensions_mut().insert(caller);
    if let Some(address) = ClientAddress::of(&request, &web.access.trusted_proxies) {
        request.extensions_mut().insert(address);
    }
    let answer = async {
        let response = next.run(request).await;
        let response = refusals_of_others(response);
        write_out(&web, response, &request_id, as_page)
    };
    let mut response = with_headers(answer.instrument(span.clone()).await, &request_id);
    let (route, status) = (route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str), response.status().as_u16());
    // A function's gateway counts them, and each route and status would be a metric to be paid for.
    if web.figures.is_some() {
        metrics::answered(route, status);
    }
    telemetry::describe(&span, method.as_str(), route, status);
    if varies {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    }
    response
}

/// A panic in a handler, as a problem of ours.
pub(super) fn from_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = match panic.downcast::<&'static str>() {
        Ok(message) => message.to_string(),
        Err(panic) => panic.downcast::<String>().map_or_else(|_| "a panic".into(), |message| *message),
    };
    Refusal::Panic(message).into_response()
}

/// Whether a person in front of a browser's form sees the answer: HTML has to be preferred by name, which
/// `*/*` does not do.
pub(super) fn is_for_a_person(web: &Web, request: &Request) -> bool {
    has_pages(web)
        && (is_form(request) && prefers_html(request.headers()) || request.uri().path().starts_with("/result/"))
}

/// A browser sends no keys with a form, so that with them forms and their pages would lead nowhere.
pub(super) fn has_pages(web: &Web) -> bool {
    web.access.keys.is_empty()
}

fn is_form(request: &Request) -> bool {
    request.method() == Method::POST && request.uri().path() == "/uploads"
}

fn prefers_html(headers: &axum::http::HeaderMap) -> bool {
    let accepted: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let quality_of = |wanted: &str| {
        let ranges = accepted.iter().flat_map(|value| value.split(','));
        let of_wanted = ranges.filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_wanted = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
            let quality = parts.find_map(|parameter| parameter.strip_prefix("q=")?.parse().ok());
            is_wanted.then(|| quality.unwrap_or(1.0_f32))
        });
        of_wanted.fold(0.0, f32::max)
    };
    quality_of("text/html") > quality_of("application/json").max(quality_of("application/problem+json"))
}

/// Axum answers some requests by itself, with bare statuses and texts.
fn refusals_of_others(mut response: Response) -> Response {
    let status = response.status();
    let is_ours = response.extensions().get::<Problem>().is_some();
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let refusal = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            Refusal::MethodNotAllowed { allow: response.headers_mut().remove(header::ALLOW) }
        }
        StatusCode::NOT_FOUND => Refusal::NotFound,
        _ if status.is_client_error() => Refusal::InvalidRequest("the path or a header cannot be read".into()),
        _ => Refusal::Panic(format!("a bare {status}")),
    };
    let (ours, _) = refusal.into_response().into_parts();
    let (mut head, body) = response.into_parts();
    head.status = ours.status;
    head.headers.extend(ours.headers);
    head.extensions.extend(ours.extensions);
    Response::from_parts(head, body)
}

/// Keeps the headers that other layers gave the answer: CORS above all.
fn write_out(web: &Web, response: Response, request_id: &RequestId, as_page: bool) -> Response {
    let (mut head, body) = response.into_parts();
    let Some(problem) = head.extensions.remove::<Problem>() else { return Response::from_parts(head, body) };
    let problem = problem.with_way_in(web.presigned_max_bytes);
    problem.log();
    let (content_type, body) = if as_page {
        (page::HTML, page::refusal(web, &problem, request_id))
    } else {
        let document = serde_json::to_string(&problem.document(request_id));
        ("application/problem+json", document.unwrap_or_default())
    };
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Response::from_parts(head, Body::from(body))
}

fn with_headers(mut response: Response, request_id: &RequestId) -> Response {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let policy = if is_page { page::POLICY } else { "default-src 'none'; sandbox" };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    // Not `no-referrer`: browsers would then post our own page's form with `Origin: null`.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_has_to_be_preferred_by_name() {
        let table = [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true, "a browser's form"),
            ("*/*", false, "curl"),
            ("", false, "no Accept"),
            ("application/json, text/plain, */*", false, "axios"),
            ("application/json, text/html;q=0.5", false, "JSON is preferred"),
            ("application/json;q=0.5, TEXT/HTML", true, "HTML is preferred"),
            ("text/html;q=0", false, "HTML is refused"),
            ("text/*", false, "not by name"),
        ];
        for (accept, expected, reason) in table {
            let mut headers = axum::http::HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_html(&headers), expected, "{reason}: {accept}");
        }
    }
}

//! An HTTP event as a request. What a gateway has made of the path, of the headers and of a binary body is
//! undone here, and nothing that it sends can end in a panic.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use lambda_http::aws_lambda_events::alb::AlbTargetGroupRequest;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};
use lambda_http::http::{self, HeaderMap, HeaderValue, Method, Uri, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::Instant;

use crate::http::{Deadline, Garbled, Peer};

/// What no path in a URL can hold as it is.
const NEVER_IN_A_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}').add(b'\\');
/// The same where the gateway has decoded the path: what looks like an escape is none.
const NEVER_IN_A_DECODED_PATH: &AsciiSet = &NEVER_IN_A_PATH.add(b'%').add(b'[').add(b']').add(b'^').add(b'|');

const NOT_BASE64: &str = "the event says that its body is base64, but it is not";
const NOT_BINARY: &str = "the body arrived as text, so its bytes are lost: tell the gateway to pass them on \
                          (REST API: add multipart/form-data, image/jpeg and image/png to its binary media types)";

/// Which service sent the event, and so how it wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gateway {
    /// API Gateway's HTTP API and Function URLs: payload format 2.0.
    V2,
    /// API Gateway's REST API: payload format 1.0.
    V1,
    /// An Application Load Balancer.
    Alb,
}

/// An HTTP event.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) gateway: Gateway,
    /// The service's address as the gateway knows it; empty where it does not.
    pub(super) public_url: String,
    /// Who is connected to the gateway.
    peer: Option<Peer>,
    method: Method,
    /// Percent-encoded.
    path: String,
    query: String,
    headers: HeaderMap,
    body: Result<Bytes, Garbled>,
}

/// What tells the services' events apart.
#[derive(Deserialize)]
struct Shape {
    #[serde(default)]
    version: Option<String>,
    #[serde(rename = "requestContext")]
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    #[serde(default)]
    elb: Option<serde::de::IgnoredAny>,
}

/// Reads an event.
///
/// # Errors
/// Where it has the shape of none of the services, or a method or header that HTTP does not know.
pub(super) fn read(json: &str) -> Result<Request, serde_json::Error> {
    let shape: Shape = serde_json::from_str(json)?;
    match shape.version.as_deref() {
        _ if shape.context.elb.is_some() => Ok(of_alb(serde_json::from_str(json)?)),
        Some("2.0") => Ok(of_v2(serde_json::from_str(json)?)),
        _ => Ok(of_v1(serde_json::from_str(json)?)),
    }
}

impl Request {
    /// The request as the router takes it, `base_path` taken off its path.
    pub(super) fn into_http(self, base_path: &str, deadline: Instant) -> http::Request<Full<Bytes>> {
        let path = without(&self.path, base_path);
        let target = if self.query.is_empty() { path.to_owned() } else { format!("{path}?{}", self.query) };
        let (body, garbled) = match self.body {
            Ok(body) => (body, None),
            Err(garbled) => (Bytes::new(), Some(garbled)),
        };
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = self.method;
        *request.headers_mut() = self.headers;
        match target.parse::<Uri>() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => {
                request.extensions_mut().insert(Garbled("the path is not one of HTTP"));
            }
        }
        if let Some(garbled) = garbled {
            request.extensions_mut().insert(garbled);
        }
        request.extensions_mut().insert(Deadline(deadline));
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        request
    }
}

/// HTTP APIs hand the path over decoded, Function URLs as it was; a stage other than `$default` stands in front.
fn of_v2(event: ApiGatewayV2httpRequest) -> Request {
    let context = event.request_context;
    let domain = context.domain_name.unwrap_or_default();
    let stage = context.stage.filter(|stage| stage != "$default").map(|stage| format!("/{stage}")).unwrap_or_default();
    let raw_path = event.raw_path.unwrap_or_default();
    let encode = if is_function_url(&domain) { NEVER_IN_A_PATH } else { NEVER_IN_A_DECODED_PATH };
    Request {
        gateway: Gateway::V2,
        public_url: address(&domain, &stage),
        peer: peer_at(context.http.source_ip.as_deref()),
        method: context.http.method,
        path: encoded(without(&raw_path, &stage), encode),
        query: event.raw_query_string.unwrap_or_default(),
        body: body_of(event.body, event.is_base64_encoded, &event.headers),
        headers: event.headers,
    }
}

fn of_v1(event: ApiGatewayProxyRequest) -> Request {
    let peer = peer_at(event.request_context.identity.source_ip.as_deref());
    let domain = event.request_context.domain_name.unwrap_or_default();
    let stage = event.request_context.stage.map(|stage| format!("/{stage}")).unwrap_or_default();
    let headers = merged(event.headers, event.multi_value_headers);
    Request {
        gateway: Gateway::V1,
        public_url: address(&domain, &stage),
        peer,
        method: event.http_method,
        path: encoded(&event.path.unwrap_or_default(), NEVER_IN_A_PATH),
        query: event.multi_value_query_string_parameters.to_query_string(),
        body: body_of(event.body, event.is_base64_encoded, &headers),
        headers,
    }
}

fn of_alb(event: AlbTargetGroupRequest) -> Request {
    let headers = merged(event.headers, event.multi_value_headers);
    let query = match event.multi_value_query_string_parameters {
        several if !several.is_empty() => several,
        _ => event.query_string_parameters,
    };
    Request {
        gateway: Gateway::Alb,
        public_url: String::new(),
        peer: peer_at(headers.get_all("x-forwarded-for").iter().next_back().and_then(last_hop)),
        method: event.http_method,
        path: encoded(&event.path.unwrap_or_default(), NEVER_IN_A_PATH),
        query: as_sent(query.iter()),
        body: body_of(event.body, event.is_base64_encoded, &headers),
        headers,
    }
}

fn peer_at(address: Option<&str>) -> Option<Peer> {
    Some(Peer(address?.parse().ok()?))
}

/// A load balancer tells of its client only there, behind what that one had made up.
fn last_hop(line: &HeaderValue) -> Option<&str> {
    Some(line.to_str().ok()?.rsplit(',').next()?.trim())
}

/// Load balancers leave names and values encoded; API Gateway decodes them.
fn as_sent<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn is_function_url(domain: &str) -> bool {
    domain.contains(".lambda-url.")
}

/// Behind a domain of one's own the stage is not to be seen.
fn address(domain: &str, stage: &str) -> String {
    match domain {
        "" => String::new(),
        _ if domain.contains(".execute-api.") => format!("https://{domain}{stage}"),
        _ => format!("https://{domain}"),
    }
}

/// Where there are both, the one with all values holds them all.
fn merged(single: HeaderMap, multiple: HeaderMap) -> HeaderMap {
    if multiple.is_empty() { single } else { multiple }
}

fn without<'a>(path: &'a str, prefix: &str) -> &'a str {
    match path.strip_prefix(prefix) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

fn encoded(path: &str, never: &'static AsciiSet) -> String {
    let path: String = utf8_percent_encode(path, never).collect();
    if path.starts_with('/') { path } else { format!("/{path}") }
}

/// A body that is not marked as base64 went through a conversion to text, which no picture survives.
fn body_of(body: Option<String>, is_base64: bool, headers: &HeaderMap) -> Result<Bytes, Garbled> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    if is_base64 {
        return STANDARD.decode(body).map(Into::into).map_err(|_| Garbled(NOT_BASE64));
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let has_lost_bytes = announced.is_some_and(|length: usize| length != body.len());
    if is_binary(headers) && (has_lost_bytes || body.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(Garbled(NOT_BINARY));
    }
    Ok(body.into())
}

fn is_binary(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    !["application/json", "text/", "application/x-www-form-urlencoded"]
        .iter()
        .any(|text| content_type.starts_with(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(domain: &str, stage: &str, path: &str) -> String {
        serde_json::json!({
            "version": "2.0", "rawPath": path, "rawQueryString": "a=b%20c", "headers": {"host": "a b\u{fffd}"},
            "requestContext": {"domainName": domain, "stage": stage, "http": {"method": "GET", "path": path}},
        })
        .to_string()
    }

    fn v1(domain: &str, path: &str) -> String {
        serde_json::json!({
            "httpMethod": "GET", "path": path, "headers": {}, "multiValueHeaders": {},
            "multiValueQueryStringParameters": {"a": ["b c"]},
            "requestContext": {"domainName": domain, "stage": "prod", "httpMethod": "GET"},
        })
        .to_string()
    }

    fn alb(field: &str, value: &serde_json::Value) -> String {
        serde_json::json!({
            "httpMethod": "GET", "path": "/uploads", "headers": {}, field: {"a": value},
            "requestContext": {"elb": {"targetGroupArn": "arn"}},
        })
        .to_string()
    }

    #[test]
    fn paths_are_what_the_client_sent() {
        let api = "x.execute-api.eu-west-1.amazonaws.com";
        let url = "x.lambda-url.eu-west-1.on.aws";
        let own = "pictures.example.com";
        let table = [
            (
                v2(api, "$default", "/uploads"),
                "https://x.execute-api.eu-west-1.amazonaws.com",
                "/uploads?a=b%20c",
                "no stage",
            ),
            (
                v2(api, "prod", "/prod/uploads"),
                "https://x.execute-api.eu-west-1.amazonaws.com/prod",
                "/uploads?a=b%20c",
                "a stage",
            ),
            (
                v2(api, "prod", "/prod"),
                "https://x.execute-api.eu-west-1.amazonaws.com/prod",
                "/?a=b%20c",
                "the stage alone",
            ),
            (
                v2(own, "prod", "/prod/uploads"),
                "https://pictures.example.com",
                "/uploads?a=b%20c",
                "a domain of one's own",
            ),
            (
                v2(api, "$default", "/thumbnails/ü 100%.jpg"),
                "https://x.execute-api.eu-west-1.amazonaws.com",
                "/thumbnails/%C3%BC%20100%25.jpg?a=b%20c",
                "decoded by an HTTP API",
            ),
            (
                v2(url, "$default", "/thumbnails/%C3%BC%20.jpg"),
                "https://x.lambda-url.eu-west-1.on.aws",
                "/thumbnails/%C3%BC%20.jpg?a=b%20c",
                "left alone by a Function URL",
            ),
            (
                v1(api, "/thumbnails/%C3%BC.jpg"),
                "https://x.execute-api.eu-west-1.amazonaws.com/prod",
                "/thumbnails/%C3%BC.jpg?a=b+c",
                "left alone by a REST API",
            ),
            (
                v1(own, "/uploads"),
                "https://pictures.example.com",
                "/uploads?a=b+c",
                "REST behind a domain of one's own",
            ),
            (
                alb("queryStringParameters", &"b%20c%2F".into()),
                "",
                "/uploads?a=b%20c%2F",
                "left alone by a load balancer",
            ),
            (
                alb("multiValueQueryStringParameters", &serde_json::json!(["b%20c", "d"])),
                "",
                "/uploads?a=b%20c&a=d",
                "the same with several values",
            ),
        ];
        for (event, public_url, target, reason) in table {
            let request = read(&event).unwrap_or_else(|error| panic!("{reason}: {error}: {event}"));
            assert_eq!(request.public_url, public_url, "{reason}");
            let base_path = crate::http::base_path(&request.public_url.clone()).to_owned();
            let made = request.into_http(&base_path, Instant::now());
            assert_eq!(made.uri().to_string(), target, "{reason}");
        }
    }

    #[test]
    fn bodies_that_went_through_text_are_told() {
        let headers = |content_type: &str, length: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().expect("a header"));
            headers.insert(header::CONTENT_LENGTH, length.parse().expect("a header"));
            headers
        };
        let table = [
            ("aGk=", true, "image/jpeg", "2", Ok("hi"), "base64"),
            ("a?=", true, "image/jpeg", "2", Err(NOT_BASE64), "no base64"),
            ("hi", false, "multipart/form-data; boundary=x", "2", Ok("hi"), "a form of text alone"),
            ("h\u{fffd}", false, "multipart/form-data; boundary=x", "4", Err(NOT_BINARY), "a byte was replaced"),
            ("hi", false, "image/png", "3", Err(NOT_BINARY), "a byte is missing"),
            ("\u{fffd}", false, "application/json", "3", Ok("\u{fffd}"), "a file name in JSON may have it"),
        ];
        for (body, is_base64, content_type, length, expected, reason) in table {
            let read = body_of(Some(body.into()), is_base64, &headers(content_type, length));
            let read = read.as_deref().map_err(|garbled| garbled.0);
            assert_eq!(read, expected.map(str::as_bytes), "{reason}");
        }
    }
}

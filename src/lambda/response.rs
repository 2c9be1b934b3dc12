//! An answer as the event that the gateway turns into HTTP again.

use bytes::Bytes;
use http_body_util::BodyExt;
use lambda_http::Body;
use lambda_http::aws_lambda_events::alb::AlbTargetGroupResponse;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use lambda_http::http::response::Parts;
use lambda_http::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::request::Gateway;

/// A whole answer.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// Waits for the answer's last byte.
    ///
    /// # Errors
    /// Where the store breaks off while it is read.
    pub(super) async fn collect<B>(response: Response<B>) -> Result<Self, lambda_http::Error>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<lambda_http::Error>,
    {
        let (Parts { status, headers, .. }, body) = response.into_parts();
        let body = body.collect().await.map_err(Into::into)?.to_bytes();
        Ok(Self { status, headers, body })
    }

    /// The answer in the form that the gateway takes.
    ///
    /// # Errors
    /// Where a header is not text.
    pub(super) fn into_event(self, gateway: Gateway) -> Result<Box<RawValue>, serde_json::Error> {
        let Self { status, headers, body } = self;
        let is_base64 = !is_text(&headers, &body);
        let body = match body {
            empty if empty.is_empty() => None,
            binary if is_base64 => Some(Body::Binary(binary.into())),
            text => Some(Body::Text(String::from_utf8_lossy(&text).into_owned())),
        };
        let is_base64 = is_base64 && body.is_some();
        match gateway {
            Gateway::V2 => {
                let mut response = ApiGatewayV2httpResponse::default();
                response.status_code = status.as_u16().into();
                response.headers = joined(&headers);
                response.body = body;
                response.is_base64_encoded = is_base64;
                to_raw_value(&response)
            }
            Gateway::V1 => {
                let mut response = ApiGatewayProxyResponse::default();
                response.status_code = status.as_u16().into();
                response.multi_value_headers = headers;
                response.body = body;
                response.is_base64_encoded = is_base64;
                to_raw_value(&response)
            }
            Gateway::Alb => {
                let mut response = AlbTargetGroupResponse::default();
                response.status_code = status.as_u16().into();
                response.status_description = Some(status.to_string());
                // The load balancer looks at the one or the other, by a setting of its own.
                response.headers = joined(&headers);
                response.multi_value_headers = headers;
                response.body = body;
                response.is_base64_encoded = is_base64;
                to_raw_value(&response)
            }
        }
    }
}

/// The answer to an event that has the shape of HTTP but cannot be read: all gateways understand it.
pub(super) fn refusal(detail: &str, request_id: &str) -> Result<Box<RawValue>, serde_json::Error> {
    let problem = json!({
        "type": "/problems#invalid-request",
        "title": "The request cannot be understood",
        "status": 400,
        "detail": format!("the gateway's event cannot be read: {detail}"),
        "code": "invalid-request",
        "request_id": request_id,
    });
    to_raw_value(&json!({
        "statusCode": 400,
        "statusDescription": "400 Bad Request",
        "headers": {"content-type": "application/problem+json", "cache-control": "no-store", "x-request-id": request_id},
        "body": problem.to_string(),
        "isBase64Encoded": false,
    }))
}

/// Pictures are not, and compressed text is not either.
fn is_text(headers: &HeaderMap, body: &[u8]) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_text_type = media_type.starts_with("text/")
        || media_type.ends_with("json")
        || media_type.ends_with("yaml")
        || media_type.ends_with("xml")
        || media_type.ends_with("javascript");
    is_text_type && !headers.contains_key(header::CONTENT_ENCODING) && std::str::from_utf8(body).is_ok()
}

/// One value for each name, as HTTP allows: only cookies could not be joined, and there are none.
fn joined(headers: &HeaderMap) -> HeaderMap {
    let mut single = HeaderMap::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(value) = HeaderValue::from_bytes(&values.join(&b", "[..])) {
            single.insert(name.clone(), value);
        }
    }
    single
}

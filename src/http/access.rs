//! Who is let in: whoever sends an API key, or follows a signed link. Without keys that is everybody.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Web;
use super::link::is_link;
use super::problem::Refusal;
use crate::api_key::{ApiKeys, KeyName};
use crate::key::from_request_path;
use crate::store::Bucket;

/// Where a key can be sent in place of `Authorization`, which a gateway may want for itself.
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Routes that hold nothing of anybody's. All others need a key, also those that are still to come. `/events/s3` has
/// a token of its own.
const OPEN: [&str; 9] =
    ["/", "/static/{file}", "/limits", "/health", "/ready", "/metrics", "/openapi.yaml", "/problems", "/events/s3"];
const UPLOADS: &str = "/uploads/{*key}";
const THUMBNAILS: &str = "/thumbnails/{*key}";

/// Who sent a request, by the key that it brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Nobody that we know: there is no key.
    Unknown,
    /// There is a key, but not one of ours.
    WrongKey,
    /// Whoever has a key of this name.
    Holder(KeyName),
}

impl Caller {
    /// Who sent these headers.
    pub(super) fn of(headers: &HeaderMap, keys: &ApiKeys) -> Self {
        let Some(sent) = sent_key(headers) else { return Self::Unknown };
        keys.name_of(sent).map_or(Self::WrongKey, |name| Self::Holder(name.clone()))
    }

    /// The name of the key, for the log.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Holder(name) => Some(name.as_str()),
            Self::Unknown | Self::WrongKey => None,
        }
    }
}

/// Whether anybody may ask for this: it is an open route, or none at all.
pub(super) fn is_open(request: &Request) -> bool {
    route(request).is_none_or(|route| OPEN.contains(&route))
}

/// Refuses who is not to be let in, before any of the body is read.
pub(super) async fn guard(State(web): State<Arc<Web>>, mut request: Request, next: Next) -> Response {
    match admit(&web, &mut request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn admit(web: &Web, request: &mut Request) -> Result<(), Refusal> {
    // What a link promises binds its upload whoever sends it.
    if request.method() == Method::PUT && route(request) == Some(UPLOADS) && is_link(request.uri()) {
        let key = from_request_path(&request.uri().path()["/uploads/".len()..]).unwrap_or_default();
        let promise = web.signer.verify_write(&key, request.uri(), request.headers())?;
        request.extensions_mut().insert(promise);
        return Ok(());
    }
    if web.access.keys.is_empty() || is_open(request) {
        return Ok(());
    }
    let caller = request.extensions().get().unwrap_or(&Caller::Unknown);
    if matches!(caller, Caller::Holder(_)) {
        return Ok(());
    }
    match read_of(request) {
        Some((bucket, key)) if is_link(request.uri()) => web.signer.verify_read(bucket, &key, request.uri()),
        Some((Bucket::Uploads, _)) if web.access.public_originals && web.app.store().signs_links() => Ok(()),
        _ => Err(Refusal::Unauthorized(match caller {
            Caller::WrongKey => "the API key is not one of those that are let in",
            _ => "there is no API key: send it as Authorization: Bearer KEY, or as X-Api-Key: KEY",
        })),
    }
}

/// The file that a request reads.
fn read_of(request: &Request) -> Option<(Bucket, String)> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let (bucket, prefix) = match route(request)? {
        UPLOADS => (Bucket::Uploads, "/uploads/"),
        THUMBNAILS => (Bucket::Thumbnails, "/thumbnails/"),
        _ => return None,
    };
    Some((bucket, from_request_path(request.uri().path().strip_prefix(prefix)?)?))
}

fn route(request: &Request) -> Option<&str> {
    request.extensions().get().map(MatchedPath::as_str)
}

/// `Authorization` may be there for somebody else, so that our own header goes first.
fn sent_key(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get(X_API_KEY) {
        return Some(key.as_bytes());
    }
    bearer(headers)
}

/// The token in `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers, who sent them, the reason.
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

    #[test]
    fn a_key_is_taken_from_either_header() {
        let of_a = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        let keys: ApiKeys = format!("shop:{of_a}").parse().expect("a key");
        let table: [Row; 12] = [
            (&[], "Unknown", "nothing"),
            (&[("authorization", "Bearer a")], "shop", "a token"),
            (&[("authorization", "bearer  a ")], "shop", "schemes have no case, and spaces say nothing"),
            (&[("x-api-key", "a")], "shop", "our own header"),
            (&[("authorization", "Basic YTph"), ("x-api-key", "a")], "shop", "Authorization is for a gateway"),
            (&[("authorization", "Bearer a"), ("x-api-key", "b")], "WrongKey", "our own header goes first"),
            (&[("authorization", "Basic a")], "Unknown", "another scheme"),
            (&[("authorization", "Bearer")], "Unknown", "a scheme alone"),
            (&[("authorization", "Bearer ")], "WrongKey", "an empty token"),
            (&[("authorization", "Bearer b")], "WrongKey", "another token"),
            (&[("authorization", "a")], "Unknown", "a token alone"),
            (&[("authorization", &format!("Bearer {of_a}"))], "WrongKey", "the digest in the key's place"),
        ];
        for (sent, expected, reason) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                headers
                    .insert(HeaderName::from_bytes(name.as_bytes()).expect("a name"), value.parse().expect("a value"));
            }
            let caller = Caller::of(&headers, &keys);
            let said = caller.name().map_or_else(|| format!("{caller:?}"), str::to_owned);
            assert_eq!(said, expected, "{reason}");
        }
    }
}

//! Links that this service signs itself, where the store has no address of its own: HMAC-SHA-256 over the
//! method and all that the link promises.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, Uri, header};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha2::Sha256;

use super::problem::Refusal;
use crate::app::hex;
use crate::key::to_url_path;

/// The secret behind all links.
#[derive(Clone)]
pub(super) struct Signer(Hmac<Sha256>);

/// What a link for one file takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    /// The key that the file will have.
    pub(super) key: String,
    /// Its size.
    pub(super) bytes: u64,
    /// Its media type.
    pub(super) content_type: String,
    /// Whether the key must be free.
    pub(super) must_be_new: bool,
    /// Until when the link is good.
    pub(super) expires: SystemTime,
}

/// What stands in the link.
#[derive(Deserialize)]
struct Query {
    bytes: u64,
    content_type: String,
    #[serde(default)]
    new: bool,
    expires: u64,
    signature: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// A signer with this secret.
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length")))
    }

    /// The path and query that take this file.
    pub(super) fn link(&self, promise: &Promise) -> String {
        let signature = hex(&self.mac(promise).finalize().into_bytes());
        let content_type = utf8_percent_encode(&promise.content_type, NON_ALPHANUMERIC);
        format!(
            "/uploads/{}?bytes={}&content_type={content_type}&new={}&expires={}&signature={signature}",
            to_url_path(&promise.key),
            promise.bytes,
            promise.must_be_new,
            seconds(promise.expires),
        )
    }

    /// What a request's link promises; none where it has none.
    ///
    /// # Errors
    /// `link-expired`, or `forbidden` where the link was not made here or the file is another one.
    pub(super) fn verify(&self, key: &str, uri: &Uri, headers: &HeaderMap) -> Result<Option<Promise>, Refusal> {
        let query = uri.query().unwrap_or_default();
        if !query.split('&').any(|pair| pair.starts_with("signature=")) {
            return Ok(None);
        }
        let query: Query = axum::extract::Query::try_from_uri(uri).map_err(|_| forged())?.0;
        let promise = Promise {
            key: key.to_owned(),
            bytes: query.bytes,
            content_type: query.content_type,
            must_be_new: query.new,
            expires: UNIX_EPOCH.checked_add(Duration::from_secs(query.expires)).ok_or_else(forged)?,
        };
        let signature = unhex(&query.signature).ok_or_else(forged)?;
        self.mac(&promise).verify_slice(&signature).map_err(|_| forged())?;
        if promise.expires < SystemTime::now() {
            return Err(Refusal::LinkExpired);
        }
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type != Some(promise.content_type.as_str()) {
            return Err(Refusal::Forbidden("the link is for a file of another Content-Type"));
        }
        Ok(Some(promise))
    }

    fn mac(&self, promise: &Promise) -> Hmac<Sha256> {
        let Promise { key, bytes, content_type, must_be_new, expires } = promise;
        let expires = seconds(*expires);
        let mut mac = self.0.clone();
        // Neither keys nor media types hold a line break.
        mac.update(format!("PUT\n{key}\n{bytes}\n{content_type}\n{must_be_new}\n{expires}").as_bytes());
        mac
    }
}

fn forged() -> Refusal {
    Refusal::Forbidden("the link was not made by this service, or something in it was changed")
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(expires_in: i64) -> Promise {
        let now = SystemTime::now();
        let seconds = Duration::from_secs(expires_in.unsigned_abs());
        Promise {
            key: "x/a b.jpg".into(),
            bytes: 5,
            content_type: "image/jpeg".into(),
            must_be_new: true,
            expires: if expires_in < 0 { now - seconds } else { now + seconds },
        }
    }

    fn verify(link: &str, key: &str, content_type: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().expect("a header"));
        match Signer::new(b"secret").verify(key, &link.parse().expect("a link"), &headers) {
            Ok(Some(promise)) => format!("{} bytes", promise.bytes),
            Ok(None) => "no link".into(),
            Err(Refusal::LinkExpired) => "expired".into(),
            Err(Refusal::Forbidden(_)) => "forbidden".into(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_link_takes_what_it_was_made_for_and_nothing_else() {
        let good = Signer::new(b"secret").link(&promise(60));
        let key = "x/a b.jpg";
        let table = [
            (good.clone(), key, "image/jpeg", "5 bytes", "as it was made"),
            (good.clone(), "x/b.jpg", "image/jpeg", "forbidden", "another key"),
            (good.clone(), key, "image/png", "forbidden", "another type"),
            (good.replace("bytes=5", "bytes=6"), key, "image/jpeg", "forbidden", "another size"),
            (good.replace("new=true", "new=false"), key, "image/jpeg", "forbidden", "another condition"),
            (good.replace("expires=", "expires=9"), key, "image/jpeg", "forbidden", "another end"),
            (good.replace("signature=", "signature=z"), key, "image/jpeg", "forbidden", "no signature at all"),
            (good.replace("bytes=5&", ""), key, "image/jpeg", "forbidden", "a part left out"),
            (Signer::new(b"other").link(&promise(60)), key, "image/jpeg", "forbidden", "another secret"),
            (Signer::new(b"secret").link(&promise(-60)), key, "image/jpeg", "expired", "its time is over"),
            ("/uploads/x/a%20b.jpg".into(), key, "image/jpeg", "no link", "an ordinary request"),
        ];
        for (link, key, content_type, expected, reason) in table {
            assert_eq!(verify(&link, key, content_type), expected, "{reason}: {link}");
        }
    }
}

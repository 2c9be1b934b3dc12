//! Links that this service signs itself, where the store has no address of its own: HMAC-SHA-256 over the
//! method and all that the link promises.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, Uri, header};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use super::problem::Refusal;
use crate::hex::{hex, unhex};
use crate::key::to_url_path;
use crate::store::Bucket;

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

/// What stands in a link that takes a file.
#[derive(Deserialize)]
struct WriteQuery {
    bytes: u64,
    content_type: String,
    #[serde(default)]
    new: bool,
    expires: u64,
    signature: String,
}

/// What stands in a link that gives one.
#[derive(Deserialize)]
struct ReadQuery {
    expires: u64,
    signature: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

/// Whether an address was meant as a link: whether it is a good one is another matter.
pub(super) fn is_link(uri: &Uri) -> bool {
    uri.query().unwrap_or_default().split('&').any(|pair| pair.starts_with("signature="))
}

impl Signer {
    /// A signer with this secret.
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length")))
    }

    /// The path and query that take this file.
    pub(super) fn write_link(&self, promise: &Promise) -> String {
        let signature = hex(&self.mac(&write_text(promise)).finalize().into_bytes());
        let content_type = utf8_percent_encode(&promise.content_type, NON_ALPHANUMERIC);
        format!(
            "/uploads/{}?bytes={}&content_type={content_type}&new={}&expires={}&signature={signature}",
            to_url_path(&promise.key),
            promise.bytes,
            promise.must_be_new,
            seconds(promise.expires),
        )
    }

    /// The path and query that give this file.
    pub(super) fn read_link(&self, bucket: Bucket, key: &str, expires: SystemTime) -> String {
        let signature = hex(&self.mac(&read_text(bucket, key, expires)).finalize().into_bytes());
        let (bucket, path) = (path_of(bucket), to_url_path(key));
        format!("/{bucket}/{path}?expires={}&signature={signature}", seconds(expires))
    }

    /// What a link that takes a file promises.
    ///
    /// # Errors
    /// `link-expired`, or `forbidden` where the link was not made here or the file is another one.
    pub(super) fn verify_write(&self, key: &str, uri: &Uri, headers: &HeaderMap) -> Result<Promise, Refusal> {
        let query: WriteQuery = read(uri)?;
        let promise = Promise {
            key: key.to_owned(),
            bytes: query.bytes,
            content_type: query.content_type,
            must_be_new: query.new,
            expires: time(query.expires)?,
        };
        self.check(&write_text(&promise), &query.signature, promise.expires)?;
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type != Some(promise.content_type.as_str()) {
            return Err(Refusal::Forbidden("the link is for a file of another Content-Type"));
        }
        Ok(promise)
    }

    /// Whether a link gives this very file.
    ///
    /// # Errors
    /// `link-expired`, or `forbidden` where the link was not made here or is for another file.
    pub(super) fn verify_read(&self, bucket: Bucket, key: &str, uri: &Uri) -> Result<(), Refusal> {
        let query: ReadQuery = read(uri)?;
        let expires = time(query.expires)?;
        self.check(&read_text(bucket, key, expires), &query.signature, expires)
    }

    /// The signature is compared in constant time, and before anything is said about the link.
    fn check(&self, text: &str, signature: &str, expires: SystemTime) -> Result<(), Refusal> {
        let signature = unhex(signature).ok_or_else(forged)?;
        self.mac(text).verify_slice(&signature).map_err(|_| forged())?;
        if expires < SystemTime::now() { Err(Refusal::LinkExpired) } else { Ok(()) }
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        mac
    }
}

/// What is signed: a line for each part, the method first. Neither the keys nor the media types that we sign hold a
/// line break, so that no text is that of two links.
fn write_text(promise: &Promise) -> String {
    let Promise { key, bytes, content_type, must_be_new, expires } = promise;
    format!("PUT\n{key}\n{bytes}\n{content_type}\n{must_be_new}\n{}", seconds(*expires))
}

/// HEAD tells nothing that GET does not: one link is good for both.
fn read_text(bucket: Bucket, key: &str, expires: SystemTime) -> String {
    format!("GET\n{}\n{key}\n{}", path_of(bucket), seconds(expires))
}

/// What the paths of a bucket's files begin with.
pub(super) fn path_of(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Uploads => "uploads",
        Bucket::Thumbnails => "thumbnails",
    }
}

fn read<Q: DeserializeOwned>(uri: &Uri) -> Result<Q, Refusal> {
    Ok(axum::extract::Query::try_from_uri(uri).map_err(|_| forged())?.0)
}

fn forged() -> Refusal {
    Refusal::Forbidden("the link was not made by this service, or something in it was changed")
}

fn time(seconds: u64) -> Result<SystemTime, Refusal> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or_else(forged)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "x/a b.jpg";

    fn signer() -> Signer {
        Signer::new(b"secret")
    }

    fn in_seconds(seconds: i64) -> SystemTime {
        let span = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { SystemTime::now() - span } else { SystemTime::now() + span }
    }

    fn promise(expires_in: i64) -> Promise {
        Promise {
            key: KEY.into(),
            bytes: 5,
            content_type: "image/jpeg".into(),
            must_be_new: true,
            expires: in_seconds(expires_in),
        }
    }

    fn said(outcome: Result<String, Refusal>) -> String {
        match outcome {
            Ok(said) => said,
            Err(Refusal::LinkExpired) => "expired".into(),
            Err(Refusal::Forbidden(_)) => "forbidden".into(),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn write(link: &str, key: &str, content_type: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().expect("a header"));
        let verified = signer().verify_write(key, &link.parse().expect("a link"), &headers);
        said(verified.map(|promise| format!("{} bytes", promise.bytes)))
    }

    fn read(link: &str, bucket: Bucket, key: &str) -> String {
        said(signer().verify_read(bucket, key, &link.parse().expect("a link")).map(|()| "good".into()))
    }

    #[test]
    fn a_link_takes_what_it_was_made_for_and_nothing_else() {
        let good = signer().write_link(&promise(60));
        let read_link = signer().read_link(Bucket::Uploads, KEY, in_seconds(60));
        let table = [
            (good.clone(), KEY, "image/jpeg", "5 bytes", "as it was made"),
            (good.clone(), "x/b.jpg", "image/jpeg", "forbidden", "another key"),
            (good.clone(), KEY, "image/png", "forbidden", "another type"),
            (good.replace("bytes=5", "bytes=6"), KEY, "image/jpeg", "forbidden", "another size"),
            (good.replace("new=true", "new=false"), KEY, "image/jpeg", "forbidden", "another condition"),
            (good.replace("expires=", "expires=9"), KEY, "image/jpeg", "forbidden", "another end"),
            (good.replace("signature=", "signature=z"), KEY, "image/jpeg", "forbidden", "no signature at all"),
            (good.replace("bytes=5&", ""), KEY, "image/jpeg", "forbidden", "a part left out"),
            (read_link, KEY, "image/jpeg", "forbidden", "a link that reads"),
            (Signer::new(b"other").write_link(&promise(60)), KEY, "image/jpeg", "forbidden", "another secret"),
            (signer().write_link(&promise(-60)), KEY, "image/jpeg", "expired", "its time is over"),
        ];
        for (link, key, content_type, expected, reason) in table {
            assert_eq!(write(&link, key, content_type), expected, "{reason}: {link}");
        }
    }

    #[test]
    fn a_link_gives_what_it_was_made_for_and_nothing_else() {
        let good = signer().read_link(Bucket::Uploads, KEY, in_seconds(60));
        assert!(good.starts_with("/uploads/x/a%20b.jpg?expires="), "{good}");
        let uploads = Bucket::Uploads;
        let end = good.split(['=', '&']).nth(1).expect("when it ends");
        let table = [
            (good.clone(), uploads, KEY, "good", "as it was made"),
            (good.clone() + "&v=1", uploads, KEY, "good", "what is not of the link may stand beside it"),
            (good.clone(), Bucket::Thumbnails, KEY, "forbidden", "another bucket"),
            (good.clone(), uploads, "x/b.jpg", "forbidden", "another key"),
            (good.clone(), uploads, "x/a b.jpg\n4", "forbidden", "a line more"),
            (good.clone(), uploads, &format!("{KEY}\n{end}"), "forbidden", "its end as part of the key"),
            (good.replace("expires=", "expires=9"), uploads, KEY, "forbidden", "another end"),
            (good[..good.len() - 2].into(), uploads, KEY, "forbidden", "cut short"),
            (good[..good.len() - 64].into(), uploads, KEY, "forbidden", "no signature at all"),
            (
                good.clone() + &good[good.find('?').expect("a query")..].replace('?', "&"),
                uploads,
                KEY,
                "forbidden",
                "twice",
            ),
            (signer().write_link(&promise(60)), uploads, KEY, "forbidden", "a link that writes"),
            (
                Signer::new(b"other").read_link(uploads, KEY, in_seconds(60)),
                uploads,
                KEY,
                "forbidden",
                "another secret",
            ),
            (signer().read_link(uploads, KEY, in_seconds(-60)), uploads, KEY, "expired", "its time is over"),
        ];
        for (link, bucket, key, expected, reason) in table {
            assert_eq!(read(&link, bucket, key), expected, "{reason}: {link}");
        }
    }

    #[test]
    fn what_was_meant_as_a_link_is_known_as_one() {
        for (address, expected) in [
            ("/a.jpg?expires=1&signature=", true),
            ("/a.jpg?signature", false),
            ("/a.jpg?x=signature=1", false),
            ("/a.jpg", false),
        ] {
            assert_eq!(is_link(&address.parse().expect("an address")), expected, "{address}");
        }
    }
}

//! S3's event notifications: which keys they tell of, and what becomes of each. A file that can't have a
//! thumbnail is dropped with a warning; trouble with the store is an error, so that the sender tries again.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tracing::{debug, error, info, warn};

use crate::app::{App, Error, Outcome, mark_rejected, thumbnail_stored_object, with_causes};
use crate::http::problem::code_of;
use crate::key::OriginalKey;
use crate::metrics::{self, Event};
use crate::store::Bucket;

/// A notification with any number of records, as S3 and servers that speak its protocol send it.
#[derive(Debug, Deserialize)]
pub struct Notification {
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

/// Not a notification.
#[derive(Debug, thiserror::Error)]
#[error("this is no S3 notification: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

/// Some records could not be dealt with; trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{failed} of {records} records failed")]
pub struct Failed {
    /// How many failed.
    pub failed: usize,
    /// How many there were.
    pub records: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(default)]
    event_name: String,
    s3: Entity,
}

#[derive(Debug, Deserialize)]
struct Entity {
    bucket: BucketName,
    object: ObjectKey,
}

#[derive(Debug, Deserialize)]
struct BucketName {
    name: String,
}

#[derive(Debug, Deserialize)]
struct ObjectKey {
    key: String,
}

/// Reads a notification. `s3:TestEvent`, which S3 sends when notifications are set up, is one without records.
///
/// # Errors
/// [`Unreadable`] where it is something else.
pub fn read(json: &[u8]) -> Result<Notification, Unreadable> {
    // Where an object is wanted, serde is content with a list too.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(Unreadable(serde::de::Error::custom("it is no JSON object")));
    }
    Ok(serde_json::from_slice(json)?)
}

/// Deals with every record, also behind one that fails.
///
/// # Errors
/// [`Failed`] where at least one could not be dealt with.
pub async fn handle(app: &Arc<App>, notification: &Notification) -> Result<(), Failed> {
    let mut failed = 0;
    for record in &notification.records {
        metrics::event_ended(match handle_one(app, record).await {
            Ok(event) => event,
            Err(error) => {
                let cause = with_causes(&error);
                error!(key = record.s3.object.key, cause, "an event failed and is to be sent again");
                failed += 1;
                Event::Failed
            }
        });
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failed { failed, records: notification.records.len() }),
    }
}

async fn handle_one(app: &Arc<App>, record: &Record) -> Result<Event, Error> {
    let bucket = &record.s3.bucket.name;
    if bucket != app.store().name_of(Bucket::Uploads) || !is_creation(&record.event_name) {
        debug!(bucket, event = record.event_name, "an event that is none of ours");
        return Ok(Event::Ignored);
    }
    let Some(key) = decoded(&record.s3.object.key) else {
        warn!(key = record.s3.object.key, "an event with a key that is not UTF-8");
        return Ok(Event::Ignored);
    };
    let Some(original) = OriginalKey::existing(&key) else {
        warn!(file_name = key, "invalid file type uploaded");
        return Ok(Event::Rejected);
    };
    if !original.leaves_room_for_thumbnail() {
        warn!(key, "the key is so long that there is no room for the thumbnail's");
        mark_rejected(app, &key, None, "invalid-filename").await?;
        return Ok(Event::Rejected);
    }
    Ok(match thumbnail_stored_object(app, &original).await? {
        Outcome::Created => Event::Created,
        Outcome::Current => {
            debug!(key, "the thumbnail is there already");
            Event::Current
        }
        Outcome::Gone => {
            info!(key, "the original is gone");
            Event::Gone
        }
        // Its own event comes once it is complete.
        Outcome::UnderWay => Event::Ignored,
        Outcome::Rejected { version_id, error } => {
            let code = code_of(&error);
            warn!(key, version_id, code, detail = with_causes(&error), "no thumbnail can be made of this file");
            mark_rejected(app, &key, version_id.as_deref(), code).await?;
            Event::Rejected
        }
    })
}

/// `ObjectCreated:Put` and its kin; some servers write `s3:` in front.
fn is_creation(event_name: &str) -> bool {
    event_name.trim_start_matches("s3:").starts_with("ObjectCreated:")
}

/// Keys in events are encoded as in HTML forms.
fn decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded() {
        let table = [
            ("image1.jpg", Some("image1.jpg"), "plain"),
            ("a+b.jpg", Some("a b.jpg"), "a space"),
            ("a%2Bb.jpg", Some("a+b.jpg"), "a plus"),
            ("100%25.jpg", Some("100%.jpg"), "a percent sign"),
            ("a%252Bb.jpg", Some("a%2Bb.jpg"), "decoded once only"),
            ("x/%C3%BC%F0%9F%98%80.png", Some("x/ü😀.png"), "any script, slashes as they are"),
            ("ü.jpg", Some("ü.jpg"), "not encoded at all, as some servers send it"),
            ("%ff.jpg", None, "not UTF-8"),
        ];
        for (encoded, expected, reason) in table {
            assert_eq!(decoded(encoded).as_deref(), expected, "{reason}: {encoded}");
        }
    }

    #[test]
    fn notifications_are_read() {
        let table = [
            (r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#, Some(0), "the test event"),
            (r#"{"Records":[]}"#, Some(0), "nothing"),
            (
                r#"{"EventName":"s3:ObjectCreated:Put","Records":[{"eventName":"s3:ObjectCreated:Put",
                   "s3":{"bucket":{"name":"b"},"object":{"key":"k.jpg","size":1}}}]}"#,
                Some(1),
                "as other servers write it",
            ),
            (r#"{"Records":[{"eventName":"x"}]}"#, None, "a record of something else"),
            ("[]", None, "a list"),
            ("", None, "nothing at all"),
        ];
        for (json, expected, reason) in table {
            let records = read(json.as_bytes()).ok().map(|notification| notification.records.len());
            assert_eq!(records, expected, "{reason}: {json}");
        }
    }
}

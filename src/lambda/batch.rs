//! A batch of SQS messages, and the answer that names those to be sent again.

use serde::{Deserialize, Serialize};

/// One message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) message_id: String,
    pub(super) body: String,
}

/// The answer to a batch: what is not named in it is done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failures {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

/// The messages of a batch.
pub(super) fn read(json: &str) -> Result<Vec<Message>, serde_json::Error> {
    Ok(serde_json::from_str::<Batch>(json)?.records)
}

impl Failures {
    /// The messages of these ids.
    pub(super) fn of(message_ids: impl Iterator<Item = String>) -> Self {
        Self { batch_item_failures: message_ids.map(|item_identifier| Failure { item_identifier }).collect() }
    }
}

//! S3 events, to the function and to the server: in the end each original has the thumbnail of its newest
//! version, whatever came how often and in which order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fault_proxy::Fault;
use super::function::Function;
use super::gateways::{Gateway, Request};
use super::pictures::{cut, jpeg, png, size};
use super::s3::{Rig, borrowed, rig};

impl Rig {
    /// Puts an object, as any program does; its version.
    fn put(&self, key: &str, content: &[u8]) -> String {
        let put = self.client.put_object().bucket(&self.uploads).key(key).body(ByteStream::from(content.to_vec()));
        self.runtime.block_on(put.send()).unwrap().version_id.unwrap_or_default()
    }

    /// The newest thumbnail's metadata; none where there is none.
    fn thumbnail_of(&self, thumbnail_key: &str) -> Option<BTreeMap<String, String>> {
        let head = self.client.head_object().bucket(&self.thumbnails).key(thumbnail_key).send();
        Some(self.runtime.block_on(head).ok()?.metadata?.into_iter().collect())
    }

    fn tags_of(&self, key: &str) -> String {
        let tags = self.client.get_object_tagging().bucket(&self.uploads).key(key).send();
        let tags = self.runtime.block_on(tags).unwrap();
        let mut tags: Vec<_> = tags.tag_set.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
        tags.sort();
        tags.join(" ")
    }

    fn function(&self) -> Function {
        Function::start(&borrowed(&self.variables))
    }

    fn event(&self, keys: &[&str]) -> Value {
        event(&self.uploads, keys)
    }
}

/// A notification as S3 writes it: keys encoded as in forms.
fn event(bucket: &str, keys: &[&str]) -> Value {
    let records = keys.iter().map(|key| {
        let key = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string().replace("%20", "+").replace("%2F", "/");
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventTime": "2026-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put",
            "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket, "arn": format!("arn:aws:s3:::{bucket}")},
                "object": {"key": key, "size": 1, "eTag": "x", "sequencer": "0"}},
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

/// Messages as the queue hands them over.
fn messages(bodies: &[(String, String)]) -> Value {
    let records = bodies.iter().map(|(message_id, body)| {
        json!({"messageId": message_id, "receiptHandle": "x", "body": body, "attributes": {}, "messageAttributes": {},
            "md5OfBody": "x", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:0:q",
            "awsRegion": "us-east-1"})
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

fn failures(answer: &Value) -> Vec<String> {
    let failures = answer["batchItemFailures"].as_array().unwrap_or_else(|| panic!("{answer}"));
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lab's own test, with what the lab could not do behind it.
#[test]
fn files_put_into_the_bucket_get_their_thumbnails() {
    let Some(rig) = rig(true, &[]) else { return };
    let function = rig.function();
    rig.put("image1.jpg", &jpeg(640, 480));
    rig.put("file.txt", b"text");
    rig.put("image2.png", &png(200, 400));
    // One bad record is no reason to leave the ones behind it.
    function.invoke(&rig.event(&["image1.jpg", "file.txt", "image2.png"])).unwrap();
    assert_eq!(
        rig.keys_of_thumbnails(),
        "image1-thumbnail.jpg image2-thumbnail.png",
        "the text file has none, and is no error"
    );
    let warning = function.logged("invalid file type uploaded");
    assert_eq!((warning["level"].as_str(), warning["file_name"].as_str()), (Some("WARN"), Some("file.txt")));
    let made = function.logged_times(2, "thumbnail created");
    let told: Vec<_> =
        made.iter().map(|line| (line["key"].as_str().unwrap(), line["bytes"].as_u64().unwrap())).collect();
    assert_eq!(told, [("image1.jpg", jpeg(640, 480).len() as u64), ("image2.png", png(200, 400).len() as u64)]);
    assert_eq!(size(&rig.server.get("/thumbnails/image1-thumbnail.jpg").body), (150, 113));
    assert_eq!(size(&rig.server.get("/thumbnails/image2-thumbnail.png").body), (75, 150));
}

impl Rig {
    fn keys_of_thumbnails(&self) -> String {
        let listed = self.runtime.block_on(self.client.list_objects_v2().bucket(&self.thumbnails).send()).unwrap();
        listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn keys_are_taken_as_they_are() {
    let Some(rig) = rig(true, &[]) else { return };
    let function = rig.function();
    let keys = ["a b.jpg", "a+b.jpg", "100%.jpg", "a%20b.jpg", "x/größe 写真.JPG", "tab\u{9}le.jpg"];
    let picture = jpeg(30, 20);
    for key in keys {
        rig.put(key, &picture);
    }
    function.invoke(&rig.event(&keys)).unwrap();
    for key in keys {
        let (stem, extension) = key.rsplit_once('.').unwrap();
        let thumbnail = rig.thumbnail_of(&format!("{stem}-thumbnail.{extension}"));
        assert_eq!(thumbnail.unwrap_or_else(|| panic!("{key:?}"))["source-sha256"], sha256(&picture));
    }
}

#[test]
fn an_event_is_only_a_hint() {
    let Some(rig) = rig(true, &[]) else { return };
    let function = rig.function();
    rig.put("a.jpg", &jpeg(30, 20));
    let newest = rig.put("a.jpg", &jpeg(60, 20));
    for _ in 0..3 {
        function.invoke(&rig.event(&["a.jpg", "a.jpg"])).unwrap();
    }
    let thumbnail = rig.thumbnail_of("a-thumbnail.jpg").unwrap();
    assert_eq!(thumbnail["source-version-id"], newest, "of the version that is there now");
    assert_eq!(thumbnail["source-sha256"], sha256(&jpeg(60, 20)));
    assert_eq!(rig.versions(&rig.thumbnails).0, 1, "six events, one thumbnail");

    rig.server.upload("b.jpg", &jpeg(30, 20));
    function.invoke(&rig.event(&["b.jpg"])).unwrap();
    assert_eq!(rig.versions(&rig.thumbnails).0, 2, "what came through the API has its thumbnail already");

    function.invoke(&rig.event(&["gone.jpg"])).unwrap();
    rig.runtime.block_on(rig.client.delete_object().bucket(&rig.uploads).key("b.jpg").send()).unwrap();
    function.invoke(&rig.event(&["b.jpg"])).unwrap();
    let gone: Vec<_> = function.logged_times(2, "the original is gone");
    assert!(gone.len() == 2 && gone.iter().all(|line| line["level"] == "INFO"), "{gone:?}");

    function.invoke(&event("another-bucket", &["a.jpg"])).unwrap();
    function.invoke(&event(&rig.thumbnails, &["a-thumbnail.jpg"])).unwrap();
    assert_eq!(rig.versions(&rig.thumbnails).0, 2, "events of other buckets are none of ours");
}

#[test]
fn what_can_have_no_thumbnail_is_marked_and_told() {
    let Some(rig) = rig(true, &[("MAX_UPLOAD_BYTES", "100000"), ("MAX_DIRECT_BYTES", "100000")]) else { return };
    let function = rig.function();
    let table = [
        ("broken.jpg", cut(&jpeg(300, 200), 50), "corrupt-image"),
        ("text.png", b"text".to_vec(), "unsupported-content"),
        ("large.jpg", super::pictures::jpeg_of(100_001), "payload-too-large"),
        ("pixels.png", super::pictures::png_claiming(60_000, 60_000), "image-too-large"),
    ];
    for (key, content, code) in table {
        rig.put(key, &content);
        let path = format!("/thumbnails/{}", key.replace('.', "-thumbnail."));
        assert_eq!(rig.server.get(&path).outcome(), "404 thumbnail-pending", "{key}");
        function.invoke(&rig.event(&[key])).unwrap();
        assert_eq!(rig.tags_of(key), format!("thumbnail-code={code} thumbnail=rejected"), "{key}");
        let answer = rig.server.get(&path);
        assert_eq!(answer.outcome(), "404 thumbnail-rejected", "{key}");
        assert!(answer.text().contains(code), "{}", answer.text());
    }
    assert_eq!(function.logged_times(4, "no thumbnail can be made of this file").len(), 4);
    rig.put("broken.jpg", &jpeg(30, 20));
    function.invoke(&rig.event(&["broken.jpg"])).unwrap();
    assert_eq!(rig.server.get("/thumbnails/broken-thumbnail.jpg").outcome(), "200", "a better file takes its place");
}

#[test]
fn trouble_with_the_store_is_an_error_for_that_message_only() {
    let Some(rig) = rig(true, &[]) else { return };
    let function = rig.function();
    rig.put("a.jpg", &jpeg(30, 20));
    rig.put("b.jpg", &jpeg(30, 20));
    rig.proxy.fail("PUT", &format!("{}/a-thumbnail", rig.thumbnails), Fault::Status(500), usize::MAX);
    let both =
        [("1".to_owned(), rig.event(&["a.jpg"]).to_string()), ("2".to_owned(), rig.event(&["b.jpg"]).to_string())];
    assert_eq!(failures(&function.invoke(&messages(&both)).unwrap()), ["1"]);
    assert_eq!(rig.keys_of_thumbnails(), "b-thumbnail.jpg");
    let error = function.invoke(&rig.event(&["a.jpg", "b.jpg"])).unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("1 of 2 records failed"), "{error}");
    rig.proxy.heal();
    assert_eq!(failures(&function.invoke(&messages(&both)).unwrap()), [""; 0]);
    assert_eq!(rig.keys_of_thumbnails(), "a-thumbnail.jpg b-thumbnail.jpg");

    let test_event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": rig.uploads}).to_string();
    let odd = [("1".to_owned(), test_event), ("2".to_owned(), "no JSON".to_owned())];
    assert_eq!(failures(&function.invoke(&messages(&odd)).unwrap()), ["2"], "for the dead-letter queue");
}

/// The store hangs: the function answers before its time is over, and says what was not done.
#[test]
fn the_time_of_an_invocation_is_kept() {
    let Some(rig) = rig(true, &[]) else { return };
    let function = rig.function();
    let time = Duration::from_secs(6);
    rig.put("a.jpg", &jpeg(30, 20));
    rig.put("b.jpg", &jpeg(30, 20));
    rig.proxy.fail("PUT", &format!("{}/a-thumbnail", rig.thumbnails), Fault::Hang, usize::MAX);
    let begun = Instant::now();
    let both =
        [("1".to_owned(), rig.event(&["a.jpg"]).to_string()), ("2".to_owned(), rig.event(&["b.jpg"]).to_string())];
    let outcome = function.invoke_raw(messages(&both).to_string().into_bytes(), time).unwrap();
    assert_eq!(failures(&outcome), ["1"], "and the other is done");
    assert_eq!(rig.keys_of_thumbnails(), "b-thumbnail.jpg");
    assert!(begun.elapsed() < time, "{:?}", begun.elapsed());

    rig.proxy.fail("PUT", &rig.thumbnails, Fault::Hang, usize::MAX);
    let request = Request { method: "PUT", target: "/uploads/c.jpg".into(), headers: vec![], body: jpeg(30, 20) };
    let begun = Instant::now();
    let event = Gateway::HttpApi.event(&request).to_string().into_bytes();
    let answer = Gateway::HttpApi.answer(&function.invoke_raw(event, time).unwrap());
    assert_eq!(answer.outcome(), "504 storage-timeout");
    assert!(begun.elapsed() < time, "{:?}", begun.elapsed());
    assert_eq!(rig.keys(), "thumbnails/b-thumbnail.jpg uploads/a.jpg uploads/b.jpg", "nothing is left of the upload");
}

#[test]
fn servers_that_post_their_events_need_the_token() {
    let Some(rig) = rig(true, &[("S3_EVENTS_TOKEN", "0123456789abcdef")]) else { return };
    rig.put("a.jpg", &jpeg(30, 20));
    let post = |headers: &str| {
        let head = format!("POST /events/s3 HTTP/1.1\r\n{headers}");
        rig.server.send(head, rig.event(&["a.jpg"]).to_string().as_bytes()).outcome()
    };
    assert_eq!(post(""), "401 unauthorized");
    assert_eq!(post("Authorization: Bearer wrong\r\n"), "401 unauthorized");
    assert_eq!(rig.keys_of_thumbnails(), "");
    assert_eq!(post("Authorization: Bearer 0123456789abcdef\r\n"), "200");
    assert_eq!(rig.keys_of_thumbnails(), "a-thumbnail.jpg");
    let head = "POST /events/s3 HTTP/1.1\r\nAuthorization: Bearer 0123456789abcdef\r\n";
    assert_eq!(rig.server.send(head, b"no JSON").outcome(), "400 invalid-request");
    assert_eq!(rig.server.send(head, &vec![b' '; 1024 * 1024 + 1]).outcome(), "400 invalid-request");
    rig.put("b.jpg", &jpeg(30, 20));
    rig.proxy.fail("PUT", &rig.thumbnails, Fault::Status(500), usize::MAX);
    let again = rig.server.send(head, rig.event(&["b.jpg"]).to_string().as_bytes());
    assert_eq!(again.outcome(), "502 storage-unavailable", "so that the server sends it again");
}

/// Pseudo-random, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// 1,000 events of 100 keys that are written again and again: a tenth comes twice, a tenth late, and the store
/// fails for one in twenty. What failed is sent again, as the queue does.
#[test]
fn of_a_thousand_events_nothing_is_lost() {
    let Some(rig) = rig(true, &[]) else { return };
    let function = rig.function();
    let mut dice = Dice(7);
    let mut newest = BTreeMap::new();
    let mut late: Vec<String> = Vec::new();
    let mut queue = std::collections::VecDeque::new();
    let mut sent = 0;
    while sent < 1_000 || !queue.is_empty() || !late.is_empty() {
        if sent < 1_000 {
            let key = format!("{:02}.jpg", dice.below(100));
            let content = jpeg(20 + u32::try_from(sent % 50).unwrap(), 20 + u32::try_from(sent / 50).unwrap());
            rig.put(&key, &content);
            newest.insert(key.clone(), sha256(&content));
            sent += 1;
            if dice.below(10) == 0 {
                late.push(key.clone());
            } else {
                queue.push_back(key.clone());
            }
            if dice.below(10) == 0 {
                queue.push_back(key);
            }
        } else {
            queue.extend(late.drain(..).rev());
        }
        if queue.len() >= 5 || sent == 1_000 {
            let batch: Vec<_> = (0..queue.len().min(5)).filter_map(|_| queue.pop_front()).collect();
            if dice.below(20) == 0 {
                rig.proxy.fail("PUT", &rig.thumbnails, Fault::Status(500), usize::MAX);
            }
            let bodies: Vec<_> =
                batch.iter().enumerate().map(|(id, key)| (id.to_string(), rig.event(&[key]).to_string())).collect();
            let failed = failures(&function.invoke(&messages(&bodies)).unwrap());
            queue.extend(failed.into_iter().map(|id| batch[id.parse::<usize>().unwrap()].clone()));
            rig.proxy.heal();
        }
    }
    // The store did fail.
    function.logged("is to be sent again");
    for (key, expected) in &newest {
        let thumbnail = rig.thumbnail_of(&key.replace('.', "-thumbnail.")).unwrap_or_else(|| panic!("{key} has none"));
        assert_eq!(&thumbnail["source-sha256"], expected, "{key} has the thumbnail of its newest version");
    }
    assert_eq!(rig.keys_of_thumbnails().split(' ').count(), newest.len(), "and nothing else is there");
}

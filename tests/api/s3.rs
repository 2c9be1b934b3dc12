//! The service on a real S3 server: `tests/run` starts one and says where in `TEST_S3_ENDPOINT`, with the
//! credentials in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.

use std::collections::BTreeMap;
use std::env::var;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::client::{form, form_head};
use super::fault_proxy::{Fault, FaultProxy};
use super::pictures::jpeg;
use super::server::{Server, wait_for, wait_longer_for};

/// Two buckets of their own on the S3 server, a service before them, and a proxy in between.
pub struct Rig {
    pub server: Server,
    pub proxy: FaultProxy,
    pub uploads: String,
    pub thumbnails: String,
    pub client: Client,
    pub runtime: Runtime,
    /// What a process needs to work on the same buckets.
    pub variables: Vec<(&'static str, String)>,
}

/// None, and a loud line, where there is no S3 server.
#[expect(clippy::print_stderr, reason = "what is not checked is said")]
pub fn rig(is_versioned: bool, variables: &[(&'static str, &str)]) -> Option<Rig> {
    let Ok(endpoint) = var("TEST_S3_ENDPOINT") else {
        assert!(var("TEST_S3_REQUIRED").is_err(), "TEST_S3_REQUIRED is set, TEST_S3_ENDPOINT is not");
        eprintln!("UNCHECKED: no TEST_S3_ENDPOINT, so that nothing is tested against S3 (tests/run starts one)");
        return None;
    };
    let (access_key, secret_key) = (var("AWS_ACCESS_KEY_ID").unwrap(), var("AWS_SECRET_ACCESS_KEY").unwrap());
    let runtime = Runtime::new().unwrap();
    let client = runtime.block_on(s3_client(&endpoint));
    let id = Uuid::now_v7().simple().to_string();
    let (uploads, thumbnails) = (format!("u-{id}"), format!("t-{id}"));
    for bucket in [&uploads, &thumbnails] {
        runtime.block_on(make_bucket(&client, bucket, is_versioned));
    }
    let proxy = FaultProxy::before(&endpoint);
    let mut known: Vec<(&'static str, String)> = vec![
        ("STORE", "s3".into()),
        ("AWS_ENDPOINT_URL", proxy.endpoint.clone()),
        ("AWS_ACCESS_KEY_ID", access_key),
        ("AWS_SECRET_ACCESS_KEY", secret_key),
        ("AWS_REGION", "us-east-1".into()),
        ("S3_FORCE_PATH_STYLE", "true".into()),
        ("UPLOAD_BUCKET", uploads.clone()),
        ("THUMBNAIL_BUCKET", thumbnails.clone()),
    ];
    known.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let server = Server::start_with(&borrowed(&known));
    Some(Rig { server, proxy, uploads, thumbnails, client, runtime, variables: known })
}

/// Variables as they are handed to a process.
pub fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

async fn s3_client(endpoint: &str) -> Client {
    let shared = aws_config::from_env().region(Region::new("us-east-1")).endpoint_url(endpoint).load().await;
    Client::from_conf(aws_sdk_s3::config::Builder::from(&shared).force_path_style(true).build())
}

async fn make_bucket(client: &Client, bucket: &str, is_versioned: bool) {
    client.create_bucket().bucket(bucket).send().await.unwrap();
    if is_versioned {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        client.put_bucket_versioning().bucket(bucket).versioning_configuration(enabled).send().await.unwrap();
    }
}

impl Rig {
    /// The keys in both buckets, each with the upload it is of: equal pairs have equal ids.
    pub fn stored(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (name, bucket) in [("uploads", &self.uploads), ("thumbnails", &self.thumbnails)] {
            let listed = self.runtime.block_on(self.client.list_objects_v2().bucket(bucket).send()).unwrap();
            for object in listed.contents() {
                let key = object.key().unwrap();
                let head = self.runtime.block_on(self.client.head_object().bucket(bucket).key(key).send());
                // What was removed since it was listed is not there.
                let Ok(head) = head else { continue };
                found.insert(
                    format!("{name}/{key}"),
                    head.metadata.unwrap_or_default().remove("upload-id").unwrap_or_default(),
                );
            }
        }
        found
    }

    pub fn keys(&self) -> String {
        self.stored().into_keys().collect::<Vec<_>>().join(" ")
    }

    /// All versions and deletion marks of a bucket.
    pub fn versions(&self, bucket: &str) -> (usize, usize) {
        let listed = self.runtime.block_on(self.client.list_object_versions().bucket(bucket).send()).unwrap();
        (listed.versions().len(), listed.delete_markers().len())
    }
}

const PAIR: &str = "thumbnails/a-thumbnail.jpg uploads/a.jpg";

#[test]
fn both_objects_carry_the_upload_and_the_answer_names_their_versions() {
    let Some(rig) = rig(true, &[]) else { return };
    let record = rig.server.upload("a.jpg", &jpeg(200, 100)).json();
    for (bucket, part) in [(&rig.uploads, "upload"), (&rig.thumbnails, "thumbnail")] {
        let key = record[part]["key"].as_str().unwrap();
        let head = rig.runtime.block_on(rig.client.head_object().bucket(bucket).key(key).send()).unwrap();
        assert_eq!(head.version_id.as_deref(), record[part]["version_id"].as_str());
        assert_eq!(head.content_type.as_deref(), Some("image/jpeg"));
        assert_eq!(head.cache_control.as_deref(), Some("no-cache"));
        assert_eq!(head.metadata.unwrap()["source-sha256"], record["upload"]["sha256"].as_str().unwrap());
    }
    let stored = rig.stored();
    assert_eq!(stored["uploads/a.jpg"], stored["thumbnails/a-thumbnail.jpg"]);
}

/// Each fault on the first put, the second, and both, for ever: the client hears of it, and the earlier
/// pair of the same name is what is there afterwards.
#[test]
fn a_put_that_fails_leaves_the_earlier_pair() {
    let Some(rig) = rig(true, &[]) else { return };
    rig.server.upload("a.jpg", &jpeg(200, 100));
    let before = rig.stored();
    let faults = [
        (Fault::Status(500), "502 storage-unavailable"),
        (Fault::Status(503), "502 storage-unavailable"),
        (Fault::Status(403), "502 storage-unavailable"),
        (Fault::ResetBefore, "502 storage-unavailable"),
        (Fault::ResetAfter, "502 storage-unavailable"),
        (Fault::CutBody, "502 storage-unavailable"),
        (Fault::Hang, "504 storage-timeout"),
    ];
    for (fault, outcome) in faults {
        for on in [vec![&rig.uploads], vec![&rig.thumbnails], vec![&rig.uploads, &rig.thumbnails]] {
            on.iter().for_each(|bucket| rig.proxy.fail("PUT", bucket, fault, usize::MAX));
            let answer = rig.server.upload("a.jpg", &jpeg(100, 200));
            assert_eq!(answer.outcome(), outcome, "{fault:?} on {} of the puts: {}", on.len(), answer.text());
            let leaks =
                ["127.0.0.1", "SdkError", "hyper", &rig.proxy.endpoint].iter().any(|word| answer.text().contains(word));
            assert!(!leaks, "nothing internal leaks: {}", answer.text());
            rig.proxy.heal();
            wait_for("the earlier pair", || (rig.stored() == before).then_some(()));
        }
    }
    assert_eq!(rig.versions(&rig.uploads).1 + rig.versions(&rig.thumbnails).1, 0, "no plain DELETE was sent");
    assert!(rig.server.all_logged("request failed").iter().all(|line| line["cause"].is_string()));
}

#[test]
fn a_put_that_fails_once_is_tried_again() {
    let Some(rig) = rig(true, &[]) else { return };
    for (number, fault) in [Fault::Status(503), Fault::ResetBefore, Fault::ResetAfter].into_iter().enumerate() {
        rig.proxy.fail("PUT", &rig.uploads, fault, 1);
        rig.proxy.fail("PUT", &rig.thumbnails, fault, 1);
        let answer = rig.server.upload(&format!("{number}.jpg"), &jpeg(200, 100));
        assert_eq!(answer.outcome(), "201", "{fault:?}: {}", answer.text());
    }
    let stored = rig.stored();
    assert_eq!(stored.len(), 6);
}

#[test]
fn a_conditional_put_whose_answer_was_lost_is_known_as_ones_own() {
    let Some(rig) = rig(true, &[]) else { return };
    rig.proxy.fail("PUT", &rig.uploads, Fault::ResetAfter, 1);
    let head = "PUT /uploads/a.jpg HTTP/1.1\r\nIf-None-Match: *\r\n";
    let answer = rig.server.send(head, &jpeg(200, 100));
    assert_eq!(answer.outcome(), "201", "{}", answer.text());
    assert_eq!(rig.server.send(head, &jpeg(100, 200)).outcome(), "412 already-exists");
    assert_eq!((rig.keys(), rig.versions(&rig.uploads).0), (PAIR.into(), 1));
}

#[test]
fn a_conditional_put_leaves_nothing_where_its_thumbnail_fails() {
    let Some(rig) = rig(true, &[]) else { return };
    rig.proxy.fail("PUT", &rig.thumbnails, Fault::Status(500), usize::MAX);
    let head = "PUT /uploads/a.jpg HTTP/1.1\r\nIf-None-Match: *\r\n";
    assert_eq!(rig.server.send(head, &jpeg(200, 100)).outcome(), "502 storage-unavailable");
    assert_eq!((rig.keys(), rig.versions(&rig.uploads)), (String::new(), (0, 0)));
    rig.proxy.heal();
    assert_eq!(rig.server.send(head, &jpeg(200, 100)).outcome(), "201", "the key is free again");
}

#[test]
fn a_removal_that_fails_is_logged_and_done_in_the_background() {
    let Some(rig) = rig(true, &[]) else { return };
    rig.proxy.fail("PUT", &rig.thumbnails, Fault::Status(500), usize::MAX);
    rig.proxy.fail("DELETE", &rig.uploads, Fault::Status(500), 10);
    assert_eq!(rig.server.upload("a.jpg", &jpeg(200, 100)).outcome(), "502 storage-unavailable");
    assert_eq!(rig.keys(), "uploads/a.jpg", "the orphan is there");
    let line = rig.server.logged("may stand without its partner");
    assert_eq!((line["key"].as_str(), line["partner_key"].as_str()), (Some("a.jpg"), Some("a-thumbnail.jpg")));
    wait_longer_for("the orphan to go", Duration::from_secs(60), || rig.keys().is_empty().then_some(()));
    rig.server.logged("no object stands without its partner any more");
}

#[test]
fn without_versions_only_what_was_new_is_removed() {
    let Some(rig) = rig(false, &[]) else { return };
    rig.server.logged("keeps no versions");
    rig.proxy.fail("PUT", &rig.thumbnails, Fault::Status(500), usize::MAX);
    assert_eq!(rig.server.upload("a.jpg", &jpeg(200, 100)).outcome(), "502 storage-unavailable");
    assert_eq!(rig.keys(), "", "a new key is free again");
    rig.proxy.heal();
    let record = rig.server.upload("a.jpg", &jpeg(200, 100)).json();
    assert!(record["upload"]["version_id"].is_null(), "{record}");
    rig.proxy.fail("PUT", &rig.thumbnails, Fault::Status(500), usize::MAX);
    assert_eq!(rig.server.upload("a.jpg", &jpeg(100, 200)).outcome(), "502 storage-unavailable");
    assert_eq!(rig.keys(), PAIR, "what replaced an earlier object cannot be taken back");
    rig.server.logged("left behind");
}

#[test]
fn too_many_files_are_taken_back() {
    let Some(rig) = rig(true, &[("MAX_FILES", "3")]) else { return };
    rig.server.upload("0.jpg", &jpeg(20, 10));
    let before = rig.stored();
    let picture = jpeg(30, 10);
    let names = ["0.jpg", "1.jpg", "2.jpg", "3.jpg"];
    let answer = rig.server.send(form_head(), &form(&names.map(|name| (name, &*picture))));
    assert_eq!(answer.outcome(), "413 too-many-files");
    assert_eq!(rig.stored(), before);
}

#[test]
fn originals_are_private_unless_they_are_declared_public() {
    let Some(private) = rig(true, &[]) else { return };
    let record = private.server.upload("a.jpg", &jpeg(20, 10)).json();
    assert_eq!(private.server.get("/uploads/a.jpg").outcome(), "403 forbidden");
    assert!(record["upload"]["url"].as_str().unwrap().contains("X-Amz-Signature"), "{record}");
    let Some(public) = rig(true, &[("PUBLIC_ORIGINALS", "true")]) else { return };
    public.server.upload("a.jpg", &jpeg(20, 10));
    let answer = public.server.get("/uploads/a.jpg");
    assert_eq!(answer.status, 307);
    assert!(answer.header("location").contains("X-Amz-Signature"));
    assert_eq!(public.server.get("/uploads/none.jpg").outcome(), "404 not-found");
    assert_eq!(public.server.get("/thumbnails/a-thumbnail.jpg").status, 200);
}

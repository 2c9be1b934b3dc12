//! What a process leaves that is killed between two steps of a write or a removal, made by hand.

use std::fs::{self, File};
use std::io::Write as _;

use super::*;

/// The line that a put writes before its commit.
fn line(version: u64, text: &str) -> String {
    format!(
        r#"{{"version":{version},"bytes":{},"modified":1234567890123456789,"content-type":"image/png","metadata":{{"upload-id":"lost"}}}}"#,
        text.len()
    )
}

fn append(f: &Fixture, text: &str) {
    let record = f.path(".thumbgate/records/a.jpg");
    let mut file = File::options().create(true).append(true).open(record).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The state after the kill is the one before the put; then everything works as ever.
async fn assert_unharmed(f: Fixture, one: &str) {
    let expected = format!("3 image/png {one} id of one");
    assert_eq!(facts(&f.store, "a.jpg").await, expected);
    let f = f.reopened().await;
    assert_eq!(facts(&f.store, "a.jpg").await, expected);
    assert_eq!(fs::read_dir(f.path(".thumbgate/tmp")).unwrap().count(), 0);
    let two = put(&f.store, "a.jpg", "two").await;
    let three = put(&f.store, "a.jpg", "three").await;
    assert_eq!(facts(&f.store, "a.jpg").await, format!("5 image/png {three} id of three"));
    f.store.remove(UPLOADS, "a.jpg", Some(&three)).await.unwrap();
    f.store.remove(UPLOADS, "a.jpg", Some(&two)).await.unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, expected);
    f.store.remove(UPLOADS, "a.jpg", None).await.unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, "no such object");
    assert_eq!(f.files(), [""; 0]);
}

#[tokio::test]
async fn killed_while_writing_the_temporary_file() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    fs::write(f.path(".thumbgate/tmp/dead.part"), "hal").unwrap();
    assert_unharmed(f, &one).await;
}

#[tokio::test]
async fn killed_in_the_middle_of_the_record_line() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    append(&f, &line(900, "two")[..40]);
    assert_unharmed(f, &one).await;
}

#[tokio::test]
async fn killed_after_the_record_line() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    append(&f, &format!("{}\n", line(900, "two")));
    assert_unharmed(f, &one).await;
}

#[tokio::test]
async fn killed_after_the_earlier_version_was_linked() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    append(&f, &format!("{}\n", line(900, "two")));
    fs::create_dir(f.path(".thumbgate/versions/a.jpg")).unwrap();
    fs::hard_link(f.path("a.jpg"), f.path(&format!(".thumbgate/versions/a.jpg/{one}.jpg"))).unwrap();
    fs::write(f.path(".thumbgate/tmp/dead.part"), "two").unwrap();
    assert_unharmed(f, &one).await;
}

#[tokio::test]
async fn killed_after_the_link_and_then_removed_does_not_come_back() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    let two = put(&f.store, "a.jpg", "two").await;
    append(&f, &format!("{}\n", line(900, "three")));
    fs::hard_link(f.path("a.jpg"), f.path(&format!(".thumbgate/versions/a.jpg/{two}.jpg"))).unwrap();
    f.store.remove(UPLOADS, "a.jpg", Some(&two)).await.unwrap();
    assert_unharmed(f, &one).await;
}

#[tokio::test]
async fn killed_before_the_first_version_appeared() {
    let f = fixture().await;
    append(&f, &format!("{}\n", line(900, "lost")));
    fs::write(f.path(".thumbgate/tmp/dead.part"), "lost").unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, "no such object");
    let f = f.reopened().await;
    assert_eq!(facts(&f.store, "a.jpg").await, "no such object");
    let won = f.store.put(UPLOADS, "a.jpg", &object("one"), &Condition::IfAbsent).await.unwrap();
    assert_unharmed(f, &won.version_id.unwrap()).await;
}

#[tokio::test]
async fn killed_after_a_removal_restored_the_version_before() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    put(&f.store, "a.jpg", "two").await;
    fs::rename(f.path(&format!(".thumbgate/versions/a.jpg/{one}.jpg")), f.path("a.jpg")).unwrap();
    assert_unharmed(f, &one).await;
}

#[tokio::test]
async fn killed_after_the_only_version_was_removed() {
    let f = fixture().await;
    put(&f.store, "a.jpg", "gone").await;
    fs::remove_file(f.path("a.jpg")).unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, "no such object");
    let one = put(&f.store, "a.jpg", "one").await;
    assert_unharmed(f, &one).await;
}

#[tokio::test]
async fn killed_after_the_bytes_of_an_earlier_version_were_removed() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    let two = put(&f.store, "a.jpg", "two").await;
    let three = put(&f.store, "a.jpg", "three").await;
    fs::remove_file(f.path(&format!(".thumbgate/versions/a.jpg/{two}.jpg"))).unwrap();
    let f = f.reopened().await;
    f.store.remove(UPLOADS, "a.jpg", Some(&three)).await.unwrap();
    assert_unharmed(f, &one).await;
}

#[tokio::test]
async fn a_start_leaves_alone_what_another_process_is_writing() {
    let f = fixture().await;
    let path = f.path(".thumbgate/tmp/alive.part");
    let alive = File::create(&path).unwrap();
    alive.lock().unwrap();
    fs::write(f.path(".thumbgate/tmp/dead.part"), "").unwrap();
    let f = f.reopened().await;
    assert_eq!(f.files(), [".thumbgate/tmp/alive.part"]);
    drop(alive);
    let f = f.reopened().await;
    assert_eq!(f.files(), [""; 0]);
}

//! What a person does in the folder.

use std::fs;

use super::super::temp::Temp;
use super::*;

/// SHA-256 of `foreign`.
const HASH: &str = "656771905e1ef731f65cd0a0d9fb061238380a1a012e6abdf846ecc7d2ea36fd";

#[tokio::test]
async fn a_file_put_there_by_hand_is_served_and_kept_when_written_over() {
    let f = fixture().await;
    fs::write(f.path("my photo.JPG"), "foreign").unwrap();
    assert_eq!(facts(&f.store, "my photo.JPG").await, "7 image/jpeg - -");
    assert_eq!(text(&f.store, "my photo.JPG").await.unwrap(), "foreign");
    let stat = f.store.head(UPLOADS, "my photo.JPG").await.unwrap();
    assert_eq!(stat.metadata.sha256.as_deref(), Some(HASH));
    let refused = f.store.put(UPLOADS, "my photo.JPG", &object("x"), &Condition::IfAbsent).await;
    assert!(matches!(refused, Err(Error::AlreadyExists)));
    let version = put(&f.store, "my photo.JPG", "ours").await;
    f.store.remove(UPLOADS, "my photo.JPG", Some(&version)).await.unwrap();
    assert_eq!(text(&f.store, "my photo.JPG").await.unwrap(), "foreign");
    let stat = f.store.head(UPLOADS, "my photo.JPG").await.unwrap();
    assert_eq!((stat.metadata.sha256.as_deref(), stat.content_type.as_str()), (Some(HASH), "image/jpeg"));
    assert!(stat.version_id.is_some());
}

#[tokio::test]
async fn a_version_edited_by_hand_is_a_file_of_its_own_between_ours() {
    let f = fixture().await;
    put(&f.store, "a.png", "one").await;
    put(&f.store, "a.png", "two").await;
    fs::write(f.path("a.png"), "edited in place").unwrap();
    assert_eq!(facts(&f.store, "a.png").await, "15 image/png - -");
    let three = put(&f.store, "a.png", "three").await;
    f.store.remove(UPLOADS, "a.png", Some(&three)).await.unwrap();
    assert_eq!(text(&f.store, "a.png").await.unwrap(), "edited in place");
    f.store.remove(UPLOADS, "a.png", None).await.unwrap();
    assert_eq!(text(&f.store, "a.png").await.unwrap(), "one");
}

#[tokio::test]
async fn an_edited_file_can_be_removed_as_the_newest_version() {
    let f = fixture().await;
    let one = put(&f.store, "a.png", "one").await;
    put(&f.store, "a.png", "two").await;
    fs::write(f.path("a.png"), "edited").unwrap();
    f.store.remove(UPLOADS, "a.png", None).await.unwrap();
    assert_eq!(facts(&f.store, "a.png").await, format!("3 image/png {one} id of one"));
}

#[tokio::test]
async fn what_a_person_deleted_does_not_come_back() {
    let f = fixture().await;
    put(&f.store, "a.jpg", "one").await;
    let two = put(&f.store, "a.jpg", "two").await;
    fs::remove_file(f.path("a.jpg")).unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, "no such object");
    f.store.remove(UPLOADS, "a.jpg", Some(&two)).await.unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, "no such object");
    let three = f.store.put(UPLOADS, "a.jpg", &object("three"), &Condition::IfAbsent).await.unwrap();
    let four = put(&f.store, "a.jpg", "four").await;
    f.store.remove(UPLOADS, "a.jpg", three.version_id.as_deref()).await.unwrap();
    f.store.remove(UPLOADS, "a.jpg", Some(&four)).await.unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, "no such object");
    assert_eq!(f.files().len(), 2, "the first version's bytes and record are still there: {:?}", f.files());
}

#[tokio::test]
async fn a_backup_that_keeps_whole_seconds_keeps_the_facts() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    let file = fs::File::options().write(true).open(f.path("a.jpg")).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    let whole = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(whole)).unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(whole + 1)).unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, "3 image/jpeg - -");
}

#[tokio::test]
async fn where_links_cannot_be_had_a_copy_keeps_what_a_file_is_known_by() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    let copy = Temp::copy_of(&f.path(""), &f.path("a.jpg")).unwrap();
    copy.rename_to(&f.path("a.jpg")).unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
}

#[tokio::test]
async fn a_record_full_of_nonsense_harms_only_itself() {
    let f = fixture().await;
    put(&f.store, "a.jpg", "one").await;
    fs::write(f.path(".thumbgate/records/a.jpg"), b"{}\n\xff\xfe\nnull\n").unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, "3 image/jpeg - -");
    let two = put(&f.store, "a.jpg", "two").await;
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {two} id of two"));
    f.store.remove(UPLOADS, "a.jpg", Some(&two)).await.unwrap();
    assert_eq!(text(&f.store, "a.jpg").await.unwrap(), "one");
}

#[tokio::test]
async fn bytes_that_no_record_knows_do_not_pass_for_a_version() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    fs::create_dir(f.path(".thumbgate/versions/a.jpg")).unwrap();
    fs::write(f.path(&format!(".thumbgate/versions/a.jpg/{one}.jpg")), "stray").unwrap();
    put(&f.store, "a.jpg", "two").await;
    f.store.remove(UPLOADS, "a.jpg", None).await.unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
    assert_eq!(text(&f.store, "a.jpg").await.unwrap(), "one");
}

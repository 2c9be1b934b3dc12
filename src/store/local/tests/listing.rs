//! What a listing shows, and in which order.

use std::fs;

use super::super::list::page;
use super::*;
use crate::store::ListFrom;

/// The keys page by page, `most` on each.
fn keys(f: &Fixture, prefix: &str, after: Option<&str>, most: usize) -> Vec<String> {
    let mut keys = Vec::new();
    let mut after = after.map(str::to_owned);
    loop {
        let page = page(&f.dir.path().join("uploads"), prefix, after.as_deref(), most).unwrap();
        assert!(page.objects.len() <= most);
        keys.extend(page.objects.into_iter().map(|object| object.key));
        let Some(next) = page.next else { return keys };
        after = Some(next);
    }
}

#[tokio::test]
async fn keys_come_in_the_order_of_their_bytes_on_pages_of_any_size() {
    let f = fixture().await;
    let mut all = [
        "a-b.jpg",
        "a/b.jpg",
        "a.jpg",
        "a.jpg/b.jpg",
        "a/b/c.jpg",
        "a!b.jpg",
        "Z.png",
        "ü.jpg",
        "a/b.jpg/c.png",
        "b/a.jpg",
        "a0.jpg",
        "x/größe 写真.JPG",
        "a.jpg.png",
    ]
    .map(str::to_owned);
    for key in &all {
        put(&f.store, key, key).await;
    }
    all.sort();
    for most in 1..=all.len() + 1 {
        assert_eq!(keys(&f, "", None, most), all, "{most} on a page");
    }
    for (number, key) in all.iter().enumerate() {
        assert_eq!(keys(&f, "", Some(key), 2), all[number + 1..], "behind {key}");
    }
    for prefix in ["a", "a/", "a/b", "a.jpg", "a.jpg/", "x/g", "none", "a/b.jpg/c.png"] {
        let expected: Vec<_> = all.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
        assert_eq!(keys(&f, prefix, None, 2), expected, "{prefix}");
    }
    assert_eq!(keys(&f, "", Some("a/zzz"), 3)[0], "a0.jpg", "behind a key that is not there");
}

#[tokio::test]
async fn a_listing_shows_what_can_be_had_under_its_key_and_no_more() {
    let f = fixture().await;
    put(&f.store, "a.jpg", "one").await;
    put(&f.store, "a.jpg", "three").await;
    put(&f.store, "gone.jpg", "gone").await;
    f.store.remove(UPLOADS, "gone.jpg", None).await.unwrap();
    fs::write(f.path("by hand.JPG"), "hand").unwrap();
    fs::write(f.path("notes.txt"), "no picture").unwrap();
    fs::write(f.path(".hidden.jpg"), "").unwrap();
    fs::write(f.path("copy.jpg~"), "").unwrap();
    fs::create_dir(f.path("folder.jpg")).unwrap();
    fs::write(f.path("folder.jpg/a.jpg"), "no key leads here").unwrap();
    fs::create_dir(f.path("empty")).unwrap();
    std::os::unix::fs::symlink(f.path("a.jpg"), f.path("link.jpg")).unwrap();
    let page = f.store.list(UPLOADS, "", ListFrom::Beginning).await.unwrap();
    let shown: Vec<_> = page.objects.iter().map(|object| (object.key.as_str(), object.bytes)).collect();
    assert_eq!(shown, [("a.jpg", 5), ("by hand.JPG", 4), ("notes.txt", 10)]);
    assert_eq!(page.next, None);
    assert_eq!(page.objects[0].modified, f.store.head(UPLOADS, "a.jpg").await.unwrap().modified);
    assert!(f.store.list(Bucket::Thumbnails, "", ListFrom::Beginning).await.unwrap().objects.is_empty());
}

#[tokio::test]
async fn a_folder_with_more_names_than_a_page_has_is_listed_whole() {
    let f = fixture().await;
    let mut expected = Vec::new();
    for number in 0..2_500 {
        let name = format!("{number:05}.jpg");
        fs::write(f.path(&name), "").unwrap();
        expected.push(name);
    }
    let mut found = Vec::new();
    let mut next = None::<String>;
    for _ in 0..3 {
        let from = next.as_deref().map_or(ListFrom::Beginning, ListFrom::Next);
        let page = f.store.list(UPLOADS, "", from).await.unwrap();
        found.extend(page.objects.into_iter().map(|object| object.key));
        next = page.next;
    }
    assert_eq!((found, next), (expected, None));
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_no_empty_one() {
    let f = fixture().await;
    fs::remove_dir_all(f.dir.path().join("uploads")).unwrap();
    assert!(matches!(f.store.list(UPLOADS, "", ListFrom::Beginning).await, Err(Error::Unavailable(_))));
}

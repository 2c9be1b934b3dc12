//! Earlier versions, conditions, and several users of one folder.

use std::fs::{self, File};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::counter;
use super::*;

#[tokio::test]
async fn removing_the_newest_version_brings_back_the_one_before() {
    let f = fixture().await;
    let one = put(&f.store, "x/a.jpg", "one").await;
    let two = put(&f.store, "x/a.jpg", "two").await;
    let three = put(&f.store, "x/a.jpg", "three").await;
    assert_eq!(fs::read_to_string(f.path("x/a.jpg")).unwrap(), "three");
    assert_eq!(fs::read_to_string(f.path(&format!(".thumbgate/versions/x/a.jpg/{one}.jpg"))).unwrap(), "one");
    f.store.remove(UPLOADS, "x/a.jpg", Some(&two)).await.unwrap();
    assert_eq!(facts(&f.store, "x/a.jpg").await, format!("5 image/png {three} id of three"));
    f.store.remove(UPLOADS, "x/a.jpg", Some(&three)).await.unwrap();
    assert_eq!(facts(&f.store, "x/a.jpg").await, format!("3 image/png {one} id of one"));
    assert_eq!(fs::read_to_string(f.path("x/a.jpg")).unwrap(), "one");
    f.store.remove(UPLOADS, "x/a.jpg", None).await.unwrap();
    assert_eq!(facts(&f.store, "x/a.jpg").await, "no such object");
    assert_eq!(f.files(), [""; 0]);
    assert!(!f.path("x").exists(), "the empty folder is tidied up");
    assert!(!f.path(".thumbgate/versions/x").exists());
}

#[tokio::test]
async fn removing_what_is_not_there_is_success_and_changes_nothing() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    for version in ["999", "", "-1", "0x1", "01", "../1"] {
        f.store.remove(UPLOADS, "a.jpg", Some(version)).await.unwrap();
    }
    f.store.remove(UPLOADS, "b.jpg", Some(&one)).await.unwrap();
    f.store.remove(UPLOADS, "b.jpg", None).await.unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
}

#[tokio::test]
async fn a_version_removed_twice_takes_no_other_with_it() {
    let f = fixture().await;
    put(&f.store, "a.jpg", "one").await;
    let two = put(&f.store, "a.jpg", "two").await;
    f.store.remove(UPLOADS, "a.jpg", Some(&two)).await.unwrap();
    let three = put(&f.store, "a.jpg", "three").await;
    f.store.remove(UPLOADS, "a.jpg", Some(&two)).await.unwrap();
    assert_ne!(two, three);
    assert_eq!(text(&f.store, "a.jpg").await.unwrap(), "three");
}

#[tokio::test]
async fn versions_of_equal_size_and_time_are_told_apart() {
    let f = fixture().await;
    for number in 0..50 {
        let version = put(&f.store, "a.jpg", &format!("{number:02}")).await;
        assert_eq!(facts(&f.store, "a.jpg").await, format!("2 image/png {version} id of {number:02}"));
    }
    for number in (0..49).rev() {
        f.store.remove(UPLOADS, "a.jpg", None).await.unwrap();
        assert!(facts(&f.store, "a.jpg").await.ends_with(&format!("id of {number:02}")));
        assert_eq!(text(&f.store, "a.jpg").await.unwrap(), format!("{number:02}"));
    }
}

/// The first version is of a time that is still to come.
#[tokio::test]
async fn a_clock_that_goes_back_changes_neither_order_nor_ids() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    let file = File::options().write(true).open(f.path("a.jpg")).unwrap();
    let was = file.metadata().unwrap().modified().unwrap();
    let ahead = was + Duration::from_secs(365 * 24 * 3600);
    file.set_modified(ahead).unwrap();
    let nanoseconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_nanos().to_string();
    let record = f.path(".thumbgate/records/a.jpg");
    let line = fs::read_to_string(&record).unwrap();
    fs::write(&record, line.replace(&nanoseconds(was), &nanoseconds(ahead))).unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
    let two = put(&f.store, "a.jpg", "two").await;
    assert!(two.parse::<u64>().unwrap() > one.parse().unwrap(), "{two} comes after {one}");
    let f = f.reopened().await;
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {two} id of two"));
    f.store.remove(UPLOADS, "a.jpg", Some(&two)).await.unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
}

#[tokio::test]
async fn if_absent_refuses_what_exists() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    let refused = f.store.put(UPLOADS, "a.jpg", &object("two"), &Condition::IfAbsent).await;
    assert!(matches!(refused, Err(Error::AlreadyExists)), "{refused:?}");
    assert_eq!(f.files(), [".thumbgate/records/a.jpg", "a.jpg"]);
    f.store.remove(UPLOADS, "a.jpg", Some(&one)).await.unwrap();
    f.store.put(UPLOADS, "a.jpg", &object("two"), &Condition::IfAbsent).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_conditional_writes_exactly_one_wins() {
    let f = fixture().await;
    let stores = [Arc::new(open(f.dir.path()).await), Arc::new(open(f.dir.path()).await)];
    for round in 0..10 {
        let key = format!("x{round}/a.jpg");
        let writing = (0..32).map(|number| {
            let store = Arc::clone(&stores[number % 2]);
            let key = key.clone();
            tokio::spawn(
                async move { store.put(UPLOADS, &key, &object(&number.to_string()), &Condition::IfAbsent).await },
            )
        });
        let mut won = Vec::new();
        for (number, writing) in writing.collect::<Vec<_>>().into_iter().enumerate() {
            match writing.await.unwrap() {
                Ok(_) => won.push(number.to_string()),
                Err(Error::AlreadyExists) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(won, [text(&stores[0], &key).await.unwrap()]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_folder_lose_no_version() {
    let f = fixture().await;
    let stores = [Arc::new(open(f.dir.path()).await), Arc::new(open(f.dir.path()).await)];
    let writing: Vec<_> = (0..64)
        .map(|number| {
            let store = Arc::clone(&stores[number % 2]);
            tokio::spawn(async move { put(&store, "a.jpg", &number.to_string()).await })
        })
        .collect();
    let mut versions = Vec::new();
    for writing in writing {
        versions.push(writing.await.unwrap().parse::<u64>().unwrap());
    }
    let mut seen = Vec::new();
    while let Some(text) = text(&stores[1], "a.jpg").await {
        seen.push(text.parse::<usize>().unwrap());
        stores[0].remove(UPLOADS, "a.jpg", None).await.unwrap();
    }
    // Newest first, by what is visible, is newest first by version id.
    assert!(seen.is_sorted_by_key(|number| std::cmp::Reverse(versions[*number])));
    seen.sort_unstable();
    assert_eq!(seen, Vec::from_iter(0..64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn folders_that_come_and_go_are_in_nobodys_way() {
    let f = fixture().await;
    let store = Arc::new(open(f.dir.path()).await);
    let writing: Vec<_> = (0..8)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..20 {
                    let key = format!("x/y/{number}.jpg");
                    put(&store, &key, "one").await;
                    let two = put(&store, &key, "two").await;
                    store.remove(UPLOADS, &key, Some(&two)).await.unwrap();
                    assert_eq!(text(&store, &key).await.as_deref(), Some("one"), "round {round}");
                    store.remove(UPLOADS, &key, None).await.unwrap();
                }
            })
        })
        .collect();
    for writing in writing {
        writing.await.unwrap();
    }
    assert_eq!(f.files(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_whole_versions_with_their_own_facts() {
    let f = fixture().await;
    let store = Arc::new(open(f.dir.path()).await);
    put(&store, "a.jpg", "0").await;
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for number in 1..100_usize {
            let version = put(&writer, "a.jpg", &"x".repeat(number)).await;
            if number % 3 == 0 {
                writer.remove(UPLOADS, "a.jpg", Some(&version)).await.unwrap();
            }
        }
    });
    let mut looks = 0;
    while looks == 0 || !writing.is_finished() {
        let download = store.get(UPLOADS, "a.jpg", None).await.ok().unwrap();
        let upload_id = download.stat.metadata.upload_id.unwrap();
        let parts: Vec<Bytes> = download.body.try_collect().await.unwrap();
        assert_eq!(upload_id.as_bytes(), [b"id of ", parts.concat().as_slice()].concat());
        looks += 1;
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn a_key_with_very_many_versions_is_read_to_its_first() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    for _ in 0..40 {
        put(&f.store, "a.jpg", "more").await;
    }
    assert!(fs::metadata(f.path(".thumbgate/records/a.jpg")).unwrap().len() > 4096);
    // As a person would bring back an old one: the record's last lines do not know it.
    fs::rename(f.path(&format!(".thumbgate/versions/a.jpg/{one}.jpg")), f.path("a.jpg")).unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
}

#[tokio::test]
async fn version_ids_only_grow_over_restarts_and_instances() {
    let mut f = fixture().await;
    let other = open(f.dir.path()).await;
    let mut ids = Vec::new();
    for round in 0..3 {
        for number in 0..6 {
            let key = format!("{}.jpg", number % 2);
            let store = if number % 3 == 0 { &other } else { &f.store };
            let id = put(store, &key, "text").await;
            store.remove(UPLOADS, &key, Some(&id)).await.unwrap();
            ids.push(id.parse::<u64>().unwrap());
            // As many as it takes to run through what one sync has reserved.
            ids.extend((0..300).map(|_| counter::take(&f.path(""), 1, 0).unwrap()));
        }
        if round == 1 {
            // A power failure may bring back an old content of what was not synced.
            let counter = f.path(".thumbgate/counter");
            let reserved = fs::read_to_string(&counter).unwrap().split_once(' ').unwrap().1.to_owned();
            fs::write(&counter, format!("{:020} {reserved}", 1)).unwrap();
        }
        f = f.reopened().await;
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[tokio::test]
async fn a_lost_counter_does_not_repeat_the_ids_of_a_key() {
    let f = fixture().await;
    let ids = [put(&f.store, "a.jpg", "one").await, put(&f.store, "a.jpg", "two").await];
    fs::write(f.path(".thumbgate/counter"), "nonsense").unwrap();
    let f = f.reopened().await;
    let three: u64 = put(&f.store, "a.jpg", "three").await.parse().unwrap();
    assert!(ids.iter().all(|id| id.parse::<u64>().unwrap() < three));
}

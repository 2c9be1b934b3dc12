//! Keys that mean harm, and folders that are not as they should be.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use super::super::open::has_two_cases;
use super::super::{OpenError, layout, write};
use super::*;

#[tokio::test]
async fn keys_that_no_writer_of_ours_could_have_written_are_not_found() {
    let f = fixture().await;
    fs::write(f.dir.path().join("secret.jpg"), "secret").unwrap();
    fs::write(f.path(".thumbgate/a.jpg"), "secret").unwrap();
    fs::write(f.path("readme.txt"), "secret").unwrap();
    fs::create_dir(f.path("b.jpg~")).unwrap();
    fs::write(f.path("b.jpg~/a.jpg"), "secret").unwrap();
    let long = format!("{}.jpg", "x".repeat(252));
    let deep = format!("{}a.jpg", "x/".repeat(600));
    let before = f.files();
    for key in [
        "",
        "/",
        "a.jpg/",
        "/a.jpg",
        "x//a.jpg",
        ".",
        "..",
        "../secret.jpg",
        "x/../../secret.jpg",
        "./a.jpg",
        ".thumbgate/a.jpg",
        "x/.thumbgate/a.jpg",
        ".jpg",
        "readme.txt",
        "a.jpg\0",
        "a\n.jpg",
        "..\\secret.jpg",
        "b.jpg~/a.jpg",
        "b.jpg~",
        "C:a.jpg",
        "/etc/passwd",
        &long,
        &deep,
    ] {
        assert_eq!(facts(&f.store, key).await, "no such object", "{key:?}");
        assert_eq!(text(&f.store, key).await, None, "{key:?}");
        f.store.remove(UPLOADS, key, None).await.unwrap();
        let refused = f.store.put(UPLOADS, key, &object("x"), &Condition::Always).await.unwrap_err();
        assert!(chain(&refused).contains("can't be the name of a file"), "{key:?}: {}", chain(&refused));
    }
    assert_eq!(f.files(), before);
}

#[test]
fn the_longest_names_fit() {
    let root = Path::new("/root");
    let name = format!("{}.jpg", "x".repeat(251));
    assert!(layout::place(root, &name).is_some());
    assert!(layout::place(root, &format!("{name}/a.jpg")).is_none(), "the mark makes it too long");
    assert!(layout::place(root, &format!("{}/a.jpg", &name[1..])).is_some());
}

#[tokio::test]
async fn a_file_and_a_folder_of_the_same_name_can_both_be() {
    let f = fixture().await;
    for (key, path) in [
        ("a.jpg", "a.jpg"),
        ("a.jpg/b.jpg", "a.jpg~/b.jpg"),
        ("a.jpg/b.jpg/c.PNG", "a.jpg~/b.jpg~/c.PNG"),
        ("a.JPEG/b.jpg", "a.JPEG~/b.jpg"),
        ("bild-ä/b.jpg", "bild-ä/b.jpg"),
    ] {
        put(&f.store, key, key).await;
        put(&f.store, key, key).await;
        assert_eq!(fs::read_to_string(f.path(path)).unwrap(), key);
        assert_eq!(text(&f.store, key).await.unwrap(), key);
    }
}

#[tokio::test]
async fn links_do_not_lead_out() {
    let f = fixture().await;
    let outside = f.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a.jpg"), "secret").unwrap();
    symlink(&outside, f.path("x")).unwrap();
    symlink(outside.join("a.jpg"), f.path("b.jpg")).unwrap();
    fs::create_dir(f.path("c.jpg")).unwrap();
    for key in ["x/a.jpg", "x/new.jpg", "b.jpg", "c.jpg"] {
        assert_eq!(text(&f.store, key).await, None, "{key}");
        f.store.remove(UPLOADS, key, None).await.unwrap();
        let refused = f.store.put(UPLOADS, key, &object("x"), &Condition::Always).await.unwrap_err();
        assert!(chain(&refused).contains("neither a file nor a folder of this store"), "{}", chain(&refused));
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(outside.join("a.jpg")).unwrap(), "secret");
    assert_eq!(fs::read_dir(f.path(".thumbgate/tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_that_was_taken_away_is_a_failure_and_does_not_come_back() {
    let f = fixture().await;
    put(&f.store, "a.jpg", "one").await;
    f.store.check(UPLOADS).await.unwrap();
    fs::rename(f.path(""), f.dir.path().join("elsewhere")).unwrap();
    let failures = [
        f.store.put(UPLOADS, "x/a.jpg", &object("x"), &Condition::Always).await.err(),
        f.store.put(UPLOADS, "a.jpg", &object("x"), &Condition::IfAbsent).await.err(),
        f.store.head(UPLOADS, "a.jpg").await.err(),
        f.store.get(UPLOADS, "a.jpg", None).await.err(),
        f.store.remove(UPLOADS, "a.jpg", None).await.err(),
        f.store.check(UPLOADS).await.err(),
    ];
    for failure in failures {
        let failure = failure.unwrap();
        assert!(matches!(failure, Error::Unavailable(_)), "{failure:?}");
        let text = chain(&failure);
        assert!(text.contains("/uploads") && text.contains("No such file"), "{text}");
    }
    assert!(!f.path("").exists());
    f.store.check(Bucket::Thumbnails).await.unwrap();
    fs::rename(f.dir.path().join("elsewhere"), f.path("")).unwrap();
    assert_eq!(text(&f.store, "a.jpg").await.unwrap(), "one");
}

#[tokio::test]
async fn a_write_that_fails_half_way_leaves_nothing_and_hides_nothing() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    // Files in place of folders: unlike a mode, this stops root too.
    for part in ["tmp", "versions"] {
        let folder = f.path(".thumbgate").join(part);
        fs::remove_dir(&folder).unwrap();
        fs::write(&folder, "in the way").unwrap();
        let refused = f.store.put(UPLOADS, "a.jpg", &object("two"), &Condition::Always).await.unwrap_err();
        assert!(chain(&refused).contains(folder.to_str().unwrap()), "{}", chain(&refused));
        assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
        fs::remove_file(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        assert_eq!(f.files(), [".thumbgate/records/a.jpg", "a.jpg"]);
    }
    let two = put(&f.store, "a.jpg", "two").await;
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {two} id of two"));
    f.store.remove(UPLOADS, "a.jpg", Some(&two)).await.unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
}

#[tokio::test]
async fn a_write_that_comes_too_late_does_not_take_place() {
    let f = fixture().await;
    let one = put(&f.store, "a.jpg", "one").await;
    let place = f.store.place(UPLOADS, "a.jpg").unwrap();
    let late = write::put(&place, &object("two"), &Condition::Always, Instant::now() - Duration::from_secs(1));
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
    assert_eq!(fs::read_dir(f.path(".thumbgate/tmp")).unwrap().count(), 0);
    let three = put(&f.store, "a.jpg", "three").await;
    f.store.remove(UPLOADS, "a.jpg", Some(&three)).await.unwrap();
    assert_eq!(facts(&f.store, "a.jpg").await, format!("3 image/png {one} id of one"));
}

#[tokio::test]
async fn a_check_leaves_nothing() {
    let f = fixture().await;
    f.store.check(UPLOADS).await.unwrap();
    assert_eq!(f.files(), [""; 0]);
}

#[tokio::test]
async fn folders_that_cannot_serve_are_refused_with_what_would_be_right() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = Local::open(file.clone(), names()).await.unwrap_err();
    assert!(matches!(&refused, OpenError::NotAFolder(path) if *path == file), "{refused}");
    let refused = Local::open(file.join("below"), names()).await.unwrap_err();
    assert!(matches!(&refused, OpenError::CannotCreate { .. }), "{refused}");
    assert!(chain(&refused).contains("/file/below; the store needs"), "{}", chain(&refused));
    fs::create_dir(dir.path().join("uploads")).unwrap();
    fs::write(dir.path().join("uploads/.thumbgate"), "").unwrap();
    let refused = Local::open(dir.path().to_owned(), names()).await.unwrap_err();
    assert!(matches!(&refused, OpenError::NotWritable { .. }), "{refused}");
    for name in ["", "..", ".thumbgate", "a/b", "a\\b"] {
        let names = BucketNames { uploads: name.to_owned(), ..names() };
        let refused = Local::open(dir.path().join("new"), names).await.unwrap_err();
        assert!(matches!(&refused, OpenError::BadName(_)), "{refused}");
    }
}

#[test]
fn a_volume_that_ignores_case_shows_in_a_file_with_two_names() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("1a.part"), "").unwrap();
    assert!(!has_two_cases(&dir.path().join("1a.part")));
    // What such a volume would answer.
    fs::write(dir.path().join("1A.PART"), "").unwrap();
    assert!(has_two_cases(&dir.path().join("1a.part")));
}

//! Stored files can't hurt who opens them: whatever is in one, a browser gets a picture or a download.

use std::io::{Read, Write};
use std::net::TcpStream;

use aws_sdk_s3::primitives::ByteStream;

use super::client::{Answer, parse};
use super::keys::{SHOP, entries};
use super::pictures::{jpeg, png};
use super::s3::{Rig, rig};
use super::server::Server;

const PAGE: &[u8] = b"<!doctype html><script>alert(document.cookie)</script>";

/// A JPEG with a page in its comment.
fn polyglot() -> Vec<u8> {
    let (picture, length) = (jpeg(30, 20), u16::try_from(PAGE.len() + 2).unwrap().to_be_bytes());
    [&picture[..2], &[0xff, 0xfe], &length, PAGE, &picture[2..]].concat()
}

/// What a browser goes by: type, disposition, sniffing, policy.
fn told(answer: &Answer) -> [&str; 4] {
    ["content-type", "content-disposition", "x-content-type-options", "content-security-policy"]
        .map(|name| answer.header(name))
}

const SANDBOX: &str = "default-src 'none'; sandbox";

#[test]
fn what_an_upload_stored_is_shown_as_the_picture_that_it_is() {
    let server = Server::start();
    let table: [(&str, Vec<u8>, &str, &str); 4] = [
        ("a.jpg", jpeg(30, 20), "image/jpeg", "a picture"),
        ("b.jpg", polyglot(), "image/jpeg", "a picture with a page in it"),
        ("c.jpg", [jpeg(30, 20), PAGE.to_vec()].concat(), "image/jpeg", "a picture with a page behind it"),
        ("d.jpg", png(30, 20), "image/png", "a picture under another type's name"),
    ];
    for (name, content, content_type, reason) in table {
        assert_eq!(server.put(&format!("/uploads/{name}"), &content).outcome(), "201", "{reason}");
        for path in [format!("/uploads/{name}"), format!("/thumbnails/{}-thumbnail.jpg", &name[..1])] {
            assert_eq!(told(&server.get(&path)), [content_type, "", "nosniff", SANDBOX], "{reason}: {path}");
        }
        assert_eq!(server.get(&format!("/uploads/{name}")).body, content, "{reason}: kept as it is");
    }
}

#[test]
fn what_came_into_the_folder_by_hand_is_a_download() {
    let server = Server::start();
    server.upload("a.jpg", &jpeg(30, 20));
    for (bucket, key, path) in [
        ("uploads", "page.jpg", "/uploads/page.jpg"),
        ("thumbnails", "page-thumbnail.png", "/thumbnails/page-thumbnail.png"),
    ] {
        std::fs::write(server.file(bucket, key), PAGE).unwrap();
        let content_type = if key.ends_with("png") { "image/png" } else { "image/jpeg" };
        for (method, headers, status) in [("GET", "", 200), ("HEAD", "", 200), ("GET", "Range: bytes=0-9\r\n", 206)] {
            let answer = server.send(format!("{method} {path} HTTP/1.1\r\n{headers}"), b"");
            assert_eq!(
                (answer.status, told(&answer)),
                (status, [content_type, "attachment", "nosniff", SANDBOX]),
                "{method} {path}"
            );
        }
    }
    std::fs::write(server.file("uploads", "a.jpg"), PAGE).unwrap();
    assert_eq!(told(&server.get("/uploads/a.jpg"))[1], "attachment", "also in the place of one that was uploaded");
}

impl Rig {
    /// As another program does it.
    fn put_by_hand(&self, bucket: &str, key: &str, content_type: &str) {
        let object = self.client.put_object().bucket(bucket).key(key).content_type(content_type);
        self.runtime.block_on(object.body(ByteStream::from_static(PAGE)).send()).unwrap();
    }

    fn ask(&self, method: &str, path: &str) -> Answer {
        self.server.send(format!("{method} {path} HTTP/1.1\r\nX-Api-Key: {SHOP}\r\n"), b"")
    }
}

/// Asks the store itself.
fn follow(method: &str, link: &str) -> Answer {
    let (host, target) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "{method} /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    parse(&answer)
}

#[test]
fn on_s3_too_what_was_not_uploaded_is_a_download() {
    let keys = entries();
    let Some(rig) = rig(true, &[("API_KEYS", &*keys)]) else { return };
    rig.put_by_hand(&rig.uploads, "page.jpg", "text/html");
    rig.put_by_hand(&rig.uploads, "lie.jpg", "image/jpeg");
    rig.put_by_hand(&rig.thumbnails, "page-thumbnail.jpg", "text/html");
    let octets = ["application/octet-stream", "attachment", "nosniff", SANDBOX];
    assert_eq!(told(&rig.ask("GET", "/thumbnails/page-thumbnail.jpg")), octets, "through us");
    for (key, content_type) in [("page.jpg", "application/octet-stream"), ("lie.jpg", "image/jpeg")] {
        let answer = rig.ask("GET", &format!("/uploads/{key}"));
        assert_eq!(answer.status, 307, "{key}");
        let got = follow("GET", answer.header("location"));
        assert_eq!((got.status, told(&got)[0], told(&got)[1]), (200, content_type, "attachment"), "{key}");
    }
}

#[test]
fn on_s3_keys_and_links_let_in_as_on_a_folder() {
    let keys = entries();
    let Some(rig) = rig(true, &[("API_KEYS", &*keys), ("PRESIGN_EXPIRES", "2s")]) else { return };
    let picture = jpeg(30, 20);
    assert_eq!(rig.server.put("/uploads/a.jpg", &picture).outcome(), "401 unauthorized");
    let stored = rig.server.send(format!("PUT /uploads/a.jpg HTTP/1.1\r\nX-Api-Key: {SHOP}\r\n"), &picture);
    let record = stored.json();
    let links = ["upload", "thumbnail"].map(|part| record[part]["url"].as_str().unwrap().to_owned());
    for link in &links {
        assert!(link.contains("X-Amz-Signature="), "{link}");
        let got = follow("GET", link);
        assert_eq!((got.status, told(&got)[0], told(&got)[1]), (200, "image/jpeg", ""), "{link}");
        assert_eq!(got.header("cache-control"), "private, no-cache", "{link}");
        assert_eq!(
            follow("GET", &link.replace("a.jpg", "b.jpg").replace("a-thumb", "b-thumb")).status,
            403,
            "another's"
        );
    }
    for path in ["/uploads/a.jpg", "/thumbnails/a-thumbnail.jpg"] {
        assert_eq!(rig.server.get(path).outcome(), "401 unauthorized", "{path}");
    }
    assert_eq!(rig.ask("GET", "/thumbnails/a-thumbnail.jpg").outcome(), "200");
    for method in ["GET", "HEAD"] {
        let answer = rig.ask(method, "/uploads/a.jpg");
        assert_eq!((answer.status, answer.header("cache-control")), (307, "no-store"), "{method}");
        let got = follow(method, answer.header("location"));
        assert_eq!((got.status, told(&got)[1]), (200, ""), "{method}: shown, since an upload stored it");
    }
    assert_eq!(rig.ask("GET", "/uploads/none.jpg").outcome(), "404 not-found");
    std::thread::sleep(std::time::Duration::from_secs(4));
    for link in &links {
        assert_eq!(follow("GET", link).status, 403, "its time is over: {link}");
    }
    assert!(rig.server.all_logged("X-Amz-Signature").is_empty(), "no signature stands in the log");
}

#[test]
fn on_s3_originals_can_be_public_where_uploads_are_not() {
    let keys = entries();
    let Some(rig) = rig(true, &[("API_KEYS", &*keys), ("PUBLIC_ORIGINALS", "true")]) else { return };
    let stored = rig.server.send(format!("PUT /uploads/a.jpg HTTP/1.1\r\nX-Api-Key: {SHOP}\r\n"), &jpeg(30, 20));
    let own = format!("http://{}/uploads/a.jpg", rig.server.address);
    assert_eq!(stored.json()["upload"]["url"], own, "an address that does not end");
    assert_eq!(rig.server.get("/uploads/a.jpg").status, 307);
    assert_eq!(rig.server.get("/thumbnails/a-thumbnail.jpg").outcome(), "401 unauthorized");
    assert_eq!(rig.server.put("/uploads/a.jpg", &jpeg(30, 20)).outcome(), "401 unauthorized");
}

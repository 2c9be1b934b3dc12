//! Links that take a file straight into the store.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::client::{Answer, parse};
use super::function::Function;
use super::pictures::{jpeg, jpeg_of};
use super::s3::{borrowed, rig};
use super::server::Server;

impl Server {
    fn presigned(&self, filename: &str, content_type: &str, bytes: usize) -> Value {
        let wanted = json!({"filename": filename, "content_type": content_type, "bytes": bytes}).to_string();
        let answer =
            self.send("POST /uploads/presigned HTTP/1.1\r\nContent-Type: application/json\r\n", wanted.as_bytes());
        assert_eq!(answer.outcome(), "201", "{}", answer.text());
        answer.json()
    }
}

/// Sends a file as the link says, with changes.
fn follow(link: &Value, content: &[u8], changed: &[(&str, &str)]) -> Answer {
    let url = link["url"].as_str().unwrap();
    let (host, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut head = format!("PUT /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    head += &format!("Content-Length: {}\r\n", content.len());
    for (name, value) in link["headers"].as_object().unwrap() {
        let other = changed.iter().find(|(changed, _)| changed == name).map(|(_, value)| *value);
        head += &format!("{name}: {}\r\n", other.unwrap_or(value.as_str().unwrap()));
    }
    let mut stream = TcpStream::connect(host).unwrap();
    let request = [head.as_bytes(), b"\r\n", content].concat();
    let mut answer = Vec::new();
    std::thread::scope(|scope| {
        let mut writer = stream.try_clone().unwrap();
        scope.spawn(move || writer.write_all(&request));
        stream.read_to_end(&mut answer).unwrap_or_default();
    });
    parse(&answer)
}

#[test]
fn on_the_local_store_a_link_leads_to_the_service_itself() {
    let server = Server::start_with(&[("MAX_DIRECT_BYTES", "10000"), ("MAX_UPLOAD_BYTES", "100000")]);
    let picture = jpeg_of(50_000);
    assert_eq!(server.put("/uploads/a.jpg", &picture).outcome(), "413 payload-too-large");
    let link = server.presigned("my photo.jpg", "image/jpeg", picture.len());
    assert_eq!((link["method"].as_str(), link["key"].as_str()), (Some("PUT"), Some("my-photo.jpg")));
    assert_eq!(link["thumbnail_key"], "my-photo-thumbnail.jpg");
    assert_eq!(link["headers"], json!({"Content-Type": "image/jpeg"}), "not what browsers set by themselves");
    assert!(link["expires_at"].as_str().unwrap().ends_with('Z'), "{link}");
    assert_eq!(follow(&link, &picture, &[]).outcome(), "201", "larger than what goes in directly");
    assert_eq!(server.stored(), "thumbnails/my-photo-thumbnail.jpg uploads/my-photo.jpg");
    assert_eq!(follow(&link, &picture[1..], &[]).outcome(), "403 forbidden", "another size");
    assert_eq!(follow(&link, &picture, &[("Content-Type", "image/png")]).outcome(), "403 forbidden", "another type");
    let link = server.presigned("text.jpg", "image/jpeg", 4);
    assert_eq!(follow(&link, b"text", &[]).outcome(), "415 unsupported-content");
    let expired = Server::start_with(&[("PRESIGN_EXPIRES", "1s")]);
    let link = expired.presigned("a.jpg", "image/jpeg", picture.len());
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(follow(&link, &picture, &[]).outcome(), "403 link-expired");
}

#[test]
fn a_link_for_a_unique_key_is_good_once() {
    let server = Server::start_with(&[("KEY_LAYOUT", "unique")]);
    let picture = jpeg(30, 20);
    let link = server.presigned("a.jpg", "image/jpeg", picture.len());
    assert_eq!(link["headers"]["If-None-Match"], "*");
    let answer = follow(&link, &picture, &[]);
    assert_eq!((answer.status, &answer.json()["upload"]["key"]), (201, &link["key"]), "the key that was told");
    assert_eq!(follow(&link, &picture, &[]).outcome(), "412 already-exists");
}

#[test]
fn on_s3_a_link_takes_this_file_and_no_other() {
    for layout in ["name", "unique"] {
        let Some(rig) = rig(true, &[("KEY_LAYOUT", layout)]) else { return };
        let function = Function::start(&borrowed(&rig.variables));
        let picture = jpeg_of(5_000_000);
        let link = rig.server.presigned("a.jpg", "image/jpeg", picture.len());
        let (headers, signed) = match layout {
            "name" => (json!({"Content-Type": "image/jpeg"}), "content-length;content-type;host"),
            _ => (
                json!({"Content-Type": "image/jpeg", "If-None-Match": "*"}),
                "content-length;content-type;host;if-none-match",
            ),
        };
        assert_eq!(link["headers"], headers, "not what browsers set by themselves");
        let signed = signed.replace(';', "%3B");
        assert!(link["url"].as_str().unwrap().contains(&format!("X-Amz-SignedHeaders={signed}&")), "{link}");
        let thumbnail = format!("/thumbnails/{}", link["thumbnail_key"].as_str().unwrap());
        assert_eq!(rig.server.get(&thumbnail).outcome(), "404 not-found");
        assert_eq!(follow(&link, &picture[1..], &[]).status, 403, "another size");
        assert_eq!(follow(&link, &picture, &[("Content-Type", "text/html")]).status, 403, "another type");
        assert_eq!(follow(&link, &picture, &[]).status, 200);
        assert_eq!(rig.server.get(&thumbnail).outcome(), "404 thumbnail-pending");
        let event = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": rig.uploads}, "object": {"key": link["key"]}}}]});
        function.invoke(&event).unwrap();
        assert_eq!(rig.server.get(&thumbnail).outcome(), "200");
        let again = follow(&link, &picture, &[]).status;
        assert_eq!(again, if layout == "unique" { 412 } else { 200 }, "{layout}");
    }
}

/// Credentials that end in five minutes, from where containers get theirs. A link that says more would be a lie.
#[test]
fn a_link_on_s3_ends_with_the_credentials_that_signed_it() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/credentials", provider.local_addr().unwrap());
    let end = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap() + Duration::minutes(5);
    let end = end.format(&Rfc3339).unwrap();
    let credentials =
        json!({"AccessKeyId": "key", "SecretAccessKey": "secret", "Token": "token", "Expiration": end}).to_string();
    std::thread::spawn(move || {
        for stream in provider.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", credentials.len());
            let _ = stream.write_all(&[head.as_bytes(), credentials.as_bytes()].concat());
        }
    });
    let server = Server::start_with(&[
        ("STORE", "s3"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
    ]);
    let link = server.presigned("a.jpg", "image/jpeg", 5);
    assert_eq!(link["expires_at"], end);
    let link = link["url"].as_str().unwrap();
    let seconds = link.split("X-Amz-Expires=").nth(1).and_then(|rest| rest.split('&').next()?.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| (240..=300).contains(&seconds)), "{link}");
}

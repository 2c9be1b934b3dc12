//! What an upload gives.

use std::fs;
use std::io::{Read, Write};

use super::client::{BOUNDARY, end, form, form_head, part};
use super::pictures::{jpeg, png, size};
use super::server::{Server, wait_for};

#[test]
fn a_jpeg_and_a_png_give_both_keys() {
    let server = Server::start();
    for (name, thumbnail_name, content, content_type) in [
        ("image1.jpg", "image1-thumbnail.jpg", jpeg(640, 480), "image/jpeg"),
        ("image2.png", "image2-thumbnail.png", png(300, 600), "image/png"),
    ] {
        let answer = server.upload(name, &content);
        assert_eq!((answer.outcome(), answer.header("location")), ("201".into(), &*format!("/uploads/{name}")));
        let record = answer.json();
        assert_eq!(record["upload"]["key"], name);
        assert_eq!(record["upload"]["bucket"], "marketing-uploads-bucket");
        assert_eq!(record["upload"]["content_type"], content_type);
        assert_eq!(record["upload"]["bytes"], content.len());
        assert_eq!(record["upload"]["url"], format!("http://{}/uploads/{name}", server.address));
        assert_eq!(record["url"], record["upload"]["url"]);
        assert_eq!(record["thumbnail"]["key"], thumbnail_name);
        assert_eq!(record["thumbnail"]["bucket"], "marketing-thumbnails-bucket");
        assert_eq!(record["thumbnail"]["content_type"], content_type);
        assert_eq!(fs::read(server.file("uploads", name)).unwrap(), content, "the original is kept byte by byte");
        let thumbnail = fs::read(server.file("thumbnails", thumbnail_name)).unwrap();
        let (width, height) = size(&thumbnail);
        assert_eq!(record["thumbnail"]["bytes"], thumbnail.len());
        assert_eq!(
            (record["thumbnail"]["width"].as_u64(), record["thumbnail"]["height"].as_u64()),
            (Some(width.into()), Some(height.into()))
        );
        assert_eq!(width.max(height), 150);
    }
    assert_eq!(
        server.stored(),
        "thumbnails/image1-thumbnail.jpg thumbnails/image2-thumbnail.png uploads/image1.jpg uploads/image2.png"
    );
}

#[test]
fn an_upload_is_one_log_line_with_its_facts() {
    let server = Server::start();
    let answer =
        server.send(format!("{}X-Request-Id: my-own-id\r\n", form_head()), &form(&[("a.jpg", &jpeg(300, 200))]));
    assert_eq!(answer.header("x-request-id"), "my-own-id");
    let line = server.logged("thumbnail created");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["request_id"], "my-own-id");
    assert_eq!((line["key"].as_str(), line["thumbnail_key"].as_str()), (Some("a.jpg"), Some("a-thumbnail.jpg")));
    assert_eq!((line["width"].as_u64(), line["height"].as_u64()), (Some(300), Some(200)));
    for field in ["bytes", "thumbnail_bytes", "receive_ms", "decode_ms", "store_ms"] {
        assert!(line[field].is_number(), "{field} in {line}");
    }
    assert_eq!(line["content_type"], "image/jpeg");
    let timing = answer.header("server-timing");
    assert!(["receive;dur=", "decode;dur=", "store;dur="].iter().all(|phase| timing.contains(phase)), "{timing}");
}

#[test]
fn a_bare_file_can_be_put_with_folders() {
    let server = Server::start();
    let answer = server.put("/uploads/x/y%20z/photo.PNG", &png(20, 10));
    assert_eq!((answer.outcome(), answer.header("location")), ("201".into(), "/uploads/x/y-z/photo.PNG"));
    assert_eq!(server.stored(), "thumbnails/x/y-z/photo-thumbnail.PNG uploads/x/y-z/photo.PNG");
    let answer = server.send_chunked("PUT /uploads/chunked.jpg HTTP/1.1\r\n", &jpeg(200, 100), 700);
    assert_eq!(answer.outcome(), "201");
}

/// A body in chunks may come to be the largest one that is taken, and there is just memory for that.
#[test]
fn the_smallest_memory_does_for_one_upload_at_a_time() {
    let server = Server::start_with(&[("MAX_UPLOAD_BYTES", "4000000"), ("MEMORY_BUDGET", "8000000")]);
    let answer = server.send_chunked("PUT /uploads/chunked.jpg HTTP/1.1\r\n", &jpeg(200, 100), 700);
    assert_eq!(answer.outcome(), "201");
}

#[test]
fn a_put_can_refuse_to_replace() {
    let server = Server::start();
    let first = jpeg(200, 100);
    let head = "PUT /uploads/a.jpg HTTP/1.1\r\nIf-None-Match: *\r\n";
    assert_eq!(server.send(head, &first).outcome(), "201");
    assert_eq!(server.send(head, &jpeg(100, 200)).outcome(), "412 already-exists");
    assert_eq!(server.get("/uploads/a.jpg").body, first, "the first is still there");
    assert_eq!(server.put("/uploads/a.jpg", &jpeg(100, 200)).outcome(), "201", "without the condition it is replaced");
    let other = "PUT /uploads/b.jpg HTTP/1.1\r\nIf-None-Match: \"abc\"\r\n";
    assert_eq!(server.send(other, &first).outcome(), "400 invalid-request");
}

#[test]
fn of_many_conditional_puts_of_one_key_one_wins() {
    let server = Server::start();
    let picture = jpeg(200, 100);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let put = || server.send("PUT /uploads/a.jpg HTTP/1.1\r\nIf-None-Match: *\r\n", &picture).status;
        let racers: Vec<_> = (0..16).map(|_| scope.spawn(put)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|status| **status == 201).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|status| **status == 412).count(), 15, "{outcomes:?}");
}

#[test]
fn a_second_file_of_a_name_becomes_the_newer_version() {
    let server = Server::start();
    let versions: Vec<_> = [jpeg(200, 100), jpeg(100, 200)]
        .iter()
        .map(|content| server.upload("a.jpg", content).json()["upload"]["version_id"].as_str().unwrap().to_owned())
        .collect();
    assert_ne!(versions[0], versions[1]);
    assert_eq!(size(&server.get("/uploads/a.jpg").body), (100, 200));
    assert_eq!(size(&server.get("/thumbnails/a-thumbnail.jpg").body), (75, 150));
}

#[test]
fn several_files_are_answered_one_by_one_in_order() {
    let server = Server::start();
    let answer = server.post(&form(&[
        ("a.jpg", &jpeg(200, 100)),
        ("notes.txt", b"text"),
        ("b.png", &png(100, 100)),
        ("broken.jpg", &jpeg(200, 100)[..500]),
        ("a.jpg", &jpeg(100, 200)),
    ]));
    assert_eq!(answer.status, 207);
    let results = answer.json()["results"].as_array().unwrap().clone();
    let told: Vec<_> = results
        .iter()
        .map(|result| match &result["problem"]["code"] {
            serde_json::Value::String(code) => format!("{} {code}", result["status"]),
            _ => format!("{} {}", result["status"], result["upload"]["key"].as_str().unwrap()),
        })
        .collect();
    assert_eq!(told, ["201 a.jpg", "415 unsupported-extension", "201 b.png", "422 corrupt-image", "201 a.jpg"]);
    assert_eq!(results[1]["problem"]["request_id"], answer.header("x-request-id"));
    assert_eq!(size(&server.get("/uploads/a.jpg").body), (100, 200), "of two of a name the later one is the newer");
}

#[test]
fn twenty_files_are_taken_and_twenty_one_are_not() {
    let server = Server::start();
    let picture = jpeg(20, 10);
    let names: Vec<_> = (0..21).map(|number| format!("{number}.jpg")).collect();
    let files: Vec<_> = names.iter().map(|name| (&**name, &*picture)).collect();
    let answer = server.post(&form(&files));
    assert_eq!(answer.outcome(), "413 too-many-files");
    assert_eq!((answer.json()["limit"].as_u64(), answer.json()["actual"].as_u64()), (Some(20), Some(21)));
    assert_eq!(server.stored(), "", "nothing of it stays");
    let same_name = vec![("a.jpg", &*picture); 21];
    assert_eq!(server.post(&form(&same_name)).outcome(), "413 too-many-files");
    assert_eq!(server.stored(), "", "also where each lies on top of the one before");
    let answer = server.post(&form(&files[..20]));
    assert_eq!(answer.status, 207);
    assert_eq!(server.stored().split(' ').count(), 40);
}

#[test]
fn other_fields_and_empty_file_fields_are_passed_over() {
    let server = Server::start();
    let form = end([
        part(b"form-data; name=\"title\"", b"A title"),
        part(b"form-data; name=\"second\"; filename=\"\"", b""),
        part(b"form-data; name=\"anything\"; filename=\"a.jpg\"", &jpeg(20, 10)),
    ]
    .concat());
    assert_eq!(server.post(&form).outcome(), "201");
    assert_eq!(server.stored(), "thumbnails/a-thumbnail.jpg uploads/a.jpg");
}

#[test]
fn keys_are_unique_where_the_layout_says_so() {
    let server = Server::start_with(&[("KEY_LAYOUT", "unique")]);
    let keys: Vec<_> = ["/uploads/x/a.jpg", "/uploads/x/a.jpg"]
        .map(|path| server.put(path, &jpeg(20, 10)).json()["upload"]["key"].as_str().unwrap().to_owned())
        .into();
    assert_ne!(keys[0], keys[1]);
    assert!(keys.iter().all(|key| key.ends_with("/x/a.jpg") && key.len() == 36 + 8), "{keys:?}");
    let answer = server.get(&format!("/uploads/{}", keys[0]));
    assert!(answer.header("cache-control").contains("immutable"), "what never changes may be kept");
}

#[test]
fn a_picture_of_the_other_type_is_taken_with_a_warning() {
    let server = Server::start();
    let record = server.upload("a.png", &jpeg(200, 100)).json();
    assert_eq!(record["upload"]["content_type"], "image/jpeg");
    assert_eq!(record["thumbnail"]["content_type"], "image/jpeg");
    assert_eq!(server.get("/uploads/a.png").header("content-type"), "image/jpeg");
    assert_eq!(server.logged("another type than the extension")["level"], "WARN");
}

#[test]
fn a_client_that_goes_away_does_not_stop_the_storing() {
    let server = Server::start();
    let body = form(&[("a.jpg", &jpeg(1600, 1200))]);
    let mut stream = server.connect();
    let head = format!("{}Host: x\r\nContent-Length: {}\r\n\r\n", form_head(), body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    drop(stream);
    wait_for("both files", || (server.stored() == "thumbnails/a-thumbnail.jpg uploads/a.jpg").then_some(()));
}

#[test]
fn a_client_that_goes_away_half_way_leaves_nothing() {
    let server = Server::start();
    let body = form(&[("a.jpg", &jpeg(1600, 1200))]);
    let mut stream = server.connect();
    let head = format!("{}Host: x\r\nContent-Length: {}\r\n\r\n", form_head(), body.len());
    stream.write_all(&[head.as_bytes(), &body[..body.len() / 2]].concat()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(server.upload("b.jpg", &jpeg(20, 10)).outcome(), "201");
    assert_eq!(server.stored(), "thumbnails/b-thumbnail.jpg uploads/b.jpg");
}

#[test]
fn expect_continue_is_answered_before_the_body_where_it_is_refused() {
    let server = Server::start_with(&[("MAX_UPLOAD_BYTES", "1000")]);
    let mut stream = server.connect();
    stream.write_all(b"PUT /uploads/a.jpg HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn the_boundary_may_stand_in_quotes() {
    let server = Server::start();
    let head = format!(
        "POST /uploads HTTP/1.1\r\nContent-Type: Multipart/Form-Data; charset=utf-8; boundary=\"{BOUNDARY}\"\r\n"
    );
    assert_eq!(server.send(head, &form(&[("a.jpg", &jpeg(20, 10))])).outcome(), "201");
}

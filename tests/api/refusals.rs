//! Files that are refused: status, code, what the text says, and that nothing was stored.

use std::time::{Duration, Instant};

use super::client::{Answer, form, form_head};
use super::pictures::{cut, jpeg, jpeg_claiming, jpeg_of, png, png_claiming, png_of_tables};
use super::server::Server;

/// A refused file: its name, its content, the outcome, a part of the detail, the reason.
type Row<'a> = (&'a str, Vec<u8>, &'a str, &'a str, &'a str);

#[test]
fn files_that_are_no_pictures_are_refused() {
    let good_jpeg = jpeg(320, 240);
    let good_png = png(320, 240);
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    let webp = b"RIFF\x24\0\0\0WEBPVP8 ".to_vec();
    let flipped = |at: usize| {
        let mut png = good_png.clone();
        png[at] ^= 1;
        png
    };
    let table: Vec<Row> = vec![
        ("image", good_jpeg.clone(), "415 unsupported-extension", ".jpg, .jpeg or .png", "no extension"),
        ("file.txt", b"hello".to_vec(), "415 unsupported-extension", "file.txt", "text"),
        ("a.gif", b"GIF89a".to_vec(), "415 unsupported-extension", "a.gif", "a GIF that says so"),
        ("a.svg", b"<svg/>".to_vec(), "415 unsupported-extension", "a.svg", "a picture that can hold scripts"),
        ("shell.php.jpg", b"<?php system($_GET['c']);".to_vec(), "415 unsupported-content", "", "a script in disguise"),
        ("a.jpg", b"hello world, this is text".to_vec(), "415 unsupported-content", "text", "text in disguise"),
        ("a.jpg", b"<!doctype html><script>alert(1)</script>".to_vec(), "415 unsupported-content", "HTML", "HTML"),
        ("a.jpg", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(), "415 unsupported-content", "GIF", "GIF"),
        ("a.jpg", webp, "415 unsupported-content", "WebP", "WebP"),
        ("a.jpg", heic, "415 unsupported-content", "HEI", "what iPhones make"),
        ("a.jpg", b"%PDF-1.7\n".to_vec(), "415 unsupported-content", "PDF", "PDF"),
        ("a.jpg", Vec::new(), "415 unsupported-content", "empty", "an empty file"),
        ("a.jpg", vec![0xff], "415 unsupported-content", "", "one byte"),
        ("a.jpg", cut(&good_jpeg, 5), "422 corrupt-image", "", "a JPEG cut at 5 %"),
        ("a.jpg", cut(&good_jpeg, 50), "422 corrupt-image", "", "a JPEG cut at 50 %"),
        ("a.jpg", cut(&good_jpeg, 99), "422 corrupt-image", "", "a JPEG cut at 99 %"),
        ("a.png", cut(&good_png, 5), "422 corrupt-image", "", "a PNG cut at 5 %"),
        ("a.png", cut(&good_png, 50), "422 corrupt-image", "", "a PNG cut at 50 %"),
        ("a.png", cut(&good_png, 99), "422 corrupt-image", "", "a PNG cut at 99 %"),
        ("a.png", flipped(good_png.len() / 2), "422 corrupt-image", "", "a flipped bit in a PNG's data"),
        ("a.png", flipped(29), "422 corrupt-image", "CRC", "a wrong CRC"),
        ("a.png", png_claiming(0, 0), "422 corrupt-image", "", "a PNG without pixels"),
        ("a.jpg", jpeg_claiming(0, 10), "422 corrupt-image", "", "a JPEG without pixels"),
        (
            "a.jpg",
            jpeg_claiming(65535, 65535),
            "422 image-too-large",
            "4294836225 pixels",
            "a small file, a vast claim",
        ),
        ("a.png", png_claiming(65535, 65535), "422 image-too-large", "4294836225 pixels", "the same as PNG"),
    ];
    each_is_refused(&table);
}

#[test]
fn a_picture_of_400_megapixels_in_a_small_file_is_refused() {
    let table: Vec<Row> = vec![(
        "bomb.png",
        [png_claiming(20_000, 20_000), vec![0; 2_000_000]].concat(),
        "422 image-too-large",
        "400000000 pixels, at most 100000000",
        "refused by its header",
    )];
    each_is_refused(&table);
}

#[test]
fn a_picture_made_to_take_long_is_given_up() {
    let small = Server::start();
    assert_eq!(small.upload("small.png", &png_of_tables(100_000)).outcome(), "201", "of a few tables");
    let table: Vec<Row> = vec![(
        "slow.png",
        png_of_tables(30_000_000),
        "422 decode-timeout",
        "CPU time",
        "two million Huffman tables take seconds",
    )];
    let begun = Instant::now();
    each_is_refused(&table);
    assert!(begun.elapsed() < Duration::from_secs(40), "twice, and a second each on a machine that does nothing else");
}

fn each_is_refused(table: &[Row]) {
    let server = Server::start();
    assert_eq!(server.upload("good.jpg", &jpeg(20, 10)).outcome(), "201");
    let before = server.stored();
    let process = server.process_id();
    for (name, content, outcome, detail, reason) in table {
        for answer in [server.upload(name, content), server.send_chunked(&form_head(), &form(&[(name, content)]), 999)]
        {
            assert_eq!(answer.outcome(), *outcome, "{reason}: {}", answer.text());
            let said = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(said.contains(detail), "{reason}: {said:?} should say {detail:?}");
            assert_eq!(server.stored(), before, "{reason}: the store is unchanged");
        }
    }
    assert_eq!(server.upload("good.jpg", &jpeg(20, 10)).outcome(), "201", "the server lives");
    assert_eq!(server.process_id(), process);
}

#[test]
fn the_size_limit_is_exact_by_every_way_in() {
    const LIMIT: usize = 100_000;
    let server = Server::start_with(&[("MAX_UPLOAD_BYTES", "100000"), ("MAX_FILES", "2")]);
    let form_of = |bytes| form(&[("a.jpg", &jpeg_of(bytes))]);
    let ways: [(&str, &dyn Fn(usize) -> Answer); 4] = [
        ("form", &|bytes| server.post(&form_of(bytes))),
        ("chunked form", &|bytes| server.send_chunked(&form_head(), &form_of(bytes), 5_000)),
        ("PUT", &|bytes| server.put("/uploads/a.jpg", &jpeg_of(bytes))),
        ("chunked PUT", &|bytes| server.send_chunked("PUT /uploads/a.jpg HTTP/1.1\r\n", &jpeg_of(bytes), 5_000)),
    ];
    for (way, send) in ways {
        assert_eq!(send(LIMIT - 1).outcome(), "201", "{way}, limit - 1");
        assert_eq!(send(LIMIT).outcome(), "201", "{way}, limit");
        let before = std::fs::read(server.file("uploads", "a.jpg")).unwrap();
        let answer = send(LIMIT + 1);
        assert_eq!(answer.outcome(), "413 payload-too-large", "{way}, limit + 1");
        assert_eq!(
            (answer.json()["limit"].as_u64(), answer.json()["actual"].as_u64()),
            (Some(100_000), Some(100_001)),
            "{way}"
        );
        assert_eq!(std::fs::read(server.file("uploads", "a.jpg")).unwrap(), before, "{way}");
    }
}

#[test]
fn a_request_over_all_limits_is_refused_by_its_length() {
    let server = Server::start_with(&[("MAX_UPLOAD_BYTES", "100000"), ("MAX_FILES", "2")]);
    let limit: usize = 2 * 100_000 + 1024 * 1024;
    let body = form(&[("a.jpg", &jpeg_of(limit))]);
    let by_length = server.post(&body);
    assert_eq!(by_length.outcome(), "413 payload-too-large");
    assert_eq!(by_length.json()["actual"], body.len(), "the length that was announced");
    let by_counting = server.send_chunked(&form_head(), &body, 50_000);
    assert_eq!(by_counting.outcome(), "413 payload-too-large");
    assert_eq!(server.stored(), "");
}

#[test]
fn an_answer_reaches_a_client_that_still_sends() {
    let server = Server::start_with(&[("MAX_UPLOAD_BYTES", "1000000")]);
    for _ in 0..10 {
        let answer = server.put("/uploads/a.jpg", &vec![0; 1_900_000]);
        assert_eq!(answer.outcome(), "413 payload-too-large", "not a reset connection");
    }
}

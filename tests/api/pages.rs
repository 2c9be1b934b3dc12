//! What the service says about itself, and what people see of it.

use super::client::{form, form_head};
use super::pictures::jpeg;
use super::server::Server;

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";

#[test]
fn limits_health_and_readiness() {
    let server = Server::start();
    let limits = server.get("/limits").json();
    assert_eq!(
        limits,
        serde_json::json!({
            "max_file_bytes": 33_554_432, "max_request_bytes": 672_137_216, "max_files": 20, "presigned_max_bytes": 33_554_432,
            "max_pixels": 100_000_000, "types": ["image/jpeg", "image/png"], "extensions": [".jpg", ".jpeg", ".png"],
            "thumbnail": { "width": 150, "height": 150, "fit": "inside" },
        })
    );
    assert_eq!(server.get("/health").text(), r#"{"status":"ok"}"#);
    assert_eq!(server.get("/ready").text(), r#"{"status":"ready"}"#);
    assert_eq!(server.get("/openapi.yaml").text(), include_str!("../../openapi.yaml"));
}

#[test]
fn a_form_in_a_browser_is_sent_on_to_its_result() {
    let server = Server::start();
    let post = |files: &[(&str, &[u8])]| server.send(form_head() + BROWSER, &form(files));
    let answer = post(&[("a b.jpg", &jpeg(20, 10))]);
    assert_eq!((answer.status, answer.header("location")), (303, "/result/a-b.jpg"));
    assert!(answer.headers("vary").contains(&"Accept"), "another client would get another answer");
    let page = server.get("/result/a-b.jpg");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("src=\"/thumbnails/a-b-thumbnail.jpg\""), "{}", page.text());
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));

    let refused = post(&[("<script>.txt", b"x")]);
    assert_eq!((refused.status, refused.header("content-type")), (415, "text/html; charset=utf-8"));
    assert!(refused.text().contains("&lt;script&gt;.txt"), "{}", refused.text());
    assert!(refused.headers("vary").contains(&"Accept"), "refusals as well");

    let several = post(&[("a.jpg", &jpeg(20, 10)), ("b.txt", b"x")]);
    assert_eq!((several.status, several.header("content-type")), (207, "text/html; charset=utf-8"));
    let missing = server.get("/result/none.jpg");
    assert_eq!((missing.status, missing.header("content-type")), (404, "text/html; charset=utf-8"));
}

#[test]
fn programs_get_json() {
    let server = Server::start();
    for accept in ["*/*", "application/json", "application/json, text/html;q=0.9"] {
        let head = format!("{}Accept: {accept}\r\n", form_head());
        assert_eq!(server.send(head, &form(&[("a.jpg", &jpeg(20, 10))])).status, 201, "{accept}");
    }
}

#[test]
fn the_page_has_its_files_and_this_services_limits() {
    let server = Server::start_with(&[
        ("MAX_UPLOAD_BYTES", "2500000"),
        ("MAX_FILES", "3"),
        ("MAX_PIXELS", "12500000"),
        ("THUMBNAIL_SIZE", "200x100"),
        ("THUMBNAIL_FIT", "cover"),
        ("PUBLIC_URL", "https://img.example.com/this&that"),
    ]);
    let index = server.get("/");
    assert_eq!((index.status, index.header("content-type")), (200, "text/html; charset=utf-8"));
    let html = index.text();
    for part in ["2.4 MB", "12.5 million", "fills 200 × 100 pixels", "Up to 3 files", ".jpg, .jpeg, .png"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(html.contains("https://img.example.com/this&amp;that</span>/uploads"), "{html}");
    assert!(!html.contains('{'), "every place is filled in: {html}");
    let files: Vec<_> = html.split(['"', '\'']).filter(|text| text.starts_with("static/")).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        assert_eq!(server.get(&format!("/{file}")).status, 200, "{file}");
    }
}

#[test]
fn files_are_sent_in_gzip_to_those_who_take_it_and_not_sent_again() {
    let server = Server::start();
    let ask = |headers: &str| server.send(format!("GET /static/thumbgate-upload.js HTTP/1.1\r\n{headers}"), b"");
    let plain = ask("");
    assert!(plain.text() == include_str!("../../static/thumbgate-upload.js"), "as it stands in the folder");
    assert_eq!(
        (plain.header("content-encoding"), plain.header("content-type")),
        ("", "text/javascript; charset=utf-8")
    );
    for accept in ["gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8"] {
        let answer = ask(&format!("Accept-Encoding: {accept}\r\n"));
        assert_eq!(answer.header("content-encoding"), "gzip", "{accept}");
        assert_eq!(answer.body[..2], [0x1f, 0x8b], "{accept}");
        assert!(answer.body.len() <= 12 * 1024, "{} bytes", answer.body.len());
        assert!(answer.headers("vary").contains(&"Accept-Encoding"), "{answer:?}");
        assert_eq!(answer.header("etag"), plain.header("etag"), "a weak one is the same for both");
    }
    for accept in ["br", "gzip;q=0", "identity"] {
        assert_eq!(ask(&format!("Accept-Encoding: {accept}\r\n")).header("content-encoding"), "", "{accept}");
    }
    let known = ask(&format!("If-None-Match: {}\r\n", plain.header("etag")));
    assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, plain.header("etag")));
    assert_eq!(ask("If-None-Match: W/\"other\"\r\n").status, 200);
}

#[test]
fn every_problem_has_its_own_section_and_an_example() {
    let server = Server::start();
    let page = server.get("/problems").text();
    let sections: Vec<_> = page.split("<section class=\"problem\" id=\"").skip(1).collect();
    assert!(sections.len() > 25, "{page}");
    for section in sections {
        let code = section.split('"').next().unwrap();
        let example = section.split("<code>{").nth(1).and_then(|rest| rest.split("</code>").next()).unwrap();
        let example = format!("{{{}", example.replace("&quot;", "\"").replace("&amp;", "&"));
        let example: serde_json::Value = serde_json::from_str(&example).unwrap();
        assert_eq!(example["code"], code);
        assert_eq!(example["type"], format!("/problems#{code}"));
        assert!(section.contains(example["title"].as_str().unwrap()), "{section}");
        assert!(section.contains(&format!("status {}", example["status"])), "{section}");
    }
}

/// Files that are too large to go in directly are sent by the page's script straight into the bucket.
#[test]
fn the_pages_policy_names_the_store_that_links_lead_to() {
    let local = Server::start();
    assert!(local.get("/").header("content-security-policy").contains("connect-src 'self';"), "nothing but us");
    let s3 = Server::start_with(&[
        ("STORE", "s3"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("S3_FORCE_PATH_STYLE", "true"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ]);
    let policy = s3.get("/").header("content-security-policy").to_owned();
    assert!(policy.contains("connect-src 'self' http://127.0.0.1:9;"), "{policy}");
    assert!(!s3.get("/problems").header("content-security-policy").contains("127.0.0.1"), "no other page needs it");
}

#[test]
fn unknown_routes_and_methods_are_problems() {
    let server = Server::start();
    let send = |line: &str| server.send(format!("{line} HTTP/1.1\r\n"), b"");
    for (line, outcome) in [
        ("GET /uploads", "405 method-not-allowed"),
        ("DELETE /uploads/a.jpg", "405 method-not-allowed"),
        ("POST /limits", "405 method-not-allowed"),
        ("PATCH /thumbnails/a-thumbnail.jpg", "405 method-not-allowed"),
        ("BREW /", "405 method-not-allowed"),
        ("GET /favicon.ico", "404 not-found"),
        ("POST /uploads/", "405 method-not-allowed"),
    ] {
        assert_eq!(send(line).outcome(), outcome, "{line}");
    }
    assert_eq!(send("GET /uploads").header("allow"), "POST");
}

#[test]
fn request_ids_are_taken_over_where_they_are_sane() {
    let server = Server::start();
    let ask = |id: &str| server.send(format!("GET /nothing HTTP/1.1\r\nX-Request-Id: {id}\r\n"), b"");
    assert_eq!(ask("abc-123").json()["request_id"], "abc-123");
    for odd in ["", "a b", "<script>", &"x".repeat(200)] {
        let answer = ask(odd);
        assert_ne!(answer.header("x-request-id"), odd);
        assert_eq!(answer.header("x-request-id").len(), 36, "a UUID instead");
    }
}

#[test]
fn addresses_are_built_from_the_public_url() {
    let server = Server::start_with(&[("PUBLIC_URL", "https://img.example.com/stage/")]);
    let answer =
        server.send(format!("{}Origin: https://img.example.com\r\n", form_head()), &form(&[("a.jpg", &jpeg(20, 10))]));
    assert_eq!((answer.status, answer.header("location")), (201, "/stage/uploads/a.jpg"));
    assert_eq!(answer.json()["thumbnail"]["url"], "https://img.example.com/stage/thumbnails/a-thumbnail.jpg");
}

//! What the service says about itself, and what people see of it.

use super::client::{Answer, end, form, form_head, part};
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
fn the_page_and_its_files_are_there() {
    let server = Server::start();
    let index = server.get("/");
    assert_eq!((index.status, index.header("content-type")), (200, "text/html; charset=utf-8"));
    let html = index.text();
    let files: Vec<_> = html.split(['"', '\'']).filter(|text| text.contains("static/")).collect();
    assert!(!files.is_empty(), "{html}");
    for file in files {
        assert_eq!(server.get(&format!("/{}", file.trim_start_matches('/'))).status, 200, "{file}");
    }
    let problems = server.get("/problems").text();
    assert!(problems.contains("id=\"unsupported-extension\""), "{problems}");
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
fn other_origins_are_let_in_by_name_only() {
    let server = Server::start_with(&[("CORS_ORIGINS", "https://www.example.com,http://localhost:5173")]);
    let body = form(&[("a.jpg", &jpeg(20, 10))]);
    let own = format!("http://{}", server.address);
    let post = |origin: &str| server.send(format!("{}Origin: {origin}\r\n", form_head()), &body);
    for (origin, outcome, allowed) in [
        ("https://www.example.com", "201", "https://www.example.com"),
        ("http://localhost:5173", "201", "http://localhost:5173"),
        (&*own, "201", ""),
        ("https://evil.example", "403 forbidden-origin", ""),
        ("https://www.example.com.evil.example", "403 forbidden-origin", ""),
        ("null", "403 forbidden-origin", ""),
    ] {
        let answer = post(origin);
        assert_eq!((&*answer.outcome(), answer.header("access-control-allow-origin")), (outcome, allowed), "{origin}");
    }
    let preflight = |origin: &str| -> Answer {
        let asks = "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: content-type\r\n";
        server.send(format!("OPTIONS /uploads/a.jpg HTTP/1.1\r\nOrigin: {origin}\r\n{asks}"), b"")
    };
    let answer = preflight("https://www.example.com");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "https://www.example.com"));
    assert!(answer.header("access-control-allow-methods").contains("PUT"));
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), "");
    let refused = server.send(
        format!("{}Origin: https://www.example.com\r\n", form_head()),
        &end(part(b"form-data; filename=a.txt", b"x")),
    );
    assert_eq!(refused.header("access-control-allow-origin"), "https://www.example.com", "refusals can be read too");
    let method = server.send("DELETE /uploads/a.jpg HTTP/1.1\r\nOrigin: https://www.example.com\r\n", b"");
    assert_eq!(method.outcome(), "405 method-not-allowed");
    assert_eq!(method.header("access-control-allow-origin"), "https://www.example.com", "also where axum refused");
    let exposed = refused.header("access-control-expose-headers").to_owned();
    for name in ["location", "etag", "retry-after", "server-timing", "x-request-id"] {
        assert!(exposed.contains(name), "{name} in {exposed}");
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

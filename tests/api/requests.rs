//! The API's test table: requests with their outcomes, for every server that gives the same answers.

use serde_json::{Value, json};

use super::client::{BOUNDARY, end, form, part};
use super::gateways::Request;
use super::pictures::{cut, jpeg, jpeg_claiming, jpeg_of, png, png_claiming};

/// A request and its outcome.
type Row = (Request, &'static str);

const FORGED_LINK: &str = "/uploads/p.jpg?bytes=5&content_type=image%2Fjpeg&new=false&expires=4000000000&signature=00";

/// What the servers are to be started with.
pub const VARIABLES: [(&str, &str); 3] =
    [("CORS_ORIGINS", "https://www.example.com"), ("MAX_DIRECT_BYTES", "4500000"), ("MAX_FILES", "5")];

/// Every route, and every kind of outcome. They run in this order, on a store that is empty at first.
pub fn requests() -> Vec<Row> {
    [uploads(), names(), downloads(), pages(), refused_files(), refused_requests(), links()].concat()
}

pub fn request(method: &'static str, target: &str, headers: &[(&'static str, &str)], body: &[u8]) -> Request {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Request { method, target: target.into(), headers, body: body.into() }
}

/// A form with these files.
pub fn upload(files: &[(&str, &[u8])]) -> Request {
    post_form(&form(files), &[])
}

fn post_form(form: &[u8], headers: &[(&'static str, &str)]) -> Request {
    let form_type = format!("multipart/form-data; boundary={BOUNDARY}");
    request("POST", "/uploads", &[&[("Content-Type", form_type.as_str())], headers].concat(), form)
}

fn get(target: &str, headers: &[(&'static str, &str)]) -> Request {
    request("GET", target, headers, b"")
}

fn uploads() -> Vec<Row> {
    let picture = jpeg(300, 200);
    let as_browser = [("Accept", "text/html,*/*;q=0.8")];
    vec![
        (upload(&[("image1.jpg", &picture)]), "201"),
        (upload(&[("image2.png", &png(160, 320))]), "201"),
        (upload(&[("größe 1.jpg", &picture)]), "201"),
        (upload(&[("a.jpg", &picture), ("file.txt", b"text"), ("b.png", &png(20, 10))]), "207"),
        (upload(&[("a.jpg", &cut(&picture, 50)), ("b.jpg", b"")]), "207"),
        (upload(&[("disguised.png", &picture)]), "201"),
        (upload(&[("", b""), ("a.jpg", &picture)]), "201"),
        (post_form(&form(&[("c.jpg", &picture)]), &as_browser), "303"),
        (post_form(&form(&[("file.txt", b"text")]), &as_browser), "415"),
        (request("PUT", "/uploads/x/y%20z.JPG", &[("Content-Type", "image/jpeg")], &picture), "201"),
        (request("PUT", "/uploads/x/y%20z.JPG", &[("If-None-Match", "*")], &picture), "412 already-exists"),
        (request("PUT", "/uploads/new.jpg", &[("If-None-Match", "*")], &picture), "201"),
        (request("PUT", "/uploads/new.jpg", &[("If-None-Match", "\"x\"")], &picture), "400 invalid-request"),
        (request("PUT", "/uploads/big.jpg", &[], &jpeg_of(4_400_000)), "201"),
    ]
}

fn names() -> Vec<Row> {
    let picture = jpeg(20, 10);
    let named = |disposition: &str| post_form(&end(part(disposition.as_bytes(), &picture)), &[]);
    vec![
        (named("form-data; name=f; filename=\"../../etc/passwd.jpg\""), "201"),
        (named("form-data; name=f; filename=\"C:\\Users\\me\\cat.jpg\""), "201"),
        (named("form-data; name=f; filename=\"a%0D%0Ab.jpg\""), "201"),
        (named("form-data; name=f; filename*=UTF-8''a%1B%5B31m.jpg"), "201"),
        (named("form-data; name=f; filename=\"x.jpg\"; filename*=UTF-8''na%C3%AFve.jpg"), "201"),
        (named("form-data; name=f; filename=\"a.jpg\"; filename=\"b.jpg\""), "400 invalid-filename"),
        (named("form-data; name=f; filename=\"....\""), "400 invalid-filename"),
        (named("form-data; name=f; filename=\"image.jpg.php\""), "415 unsupported-extension"),
    ]
}

fn downloads() -> Vec<Row> {
    let range = |range| get("/uploads/image1.jpg", &[("Range", range)]);
    vec![
        (get("/thumbnails/image1-thumbnail.jpg", &[]), "200"),
        (request("HEAD", "/thumbnails/image1-thumbnail.jpg", &[], b""), "200"),
        (get("/thumbnails/gr%C3%B6%C3%9Fe-1-thumbnail.jpg", &[]), "200"),
        (get("/thumbnails/image1-thumbnail.jpg", &[("If-None-Match", "*")]), "304"),
        (get("/thumbnails/image1-thumbnail.jpg", &[("If-None-Match", "\"other\"")]), "200"),
        (get("/uploads/image2.png", &[]), "200"),
        (request("HEAD", "/uploads/image2.png", &[], b""), "200"),
        (range("bytes=0-9"), "206"),
        (range("bytes=-5"), "206"),
        (range("bytes=9-5"), "200"),
        (range("bytes=0-1,5-6"), "200"),
        (range("bytes=9999999-"), "416 range-not-satisfiable"),
        (get("/uploads/image1.jpg", &[("Range", "bytes=0-9"), ("If-Range", "\"other\"")]), "200"),
        (get("/result/c.jpg", &[]), "200"),
        (get("/thumbnails/none-thumbnail.jpg", &[]), "404 not-found"),
        (get("/uploads/%2e%2e/secret.jpg", &[]), "404 not-found"),
        (get("/uploads/.thumbgate/counter", &[]), "404 not-found"),
        (get("/uploads/image1.jpg/", &[]), "404 not-found"),
        (get("/uploads/%00.jpg", &[]), "404 not-found"),
        (get("/nothing", &[]), "404 not-found"),
    ]
}

fn pages() -> Vec<Row> {
    let preflight = [("Origin", "https://www.example.com"), ("Access-Control-Request-Method", "POST")];
    vec![
        (get("/health", &[]), "200"),
        (get("/ready", &[]), "200"),
        (get("/openapi.yaml", &[]), "200"),
        (get("/problems", &[]), "200"),
        (get("/", &[]), "200"),
        (get("/static/thumbgate-upload.js", &[]), "200"),
        (get("/static/nothing", &[]), "404 not-found"),
        (get("/?a=b%20c&d", &[]), "200"),
        (request("OPTIONS", "/uploads", &preflight, b""), "200"),
        (get("/health", &[("Origin", "https://www.example.com")]), "200"),
    ]
}

fn refused_files() -> Vec<Row> {
    let (whole_jpeg, whole_png) = (jpeg(300, 200), png(300, 200));
    let mut flipped = whole_png.clone();
    flipped[29] ^= 1;
    let file = |name: &str, content: &[u8]| upload(&[(name, content)]);
    vec![
        (file("file.txt", b"text"), "415 unsupported-extension"),
        (file("image", &whole_jpeg), "415 unsupported-extension"),
        (file("text.jpg", b"text"), "415 unsupported-content"),
        (file("a.jpg", b"<!doctype html><script>alert(1)</script>"), "415 unsupported-content"),
        (file("a.jpg", b"GIF89a\x01\0\x01\0\0\0\0;"), "415 unsupported-content"),
        (file("a.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "415 unsupported-content"),
        (file("a.jpg", b""), "415 unsupported-content"),
        (file("cut.jpg", &cut(&whole_jpeg, 50)), "422 corrupt-image"),
        (file("cut.png", &cut(&whole_png, 99)), "422 corrupt-image"),
        (file("flipped.png", &flipped), "422 corrupt-image"),
        (file("empty.png", &png_claiming(0, 0)), "422 corrupt-image"),
        (file("large.png", &png_claiming(60_000, 60_000)), "422 image-too-large"),
        (file("large.jpg", &jpeg_claiming(65_535, 65_535)), "422 image-too-large"),
        (file(".jpg", &whole_jpeg), "400 invalid-filename"),
        (request("PUT", "/uploads/file.txt", &[], b"text"), "415 unsupported-extension"),
        (request("PUT", "/uploads/cut.jpg", &[], &cut(&whole_jpeg, 50)), "422 corrupt-image"),
        (request("PUT", "/uploads/over.jpg", &[], &jpeg_of(4_500_001)), "413 payload-too-large"),
    ]
}

fn refused_requests() -> Vec<Row> {
    let picture = jpeg(20, 10);
    let six: Vec<(&str, &[u8])> = vec![("a.jpg", &picture); 6];
    vec![
        (upload(&six), "413 too-many-files"),
        (upload(&[]), "400 missing-file"),
        (post_form(b"--nonsense", &[]), "400 malformed-multipart"),
        (post_form(&form(&[("a.jpg", &picture)])[..200], &[]), "400 malformed-multipart"),
        (request("POST", "/uploads", &[("Content-Type", "text/plain")], b"text"), "415 not-multipart"),
        (post_form(b"x", &[("Origin", "https://evil.example")]), "403 forbidden-origin"),
        (request("DELETE", "/uploads/image1.jpg", &[], b""), "405 method-not-allowed"),
        (request("POST", "/health", &[], b"x"), "405 method-not-allowed"),
        (request("POST", "/events/s3", &[], b"{}"), "404 not-found"),
    ]
}

fn links() -> Vec<Row> {
    let ask = |json: Value| {
        request("POST", "/uploads/presigned", &[("Content-Type", "application/json")], json.to_string().as_bytes())
    };
    let of = |filename: &str, content_type: &str, bytes: u64| {
        ask(json!({"filename": filename, "content_type": content_type, "bytes": bytes}))
    };
    vec![
        (of("p.jpg", "image/jpeg", 5), "201"),
        (of("p.gif", "image/jpeg", 5), "415 unsupported-extension"),
        (of("p.jpg", "image/gif", 5), "415 unsupported-content"),
        (of("p.jpg", "image/jpeg", 0), "400 invalid-request"),
        (of("p.jpg", "image/jpeg", 99_999_999), "413 payload-too-large"),
        (of("....", "image/jpeg", 5), "400 invalid-filename"),
        (ask(json!({"filename": "p.jpg"})), "400 invalid-request"),
        (request("PUT", FORGED_LINK, &[("Content-Type", "image/jpeg")], &jpeg(20, 10)), "403 forbidden"),
    ]
}

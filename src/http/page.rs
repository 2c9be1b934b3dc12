//! The pages that people see: the upload page, the form's answer, the list of problems.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};

use super::Web;
use super::context::has_pages;
use super::problem::{Code, Problem, Refusal};
use super::record::Outcome;
use super::request_id::RequestId;
use crate::key::{OriginalKey, from_request_path, to_url_path};
use crate::store::{self, Bucket};

/// The media type of every page.
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// What our pages may load: our own files, and the previews that the script makes.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A large picture and a small one.
const MARK: &str = "<svg class=\"mark\" viewBox=\"0 0 32 32\" width=\"22\" height=\"22\" aria-hidden=\"true\">\
    <path d=\"M5 6h14v14H5z\"/><path class=\"solid\" d=\"M23 20h4v6h-4z\"/></svg>";

const KEY_NEEDED: &str = "<p class=\"lead\" id=\"key-needed\"><strong>Uploads here need an API key</strong>, which this \
    page does not send. Use a program: <code>curl -H \"Authorization: Bearer $KEY\" -F file=@image1.jpg \
    …/uploads</code></p>";

const INDEX: &str = include_str!("../../static/index.html");
/// The files under `/static/`, all of them in the binary.
const FILES: [(&str, &str, &str); 3] = [
    ("icon.svg", "image/svg+xml", include_str!("../../static/icon.svg")),
    ("thumbgate.css", "text/css; charset=utf-8", include_str!("../../static/thumbgate.css")),
    ("upload.js", "text/javascript; charset=utf-8", include_str!("../../static/upload.js")),
];

/// `GET /`. The page asks nobody for a key: a key in a browser is one that any extension can read.
pub(super) async fn index(State(web): State<Arc<Web>>) -> Response {
    let page = match web.access.keys.is_empty() {
        true => INDEX.to_owned(),
        false => INDEX.replacen("</h1>", &format!("</h1>\n{KEY_NEEDED}"), 1),
    };
    ([(header::CONTENT_TYPE, HTML), (header::CACHE_CONTROL, "no-cache")], page).into_response()
}

/// `GET /static/{file}`.
pub(super) async fn file(uri: Uri) -> Result<Response, Refusal> {
    let wanted = uri.path().strip_prefix("/static/").unwrap_or_default();
    let found = FILES.iter().find(|(name, ..)| *name == wanted).ok_or(Refusal::NotFound)?;
    let (_, content_type, content) = *found;
    Ok(([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")], content).into_response())
}

/// `GET /result/{key}`: what a browser's form is sent on to.
pub(super) async fn result(State(web): State<Arc<Web>>, uri: Uri) -> Result<Response, Refusal> {
    if !has_pages(&web) {
        return Err(Refusal::NotFound);
    }
    let path = uri.path().strip_prefix("/result/").unwrap_or_default();
    let key = from_request_path(path).ok_or(Refusal::NotFound)?;
    let missing = || Refusal::App(store::Error::NotFound.into());
    let thumbnail_key = OriginalKey::existing(&key).ok_or_else(missing)?.thumbnail();
    web.app.store().head(Bucket::Uploads, &key).await?;
    let body = format!("<h1>Uploaded</h1>\n{}", figure(&web, &key, &thumbnail_key));
    Ok(([(header::CONTENT_TYPE, HTML), (header::CACHE_CONTROL, "no-cache")], page(&web, "Uploaded", &body))
        .into_response())
}

/// `GET /problems`: what each problem's `type` links to.
pub(super) async fn problems(State(web): State<Arc<Web>>) -> Response {
    let mut body = String::from(
        "<h1>Problems</h1>\n<p>Every refusal is an <code>application/problem+json</code> document (RFC 9457) \
         with one of these codes.</p>\n<dl class=\"problems\">\n",
    );
    for about in Code::ALL.map(Code::about) {
        let (code, status, title, advice) = (about.code, about.status.as_u16(), about.title, about.advice);
        let _ = writeln!(
            body,
            "<dt id=\"{code}\"><code>{code}</code> <span>{status}</span></dt>\n<dd>{}. {}</dd>",
            escaped(title),
            escaped(advice)
        );
    }
    body.push_str("</dl>");
    ([(header::CONTENT_TYPE, HTML), (header::CACHE_CONTROL, "no-cache")], page(&web, "Problems", &body)).into_response()
}

/// A refusal for a person.
pub(super) fn refusal(web: &Web, problem: &Problem, request_id: &RequestId) -> String {
    let about = problem.code.about();
    let body = format!(
        "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p>{}</p>\n\
         <p class=\"small\">Problem <code>{}</code>, request <code>{}</code></p>",
        escaped(about.title),
        escaped(about.advice),
        escaped(&problem.detail),
        about.code,
        escaped(request_id.as_str()),
    );
    page(web, about.title, &body)
}

/// What became of several files.
pub(super) fn several(web: &Web, outcomes: &[Outcome]) -> String {
    let mut body = String::from("<h1>Your files</h1>\n<ol class=\"results\">\n");
    for outcome in outcomes {
        let item = match outcome {
            Outcome::Created(record) => figure(web, &record.upload.picture.key, &record.thumbnail.key),
            Outcome::Refused(problem) => format!(
                "<p><strong>{}</strong><br>{}</p>",
                escaped(problem.code.about().title),
                escaped(&problem.detail)
            ),
        };
        let _ = writeln!(body, "<li>{item}</li>");
    }
    body.push_str("</ol>");
    page(web, "Your files", &body)
}

fn figure(web: &Web, key: &str, thumbnail_key: &str) -> String {
    let base = escaped(web.base_path());
    let (original_path, thumbnail_path) = (to_url_path(key), to_url_path(thumbnail_key));
    let (key, thumbnail_key) = (escaped(key), escaped(thumbnail_key));
    format!(
        "<figure><img src=\"{base}/thumbnails/{thumbnail_path}\" alt=\"Thumbnail of {key}\">\n<figcaption>\
         Original <a href=\"{base}/uploads/{original_path}\"><code>{key}</code></a><br>\
         Thumbnail <a href=\"{base}/thumbnails/{thumbnail_path}\"><code>{thumbnail_key}</code></a>\
         </figcaption></figure>"
    )
}

fn page(web: &Web, title: &str, body: &str) -> String {
    let (base, title) = (escaped(web.base_path()), escaped(title));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · thumbgate</title>\n\
         <link rel=\"stylesheet\" href=\"{base}/static/thumbgate.css\">\n\
         <link rel=\"icon\" href=\"{base}/static/icon.svg\">\n</head>\n<body>\n\
         <header><a href=\"{base}/\">{MARK}thumbgate</a></header>\n\
         <main>\n{body}\n<p><a href=\"{base}/\">Upload more</a></p>\n</main>\n</body>\n</html>\n",
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

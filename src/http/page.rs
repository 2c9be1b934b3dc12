//! The pages that people see: the upload page, the form's answer, and what all pages have in common.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use thumbnail::Fit;

use super::Web;
use super::context::has_pages;
use super::problem::{Problem, Refusal};
use super::record::Outcome;
use super::request_id::RequestId;
use crate::key::{EXTENSIONS, OriginalKey, from_request_path, to_url_path};
use crate::store::{self, Announced, Bucket};

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
/// `GET /`. The page asks nobody for a key: a key in a browser is one that any extension can read.
pub(super) async fn index(State(web): State<Arc<Web>>) -> Response {
    // Its script sends large files where the links of `/uploads/presigned` lead.
    let policy = match store_origin(&web).await {
        Some(origin) => POLICY.replace("connect-src 'self'", &format!("connect-src 'self' {origin}")),
        None => POLICY.into(),
    };
    let page = match web.access.keys.is_empty() {
        true => filled_in(&web),
        false => filled_in(&web).replacen("</h1>", &format!("</h1>\n{KEY_NEEDED}"), 1),
    };
    let headers = [
        (header::CONTENT_TYPE, HTML),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
    ];
    (headers, page).into_response()
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

/// A refusal for a person.
pub(super) fn refusal(web: &Web, problem: &Problem, request_id: &RequestId) -> String {
    let about = problem.code.about();
    let body = format!(
        "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p>{}</p>\n\
         <p class=\"small\">Problem <a href=\"{}/problems#{code}\"><code>{code}</code></a>, request <code>{}</code></p>",
        escaped(about.title),
        escaped(about.advice),
        escaped(&problem.detail),
        escaped(web.base_path()),
        escaped(request_id.as_str()),
        code = about.code,
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

async fn store_origin(web: &Web) -> Option<String> {
    let any = Announced { key: "a.jpg", content_type: "image/jpeg", bytes: 1, must_be_new: false };
    // Where no link can be signed there is none to follow either: whoever asks for one is told.
    let link = web.app.store().presigned_put(&any).await.ok()??;
    let (scheme, rest) = link.url.split_once("://")?;
    Some(format!("{scheme}://{}", rest.split('/').next()?))
}

/// The page with this service's limits and address, so that they stand there without JavaScript too.
fn filled_in(web: &Web) -> String {
    let thumbnail = &web.thumbnail;
    let fit = match thumbnail.fit {
        Fit::Inside => "fits in",
        Fit::Cover => "fills",
    };
    let largest = web.max_file_bytes.max(web.presigned_max_bytes);
    let values = [
        ("{types}", EXTENSIONS.map(|extension| format!(".{extension}")).join(", ")),
        ("{megabytes}", tenths(largest, 1024 * 1024)),
        ("{megapixels}", tenths(thumbnail.limits.max_pixels, 1_000_000)),
        ("{thumbnail}", format!("{fit} {} × {} pixels", thumbnail.width, thumbnail.height)),
        ("{files}", web.max_files.to_string()),
        ("{url}", escaped(&web.public_url)),
    ];
    values.iter().fold(INDEX.to_owned(), |page, (name, value)| page.replace(name, value))
}

/// With one decimal, unless it would be 0.
fn tenths(number: u64, unit: u64) -> String {
    let tenths = (u128::from(number) * 10 + u128::from(unit) / 2) / u128::from(unit);
    match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{rest}"),
    }
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

/// A whole page of ours around this.
pub(super) fn page(web: &Web, title: &str, body: &str) -> String {
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

/// Text as HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

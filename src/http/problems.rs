//! The page that each problem's `type` links to: what happened, what to do, what the document looks like.

use std::fmt::Write;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use thumbnail::Measure;

use super::Web;
use super::page::{HTML, escaped, page};
use super::problem::{Code, Problem, Refusal};
use super::request_id::RequestId;
use crate::config::RateLimit;
use crate::{app, key, store};

/// `GET /problems`.
pub(super) async fn get(State(web): State<Arc<Web>>, Extension(request_id): Extension<RequestId>) -> Response {
    let mut body = String::from(
        "<h1>Problems</h1>\n<p class=\"lead\">Every refusal is an <code>application/problem+json</code> document \
         (RFC 9457). Programs go by its <code>code</code>, people by its <code>detail</code>; the \
         <code>request_id</code> finds it in the log.</p>\n<ul class=\"codes\">\n",
    );
    for code in Code::ALL.map(|code| code.about().code) {
        let _ = writeln!(body, "<li><a href=\"#{code}\"><code>{code}</code></a></li>");
    }
    body.push_str("</ul>\n");
    for code in Code::ALL {
        body.push_str(&section(&web, code, &request_id));
    }
    ([(header::CONTENT_TYPE, HTML), (header::CACHE_CONTROL, "no-cache")], page(&web, "Problems", &body)).into_response()
}

fn section(web: &Web, code: Code, request_id: &RequestId) -> String {
    let about = code.about();
    let problem = Problem::from(example(web, code)).with_way_in(web.presigned_max_bytes);
    let document = serde_json::to_string_pretty(&problem.document(request_id)).unwrap_or_default();
    let (name, status, title) = (about.code, about.status.as_u16(), escaped(about.title));
    format!(
        "<section class=\"problem\" id=\"{name}\" aria-labelledby=\"title-{name}\">\n\
         <h2 id=\"title-{name}\">{title}</h2>\n<p class=\"small\"><code>{name}</code>, status {status}</p>\n\
         <p>{}</p>\n<p><strong>What to do.</strong> {}</p>\n\
         <details><summary>Example</summary><pre tabindex=\"0\"><code>{}</code></pre></details>\n</section>\n",
        escaped(happened(code)),
        escaped(about.advice),
        escaped(&document),
    )
}

/// For people.
#[rustfmt::skip] // one row a code: a table
const fn happened(code: Code) -> &'static str {
    match code {
        Code::UnsupportedExtension => "The file name does not end in one of the extensions that are taken. Nothing was stored.",
        Code::UnsupportedContent => "The name would do, but the bytes are neither JPEG nor PNG, or are of a kind that is not decoded. Nothing was stored.",
        Code::NotMultipart => "The request says that its body is something else than a form with files.",
        Code::CorruptImage => "The file begins as a picture should, but it is cut short, or a checksum is wrong, or it has no pixels. Nothing was stored.",
        Code::ImageTooLarge => "The picture claims more pixels, or needs more memory, than one picture may have. That is found in its first bytes, before memory is taken.",
        Code::DecodeTimeout => "The picture is built so that decoding it takes hundreds of times the work of others of its size. It was given up, and nothing was stored.",
        Code::PayloadTooLarge => "The file, or the request as a whole, has more bytes than are taken this way.",
        Code::TooManyFiles => "One request held more files than are taken in one. None of them was kept.",
        Code::MissingFile => "The form came through, but none of its parts has a file name: it holds no file.",
        Code::MalformedMultipart => "The body is not the form that its header announces: there is no boundary, or a part breaks off.",
        Code::InvalidFilename => "Once what keys cannot hold is taken out of the file name, nothing is left of it, or a part has two names.",
        Code::InvalidRequest => "A header, the path or a JSON body has a form or a value that is not understood.",
        Code::Unauthorized => "The request has no key or token, or one that is not known here.",
        Code::Forbidden => "The request is understood, and not allowed: the original is private, or a link was changed, or is for another file.",
        Code::ForbiddenOrigin => "A page of a site that is not let in here tried to upload. Programs that send no Origin are not concerned.",
        Code::LinkExpired => "The signed link was good for a time, and that time is over.",
        Code::NotFound => "There is no such path, or no object with this key.",
        Code::ThumbnailPending => "The original went straight into the bucket, and the event that makes its thumbnail has not been dealt with yet. It rarely takes more than seconds.",
        Code::ThumbnailRejected => "The original went straight into the bucket, and turned out to be no picture that is taken.",
        Code::MethodNotAllowed => "The path is right, the method is not.",
        Code::RequestTimeout => "The body came more slowly than any usable connection would send it. Nothing was stored.",
        Code::RateLimited => "This client sent more requests than it may in a second, a minute or an hour.",
        Code::AlreadyExists => "The request asked not to replace anything, and there is an object with this key. It is as it was.",
        Code::RangeNotSatisfiable => "The Range header asks for bytes beyond the end of the object.",
        Code::Busy => "More uploads were under way than memory is set aside for, and this one found no room in time. Nothing was stored.",
        Code::NotReady => "One of the buckets, or both, cannot be used just now.",
        Code::StorageUnavailable => "The store refused or broke off, also when it was asked again. What was half-done is undone.",
        Code::StorageTimeout => "The store did not answer in time, also when it was asked again. What was half-done is undone.",
        Code::Internal => "The service has a fault. The request may well have been a good one.",
    }
}

/// A refusal of this code, made as every other is.
#[rustfmt::skip] // one row a code: a table
fn example(web: &Web, code: Code) -> Refusal {
    let picture = |error: thumbnail::Error| Refusal::App(app::Error::Picture(error));
    let stored = |error: store::Error| Refusal::App(app::Error::Store(error));
    match code {
        Code::UnsupportedExtension => Refusal::Key(key::Error::UnsupportedExtension { name: "file.txt".into() }),
        Code::UnsupportedContent => picture(thumbnail::Error::Unsupported { detail: "the file is a WebP picture; JPEG and PNG are taken".into() }),
        Code::NotMultipart => Refusal::NotMultipart { content_type: Some("application/json".into()) },
        Code::CorruptImage => picture(thumbnail::Error::Malformed { detail: "the file ends in the middle of the picture".into() }),
        Code::ImageTooLarge => picture(thumbnail::Error::TooLarge { measure: Measure::Pixels, limit: web.thumbnail.limits.max_pixels, actual: 4_294_836_225 }),
        Code::DecodeTimeout => picture(thumbnail::Error::Stopped),
        Code::PayloadTooLarge => Refusal::PayloadTooLarge { limit: web.max_file_bytes, actual: web.max_file_bytes + 1 },
        Code::TooManyFiles => Refusal::TooManyFiles { limit: web.max_files, actual: web.max_files + 1 },
        Code::MissingFile => Refusal::MissingFile,
        Code::MalformedMultipart => Refusal::MalformedMultipart("the form ends before its closing boundary".into()),
        Code::InvalidFilename => Refusal::Key(key::Error::InvalidName("nothing is left of the name \"....\"".into())),
        Code::InvalidRequest => Refusal::InvalidRequest("`bytes` is 0: the file is empty".into()),
        Code::Unauthorized => Refusal::Unauthorized("there is no API key, and no signed link"),
        Code::Forbidden => Refusal::Forbidden("the link is for a file of another Content-Type"),
        Code::ForbiddenOrigin => Refusal::ForbiddenOrigin { origin: "https://other.example".into() },
        Code::LinkExpired => Refusal::LinkExpired,
        Code::NotFound => stored(store::Error::NotFound),
        Code::ThumbnailPending => Refusal::App(app::Error::ThumbnailPending),
        Code::ThumbnailRejected => Refusal::App(app::Error::ThumbnailRejected { code: "corrupt-image".into() }),
        Code::MethodNotAllowed => Refusal::MethodNotAllowed { allow: None },
        Code::RequestTimeout => Refusal::RequestTimeout,
        Code::RateLimited => Refusal::RateLimited { limit: RateLimit { requests: NonZeroU32::MIN, window: Duration::from_secs(60) }, seconds: 7 },
        Code::AlreadyExists => Refusal::App(app::Error::AlreadyExists { key: "image1.jpg".into() }),
        Code::RangeNotSatisfiable => stored(store::Error::RangeNotSatisfiable { size: 21_305 }),
        Code::Busy => Refusal::App(app::Error::Busy { seconds: 2 }),
        Code::NotReady => Refusal::NotReady { cause: String::new() },
        Code::StorageUnavailable => stored(store::Error::Unavailable("unavailable".into())),
        Code::StorageTimeout => stored(store::Error::Timeout("timeout".into())),
        Code::Internal => Refusal::Panic(String::new()),
    }
}

//! Refusals as problem documents (RFC 9457). The only file that knows error statuses.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::{error, info, warn};

use super::request_id::RequestId;
use crate::app::{self, with_causes};
use crate::config::RateLimit;
use crate::{key, s3_event, store};

/// A refusal's name: what clients and their programs go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described once, in `about`, which the page /problems shows")]
pub enum Code {
    UnsupportedExtension,
    UnsupportedContent,
    NotMultipart,
    CorruptImage,
    ImageTooLarge,
    DecodeTimeout,
    PayloadTooLarge,
    TooManyFiles,
    MissingFile,
    MalformedMultipart,
    InvalidFilename,
    InvalidRequest,
    Unauthorized,
    Forbidden,
    ForbiddenOrigin,
    LinkExpired,
    NotFound,
    ThumbnailPending,
    ThumbnailRejected,
    MethodNotAllowed,
    RequestTimeout,
    AlreadyExists,
    RangeNotSatisfiable,
    RateLimited,
    Busy,
    NotReady,
    StorageUnavailable,
    StorageTimeout,
    Internal,
}

/// What stands about a [`Code`] in every document and on the page `/problems`.
pub struct About {
    /// Its spelling in `code` and `type`.
    pub code: &'static str,
    /// The status it is answered with.
    pub status: StatusCode,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What to do about it, in a sentence.
    pub advice: &'static str,
}

impl Code {
    /// All of them, in the order of their statuses' importance to a client.
    pub const ALL: [Self; 29] = [
        Self::UnsupportedExtension,
        Self::UnsupportedContent,
        Self::NotMultipart,
        Self::CorruptImage,
        Self::ImageTooLarge,
        Self::DecodeTimeout,
        Self::PayloadTooLarge,
        Self::TooManyFiles,
        Self::MissingFile,
        Self::MalformedMultipart,
        Self::InvalidFilename,
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::ForbiddenOrigin,
        Self::LinkExpired,
        Self::NotFound,
        Self::ThumbnailPending,
        Self::ThumbnailRejected,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::AlreadyExists,
        Self::RangeNotSatisfiable,
        Self::RateLimited,
        Self::Busy,
        Self::NotReady,
        Self::StorageUnavailable,
        Self::StorageTimeout,
        Self::Internal,
    ];

    /// Spelling, status, title and advice.
    #[rustfmt::skip] // one row a code: a table
    pub const fn about(self) -> About {
        use StatusCode as S;
        let (code, status, title, advice) = match self {
            Self::UnsupportedExtension => ("unsupported-extension", S::UNSUPPORTED_MEDIA_TYPE, "File type not supported", "Send a file whose name ends in .jpg, .jpeg or .png."),
            Self::UnsupportedContent => ("unsupported-content", S::UNSUPPORTED_MEDIA_TYPE, "Content is not a supported picture", "Convert the picture to an ordinary JPEG or PNG; renaming it is not enough."),
            Self::NotMultipart => ("not-multipart", S::UNSUPPORTED_MEDIA_TYPE, "Not a multipart form", "Send multipart/form-data with one part that has a file name, or PUT the bare file to /uploads/{key}."),
            Self::CorruptImage => ("corrupt-image", S::UNPROCESSABLE_ENTITY, "The picture is damaged", "The file is cut short or broken: get or export it again."),
            Self::ImageTooLarge => ("image-too-large", S::UNPROCESSABLE_ENTITY, "The picture has too many pixels", "Scale the picture down; GET /limits tells how many pixels are taken."),
            Self::DecodeTimeout => ("decode-timeout", S::UNPROCESSABLE_ENTITY, "The picture takes too long", "It is built in a way that takes far more work than its size: open it in an editor and export it again."),
            Self::PayloadTooLarge => ("payload-too-large", S::PAYLOAD_TOO_LARGE, "The file is too large", "Send a smaller file, or ask for a link with POST /uploads/presigned; GET /limits tells how many bytes are taken."),
            Self::TooManyFiles => ("too-many-files", S::PAYLOAD_TOO_LARGE, "Too many files in one request", "Spread the files over several requests; GET /limits tells how many are taken in one."),
            Self::MissingFile => ("missing-file", S::BAD_REQUEST, "No file in the form", "Add a part with a file name: curl -F file=@image1.jpg, or <input type=file name=file>."),
            Self::MalformedMultipart => ("malformed-multipart", S::BAD_REQUEST, "The form is malformed", "Let a library build the multipart body; nothing of the broken part was stored."),
            Self::InvalidFilename => ("invalid-filename", S::BAD_REQUEST, "The file name cannot be used", "Use a name with at least one letter or digit before its extension."),
            Self::InvalidRequest => ("invalid-request", S::BAD_REQUEST, "The request cannot be understood", "See the detail, and /openapi.yaml for what is understood."),
            Self::Unauthorized => ("unauthorized", S::UNAUTHORIZED, "Not signed in", "Send an API key, as Authorization: Bearer KEY or as X-Api-Key: KEY, or follow a signed link."),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "Not allowed", "See the detail; originals are private where the upload record has a signed link."),
            Self::ForbiddenOrigin => ("forbidden-origin", S::FORBIDDEN, "Page of another site", "Add the page's origin to CORS_ORIGINS, or the service's own address to PUBLIC_URL."),
            Self::LinkExpired => ("link-expired", S::FORBIDDEN, "The link has expired", "Ask for a new link where you got this one."),
            Self::NotFound => ("not-found", S::NOT_FOUND, "Not found", "Check the spelling of the path; keys are case-sensitive."),
            Self::ThumbnailPending => ("thumbnail-pending", S::NOT_FOUND, "The thumbnail is not made yet", "Ask again after the seconds in Retry-After."),
            Self::ThumbnailRejected => ("thumbnail-rejected", S::NOT_FOUND, "There can be no thumbnail of this file", "The original is no picture that is taken, see the detail: upload another file."),
            Self::MethodNotAllowed => ("method-not-allowed", S::METHOD_NOT_ALLOWED, "Method not allowed", "The Allow header names the methods that this path takes."),
            Self::RequestTimeout => ("request-timeout", S::REQUEST_TIMEOUT, "The request body came too slowly", "Try again on a faster connection."),
            Self::AlreadyExists => ("already-exists", S::PRECONDITION_FAILED, "The key is taken", "Choose another name, or leave If-None-Match out to store a newer version."),
            Self::RangeNotSatisfiable => ("range-not-satisfiable", S::RANGE_NOT_SATISFIABLE, "The range selects nothing", "Ask for bytes within the size."),
            Self::RateLimited => ("rate-limited", S::TOO_MANY_REQUESTS, "Too many requests", "Send the next one after the seconds in Retry-After; RateLimit tells how many are left."),
            Self::Busy => ("busy", S::SERVICE_UNAVAILABLE, "Too many uploads at once", "Try again after the seconds in Retry-After."),
            Self::NotReady => ("not-ready", S::SERVICE_UNAVAILABLE, "The store cannot be reached", "Try again after the seconds in Retry-After."),
            Self::StorageUnavailable => ("storage-unavailable", S::BAD_GATEWAY, "The store failed", "Nothing was stored. Try again; the log has the cause under the request_id."),
            Self::StorageTimeout => ("storage-timeout", S::GATEWAY_TIMEOUT, "The store did not answer in time", "Nothing was stored. Try again; the log has the cause under the request_id."),
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "Something went wrong here", "The log has the cause under the request_id."),
        };
        About { code, status, title, advice }
    }
}

/// The code that a failure has in documents.
pub fn code_of(error: &app::Error) -> &'static str {
    of_app(error).code.about().code
}

/// Why a request, or one file of it, is refused.
#[derive(Debug)]
#[expect(missing_docs, reason = "named as the codes, which are described once, in `Code::about`")]
pub enum Refusal {
    NotMultipart { content_type: Option<String> },
    PayloadTooLarge { limit: u64, actual: u64 },
    TooManyFiles { limit: usize, actual: usize },
    MissingFile,
    MalformedMultipart(String),
    InvalidRequest(String),
    UnsupportedType { content_type: String },
    Unauthorized(&'static str),
    Forbidden(&'static str),
    LinkExpired,
    ForbiddenOrigin { origin: String },
    NotFound,
    MethodNotAllowed { allow: Option<HeaderValue> },
    RequestTimeout,
    RateLimited { limit: RateLimit, seconds: u32 },
    NotReady { cause: String },
    Events(s3_event::Failed),
    Panic(String),
    Key(key::Error),
    App(app::Error),
}

impl From<app::Error> for Refusal {
    fn from(error: app::Error) -> Self {
        Self::App(error)
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        Self::App(error.into())
    }
}

impl From<key::Error> for Refusal {
    fn from(error: key::Error) -> Self {
        Self::Key(error)
    }
}

/// One refusal, ready to be answered and logged.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its name.
    pub code: Code,
    /// What was wrong and what would be right.
    pub detail: String,
    numbers: Option<(u64, u64)>,
    header: Option<(header::HeaderName, HeaderValue)>,
    /// For the log alone.
    for_the_log: Option<String>,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotMultipart { content_type } => not_multipart(content_type),
            Refusal::PayloadTooLarge { limit, actual } => too_many_bytes(limit, actual),
            Refusal::TooManyFiles { limit, actual } => too_many_files(limit, actual),
            Refusal::MissingFile => Self::new(Code::MissingFile, "no part of the form has a file name"),
            Refusal::MalformedMultipart(detail) => Self::new(Code::MalformedMultipart, detail),
            Refusal::InvalidRequest(detail) => Self::new(Code::InvalidRequest, detail),
            Refusal::UnsupportedType { content_type } => unsupported_type(&content_type),
            Refusal::Unauthorized(detail) => unauthorized(detail),
            Refusal::LinkExpired => Self::new(Code::LinkExpired, "the time that the link was good for is over"),
            Refusal::Forbidden(detail) => Self::new(Code::Forbidden, detail),
            Refusal::ForbiddenOrigin { origin } => {
                Self::new(Code::ForbiddenOrigin, format!("pages of the origin {origin:?} may not upload here"))
            }
            Refusal::NotFound => Self::new(Code::NotFound, "there is nothing under this path"),
            Refusal::MethodNotAllowed { allow } => {
                let problem = Self::new(Code::MethodNotAllowed, "this path does not take this method");
                Self { header: allow.map(|allow| (header::ALLOW, allow)), ..problem }
            }
            Refusal::RequestTimeout => {
                Self::new(Code::RequestTimeout, "the body took longer than 30 s and a second for each 50,000 bytes")
            }
            Refusal::RateLimited { limit, seconds } => rate_limited(limit, seconds),
            Refusal::NotReady { cause } => {
                Self::new(Code::NotReady, "the buckets cannot both be used").retry_after(5).caused_by(cause)
            }
            Refusal::Events(failed) => {
                Self::new(Code::StorageUnavailable, "not all records could be dealt with: send the notification again")
                    .caused_by(failed.to_string())
            }
            Refusal::Panic(message) => internal(message),
            Refusal::Key(error) => of_key(error),
            Refusal::App(error) => of_app(&error),
        }
    }
}

fn not_multipart(content_type: Option<String>) -> Problem {
    let got = content_type.map_or("has no Content-Type".into(), |got| format!("is {}", shortened(&got)));
    Problem::new(Code::NotMultipart, format!("the body {got}; POST /uploads takes multipart/form-data"))
}

fn too_many_files(limit: usize, actual: usize) -> Problem {
    let detail = format!("{actual} files or more; at most {limit} are taken in one request; none was stored");
    Problem::new(Code::TooManyFiles, detail).with_numbers(limit as u64, actual as u64)
}

fn unsupported_type(content_type: &str) -> Problem {
    let detail = format!("`content_type` is {}; image/jpeg and image/png are taken", shortened(content_type));
    Problem::new(Code::UnsupportedContent, detail)
}

fn unauthorized(detail: &'static str) -> Problem {
    let how = (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Problem { header: Some(how), ..Problem::new(Code::Unauthorized, detail) }
}

fn rate_limited(RateLimit { requests, window }: RateLimit, seconds: u32) -> Problem {
    let detail = format!("more than {requests} requests in {} s from one client", window.as_secs());
    Problem::new(Code::RateLimited, detail).retry_after(seconds)
}

fn of_key(error: key::Error) -> Problem {
    match error {
        key::Error::UnsupportedExtension { name } => {
            let name = shortened(&name);
            let detail = format!("{name} does not end in .jpg, .jpeg or .png");
            Problem { for_the_log: Some(name), ..Problem::new(Code::UnsupportedExtension, detail) }
        }
        key::Error::InvalidName(detail) => Problem::new(Code::InvalidFilename, detail),
    }
}

fn of_app(error: &app::Error) -> Problem {
    match error {
        app::Error::Picture(error) => of_picture(error),
        app::Error::AlreadyExists { key } => Problem::new(Code::AlreadyExists, format!("the key {key:?} is taken")),
        app::Error::ThumbnailPending => {
            Problem::new(Code::ThumbnailPending, "the original is here, its thumbnail is not made yet").retry_after(1)
        }
        app::Error::ThumbnailRejected { code } => {
            Problem::new(Code::ThumbnailRejected, format!("no thumbnail can be made of the original: {code}"))
        }
        app::Error::TooManyBytes { limit, actual } => too_many_bytes(*limit, *actual),
        app::Error::Busy { seconds } => {
            Problem::new(Code::Busy, "there was no room in memory in time").retry_after(*seconds)
        }
        app::Error::Store(error) => of_store(error),
        app::Error::Internal(cause) => internal(with_causes(&**cause)),
    }
}

fn of_picture(error: &thumbnail::Error) -> Problem {
    match error {
        thumbnail::Error::Unsupported { detail } => Problem::new(Code::UnsupportedContent, detail.as_ref()),
        thumbnail::Error::Malformed { detail } => Problem::new(Code::CorruptImage, detail.as_ref()),
        thumbnail::Error::TooLarge { measure, limit, actual } => {
            let detail = format!("the picture takes {actual} {measure}, at most {limit} are taken");
            Problem::new(Code::ImageTooLarge, detail).with_numbers(*limit, *actual)
        }
        thumbnail::Error::Stopped => {
            Problem::new(Code::DecodeTimeout, "the picture used up the CPU time that one of its size may take")
        }
        thumbnail::Error::Internal { detail } => internal(detail.clone().into_owned()),
    }
}

fn of_store(error: &store::Error) -> Problem {
    match error {
        store::Error::NotFound => Problem::new(Code::NotFound, "there is no object with this key"),
        store::Error::AlreadyExists => Problem::new(Code::AlreadyExists, "the key is taken"),
        store::Error::Changed => {
            Problem::new(Code::StorageUnavailable, "the object changes faster than it can be read")
                .caused_by(error.to_string())
        }
        store::Error::RangeNotSatisfiable { size } => {
            let unsatisfied = HeaderValue::from_str(&format!("bytes */{size}")).ok();
            let problem = Problem::new(Code::RangeNotSatisfiable, format!("the object has {size} bytes"));
            Problem { header: unsatisfied.map(|value| (header::CONTENT_RANGE, value)), ..problem }
        }
        store::Error::Timeout(_) => {
            Problem::new(Code::StorageTimeout, "the store did not answer in time").caused_by(with_causes(error))
        }
        store::Error::Unavailable(_) | store::Error::Refused(_) => {
            Problem::new(Code::StorageUnavailable, "the store did not do what it was asked")
                .caused_by(with_causes(error))
        }
        store::Error::Down { retry_in } => {
            // Rounded up: whoever comes back too early is refused once more.
            let seconds = u32::try_from(retry_in.as_secs() + 1).unwrap_or(u32::MAX);
            Problem::new(Code::NotReady, "the store is known to be down")
                .retry_after(seconds)
                .caused_by(with_causes(error))
        }
    }
}

fn too_many_bytes(limit: u64, actual: u64) -> Problem {
    let detail = format!("{actual} bytes are more than the {limit} that are taken");
    Problem::new(Code::PayloadTooLarge, detail).with_numbers(limit, actual)
}

fn internal(cause: String) -> Problem {
    Problem::new(Code::Internal, "this is a fault of the service, not of the request").caused_by(cause)
}

impl Problem {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), numbers: None, header: None, for_the_log: None }
    }

    fn with_numbers(self, limit: u64, actual: u64) -> Self {
        Self { numbers: Some((limit, actual)), ..self }
    }

    fn retry_after(self, seconds: u32) -> Self {
        Self { header: Some((header::RETRY_AFTER, seconds.into())), ..self }
    }

    fn caused_by(self, cause: String) -> Self {
        Self { for_the_log: Some(cause), ..self }
    }

    /// Names the way in for larger files, where there is one that would take this one.
    pub(super) fn with_way_in(mut self, presigned_max_bytes: u64) -> Self {
        let is_within = |(limit, actual): (u64, u64)| limit < presigned_max_bytes && actual <= presigned_max_bytes;
        if self.code == Code::PayloadTooLarge && self.numbers.is_some_and(is_within) {
            self.detail += &format!("; POST /uploads/presigned gives a link that takes up to {presigned_max_bytes}");
        }
        self
    }

    /// What a client reads.
    pub(super) fn document<'a>(&'a self, request_id: &'a RequestId) -> Document<'a> {
        let about = self.code.about();
        Document {
            kind: format!("/problems#{}", about.code),
            title: about.title,
            status: about.status.as_u16(),
            detail: &self.detail,
            code: about.code,
            request_id: request_id.as_str(),
            limit: self.numbers.map(|(limit, _)| limit),
            actual: self.numbers.map(|(_, actual)| actual),
        }
    }

    /// Logs a refusal once: our faults with their cause, refused types for those who look for them.
    pub fn log(&self) {
        let about = self.code.about();
        match self.code {
            Code::UnsupportedExtension => {
                warn!(file_name = self.for_the_log.as_deref().unwrap_or_default(), "invalid file type uploaded");
            }
            _ if about.status.is_server_error() => error!(
                code = about.code,
                status = about.status.as_u16(),
                cause = self.for_the_log.as_deref().unwrap_or(&self.detail),
                "request failed"
            ),
            _ => info!(code = about.code, status = about.status.as_u16(), detail = self.detail, "request refused"),
        }
    }
}

/// RFC 9457's members first, then ours.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    pub(super) status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<u64>,
}

/// As an answer it is not written out yet: `context` knows the request's id and does it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.code.about().status, [(header::CACHE_CONTROL, "no-store")]).into_response();
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// A client's text, made safe for logs and answers: escaped, and cut at 128 characters.
fn shortened(text: &str) -> String {
    const MOST: usize = 128;
    let cut: String = text.chars().take(MOST).collect();
    let ellipsis = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{ellipsis}", cut.escape_debug())
}

//! The ways in: a form with files, or one bare file.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, HttpBody};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::time::Instant;

use super::Web;
use super::context::is_for_a_person;
use super::gateway::Deadline;
use super::link::Promise;
use super::multipart::{FilePart, Form, broken_body};
use super::page;
use super::problem::{Problem, Refusal};
use super::receive::Receiving;
use super::record::{Member, Outcome, Record};
use super::request_id::RequestId;
use crate::app::{self, Stored, Storing, Times, Upload, store_upload};
use crate::key::{OriginalKey, to_url_path};
use crate::metrics;
use crate::store::Condition;

/// `POST /uploads`: a form with one file or several.
pub(super) async fn post(
    State(web): State<Arc<Web>>,
    Extension(request_id): Extension<RequestId>,
    deadline: Option<Extension<Deadline>>,
    request: Request,
) -> Result<Response, Problem> {
    take_form(&web, &request_id, deadline, request).await.map_err(counted)
}

/// `PUT /uploads/{key}`: one bare file.
pub(super) async fn put(
    State(web): State<Arc<Web>>,
    uri: Uri,
    headers: HeaderMap,
    deadline: Option<Extension<Deadline>>,
    promise: Option<Extension<Promise>>,
    body: Body,
) -> Result<Response, Problem> {
    let promise = promise.map(|Extension(promise)| promise);
    let deadline = deadline.map(|Extension(Deadline(at))| at);
    let stored = match target_of(&web, &uri, &headers, promise, &body) {
        Ok(target) => take_file(&web, target, deadline, body).await,
        Err(refusal) => Err(refusal),
    };
    Ok(one(&web, &stored.map_err(counted)?, false).await)
}

/// A refusal of a file, or of a request that would have brought some.
fn counted(refusal: Refusal) -> Problem {
    let problem = Problem::from(refusal);
    metrics::upload_ended(problem.code.about().code);
    problem
}

async fn take_form(
    web: &Web,
    request_id: &RequestId,
    deadline: Option<Extension<Deadline>>,
    request: Request,
) -> Result<Response, Refusal> {
    let deadline = deadline.map(|Extension(Deadline(at))| at);
    let as_page = is_for_a_person(web, &request);
    let (head, body) = request.into_parts();
    refuse_by_length(&body, web.max_request_bytes)?;
    let form = Form::new(&head.headers, body, web.max_request_bytes)?;
    let mut files = receive_all(web, form, deadline).await?;
    match files.len() {
        0 => Err(Refusal::MissingFile),
        1 => Ok(one(web, &files.remove(0)?, as_page).await),
        _ => Ok(several(web, files, request_id, as_page).await),
    }
}

async fn take_file(web: &Web, target: Target, deadline: Option<Instant>, body: Body) -> Result<Stored, Refusal> {
    let Target { key, condition, limit } = target;
    refuse_by_length(&body, limit)?;
    let mut file = Receiving::begin(&web.app, body.size_hint().exact(), limit).await?;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        file.push(&chunk.map_err(|error| broken_body(&error))?).await?;
        if file.is_too_large() {
            break;
        }
    }
    let upload = Upload { deadline, ..file.finish(key, condition)? };
    Ok(store_upload(&web.app, upload).finish().await?)
}

/// Where a bare file goes.
struct Target {
    key: OriginalKey,
    condition: Condition,
    limit: u64,
}

/// A link of ours names the key as it is, and the file's exact size.
fn target_of(
    web: &Web,
    uri: &Uri,
    headers: &HeaderMap,
    promise: Option<Promise>,
    body: &Body,
) -> Result<Target, Refusal> {
    let Some(promise) = promise else {
        let path = uri.path().strip_prefix("/uploads/").unwrap_or_default();
        let key = OriginalKey::from_url_path(path, web.key_layout)?;
        return Ok(Target { key, condition: condition_of(headers)?, limit: web.max_file_bytes });
    };
    if body.size_hint().exact() != Some(promise.bytes) {
        return Err(Refusal::Forbidden("the link is for a file of another size, to be told by Content-Length"));
    }
    let key = OriginalKey::existing(&promise.key).ok_or(Refusal::NotFound)?;
    let condition = if promise.must_be_new { Condition::IfAbsent } else { Condition::Always };
    Ok(Target { key, condition, limit: promise.bytes })
}

/// One file of a form on its way into the store.
enum File {
    Storing(Storing),
    Done(Box<Result<Stored, Refusal>>),
}

/// A part of a form that has come to its end.
enum Received {
    /// A file field that a browser sent although nobody chose a file.
    Absent,
    Refused(Refusal),
    Whole(Upload),
}

/// Receives one file while the ones before it are decoded and stored.
async fn receive_all(
    web: &Web,
    mut form: Form,
    deadline: Option<Instant>,
) -> Result<Vec<Result<Stored, Refusal>>, Refusal> {
    let mut files = Vec::new();
    loop {
        let received = match form.next_file().await {
            Ok(None) => break,
            Ok(Some(part)) => {
                let expected = form.bytes_left();
                match receive(web, part, expected, &mut files).await {
                    Ok(Received::Absent) => form.count_field().map(|()| Received::Absent),
                    received => received,
                }
            }
            Err(broken) => Err(broken),
        };
        match received {
            Ok(Received::Absent) => {}
            Err(broken) => {
                files.push(done(Err(broken)));
                break;
            }
            _ if files.len() == web.max_files => return Err(withdraw_all(web, files).await),
            Ok(Received::Refused(refusal)) => files.push(done(Err(refusal))),
            Ok(Received::Whole(upload)) => {
                files.push(File::Storing(store_upload(&web.app, Upload { deadline, ..upload })));
            }
        }
    }
    // Its buffer is as large as many a picture, and what comes now may take longer than all of the above.
    drop(form);
    Ok(finish_all(files).await)
}

/// Receives a file, and waits for those of its name among the ones before it: two become versions in the order of the form.
///
/// # Errors
/// Where the form cannot be read any further.
async fn receive(
    web: &Web,
    mut part: FilePart,
    expected: Option<u64>,
    before: &mut [File],
) -> Result<Received, Refusal> {
    let key =
        part.name().map_err(Refusal::from).and_then(|name| Ok(OriginalKey::from_file_name(name, web.key_layout)?));
    let key = match key {
        Ok(key) => key,
        Err(refusal) => {
            let has_name = part.name() != Ok("");
            let has_content = part.pass_over().await?;
            return Ok(if has_name || has_content { Received::Refused(refusal) } else { Received::Absent });
        }
    };
    let mut file = Receiving::begin(&web.app, expected, web.max_file_bytes).await?;
    while let Some(chunk) = part.chunk().await? {
        file.push(&chunk).await?;
    }
    // As long as that takes, what the form's buffer holds is still counted.
    finish_same_key(before, &key).await;
    Ok(match file.finish(key, Condition::Always) {
        Ok(upload) => Received::Whole(upload),
        Err(refusal) => Received::Refused(refusal),
    })
}

async fn finish_same_key(files: &mut [File], key: &OriginalKey) {
    for file in files {
        if let File::Storing(storing) = file
            && storing.key() == key
        {
            *file = done(storing.finish().await.map_err(Refusal::from));
        }
    }
}

async fn finish_all(files: Vec<File>) -> Vec<Result<Stored, Refusal>> {
    let mut outcomes = Vec::with_capacity(files.len());
    for file in files {
        outcomes.push(match file {
            File::Done(outcome) => *outcome,
            File::Storing(mut storing) => storing.finish().await.map_err(Refusal::from),
        });
    }
    outcomes
}

fn done(outcome: Result<Stored, Refusal>) -> File {
    File::Done(Box::new(outcome))
}

/// A request with too many files is refused as a whole, which shows only when most of it is stored.
async fn withdraw_all(web: &Web, files: Vec<File>) -> Refusal {
    let actual = files.len() + 1;
    let stored = finish_all(files).await.into_iter().filter_map(Result::ok).collect();
    app::withdraw(&web.app, stored).await;
    Refusal::TooManyFiles { limit: web.max_files, actual }
}

async fn one(web: &Web, stored: &Stored, as_page: bool) -> Response {
    metrics::upload_ended(metrics::CREATED);
    let path = to_url_path(&stored.original.key);
    let location = format!("{}/{}/{path}", web.base_path(), if as_page { "result" } else { "uploads" });
    if as_page {
        return (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    }
    let headers = [(header::LOCATION, location), (SERVER_TIMING, server_timing(stored.times))];
    (StatusCode::CREATED, headers, Json(Record::of(web, stored).await)).into_response()
}

async fn several(web: &Web, files: Vec<Result<Stored, Refusal>>, request_id: &RequestId, as_page: bool) -> Response {
    let mut outcomes = Vec::with_capacity(files.len());
    for file in files {
        outcomes.push(match file {
            Ok(stored) => {
                metrics::upload_ended(metrics::CREATED);
                Outcome::Created(Box::new(Record::of(web, &stored).await))
            }
            Err(refusal) => {
                let problem = counted(refusal).with_way_in(web.presigned_max_bytes);
                problem.log();
                Outcome::Refused(problem)
            }
        });
    }
    if as_page {
        let headers = [(header::CONTENT_TYPE, page::HTML)];
        return (StatusCode::MULTI_STATUS, headers, page::several(web, &outcomes)).into_response();
    }
    let results: Vec<_> = outcomes.iter().map(|outcome| outcome.document(request_id)).collect();
    (StatusCode::MULTI_STATUS, Json(Results { results })).into_response()
}

#[derive(Serialize)]
struct Results<'a> {
    results: Vec<Member<'a>>,
}

const SERVER_TIMING: header::HeaderName = header::HeaderName::from_static("server-timing");

fn server_timing(times: Times) -> String {
    let [receive, decode, store] = [times.receive, times.decode, times.store].map(app::milliseconds);
    format!("receive;dur={receive}, decode;dur={decode}, store;dur={store}")
}

/// What says that it is too long need not be read.
fn refuse_by_length(body: &Body, limit: u64) -> Result<(), Refusal> {
    match body.size_hint().exact() {
        Some(actual) if actual > limit => Err(Refusal::PayloadTooLarge { limit, actual }),
        _ => Ok(()),
    }
}

fn condition_of(headers: &HeaderMap) -> Result<Condition, Refusal> {
    if headers.contains_key(header::IF_MATCH) {
        return Err(Refusal::InvalidRequest("If-Match is not supported; If-None-Match: * refuses to replace".into()));
    }
    match headers.get(header::IF_NONE_MATCH).map(HeaderValue::as_bytes) {
        None => Ok(Condition::Always),
        Some(b"*") => Ok(Condition::IfAbsent),
        Some(_) => Err(Refusal::InvalidRequest("If-None-Match can only be * here, to refuse to replace".into())),
    }
}

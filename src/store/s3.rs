//! The store on S3 or a server that speaks its protocol. The only file that names `aws_sdk_s3`.
//!
//! What the SDK does for a request is a future of ten kilobytes and more. Each is boxed, so that an upload does not carry
//! several of them through the time when it waits for its body or for a core.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, SystemTime};

use aws_config::meta::region::RegionProviderChain;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::{BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{ConfigBag, Intercept, ProvideCredentials, RuntimeComponents, SharedCredentialsProvider};
use aws_sdk_s3::error::{BoxError, DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream as SdkBytes, DateTime};
use aws_sdk_s3::types::{BucketVersioningStatus, EncodingType, Tag, Tagging};
use aws_sigv4::http_request::SignableBody;
use aws_smithy_runtime_api::client::orchestrator::Metadata as SdkMetadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use futures_util::stream;
use percent_encoding::percent_decode_str;

use super::watch::{ATTEMPTS, attempt_time};
use super::{
    Announced, Bucket, BucketNames, ByteStream, Condition, Download, Error, ListFrom, Listed, Metadata, Object,
    PAGE_OBJECTS, Page, Range, ReadMethod, Shown, Stat, WriteLink, Written,
};
use crate::metrics::{self, Operation};

/// Where the spans of the SDK's operations come from.
pub const OPERATION_SPANS: &str = "aws_sdk_s3";

const CONNECT: Duration = Duration::from_secs(3);

/// Two buckets of one S3 account.
#[derive(Debug)]
pub struct S3 {
    client: Client,
    credentials: Option<SharedCredentialsProvider>,
    names: BucketNames,
    presign_expires: Duration,
}

impl S3 {
    /// A client by the environment, as the AWS SDK reads it; nothing is sent to the buckets yet.
    pub async fn connect(names: BucketNames, force_path_style: bool, presign_expires: Duration) -> Self {
        // S3-compatible servers have no regions, but a signature needs one.
        let region = RegionProviderChain::default_provider().or_else("us-east-1");
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(200))
            .with_max_backoff(Duration::from_secs(2));
        let shared =
            aws_config::from_env().region(region).retry_config(retries).timeout_config(timeouts_for(0)).load().await;
        let config = aws_sdk_s3::config::Builder::from(&shared).force_path_style(force_path_style);
        let config = config.interceptor(CountRetries).build();
        Self { client: Client::from_conf(config), credentials: shared.credentials_provider(), names, presign_expires }
    }

    pub(super) fn names(&self) -> &BucketNames {
        &self.names
    }

    pub(super) async fn put(
        &self,
        bucket: Bucket,
        key: &str,
        object: &Object,
        condition: &Condition,
    ) -> Result<Written, Error> {
        let mut tries_left = ATTEMPTS;
        loop {
            tries_left -= 1;
            let outcome = self.put_once(bucket, key, object, condition).await;
            let error = match outcome {
                Ok(output) => return Ok(Written { version_id: real_version(output.version_id) }),
                Err(error) => error,
            };
            match status_of(&error) {
                // A write of the same key is under way, which is worth another try.
                Some(409) if tries_left > 0 => tokio::time::sleep(Duration::from_millis(100)).await,
                // So is one whose bytes were damaged on the way.
                Some(400) if tries_left > 0 && error.code().is_some_and(is_of_damage) => {}
                Some(404) if is_missing_object(&error) => return Err(Error::Changed),
                Some(412) => return self.own_or_refused(bucket, key, object, condition).await,
                _ => return Err(failed(&error)),
            }
        }
    }

    pub(super) async fn head(&self, bucket: Bucket, key: &str) -> Result<Stat, Error> {
        let output = Box::pin(self.client.head_object().bucket(self.names.of(bucket)).key(key).send()).await;
        let output = output.map_err(|error| not_found_or_failed(&error))?;
        Ok(Stat {
            bytes: output.content_length.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            content_type: output.content_type.unwrap_or_default(),
            version_id: real_version(output.version_id),
            revision: output.e_tag.unwrap_or_default(),
            modified: time_of(output.last_modified),
            metadata: read_metadata(output.metadata),
        })
    }

    pub(super) async fn get(&self, bucket: Bucket, key: &str, range: Option<Range>) -> Result<Download, Error> {
        let request = self.client.get_object().bucket(self.names.of(bucket)).key(key);
        let output = Box::pin(request.set_range(range.map(|range| range.to_string())).send()).await;
        let output = output.map_err(|error| match status_of(&error) {
            Some(416) => Error::RangeNotSatisfiable { size: size_in_refusal(&error) },
            _ => not_found_or_failed(&error),
        })?;
        let length = output.content_length.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        let part = output.content_range.as_deref().and_then(read_content_range);
        let stat = Stat {
            bytes: part.map_or(length, |(_, _, size)| size),
            content_type: output.content_type.unwrap_or_default(),
            version_id: real_version(output.version_id),
            revision: output.e_tag.unwrap_or_default(),
            modified: time_of(output.last_modified),
            metadata: read_metadata(output.metadata),
        };
        Ok(Download { stat, part: part.map(|(from, to, _)| (from, to)), body: stream_of(output.body) })
    }

    /// Keys may hold what XML can't, so that they are asked for in percent-encoding. A page is told by the token of the
    /// one before: not every server lists by keys, and such tokens are right on all of them.
    pub(super) async fn list(&self, bucket: Bucket, prefix: &str, from: ListFrom<'_>) -> Result<Page, Error> {
        let (after, token) = match from {
            ListFrom::Beginning => (None, None),
            ListFrom::After(key) => (Some(key.into()), None),
            ListFrom::Next(token) => (None, Some(token.into())),
        };
        let request = self.client.list_objects_v2().bucket(self.names.of(bucket)).prefix(prefix);
        let request = request.max_keys(PAGE_OBJECTS.into()).encoding_type(EncodingType::Url);
        let output = Box::pin(request.set_start_after(after).set_continuation_token(token).send()).await;
        let output = output.map_err(|error| failed(&error))?;
        let is_encoded = output.encoding_type == Some(EncodingType::Url);
        let objects = output.contents.unwrap_or_default().into_iter().map(|object| {
            let key = object.key.unwrap_or_default();
            Listed {
                key: if is_encoded { decoded(&key) } else { key },
                bytes: object.size.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
                modified: time_of(object.last_modified),
            }
        });
        let is_truncated = output.is_truncated == Some(true);
        Ok(Page { objects: objects.collect(), next: output.next_continuation_token.filter(|_| is_truncated) })
    }

    pub(super) async fn remove(&self, bucket: Bucket, key: &str, version_id: Option<&str>) -> Result<(), Error> {
        let request = self.client.delete_object().bucket(self.names.of(bucket)).key(key);
        match Box::pin(request.set_version_id(version_id.map(Into::into)).send()).await {
            Ok(_) => Ok(()),
            Err(error) if is_missing_object(&error) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    pub(super) async fn check(&self, bucket: Bucket) -> Result<(), Error> {
        let output = Box::pin(self.client.head_bucket().bucket(self.names.of(bucket)).send()).await;
        output.map(|_| ()).map_err(|error| failed(&error))
    }

    pub(super) async fn keeps_versions(&self, bucket: Bucket) -> Result<bool, Error> {
        let output = Box::pin(self.client.get_bucket_versioning().bucket(self.names.of(bucket)).send()).await;
        let output = output.map_err(|error| failed(&error))?;
        Ok(output.status == Some(BucketVersioningStatus::Enabled))
    }

    /// How the object is shown is signed with the rest.
    pub(super) async fn presigned(
        &self,
        bucket: Bucket,
        key: &str,
        method: ReadMethod,
        shown: Shown,
    ) -> Result<String, Error> {
        let bucket = self.names.of(bucket);
        let (good_for, _) = self.good_for().await?;
        let (disposition, content_type) = match shown {
            Shown::AsPicture { .. } => (None, None),
            Shown::AsDownload { content_type } => (Some("attachment".into()), Some(content_type.into())),
        };
        let request = match method {
            ReadMethod::Get => {
                let request = self.client.get_object().bucket(bucket).key(key);
                let request = request.set_response_content_disposition(disposition);
                let request = Box::pin(request.set_response_content_type(content_type).presigned(good_for)).await;
                request.map_err(|error| failed(&error))?
            }
            ReadMethod::Head => {
                let request = self.client.head_object().bucket(bucket).key(key);
                let request = request.set_response_content_disposition(disposition);
                let request = Box::pin(request.set_response_content_type(content_type).presigned(good_for)).await;
                request.map_err(|error| failed(&error))?
            }
        };
        Ok(request.uri().into())
    }

    /// Length, type and condition are signed: the link takes this file and no other.
    pub(super) async fn presigned_put(&self, announced: &Announced<'_>) -> Result<WriteLink, Error> {
        let (good_for, expires) = self.good_for().await?;
        let request = self.client.put_object();
        let request = request
            .bucket(self.names.of(Bucket::Uploads))
            .key(announced.key)
            .content_type(announced.content_type)
            .content_length(i64::try_from(announced.bytes).unwrap_or(i64::MAX))
            .set_if_none_match(announced.must_be_new.then(|| "*".into()));
        let request = Box::pin(request.presigned(good_for)).await;
        let request = request.map_err(|error| failed(&error))?;
        Ok(WriteLink { url: request.uri().into(), expires })
    }

    pub(super) async fn mark_rejected(&self, key: &str, version_id: Option<&str>, code: &str) -> Result<(), Error> {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = [tag(THUMBNAIL_TAG, REJECTED), tag(CODE_TAG, code)];
        let tags: Result<Vec<_>, _> = tags.into_iter().collect();
        let tagging = tags.and_then(|tags| Tagging::builder().set_tag_set(Some(tags)).build());
        let tagging = tagging.map_err(|error| Error::Unavailable(error.into()))?;
        let request = self.client.put_object_tagging().bucket(self.names.of(Bucket::Uploads)).key(key);
        let output = Box::pin(request.set_version_id(version_id.map(Into::into)).tagging(tagging).send()).await;
        output.map(|_| ()).map_err(|error| not_found_or_failed(&error))
    }

    pub(super) async fn rejection(&self, key: &str) -> Result<Option<String>, Error> {
        let request = self.client.get_object_tagging().bucket(self.names.of(Bucket::Uploads)).key(key);
        let output = Box::pin(request.send()).await;
        let output = output.map_err(|error| not_found_or_failed(&error))?;
        let value_of = |name: &str| output.tag_set.iter().find(|tag| tag.key == name).map(|tag| tag.value.as_str());
        if value_of(THUMBNAIL_TAG) != Some(REJECTED) {
            return Ok(None);
        }
        Ok(Some(value_of(CODE_TAG).unwrap_or_default().to_owned()))
    }

    /// A link ends with the credentials that signed it, whatever it says itself.
    async fn good_for(&self) -> Result<(PresigningConfig, SystemTime), Error> {
        let now = SystemTime::now();
        let credentials_end = match &self.credentials {
            Some(provider) => {
                let credentials = provider.provide_credentials().await;
                credentials.map_err(|error| Error::Unavailable(error.into()))?.expiry()
            }
            None => None,
        };
        let wanted = now + self.presign_expires;
        let expires = credentials_end.map_or(wanted, |end| end.min(wanted));
        let good_for = expires.duration_since(now).unwrap_or_default().max(Duration::from_secs(1));
        let config = PresigningConfig::builder().start_time(now).expires_in(good_for).build();
        let config = config.map_err(|error| Error::Unavailable(DisplayErrorContext(&error).to_string().into()))?;
        Ok((config, expires))
    }

    /// 412 may be the answer to the SDK's own second attempt at a write that landed at the first.
    async fn own_or_refused(
        &self,
        bucket: Bucket,
        key: &str,
        object: &Object,
        condition: &Condition,
    ) -> Result<Written, Error> {
        let refused = match condition {
            Condition::IfRevision(_) => Error::Changed,
            Condition::IfAbsent | Condition::Always => Error::AlreadyExists,
        };
        match self.head(bucket, key).await {
            Ok(there)
                if there.metadata.upload_id.is_some() && there.metadata.upload_id == object.metadata.upload_id =>
            {
                Ok(Written { version_id: there.version_id })
            }
            Ok(_) | Err(Error::NotFound) => Err(refused),
            Err(error) => Err(error),
        }
    }

    async fn put_once(
        &self,
        bucket: Bucket,
        key: &str,
        object: &Object,
        condition: &Condition,
    ) -> Result<PutObjectOutput, SdkError<aws_sdk_s3::operation::put_object::PutObjectError, HttpResponse>> {
        let timeouts = timeouts_for(object.bytes.len() as u64);
        let (if_none_match, if_match) = match condition {
            Condition::Always => (None, None),
            Condition::IfAbsent => (Some("*".into()), None),
            Condition::IfRevision(etag) => (None, Some(etag.clone())),
        };
        let request = self.client.put_object();
        let request = request
            .bucket(self.names.of(bucket))
            .key(key)
            .content_type(object.content_type)
            .cache_control(object.cache_control)
            .set_metadata(Some(write_metadata(&object.metadata)))
            .set_if_none_match(if_none_match)
            .set_if_match(if_match)
            .body(SdkBytes::from(object.bytes.clone()))
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(timeouts))
            .interceptor(KnownDigest(object.metadata.sha256.clone()));
        Box::pin(request.send()).await
    }
}

/// Takes note of every attempt after the first.
#[derive(Debug)]
struct CountRetries;

impl Intercept for CountRetries {
    fn name(&self) -> &'static str {
        "CountRetries"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() > 1) {
            metrics::store_retried(operation_of(config.load::<SdkMetadata>().map_or("", SdkMetadata::name)));
        }
        Ok(())
    }
}

/// The SHA-256 of a body that was reckoned as it came in: signing would only do it again. S3 compares it with what
/// arrives; not all that speak its protocol do, so that the SDK's checksum stays.
#[derive(Debug)]
struct KnownDigest(Option<String>);

impl Intercept for KnownDigest {
    fn name(&self) -> &'static str {
        "KnownDigest"
    }

    fn modify_before_signing(
        &self,
        _context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(sha256) = &self.0 else { return Ok(()) };
        if let Some(mut signing) = config.load::<SigV4OperationSigningConfig>().cloned() {
            signing.signing_options.payload_override = Some(SignableBody::Precomputed(sha256.clone()));
            config.interceptor_state().store_put(signing);
        }
        Ok(())
    }
}

/// The SDK's names for what it does.
fn operation_of(name: &str) -> Operation {
    match name {
        "PutObject" => Operation::Put,
        "GetObject" => Operation::Get,
        "HeadObject" => Operation::Head,
        "DeleteObject" => Operation::Remove,
        "ListObjectsV2" => Operation::List,
        "GetBucketVersioning" => Operation::Versions,
        "GetObjectTagging" | "PutObjectTagging" => Operation::Tags,
        _ => Operation::Check,
    }
}

/// The connect timeout never varies: the SDK keeps one connection pool for each value of it.
fn timeouts_for(bytes: u64) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(attempt_time(bytes)).build()
}

/// Buckets without versions give none, or the text `null` where versioning is suspended.
fn real_version(version_id: Option<String>) -> Option<String> {
    version_id.filter(|version_id| version_id != "null" && !version_id.is_empty())
}

/// An object of which it is not told counts as just written: nothing that goes by age then takes it for old.
fn time_of(modified: Option<DateTime>) -> SystemTime {
    modified.and_then(|modified| modified.try_into().ok()).unwrap_or_else(SystemTime::now)
}

/// A key of a listing; a space is written as in HTML forms.
fn decoded(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

const UPLOAD_ID: &str = "upload-id";
const SOURCE_SHA256: &str = "source-sha256";
const SOURCE_VERSION_ID: &str = "source-version-id";
const SHA256: &str = "sha256";
/// Tags of an original that no thumbnail can be made of.
const THUMBNAIL_TAG: &str = "thumbnail";
const CODE_TAG: &str = "thumbnail-code";
const REJECTED: &str = "rejected";

fn write_metadata(metadata: &Metadata) -> HashMap<String, String> {
    let pairs = [
        (UPLOAD_ID, &metadata.upload_id),
        (SOURCE_SHA256, &metadata.source_sha256),
        (SOURCE_VERSION_ID, &metadata.source_version_id),
        (SHA256, &metadata.sha256),
    ];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
}

fn read_metadata(pairs: Option<HashMap<String, String>>) -> Metadata {
    let mut pairs = pairs.unwrap_or_default();
    Metadata {
        upload_id: pairs.remove(UPLOAD_ID),
        source_sha256: pairs.remove(SOURCE_SHA256),
        source_version_id: pairs.remove(SOURCE_VERSION_ID),
        sha256: pairs.remove(SHA256),
    }
}

/// `bytes 0-9/100` as first, last and size.
fn read_content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, to) = range.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?, size.parse().ok()?))
}

/// The size in `Content-Range: bytes */100`; 0 from servers that leave the header out.
fn size_in_refusal<E>(error: &SdkError<E, HttpResponse>) -> u64 {
    let header = error.raw_response().and_then(|response| response.headers().get("content-range"));
    header.and_then(|text| text.strip_prefix("bytes */")?.parse().ok()).unwrap_or(0)
}

fn stream_of(body: SdkBytes) -> ByteStream {
    Box::pin(stream::try_unfold(body, |mut body| async move {
        let bytes = body.try_next().await.map_err(io::Error::other)?;
        Ok(bytes.map(|bytes| (bytes, body)))
    }))
}

fn status_of<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The store's word for bytes that are not those which were signed or summed up.
fn is_of_damage(code: &str) -> bool {
    matches!(code, "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" | "IncompleteBody")
}

/// A 404 is about the object, unless it says that the bucket is missing.
fn is_missing_object<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    status_of(error) == Some(404) && error.code() != Some("NoSuchBucket")
}

fn not_found_or_failed<E>(error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if is_missing_object(error) { Error::NotFound } else { failed(error) }
}

fn failed<E: std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> Error {
    let cause = DisplayErrorContext(error).to_string().into();
    match error {
        SdkError::TimeoutError(_) => return Error::Timeout(cause),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => return Error::Timeout(cause),
        _ => {}
    }
    match status_of(error) {
        // A bucket that is missing; a store that is too slow or too busy.
        Some(404 | 408 | 429) => Error::Unavailable(cause),
        // Not permitted, not to be had, not made for it: of one request, whatever becomes of others.
        Some(400..=499 | 501) => Error::Refused(cause),
        _ => Error::Unavailable(cause),
    }
}

//! The store on S3 or a server that speaks its protocol. The only file that names `aws_sdk_s3`.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use aws_config::meta::region::RegionProviderChain;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream as SdkBytes;
use aws_sdk_s3::types::BucketVersioningStatus;
use futures_util::stream;

use super::{
    Bucket, BucketNames, ByteStream, Condition, Download, Error, Metadata, Object, Range, ReadMethod, Stat, Written,
};

/// Attempts per operation: idle pooled connections die after about 20 seconds, so that a first failure
/// says nothing yet.
const ATTEMPTS: u32 = 3;
/// What one attempt may take, on top of its bytes at [`SLOWEST_BYTES_PER_SECOND`].
const ATTEMPT: Duration = Duration::from_secs(5);
const SLOWEST_BYTES_PER_SECOND: u64 = 1_000_000;
const CONNECT: Duration = Duration::from_secs(3);

/// Two buckets of one S3 account.
#[derive(Debug)]
pub struct S3 {
    client: Client,
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
        let config = aws_sdk_s3::config::Builder::from(&shared).force_path_style(force_path_style).build();
        Self { client: Client::from_conf(config), names, presign_expires }
    }

    pub(super) fn names(&self) -> &BucketNames {
        &self.names
    }

    pub(super) async fn put(
        &self,
        bucket: Bucket,
        key: &str,
        object: &Object,
        condition: Condition,
    ) -> Result<Written, Error> {
        match condition {
            Condition::Always => {
                let output = self.put_once(bucket, key, object, None).await.map_err(|error| failed(&error))?;
                Ok(Written { version_id: real_version(output.version_id) })
            }
            Condition::IfAbsent => self.put_if_absent(bucket, key, object).await,
        }
    }

    pub(super) async fn head(&self, bucket: Bucket, key: &str) -> Result<Stat, Error> {
        let output = self.client.head_object().bucket(self.names.of(bucket)).key(key).send().await;
        let output = output.map_err(|error| not_found_or_failed(&error))?;
        Ok(Stat {
            bytes: output.content_length.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            content_type: output.content_type.unwrap_or_default(),
            version_id: real_version(output.version_id),
            metadata: read_metadata(output.metadata),
        })
    }

    pub(super) async fn get(&self, bucket: Bucket, key: &str, range: Option<Range>) -> Result<Download, Error> {
        let request = self.client.get_object().bucket(self.names.of(bucket)).key(key);
        let output = request.set_range(range.map(|range| range.to_string())).send().await;
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
            metadata: read_metadata(output.metadata),
        };
        Ok(Download { stat, part: part.map(|(from, to, _)| (from, to)), body: stream_of(output.body) })
    }

    pub(super) async fn remove(&self, bucket: Bucket, key: &str, version_id: Option<&str>) -> Result<(), Error> {
        let request = self.client.delete_object().bucket(self.names.of(bucket)).key(key);
        match request.set_version_id(version_id.map(Into::into)).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_missing_object(&error) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    pub(super) async fn check(&self, bucket: Bucket) -> Result<(), Error> {
        let output = self.client.head_bucket().bucket(self.names.of(bucket)).send().await;
        output.map(|_| ()).map_err(|error| failed(&error))
    }

    pub(super) async fn keeps_versions(&self, bucket: Bucket) -> Result<bool, Error> {
        let output = self.client.get_bucket_versioning().bucket(self.names.of(bucket)).send().await;
        let output = output.map_err(|error| failed(&error))?;
        Ok(output.status == Some(BucketVersioningStatus::Enabled))
    }

    pub(super) async fn presigned(&self, key: &str, method: ReadMethod) -> Result<String, Error> {
        let bucket = self.names.of(Bucket::Uploads);
        let good_for = PresigningConfig::expires_in(self.presign_expires)
            .map_err(|error| Error::Unavailable(DisplayErrorContext(&error).to_string().into()))?;
        let request = match method {
            ReadMethod::Get => {
                let request = self.client.get_object().bucket(bucket).key(key).presigned(good_for).await;
                request.map_err(|error| failed(&error))?
            }
            ReadMethod::Head => {
                let request = self.client.head_object().bucket(bucket).key(key).presigned(good_for).await;
                request.map_err(|error| failed(&error))?
            }
        };
        Ok(request.uri().into())
    }

    /// Servers answer 409 while a write of the same key is under way, which is worth another try; and
    /// 412 may be the answer to the SDK's own second attempt at a write that landed at the first.
    async fn put_if_absent(&self, bucket: Bucket, key: &str, object: &Object) -> Result<Written, Error> {
        for _ in 1..ATTEMPTS {
            match self.put_once(bucket, key, object, Some("*")).await {
                Err(error) if status_of(&error) == Some(409) => tokio::time::sleep(Duration::from_millis(100)).await,
                outcome => return self.conditional_outcome(bucket, key, object, outcome).await,
            }
        }
        let outcome = self.put_once(bucket, key, object, Some("*")).await;
        self.conditional_outcome(bucket, key, object, outcome).await
    }

    async fn conditional_outcome<E>(
        &self,
        bucket: Bucket,
        key: &str,
        object: &Object,
        outcome: Result<PutObjectOutput, SdkError<E, HttpResponse>>,
    ) -> Result<Written, Error>
    where
        E: std::error::Error + 'static,
    {
        let error = match outcome {
            Ok(output) => return Ok(Written { version_id: real_version(output.version_id) }),
            Err(error) => error,
        };
        if status_of(&error) != Some(412) {
            return Err(failed(&error));
        }
        let there = self.head(bucket, key).await?;
        if there.metadata.upload_id.is_some() && there.metadata.upload_id == object.metadata.upload_id {
            return Ok(Written { version_id: there.version_id });
        }
        Err(Error::AlreadyExists)
    }

    async fn put_once(
        &self,
        bucket: Bucket,
        key: &str,
        object: &Object,
        if_none_match: Option<&str>,
    ) -> Result<PutObjectOutput, SdkError<aws_sdk_s3::operation::put_object::PutObjectError, HttpResponse>> {
        let timeouts = timeouts_for(object.bytes.len() as u64);
        self.client
            .put_object()
            .bucket(self.names.of(bucket))
            .key(key)
            .content_type(object.content_type)
            .cache_control(object.cache_control)
            .set_metadata(Some(write_metadata(&object.metadata)))
            .set_if_none_match(if_none_match.map(Into::into))
            .body(SdkBytes::from(object.bytes.clone()))
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(timeouts))
            .send()
            .await
    }
}

/// The connect timeout never varies: the SDK keeps one connection pool for each value of it.
fn timeouts_for(bytes: u64) -> TimeoutConfig {
    let attempt = ATTEMPT + Duration::from_millis(bytes * 1_000 / SLOWEST_BYTES_PER_SECOND);
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(attempt).build()
}

/// Buckets without versions give none, or the text `null` where versioning is suspended.
fn real_version(version_id: Option<String>) -> Option<String> {
    version_id.filter(|version_id| version_id != "null" && !version_id.is_empty())
}

const UPLOAD_ID: &str = "upload-id";
const SOURCE_SHA256: &str = "source-sha256";
const SHA256: &str = "sha256";

fn write_metadata(metadata: &Metadata) -> HashMap<String, String> {
    let pairs =
        [(UPLOAD_ID, &metadata.upload_id), (SOURCE_SHA256, &metadata.source_sha256), (SHA256, &metadata.sha256)];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
}

fn read_metadata(pairs: Option<HashMap<String, String>>) -> Metadata {
    let mut pairs = pairs.unwrap_or_default();
    Metadata {
        upload_id: pairs.remove(UPLOAD_ID),
        source_sha256: pairs.remove(SOURCE_SHA256),
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
        SdkError::TimeoutError(_) => Error::Timeout(cause),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Error::Timeout(cause),
        _ => Error::Unavailable(cause),
    }
}

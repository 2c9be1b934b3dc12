//! The settings: every variable, its default and its range, once. Nothing else reads the environment
//! (but the AWS SDK, for its own `AWS_*`, and OpenTelemetry's, for its `OTEL_*`).

mod access;
mod backfill;
mod parse;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use thumbnail::{Fit, Limits, Options};

pub use access::{Access, AccessSettings, RateLimit};
pub use backfill::BackfillSettings;

use crate::api_key::{self, KeyName};
use crate::key::Layout;
use crate::store::{BucketNames, cache_control};
use crate::{server, version};
use parse::{BoxSize, bucket_name, duration, presign_expires, public_url};

const MIB: u64 = 1024 * 1024;
/// An event of 6 MiB holds as much once it is written as base64, with room for its headers.
const LAMBDA_BODY: u64 = 4_500_000;

/// What the program was asked to do.
#[derive(Debug, Parser)]
#[command(
    name = "thumbgate",
    version = version::line(),
    about = "An HTTP upload API with synchronous thumbnailing",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// The role; `serve` where none is named.
    #[command(subcommand)]
    pub role: Option<Role>,
    /// The server's settings, also without the word `serve`.
    #[command(flatten)]
    pub serve: Settings,
}

/// The roles of the one binary.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// Serve the upload API (the default)
    Serve(Box<Settings>),
    /// Make thumbnails of files, without a server
    Thumbnail(ThumbnailFiles),
    /// Make the thumbnails that are missing or stale for what lies in the uploads bucket
    Backfill(Box<BackfillSettings>),
    /// Ask a running server whether it is alive; for container probes
    Health {
        /// The server's address
        #[arg(default_value = "http://127.0.0.1:8080")]
        url: String,
    },
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print what a shell needs to complete our arguments
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// `thumbgate key`.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key, and print it with its entry for API_KEYS
    New {
        /// Whose it is, for the log: 1 to 64 letters, digits, '.', '_' or '-'
        name: KeyName,
    },
}

/// `thumbgate thumbnail`.
#[derive(Debug, Args)]
pub struct ThumbnailFiles {
    /// The pictures
    #[arg(required = true, value_name = "IN")]
    pub files: Vec<PathBuf>,
    /// The folder that the thumbnails go to; it is made where it is missing
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// What the thumbnails are like
    #[command(flatten)]
    pub shape: Shape,
}

/// What thumbnails are like.
#[derive(Clone, Debug, Args)]
pub struct Shape {
    /// The box that a thumbnail fits in, WIDTHxHEIGHT in pixels, each 1 to 4096
    #[arg(long, env = "THUMBNAIL_SIZE", value_name = "THUMBNAIL_SIZE", default_value = "150x150")]
    pub thumbnail_size: BoxSize,
    /// `inside` keeps the whole picture within the box; `cover` fills the box and crops
    #[arg(long, env = "THUMBNAIL_FIT", value_name = "THUMBNAIL_FIT", default_value = "inside")]
    pub thumbnail_fit: FitName,
    /// The quality of JPEG thumbnails, 1 to 100
    #[arg(long, env = "JPEG_QUALITY", value_name = "JPEG_QUALITY", default_value = "80",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    pub jpeg_quality: u8,
    /// The most pixels that a picture may have, 1 to 4294836225
    #[arg(long, env = "MAX_PIXELS", value_name = "MAX_PIXELS", default_value = "100000000",
          value_parser = clap::value_parser!(u64).range(1..=4_294_836_225))]
    pub max_pixels: u64,
}

/// The server's settings as they are given. [`Config::new`] checks them against each other.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// The bucket (locally: the folder) for originals
    #[arg(long, env = "UPLOAD_BUCKET", value_name = "UPLOAD_BUCKET", default_value = "marketing-uploads-bucket",
          value_parser = bucket_name)]
    pub upload_bucket: String,
    /// The bucket (locally: the folder) for thumbnails
    #[arg(long, env = "THUMBNAIL_BUCKET", value_name = "THUMBNAIL_BUCKET",
          default_value = "marketing-thumbnails-bucket", value_parser = bucket_name)]
    pub thumbnail_bucket: String,
    /// Where files are kept
    /// [default: s3 on AWS Lambda, else local]
    #[arg(long, env = "STORE", value_name = "STORE")]
    pub store: Option<StoreKind>,
    /// The local store's folder
    #[arg(long, env = "DATA_DIR", value_name = "DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, env = "LISTEN", value_name = "LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// What the service is called from outside, as in `https://uploads.example.com` [default: the listening address]
    #[arg(long, env = "PUBLIC_URL", value_name = "PUBLIC_URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// Who may use it
    #[command(flatten)]
    pub access: AccessSettings,
    /// The thumbnails' shape
    #[command(flatten)]
    pub shape: Shape,
    /// The largest file in bytes, by any way in; 1 to 5 GiB
    #[arg(long, env = "MAX_UPLOAD_BYTES", value_name = "MAX_UPLOAD_BYTES", default_value_t = 32 * MIB,
          value_parser = clap::value_parser!(u64).range(1..=5 * 1024 * MIB))]
    pub max_upload_bytes: u64,
    /// The largest file in bytes through this server itself [default: MAX_UPLOAD_BYTES; on AWS Lambda at most 4500000]
    #[arg(long, env = "MAX_DIRECT_BYTES", value_name = "MAX_DIRECT_BYTES",
          value_parser = clap::value_parser!(u64).range(1..=5 * 1024 * MIB))]
    pub max_direct_bytes: Option<u64>,
    /// Set by AWS Lambda: serve its runtime API instead of a listener
    #[arg(long, env = "AWS_LAMBDA_RUNTIME_API", value_name = "AWS_LAMBDA_RUNTIME_API", hide = true)]
    pub aws_lambda_runtime_api: Option<String>,
    /// The most files in one request, 1 to 1000
    #[arg(long, env = "MAX_FILES", value_name = "MAX_FILES", default_value = "20",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub max_files: u16,
    /// Memory in bytes for bodies and decodes in flight, half for each; an upload that finds no room waits
    #[arg(long, env = "MEMORY_BUDGET", value_name = "MEMORY_BUDGET", default_value_t = 128 * MIB,
          value_parser = clap::value_parser!(u64).range(MIB..=1024 * 1024 * MIB))]
    pub memory_budget: u64,
    /// How long an upload waits for room before it is answered `busy`: 500ms, 5s, 1m
    #[arg(long, env = "QUEUE_TIMEOUT", value_name = "QUEUE_TIMEOUT", default_value = "5s", value_parser = duration)]
    pub queue_timeout: Duration,
    /// The most connections at once; more wait in the kernel's queue
    #[arg(long, env = "MAX_CONNECTIONS", value_name = "MAX_CONNECTIONS", default_value = "4096",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections: u16,
    /// The most connections at once from one client address; more are closed
    #[arg(long, env = "MAX_CONNECTIONS_PER_CLIENT", value_name = "MAX_CONNECTIONS_PER_CLIENT", default_value = "256",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections_per_client: u16,
    /// How keys are made: `name` keeps file names, `unique` puts each upload into a folder named by a UUID
    #[arg(long, env = "KEY_LAYOUT", value_name = "KEY_LAYOUT", default_value = "name")]
    pub key_layout: Layout,
    /// How long signed links are good: 30s, 15m, 12h; at most 7 days
    #[arg(long, env = "PRESIGN_EXPIRES", value_name = "PRESIGN_EXPIRES", default_value = "15m",
          value_parser = presign_expires)]
    pub presign_expires: Duration,
    /// Address buckets as `https://host/bucket` instead of `https://bucket.host`
    #[arg(long, env = "S3_FORCE_PATH_STYLE", value_name = "S3_FORCE_PATH_STYLE", default_value = "false",
          default_missing_value = "true", num_args = 0..=1, action = clap::ArgAction::Set)]
    pub s3_force_path_style: bool,
    /// The log's form [default: text on a terminal, json otherwise]
    #[arg(long, env = "LOG_FORMAT", value_name = "LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged, as in `info` or `thumbgate=debug,warn`
    #[arg(long, env = "RUST_LOG", value_name = "RUST_LOG", default_value = "info")]
    pub rust_log: String,
    /// Where traces go
    #[command(flatten)]
    pub traces: TraceSettings,
}

/// Where traces go. There are none without the feature `otel`.
#[derive(Clone, Debug, Args)]
pub struct TraceSettings {
    /// The OpenTelemetry collector that traces are sent to, over HTTP, as in `http://127.0.0.1:4318` [default: none]
    #[cfg(feature = "otel")]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub endpoint: Option<String>,
    /// What the service is called in traces
    #[cfg(feature = "otel")]
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "OTEL_SERVICE_NAME", default_value = "thumbgate")]
    pub service_name: String,
}

/// Where files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// A folder on this machine.
    Local,
    /// S3, or a server that speaks its protocol.
    S3,
}

/// The log's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How a thumbnail is fitted into its box, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FitName {
    /// The whole picture within the box.
    Inside,
    /// The box filled, the picture cropped.
    Cover,
}

impl Shape {
    /// The same for the core, which may use `max_memory` bytes for one picture.
    pub fn options(&self, max_memory: u64) -> Options {
        Options {
            width: self.thumbnail_size.width,
            height: self.thumbnail_size.height,
            fit: match self.thumbnail_fit {
                FitName::Inside => Fit::Inside,
                FitName::Cover => Fit::Cover,
            },
            jpeg_quality: self.jpeg_quality,
            limits: Limits { max_pixels: self.max_pixels, max_memory },
        }
    }
}

/// The settings once they are known to be good together.
#[derive(Clone, Debug)]
pub struct Config {
    /// The two buckets' names.
    pub buckets: BucketNames,
    /// Where files are kept.
    pub store: StoreKind,
    /// The local store's folder.
    pub data_dir: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The service's address from outside, without a slash at its end; none: the listening address.
    pub public_url: Option<String>,
    /// Who may do what.
    pub access: Access,
    /// What thumbnails are like, with the limits of one decode.
    pub thumbnail: Options,
    /// Whether AWS Lambda runs us.
    pub on_lambda: bool,
    /// The largest file in bytes, by any way in.
    pub max_upload_bytes: u64,
    /// The largest file in bytes through this server.
    pub max_file_bytes: u64,
    /// The largest request body in bytes.
    pub max_request_bytes: u64,
    /// The largest answer in bytes, where something in front sets a limit.
    pub max_answer_bytes: Option<u64>,
    /// The most files in one request.
    pub max_files: usize,
    /// Bytes of memory for bodies that are held.
    pub body_memory: u64,
    /// Bytes of memory for decodes under way.
    pub decode_memory: u64,
    /// How long an upload waits for room.
    pub queue_timeout: Duration,
    /// How many connections there may be.
    pub connections: server::Limits,
    /// How keys are made.
    pub key_layout: Layout,
    /// How long presigned links are good.
    pub presign_expires: Duration,
    /// Whether buckets are addressed by path.
    pub s3_force_path_style: bool,
}

/// Settings that are good each by itself but not together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One bucket for both would make thumbnails of thumbnails.
    #[error(
        "UPLOAD_BUCKET and THUMBNAIL_BUCKET are both {0:?}: they must differ, or thumbnails would overwrite originals"
    )]
    SameBucket(String),
    /// Others could reach the server, and nobody has to sign in.
    #[error(
        "LISTEN={0} can be reached from other machines, and nobody has to sign in: set API_KEYS, listen on \
         127.0.0.1, or say ALLOW_ANONYMOUS=true if a gateway in front sees to that or anybody may upload"
    )]
    OpenToAll(SocketAddr),
    /// A function has an address that others reach, and nobody has to sign in.
    #[error(
        "on AWS Lambda anybody could upload, since nobody has to sign in: set API_KEYS, or say \
         ALLOW_ANONYMOUS=true if the gateway in front sees to that or anybody may upload"
    )]
    OpenFunction,
    /// What is wrong with the keys.
    #[error(transparent)]
    ApiKeys(#[from] api_key::Error),
    /// Keys, and no say in which pages use them.
    #[error(
        "CORS_ORIGINS=* would let every page of the web use API_KEYS from its visitors' browsers: name the origins \
         that may, or leave CORS_ORIGINS out"
    )]
    AnyOriginWithKeys,
    /// A secret that can be guessed. It is not shown: it may be nearly right.
    #[error("{0} must be at least 16 characters without spaces")]
    WeakSecret(&'static str),
    /// No events come from a folder.
    #[error("S3_EVENTS_TOKEN is of use with STORE=s3 only")]
    LocalEvents,
    /// A filter of the log that can't be read.
    #[error("RUST_LOG={filter:?}: {reason}; allowed is such as thumbgate=debug,warn")]
    LogFilter {
        /// `RUST_LOG`.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No random numbers.
    #[error("the system gives no random numbers for LINK_SECRET")]
    NoSecret,
    /// More through this server than by any way in.
    #[error("MAX_DIRECT_BYTES={direct} must be at most MAX_UPLOAD_BYTES={upload}")]
    DirectOverUpload {
        /// `MAX_DIRECT_BYTES`.
        direct: u64,
        /// `MAX_UPLOAD_BYTES`.
        upload: u64,
    },
    /// More than fits into an event.
    #[error("MAX_DIRECT_BYTES={0} must be at most 4500000 on AWS Lambda: events hold no more")]
    DirectOverLambda(u64),
    /// The largest upload would wait for ever.
    #[error(
        "MEMORY_BUDGET={budget} must be at least {needed}, twice the largest upload: \
         half of it is for bodies, half for decodes"
    )]
    BudgetTooSmall {
        /// `MEMORY_BUDGET`.
        budget: u64,
        /// The least that would do.
        needed: u64,
    },
}

impl Config {
    /// Checks the settings against each other.
    ///
    /// # Errors
    /// [`Error`] names the variables, their values and what is allowed.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let on_lambda = settings.aws_lambda_runtime_api.is_some();
        let store = settings.store.unwrap_or(if on_lambda { StoreKind::S3 } else { StoreKind::Local });
        let most = if on_lambda { LAMBDA_BODY } else { u64::MAX };
        let max_file_bytes = settings.max_direct_bytes.unwrap_or(settings.max_upload_bytes.min(most));
        if settings.upload_bucket == settings.thumbnail_bucket {
            return Err(Error::SameBucket(settings.upload_bucket));
        }
        if max_file_bytes > settings.max_upload_bytes {
            return Err(Error::DirectOverUpload { direct: max_file_bytes, upload: settings.max_upload_bytes });
        }
        if on_lambda && max_file_bytes > LAMBDA_BODY {
            return Err(Error::DirectOverLambda(max_file_bytes));
        }
        let decode_memory = settings.memory_budget / 2;
        let needed = 2 * settings.max_upload_bytes;
        if settings.memory_budget < needed {
            return Err(Error::BudgetTooSmall { budget: settings.memory_budget, needed });
        }
        let access = settings.access.checked(store, (!on_lambda).then_some(settings.listen))?;
        Ok(Self {
            buckets: BucketNames { uploads: settings.upload_bucket, thumbnails: settings.thumbnail_bucket },
            store,
            data_dir: settings.data_dir,
            listen: settings.listen,
            public_url: settings.public_url,
            connections: server::Limits {
                connections: usize::from(settings.max_connections),
                connections_per_client: usize::from(settings.max_connections_per_client),
                proxies: access.trusted_proxies.clone(),
            },
            access,
            thumbnail: settings.shape.options(decode_memory),
            on_lambda,
            max_upload_bytes: settings.max_upload_bytes,
            max_file_bytes,
            max_request_bytes: (u64::from(settings.max_files) * max_file_bytes + MIB).min(most),
            max_answer_bytes: on_lambda.then_some(LAMBDA_BODY),
            max_files: usize::from(settings.max_files),
            body_memory: settings.memory_budget - decode_memory,
            decode_memory,
            queue_timeout: settings.queue_timeout,
            key_layout: settings.key_layout,
            presign_expires: settings.presign_expires,
            s3_force_path_style: settings.s3_force_path_style,
        })
    }

    /// What caches may do with what is stored.
    pub fn cache_control(&self) -> &'static str {
        cache_control(self.key_layout, !self.access.keys.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "shop:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    /// What the start says to these arguments; `ok` where it goes on.
    fn start(arguments: &[&str]) -> String {
        let cli = match Cli::try_parse_from([&["thumbgate"], arguments].concat()) {
            Ok(cli) => cli,
            Err(error) => return error.to_string(),
        };
        Config::new(cli.serve).map_or_else(|error| error.to_string(), |_| "ok".into())
    }

    #[test]
    fn defaults_are_good_together() {
        assert_eq!(start(&[]), "ok");
    }

    #[test]
    fn wrong_settings_name_the_variable_the_value_and_what_is_allowed() {
        let table: &[(&[&str], &[&str])] = &[
            (&["--thumbnail-size", "150"], &["THUMBNAIL_SIZE", "'150'", "150x150"]),
            (&["--thumbnail-size", "0x5"], &["THUMBNAIL_SIZE", "'0x5'", "1 to 4096"]),
            (&["--thumbnail-fit", "fill"], &["THUMBNAIL_FIT", "'fill'", "inside, cover"]),
            (&["--jpeg-quality", "101"], &["JPEG_QUALITY", "101", "1..=100"]),
            (&["--max-files", "0"], &["MAX_FILES", "0", "1..=1000"]),
            (&["--store", "ftp"], &["STORE", "'ftp'", "local, s3"]),
            (&["--listen", "8080"], &["LISTEN", "'8080'"]),
            (&["--listen", "0.0.0.0:80"], &["LISTEN=0.0.0.0:80", "API_KEYS", "ALLOW_ANONYMOUS=true"]),
            (&["--api-keys", "shop"], &["entry 1 of API_KEYS", "NAME:SHA256"]),
            (&["--api-keys", KEYS, "--cors-origins", "*"], &["CORS_ORIGINS=*", "API_KEYS"]),
            (&["--link-secret", "short"], &["LINK_SECRET", "16 characters"]),
            (&["--store", "s3", "--s3-events-token", "with a space in it"], &["S3_EVENTS_TOKEN", "without spaces"]),
            (&["--s3-events-token", "0123456789abcdef"], &["S3_EVENTS_TOKEN", "STORE=s3"]),
            (&["--rate-limit", "60"], &["RATE_LIMIT", "'60'", "60/m"]),
            (&["--rate-limit", "0/s"], &["RATE_LIMIT", "'0/s'", "1 to 1000000"]),
            (&["--rate-limit", "5/d"], &["RATE_LIMIT", "'5/d'", "60/m"]),
            (&["--trusted-proxies", "10.0.0.0/33"], &["TRUSTED_PROXIES", "'10.0.0.0/33'", "10.0.0.0/8"]),
            (&["--public-url", "example.com"], &["PUBLIC_URL", "'example.com'", "https://"]),
            (&["--cors-origins", "https://a.example/path"], &["CORS_ORIGINS", "https://www.example.com"]),
            (&["--upload-bucket", "A_B"], &["UPLOAD_BUCKET", "'A_B'", "3 to 63"]),
            (&["--upload-bucket", "abc", "--thumbnail-bucket", "abc"], &["UPLOAD_BUCKET", "abc", "must differ"]),
            (&["--memory-budget", "1048576"], &["MEMORY_BUDGET=1048576", "at least 67108864"]),
            (&["--max-direct-bytes", "33554433"], &["MAX_DIRECT_BYTES=33554433", "MAX_UPLOAD_BYTES=33554432"]),
            (&["--queue-timeout", "5"], &["QUEUE_TIMEOUT", "'5'", "ms, s, m or h"]),
            (&["--presign-expires", "169h"], &["PRESIGN_EXPIRES", "'169h'", "168h"]),
        ];
        for (arguments, expected) in table {
            let said = start(arguments);
            for part in *expected {
                assert!(said.contains(part), "{arguments:?} should say {part:?} but says: {said}");
            }
        }
    }

    #[test]
    fn settings_are_taken_with_and_without_the_word_serve() {
        assert_eq!(start(&["--listen", "0.0.0.0:80", "--allow-anonymous"]), "ok");
        assert_eq!(start(&["--listen", "0.0.0.0:80", "--api-keys", KEYS]), "ok");
        assert_eq!(start(&["--rate-limit", "1000/h", "--trusted-proxies", "10.0.0.0/8,192.0.2.1,2001:db8::/32"]), "ok");
        assert_eq!(start(&["--cors-origins", "https://a.example,http://localhost:5173"]), "ok");
        let cli = Cli::try_parse_from(["thumbgate", "serve", "--max-files", "3"]).expect("good arguments");
        let Some(Role::Serve(settings)) = cli.role else { panic!("serve was named") };
        assert_eq!(settings.max_files, 3);
    }
}

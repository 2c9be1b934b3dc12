//! `thumbgate backfill`: what it goes over, and how.

use std::time::{Duration, SystemTime};

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Settings;
use super::parse::duration;

/// A line for each thumbnail, as the service writes it, would be thousands here.
const LOG: &str = "info,thumbgate::app::stored=warn";

/// The settings of a run, on top of those of the service that it works for.
#[derive(Clone, Debug, Args)]
// The store's and the thumbnails' settings are the service's; what only matters to a listener is not shown.
#[command(
    mut_arg("rust_log", |log| log.default_value(LOG)),
    mut_arg("listen", |hidden| hidden.hide(true)),
    mut_arg("public_url", |hidden| hidden.hide(true)),
    mut_arg("allow_anonymous", |hidden| hidden.hide(true)),
    mut_arg("public_originals", |hidden| hidden.hide(true)),
    mut_arg("link_secret", |hidden| hidden.hide(true)),
    mut_arg("rate_limit", |hidden| hidden.hide(true)),
    mut_arg("trusted_proxies", |hidden| hidden.hide(true)),
    mut_arg("cors_origins", |hidden| hidden.hide(true)),
    mut_arg("s3_events_token", |hidden| hidden.hide(true)),
    mut_arg("max_direct_bytes", |hidden| hidden.hide(true)),
    mut_arg("max_files", |hidden| hidden.hide(true)),
    mut_arg("max_connections", |hidden| hidden.hide(true)),
    mut_arg("max_connections_per_client", |hidden| hidden.hide(true)),
    mut_arg("presign_expires", |hidden| hidden.hide(true))
)]
pub struct BackfillSettings {
    /// Only originals whose keys begin with this
    #[arg(long, default_value = "", hide_default_value = true)]
    pub prefix: String,
    /// Only what was written at or after this time (2026-01-31T08:00:00Z), or this long ago at most (12h, 7d)
    #[arg(long, value_parser = since)]
    pub since: Option<SystemTime>,
    /// At most so many originals
    #[arg(long, value_name = "ORIGINALS", value_parser = clap::value_parser!(u64).range(1..))]
    pub max: Option<u64>,
    /// Begin behind this key: a run that is stopped says which one
    #[arg(long, value_name = "KEY")]
    pub after: Option<String>,
    /// How many objects to work on at once, 1 to 256 [default: 8, or twice the cores where that is more]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: Option<u16>,
    /// Only look, and tell what there is to do and about what it costs
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove thumbnails whose originals are gone
    #[arg(long)]
    pub repair: bool,
    /// Leave alone for so long what an upload may be about to complete: 30s, 5m, 1h
    #[arg(long, value_name = "AGE", default_value = "5m", value_parser = duration)]
    pub min_age: Duration,
    /// How often to say how far it is, where there is no terminal for a bar: 10s, 1m
    #[arg(long, value_name = "SPAN", default_value = "1m", value_parser = duration)]
    pub report_every: Duration,
    /// Those of the service
    #[command(flatten)]
    pub settings: Settings,
}

impl Settings {
    /// The same for who listens to nobody: what is wrong with what only a listener uses is no reason not to start.
    /// API keys stay, since caches may keep less where there are any.
    pub fn without_listener(self) -> Self {
        let mut settings = Self { aws_lambda_runtime_api: None, max_direct_bytes: None, ..self };
        settings.access.allow_anonymous = true;
        settings.access.link_secret = None;
        settings.access.s3_events_token = None;
        settings.access.cors_origins = Vec::new();
        settings
    }
}

fn since(text: &str) -> Result<SystemTime, String> {
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(time.into());
    }
    let ago = match text.strip_suffix('d').map(str::parse::<u64>) {
        Some(Ok(days)) => days.checked_mul(86_400).map(Duration::from_secs),
        Some(Err(_)) => None,
        None => duration(text).ok(),
    };
    ago.and_then(|ago| SystemTime::now().checked_sub(ago))
        .ok_or_else(|| "must be a time such as 2026-01-31T08:00:00Z, or how long ago, such as 12h or 7d".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Cli, Config, Role};
    use clap::Parser;

    const KEYS: &str = "shop:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    /// What the start says to these arguments; `ok` where it goes on.
    fn start(arguments: &[&str]) -> String {
        let cli = match Cli::try_parse_from([&["thumbgate", "backfill"], arguments].concat()) {
            Ok(cli) => cli,
            Err(error) => return error.to_string(),
        };
        let Some(Role::Backfill(backfill)) = cli.role else { panic!("backfill was named") };
        Config::new(backfill.settings.without_listener()).map_or_else(|error| error.to_string(), |_| "ok".into())
    }

    #[test]
    fn what_only_a_listener_needs_is_no_hindrance() {
        for arguments in [
            &[][..],
            &["--listen", "0.0.0.0:80"],
            &["--s3-events-token", "0123456789abcdef"],
            &["--link-secret", "short"],
            &["--api-keys", KEYS, "--cors-origins", "*"],
            &["--since", "2026-01-31T08:00:00+01:00", "--prefix", "a/", "--max", "5", "--after", "a/b.jpg", "--repair"],
        ] {
            assert_eq!(start(arguments), "ok", "{arguments:?}");
        }
    }

    #[test]
    fn wrong_settings_are_named_with_what_is_allowed() {
        for (arguments, expected) in [
            (["--since", "yesterday"], ["'yesterday'", "7d"]),
            (["--since", "999999999999999999d"], ["--since", "12h"]),
            (["--max", "0"], ["--max", "0"]),
            (["--concurrency", "257"], ["257", "1..=256"]),
            (["--min-age", "5"], ["--min-age", "ms, s, m or h"]),
            (["--memory-budget", "1048576"], ["MEMORY_BUDGET=1048576", "67108864"]),
        ] {
            let said = start(&arguments);
            for part in expected {
                assert!(said.contains(part), "{arguments:?} should say {part:?} but says: {said}");
            }
        }
    }

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let ago = |text| SystemTime::now().duration_since(since(text).expect("a good value")).expect("the past");
        assert_eq!(since("1970-01-01T00:00:10Z"), Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(10)));
        for (text, hours) in [("12h", 12), ("7d", 168), ("30d", 720), ("90m", 1)] {
            assert_eq!((ago(text).as_secs() + 60) / 3600, hours, "{text}");
        }
    }
}

//! Who may use the service, from where, and how often.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

use super::parse::origin;
use super::{Error, StoreKind};
use crate::api_key::ApiKeys;

/// The settings as they are given.
#[derive(Clone, Debug, Args)]
pub struct AccessSettings {
    /// Let in who sends one of these keys: NAME:SHA256 entries as `thumbgate key new NAME` prints them, separated by
    /// commas; a name may have several
    // No parser of its own: clap repeats the values that it refuses, and somebody may have written a key here.
    #[arg(long, env = "API_KEYS", value_name = "API_KEYS", hide_env_values = true)]
    pub api_keys: Option<String>,
    /// Serve on an address that others reach although nobody has to sign in (a gateway in front may see to that)
    #[arg(long, env = "ALLOW_ANONYMOUS", value_name = "ALLOW_ANONYMOUS", default_value = "false",
          default_missing_value = "true", num_args = 0..=1, action = clap::ArgAction::Set)]
    pub allow_anonymous: bool,
    /// On S3, redirect anybody who asks for an original to a short-lived link, also without a key
    #[arg(long, env = "PUBLIC_ORIGINALS", value_name = "PUBLIC_ORIGINALS", default_value = "false",
          default_missing_value = "true", num_args = 0..=1, action = clap::ArgAction::Set)]
    pub public_originals: bool,
    /// The secret that links to this server are signed with, at least 16 characters [default: a new one at each start]
    #[arg(long, env = "LINK_SECRET", value_name = "LINK_SECRET", hide_env_values = true)]
    pub link_secret: Option<String>,
    /// How often one key, else one address, may upload or read: 10/s, 60/m, 1000/h [default: without a limit]
    #[arg(long, env = "RATE_LIMIT", value_name = "RATE_LIMIT")]
    pub rate_limit: Option<RateLimit>,
    /// Proxies whose X-Forwarded-For tells the client's address: 10.0.0.0/8, 192.0.2.1, separated by commas
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "TRUSTED_PROXIES", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may call the API, separated by commas, or `*`
    #[arg(long, env = "CORS_ORIGINS", value_name = "CORS_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub cors_origins: Vec<String>,
    /// Take S3 event notifications at /events/s3 from who sends this token, at least 16 characters
    #[arg(long, env = "S3_EVENTS_TOKEN", value_name = "S3_EVENTS_TOKEN", hide_env_values = true)]
    pub s3_events_token: Option<String>,
}

/// The same once they are known to be good together.
#[derive(Clone, Debug)]
pub struct Access {
    /// The keys that uploads and reads need, if there are any.
    pub keys: ApiKeys,
    /// Whether anybody is redirected to originals on S3.
    pub public_originals: bool,
    /// What links to this server are signed with.
    pub link_secret: Vec<u8>,
    /// Whether readers are given links that a restart makes worthless.
    pub links_end_with_us: bool,
    /// How often one client may ask.
    pub rate_limit: Option<RateLimit>,
    /// The proxies whose word on the client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// The origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// The token of who may send event notifications.
    pub s3_events_token: Option<String>,
}

impl AccessSettings {
    /// `listen` is none where we don't listen but are called by AWS Lambda.
    pub(super) fn checked(self, store: StoreKind, listen: Option<SocketAddr>) -> Result<Access, Error> {
        let keys: ApiKeys = self.api_keys.as_deref().map(str::parse).transpose()?.unwrap_or_default();
        if keys.is_empty() && !self.allow_anonymous {
            refuse_to_be_open(listen)?;
        }
        if !keys.is_empty() && self.cors_origins.iter().any(|origin| origin == "*") {
            return Err(Error::AnyOriginWithKeys);
        }
        let link_secret = secret("LINK_SECRET", self.link_secret)?;
        let s3_events_token = secret("S3_EVENTS_TOKEN", self.s3_events_token)?;
        if s3_events_token.is_some() && store == StoreKind::Local {
            return Err(Error::LocalEvents);
        }
        Ok(Access {
            // On S3 it is S3 that signs, with the credentials.
            links_end_with_us: !keys.is_empty() && store == StoreKind::Local && link_secret.is_none(),
            keys,
            public_originals: self.public_originals,
            link_secret: link_secret.map_or_else(random_secret, |given| Ok(given.into_bytes()))?,
            rate_limit: self.rate_limit,
            trusted_proxies: self.trusted_proxies,
            cors_origins: self.cors_origins,
            s3_events_token,
        })
    }
}

fn refuse_to_be_open(listen: Option<SocketAddr>) -> Result<(), Error> {
    match listen {
        None => Err(Error::OpenFunction),
        Some(listen) if !listen.ip().is_loopback() => Err(Error::OpenToAll(listen)),
        Some(_) => Ok(()),
    }
}

fn secret(variable: &'static str, given: Option<String>) -> Result<Option<String>, Error> {
    let is_good = |text: &String| text.len() >= 16 && text.bytes().all(|b| b.is_ascii_graphic());
    match given {
        Some(text) if !is_good(&text) => Err(Error::WeakSecret(variable)),
        given => Ok(given),
    }
}

fn random_secret() -> Result<Vec<u8>, Error> {
    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret).map_err(|_| Error::NoSecret)?;
    Ok(secret)
}

/// So many requests at once, and as many again spread over each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many: 1 to 1,000,000.
    pub requests: NonZeroU32,
    /// A second, a minute or an hour.
    pub window: Duration,
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let limit = text.split_once('/').and_then(|(requests, unit)| {
            let requests: NonZeroU32 = requests.parse().ok().filter(|n: &NonZeroU32| n.get() <= 1_000_000)?;
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => return None,
            };
            Some(Self { requests, window: Duration::from_secs(seconds) })
        });
        limit.ok_or_else(|| "must be 1 to 1000000, a slash and s, m or h, such as 60/m".into())
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = text.parse().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)));
    network.ok_or_else(|| "must be addresses or networks, such as 10.0.0.0/8 or 192.0.2.1".into())
}

//! Who may use the service, and from where.

use std::net::SocketAddr;

use clap::Args;

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

//! Values of settings, each with what is allowed as its error.

use std::str::FromStr;
use std::time::Duration;

/// A size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxSize {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl FromStr for BoxSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let side = |side: &str| side.parse().ok().filter(|side| (1..=4096).contains(side));
        let size = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
        let (width, height) = size.ok_or("must be WIDTHxHEIGHT, each 1 to 4096, such as 150x150")?;
        Ok(Self { width, height })
    }
}

/// S3's rules for names, which also make a safe folder.
pub(super) fn bucket_name(name: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends_well = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_good = (3..=63).contains(&name.len())
        && name.chars().all(is_allowed)
        && name.starts_with(ends_well)
        && name.ends_with(ends_well)
        && !name.contains("..");
    if is_good { Ok(name.into()) } else { Err("must be 3 to 63 of a-z, 0-9, '-' and single '.'".into()) }
}

pub(super) fn public_url(url: &str) -> Result<String, String> {
    let url = url.trim_end_matches('/');
    let authority_and_path = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or("");
    let is_good = !authority_and_path.is_empty()
        && authority_and_path.bytes().all(|b| b.is_ascii_graphic())
        && !authority_and_path.contains(['?', '#', '@', '"', '<', '>', '\\']);
    if is_good { Ok(url.into()) } else { Err("must be http:// or https://, a host and perhaps a path".into()) }
}

pub(super) fn origin(origin: &str) -> Result<String, String> {
    let origin = origin.trim();
    let is_good =
        origin == "*" || public_url(origin).is_ok_and(|url| url == origin && url.splitn(4, '/').nth(3).is_none());
    if is_good { Ok(origin.into()) } else { Err("must be `*` or origins such as https://www.example.com".into()) }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: Option<u64> = digits.parse().ok();
    let milliseconds = number.and_then(|number| match &text[digits.len()..] {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    });
    milliseconds
        .filter(|milliseconds| (1..=7 * 86_400_000).contains(milliseconds))
        .map(Duration::from_millis)
        .ok_or_else(|| "must be a number with ms, s, m or h, more than 0 and at most 168h".into())
}

pub(super) fn presign_expires(text: &str) -> Result<Duration, String> {
    let expires = duration(text)?;
    if expires < Duration::from_secs(1) { Err("must be at least 1s".into()) } else { Ok(expires) }
}

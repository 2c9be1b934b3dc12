//! API keys: who may use the service. What is kept of a key is its SHA-256, so that neither the settings nor a look
//! at the memory gives one away.

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::hex::{hex, unhex};

/// What every key that we make begins with: whoever finds one in a file knows what it is.
const PREFIX: &str = "tg_";
/// 256 bits, which nobody guesses.
const KEY_BYTES: usize = 32;
const DIGEST_BYTES: usize = 32;
const MAX_NAME_BYTES: usize = 64;

/// The keys that are let in; none where anybody is.
#[derive(Clone, Debug, Default)]
pub struct ApiKeys(Vec<ApiKey>);

#[derive(Clone, Debug)]
struct ApiKey {
    name: KeyName,
    digest: [u8; DIGEST_BYTES],
}

/// Whose key it is: what log lines say in its place. A name may have several keys, so that one can be replaced by
/// another while both are good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyName(Arc<str>);

/// What is wrong with `API_KEYS`. The entry itself is never shown: somebody may have written the key there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {position} of API_KEYS {fault}; an entry is NAME:SHA256, as `thumbgate key new NAME` prints it")]
pub struct Error {
    position: usize,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("is empty")]
    Empty,
    #[error("has no colon")]
    NoColon,
    #[error("has a name that is not 1 to 64 letters, digits, '.', '_' or '-'")]
    Name,
    #[error("has no SHA-256 behind its colon, which is 64 hexadecimal digits")]
    Digest,
    #[error("has the SHA-256 of an earlier entry")]
    Repeated,
}

impl ApiKeys {
    /// Whether there are none, so that anybody is let in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of the key that was sent. All entries are compared, each in the same time whatever was sent.
    pub fn name_of(&self, sent: &[u8]) -> Option<&KeyName> {
        let digest = Sha256::digest(sent);
        let mut found = None;
        for key in &self.0 {
            if bool::from(key.digest.as_slice().ct_eq(&digest)) {
                found = Some(&key.name);
            }
        }
        found
    }
}

impl FromStr for ApiKeys {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut keys: Vec<ApiKey> = Vec::new();
        for (number, entry) in text.split(',').enumerate() {
            let at = |fault| Error { position: number + 1, fault };
            let key = read_entry(entry.trim()).map_err(at)?;
            if keys.iter().any(|earlier| earlier.digest == key.digest) {
                return Err(at(Fault::Repeated));
            }
            keys.push(key);
        }
        Ok(Self(keys))
    }
}

fn read_entry(entry: &str) -> Result<ApiKey, Fault> {
    if entry.is_empty() {
        return Err(Fault::Empty);
    }
    let (name, digest) = entry.split_once(':').ok_or(Fault::NoColon)?;
    let name = name.parse().map_err(|_| Fault::Name)?;
    let digest = unhex(digest).and_then(|digest| digest.try_into().ok()).ok_or(Fault::Digest)?;
    Ok(ApiKey { name, digest })
}

impl KeyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_good = (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if is_good { Ok(Self(name.into())) } else { Err("must be 1 to 64 letters, digits, '.', '_' or '-'".into()) }
    }
}

/// `thumbgate key new NAME`: the key and its entry on a line each, and to `notes` what they are for.
///
/// # Errors
/// Where the system gives no random numbers, or the lines are not taken.
pub fn print_new(name: &KeyName, out: &mut impl Write, notes: &mut impl Write) -> io::Result<()> {
    let mut random = [0; KEY_BYTES];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    writeln!(notes, "First the key, for whoever is to use it: it is kept nowhere and not shown again.")?;
    writeln!(notes, "Then its entry in API_KEYS; several entries are separated by commas.")?;
    writeln!(out, "{key}\n{}:{}", name.as_str(), hex(&Sha256::digest(&key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    const B: &str = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";

    #[test]
    fn keys_are_known_by_their_digests() {
        let keys: ApiKeys = format!("shop:{A},\n shop:{},lab-2:{:0>64}", B.to_uppercase(), "1").parse().expect("keys");
        let table = [("a", Some("shop")), ("b", Some("shop")), ("c", None), ("", None), (A, None)];
        for (sent, expected) in table {
            assert_eq!(keys.name_of(sent.as_bytes()).map(KeyName::as_str), expected, "{sent:?}");
        }
        assert!(ApiKeys::default().is_empty() && ApiKeys::default().name_of(b"a").is_none());
    }

    #[test]
    fn wrong_entries_are_named_by_their_place_alone() {
        let table = [
            (String::new(), "entry 1 of API_KEYS is empty", "nothing"),
            (format!("a:{A},"), "entry 2 of API_KEYS is empty", "a comma too many"),
            ("tg_secret".into(), "entry 1 of API_KEYS has no colon", "a key in its entry's place"),
            ("a:tg_secret".into(), "entry 1 of API_KEYS has no SHA-256", "a key in its digest's place"),
            (format!("a:{}", &A[..62]), "entry 1 of API_KEYS has no SHA-256", "a digest cut short"),
            (format!("a:{A}00"), "entry 1 of API_KEYS has no SHA-256", "a digest too long"),
            (format!("a b:{A}"), "entry 1 of API_KEYS has a name", "a space in a name"),
            (format!(":{A}"), "entry 1 of API_KEYS has a name", "no name"),
            (format!("{}:{A}", "x".repeat(65)), "entry 1 of API_KEYS has a name", "a long name"),
            (format!("a:{B},b:{A},c:{B}"), "entry 3 of API_KEYS has the SHA-256 of an earlier", "one key, two names"),
        ];
        for (text, expected, reason) in table {
            let said = text.parse::<ApiKeys>().expect_err(reason).to_string();
            assert!(said.starts_with(expected) && said.contains("thumbgate key new NAME"), "{reason}: {said}");
            assert!(!said.contains("tg_secret"), "{reason}: {said}");
        }
    }

    #[test]
    fn a_new_key_is_good_with_its_entry() {
        let print = || {
            let (mut out, mut notes) = (Vec::new(), Vec::new());
            print_new(&"shop".parse().expect("a name"), &mut out, &mut notes).expect("random numbers");
            (String::from_utf8(out).expect("text"), String::from_utf8(notes).expect("text"))
        };
        let (printed, notes) = print();
        let (key, entry) = printed.trim_end().split_once('\n').expect("two lines");
        let is_url_safe = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        assert!(key.starts_with("tg_") && key.len() == 3 + 43 && is_url_safe, "{key}");
        let keys: ApiKeys = entry.parse().expect("an entry");
        assert_eq!(keys.name_of(key.as_bytes()).map(KeyName::as_str), Some("shop"));
        assert!(!notes.contains(key) && print().0 != printed);
    }
}

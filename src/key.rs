//! Object keys: from a client's file name to a safe original key, and from there to the thumbnail's.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

/// The extensions that are taken, in lower case.
pub const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// The longest segment of a key in bytes: file systems stop at 255, and the thumbnail's is 10 longer.
const MAX_SEGMENT_BYTES: usize = 200;
/// The longest key in bytes: S3 stops at 1,024; a UUID in front and `-thumbnail` come on top.
const MAX_KEY_BYTES: usize = 900;
/// Each is a folder on a disk, in both buckets, that has to be made and written down.
const MAX_FOLDERS: usize = 32;
/// S3's own limit, which keys of others come up to.
const MAX_STORED_KEY_BYTES: usize = 1024;
const SUFFIX: &str = "-thumbnail";

/// RFC 3986: everything but unreserved characters is encoded within a segment.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How an original's key is made from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// The cleaned name itself: a second upload of the same name becomes the newer version.
    Name,
    /// The cleaned name in a folder of its own, named by a UUIDv7: every upload gets a new key.
    Unique,
}

/// The key of an original: safe as a path, and sure to end in an allowed extension.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginalKey(String);

/// Why no key can be made of a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name ends in something else than an allowed extension.
    #[error("the file name does not end in .jpg, .jpeg or .png")]
    UnsupportedExtension {
        /// The name as the client sent it.
        name: String,
    },
    /// Nothing usable is left of the name.
    #[error("{0}")]
    InvalidName(Cow<'static, str>),
}

impl OriginalKey {
    /// The key for a file name as browsers and programs send it; only its last path part counts.
    ///
    /// # Errors
    /// [`Error`] where the extension is not allowed or nothing is left of the name.
    pub fn from_file_name(name: &str, layout: Layout) -> Result<Self, Error> {
        Ok(Self::laid_out(clean_file_name(name)?, layout))
    }

    /// The key for the path behind `/uploads/`, still percent-encoded; it may hold folders. An encoded
    /// slash is one too: generated clients know no other.
    ///
    /// # Errors
    /// [`Error`] as for a file name; a folder of which nothing is left counts as well.
    pub fn from_url_path(path: &str, layout: Layout) -> Result<Self, Error> {
        let path =
            from_request_path(path).ok_or(Error::InvalidName("the path is not UTF-8 once percent-decoded".into()))?;
        let (folders, file) = match path.rsplit_once('/') {
            Some((folders, file)) => (Some(folders), file),
            None => (None, &*path),
        };
        if folders.is_some_and(|folders| folders.split('/').count() > MAX_FOLDERS) {
            return Err(Error::InvalidName(format!("the key has more than {MAX_FOLDERS} folders").into()));
        }
        let mut key = String::with_capacity(path.len());
        for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
            key.push_str(&clean_folder(folder)?);
            key.push('/');
        }
        key.push_str(&clean_file_name(file)?);
        if key.len() > MAX_KEY_BYTES {
            return Err(Error::InvalidName(format!("the key has more than {MAX_KEY_BYTES} bytes").into()));
        }
        Ok(Self::laid_out(key, layout))
    }

    /// A key as it is, where an original can have it: only for finding its thumbnail's.
    pub fn existing(key: &str) -> Option<Self> {
        let (_, extension) = key.rsplit_once('.')?;
        is_allowed(extension).then(|| Self(key.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of this original's thumbnail: `image1.jpg` gives `image1-thumbnail.jpg`.
    pub fn thumbnail(&self) -> String {
        let dot = self.0.rfind('.').unwrap_or(self.0.len());
        format!("{}{SUFFIX}{}", &self.0[..dot], &self.0[dot..])
    }

    /// Whether the thumbnail's key is one that a store takes.
    pub fn leaves_room_for_thumbnail(&self) -> bool {
        self.0.len() + SUFFIX.len() <= MAX_STORED_KEY_BYTES
    }

    fn laid_out(name: String, layout: Layout) -> Self {
        match layout {
            Layout::Name => Self(name),
            Layout::Unique => Self(format!("{}/{name}", Uuid::now_v7())),
        }
    }
}

/// The key of the original that a thumbnail's key belongs to, by taking the last `-thumbnail` off.
pub fn original_of(thumbnail_key: &str) -> Option<String> {
    let dot = thumbnail_key.rfind('.')?;
    let stem = thumbnail_key[..dot].strip_suffix(SUFFIX)?;
    Some(format!("{stem}{}", &thumbnail_key[dot..]))
}

/// The key that a request path names, decoded once and otherwise taken as it is.
pub fn from_request_path(path: &str) -> Option<String> {
    percent_decode_str(path).decode_utf8().ok().map(Cow::into_owned)
}

/// A key as part of a path: each segment percent-encoded, the slashes kept.
pub fn to_url_path(key: &str) -> String {
    let segments: Vec<_> = key.split('/').map(|segment| utf8_percent_encode(segment, RESERVED).to_string()).collect();
    segments.join("/")
}

fn clean_file_name(name: &str) -> Result<String, Error> {
    let name: String = last_path_part(name).nfc().collect();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    if clean(&name).is_empty() {
        return Err(Error::InvalidName("nothing is left of the file name once it is cleaned".into()));
    }
    if !is_allowed(extension) {
        return Err(Error::UnsupportedExtension { name });
    }
    let mut stem = clean(stem);
    if stem.is_empty() {
        return Err(Error::InvalidName("nothing is left of the file name before its extension".into()));
    }
    cut(&mut stem, MAX_SEGMENT_BYTES - 1 - extension.len());
    Ok(format!("{stem}.{extension}"))
}

fn is_allowed(extension: &str) -> bool {
    EXTENSIONS.iter().any(|allowed| extension.eq_ignore_ascii_case(allowed))
}

fn clean_folder(name: &str) -> Result<String, Error> {
    let name: String = last_path_part(name).nfc().collect();
    let mut name = clean(&name);
    if name.is_empty() {
        return Err(Error::InvalidName("nothing is left of a folder's name once it is cleaned".into()));
    }
    cut(&mut name, MAX_SEGMENT_BYTES);
    Ok(name)
}

/// Old browsers on Windows send the whole path.
fn last_path_part(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// Keeps letters, marks and digits of any script and S3's safe punctuation; other runs become one `-`.
fn clean(name: &str) -> String {
    let mut cleaned = String::with_capacity(name.len());
    let mut in_run = false;
    for character in name.trim_start_matches('.').chars() {
        let kept = is_kept(character);
        if kept {
            cleaned.push(character);
        } else if !in_run {
            cleaned.push('-');
        }
        in_run = !kept;
    }
    cleaned
}

fn is_kept(character: char) -> bool {
    character.is_alphanumeric() || is_combining_mark(character) || "!-_.*'()".contains(character)
}

/// Cuts at a character, never within one.
fn cut(name: &mut String, max_bytes: usize) {
    name.truncate(name.floor_char_boundary(max_bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(name: &str) -> String {
        match OriginalKey::from_file_name(name, Layout::Name) {
            Ok(key) => key.0,
            Err(Error::UnsupportedExtension { .. }) => "415".into(),
            Err(Error::InvalidName(_)) => "400".into(),
        }
    }

    #[test]
    fn file_names_become_keys() {
        let long = format!("{}.jpeg", "ü".repeat(5_000));
        let cut = format!("{}.jpeg", "ü".repeat(97));
        let table = [
            ("image1.jpg", "image1.jpg", "a plain name stays as it is"),
            ("a.b.jpg", "a.b.jpg", "only the last extension counts"),
            ("photo.PNG", "photo.PNG", "any case is allowed and kept"),
            ("a-thumbnail.jpg", "a-thumbnail.jpg", "an ordinary name"),
            ("../../etc/passwd.jpg", "passwd.jpg", "no way up"),
            ("..\\..\\boot.jpg", "boot.jpg", "nor on Windows"),
            ("C:\\Users\\me\\cat.jpg", "cat.jpg", "old browsers send the whole path"),
            ("a\0b.jpg", "a-b.jpg", "NUL"),
            ("a\r\nb.jpg", "a-b.jpg", "a run becomes one dash"),
            ("a\"b'.jpg", "a-b'.jpg", "S3 calls the apostrophe safe, not the quote"),
            ("\u{1b}[31mred.jpg", "-31mred.jpg", "escape sequences"),
            ("\u{202e}gpj.exe.jpg", "-gpj.exe.jpg", "right-to-left override"),
            ("u\u{308}ber.jpg", "über.jpg", "decomposed names are composed"),
            ("写真 १२.jpg", "写真-१२.jpg", "any script"),
            ("ก่อน.jpg", "ก่อน.jpg", "marks belong to their letters"),
            (".hidden.jpg", "hidden.jpg", "no leading dots"),
            (&long, &cut, "cut to 200 bytes at a character, the extension kept"),
            (".jpg", "400", "an extension alone is no name"),
            ("...jpg", "400", "dots before the extension are no name either"),
            ("....", "400", "only dots"),
            ("", "400", "nothing"),
            ("folder/", "400", "nothing behind the folder"),
            ("file.txt", "415", "another type"),
            ("README", "415", "no extension"),
            ("evil.jpg.php", "415", "the last extension decides"),
            ("photo.jpg.", "415", "a trailing dot hides the extension"),
        ];
        for (name, expected, reason) in table {
            assert_eq!(key_of(name), expected, "{reason}: {name:?}");
        }
    }

    #[test]
    fn url_paths_become_keys_with_folders() {
        let deepest = format!("{}x.jpg", "a/".repeat(32));
        let too_deep = format!("a/{deepest}");
        let table = [
            ("x/y/photo.PNG", Some("x/y/photo.PNG"), "folders are kept"),
            (&deepest, Some(&deepest), "as many as a key may have"),
            (&too_deep, None, "one more"),
            ("caf%C3%A9.jpg", Some("café.jpg"), "decoded"),
            ("a%2520b.jpg", Some("a-20b.jpg"), "decoded once only"),
            ("a%2Fb.jpg", Some("a/b.jpg"), "an encoded slash makes a folder as well"),
            ("a%2F..%2Fb.jpg", None, "but no way up"),
            ("../x.jpg", None, "a folder of dots"),
            ("a//x.jpg", None, "a folder without a name"),
            ("%ff.jpg", None, "not UTF-8"),
            ("", None, "no name at all"),
        ];
        for (path, expected, reason) in table {
            let key = OriginalKey::from_url_path(path, Layout::Name).ok();
            assert_eq!(key.as_ref().map(OriginalKey::as_str), expected, "{reason}: {path:?}");
        }
    }

    #[test]
    fn every_name_gives_a_safe_key() {
        // Every character there is, between two letters.
        for character in '\0'..=char::MAX {
            let key = key_of(&format!("a{character}b.jpg"));
            assert!(key.ends_with(".jpg") && !key.contains(['/', '\\', '\0', '%', '~', '"', '\u{202e}']), "{key:?}");
        }
    }

    #[test]
    fn thumbnails_are_paired_with_their_originals() {
        for (original, thumbnail) in [
            ("image1.jpg", "image1-thumbnail.jpg"),
            ("a.b.jpg", "a.b-thumbnail.jpg"),
            ("x/y/photo.PNG", "x/y/photo-thumbnail.PNG"),
            ("a-thumbnail.jpg", "a-thumbnail-thumbnail.jpg"),
        ] {
            assert_eq!(OriginalKey(original.into()).thumbnail(), thumbnail);
            assert_eq!(original_of(thumbnail).as_deref(), Some(original));
        }
        assert_eq!(original_of("image1.jpg"), None, "no thumbnail's key");
    }

    #[test]
    fn unique_keys_lie_in_a_folder_of_their_own() {
        let key = OriginalKey::from_url_path("x/image1.jpg", Layout::Unique).expect("a good name");
        let (folder, rest) = key.as_str().split_once('/').expect("a folder");
        assert_eq!(rest, "x/image1.jpg");
        assert_eq!(Uuid::parse_str(folder).expect("a UUID").get_version_num(), 7);
    }

    #[test]
    fn keys_survive_the_way_through_a_url() {
        for key in ["image1.jpg", "x/y z.jpg", "ü%+&?#'().jpg", "写真.png"] {
            assert_eq!(from_request_path(&to_url_path(key)).as_deref(), Some(key));
        }
        assert_eq!(to_url_path("x/a b~'.jpg"), "x/a%20b~%27.jpg");
    }
}

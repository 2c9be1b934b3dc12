//! File names in `Content-Disposition`, which multer reads too simply: it ignores `filename*` (RFC 8187)
//! and takes the first of two names.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The file name of a part; none where it is an ordinary field.
///
/// Not every client sends UTF-8: other bytes are read as Latin-1, which never fails.
///
/// # Errors
/// Says what is ambiguous or malformed.
pub(super) fn file_name(header: &[u8]) -> Result<Option<String>, &'static str> {
    let (mut plain, mut extended) = (None, None);
    for parameter in split_parameters(header) {
        let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = (parameter[..equals].trim_ascii(), parameter[equals + 1..].trim_ascii());
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"filename" => (&mut plain, unquoted(value)),
            b"filename*" => (&mut extended, decoded(value)?),
            _ => continue,
        };
        if slot.0.replace(slot.1).is_some() {
            return Err("a part has two file names");
        }
    }
    Ok(extended.or(plain))
}

/// Splits at semicolons outside quotes.
fn split_parameters(header: &[u8]) -> Vec<&[u8]> {
    let (mut parameters, mut start, mut in_quotes, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in header.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_quotes => escaped = true,
            b'"' => in_quotes = !in_quotes,
            b';' if !in_quotes => {
                parameters.push(&header[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parameters.push(&header[start..]);
    parameters
}

/// Only `\"` and `\\` are escapes: old browsers send `C:\path\file.jpg` as it is. And browsers of today
/// write a quote, CR and LF as `%22`, `%0D` and `%0A` (WHATWG HTML).
fn unquoted(value: &[u8]) -> String {
    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    let text = text_of(inner);
    let text = if value.len() == inner.len() { text } else { text.replace("\\\"", "\"").replace("\\\\", "\\").into() };
    text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

/// RFC 8187: `UTF-8'en'na%C3%AFve.jpg`.
fn decoded(value: &[u8]) -> Result<String, &'static str> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (Some(charset), Some(_language), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("filename* must look like UTF-8''name.jpg");
    };
    let bytes: Vec<u8> = percent_decode(text).collect();
    match charset.to_ascii_lowercase().as_slice() {
        b"utf-8" => String::from_utf8(bytes).map_err(|_| "filename* says UTF-8 but is not"),
        b"iso-8859-1" => Ok(bytes.into_iter().map(char::from).collect()),
        _ => Err("filename* must be in UTF-8"),
    }
}

fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_found() {
        type Row<'a> = (&'a [u8], Result<Option<&'a str>, &'a str>, &'a str);
        let table: [Row; 14] = [
            (b"form-data; name=\"file\"; filename=\"a.jpg\"", Ok(Some("a.jpg")), "the usual form"),
            (b"form-data; name=file; FILENAME=a.jpg", Ok(Some("a.jpg")), "a token, in capitals"),
            (b"form-data; name=\"x\"", Ok(None), "an ordinary field"),
            (b"form-data; filename=\"\"", Ok(Some("")), "a browser's empty file field"),
            (b"form-data; filename=\"a;b.jpg\"; x=y", Ok(Some("a;b.jpg")), "a semicolon in quotes"),
            (b"form-data; filename=\"a\\\"b.jpg\"", Ok(Some("a\"b.jpg")), "curl's escape"),
            (b"form-data; filename=\"a%22b.jpg\"", Ok(Some("a\"b.jpg")), "a browser's escape"),
            (b"form-data; filename=\"C:\\dir\\a.jpg\"", Ok(Some("C:\\dir\\a.jpg")), "an old browser's path"),
            (b"form-data; filename=\"caf\xe9.jpg\"", Ok(Some("caf\u{e9}.jpg")), "Latin-1"),
            ("form-data; filename=\"café.jpg\"".as_bytes(), Ok(Some("café.jpg")), "UTF-8"),
            (
                b"form-data; filename=\"x.jpg\"; filename*=UTF-8''na%C3%AFve.jpg",
                Ok(Some("naïve.jpg")),
                "filename* wins",
            ),
            (b"form-data; filename*=iso-8859-1'en'%A3.jpg", Ok(Some("£.jpg")), "the other charset of RFC 5987"),
            (b"form-data; filename*=UTF-8''%ff.jpg", Err("filename* says UTF-8 but is not"), "not UTF-8"),
            (b"form-data; filename=\"a.jpg\"; filename=\"b.png\"", Err("a part has two file names"), "ambiguous"),
        ];
        for (header, expected, reason) in table {
            assert_eq!(file_name(header), expected.map(|name| name.map(Into::into)), "{reason}");
        }
    }
}

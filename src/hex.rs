//! Bytes as text: two hexadecimal digits each.

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The bytes that hexadecimal text of either case stands for; none where it is something else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_stand_for_each_other() {
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
        let table = [("001fFF", Some(vec![0, 0x1f, 0xff])), ("", Some(vec![])), ("0", None), ("0g", None), ("é", None)];
        for (text, expected) in table {
            assert_eq!(unhex(text), expected, "{text}");
        }
    }
}

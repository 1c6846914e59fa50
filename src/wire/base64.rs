//! Blobs of JSON requests: one vectorised decode, and for what fails it the service's own diagnosis.

use bytes::Bytes;

/// Decodes padded standard base64; the error says what is wrong the way the service does.
pub(super) fn decode(text: &str) -> Result<Bytes, String> {
    match base64_simd::STANDARD.decode_to_vec(text) {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err(diagnose(text)),
    }
}

fn diagnose(text: &str) -> String {
    if !text.len().is_multiple_of(4) {
        return format!("Base64 encoded length is expected a multiple of 4 bytes but found: {}", text.len());
    }
    match invalid_character(text) {
        Some(character) => format!("Invalid Base64 character: '{character}'"),
        // The service's spelling.
        None => "Invalid last non-pad Base64 character dectected".to_owned(),
    }
}

/// The first character outside the alphabet, or the first padding with more than padding behind it.
fn invalid_character(text: &str) -> Option<char> {
    let unpadded = text.trim_end_matches('=');
    unpadded.chars().find(|&char| !(char.is_ascii_alphanumeric() || char == '+' || char == '/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_padded_standard_base64() {
        for (text, bytes) in
            [("", &b""[..]), ("YQ==", b"a"), ("YWI=", b"ab"), ("YWJj", b"abc"), ("+/+/", b"\xfb\xff\xbf")]
        {
            assert_eq!(decode(text).unwrap(), bytes);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let length = "Base64 encoded length is expected a multiple of 4 bytes but found: ";
        for (text, message) in [
            ("a", format!("{length}1")),
            ("YWJjZ", format!("{length}5")),
            ("YQ=", format!("{length}3")),
            ("YQ-_", "Invalid Base64 character: '-'".to_owned()),
            ("Y Q=", "Invalid Base64 character: ' '".to_owned()),
            ("=YWJ", "Invalid Base64 character: '='".to_owned()),
            ("aéb", "Invalid Base64 character: 'é'".to_owned()),
            ("YR==", "Invalid last non-pad Base64 character dectected".to_owned()),
            ("YWK=", "Invalid last non-pad Base64 character dectected".to_owned()),
            ("====", "Invalid last non-pad Base64 character dectected".to_owned()),
        ] {
            assert_eq!(decode(text), Err(message), "{text}");
        }
    }
}

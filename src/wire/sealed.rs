//! Opaque text that only this server can have made: shard iterators and page tokens. Readable by whoever
//! holds it, forgeable by nobody, valid across restarts because the key is in the catalog.

use base64_simd::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of the tag kept: 128 bits.
const TAG_BYTES: usize = 16;

/// The key both are made with.
#[derive(Clone)]
pub struct SealKey(Vec<u8>);

impl SealKey {
    /// The key of this server.
    pub fn new(secret: &[u8]) -> Self {
        Self(secret.to_vec())
    }

    /// `content` as opaque text, bound to `purpose`: an iterator is no page token.
    pub fn seal(&self, purpose: &str, content: &[u8]) -> String {
        let mut sealed = content.to_vec();
        sealed.extend_from_slice(&self.mac(purpose, content).finalize().into_bytes()[..TAG_BYTES]);
        STANDARD.encode_to_string(sealed)
    }

    /// The content, if this server sealed it for `purpose`.
    pub fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let mut sealed = STANDARD.decode_to_vec(text.as_bytes()).ok()?;
        let content_len = sealed.len().checked_sub(TAG_BYTES)?;
        let tag = sealed.split_off(content_len);
        self.mac(purpose, &sealed).verify_truncated_left(&tag).ok()?;
        Some(sealed)
    }

    fn mac(&self, purpose: &str, content: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(&(purpose.len() as u64).to_le_bytes());
        mac.update(purpose.as_bytes());
        mac.update(content);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_purpose_open_it_unchanged() {
        let key = SealKey::new(b"secret");
        let sealed = key.seal("iterator", b"content");
        assert_eq!(key.open("iterator", &sealed).as_deref(), Some(&b"content"[..]));
        assert_eq!(key.open("page", &sealed), None);
        assert_eq!(SealKey::new(b"other").open("iterator", &sealed), None);
        for at in 0..sealed.len() {
            let mut forged = sealed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open("iterator", &String::from_utf8(forged).unwrap()), None, "byte {at}");
        }
    }
}

//! A shard iterator: a position somebody may read on from within five minutes, as opaque text.
//!
//! ```text
//! 0 constant 00 00 00 00 00 00 00 01, as the service's begin   8 log id   16 offset   24 issued, ms
//! 32 shard id (u32)   36 serial (u32)   40 stream name   (then the seal's tag; base64 around it all)
//! ```

use thiserror::Error;

use crate::limits;
use crate::types::{LogId, Offset, ShardId, Timestamp};
use crate::wire::SealKey;

const PURPOSE: &str = "shard iterator";
const PREFIX: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];

/// Where reading goes on. Names stream and shard so that errors can, also once they are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardIterator {
    /// The shard's log: not that of a later stream of the same name.
    pub log: LogId,
    /// The next record due.
    pub offset: Offset,
    /// When it was given out.
    pub issued: Timestamp,
    /// The shard.
    pub shard: ShardId,
    /// Tells it from others of this place and millisecond: the service gives none out twice.
    pub serial: u32,
    /// The stream's name.
    pub stream: String,
}

/// Why text is no usable iterator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IteratorError {
    /// Not given out by this server.
    #[error("not an iterator of this server")]
    Invalid,
    /// Given out too long ago.
    #[error("given out at {0:?}, too long ago")]
    Expired(Timestamp),
}

impl ShardIterator {
    /// The text clients carry around.
    pub fn to_text(&self, key: &SealKey) -> String {
        let mut content = PREFIX.to_vec();
        content.extend_from_slice(&self.log.0.to_be_bytes());
        content.extend_from_slice(&self.offset.0.to_be_bytes());
        content.extend_from_slice(&self.issued.as_millis().to_be_bytes());
        content.extend_from_slice(&self.shard.0.to_be_bytes());
        content.extend_from_slice(&self.serial.to_be_bytes());
        content.extend_from_slice(self.stream.as_bytes());
        key.seal(PURPOSE, &content)
    }

    /// Reads the text back; at `now` it must not be older than five minutes. Quotes around it do no harm, as
    /// with the service: shell scripts pass on what `aws kinesis get-shard-iterator` printed.
    pub fn open(text: &str, key: &SealKey, now: Timestamp) -> Result<Self, IteratorError> {
        let content = key.open(PURPOSE, unquoted(text)).ok_or(IteratorError::Invalid)?;
        let iterator = Self::parse(&content).ok_or(IteratorError::Invalid)?;
        if now.millis_since(iterator.issued) > limits::ITERATOR_MILLIS_MAX {
            return Err(IteratorError::Expired(iterator.issued));
        }
        Ok(iterator)
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let rest = content.strip_prefix(&PREFIX)?;
        let (log, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (issued, rest) = rest.split_first_chunk()?;
        let (shard, rest) = rest.split_first_chunk()?;
        let (serial, stream) = rest.split_first_chunk()?;
        Some(Self {
            log: LogId(u64::from_be_bytes(*log)),
            offset: Offset(u64::from_be_bytes(*offset)),
            issued: Timestamp::from_millis(u64::from_be_bytes(*issued)),
            shard: ShardId(u32::from_be_bytes(*shard)),
            serial: u32::from_be_bytes(*serial),
            stream: String::from_utf8(stream.to_vec()).ok()?,
        })
    }
}

/// The text between a pair of quotes, or all of it.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_five_minutes_and_no_millisecond_longer() {
        let key = SealKey::new(b"k");
        let issued = Timestamp::from_millis(1_000_000);
        let iterator = ShardIterator {
            log: LogId(4),
            offset: Offset(9),
            issued,
            shard: ShardId(1),
            serial: 7,
            stream: "s".repeat(128),
        };
        let text = iterator.to_text(&key);
        assert!(text.len() <= 512, "{}", text.len());
        let open = |millis| ShardIterator::open(&text, &key, Timestamp::from_millis(millis));
        assert_eq!(open(1_300_000).as_ref(), Ok(&iterator));
        let of = |text: &str| ShardIterator::open(text, &key, issued);
        assert_eq!(of(&format!("\"{text}\"")), Ok(iterator));
        for odd in [format!("\"{text}"), format!("{text}\""), format!("\"\"{text}\"\""), "\"".into()] {
            assert_eq!(of(&odd), Err(IteratorError::Invalid), "{odd}");
        }
        assert_eq!(open(1_300_001), Err(IteratorError::Expired(issued)));
        assert_eq!(ShardIterator::open("AAAA", &key, issued), Err(IteratorError::Invalid));
    }
}

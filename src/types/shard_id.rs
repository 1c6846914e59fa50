//! A shard's number within its stream, and its `shardId-000000000000` text.

use std::fmt;

/// The number of a shard: counted from 0 per stream, never reused, children above their parents.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct ShardId(pub u32);

impl ShardId {
    /// The largest number a shard can have: sequence numbers carry it as a signed 32-bit integer.
    pub const MAX: Self = Self(0x7fff_ffff);

    /// Reads a shard id as leniently as the service does: the text after the first `-`, or all of it, is a
    /// decimal number, so `shardId-5`, `foo-5` and `5` are one shard.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.split_once('-').map_or(text, |(_, digits)| digits);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().map(Self).filter(|shard| *shard <= Self::MAX)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_twelve_digits() {
        assert_eq!(ShardId(5).to_string(), "shardId-000000000005");
        assert_eq!(ShardId::MAX.to_string(), "shardId-002147483647");
    }

    #[test]
    fn reads_leniently() {
        for text in ["shardId-000000000005", "shardId-5", "foo-5", "5", "-5", "000000000000000000005"] {
            assert_eq!(ShardId::parse(text), Some(ShardId(5)), "{text}");
        }
        assert_eq!(ShardId::parse("shardId-2147483647"), Some(ShardId::MAX));
    }

    #[test]
    fn refuses_what_is_no_number_in_range() {
        for text in ["", "-", "shardId-", "shardId", "a-b-5", "x-+5", "--5", "shardId-2147483648", "5x", "５"]
        {
            assert_eq!(ShardId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn is_a_number_in_the_catalog() {
        assert_eq!(serde_json::to_string(&ShardId(7)).unwrap(), "7");
    }
}

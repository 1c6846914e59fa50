//! The 128-bit space partition keys hash into, and the inclusive ranges shards own of it.

use std::borrow::Cow;
use std::fmt;

use md5::{Digest, Md5};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point of the hash space, 0 to 2^128 - 1; decimal as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashKey(pub u128);

/// Why a text is no hash key. The two are different errors to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashKeyError {
    /// Does not match `0|([1-9]\d{0,38})`.
    #[error("not a decimal hash key")]
    Syntax,
    /// Matches, but is 2^128 or more.
    #[error("hash key beyond 2^128 - 1")]
    OutOfRange,
}

/// Digits of the longest text the hash-key pattern admits.
const DIGITS_MAX: usize = 39;

impl HashKey {
    /// The last point of the space.
    pub const MAX: Self = Self(u128::MAX);

    /// Where a partition key lands: its MD5 as a big-endian number.
    pub fn of_partition_key(partition_key: &str) -> Self {
        Self(u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into()))
    }

    /// Reads the decimal text of an explicit hash key.
    pub fn parse(text: &str) -> Result<Self, HashKeyError> {
        if !is_decimal(text, DIGITS_MAX) {
            return Err(HashKeyError::Syntax);
        }
        text.parse().map(Self).map_err(|_| HashKeyError::OutOfRange)
    }
}

/// Whether `text` matches `0|([1-9]\d{0,N-1})` for N = `digits_max`.
pub fn is_decimal(text: &str, digits_max: usize) -> bool {
    let bytes = text.as_bytes();
    let canonical = bytes == b"0" || bytes.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    canonical && bytes.len() <= digits_max && bytes.iter().all(u8::is_ascii_digit)
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for HashKey {
    /// A decimal string: JSON numbers of this size do not survive other readers.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HashKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The part of the hash space a shard owns, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HashKeyRange {
    /// The first key owned.
    pub start: HashKey,
    /// The last key owned.
    pub end: HashKey,
}

impl HashKeyRange {
    /// The whole space.
    pub const ALL: Self = Self { start: HashKey(0), end: HashKey::MAX };

    /// Whether `key` falls into the range.
    pub fn contains(&self, key: HashKey) -> bool {
        self.start <= key && key <= self.end
    }

    /// The point this far into the range, in parts of 2^64 of its width.
    pub fn at(&self, part: u64) -> HashKey {
        let width = self.end.0 - self.start.0;
        let (high, low) = (width >> 64, width & u128::from(u64::MAX));
        HashKey(self.start.0 + high * u128::from(part) + ((low * u128::from(part)) >> 64))
    }
}

/// The ranges of a new stream's `count` shards: equal widths of floor(2^128 / count), the last one taking the
/// remainder. None for no shards.
pub fn even_ranges(count: u32) -> Vec<HashKeyRange> {
    let Some(last) = count.checked_sub(1) else { return Vec::new() };
    let width = even_width(u128::from(count));
    let start = |index: u32| HashKey(width.wrapping_mul(u128::from(index)));
    let end = |index: u32| if index == last { HashKey::MAX } else { HashKey(start(index + 1).0 - 1) };
    (0..count).map(|index| HashKeyRange { start: start(index), end: end(index) }).collect()
}

/// floor(2^128 / count), without the 129th bit; 0 stands for 2^128 itself when `count` is 1.
fn even_width(count: u128) -> u128 {
    let exact = u128::MAX % count == count - 1;
    (u128::MAX / count).wrapping_add(u128::from(exact))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stay_in_their_range_and_reach_its_ends() {
        for range in even_ranges(7).into_iter().chain([HashKeyRange::ALL]) {
            assert_eq!(range.at(0), range.start);
            let last = range.at(u64::MAX);
            assert!(range.contains(last) && range.end.0 - last.0 <= (range.end.0 - range.start.0) >> 63);
        }
        let point = HashKeyRange { start: HashKey(5), end: HashKey(5) };
        assert_eq!(point.at(u64::MAX), point.start);
    }

    #[test]
    fn partition_keys_land_where_md5_says() {
        for (key, hash) in [
            ("a", 16955237001963240173058271559858726497),
            ("b", 195289424170611159128911017612795795343),
            ("test", 12707736894140473154801792860916528374),
            ("partition-1", 198019941650871988756153596255032211816),
            ("ü", 255482112228542481294366945247899473731),
        ] {
            assert_eq!(HashKey::of_partition_key(key), HashKey(hash), "{key}");
        }
    }

    #[test]
    fn parse_tells_syntax_from_range() {
        let max = "340282366920938463463374607431768211455";
        assert_eq!(HashKey::parse(max), Ok(HashKey::MAX));
        assert_eq!(HashKey::parse("0"), Ok(HashKey(0)));
        for text in ["", "00", "01", "-1", "+1", "1.0", "1e3", " 1", &format!("{max}0")] {
            assert_eq!(HashKey::parse(text), Err(HashKeyError::Syntax), "{text}");
        }
        for text in ["340282366920938463463374607431768211456", "999999999999999999999999999999999999999"] {
            assert_eq!(HashKey::parse(text), Err(HashKeyError::OutOfRange), "{text}");
        }
    }

    #[test]
    fn travels_as_a_decimal_string() {
        let range = HashKeyRange { start: HashKey(1), end: HashKey::MAX };
        let text = serde_json::to_string(&range).unwrap();
        assert_eq!(text, r#"{"start":"1","end":"340282366920938463463374607431768211455"}"#);
        assert_eq!(serde_json::from_str::<HashKeyRange>(&text).unwrap(), range);
        assert!(serde_json::from_str::<HashKey>("1").is_err());
    }

    #[test]
    fn three_shards_have_the_services_bounds() {
        let bounds: Vec<_> = even_ranges(3).iter().map(|range| (range.start.0, range.end.0)).collect();
        let third = 113427455640312821154458202477256070485;
        assert_eq!(bounds, [(0, third - 1), (third, 2 * third - 1), (2 * third, u128::MAX)]);
    }

    #[test]
    fn any_count_covers_the_space_without_holes() {
        for count in [1, 2, 3, 4, 5, 7, 64, 100, 255, 256, 1000] {
            let ranges = even_ranges(count);
            assert_eq!(ranges.len(), count as usize);
            assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (HashKey(0), HashKey::MAX));
            assert!(ranges.windows(2).all(|pair| pair[0].end.0 + 1 == pair[1].start.0), "{count}");
        }
        assert_eq!(even_ranges(4)[1].start.0, 85070591730234615865843651857942052864);
        assert_eq!(even_ranges(1), [HashKeyRange::ALL]);
        assert!(even_ranges(0).is_empty());
    }

    #[test]
    fn ranges_include_both_ends() {
        let range = HashKeyRange { start: HashKey(10), end: HashKey(20) };
        assert_eq!([9, 10, 20, 21].map(|key| range.contains(HashKey(key))), [false, true, true, false]);
    }
}

//! Sequence numbers: 56 decimal digits around a 186-bit integer, the layout clients see and compare.
//!
//! From the most significant bit, in bits:
//!
//! ```text
//! | 2 (4) | created (36) | shard & 15 (4) | index (64) | pair (8) | time (36) | shard (32) | version 2 (4) |
//! ```
//!
//! `created` and `time` are epoch seconds. Within a shard the order is index, then pair, then time.

use std::fmt;

use super::ShardId;
use super::hash_key::is_decimal;

/// Digits of every sequence number of this version.
pub const DIGITS: usize = 56;
/// Digits of the longest text the sequence-number pattern admits.
const PATTERN_DIGITS_MAX: usize = 129;
/// The largest index; a closed shard's ending number carries it.
const INDEX_MAX: u64 = 0x7fff_ffff_ffff_ffff;
/// Both the leading digit and the trailing version nibble.
const VERSION: u64 = 2;
/// Seconds fit 36 bits until the year 4147.
const SECS_MAX: u64 = (1 << 36) - 1;
const TEN_8: u64 = 100_000_000;
/// The largest power of ten in 64 bits: three of its digits make a sequence number.
const TEN_19: u64 = 10_000_000_000_000_000_000;

/// The position of a record, or between two records, in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SequenceNumber {
    created_secs: u64,
    index: u64,
    pair: u8,
    time_secs: u64,
    shard: ShardId,
}

/// What a well-formed text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The text `0`: matches the pattern, names no position of this layout.
    Zero,
    /// A number of this layout.
    Number(SequenceNumber),
}

/// Why a text is no sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Does not match `0|([1-9]\d{0,128})`.
    #[error("not a decimal sequence number")]
    Syntax,
    /// A decimal number, but not one of this version's layout.
    #[error("not a sequence number of a known version")]
    Layout,
}

impl SequenceNumber {
    /// The number of a record: `index` is its place in the shard's log, counted from 1.
    pub fn record(created_secs: u64, index: u64, time_secs: u64, shard: ShardId) -> Self {
        Self::new(created_secs, index, 0, time_secs, shard)
    }

    /// A position after the record with this index, before the record with the next, whatever their times.
    pub fn continuation(created_secs: u64, index: u64, time_secs: u64, shard: ShardId) -> Self {
        Self::new(created_secs, index, 1, time_secs, shard)
    }

    /// Where a shard starts: before its first record.
    pub fn shard_start(created_secs: u64, shard: ShardId) -> Self {
        Self::new(created_secs, 0, 0, created_secs, shard)
    }

    /// Where a closed shard ends: after its last record.
    pub fn shard_end(created_secs: u64, closed_secs: u64, shard: ShardId) -> Self {
        Self::new(created_secs, INDEX_MAX, 0, closed_secs, shard)
    }

    fn new(created_secs: u64, index: u64, pair: u8, time_secs: u64, shard: ShardId) -> Self {
        debug_assert!(created_secs <= SECS_MAX && time_secs <= SECS_MAX, "seconds fit 36 bits");
        debug_assert!(index <= INDEX_MAX && shard <= ShardId::MAX, "index and shard are not negative");
        Self { created_secs, index, pair, time_secs, shard }
    }

    /// When the shard was created, in epoch seconds: tells incarnations of a stream apart.
    pub const fn created_secs(&self) -> u64 {
        self.created_secs
    }

    /// The place in the shard's log.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// 0 for a record, 1 for a position behind it.
    pub const fn pair(&self) -> u8 {
        self.pair
    }

    /// When the record came, in epoch seconds; never what decides order.
    pub const fn time_secs(&self) -> u64 {
        self.time_secs
    }

    /// The shard the position is in.
    pub const fn shard(&self) -> ShardId {
        self.shard
    }

    /// Whether this is the ending position of a closed shard.
    pub const fn is_shard_end(&self) -> bool {
        self.index == INDEX_MAX
    }

    /// The 56 decimal digits, computed without allocation.
    pub fn digits(&self) -> [u8; DIGITS] {
        let [high, middle, low] = self.limbs();
        // high < 2^58 < 10^19, so the first digit of the quotient is zero and three divisions suffice.
        let (quotient_high, rest) = div_rem(high, middle);
        let (quotient_low, low_19) = div_rem(rest, low);
        let (high_18, middle_19) = div_rem(quotient_high, quotient_low);
        let mut digits = [0; DIGITS];
        digits[..18].copy_from_slice(&decimal::<18>(high_18));
        digits[18..37].copy_from_slice(&decimal::<19>(middle_19));
        digits[37..].copy_from_slice(&decimal::<19>(low_19));
        digits
    }

    /// Reads a sequence number strictly: the pattern, the version, every redundant field.
    pub fn parse(text: &str) -> Result<Parsed, ParseError> {
        if !is_decimal(text, PATTERN_DIGITS_MAX) {
            return Err(ParseError::Syntax);
        }
        if text == "0" {
            return Ok(Parsed::Zero);
        }
        let digits: &[u8; DIGITS] = text.as_bytes().try_into().map_err(|_| ParseError::Layout)?;
        from_digits(digits).and_then(Self::from_limbs).map(Parsed::Number).ok_or(ParseError::Layout)
    }

    /// The integer in three 64-bit digits, most significant first; their order is the numeric order.
    const fn limbs(&self) -> [u64; 3] {
        let shard = self.shard.0 as u64;
        let low = VERSION | shard << 4 | self.time_secs << 36;
        let middle = self.time_secs >> 28 | (self.pair as u64) << 8 | self.index << 16;
        let high = self.index >> 48 | (shard & 15) << 16 | self.created_secs << 20 | VERSION << 56;
        [high, middle, low]
    }

    fn from_limbs([high, middle, low]: [u64; 3]) -> Option<Self> {
        let pair = middle.to_be_bytes()[6];
        let shard = ShardId(u32::try_from(low >> 4 & 0xffff_ffff).ok()?);
        let time_secs = low >> 36 | (middle & 0xff) << 28;
        let index = middle >> 16 | (high & 0xffff) << 48;
        let number = Self { created_secs: high >> 20 & SECS_MAX, index, pair, time_secs, shard };
        // Composing again checks the leading digit, the version and the shard's nibble at once.
        let whole = number.limbs() == [high, middle, low];
        (whole && index <= INDEX_MAX && shard <= ShardId::MAX).then_some(number)
    }
}

/// Divides the two-digit number by 10^19. `high` must be below it, so that the quotient fits a digit.
fn div_rem(high: u64, low: u64) -> (u64, u64) {
    debug_assert!(high < TEN_19);
    let dividend = u128::from(high) << 64 | u128::from(low);
    let quotient = u64::try_from(dividend / u128::from(TEN_19)).expect("the high digit is below the divisor");
    // The remainder is below 2^64, so arithmetic modulo 2^64 gives it exactly.
    (quotient, low.wrapping_sub(quotient.wrapping_mul(TEN_19)))
}

/// A number below 10^19 with leading zeros, in up to 24 digits.
fn decimal<const WIDTH: usize>(value: u64) -> [u8; WIDTH] {
    let mut digits = [0; 24];
    let (rest, low) = (value / TEN_8, value % TEN_8);
    for (eight, part) in digits.as_chunks_mut().0.iter_mut().zip([rest / TEN_8, rest % TEN_8, low]) {
        *eight = eight_digits(part);
    }
    *digits.last_chunk().expect("no number here is wider")
}

/// The digits of a number below 10^8: halves, pairs and single digits side by side in one word, because a
/// multiplication does not wait for the digit before as a division does.
const fn eight_digits(value: u64) -> [u8; 8] {
    let halves = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((halves - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = tens | ((pairs - 10 * tens) << 8);
    (digits | 0x3030_3030_3030_3030).to_le_bytes()
}

/// The number written, if it fits 192 bits.
fn from_digits(digits: &[u8; DIGITS]) -> Option<[u64; 3]> {
    let chunk = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0, |value: u64, digit| value * 10 + u64::from(digit - b'0'))
    };
    let mut limbs = [0, 0, chunk(0..18)];
    for range in [18..37, 37..56] {
        let mut carry = chunk(range);
        for limb in limbs.iter_mut().rev() {
            (*limb, carry) = limb.carrying_mul(TEN_19, carry);
        }
        if carry != 0 {
            return None;
        }
    }
    Some(limbs)
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).expect("decimal digits are ASCII"))
    }
}

impl Ord for SequenceNumber {
    /// The order of the integers, the one clients use.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.limbs().cmp(&other.limbs())
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
#[path = "sequence_number_tests.rs"]
mod tests;

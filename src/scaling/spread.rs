//! Where in a shard's hash range its traffic falls, and so where to cut it. A histogram of few buckets, which
//! looks closer by itself where one bucket holds it all: many keys close together can be told apart, a single
//! one cannot, and is recognised by that.

use crate::types::{HashKey, HashKeyRange};

/// Buckets, as a power of two.
const BUCKET_BITS: u32 = 6;
const BUCKETS: usize = 1 << BUCKET_BITS;
/// The lighter side of a cut has at least this share of the traffic, or the cut is not worth a shard.
const LIGHTER_PERCENT_MIN: u64 = 10;
/// A bucket with at most one part in so many of the traffic is cut inside, as if its traffic were even.
const EVEN_SHARE: u64 = 8;
/// Of what was there a second ago one part in 2^3 is forgotten.
const DECAY_SHIFT: u32 = 3;

/// The weight of the recent traffic by hash key.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    range: HashKeyRange,
    /// Where the buckets begin, and the logarithm of their width.
    first: u128,
    shift: u32,
    below: u64,
    buckets: [u64; BUCKETS],
    above: u64,
}

/// What a look at the traffic of a shard has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The upper part begins here.
    At(HashKey),
    /// All of it is on one key.
    OneKey,
    /// Not known yet.
    Unclear,
}

impl Spread {
    /// No traffic yet, over the whole range.
    pub(super) fn new(range: HashKeyRange) -> Self {
        let mut spread = Self { range, first: 0, shift: 0, below: 0, buckets: [0; BUCKETS], above: 0 };
        spread.look_at_all();
        spread
    }

    /// Counts one write.
    pub(super) fn add(&mut self, key: HashKey, weight: u64) {
        let place = key.0.checked_sub(self.first).map(|offset| usize::try_from(offset >> self.shift));
        let counted = match place {
            None => &mut self.below,
            Some(Ok(bucket)) if bucket < BUCKETS => &mut self.buckets[bucket],
            Some(_) => &mut self.above,
        };
        *counted = counted.saturating_add(weight);
    }

    /// A second has passed.
    pub(super) fn decay(&mut self) {
        for weight in self.buckets.iter_mut().chain([&mut self.below, &mut self.above]) {
            *weight -= *weight >> DECAY_SHIFT;
        }
    }

    /// Forgets what was seen, and looks at the whole range again.
    pub(super) fn look_at_all(&mut self) {
        let width_bits = u128::BITS - (self.range.end.0 - self.range.start.0).leading_zeros();
        self.look_at(self.range.start.0, width_bits.saturating_sub(BUCKET_BITS));
    }

    /// Whether it looks at a part of the range only.
    pub(super) fn is_close_up(&self) -> bool {
        self.first != self.range.start.0 || self.covered_end() < self.range.end.0
    }

    /// Where the traffic has its middle; looks closer if that cannot be told yet.
    pub(super) fn cut(&mut self) -> Cut {
        let total = self.total();
        // The traffic has moved.
        if 2 * self.below.max(self.above) > total {
            self.look_at_all();
            return Cut::Unclear;
        }
        let (key, left) = self.middle(total);
        let lighter = left.min(total - left);
        if total > 0 && lighter >= total / 100 * LIGHTER_PERCENT_MIN && self.may_begin(key) {
            return Cut::At(HashKey(key));
        }
        match self.buckets.iter().position(|weight| 2 * weight > total) {
            Some(_) if self.shift == 0 => Cut::OneKey,
            Some(bucket) => {
                let first = self.border(bucket);
                self.look_at(first, self.shift.saturating_sub(BUCKET_BITS));
                Cut::Unclear
            }
            None => Cut::Unclear,
        }
    }

    /// The key at which the lower part has as near to half of the weight as can be told, and what it has
    /// then.
    fn middle(&self, total: u64) -> (u128, u64) {
        let half = total / 2;
        let mut left = self.below;
        for (bucket, &weight) in self.buckets.iter().enumerate() {
            if left + weight <= half {
                left += weight;
                continue;
            }
            let border = self.border(bucket);
            if weight <= total / EVEN_SHARE && half >= left {
                let parts = (half - left).saturating_mul(BUCKETS as u64) / weight;
                return (border.saturating_add(self.inside(parts)), half);
            }
            let right = left + weight;
            return if half.abs_diff(left) <= right.abs_diff(half) {
                (border, left)
            } else {
                (self.border(bucket + 1), right)
            };
        }
        (self.border(BUCKETS), left)
    }

    /// So many parts of a bucket, of as many as there are buckets.
    fn inside(&self, parts: u64) -> u128 {
        let bits = BUCKET_BITS.min(self.shift);
        (u128::from(parts) >> (BUCKET_BITS - bits)) << (self.shift - bits)
    }

    /// Where a bucket begins. Past the last key there is none: such a border cuts nothing off.
    fn border(&self, bucket: usize) -> u128 {
        (bucket as u128)
            .checked_mul(1 << self.shift)
            .and_then(|offset| self.first.checked_add(offset))
            .unwrap_or(u128::MAX)
    }

    fn covered_end(&self) -> u128 {
        self.first.saturating_add((BUCKETS as u128).saturating_mul(1 << self.shift).saturating_sub(1))
    }

    /// Whether an upper part may begin here, by the rule of `SplitShard`.
    fn may_begin(&self, key: u128) -> bool {
        key > self.range.start.0.saturating_add(1) && key < self.range.end.0
    }

    fn total(&self) -> u64 {
        self.buckets.iter().fold(self.below.saturating_add(self.above), |sum, &it| sum.saturating_add(it))
    }

    fn look_at(&mut self, first: u128, shift: u32) {
        *self = Self { range: self.range, first, shift, below: 0, buckets: [0; BUCKETS], above: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(start: u128, end: u128) -> Spread {
        Spread::new(HashKeyRange { start: HashKey(start), end: HashKey(end) })
    }

    /// Looks again and again at the same traffic, as a shard that stays busy is looked at.
    fn settled(spread: &mut Spread, keys: &[u128]) -> Cut {
        for _ in 0..u128::BITS {
            keys.iter().for_each(|&key| spread.add(HashKey(key), 1000));
            let cut = spread.cut();
            if cut != Cut::Unclear {
                return cut;
            }
        }
        Cut::Unclear
    }

    #[test]
    fn even_traffic_is_cut_in_the_middle() {
        let mut spread = over(0, u128::MAX);
        let keys: Vec<_> = (0..4096).map(|at: u128| at << 116).collect();
        let Cut::At(key) = settled(&mut spread, &keys) else { panic!("a cut") };
        assert!(key.0.abs_diff(1 << 127) < 1 << 121, "{key}");
    }

    #[test]
    fn skewed_traffic_is_cut_where_half_of_it_lies() {
        // Three quarters of it in the lowest quarter of the range: the middle is two thirds into that.
        let keys: Vec<_> = (0..3000_u128)
            .map(|at| at * ((1 << 126) / 3000))
            .chain((0..1000).map(|at| (1 << 126) + at * (3 * (1 << 120) * 64 / 1000)))
            .collect();
        let Cut::At(key) = settled(&mut over(0, u128::MAX), &keys) else { panic!("a cut") };
        let below = keys.iter().filter(|&&it| it < key.0).count();
        assert!((1900..=2100).contains(&below), "{below} of 4000 below {key}");
    }

    #[test]
    fn one_key_is_never_cut_off_from_itself() {
        for hot in [0, 12_345, u128::MAX / 3, u128::MAX] {
            let mut spread = over(0, u128::MAX);
            assert_eq!(settled(&mut spread, &[hot]), Cut::OneKey, "{hot}");
            assert_eq!(settled(&mut spread, &[hot]), Cut::OneKey, "{hot}, again");
        }
    }

    #[test]
    fn keys_side_by_side_are_told_apart() {
        let low = u128::MAX / 7;
        let cut = settled(&mut over(0, u128::MAX), &[low, low + 1, low + 2, low + 3]);
        assert_eq!(cut, Cut::At(HashKey(low + 2)));
    }

    #[test]
    fn who_looked_closely_sees_that_the_traffic_has_moved() {
        let mut spread = over(0, u128::MAX);
        assert_eq!(settled(&mut spread, &[5]), Cut::OneKey);
        assert!(spread.is_close_up());
        let cut = settled(&mut spread, &[1 << 126, 1 << 127, 3 << 126]);
        assert!(matches!(cut, Cut::At(key) if key.0 > 1 << 125), "{cut:?}");
    }

    #[test]
    fn a_range_too_narrow_for_the_rule_is_left_alone() {
        for width in 0..2 {
            let keys: Vec<_> = (10..=10 + width).collect();
            let cut = settled(&mut over(10, 10 + width), &keys);
            assert!(!matches!(cut, Cut::At(_)), "{width}: {cut:?}");
        }
        assert_eq!(settled(&mut over(10, 13), &[10, 11, 12, 13]), Cut::At(HashKey(12)));
    }
}

//! A token bucket in integers: no clock, no floats, no allocation. One unit is whatever the caller counts.

use std::time::Duration;

use crate::types::Instant;

/// Sub-units of one token, so that refilling once a nanosecond loses nothing.
const NANO: i128 = 1_000_000_000;

/// Tokens that refill at a fixed rate up to a capacity, and may be overdrawn by one large taker.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    rate_per_sec: u64,
    capacity: u64,
    /// Billionths of a token; negative while overdrawn.
    level: i128,
    refilled_at: Instant,
}

impl TokenBucket {
    /// A full bucket of `capacity` tokens refilling at `rate_per_sec` (at least one).
    pub fn full(rate_per_sec: u64, capacity: u64, now: Instant) -> Self {
        let rate_per_sec = rate_per_sec.max(1);
        Self { rate_per_sec, capacity, level: i128::from(capacity) * NANO, refilled_at: now }
    }

    /// Holds up to `capacity` from now on, and lacks as much as before: a full bucket stays full.
    pub fn set_capacity(&mut self, capacity: u64, now: Instant) {
        if capacity != self.capacity {
            self.refill(now);
            self.level += (i128::from(capacity) - i128::from(self.capacity)) * NANO;
            self.capacity = capacity;
        }
    }

    /// Takes `tokens` if the bucket holds them, or if it is full and can never hold so many (it is then
    /// overdrawn). Otherwise tells how long until that would succeed.
    pub fn take(&mut self, tokens: u64, now: Instant) -> Result<(), Duration> {
        let needed = i128::from(tokens.min(self.capacity)) * NANO;
        self.draw(tokens, needed, now)
    }

    /// Takes `tokens` if the bucket holds any at all, overdrawing it where they are more. Otherwise tells
    /// how long until it holds one again.
    pub fn take_overdrawing(&mut self, tokens: u64, now: Instant) -> Result<(), Duration> {
        self.draw(tokens, NANO, now)
    }

    /// Puts back what was taken for work that was then refused elsewhere.
    pub fn give_back(&mut self, tokens: u64) {
        let full = i128::from(self.capacity) * NANO;
        self.level = (self.level + i128::from(tokens) * NANO).min(full);
    }

    /// How long until [`Self::take_overdrawing`] would succeed; zero if it would now.
    pub fn until_any(&mut self, now: Instant) -> Duration {
        self.refill(now);
        self.until(NANO)
    }

    /// Whether it holds all it can.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.level >= i128::from(self.capacity) * NANO
    }

    fn draw(&mut self, tokens: u64, needed: i128, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.level < needed {
            return Err(self.until(needed));
        }
        self.level -= i128::from(tokens) * NANO;
        Ok(())
    }

    fn refill(&mut self, now: Instant) {
        let gained = now.since(self.refilled_at).as_nanos().cast_signed() * i128::from(self.rate_per_sec);
        self.level = (self.level + gained).min(i128::from(self.capacity) * NANO);
        self.refilled_at = self.refilled_at.max(now);
    }

    fn until(&self, needed: i128) -> Duration {
        let missing = (needed - self.level).max(0);
        let nanos = (missing + i128::from(self.rate_per_sec) - 1) / i128::from(self.rate_per_sec);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn refuses_what_it_does_not_hold_and_says_when_it_will() {
        let mut bucket = TokenBucket::full(1000, 1000, at(0));
        assert_eq!(bucket.take(1000, at(0)), Ok(()));
        assert_eq!(bucket.take(500, at(0)), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(500, at(499)), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(500, at(500)), Ok(()));
    }

    #[test]
    fn a_taker_larger_than_the_bucket_waits_for_a_full_one() {
        let mut bucket = TokenBucket::full(1000, 1000, at(0));
        assert_eq!(bucket.take(3000, at(0)), Ok(()));
        assert_eq!(bucket.take(1, at(2000)), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(1, at(2001)), Ok(()));
    }

    #[test]
    fn another_capacity_gives_nothing_for_nothing() {
        let mut bucket = TokenBucket::full(1000, 1000, at(0));
        bucket.set_capacity(10_000, at(0));
        assert_eq!(bucket.take(9500, at(0)), Ok(()), "full before, full after");
        bucket.set_capacity(1000, at(0));
        bucket.set_capacity(10_000, at(0));
        assert_eq!(bucket.take(501, at(0)), Err(Duration::from_millis(1)), "as empty as it was");
        assert_eq!(bucket.take(10_000, at(9499)), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(10_000, at(9500)), Ok(()), "it fills at the rate it had");
    }

    #[test]
    fn overdrawing_pays_the_debt_back_before_the_next_take() {
        let mut bucket = TokenBucket::full(2 << 20, 2 << 20, at(0));
        assert_eq!(bucket.take_overdrawing(10 << 20, at(0)), Ok(()));
        assert!(bucket.take_overdrawing(1, at(3999)).is_err());
        assert_eq!(bucket.take_overdrawing(1, at(4001)), Ok(()));
    }

    proptest! {
        /// Over any window, what was let through is at most the rate times the window plus one capacity
        /// and, overdrawing, plus one taker.
        #[test]
        fn never_lets_through_more_than_it_may(
            steps in prop::collection::vec((0u64..50, 1u64..400), 1..300),
        ) {
            let mut bucket = TokenBucket::full(1000, 500, at(0));
            let mut now = 0;
            let mut taken = Vec::new();
            for (wait, tokens) in steps {
                now += wait;
                if bucket.take_overdrawing(tokens, at(now)).is_ok() {
                    taken.push((now, tokens));
                }
            }
            for (first, &(start, _)) in taken.iter().enumerate() {
                let mut sum = 0;
                for &(end, tokens) in &taken[first..] {
                    sum += tokens;
                    prop_assert!(sum <= end - start + 500 + 400);
                }
            }
        }
    }
}

//! How far behind the tip reads left off lately, the largest of the last minute: what the service shows as an
//! iterator's age.

use std::time::Duration;

use crate::types::Instant;

/// How long a read counts at least, and half of how long it counts at most.
const ROUND_MILLIS: u64 = 30_000;

/// The largest age of the present round and of the one before.
#[derive(Clone, Copy, Debug, Default)]
pub struct IteratorAge {
    round: u64,
    largest: Duration,
    before: Duration,
}

impl IteratorAge {
    /// Takes notice of a read that left off so far behind.
    pub fn note(&mut self, age: Duration, now: Instant) {
        self.turn(now);
        self.largest = self.largest.max(age);
    }

    /// The largest age of 30 to 60 seconds; zero if nothing was read in them.
    pub fn read(&mut self, now: Instant) -> Duration {
        self.turn(now);
        self.largest.max(self.before)
    }

    fn turn(&mut self, now: Instant) {
        let round = now.as_millis() / ROUND_MILLIS;
        if round != self.round {
            self.before = if round == self.round + 1 { self.largest } else { Duration::ZERO };
            (self.round, self.largest) = (round, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_the_last_minute_is_told() {
        let at = |secs: u64| Instant::from_nanos(secs * 1_000_000_000);
        let secs = Duration::from_secs;
        let mut age = IteratorAge::default();
        age.note(secs(9), at(10));
        age.note(secs(3), at(11));
        assert_eq!((age.read(at(12)), age.read(at(59))), (secs(9), secs(9)));
        age.note(secs(2), at(59));
        assert_eq!((age.read(at(60)), age.read(at(89)), age.read(at(90))), (secs(2), secs(2), secs(0)));
        age.note(secs(7), at(95));
        assert_eq!(age.read(at(400)), secs(0));
    }
}

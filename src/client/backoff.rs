//! How long to rest before something is tried again.

use std::time::Duration;

use crate::limits::{CLIENT_RETRY_MILLIS_MAX, CLIENT_RETRY_MILLIS_MIN};

/// Rests that double, each shortened by chance so that several do not come back at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next rest.
    pub(super) fn next(&mut self) -> Duration {
        let doubled = CLIENT_RETRY_MILLIS_MIN << self.tries.min(16);
        self.tries += 1;
        let longest = doubled.min(CLIENT_RETRY_MILLIS_MAX);
        Duration::from_millis(longest / 2 + fastrand::u64(0..=longest / 2))
    }

    /// It went well: the next rest is short again.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_to_their_bound_and_start_over() {
        let mut backoff = Backoff::default();
        let rests: Vec<_> = (0..40).map(|_| backoff.next()).collect();
        assert!(rests[0] <= Duration::from_millis(CLIENT_RETRY_MILLIS_MIN));
        let bound = Duration::from_millis(CLIENT_RETRY_MILLIS_MAX);
        assert!(rests.iter().all(|rest| *rest <= bound));
        assert!(rests[39] >= bound / 2);
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(CLIENT_RETRY_MILLIS_MIN));
    }
}

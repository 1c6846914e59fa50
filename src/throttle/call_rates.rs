//! How often the operations of the control plane may be called: one bucket for each operation, account and,
//! where the rate is a stream's, stream. A bucket that is full says nothing and is forgotten.

use std::collections::HashMap;

use crate::limits;
use crate::throttle::{Refused, TokenBucket};
use crate::types::{Instant, StreamKey};

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An account's; none is the server's own.
    Account(Option<String>),
    /// Those about one stream, whether or not there is such a stream.
    Stream(StreamKey),
}

/// The buckets of all callers that have called lately.
#[derive(Debug, Default)]
pub struct CallRates {
    buckets: HashMap<(&'static str, Caller), TokenBucket>,
    /// When there was last a look for buckets to forget because there were too many.
    swept_at: Option<Instant>,
}

impl CallRates {
    /// Admits one call of an operation that may be called `per_sec` times a second, or takes nothing. Where
    /// there are too many callers to count, those that are not counted yet are refused.
    pub fn admit(
        &mut self,
        operation: &'static str,
        caller: Caller,
        per_sec: u64,
        now: Instant,
    ) -> Result<(), Refused> {
        let key = (operation, caller);
        if !self.has_room(now) && !self.buckets.contains_key(&key) {
            return Err(limits::CALL_BUCKETS_SWEEP.into());
        }
        let bucket = self.buckets.entry(key).or_insert_with(|| TokenBucket::full(per_sec, per_sec, now));
        bucket.take(1, now).map_err(Refused::from)
    }

    /// Forgets who has not called for so long that nothing is owed.
    pub fn forget_idle(&mut self, now: Instant) {
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
    }

    /// Makes room where there is none, but not at every call: what is full now was taken from a second ago.
    fn has_room(&mut self, now: Instant) -> bool {
        let is_due = self.swept_at.is_none_or(|at| now.since(at) >= limits::CALL_BUCKETS_SWEEP);
        if self.buckets.len() >= limits::CALL_BUCKETS_MAX && is_due {
            self.swept_at = Some(now);
            self.forget_idle(now);
        }
        self.buckets.len() < limits::CALL_BUCKETS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn stream(name: &str) -> Caller {
        Caller::Stream(StreamKey::new(None, name))
    }

    #[test]
    fn callers_and_operations_do_not_share() {
        let mut rates = CallRates::default();
        for caller in [Caller::Account(None), Caller::Account(Some("1".into())), stream("a"), stream("b")] {
            for operation in ["List", "Describe"] {
                assert_eq!(rates.admit(operation, caller.clone(), 1, at(0)), Ok(()));
                assert!(rates.admit(operation, caller.clone(), 1, at(999)).is_err());
            }
        }
    }

    #[test]
    fn who_has_not_called_for_a_second_is_forgotten_and_nobody_else() {
        let mut rates = CallRates::default();
        assert_eq!(rates.admit("List", stream("a"), 2, at(0)), Ok(()));
        assert_eq!(rates.admit("List", stream("b"), 1, at(0)), Ok(()));
        rates.forget_idle(at(500));
        assert_eq!(rates.buckets.keys().collect::<Vec<_>>(), [&("List", stream("b"))]);
        rates.forget_idle(at(1000));
        assert!(rates.buckets.is_empty());
    }

    #[test]
    fn callers_beyond_the_bound_are_refused_until_others_are_idle() {
        let mut rates = CallRates::default();
        for number in 0..limits::CALL_BUCKETS_MAX {
            assert_eq!(rates.admit("List", stream(&number.to_string()), 5, at(0)), Ok(()));
        }
        assert!(rates.admit("List", stream("late"), 5, at(0)).is_err());
        assert_eq!(rates.admit("List", stream("0"), 5, at(0)), Ok(()), "it has its bucket");
        assert_eq!(rates.buckets.len(), limits::CALL_BUCKETS_MAX);
        assert_eq!(rates.admit("List", stream("late"), 5, at(1000)), Ok(()));
        assert_eq!(rates.buckets.len(), 1);
    }
}

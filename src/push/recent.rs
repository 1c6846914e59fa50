//! When each consumer last subscribed to each shard, and what became of it: what the five-second rule asks.

use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::limits;
use crate::types::{Instant, LogId};

use super::live::Live;

/// Entries kept without asking whether they still matter.
const KEPT: usize = 1024;
const RULE: Duration = Duration::from_secs(limits::SUBSCRIPTION_TAKE_OVER_SECS);

/// The latest subscription of each consumer to each shard.
pub(super) struct Recents {
    latest: HashMap<(u64, LogId), Recent>,
    /// How many there are to be before those that no longer matter are looked for.
    look_at: usize,
}

struct Recent {
    accepted_at: Instant,
    live: Weak<Live>,
}

/// What a subscription that has begun finds of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the latest.
    Latest,
    /// Between its acceptance and its first byte another one took its place.
    Replaced,
    /// Between these its consumer or its stream went.
    Gone,
}

impl Default for Recents {
    fn default() -> Self {
        Self { latest: HashMap::new(), look_at: KEPT }
    }
}

impl Recents {
    /// Takes a subscription as the latest, giving back the one it replaces, if that is still served; refuses
    /// it within five seconds of the one before.
    pub(super) fn accept(
        &mut self,
        consumer: u64,
        log: LogId,
        now: Instant,
    ) -> Result<Option<Rc<Live>>, TooSoon> {
        let before = self.latest.get(&(consumer, log));
        if before.is_some_and(|recent| recent.matters(now)) {
            return Err(TooSoon);
        }
        let replaced = before.and_then(|recent| recent.live.upgrade());
        self.forget_old(now);
        self.latest.insert((consumer, log), Recent { accepted_at: now, live: Weak::new() });
        Ok(replaced)
    }

    /// A subscription accepted then is served from now on.
    pub(super) fn begin(&mut self, log: LogId, live: &Rc<Live>, accepted_at: Instant) -> Standing {
        match self.latest.get_mut(&(live.consumer, log)) {
            Some(recent) if recent.accepted_at == accepted_at => {
                recent.live = Rc::downgrade(live);
                Standing::Latest
            }
            Some(_) => Standing::Replaced,
            None => Standing::Gone,
        }
    }

    /// A consumer is gone.
    pub(super) fn forget_consumer(&mut self, consumer: u64) {
        self.latest.retain(|&(of, _), _| of != consumer);
    }

    /// A log is gone.
    pub(super) fn forget_log(&mut self, log: LogId) {
        self.latest.retain(|&(_, of), _| of != log);
    }

    /// Forgets subscriptions that ended long enough ago not to matter; tells how many it looked at. It looks
    /// again when there are twice as many as mattered: a reshard may have thousands end within the rule's
    /// time, and looking at all of them for each of them would hold up everyone.
    fn forget_old(&mut self, now: Instant) -> usize {
        let looked_at = self.latest.len();
        if looked_at < self.look_at {
            return 0;
        }
        self.latest.retain(|_, recent| recent.live.strong_count() > 0 || recent.matters(now));
        self.look_at = 2 * self.latest.len() + KEPT;
        looked_at
    }
}

/// The five-second rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooSoon;

impl Recent {
    fn matters(&self, now: Instant) -> bool {
        now.since(self.accepted_at) < RULE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// As many subscriptions as a reshard of a large stream with many consumers has end within the rule's
    /// time.
    #[test]
    fn many_that_ended_of_late_are_not_looked_at_for_each_of_them() {
        const SUBSCRIPTIONS: usize = 20_000;
        let (mut recents, mut now, mut looked_at) = (Recents::default(), Instant::default(), 0);
        for log in (0..).take(SUBSCRIPTIONS) {
            now = now + MILLI / 10;
            looked_at += recents.forget_old(now);
            assert!(recents.accept(1, LogId(log), now).is_ok());
        }
        assert!(looked_at < 4 * SUBSCRIPTIONS, "{looked_at} entries were looked at");
    }

    #[test]
    fn what_no_longer_matters_is_forgotten() {
        let (mut recents, mut now) = (Recents::default(), Instant::default());
        for log in 0..100_000 {
            now = now + MILLI * 10;
            assert!(recents.accept(1, LogId(log), now).is_ok());
            assert_eq!(recents.accept(1, LogId(log), now + (RULE - MILLI)).err(), Some(TooSoon));
        }
        assert!(recents.latest.len() < 4 * KEPT, "{} entries", recents.latest.len());
    }
}

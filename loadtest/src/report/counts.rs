//! What was counted of a run.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::checker::Faults;
use crate::cli::Cli;
use crate::put::KEY_BYTES;
use crate::shared::Shared;
use crate::units::count;

/// Records, deliveries and their bytes. Bytes are data and partition keys, as the service counts them.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    pub(crate) acked_bytes: u64,
    pub(crate) dropped: u64,
    pub(crate) unknown: u64,
    pub(crate) received: u64,
    pub(crate) pushed: u64,
    pub(crate) pushed_bytes: u64,
    pub(crate) push_events: u64,
    pub(crate) pulled: u64,
    pub(crate) pulled_bytes: u64,
    pub(crate) lost: u64,
    pub(crate) unexpected: u64,
    #[serde(flatten)]
    pub(crate) faults: Faults,
    pub(crate) put_throttles: u64,
    pub(crate) pull_throttles: u64,
    pub(crate) resubscribed: u64,
    /// The run was to drop what is throttled: that is no fault of it then.
    pub(crate) drops_asked: bool,
}

impl Counts {
    /// Adds everything up.
    pub(super) fn new(cli: &Cli, shared: &Shared, outcome: &Outcome) -> Self {
        let mut faults = outcome.faults;
        faults.misplaced += outcome.sent.misplaced;
        let live = &shared.live;
        let put_bytes = cli.record_size + count(KEY_BYTES);
        Self {
            sent: shared.ledger.sent(),
            acked: live.acked.value(),
            acked_bytes: live.acked.value() * put_bytes,
            dropped: outcome.sent.dropped,
            unknown: outcome.sent.unknown,
            received: live.pushed.value() + live.pulled.value(),
            pushed: live.pushed.value(),
            pushed_bytes: live.pushed_bytes.value(),
            push_events: live.events.value(),
            pulled: live.pulled.value(),
            pulled_bytes: live.pulled_bytes.value(),
            lost: outcome.reckoning.lost,
            unexpected: outcome.reckoning.unexpected,
            faults,
            put_throttles: live.throttled.value(),
            pull_throttles: live.pull_throttled.value(),
            resubscribed: live.resubscribed.value(),
            drops_asked: cli.drops(),
        }
    }

    /// Whether what was acknowledged came as it should. A run that acknowledged nothing has shown nothing.
    pub(crate) fn right(&self) -> bool {
        self.acked > 0 && self.lost == 0 && self.unexpected == 0 && self.faults == Faults::default()
    }

    /// Records that were to be put and were not, though the run did not ask for that: given up after
    /// throttling, or failed in a way that is no use trying again.
    pub(crate) fn in_vain(&self) -> u64 {
        self.unknown + if self.drops_asked { 0 } else { self.dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_in_vain_unless_that_was_asked() {
        let counts = Counts { acked: 5, dropped: 3, ..Counts::default() };
        assert_eq!((counts.right(), counts.in_vain()), (true, 3));
        assert_eq!(Counts { drops_asked: true, ..counts }.in_vain(), 0);
        assert_eq!(Counts { drops_asked: true, unknown: 2, ..counts }.in_vain(), 2);
    }
}

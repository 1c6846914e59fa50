//! What an account has agreed to: the minimum throughput it pays for, which unlocks warm throughput and more
//! consumers.

use serde::{Deserialize, Serialize};

use crate::types::Timestamp;

/// A commitment lasts at least this long.
pub const COMMITMENT_MILLIS_MIN: u64 = 24 * 3_600_000;

/// What an account asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommitmentStatus {
    /// To be committed.
    #[serde(rename = "ENABLED")]
    Enabled,
    /// Not to be, as soon as that is allowed.
    #[serde(rename = "DISABLED")]
    Disabled,
}

/// A commitment to a minimum throughput.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// Since when.
    pub started: Timestamp,
    /// When it ends, or ended, once the account has asked for that.
    pub ends: Option<Timestamp>,
}

impl Commitment {
    /// The service's word at `now`.
    pub fn status(&self, now: Timestamp) -> &'static str {
        match self.ends {
            None => "ENABLED",
            Some(ends) if ends > now => "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
            Some(_) => "DISABLED",
        }
    }

    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| ends > now)
    }

    /// The first moment at which it may end.
    pub fn earliest_end(&self) -> Timestamp {
        Timestamp::from_millis(self.started.as_millis() + COMMITMENT_MILLIS_MIN)
    }

    /// What is left of `before` once `status` is asked for at `at`.
    pub(super) fn after(before: Option<Self>, status: CommitmentStatus, at: Timestamp) -> Option<Self> {
        let running = before.filter(|commitment| commitment.holds(at));
        match (status, running) {
            (CommitmentStatus::Enabled, None) => Some(Self { started: at, ends: None }),
            (CommitmentStatus::Enabled, Some(running)) => Some(Self { ends: None, ..running }),
            (CommitmentStatus::Disabled, Some(running)) => {
                let ends = running.ends.unwrap_or_else(|| running.earliest_end().max(at));
                Some(Self { ends: Some(ends), ..running })
            }
            (CommitmentStatus::Disabled, None) => before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = COMMITMENT_MILLIS_MIN;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_commitment_lasts_a_day_and_can_be_taken_up_again_until_it_ends() {
        let asked = |before, status, when| Commitment::after(before, status, at(when));
        assert_eq!(asked(None, CommitmentStatus::Disabled, 5), None);
        let on = asked(None, CommitmentStatus::Enabled, 10);
        let ending = asked(on, CommitmentStatus::Disabled, 20);
        assert_eq!(
            ending.map(|c| (c.status(at(20)), c.ends)),
            Some(("ENABLED_UNTIL_EARLIEST_ALLOWED_END", Some(at(10 + DAY))))
        );
        assert_eq!(ending.map(|c| c.status(at(10 + DAY))), Some("DISABLED"));
        assert_eq!(asked(ending, CommitmentStatus::Enabled, 30), on);
        let late = asked(on, CommitmentStatus::Disabled, 2 * DAY);
        assert_eq!(late.map(|c| c.status(at(2 * DAY))), Some("DISABLED"));
        assert_eq!(asked(late, CommitmentStatus::Enabled, 3 * DAY).map(|c| c.started), Some(at(3 * DAY)));
    }
}

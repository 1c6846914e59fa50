//! How busy a shard was over the time after which it may be merged: the highest demand of each of its parts.

/// Whole parts remembered; beside them stands the one under way, so that the full time is always covered.
const WHOLE: u64 = SLOTS as u64 - 1;
/// Parts in all.
const SLOTS: usize = 25;
/// Stands for a part nobody has measured: too busy to merge, whatever the neighbour was.
const UNKNOWN: u64 = u64::MAX / 2;

/// The highest demand of each part, in millionths of a shard's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct History {
    slots: [u64; SLOTS],
    current: u64,
}

/// The part of time that holds a moment, where `hours` are remembered.
pub(super) fn slot_at(nanos: u64, hours: u32) -> u64 {
    const HOUR_NANOS: u64 = 3_600_000_000_000;
    nanos / (u64::from(hours) * HOUR_NANOS / WHOLE).max(1)
}

impl History {
    /// Of a shard of which nothing is known.
    pub(super) const fn unknown(slot: u64) -> Self {
        Self { slots: [UNKNOWN; SLOTS], current: slot }
    }

    /// This demand was there, and ever since the last one that was told.
    pub(super) fn note(&mut self, slot: u64, demand: u64) {
        let first = (self.current + 1).max(slot.saturating_sub(WHOLE));
        for entered in first..=slot {
            self.slots[place(entered)] = 0;
        }
        for lasting in first.saturating_sub(1)..=slot.max(self.current) {
            let busiest = &mut self.slots[place(lasting)];
            *busiest = demand.max(*busiest);
        }
        self.current = self.current.max(slot);
    }

    /// What both together had at most: never less than the sum really was at any moment.
    pub(super) fn with(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (mine, theirs) in sum.slots.iter_mut().zip(other.slots) {
            *mine = mine.saturating_add(theirs).min(UNKNOWN);
        }
        sum.current = self.current.max(other.current);
        sum
    }

    /// The highest demand of the whole time.
    pub(super) fn busiest(&self) -> u64 {
        self.slots.iter().copied().max().unwrap_or(UNKNOWN)
    }
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_measured_counts_as_busy_until_the_whole_time_is_known() {
        let mut history = History::unknown(3);
        for slot in 3..=3 + WHOLE {
            history.note(slot, 7);
            assert_eq!(history.busiest(), UNKNOWN, "{slot}");
        }
        history.note(3 + WHOLE + 1, 7);
        assert_eq!(history.busiest(), 7);
    }

    #[test]
    fn a_peak_is_forgotten_after_the_whole_time_and_not_before() {
        let mut history = History::unknown(0);
        history.note(100, 5);
        history.note(101, 900);
        history.note(101 + WHOLE, 5);
        assert_eq!(history.busiest(), 900);
        history.note(102 + WHOLE, 5);
        assert_eq!(history.busiest(), 5);
    }

    #[test]
    fn a_long_pause_was_as_busy_as_what_is_told_at_its_end() {
        let mut history = History::unknown(0);
        history.note(50, 0);
        history.note(53, 400);
        history.note(54, 0);
        assert_eq!([50, 51, 52, 53, 54].map(|slot| history.slots[place(slot)]), [400, 400, 400, 400, 0]);
    }

    #[test]
    fn the_sum_of_two_is_taken_part_by_part() {
        let (mut left, mut right) = (History::unknown(0), History::unknown(0));
        for history in [&mut left, &mut right] {
            history.note(40, 0);
        }
        left.note(41, 30);
        right.note(41, 0);
        left.note(42, 0);
        right.note(42, 20);
        // Whoever was busy at the turn of a part counts for both sides of it.
        assert_eq!(left.with(&right).busiest(), 50);
        assert_eq!(left.with(&History::unknown(42)).busiest(), UNKNOWN);
    }
}

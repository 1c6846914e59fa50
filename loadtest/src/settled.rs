//! The lowest record not yet settled: everything below it is decided before anything sent from now on.

use std::collections::VecDeque;

/// A sliding window over the records in flight; as long as the records in flight at most are apart.
pub(crate) struct Settled {
    lowest: u64,
    settled: VecDeque<bool>,
}

impl Settled {
    /// All below this are settled already.
    pub(crate) fn from(lowest: u64) -> Self {
        Self { lowest, settled: VecDeque::new() }
    }

    /// All records below this one are settled.
    pub(crate) fn lowest(&self) -> u64 {
        self.lowest
    }

    /// Notes that a record's fate is known.
    pub(crate) fn settle(&mut self, sequence: u64) {
        let Some(at) = sequence.checked_sub(self.lowest).and_then(|at| usize::try_from(at).ok()) else {
            return;
        };
        if at >= self.settled.len() {
            self.settled.resize(at + 1, false);
        }
        self.settled[at] = true;
        while self.settled.front() == Some(&true) {
            self.settled.pop_front();
            self.lowest += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_waits_for_the_slowest() {
        let mut settled = Settled::from(0);
        settled.settle(2);
        settled.settle(1);
        assert_eq!(settled.lowest(), 0);
        settled.settle(0);
        assert_eq!(settled.lowest(), 3);
        settled.settle(1);
        assert_eq!(settled.lowest(), 3);
    }
}

//! Who may write a log, decided by the log itself: each start of a writer opens a new epoch by a claim in the
//! log, and what does not belong to the epoch in force is void, for everybody and for ever. No clock and no
//! lock takes part, so the rule holds for one process and its restarts as it does for many nodes.
//!
//! ```text
//! Claim(e, w)  is live if e is the epoch in force plus one; then (e, w) is in force
//! Data(e, w)   is live if (e, w) is in force
//! ```
//!
//! A claim is a mark on the first batch of its epoch: it comes right before that batch's data and cannot be
//! torn from it, and a shard nobody writes to is not claimed at all. Who acknowledges a batch folds it first
//! and acknowledges only what is live.

use super::Batch;

/// An epoch, and the writer whose claim opened it: a number drawn at each start, so that two that claim the
/// same epoch are told apart. The default is in force in a log nobody has claimed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epoch {
    /// Counts the claims of the log.
    pub number: u32,
    /// Who claimed it.
    pub writer: u32,
}

impl Epoch {
    /// What `writer` claims when this epoch is in force.
    pub fn claimed_by(self, writer: u32) -> Self {
        Self { number: self.number.saturating_add(1), writer }
    }
}

/// What a log's entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Opens an epoch.
    Claim(Epoch),
    /// Holds records.
    Data(Epoch),
}

/// What the fold makes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Live,
    /// It never was.
    Void,
}

/// The state of the fold: the epoch in force behind the entries folded so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fold {
    current: Epoch,
}

impl Fold {
    /// The fold of a log whose entries up to here left `current` in force.
    pub fn resume(current: Epoch) -> Self {
        Self { current }
    }

    /// The epoch in force.
    pub fn current(self) -> Epoch {
        self.current
    }

    /// Folds one entry.
    pub fn take(&mut self, act: Act) -> Verdict {
        match act {
            Act::Claim(epoch) if Some(epoch.number) == self.current.number.checked_add(1) => {
                self.current = epoch;
                Verdict::Live
            }
            Act::Data(epoch) if epoch == self.current => Verdict::Live,
            Act::Claim(_) | Act::Data(_) => Verdict::Void,
        }
    }

    /// Folds a batch: its claim, if it carries one, and then its data.
    pub fn take_batch(&mut self, batch: &Batch) -> Verdict {
        if batch.claims() {
            self.take(Act::Claim(batch.epoch()));
        }
        self.take(Act::Data(batch.epoch()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn epoch(number: u32, writer: u32) -> Epoch {
        Epoch { number, writer }
    }

    #[test]
    fn of_two_claims_of_one_epoch_the_first_counts_and_the_second_writer_is_void() {
        let mut fold = Fold::default();
        assert_eq!(fold.take(Act::Claim(epoch(1, 7))), Verdict::Live);
        assert_eq!(fold.take(Act::Claim(epoch(1, 8))), Verdict::Void);
        assert_eq!(fold.take(Act::Data(epoch(1, 8))), Verdict::Void);
        assert_eq!(fold.take(Act::Data(epoch(1, 7))), Verdict::Live);
    }

    #[test]
    fn a_writer_that_wakes_behind_a_newer_claim_is_void() {
        let mut fold = Fold::resume(epoch(4, 1));
        assert_eq!(fold.take(Act::Data(epoch(4, 1))), Verdict::Live);
        assert_eq!(fold.take(Act::Claim(epoch(5, 2))), Verdict::Live);
        assert_eq!(fold.take(Act::Data(epoch(4, 1))), Verdict::Void);
        assert_eq!(fold.take(Act::Data(epoch(5, 2))), Verdict::Live);
    }

    #[test]
    fn the_last_epoch_there_can_be_is_never_claimed_away() {
        let mut fold = Fold::resume(epoch(u32::MAX, 1));
        assert_eq!(fold.take(Act::Claim(epoch(0, 2))), Verdict::Void);
        assert_eq!(fold.take(Act::Claim(fold.current().claimed_by(2))), Verdict::Void);
        assert_eq!(fold.take(Act::Data(epoch(u32::MAX, 1))), Verdict::Live);
    }

    /// Acts of a few writers that know the log up to some earlier place each, as zombies do.
    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = (0..6u32, 0..3u32, any::<bool>()).prop_map(|(number, writer, claims)| {
            if claims { Act::Claim(epoch(number, writer)) } else { Act::Data(epoch(number, writer)) }
        });
        proptest::collection::vec(act, 0..60)
    }

    proptest! {
        /// At most one writer is live in any epoch, epochs are opened one after another, and nothing of an
        /// epoch is live behind the claim of the next.
        #[test]
        fn one_writer_an_epoch_and_epochs_in_order(acts in acts()) {
            let mut fold = Fold::default();
            let mut live = vec![epoch(0, 0)];
            for act in acts {
                let before = fold.current();
                let verdict = fold.take(act);
                match (act, verdict) {
                    (Act::Claim(claimed), Verdict::Live) => {
                        prop_assert_eq!(claimed.number, before.number + 1);
                        live.push(claimed);
                    }
                    (Act::Data(data), Verdict::Live) => prop_assert_eq!(Some(&data), live.last()),
                    (_, Verdict::Void) => prop_assert_eq!(fold.current(), before),
                }
            }
            prop_assert!(live.windows(2).all(|pair| pair[0].number + 1 == pair[1].number));
        }

        /// A reader that begins in the middle and is told the epoch in force there judges as one that has
        /// read it all.
        #[test]
        fn a_fold_resumes_anywhere(acts in acts(), cut in 0..60usize) {
            let mut whole = Fold::default();
            let cut = cut.min(acts.len());
            for act in &acts[..cut] {
                whole.take(*act);
            }
            let mut resumed = Fold::resume(whole.current());
            for act in &acts[cut..] {
                prop_assert_eq!(whole.take(*act), resumed.take(*act));
            }
        }

        /// What is void changes nothing: taken out, the rest is judged the same.
        #[test]
        fn what_is_void_might_as_well_not_be_there(acts in acts()) {
            let mut fold = Fold::default();
            let live: Vec<_> =
                acts.into_iter().filter(|act| fold.take(*act) == Verdict::Live).collect();
            let mut again = Fold::default();
            prop_assert!(live.into_iter().all(|act| again.take(act) == Verdict::Live));
            prop_assert_eq!(again, fold);
        }
    }
}

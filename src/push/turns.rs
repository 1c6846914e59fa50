//! Whose turn it is, of the subscriptions that are behind: commits are looked for between their events, the
//! more often the more subscriptions are at the tip.

use std::cell::Cell;

use tokio::sync::Semaphore;

/// The turnstile that everyone behind goes through after each event.
#[derive(Debug)]
pub(super) struct Turns {
    turn: Semaphore,
    /// Who stands before it.
    waiting: Cell<usize>,
    /// Events that may still be sent before sockets and disk are looked at.
    left: Cell<usize>,
    /// Subscriptions that the last commit went to at once.
    at_tip: Cell<usize>,
}

impl Default for Turns {
    fn default() -> Self {
        let zero = Cell::default;
        Self { turn: Semaphore::new(1), waiting: zero(), left: zero(), at_tip: zero() }
    }
}

impl Turns {
    /// Notes how many subscriptions were at the tip for a commit.
    pub(super) fn note_commit(&self, at_tip: usize) {
        self.at_tip.set(at_tip);
    }

    /// Waits until the next event may be sent.
    pub(super) async fn take(&self) {
        let waiting = Waiting::before(&self.waiting);
        // Never closed; those who wait are let in in the order they came.
        let _turn = self.turn.acquire().await;
        if self.left.get() == 0 {
            // Comes back once the runtime has looked at sockets and disk.
            tokio::task::yield_now().await;
            self.left.set(events_between_looks(waiting.count(), self.at_tip.get()));
        }
        self.left.set(self.left.get() - 1);
    }
}

/// How many of those behind are served between two looks. Where nobody is at the tip, all of them: there is
/// nobody to wait for a commit. Else as many as there are of them for each that is at the tip.
fn events_between_looks(behind: usize, at_tip: usize) -> usize {
    (behind / (at_tip + 1)).max(1)
}

/// A place in the line, given up when dropped.
struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    fn before(waiting: &'a Cell<usize>) -> Self {
        waiting.set(waiting.get() + 1);
        Self(waiting)
    }

    fn count(&self) -> usize {
        self.0.get()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_at_the_tip_have_commits_looked_for_between_any_two_events() {
        assert_eq!(events_between_looks(50, 50), 1);
        assert_eq!(events_between_looks(1, 0), 1);
        assert_eq!(events_between_looks(20, 0), 20);
        assert_eq!(events_between_looks(20, 1), 10);
    }

    #[tokio::test]
    async fn everyone_behind_gets_a_turn() {
        let turns = Turns::default();
        turns.note_commit(3);
        let ten = async {
            for _ in 0..10 {
                turns.take().await;
            }
        };
        tokio::join!(ten, async { turns.take().await }, async { turns.take().await });
        assert_eq!((turns.waiting.get(), turns.left.get()), (0, 0));
    }
}

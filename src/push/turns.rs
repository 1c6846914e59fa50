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
    use std::rc::Rc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    #[test]
    fn those_at_the_tip_have_commits_looked_for_between_any_two_events() {
        assert_eq!(events_between_looks(50, 50), 1);
        assert_eq!(events_between_looks(1, 0), 1);
        assert_eq!(events_between_looks(20, 0), 20);
        assert_eq!(events_between_looks(20, 1), 10);
    }

    /// Fifty send one event after another; tells how many were sent between a commit's end, here a byte on a
    /// socket, and the moment somebody who waits for it is told.
    async fn events_before_a_commit_is_seen(turns: Turns) -> usize {
        const BEHIND: usize = 50;
        let (turns, sent) = (Rc::new(turns), Rc::new(Cell::new(0)));
        let (mut disk, mut waiting) = UnixStream::pair().expect("a pair of sockets");
        let (first, before) = (turns.clone(), sent.clone());
        let ended = spawn_local(async move {
            first.take().await;
            disk.write_all(&[0]).await.expect("it takes a byte");
            before.get()
        });
        for _ in 0..BEHIND {
            let (turns, sent) = (turns.clone(), sent.clone());
            spawn_local(async move {
                loop {
                    turns.take().await;
                    sent.set(sent.get() + 1);
                }
            });
        }
        waiting.read_u8().await.expect("the byte");
        let seen = sent.get();
        seen - ended.await.expect("it does not panic")
    }

    #[tokio::test]
    async fn a_commit_does_not_wait_for_everyone_behind() {
        let crowded = Turns::default();
        crowded.note_commit(100);
        let alone = Turns::default();
        alone.note_commit(0);
        let (crowded, alone) = LocalSet::new()
            .run_until(async {
                (events_before_a_commit_is_seen(crowded).await, events_before_a_commit_is_seen(alone).await)
            })
            .await;
        assert!(crowded <= 4, "{crowded} events");
        assert!(alone > 10, "{alone} events: nobody at the tip, nobody to wait for");
    }
}

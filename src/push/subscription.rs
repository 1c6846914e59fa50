//! One subscription as a state machine: where it stands, what its quota allows, when it must speak and
//! when it ends. It is told what it needs to know and says the next step; it does no I/O.
//!
//! ```text
//!              caught up                      window, quota or commit missed
//!   Behind ───────────────▶ AtTip (events come by `offer`) ───────────────▶ Behind
//!      └──────────┬──────────────────┘
//!                 ▼ five minutes, shard end, take-over, deregistration, deletion, shutdown
//!               Ended
//! ```

use std::time::Duration;

use crate::limits;
use crate::throttle::TokenBucket;
use crate::types::{Instant, Offset};

/// Why a subscription ended, other than by its shard's end or its client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its five minutes are over.
    Expired,
    /// Another one for the same consumer and shard took its place.
    Replaced,
    /// The consumer was deregistered.
    Deregistered,
    /// The stream was deleted.
    Deleted,
    /// The server is stopping.
    Shutdown,
    /// The log could not be read.
    Failed,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Say so, and stop.
    End(Ending),
    /// The shard is closed and everything was sent: send the final event and stop.
    ShardEnd,
    /// Send an event without records, then ask again.
    Idle,
    /// Read and send records from here, about so many payload bytes, then ask again.
    Read {
        /// The next record due.
        from: Offset,
        /// Bytes of data and keys the event should hold.
        max_bytes: usize,
    },
    /// Wait until the peer grants more room or until then, then ask again.
    WaitForRoom(Instant),
    /// Records are due and the quota is used up until then.
    WaitForQuota(Instant),
    /// Wait until then or until woken, then ask again. At the tip, commits are offered meanwhile.
    Wait(Instant),
}

/// What a subscription sees of the world when it is asked.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Offset past the last committed record.
    pub tip: Offset,
    /// No record will follow the tip.
    pub closed: bool,
    /// Bytes the peer takes right now.
    pub room: usize,
    /// The time.
    pub now: Instant,
}

/// The state machine.
#[derive(Clone, Debug)]
pub struct Subscription {
    next: Offset,
    at_tip: bool,
    quota: Option<TokenBucket>,
    idle_due: Instant,
    ends_at: Instant,
    ended: Option<Ending>,
}

const IDLE: Duration = Duration::from_secs(limits::SUBSCRIPTION_IDLE_SECS);

impl Subscription {
    /// A subscription whose first record due is `next`, for `lifetime` from now, within `quota`.
    pub fn new(next: Offset, quota: Option<TokenBucket>, lifetime: Duration, now: Instant) -> Self {
        Self { next, at_tip: false, quota, idle_due: now + IDLE, ends_at: now + lifetime, ended: None }
    }

    /// The next record due.
    pub fn next(&self) -> Offset {
        self.next
    }

    /// Ends it for this reason; the first reason stands.
    pub fn end(&mut self, reason: Ending) {
        self.ended.get_or_insert(reason);
        self.at_tip = false;
    }

    /// Whether a commit beginning at `base` with `payload_bytes` may be sent to it as it is. If not, it
    /// falls behind and its driver has to be woken.
    pub fn offer(&mut self, base: Offset, payload_bytes: usize, now: Instant) -> bool {
        let due = self.at_tip && self.next <= base && now < self.ends_at;
        let within_quota =
            |quota: &mut TokenBucket| quota.take_overdrawing(payload_bytes as u64, now).is_ok();
        self.at_tip = due && self.quota.as_mut().is_none_or(within_quota);
        self.at_tip
    }

    /// The offered commit was sent; the next record due is `end`.
    pub fn took(&mut self, end: Offset, now: Instant) {
        self.next = end;
        self.idle_due = now + IDLE;
    }

    /// The offered commit could not be sent after all: gives its quota back and falls behind.
    pub fn declined(&mut self, payload_bytes: usize) {
        self.at_tip = false;
        if let Some(quota) = &mut self.quota {
            quota.give_back(payload_bytes as u64);
        }
    }

    /// An event with records up to `end` was sent out of turn.
    pub fn sent(&mut self, end: Offset, payload_bytes: usize, now: Instant) {
        if let Some(quota) = &mut self.quota {
            // Asked for only while the quota held something; what it exceeds it by is waited for later.
            let _ = quota.take_overdrawing(payload_bytes as u64, now);
        }
        self.took(end, now);
    }

    /// Nothing is due before `next`: no event tells of it.
    pub fn skip(&mut self, next: Offset) {
        self.next = next;
    }

    /// How long it has left; `None` once it is over.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let left = self.ends_at.since(now);
        (self.ended.is_none() && !left.is_zero()).then_some(left)
    }

    /// What to do now.
    pub fn step(&mut self, view: View) -> Step {
        self.at_tip = false;
        if view.now >= self.ends_at {
            self.end(Ending::Expired);
        }
        match self.ended {
            Some(reason) => Step::End(reason),
            None if self.next >= view.tip => self.step_at_tip(view),
            None => self.step_behind(view),
        }
    }

    fn step_at_tip(&mut self, view: View) -> Step {
        if view.closed {
            return Step::ShardEnd;
        }
        if view.now < self.idle_due {
            self.at_tip = true;
            return Step::Wait(self.idle_due.min(self.ends_at));
        }
        if view.room == 0 { Step::WaitForRoom(self.ends_at) } else { Step::Idle }
    }

    fn step_behind(&mut self, view: View) -> Step {
        let wait = self.quota.as_mut().map_or(Duration::ZERO, |quota| quota.until_any(view.now));
        if !wait.is_zero() {
            return Step::WaitForQuota((view.now + wait).min(self.ends_at));
        }
        if view.room == 0 {
            return Step::WaitForRoom(self.ends_at);
        }
        // Base64 and JSON make four bytes of three; what the peer has no room for is not even read.
        let is_paced = self.quota.is_some();
        let aim = if is_paced { limits::EVENT_BYTES_BEHIND_PACED } else { limits::EVENT_BYTES_BEHIND };
        let max_bytes = aim.min(view.room / 4 * 3);
        Step::Read { from: self.next, max_bytes }
    }
}

//! Whether an HTTP/2 peer is still there: a PING at a steady pace, and any byte read since counts as its
//! answer (a slow link may hold the PONG itself behind a megabyte of events).
//!
//! ```text
//!   Resting --H2_PING_SECS - H2_PING_ANSWER_SECS_MAX--> ping --> Asked --H2_PING_ANSWER_SECS_MAX--+
//!      ^                                                                                          |
//!      +------------------------------------- something was read --------------------------------+--> dead
//! ```
//! A cut cable is noticed at most `H2_PING_SECS + H2_PING_ANSWER_SECS_MAX` seconds after it.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::limits::{H2_PING_ANSWER_SECS_MAX, H2_PING_SECS};

const ANSWER: Duration = Duration::from_secs(H2_PING_ANSWER_SECS_MAX);
const REST: Duration = Duration::from_secs(H2_PING_SECS - H2_PING_ANSWER_SECS_MAX);

/// The keep-alive of one connection.
pub(super) struct Liveness {
    timer: Pin<Box<Sleep>>,
    /// While a ping is out: how many bytes had been read when it went.
    asked: Option<u64>,
}

/// What a look at the peer showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulse {
    /// Nothing due yet.
    Resting,
    /// A ping is to be sent.
    Ask,
    /// It answered the last ping: a quiet moment.
    Answered,
    /// It answered nothing in time.
    Dead,
}

impl Liveness {
    /// Starts at rest.
    pub(super) fn new() -> Self {
        Self { timer: Box::pin(sleep(REST)), asked: None }
    }

    /// Says what is due. `bytes_read` counts the connection's input.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, bytes_read: u64) -> Pulse {
        let mut pulse = Pulse::Resting;
        while self.timer.as_mut().poll(cx).is_ready() {
            pulse = match self.asked.take() {
                None => {
                    self.asked = Some(bytes_read);
                    Pulse::Ask
                }
                Some(before) if before == bytes_read => return Pulse::Dead,
                Some(_) => Pulse::Answered,
            };
            // From now, not from the old deadline: a suspended machine owes its peers the full time.
            self.timer.set(sleep(if self.asked.is_some() { ANSWER } else { REST }));
        }
        pulse
    }
}

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

use h2::{Ping, PingPong};
use tokio::time::{Sleep, sleep};

use crate::limits::{H2_PING_ANSWER_SECS_MAX, H2_PING_SECS};

const ANSWER: Duration = Duration::from_secs(H2_PING_ANSWER_SECS_MAX);
const REST: Duration = Duration::from_secs(H2_PING_SECS - H2_PING_ANSWER_SECS_MAX);

/// The keep-alive of one connection.
pub(super) struct Liveness {
    pings: PingPong,
    timer: Pin<Box<Sleep>>,
    /// While a ping is out: how many bytes had been read when it went.
    asked: Option<u64>,
}

/// What a look at the peer showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulse {
    /// Nothing due yet.
    Resting,
    /// It answered the last ping: a quiet moment.
    Answered,
    /// It answered nothing in time.
    Dead,
}

impl Liveness {
    /// Starts at rest.
    pub(super) fn new(pings: PingPong) -> Self {
        Self { pings, timer: Box::pin(sleep(REST)), asked: None }
    }

    /// Pings when one is due and judges the answer to the last. `bytes_read` counts the connection's input.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, bytes_read: u64) -> Pulse {
        let mut pulse = Pulse::Resting;
        while self.timer.as_mut().poll(cx).is_ready() {
            pulse = match self.asked.take() {
                None => self.ask(cx, bytes_read),
                Some(before) if before == bytes_read => return Pulse::Dead,
                Some(_) => Pulse::Answered,
            };
            // From now, not from the old deadline: a suspended machine owes its peers the full time.
            self.timer.set(sleep(if self.asked.is_some() { ANSWER } else { REST }));
        }
        pulse
    }

    fn ask(&mut self, cx: &mut Context<'_>, bytes_read: u64) -> Pulse {
        // Takes the PONG of the last ping, without which no other may be sent. If it is not in yet although
        // the peer sends other things, that ping stands for this one.
        let _ = self.pings.poll_pong(cx);
        let _ = self.pings.send_ping(Ping::opaque());
        self.asked = Some(bytes_read);
        Pulse::Resting
    }
}

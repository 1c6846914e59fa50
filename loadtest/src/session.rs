//! One push connection as a state machine: bytes in, bytes out, subscriptions opened when due. It owns no
//! socket and reads no clock.

use std::collections::HashMap;
use std::sync::Arc;

use crate::frames::{self, Frame, HEADER_BYTES, INITIAL_WINDOW_BYTES, flag, kind};
use crate::shared::{Shared, Stall, Tally};
use crate::signature;
use crate::subscription::{State, Subscription};
use crate::units::{count, wire_u32};

/// Room for all streams of a connection together; the streams' own windows do the limiting.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;
const CONNECTION_UPDATE_BYTES: u32 = 1 << 24;
/// Stream ids are odd and below 2^31; a connection is replaced long before.
const LAST_STREAM: u32 = 0x7FFF_FFF0;

/// How the client presents itself.
#[derive(Clone)]
pub(crate) struct Settings {
    /// `host:port`.
    pub(crate) authority: String,
    /// Window of each subscription.
    pub(crate) window_bytes: u32,
    /// Largest frame accepted.
    pub(crate) max_frame_bytes: u32,
}

/// The subscriptions that share one connection.
pub(crate) struct Session {
    /// Bytes to be written.
    pub(crate) out: Vec<u8>,
    /// Its subscriptions.
    pub(crate) subscriptions: Vec<Subscription>,
    settings: Settings,
    shared: Arc<Shared>,
    by_stream: HashMap<u32, usize>,
    next_stream: u32,
    owed: u32,
    send_window: i64,
    leaving: bool,
}

impl Session {
    /// A session for these subscriptions, not yet connected.
    pub(crate) fn new(settings: Settings, subscriptions: Vec<Subscription>, shared: Arc<Shared>) -> Self {
        Self {
            out: Vec::new(),
            subscriptions,
            settings,
            shared,
            by_stream: HashMap::new(),
            next_stream: 1,
            owed: 0,
            send_window: i64::from(INITIAL_WINDOW_BYTES),
            leaving: false,
        }
    }

    /// A new connection stands: greets the server.
    pub(crate) fn connected(&mut self) {
        (self.next_stream, self.owed, self.leaving) = (1, 0, false);
        self.send_window = i64::from(INITIAL_WINDOW_BYTES);
        self.out.clear();
        self.out.extend_from_slice(frames::PREFACE);
        frames::push_settings(&mut self.out, self.settings.window_bytes, self.settings.max_frame_bytes);
        frames::push_window_update(&mut self.out, 0, CONNECTION_WINDOW_BYTES - INITIAL_WINDOW_BYTES);
    }

    /// The connection is gone: every open subscription is due again.
    pub(crate) fn disconnected(&mut self, now: u64) {
        self.by_stream.clear();
        for subscription in &mut self.subscriptions {
            if !matches!(subscription.state, State::Due(_) | State::Done) {
                subscription.ended(now, &self.shared);
            }
        }
    }

    /// Requests what is due and returns windows held back by a stall that is over.
    pub(crate) fn tick(&mut self, now: u64) {
        for at in 0..self.subscriptions.len() {
            let due = matches!(self.subscriptions[at].state, State::Due(time) if time <= now);
            if due && !self.leaving {
                self.request(at);
            }
        }
        if self.shared.stall.get().is_some_and(|stall| now >= stall.to_ns) {
            let held: Vec<_> = self.by_stream.iter().map(|(stream, at)| (*stream, *at)).collect();
            for (stream, at) in held {
                self.return_window(stream, at, now);
            }
        }
    }

    /// When [`Session::tick`] has something to do next.
    pub(crate) fn next_due(&self, now: u64) -> Option<u64> {
        let resume = self
            .stall_now(now)
            .filter(|_| self.subscriptions.iter().any(Subscription::stalls))
            .map(|s| s.to_ns);
        let request = self.subscriptions.iter().filter_map(|subscription| match subscription.state {
            State::Due(time) if !self.leaving => Some(time),
            _ => None,
        });
        request.chain(resume).min()
    }

    /// Whether the whole connection is to be left unread: all its consumers stall.
    pub(crate) fn paused(&self, now: u64) -> bool {
        self.stall_now(now).is_some() && self.subscriptions.iter().all(Subscription::stalls)
    }

    fn stall_now(&self, now: u64) -> Option<Stall> {
        self.shared.stall.get().copied().filter(|stall| (stall.from_ns..stall.to_ns).contains(&now))
    }

    /// Takes received bytes; says how many made whole frames. An error means the connection cannot go on.
    pub(crate) fn received(
        &mut self,
        bytes: &[u8],
        now: u64,
        tally: &mut Tally,
    ) -> Result<usize, &'static str> {
        let mut used = 0;
        let max_frame_bytes = usize::try_from(self.settings.max_frame_bytes).unwrap_or(usize::MAX);
        while let Some(frame) = Frame::first(&bytes[used..], max_frame_bytes)? {
            used += HEADER_BYTES + frame.payload.len();
            self.frame(&frame, now, tally)?;
        }
        if self.leaving && self.by_stream.is_empty() {
            return Err("the server is leaving");
        }
        Ok(used)
    }

    fn frame(&mut self, frame: &Frame<'_>, now: u64, tally: &mut Tally) -> Result<(), &'static str> {
        match frame.kind {
            kind::DATA => self.data(frame, now, tally)?,
            kind::HEADERS => {
                let status = frames::read_status(frame.content()?);
                let at = self.by_stream.get(&frame.stream).copied();
                // A second header block is the trailer: its end is what counts.
                if let Some(at) = at.filter(|at| self.subscriptions[*at].state == State::Asked) {
                    self.subscriptions[at].answered(status, &self.shared);
                }
            }
            kind::RST_STREAM => self.close(frame.stream, now),
            kind::SETTINGS if frame.flags & flag::ACK == 0 => {
                frames::push_ack(&mut self.out, kind::SETTINGS, &[])
            }
            kind::PING if frame.flags & flag::ACK == 0 => {
                frames::push_ack(&mut self.out, kind::PING, frame.payload)
            }
            kind::WINDOW_UPDATE if frame.stream == 0 => self.send_window += i64::from(frame.word()),
            kind::GOAWAY => self.leaving = true,
            _ => {}
        }
        if matches!(frame.kind, kind::DATA | kind::HEADERS) && frame.flags & flag::END_STREAM != 0 {
            self.close(frame.stream, now);
        }
        Ok(())
    }

    fn data(&mut self, frame: &Frame<'_>, now: u64, tally: &mut Tally) -> Result<(), &'static str> {
        let bytes = wire_u32(frame.payload.len());
        self.owed += bytes;
        if self.owed >= CONNECTION_UPDATE_BYTES {
            frames::push_window_update(&mut self.out, 0, std::mem::take(&mut self.owed));
        }
        let Some(&at) = self.by_stream.get(&frame.stream) else { return Ok(()) };
        let subscription = &mut self.subscriptions[at];
        subscription.owed += bytes;
        subscription.data(frame.content()?, now, &self.shared, tally)?;
        let heirs = subscription.heirs();
        if subscription.owed >= self.settings.window_bytes / 2 {
            self.return_window(frame.stream, at, now);
        }
        self.subscriptions.extend(heirs);
        Ok(())
    }

    fn return_window(&mut self, stream: u32, at: usize, now: u64) {
        let subscription = &mut self.subscriptions[at];
        let stalled = subscription.stalls()
            && self.shared.stall.get().is_some_and(|stall| (stall.from_ns..stall.to_ns).contains(&now));
        if subscription.owed > 0 && !stalled {
            frames::push_window_update(&mut self.out, stream, std::mem::take(&mut subscription.owed));
        }
    }

    fn request(&mut self, at: usize) {
        let body = self.subscriptions[at].request();
        let size = i64::try_from(count(body.len())).unwrap_or(i64::MAX);
        if size > self.send_window {
            return; // the server's window update brings us back here
        }
        self.send_window -= size;
        if self.next_stream >= LAST_STREAM {
            self.leaving = true;
            return;
        }
        let stream = self.next_stream;
        self.next_stream += 2;
        let mut headers = vec![(":method", "POST"), (":scheme", "http"), (":path", "/")];
        headers.push((":authority", &self.settings.authority));
        headers.extend_from_slice(&signature::HEADERS);
        headers.push((signature::TARGET, "Kinesis_20131202.SubscribeToShard"));
        frames::push_request(&mut self.out, stream, &headers, body.as_bytes());
        self.subscriptions[at].asked();
        self.by_stream.insert(stream, at);
    }

    fn close(&mut self, stream: u32, now: u64) {
        if let Some(at) = self.by_stream.remove(&stream) {
            self.subscriptions[at].ended(now, &self.shared);
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

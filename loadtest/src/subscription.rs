//! One subscription as its consumer lives it: where it stands, what it got, when it tries again.
//!
//! ```text
//! Due --request--> Asked --200--> Streaming --END_STREAM, exception, reset--> Due ... --end of shard--> Done
//!                    '----4xx--> Refused --END_STREAM--> Due (with back-off), or Done if it can never
//! succeed
//! ```

use std::rc::Rc;

use serde::Deserialize;

use crate::event_stream::Assembler;
use crate::reader::{Reader, Start};
use crate::shared::{Shared, Tally};
use crate::units::NANOS_PER_SEC;

/// Tries in a row before a subscription is given up; with the back-off this outlasts the 5 s takeover rule
/// well.
const MAX_ATTEMPTS: u32 = 60;
const BACKOFF_FIRST_NS: u64 = NANOS_PER_SEC / 10;
const BACKOFF_LAST_NS: u64 = NANOS_PER_SEC;
/// A refusal is a small JSON document.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// To be requested at this time.
    Due(u64),
    /// Requested, no answer yet.
    Asked,
    /// Events flow.
    Streaming,
    /// The answer was an error whose body is being read.
    Refused,
    /// Over for good.
    Done,
}

/// One consumer's hold on one shard.
pub(crate) struct Subscription {
    /// Where it stands.
    pub(crate) state: State,
    /// Bytes received and not yet given back to the stream's window.
    pub(crate) owed: u32,
    /// The consumer is one of those that stop reading for a while.
    pub(crate) stalls: bool,
    /// What it has got.
    pub(crate) reader: Reader,
    assembler: Assembler,
    refusal: Vec<u8>,
    consumer_arn: Rc<str>,
    shard_id: Rc<str>,
    attempts: u32,
    stood_before: bool,
}

impl Subscription {
    /// A subscription due at once.
    pub(crate) fn new(consumer_arn: Rc<str>, shard: (u16, Rc<str>), start: Start, stalls: bool) -> Self {
        Self {
            state: State::Due(0),
            owed: 0,
            stalls,
            reader: Reader::new(shard.0, start, stalls),
            assembler: Assembler::default(),
            refusal: Vec::new(),
            consumer_arn,
            shard_id: shard.1,
            attempts: 0,
            stood_before: false,
        }
    }

    /// The request's JSON.
    pub(crate) fn request(&self) -> String {
        let (arn, shard, position) = (&self.consumer_arn, &self.shard_id, self.reader.position());
        format!(r#"{{"ConsumerARN":"{arn}","ShardId":"{shard}","StartingPosition":{position}}}"#)
    }

    /// The request is on its way.
    pub(crate) fn asked(&mut self) {
        (self.state, self.owed) = (State::Asked, 0);
        self.assembler.reset();
        self.refusal.clear();
    }

    /// The answer's status is known.
    pub(crate) fn answered(&mut self, status: Option<u16>, shared: &Shared) {
        if status != Some(200) {
            self.state = State::Refused;
            return;
        }
        (self.state, self.attempts) = (State::Streaming, 0);
        // The stream was empty at LATEST, so starting over from its beginning loses nothing if this is cut
        // now.
        self.reader.start = Start::TrimHorizon;
        let counter = if self.stood_before { &shared.live.resubscribed } else { &shared.live.subscribed };
        counter.add(1);
        self.stood_before = true;
    }

    /// Takes bytes of the answer.
    pub(crate) fn data(
        &mut self,
        bytes: &[u8],
        now: u64,
        shared: &Shared,
        tally: &mut Tally,
    ) -> Result<(), &'static str> {
        match self.state {
            State::Refused => {
                let room = MAX_REFUSAL_BYTES - self.refusal.len();
                self.refusal.extend_from_slice(&bytes[..bytes.len().min(room)]);
                Ok(())
            }
            _ => {
                let reader = &mut self.reader;
                let fed = self.assembler.feed(bytes, |message| reader.message(message, now, shared, tally));
                fed.inspect_err(|_| self.reader.checker.faults.corrupt += 1)
            }
        }
    }

    /// The stream is over: tries again unless there is nothing left to get.
    pub(crate) fn ended(&mut self, now: u64, shared: &Shared) {
        if self.state == State::Refused {
            self.reader.exception(&error_kind(&self.refusal), &self.refusal, shared);
        }
        self.attempts += 1;
        if self.attempts >= MAX_ATTEMPTS {
            shared.complain(format!("gave up subscribing to {} after {MAX_ATTEMPTS} tries", self.shard_id));
        }
        let over = self.reader.over || self.attempts >= MAX_ATTEMPTS;
        self.state = if over { State::Done } else { State::Due(now + self.backoff_ns()) };
    }

    fn backoff_ns(&self) -> u64 {
        match self.attempts {
            0 | 1 => 0,
            n => (BACKOFF_FIRST_NS << (n - 2).min(8)).min(BACKOFF_LAST_NS),
        }
    }
}

fn error_kind(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Error {
        #[serde(rename = "__type")]
        kind: String,
    }
    serde_json::from_slice(body).map_or_else(|_| "an unreadable error".into(), |error: Error| error.kind)
}

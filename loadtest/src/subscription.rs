//! One subscription as its consumer lives it: where it stands, what it got, when it tries again.
//!
//! ```text
//! Due --request--> Asked --200--> Streaming --END_STREAM, exception, reset--> Due ... --end of shard--> Done
//!                    '----4xx--> Refused --END_STREAM--> Due (with back-off), or Done if it can never
//! succeed
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use serde::Deserialize;

use crate::checker::Checker;
use crate::event_stream::Assembler;
use crate::ledger::Road;
use crate::lineage::{Heir, Lineage};
use crate::reader::{Reader, Start};
use crate::seen::Seen;
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

/// A consumer, as its subscriptions share it.
pub(crate) struct Consumer {
    /// Its ARN.
    pub(crate) arn: String,
    /// Its place among the consumers.
    pub(crate) number: u32,
    /// It is one of those that stop reading for a while.
    pub(crate) stalls: bool,
    lineage: RefCell<Lineage>,
    seen: Rc<RefCell<Seen>>,
}

impl Consumer {
    /// A consumer that has read nothing.
    pub(crate) fn new(arn: String, number: u32, stalls: bool) -> Self {
        Self { arn, number, stalls, lineage: RefCell::default(), seen: Rc::default() }
    }
}

/// One consumer's hold on one shard.
pub(crate) struct Subscription {
    /// Where it stands.
    pub(crate) state: State,
    /// Bytes received and not yet given back to the stream's window.
    pub(crate) owed: u32,
    /// What it has got.
    pub(crate) reader: Reader,
    assembler: Assembler,
    refusal: Vec<u8>,
    consumer: Rc<Consumer>,
    shard_id: Rc<str>,
    attempts: u32,
    standing: Standing,
}

/// Whether it stood before, and what it counts as when it stands for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Of a shard that the run began with.
    First,
    /// Of a shard that took another's place.
    Following,
    /// It has stood before.
    Again,
}

impl Subscription {
    /// A subscription due at once.
    pub(crate) fn new(consumer: &Rc<Consumer>, shard: Heir, start: Start) -> Self {
        let checker = Checker::new(shard.number, shard.floor, Road::Push, Rc::clone(&consumer.seen));
        Self {
            state: State::Due(0),
            owed: 0,
            reader: Reader::new(checker, start, Rc::clone(consumer)),
            assembler: Assembler::default(),
            refusal: Vec::new(),
            consumer: Rc::clone(consumer),
            shard_id: shard.id,
            attempts: 0,
            standing: Standing::First,
        }
    }

    /// Whether its consumer is one of those that stop reading for a while.
    pub(crate) fn stalls(&self) -> bool {
        self.consumer.stalls
    }

    /// The subscriptions that follow this one, once: its shard has ended, and with it the last parent of theirs.
    pub(crate) fn heirs(&mut self) -> Vec<Self> {
        let children = self.reader.take_children();
        if children.is_empty() {
            return Vec::new();
        }
        let Checker { shard, floor, .. } = self.reader.checker;
        let heirs = self.consumer.lineage.borrow_mut().end(shard, floor, &children);
        let following = |heir| Self {
            standing: Standing::Following,
            ..Self::new(&self.consumer, heir, Start::TrimHorizon)
        };
        heirs.into_iter().map(following).collect()
    }

    /// The request's JSON.
    pub(crate) fn request(&self) -> String {
        let (arn, shard, position) = (&self.consumer.arn, &self.shard_id, self.reader.position());
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
        let counter = match self.standing {
            Standing::First => &shared.live.subscribed,
            Standing::Following => &shared.live.followed,
            Standing::Again => &shared.live.resubscribed,
        };
        counter.add(1);
        self.standing = Standing::Again;
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

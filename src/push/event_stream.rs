//! One accepted subscription and the task that serves it: asks the state machine for the next step and
//! takes it. At the tip the commit path serves it and this task sleeps.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use metrics::counter;

use crate::limits;
use crate::shard_log::Batch;
use crate::storage::From;
use crate::telemetry::names;
use crate::types::{Instant, Offset, Timestamp};
use crate::wire::event_stream;

use super::encoded_event::{EncodedEvent, Vantage};
use super::live::Live;
use super::{Accept, Ending, EventEncoder, EventSink, Gone, Hub, Step, Subscription, View};

/// An accepted `SubscribeToShard`, before its first event is sent.
pub struct EventStream {
    pub(super) hub: Rc<Hub>,
    pub(super) accept: Accept,
    pub(super) subscription: Subscription,
    pub(super) accepted_at: Instant,
}

/// How a subscription came to its end.
enum Over {
    Ended(Ending),
    ShardEnd,
}

impl EventStream {
    /// Sends events until the subscription ends or the client goes; then finishes the sink.
    pub async fn drive(self, sink: impl EventSink + 'static) {
        let Self { hub, accept, subscription, accepted_at } = self;
        let live = hub.join(&accept, subscription, Box::new(sink), accepted_at);
        let seat =
            Seat { subscribed_at: hub.clock.wall(), throttled_since: Cell::new(None), hub, accept, live };
        let over = seat.serve().await;
        let cause = over.as_ref().map_or("client", Over::cause);
        counter!(names::SUBSCRIPTION_ENDS, "cause" => cause).increment(1);
        // A client that has gone, or a message cut short by the end, gets a reset: the sink is dropped as it
        // is.
        if over.is_ok() {
            seat.live.finish();
        }
    }
}

/// A place in the hub's audience, given up when dropped: also when the connection takes the task with it.
struct Seat {
    hub: Rc<Hub>,
    accept: Accept,
    live: Rc<Live>,
    subscribed_at: Timestamp,
    /// Since when its quota has kept records back.
    throttled_since: Cell<Option<Instant>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.leave(self.accept.log, &self.live);
    }
}

impl Seat {
    async fn serve(&self) -> Result<Over, Gone> {
        self.live.send(event_stream::initial_response()).await?;
        loop {
            let step = self.next_step();
            self.note(step);
            match step {
                Step::End(reason) => return self.say_goodbye(reason).await,
                Step::ShardEnd => return self.send_shard_end().await,
                Step::Idle => self.send_idle().await?,
                Step::Read { from, max_bytes } => {
                    self.send_records(from, max_bytes).await?;
                    self.hub.turns.take().await;
                }
                Step::WaitForRoom(until) => self.wait(until, true).await?,
                Step::Wait(until) | Step::WaitForQuota(until) => self.wait(until, false).await?,
            }
        }
    }

    /// Counts what a step tells of: a wait for the quota, however often it is interrupted, or the tip.
    fn note(&self, step: Step) {
        let now = self.hub.clock.now();
        match (step, self.throttled_since.get()) {
            (Step::WaitForQuota(_), None) => {
                self.live.meters.throttled.increment(1);
                self.throttled_since.set(Some(now));
            }
            (Step::WaitForQuota(_), Some(_)) => {}
            (_, Some(since)) => {
                self.hub.quota_waits.record(now.since(since));
                self.throttled_since.set(None);
            }
            (Step::Wait(_), None) => self.live.stands(Duration::ZERO, now),
            (_, None) => {}
        }
    }

    fn next_step(&self) -> Step {
        let engine = self.hub.store.engine();
        // A log that is gone has no tip: the subscription is about to be ended for it.
        let tip = engine.tip(self.accept.log).unwrap_or_default();
        let drained = !engine.has_uncommitted(self.accept.log);
        drop(engine);
        let closed = drained && self.hub.children(self.accept.log).is_some();
        let mut subscription = self.live.subscription.borrow_mut();
        let (room, now) = (self.live.room(limits::EVENT_BYTES_MAX), self.hub.clock.now());
        subscription.step(View { tip, closed, room, now })
    }

    /// Sleeps until `until`, a wake-up, the client's end or, if asked for, more room.
    async fn wait(&self, until: Instant, for_room: bool) -> Result<(), Gone> {
        let sleep = tokio::time::sleep(until.since(self.hub.clock.now()).max(Duration::from_micros(1)));
        tokio::select! {
            biased;
            () = self.live.woken.notified() => Ok(()),
            () = self.live.gone() => Err(Gone),
            room = self.live.wait_for_room(), if for_room => room,
            () = sleep => Ok(()),
        }
    }

    async fn send_idle(&self) -> Result<(), Gone> {
        let next = self.live.subscription.borrow().next();
        let event =
            EventEncoder::begin(self.accept.identity, next, self.hub.clock.wall(), 0, (0, 0)).finish();
        self.live.subscription.borrow_mut().took(next, self.hub.clock.now());
        self.send(event).await?;
        self.live.count(0, 0);
        Ok(())
    }

    async fn send_records(&self, from: Offset, max_bytes: usize) -> Result<(), Gone> {
        let log = self.accept.log;
        if let Some(event) = self.hub.shared_event(log, from, max_bytes, (self.accept.horizon)()) {
            return self.send_event(self.up_to_date(event)).await;
        }
        let read = self.hub.store.read(log, From::Offset(from), max_bytes);
        let batches = tokio::select! {
            batches = read => batches,
            () = self.live.gone() => return Err(Gone),
        };
        match batches {
            Ok(batches) => match self.encode(&batches, from, max_bytes) {
                Some(event) => {
                    self.hub.share_event(log, &event);
                    self.send_event(event).await
                }
                None => {
                    self.skip(from, &batches);
                    Ok(())
                }
            },
            Err(error) => {
                tracing::warn!(%error, subscription = %self.accept.label, "a subscription cannot be served");
                self.live.subscription.borrow_mut().end(Ending::Failed);
                Ok(())
            }
        }
    }

    async fn send_event(&self, event: EncodedEvent) -> Result<(), Gone> {
        let now = self.hub.clock.now();
        self.live.subscription.borrow_mut().sent(event.end, event.payload_bytes, now);
        self.live.stands(self.age(event.first_arrival), now);
        self.send(event.message).await?;
        self.live.count(event.records, event.payload_bytes);
        let at_tip = self.hub.store.tip(self.accept.log).is_none_or(|tip| event.end >= tip);
        let behind = if at_tip { Duration::ZERO } else { self.age(event.last_arrival) };
        self.live.stands(behind, self.hub.clock.now());
        if event.first_arrival >= self.subscribed_at {
            self.live.meters.latency.record(self.age(event.first_arrival));
        }
        Ok(())
    }

    /// How long ago that was.
    fn age(&self, arrival: Timestamp) -> Duration {
        Duration::from_millis(self.hub.clock.wall().millis_since(arrival))
    }

    /// One event of what lies from `from` on: about `max_bytes` of payload, at least one record; none if
    /// nothing of it is left by retention.
    fn encode(&self, batches: &[Batch], from: Offset, max_bytes: usize) -> Option<EncodedEvent> {
        let horizon = (self.accept.horizon)();
        EncodedEvent::of_records(batches, from, horizon, max_bytes, &self.vantage())
    }

    /// The event with a head that tells how far behind it is now.
    fn up_to_date(&self, event: EncodedEvent) -> EncodedEvent {
        if event.is_fresh(self.hub.clock.now()) {
            return event;
        }
        let event = event.renewed(&self.vantage());
        self.hub.share_event(self.accept.log, &event);
        event
    }

    fn vantage(&self) -> Vantage {
        let Hub { store, clock, .. } = &*self.hub;
        let tip = store.tip(self.accept.log);
        Vantage { identity: self.accept.identity, tip, wall: clock.wall(), now: clock.now() }
    }

    /// Goes on behind batches past retention; or, if there are none, behind offsets that were left out at the
    /// tip after an unclean stop.
    fn skip(&self, from: Offset, batches: &[Batch]) {
        let tip = || self.hub.store.tip(self.accept.log).unwrap_or(from);
        let next = batches.last().map_or_else(tip, Batch::end);
        self.live.subscription.borrow_mut().skip(next.max(from));
    }

    async fn send_shard_end(&self) -> Result<Over, Gone> {
        let children = self.hub.children(self.accept.log).unwrap_or_default();
        let event = EventEncoder::begin_final(self.accept.identity).finish_final(&children);
        self.send(event).await?;
        self.live.count(0, 0);
        Ok(Over::ShardEnd)
    }

    /// Ends with the exception clients expect, or cleanly where they should simply come back.
    async fn say_goodbye(&self, reason: Ending) -> Result<Over, Gone> {
        let label = &self.accept.label;
        let (kind, text) = match reason {
            Ending::Expired | Ending::Shutdown => return Ok(Over::Ended(reason)),
            Ending::Replaced => (
                "ResourceInUseException",
                format!("Another active subscription exists for this consumer: {label}"),
            ),
            Ending::Deregistered => ("ResourceNotFoundException", format!("Consumer not found: {label}")),
            Ending::Deleted => ("ResourceNotFoundException", format!("Stream not found: {label}")),
            Ending::Failed => ("InternalFailureException", "The shard cannot be read.".to_owned()),
        };
        self.live.send(event_stream::exception(kind, &text)).await?;
        Ok(Over::Ended(reason))
    }

    /// Sends a whole message, however slowly the peer takes it, but not beyond the subscription's end.
    async fn send(&self, message: Bytes) -> Result<(), Gone> {
        let sent = if self.live.room(message.len()) >= message.len() {
            self.live.send(message).await
        } else {
            tokio::select! {
                sent = self.live.send(message) => sent,
                () = self.live.gone() => Err(Gone),
                () = self.ended() => Err(Gone),
            }
        };
        sent.inspect_err(|Gone| self.live.meters.events_failed.increment(1))
    }

    /// Waits until the subscription is over. A message half sent then stays so: the stream is reset.
    async fn ended(&self) {
        loop {
            let left = self.live.subscription.borrow().time_left(self.hub.clock.now());
            let Some(left) = left else { return };
            tokio::select! {
                () = self.live.woken.notified() => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }
}

impl Over {
    fn cause(&self) -> &'static str {
        match self {
            Self::Ended(Ending::Expired) => "expired",
            Self::Ended(Ending::Replaced) => "replaced",
            Self::Ended(Ending::Deregistered) => "deregistered",
            Self::Ended(Ending::Deleted) => "deleted",
            Self::Ended(Ending::Shutdown) => "shutdown",
            Self::Ended(Ending::Failed) => "failed",
            Self::ShardEnd => "shard_end",
        }
    }
}

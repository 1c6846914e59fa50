//! A subscription with its sink: what the commit path and the subscription's own task share.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::telemetry::ShardTraffic;
use crate::types::Instant;

use super::consumer_meters::ConsumerMeters;
use super::encoded_event::EncodedEvent;
use super::{EventSink, Gone, Subscription};

/// A subscription being served.
pub(super) struct Live {
    pub(super) consumer: u64,
    pub(super) subscription: RefCell<Subscription>,
    sink: RefCell<Box<dyn EventSink>>,
    pub(super) woken: Notify,
    pub(super) meters: Rc<ConsumerMeters>,
    traffic: Rc<ShardTraffic>,
    /// Bytes of all subscriptions' events that wait for their peers to make room.
    held_bytes: Rc<Cell<usize>>,
    /// How long ago the record due next had come at some moment, if the subscription is behind.
    lag: Cell<Option<(Duration, Instant)>>,
    /// When the first record came of what was handed over with the present commit.
    handed: Cell<Option<Instant>>,
    /// Set once its slot was taken out of the hub.
    pub(super) left: Cell<bool>,
}

impl Live {
    pub(super) fn new(
        (consumer, meters): (u64, Rc<ConsumerMeters>),
        subscription: Subscription,
        sink: Box<dyn EventSink>,
        traffic: Rc<ShardTraffic>,
        held_bytes: Rc<Cell<usize>>,
    ) -> Self {
        Self {
            consumer,
            subscription: RefCell::new(subscription),
            sink: RefCell::new(sink),
            woken: Notify::new(),
            meters,
            traffic,
            held_bytes,
            lag: Cell::new(None),
            handed: Cell::new(None),
            left: Cell::new(false),
        }
    }

    /// Sends the commit if the subscription is at the tip, within quota and the peer has room for all of
    /// it; else leaves it to the subscription's task. Tells whether it was sent.
    pub(super) fn offer(&self, event: &EncodedEvent, appended_at: Instant, now: Instant) -> bool {
        let mut subscription = self.subscription.borrow_mut();
        let due = subscription.offer(event.from, event.payload_bytes, now);
        let sent = due && self.send_whole(&event.message);
        if sent {
            subscription.took(event.end, now);
            self.count(event.records, event.payload_bytes);
            self.handed.set(self.handed.get().or(Some(appended_at)));
        } else {
            if due {
                subscription.declined(event.payload_bytes);
            }
            self.lag.set(self.lag.get().or(Some((now.since(appended_at), now))));
            self.woken.notify_one();
        }
        sent
    }

    /// What was handed over with the commit has left.
    pub(super) fn pushed(&self, at: Instant) {
        if let Some(appended_at) = self.handed.take() {
            self.meters.latency.record(at.since(appended_at));
        }
    }

    pub(super) fn count(&self, records: u64, payload_bytes: usize) {
        self.meters.pushed(records, payload_bytes);
        self.traffic.left(records, payload_bytes);
    }

    /// It was sent what leaves it so far behind, at `now`.
    pub(super) fn stands(&self, behind: Duration, now: Instant) {
        self.lag.set((!behind.is_zero()).then_some((behind, now)));
    }

    /// How far behind the tip it is: how long ago the record came that is due next.
    pub(super) fn behind(&self, now: Instant) -> Duration {
        self.lag.get().map_or(Duration::ZERO, |(lag, at)| lag + now.since(at))
    }

    /// Has what was sent leave with everything else of the commit.
    pub(super) fn post(&self) {
        self.sink.borrow_mut().post();
    }

    /// Has what was sent leave.
    pub(super) fn flush(&self) {
        self.sink.borrow_mut().flush();
    }

    /// Bytes the peer takes now, of about `wanted`.
    pub(super) fn room(&self, wanted: usize) -> usize {
        self.sink.borrow_mut().capacity(wanted)
    }

    /// Sends a message piece by piece as the peer grants room for it.
    pub(super) async fn send(&self, mut message: Bytes) -> Result<(), Gone> {
        while !message.is_empty() {
            let room = self.room(message.len());
            if room == 0 {
                self.flush();
                let _held = Held::new(&self.held_bytes, message.len());
                self.wait_for_room().await?;
            } else {
                let piece = message.split_to(room.min(message.len()));
                self.sink.borrow_mut().send(piece)?;
            }
        }
        self.flush();
        Ok(())
    }

    /// Waits until the peer takes something.
    pub(super) async fn wait_for_room(&self) -> Result<(), Gone> {
        poll_fn(|cx| self.sink.borrow_mut().poll_capacity(cx)).await
    }

    /// Waits until the peer has gone.
    pub(super) async fn gone(&self) {
        poll_fn(|cx| self.sink.borrow_mut().poll_gone(cx)).await;
    }

    pub(super) fn finish(&self) {
        self.sink.borrow_mut().finish();
    }

    fn send_whole(&self, message: &Bytes) -> bool {
        let mut sink = self.sink.borrow_mut();
        sink.capacity(message.len()) >= message.len() && sink.send(message.clone()).is_ok()
    }
}

/// Bytes held for a peer without room, for as long as this lives.
struct Held<'a> {
    total: &'a Cell<usize>,
    bytes: usize,
}

impl<'a> Held<'a> {
    fn new(total: &'a Cell<usize>, bytes: usize) -> Self {
        total.set(total.get() + bytes);
        Self { total, bytes }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.total.set(self.total.get() - self.bytes);
    }
}

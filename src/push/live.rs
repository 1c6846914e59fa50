//! A subscription with its sink: what the commit path and the subscription's own task share.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;

use bytes::Bytes;
use metrics::Counter;
use tokio::sync::Notify;

use crate::types::Instant;

use super::encoded_event::EncodedEvent;
use super::{EventSink, Gone, Subscription};

/// Counters of one consumer of one stream.
pub(super) struct Meters {
    pub(super) bytes: Counter,
    pub(super) records: Counter,
    pub(super) events: Counter,
}

/// A subscription being served.
pub(super) struct Live {
    pub(super) consumer: u64,
    pub(super) subscription: RefCell<Subscription>,
    sink: RefCell<Box<dyn EventSink>>,
    pub(super) woken: Notify,
    pub(super) meters: Meters,
    /// Set once its slot was taken out of the hub.
    pub(super) left: Cell<bool>,
}

impl Live {
    pub(super) fn new(
        consumer: u64,
        subscription: Subscription,
        sink: Box<dyn EventSink>,
        meters: Meters,
    ) -> Self {
        let (subscription, sink) = (RefCell::new(subscription), RefCell::new(sink));
        Self { consumer, subscription, sink, woken: Notify::new(), meters, left: Cell::new(false) }
    }

    /// Sends the commit if the subscription is at the tip, within quota and the peer has room for all of
    /// it; else leaves it to the subscription's task. Tells whether it was sent.
    pub(super) fn offer(&self, event: &EncodedEvent, now: Instant) -> bool {
        let mut subscription = self.subscription.borrow_mut();
        let due = subscription.offer(event.from, event.payload_bytes, now);
        let sent = due && self.send_whole(&event.message);
        if sent {
            subscription.took(event.end, now);
            self.count(event.records, event.payload_bytes);
        } else {
            if due {
                subscription.declined(event.payload_bytes);
            }
            self.woken.notify_one();
        }
        sent
    }

    pub(super) fn count(&self, records: u64, payload_bytes: usize) {
        self.meters.events.increment(1);
        if records > 0 {
            self.meters.records.increment(records);
            self.meters.bytes.increment(payload_bytes as u64);
        }
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

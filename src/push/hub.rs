//! Everyone who is subscribed: takes new subscriptions by the service's rules, passes each commit to those
//! at the tip, ends those whose time or consumer or shard is over.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Duration;

use metrics::{Gauge, Histogram, gauge, histogram};

use crate::limits;
use crate::platform::Clock;
use crate::shard_log::Batch;
use crate::storage::{Store, Tap};
use crate::telemetry::{ShardTraffic, names};
use crate::throttle::{Quotas, TokenBucket};
use crate::types::{Instant, LogId, Offset, Timestamp};

use super::consumer_meters::{ConsumerMeters, SubscribeResult};
use super::encoded_event::EncodedEvent;
use super::live::Live;
use super::recent::{Recents, Standing, TooSoon};
use super::shared_events::{SharedBytes, SharedEvents};
use super::turns::Turns;
use super::{ChildShard, Ending, EventSink, EventStream, ShardIdentity, Subscription};

/// What the hub is told once.
#[derive(Clone, Copy, Debug)]
pub struct HubSettings {
    /// Push quota; `None` for unlimited.
    pub quotas: Option<Quotas>,
    /// How long a subscription lasts.
    pub lifetime: Duration,
}

/// A subscription that passed all checks but the hub's own.
pub struct Accept {
    /// Whose.
    pub consumer: u64,
    /// The shard's log.
    pub log: LogId,
    /// What its sequence numbers are made of.
    pub identity: ShardIdentity,
    /// What took the shard's place, if it is closed.
    pub children: Option<Vec<ChildShard>>,
    /// The first record due.
    pub start: Offset,
    /// Tells which arrivals are past retention now: those before.
    pub horizon: Box<dyn Fn() -> Timestamp>,
    /// What has gone in and out of the shard.
    pub traffic: Rc<ShardTraffic>,
    /// The stream's name, for metrics.
    pub stream: String,
    /// The consumer's name, for metrics.
    pub consumer_name: String,
    /// `account:stream:shard:consumer`, for texts.
    pub label: String,
}

/// Why the hub refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The same consumer subscribed to the same shard less than five seconds ago.
    TooSoon,
    /// More subscriptions than the server holds.
    TooMany,
}

/// The registry of subscriptions, and the log's tap.
pub struct Hub {
    inner: RefCell<Inner>,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) turns: Turns,
    settings: HubSettings,
    active: Gauge,
    pub(super) quota_waits: Histogram,
    shared_event_bytes: Gauge,
    /// Bytes of events that wait for their peers to make room.
    held_bytes: Rc<Cell<usize>>,
}

#[derive(Default)]
struct Inner {
    shards: HashMap<LogId, Audience>,
    recent: Recents,
    /// Shards closed in this life, while their logs last: a subscription may be accepted before its shard is
    /// closed and be served after it.
    closed: HashMap<LogId, Vec<ChildShard>>,
    /// Consumers' counters, while they are registered.
    consumers: HashMap<u64, Rc<ConsumerMeters>>,
    /// Logs of which something was handed to sinks with the present commit.
    published: Vec<LogId>,
    /// Subscriptions the present commit went to at once.
    at_tip: usize,
    shared_bytes: SharedBytes,
    live: usize,
    shutting_down: bool,
}

/// A shard's subscribers.
struct Audience {
    identity: ShardIdentity,
    live: Vec<Rc<Live>>,
    /// Events encoded while their commits are being written.
    prepared: VecDeque<EncodedEvent>,
    /// Events that those behind can share.
    shared: SharedEvents,
    children: Option<Vec<ChildShard>>,
}

impl Hub {
    /// A hub for the subscriptions to `store`'s logs, tapping its commits.
    pub fn new(store: Store, clock: Clock, settings: HubSettings) -> Rc<Self> {
        let active = gauge!(names::SUBSCRIPTIONS);
        active.set(0.0);
        let (inner, turns) = (RefCell::default(), Turns::default());
        let hub = Rc::new(Self {
            inner,
            store: store.clone(),
            clock,
            turns,
            settings,
            active,
            quota_waits: histogram!(names::PUSH_QUOTA_WAIT),
            shared_event_bytes: gauge!(names::SHARED_EVENT_BYTES),
            held_bytes: Rc::default(),
        });
        store.add_tap(Rc::new(HubTap(Rc::downgrade(&hub))));
        hub
    }

    /// Takes a subscription, ending the one it replaces. It is served once driven into a sink.
    pub fn accept(self: &Rc<Self>, accept: Accept) -> Result<EventStream, NotAccepted> {
        let now = self.clock.now();
        let mut inner = self.inner.borrow_mut();
        if inner.live >= limits::SUBSCRIPTIONS_MAX {
            return Err(NotAccepted::TooMany);
        }
        let replaced = inner.recent.accept(accept.consumer, accept.log, now);
        if let Some(live) = replaced.map_err(|TooSoon| NotAccepted::TooSoon)? {
            end(&live, Ending::Replaced);
        }
        let quota = self.settings.quotas.map(|q| TokenBucket::full(q.push_bytes, q.push_bytes, now));
        let subscription = Subscription::new(accept.start, quota, self.settings.lifetime, now);
        Ok(EventStream { hub: self.clone(), accept, subscription, accepted_at: now })
    }

    /// Puts an accepted subscription among the shard's audience.
    pub(super) fn join(
        &self,
        accept: &Accept,
        subscription: Subscription,
        sink: Box<dyn EventSink>,
        accepted_at: Instant,
    ) -> Rc<Live> {
        let mut inner = self.inner.borrow_mut();
        let meters = inner.meters(accept.consumer, &accept.stream, &accept.consumer_name);
        let (traffic, held_bytes) = (accept.traffic.clone(), self.held_bytes.clone());
        let live = Rc::new(Live::new((accept.consumer, meters), subscription, sink, traffic, held_bytes));
        if inner.shutting_down {
            live.subscription.borrow_mut().end(Ending::Shutdown);
        }
        match inner.recent.begin(accept.log, &live, accepted_at) {
            Standing::Latest => {}
            Standing::Replaced => live.subscription.borrow_mut().end(Ending::Replaced),
            Standing::Gone => live.subscription.borrow_mut().end(Ending::Deregistered),
        }
        let closed = inner.closed.get(&accept.log).cloned();
        let shared = SharedEvents::new(inner.shared_bytes.clone());
        let audience =
            inner.shards.entry(accept.log).or_insert_with(|| Audience::new(accept, closed, shared));
        audience.live.push(live.clone());
        inner.live += 1;
        self.active.set(inner.live as f64);
        live
    }

    /// Takes a subscription out of the audience; doing it twice is harmless.
    pub(super) fn leave(&self, log: LogId, live: &Rc<Live>) {
        if live.left.replace(true) {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        if let Some(audience) = inner.shards.get_mut(&log) {
            audience.live.retain(|other| !Rc::ptr_eq(other, live));
            if audience.live.is_empty() {
                inner.shards.remove(&log);
            }
        }
        inner.live -= 1;
        self.active.set(inner.live as f64);
    }

    /// What took the shard's place, once it is closed.
    pub(super) fn children(&self, log: LogId) -> Option<Vec<ChildShard>> {
        self.inner.borrow().shards.get(&log).and_then(|audience| audience.children.clone())
    }

    /// An event another subscriber of the shard was lately sent from the same place. Its head may be out of
    /// date.
    pub(super) fn shared_event(
        &self,
        log: LogId,
        from: Offset,
        max_bytes: usize,
        horizon: Timestamp,
    ) -> Option<EncodedEvent> {
        let mut inner = self.inner.borrow_mut();
        inner.shards.get_mut(&log)?.shared.find(from, max_bytes, horizon, self.clock.now())
    }

    /// Keeps an event for the shard's other subscribers, if there are any.
    pub(super) fn share_event(&self, log: LogId, event: &EncodedEvent) {
        let mut inner = self.inner.borrow_mut();
        if let Some(audience) = inner.shards.get_mut(&log).filter(|audience| audience.live.len() > 1) {
            audience.shared.keep(event.clone());
        }
    }

    /// Tells the shard's subscribers that it is closed and what follows it.
    pub fn close_shard(&self, log: LogId, children: Vec<ChildShard>) {
        let mut inner = self.inner.borrow_mut();
        inner.closed.insert(log, children.clone());
        let Some(audience) = inner.shards.get_mut(&log) else { return };
        audience.children = Some(children);
        audience.live.iter().for_each(|live| live.woken.notify_one());
    }

    /// Whether anybody is subscribed to the log.
    pub fn has_audience(&self, log: LogId) -> bool {
        self.inner.borrow().shards.contains_key(&log)
    }

    /// Ends the subscriptions of a consumer that is being deregistered.
    pub fn end_consumer(&self, consumer: u64) {
        self.end_where(Ending::Deregistered, |live| live.consumer == consumer);
        let mut inner = self.inner.borrow_mut();
        inner.recent.forget_consumer(consumer);
        inner.consumers.remove(&consumer);
    }

    /// Counts a `SubscribeToShard` of a consumer of a stream.
    pub fn count_subscribe(&self, consumer: u64, stream: &str, name: &str, result: SubscribeResult) {
        self.inner.borrow_mut().meters(consumer, stream, name).asked(result);
    }

    /// Adds to what the service would bill for a registered consumer of a stream with so many open shards.
    pub fn bill_consumer(&self, consumer: u64, stream: &str, name: &str, shards: usize, millis: u64) {
        self.inner.borrow_mut().meters(consumer, stream, name).bill(shards, millis);
    }

    /// Tells how far each consumer is behind, and what is held for those that are. To be called now and then.
    pub fn tell(&self) {
        let (inner, now) = (self.inner.borrow(), self.clock.now());
        for live in inner.shards.values().flat_map(|audience| &audience.live) {
            live.meters.lags(live.behind(now));
        }
        inner.consumers.values().for_each(|meters| meters.tell_lag());
        self.shared_event_bytes.set(inner.shared_bytes.bytes() as f64);
    }

    /// Bytes of events that wait for their peers to make room.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.get()
    }

    /// Ends the subscriptions to a log that is gone.
    pub fn end_log(&self, log: LogId) {
        let mut inner = self.inner.borrow_mut();
        for live in inner.shards.get(&log).iter().flat_map(|audience| &audience.live) {
            end(live, Ending::Deleted);
        }
        inner.recent.forget_log(log);
        inner.closed.remove(&log);
    }

    /// Ends all subscriptions cleanly, now and from now on: clients resubscribe elsewhere or later.
    pub fn shut_down(&self) {
        self.inner.borrow_mut().shutting_down = true;
        self.end_where(Ending::Shutdown, |_| true);
    }

    /// Tells where each subscription to the log stands: whose, and the next record due.
    pub fn each_standing(&self, log: LogId, mut tell: impl FnMut(u64, Offset)) {
        let inner = self.inner.borrow();
        for live in inner.shards.get(&log).iter().flat_map(|audience| &audience.live) {
            tell(live.consumer, live.subscription.borrow().next());
        }
    }

    /// How many subscriptions are being served.
    pub fn live_count(&self) -> usize {
        self.inner.borrow().live
    }

    fn end_where(&self, reason: Ending, matches: impl Fn(&Live) -> bool) {
        let inner = self.inner.borrow();
        let all = inner.shards.values().flat_map(|audience| &audience.live);
        all.filter(|live| matches(live)).for_each(|live| end(live, reason));
    }

    fn prepare(&self, batch: &Batch) {
        let mut inner = self.inner.borrow_mut();
        let Some(audience) = inner.shards.get_mut(&batch.log()) else { return };
        let event = EncodedEvent::of_batch(audience.identity, batch, self.clock.now());
        audience.prepared.push_back(event);
    }

    fn publish(&self, batch: &Batch, appended_at: Instant, now: Instant) {
        let mut inner = self.inner.borrow_mut();
        let Some(audience) = inner.shards.get_mut(&batch.log()) else { return };
        let event = audience.take_prepared(batch, now);
        let at_tip = audience.live.iter().filter(|live| live.offer(&event, appended_at, now)).count();
        if at_tip == audience.live.len() {
            audience.shared.clear();
        } else {
            audience.shared.keep_commit(event, now);
        }
        if audience.children.is_some() {
            // What was under way when the shard closed: its end is due now, and the tasks of those just
            // served sleep.
            audience.live.iter().for_each(|live| live.woken.notify_one());
        }
        inner.at_tip += at_tip;
        inner.published.push(batch.log());
    }

    /// Posts everything published: for each connection once, however many of its subscriptions were due.
    fn flush(&self) {
        let mut inner = self.inner.borrow_mut();
        self.turns.note_commit(std::mem::take(&mut inner.at_tip));
        inner.published().for_each(|live| live.post());
    }

    /// Everything of the present commit has left.
    fn pushed(&self, at: Instant) {
        let mut inner = self.inner.borrow_mut();
        inner.published().for_each(|live| live.pushed(at));
        inner.published.clear();
    }
}

impl Inner {
    /// The counters of a consumer, made if need be.
    fn meters(&mut self, consumer: u64, stream: &str, name: &str) -> Rc<ConsumerMeters> {
        let meters = self.consumers.entry(consumer);
        meters.or_insert_with(|| Rc::new(ConsumerMeters::new(stream, name))).clone()
    }

    /// The subscribers of all shards the present commit told of.
    fn published(&self) -> impl Iterator<Item = &Rc<Live>> {
        self.published.iter().filter_map(|log| self.shards.get(log)).flat_map(|audience| &audience.live)
    }
}

impl Audience {
    fn new(accept: &Accept, closed: Option<Vec<ChildShard>>, shared: SharedEvents) -> Self {
        let (live, prepared) = (Vec::new(), VecDeque::new());
        let children = closed.or_else(|| accept.children.clone());
        Self { identity: accept.identity, live, prepared, shared, children }
    }

    /// The event that was encoded while the batch's commit was being written.
    fn take_prepared(&mut self, batch: &Batch, now: Instant) -> EncodedEvent {
        while let Some(event) = self.prepared.pop_front() {
            if event.from == batch.base() {
                return event;
            }
        }
        // Its first subscriber came meanwhile.
        EncodedEvent::of_batch(self.identity, batch, now)
    }
}

fn end(live: &Live, reason: Ending) {
    live.subscription.borrow_mut().end(reason);
    live.woken.notify_one();
}

/// The store holds its tap and the hub holds the store: one of the two references is weak.
struct HubTap(Weak<Hub>);

impl Tap for HubTap {
    fn submitted(&self, batch: &Batch) {
        if let Some(hub) = self.0.upgrade() {
            hub.prepare(batch);
        }
    }

    fn committed(&self, batch: &Batch, appended_at: Instant, now: Instant) {
        if let Some(hub) = self.0.upgrade() {
            hub.publish(batch, appended_at, now);
        }
    }

    fn flush(&self) {
        if let Some(hub) = self.0.upgrade() {
            hub.flush();
        }
    }

    fn left(&self, at: Instant) {
        if let Some(hub) = self.0.upgrade() {
            hub.pushed(at);
        }
    }
}

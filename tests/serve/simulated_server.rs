//! The server's rooms without its process: over a simulated disk, in time that passes as fast as nothing
//! happens. For what takes minutes, and for moments no client can hit.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use fanlight::api::{Body, Context, Control, Identity, Reply, Request, Service};
use fanlight::platform::SimulatedTime;
use fanlight::platform::sim::SimDisk;
use fanlight::push::{EventSink, EventStream, Gone, Hub, HubSettings};
use fanlight::scaling;
use fanlight::storage::{Durability, Engine, Settings, Sizes, StorageError, Store};
use fanlight::throttle::Quotas;
use fanlight::types::Timestamp;
use fanlight::wire::event_stream::Message;
use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::support::http::{AUTHORIZATION, JSON};
use crate::support::kinesis::text;

/// How long a subscription lasts, as in production.
pub(crate) const LIFETIME: Duration = Duration::from_secs(300);
/// How finely simulated time follows the runtime's.
pub(crate) const STEP: Duration = Duration::from_millis(10);
/// When it all begins.
const BEGIN_MILLIS: u64 = 1_421_880_000_000;
/// So little that readers who are behind read from segments.
const TAIL_BYTES: usize = 4 << 10;

/// A server in this thread.
#[derive(Clone)]
pub(crate) struct Simulated {
    pub(crate) time: SimulatedTime,
    service: Rc<Service>,
    context: Rc<Context>,
}

/// Runs a test against a new server, in paused time.
pub(crate) fn simulated(test: impl AsyncFnOnce(Simulated)) {
    simulated_under(None, test);
}

/// The same under quotas, by which streams on demand are scaled, too.
pub(crate) fn simulated_under(quotas: Option<Quotas>, test: impl AsyncFnOnce(Simulated)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let server = Simulated::try_under(quotas, SimDisk::new(7), Duration::ZERO).await;
        test(server.expect("an empty disk is sound")).await;
    });
}

impl Simulated {
    /// A server on what a disk holds, so much later than the first.
    pub(crate) async fn on(disk: SimDisk, later: Duration) -> Simulated {
        Self::try_on(disk, later).await.expect("the disk holds a sound catalog")
    }

    /// The same on a disk that may be damaged.
    pub(crate) async fn try_on(disk: SimDisk, later: Duration) -> Result<Simulated, StorageError> {
        Self::try_under(None, disk, later).await
    }

    async fn try_under(
        quotas: Option<Quotas>,
        disk: SimDisk,
        later: Duration,
    ) -> Result<Simulated, StorageError> {
        let time = SimulatedTime::starting_at(Timestamp::from_millis(BEGIN_MILLIS));
        time.advance(later);
        let clock = time.clock();
        let settings =
            Settings { durability: Durability::Sync, tail_bytes: TAIL_BYTES, sizes: small_sizes() };
        let engine = Engine::open(Box::new(disk), settings)?;
        let store = Store::new(engine, clock.clone());
        let running = store.clone();
        spawn_local(async move { running.run().await });
        let passing = time.clone();
        spawn_local(async move {
            loop {
                sleep(STEP).await;
                passing.advance(STEP);
            }
        });
        let hub = Hub::new(store.clone(), clock.clone(), HubSettings { quotas, lifetime: LIFETIME });
        let control = Control::open(store.clone(), hub.clone(), clock.clone(), 0).await?;
        let transitions = control.clone();
        spawn_local(async move { transitions.run_transitions().await });
        let identity = Identity { account: "000000000000".into(), region: "us-east-1".into() };
        let limit = quotas.map(|it| scaling::Rate { bytes: it.write_bytes, records: it.write_records });
        let scaling = limit.map(scaling::Settings::new);
        let context = Context::new(identity, clock, store, hub, control, quotas, scaling);
        spawn_local(context.clone().run_scaling());
        Ok(Simulated { time, service: Service::new(context.clone(), HashMap::new()), context })
    }

    /// What the server does once a second, done now.
    pub(crate) fn maintain(&self) {
        self.context.maintain();
    }

    async fn reply(&self, operation: &str, input: &Value) -> Reply {
        let head = http::Request::post("/")
            .header("content-type", JSON)
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
            .header("x-amz-date", "20261101T000000Z")
            .header("authorization", AUTHORIZATION);
        let (head, ()) = head.body(()).expect("a request").into_parts();
        self.exchange(Request { head, body: input.to_string().into() }).await
    }

    /// Any request at all.
    pub(crate) async fn exchange(&self, request: Request) -> Reply {
        self.service.clone().call(request).await
    }

    /// A call with a whole answer: its status and body.
    pub(crate) async fn call(&self, operation: &str, input: Value) -> (u16, Value) {
        let Reply::Whole(response) = self.reply(operation, &input).await else {
            panic!("{operation}: events")
        };
        let status = response.status().as_u16();
        (status, json_of(response.into_body()))
    }

    /// A call that must succeed.
    pub(crate) async fn ok(&self, operation: &str, input: Value) -> Value {
        let (status, output) = self.call(operation, input).await;
        assert_eq!(status, 200, "{operation}: {output}");
        output
    }

    /// An active stream of one shard; answers its ARN.
    pub(crate) async fn create(&self, stream: &str) -> String {
        self.create_as(json!({"StreamName": stream, "ShardCount": 1})).await
    }

    /// An active stream as the input says; answers its ARN.
    pub(crate) async fn create_as(&self, input: Value) -> String {
        let stream = text(&input, "StreamName");
        self.ok("CreateStream", input).await;
        loop {
            let output = self.ok("DescribeStreamSummary", json!({"StreamName": stream})).await;
            if output["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" {
                return text(&output["StreamDescriptionSummary"], "StreamARN");
            }
            sleep(STEP).await;
        }
    }

    /// An active consumer; answers its ARN.
    pub(crate) async fn register(&self, stream_arn: &str, name: &str) -> String {
        let input = json!({"StreamARN": stream_arn, "ConsumerName": name});
        let arn = text(&self.ok("RegisterStreamConsumer", input).await["Consumer"], "ConsumerARN");
        loop {
            let output = self.ok("DescribeStreamConsumer", json!({"ConsumerARN": arn})).await;
            if output["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE" {
                return arn;
            }
            sleep(STEP).await;
        }
    }

    /// An accepted subscription from the tip on, not yet driven; or the error's body.
    pub(crate) async fn accept(&self, consumer: &str) -> Result<EventStream, Value> {
        self.accept_from(consumer, "LATEST").await
    }

    /// The same from the position of this type on.
    pub(crate) async fn accept_from(&self, consumer: &str, kind: &str) -> Result<EventStream, Value> {
        self.subscribe(consumer, "0", &json!({"Type": kind})).await
    }

    /// The same of any shard, from any position on.
    pub(crate) async fn subscribe(
        &self,
        consumer: &str,
        shard: &str,
        position: &Value,
    ) -> Result<EventStream, Value> {
        let input = json!({"ConsumerARN": consumer, "ShardId": shard, "StartingPosition": position});
        match self.reply("SubscribeToShard", &input).await {
            Reply::Events(_, events) => Ok(*events),
            Reply::Whole(response) => Err(json_of(response.into_body())),
        }
    }
}

/// A body in one piece.
pub(crate) fn whole(mut body: Body) -> Vec<u8> {
    let mut whole = Vec::new();
    while !body.is_empty() {
        whole.extend_from_slice(&body.next_piece());
    }
    whole
}

fn json_of(body: Body) -> Value {
    let whole = whole(body);
    if whole.is_empty() { Value::Null } else { serde_json::from_slice(&whole).expect("JSON") }
}

/// What a subscription has sent, for a client whose window never closes unless it is told to.
#[derive(Clone, Default)]
pub(crate) struct Received {
    messages: Rc<RefCell<Vec<Bytes>>>,
    finished: Rc<Cell<bool>>,
    /// Takes nothing.
    shut: Rc<Cell<bool>>,
    opened: Rc<RefCell<Option<Waker>>>,
    teller: Option<Teller>,
}

/// Told of every event as it comes.
type Teller = Rc<dyn Fn(&Value)>;

impl Received {
    /// Drives an accepted subscription into a new place to receive it.
    pub(crate) fn of(events: EventStream) -> Received {
        let received = Received::default();
        spawn_local(events.drive(received.clone()));
        received
    }

    /// The same, but nothing is taken before [`Self::open`].
    pub(crate) fn shut(events: EventStream) -> Received {
        let received = Received::default();
        received.shut.set(true);
        spawn_local(events.drive(received.clone()));
        received
    }

    /// Takes everything from now on.
    pub(crate) fn open(&self) {
        self.shut.set(false);
        self.opened.borrow_mut().take().into_iter().for_each(Waker::wake);
    }

    /// A place that passes events on.
    pub(crate) fn telling(teller: impl Fn(&Value) + 'static) -> Received {
        Received { teller: Some(Rc::new(teller)), ..Received::default() }
    }

    /// Whether the stream was ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.get()
    }

    /// The messages so far: what they are (their event or exception type) and their payload.
    pub(crate) fn messages(&self) -> Vec<(String, Value)> {
        self.messages.borrow().iter().map(|bytes| message(bytes)).collect()
    }
}

fn message(bytes: &[u8]) -> (String, Value) {
    let (message, len) = Message::decode(bytes).expect("well-formed").expect("whole");
    assert_eq!(len, bytes.len(), "one message at a time");
    let kind = message.header(":event-type").or(message.header(":exception-type")).expect("a type");
    (kind.to_owned(), serde_json::from_slice(message.payload).expect("JSON"))
}

impl EventSink for Received {
    fn capacity(&mut self, wanted: usize) -> usize {
        if self.shut.get() { 0 } else { wanted }
    }

    fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        assert!(!self.finished.get(), "something follows the end");
        match &self.teller {
            Some(teller) => teller(&message(&bytes).1),
            None => self.messages.borrow_mut().push(bytes),
        }
        Ok(())
    }

    fn flush(&mut self) {}

    fn poll_capacity(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Gone>> {
        if !self.shut.get() {
            return Poll::Ready(Ok(()));
        }
        *self.opened.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_gone(&mut self, _cx: &mut TaskContext<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn finish(&mut self) {
        self.finished.set(true);
    }
}

/// Sizes at which a few records meet every edge, and a disk costs next to nothing.
fn small_sizes() -> Sizes {
    Sizes {
        journal_file: 256 << 10,
        batch: 64 << 10,
        commit: 128 << 10,
        write_behind: 4 << 10,
        segment_min: 16 << 10,
        segment_max: 256 << 10,
        scan: 16 << 10,
        read_block: 4 << 10,
        ..Sizes::default()
    }
}

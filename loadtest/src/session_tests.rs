//! A session fed with the bytes a server would send.

use std::rc::Rc;
use std::sync::Arc;

use super::{Session, Settings};
use crate::checker::Faults;
use crate::clock::{now_ns, own_cpu_ns};
use crate::frames::{Frame, PREFACE, flag, kind};
use crate::ledger::{Fate, Ledger};
use crate::lineage::Heir;
use crate::payload::{self, Header};
use crate::reader::Start;
use crate::shared::{Shared, Tally};
use crate::subscription::{Consumer, State, Subscription};
use crate::units::{count, f64_of, index};

const RECORDS_PER_EVENT: u64 = 64;

fn session(subscriptions: u32) -> (Session, Arc<Shared>) {
    let shared = Arc::new(Shared::new(Ledger::new(1, subscriptions, 0)));
    let settings =
        Settings { authority: "localhost:1".into(), window_bytes: 1 << 20, max_frame_bytes: 16_384 };
    let subscription = |number| {
        let consumer = Rc::new(Consumer::new("arn".into(), number, false));
        Subscription::new(&consumer, Heir::first("shardId-000000000000"), Start::Latest)
    };
    let session = Session::new(settings, (0..subscriptions).map(subscription).collect(), Arc::clone(&shared));
    (session, shared)
}

/// A frame of the server.
fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

fn message(payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":message-type", "event"), (":event-type", "SubscribeToShardEvent")] {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend_from_slice(name.as_bytes());
        headers.extend_from_slice(&[7, 0, u8::try_from(value.len()).unwrap()]);
        headers.extend_from_slice(value.as_bytes());
    }
    let mut out = u32::try_from(16 + headers.len() + payload.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

/// The next event of `RECORDS_PER_EVENT` records of 1 KiB, entered in the ledger as acknowledged.
fn event(shared: &Shared) -> Vec<u8> {
    let mut json = String::from("{\"Records\":[");
    let mut record = Vec::new();
    for at in 0..RECORDS_PER_EVENT {
        let sequence = shared.ledger.send().unwrap();
        shared.ledger.settle(sequence, Fate::Acked);
        payload::encode(
            &Header { run: 1, producer: 0, sequence, intended_ns: now_ns(), floor: 0 },
            1024,
            &mut record,
        );
        let (comma, data) = (if at == 0 { "" } else { "," }, base64_simd::STANDARD.encode_to_string(&record));
        json.push_str(&format!(
            r#"{comma}{{"ApproximateArrivalTimestamp":1.5,"Data":"{data}","PartitionKey":"p","SequenceNumber":"49{sequence:054}"}}"#
        ));
    }
    let last = shared.ledger.sent();
    json.push_str(&format!(r#"],"ContinuationSequenceNumber":"49{last:054}","MillisBehindLatest":0}}"#));
    message(json.as_bytes())
}

fn stand(session: &mut Session, tally: &mut Tally) {
    session.connected();
    session.tick(1);
    let mut bytes = Vec::new();
    (0..session.subscriptions.len())
        .for_each(|at| frame(&mut bytes, kind::HEADERS, flag::END_HEADERS, stream(at), &[0x88]));
    assert_eq!(session.received(&bytes, 1, tally), Ok(bytes.len()));
    assert!(session.subscriptions.iter().all(|s| s.state == State::Streaming));
}

fn stream(at: usize) -> u32 {
    u32::try_from(2 * at + 1).unwrap()
}

#[test]
fn a_cut_subscription_asks_again_from_where_it_was() {
    let (mut session, shared) = session(1);
    let mut tally = Tally::new(&shared.ledger);
    stand(&mut session, &mut tally);
    let mut bytes = Vec::new();
    event(&shared).chunks(16_384).for_each(|piece| frame(&mut bytes, kind::DATA, 0, 1, piece));
    frame(&mut bytes, kind::DATA, flag::END_STREAM, 1, &[]);
    assert_eq!(session.received(&bytes, 5, &mut tally), Ok(bytes.len()));
    assert_eq!((session.subscriptions[0].state, session.next_due(5)), (State::Due(5), Some(5)));
    let request = session.subscriptions[0].request();
    assert!(request.contains(r#""Type":"AFTER_SEQUENCE_NUMBER","SequenceNumber":"49"#), "{request}");
    assert_eq!(shared.ledger.reckon().lost, 0);
    session.out.clear();
    session.tick(5);
    let asked = Frame::first(&session.out, 16_384).unwrap().unwrap();
    assert_eq!((asked.kind, asked.stream, session.subscriptions[0].state), (kind::HEADERS, 3, State::Asked));
}

/// The last event of a shard.
fn end(children: &str) -> Vec<u8> {
    message(format!(r#"{{"MillisBehindLatest":0,"Records":[],"ChildShards":[{children}]}}"#).as_bytes())
}

#[test]
fn the_child_of_a_merge_is_asked_for_once_both_parents_have_ended() {
    let (mut session, shared) = session(0);
    let consumer = Rc::new(Consumer::new("arn".into(), 0, false));
    let ids = [0, 1].map(|number| format!("shardId-{number:012}"));
    let parents = ids.iter().map(|id| Subscription::new(&consumer, Heir::first(id), Start::Latest));
    session.subscriptions.extend(parents);
    let mut tally = Tally::new(&shared.ledger);
    stand(&mut session, &mut tally);
    let child = format!(r#"{{"ParentShards":["{}","{}"],"ShardId":"shardId-000000000002"}}"#, ids[0], ids[1]);
    for (at, subscriptions) in [(1, 2), (0, 3)] {
        let mut bytes = Vec::new();
        frame(&mut bytes, kind::DATA, flag::END_STREAM, stream(at), &end(&child));
        assert_eq!(session.received(&bytes, 5, &mut tally), Ok(bytes.len()));
        assert_eq!(
            (session.subscriptions.len(), session.subscriptions[at].state),
            (subscriptions, State::Done)
        );
    }
    let request = session.subscriptions[2].request();
    assert!(request.contains("shardId-000000000002") && request.contains("TRIM_HORIZON"), "{request}");
    session.tick(6);
    let mut answer = Vec::new();
    frame(&mut answer, kind::HEADERS, flag::END_HEADERS, stream(2), &[0x88]);
    session.received(&answer, 7, &mut tally).unwrap();
    assert_eq!((shared.live.subscribed.value(), shared.live.followed.value()), (2, 1));
}

#[test]
fn pings_and_settings_are_answered_and_a_refusal_is_tried_again() {
    let (mut session, shared) = session(1);
    session.connected();
    assert!(session.out.starts_with(PREFACE));
    session.tick(1);
    session.out.clear();
    let mut bytes = Vec::new();
    frame(&mut bytes, kind::SETTINGS, 0, 0, &[]);
    frame(&mut bytes, kind::PING, 0, 0, b"12345678");
    frame(&mut bytes, kind::HEADERS, flag::END_HEADERS, 1, &[0x8C]);
    frame(
        &mut bytes,
        kind::DATA,
        flag::END_STREAM,
        1,
        br#"{"__type":"ResourceInUseException","message":"m"}"#,
    );
    session.received(&bytes, 7, &mut Tally::new(&shared.ledger)).unwrap();
    assert!(session.out.ends_with(b"12345678"));
    assert!(matches!(session.subscriptions[0].state, State::Due(_)));
    assert!(shared.complaints().is_empty());
}

#[test]
fn a_final_refusal_is_complained_of_once() {
    let (mut session, shared) = session(1);
    session.connected();
    session.tick(1);
    let mut bytes = Vec::new();
    frame(&mut bytes, kind::HEADERS, flag::END_HEADERS, 1, &[0x8C]);
    frame(
        &mut bytes,
        kind::DATA,
        flag::END_STREAM,
        1,
        br#"{"__type":"ResourceNotFoundException","message":"m"}"#,
    );
    session.received(&bytes, 7, &mut Tally::new(&shared.ledger)).unwrap();
    assert_eq!((session.subscriptions[0].state, shared.complaints().len()), (State::Done, 1));
}

/// What one delivery costs this tool, without sockets: `cargo test --release -p loadtest -- --ignored
/// --nocapture cost`.
#[test]
#[ignore = "a measurement, for a release build on a quiet machine"]
fn cost_of_a_delivery() {
    const SUBSCRIPTIONS: u32 = 20;
    const EVENTS: usize = 400;
    let (mut session, shared) = session(SUBSCRIPTIONS);
    let mut tally = Tally::new(&shared.ledger);
    stand(&mut session, &mut tally);
    let mut spent_ns = 0;
    for _ in 0..EVENTS {
        let event = event(&shared);
        let mut bytes = Vec::new();
        for at in 0..index(u64::from(SUBSCRIPTIONS)) {
            event.chunks(16_384).for_each(|piece| frame(&mut bytes, kind::DATA, 0, stream(at), piece));
        }
        let (now, begin) = (now_ns(), own_cpu_ns());
        assert_eq!(session.received(&bytes, now, &mut tally), Ok(bytes.len()));
        spent_ns += own_cpu_ns() - begin;
        session.out.clear();
    }
    let mut faults = Faults::default();
    session.subscriptions.iter().for_each(|s| faults.add(s.reader.checker.faults));
    assert_eq!((faults, shared.ledger.reckon().lost), (Faults::default(), 0));
    let deliveries = u64::from(SUBSCRIPTIONS) * RECORDS_PER_EVENT * count(EVENTS);
    eprintln!("{:.0} ns of CPU per delivery", f64_of(spent_ns) / f64_of(deliveries));
}

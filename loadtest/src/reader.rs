//! What a subscription has received: its records checked and timed, and where it would go on.

use std::rc::Rc;

use crate::checker::{Checker, Fresh};
use crate::event_stream::Message;
use crate::latency::Latency;
use crate::received::decoded_bytes;
use crate::record_page::{Child, read_page};
use crate::shared::{Shared, Tally};
use crate::subscription::Consumer;
use crate::units::{MIB, NANOS_PER_SEC, count, f64_of};

/// Where a first subscription starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// What is put from now on.
    Latest,
    /// Everything there is.
    TrimHorizon,
}

impl Start {
    fn json(self) -> &'static str {
        match self {
            Self::Latest => r#"{"Type":"LATEST"}"#,
            Self::TrimHorizon => r#"{"Type":"TRIM_HORIZON"}"#,
        }
    }
}

/// What a subscription has received.
pub(crate) struct Reader {
    /// Order and integrity.
    pub(crate) checker: Checker,
    /// How fast it came.
    pub(crate) pace: Pace,
    /// Where it starts if nothing says where to go on.
    pub(crate) start: Start,
    /// Nothing more is to be had.
    pub(crate) over: bool,
    /// What follows the shard, once it has ended.
    children: Vec<Child>,
    continuation: Option<Vec<u8>>,
    consumer: Rc<Consumer>,
}

impl Reader {
    /// A reader that has nothing yet.
    pub(crate) fn new(checker: Checker, start: Start, consumer: Rc<Consumer>) -> Self {
        let (children, pace) = (Vec::new(), Pace::default());
        Self { checker, pace, start, children, continuation: None, consumer, over: false }
    }

    /// What follows the shard: told once, when it has ended.
    pub(crate) fn take_children(&mut self) -> Vec<Child> {
        std::mem::take(&mut self.children)
    }

    /// The StartingPosition of the next request.
    pub(crate) fn position(&self) -> String {
        match self.continuation.as_deref().map(String::from_utf8_lossy) {
            None => self.start.json().into(),
            Some(number) => format!(r#"{{"Type":"AFTER_SEQUENCE_NUMBER","SequenceNumber":"{number}"}}"#),
        }
    }

    /// Takes one message of the stream.
    pub(crate) fn message(&mut self, message: Message<'_>, now: u64, shared: &Shared, tally: &mut Tally) {
        match message {
            Message::InitialResponse => {}
            Message::Event(payload) => self.event(payload, now, shared, tally),
            Message::Exception { kind, payload } => self.exception(kind, payload, shared),
        }
    }

    fn event(&mut self, payload: &[u8], now: u64, shared: &Shared, tally: &mut Tally) {
        let (mut records, mut bytes, mut is_live) = (0, 0, false);
        let page = read_page(payload, |entry| {
            records += 1;
            bytes += decoded_bytes(&entry.data) + count(entry.partition_key.len());
            if let Some(fresh) =
                self.checker.record(&shared.ledger, &mut tally.verified, &entry.sequence_number, &entry.data)
            {
                is_live |= !shared.is_backlog(fresh.header.sequence);
                measure(&self.consumer, &fresh, now, shared, tally);
            }
        });
        let Some(page) = page else {
            self.checker.faults.corrupt += 1;
            return shared.complain("an event's JSON does not parse");
        };
        shared.live.events.add(1);
        shared.live.pushed.add(records);
        shared.live.pushed_bytes.add(bytes);
        shared.tell_progress();
        let got = tally.by_consumer.of(self.consumer.number);
        (got.records, got.bytes, got.events) = (got.records + records, got.bytes + bytes, got.events + 1);
        tally.pushed.came(shared.timeline.get(), now, records, bytes);
        // What was put while it caught up comes at the pace of its producer.
        let backlog = shared.backlog.get().filter(|_| !is_live);
        if backlog.is_some() {
            self.pace.received(now, bytes);
        }
        if !page.children.is_empty() {
            (self.over, self.children) = (true, page.children);
        }
        if let Some(number) = page.continuation {
            let kept = self.continuation.get_or_insert_default();
            kept.clear();
            kept.extend_from_slice(&number);
        }
    }

    /// Transient refusals are tried again; the rest end the subscription with a complaint.
    pub(crate) fn exception(&mut self, kind: &str, payload: &[u8], shared: &Shared) {
        const TRANSIENT: [&str; 5] = [
            "ResourceInUseException",
            "LimitExceededException",
            "InternalFailure",
            "InternalFailureException",
            "ServiceUnavailable",
        ];
        if !TRANSIENT.contains(&kind) {
            self.over = true;
            shared.complain(format!("SubscribeToShard: {kind} {}", String::from_utf8_lossy(payload)));
        }
    }
}

fn measure(consumer: &Consumer, fresh: &Fresh, now: u64, shared: &Shared, tally: &mut Tally) {
    let intended_ns = fresh.header.intended_ns;
    let latency_ns = now.saturating_sub(intended_ns);
    // A record of a backlog was due long before anyone asked for it.
    if shared.is_backlog(fresh.header.sequence) {
        return;
    }
    tally.pushed.took(shared.timeline.get(), intended_ns, latency_ns);
    tally.by_consumer.of(consumer.number).latency.record(latency_ns);
    if let Some(period) = shared.period(intended_ns) {
        tally.push_by_period.of(period, Latency::new).record(latency_ns);
    }
    if let Some(reshards) = shared.reshards.get() {
        tally.pauses.record(reshards, consumer.number, intended_ns, now);
    }
    let row = if consumer.stalls { &mut tally.stalled } else { &mut tally.push[shared.phase(intended_ns)] };
    row.record(latency_ns);
    if fresh.copies == shared.ledger.push_consumers {
        tally.last_of_all.record(latency_ns);
    }
}

/// How many bytes had come by when, for the rate of a consumer that catches up.
#[derive(Default)]
pub(crate) struct Pace {
    bytes: u64,
    marks: Vec<(u64, u64)>,
}

impl Pace {
    /// One mark per 10 ms at most, so an hour of catching up stays under 6 MB.
    const MARK_EVERY_NS: u64 = NANOS_PER_SEC / 100;
    const MAX_MARKS: usize = 360_000;

    fn received(&mut self, now: u64, bytes: u64) {
        self.bytes += bytes;
        let due = self.marks.last().is_none_or(|(at, _)| now >= at + Self::MARK_EVERY_NS);
        if due && bytes > 0 && self.marks.len() < Self::MAX_MARKS {
            self.marks.push((now, self.bytes));
        }
    }

    /// Bytes per second after the first 2 MiB (the opening burst) and before the last second (the tip).
    pub(crate) fn steady_bytes_per_sec(&self) -> Option<f64> {
        let end_ns = self.marks.last()?.0.checked_sub(NANOS_PER_SEC)?;
        let first = self.marks.iter().find(|(_, bytes)| *bytes >= 2 * MIB)?;
        let last = self.marks.iter().rfind(|(at, _)| *at <= end_ns)?;
        let span_ns = last.0.checked_sub(first.0).filter(|span| *span > 0)?;
        Some(f64_of(last.1 - first.1) * 1e9 / f64_of(span_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steady_rate_leaves_out_the_opening_burst_and_the_last_second() {
        let mut pace = Pace::default();
        pace.received(0, 2 * MIB);
        for tick in 1..=100 {
            pace.received(tick * NANOS_PER_SEC / 10, MIB / 5);
        }
        pace.received(11 * NANOS_PER_SEC, 50 * MIB);
        let rate = pace.steady_bytes_per_sec().unwrap() / (1 << 20) as f64;
        assert!((rate - 2.0).abs() < 0.01, "{rate}");
        assert!(Pace::default().steady_bytes_per_sec().is_none());
    }
}

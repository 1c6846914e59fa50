//! Spans of requests and commits, on their way to whoever exports them. Where nobody does, all a caller pays
//! is one look at whether somebody does; where somebody does, a span is put into a bounded queue and never
//! waited for: one too many is dropped, and counted.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use metrics::{Counter, counter};

use super::names;
use crate::limits::SPANS_QUEUED_MAX;

/// Something that took its time, and is over.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// What it was: an operation's name, or `commit`.
    pub name: &'static str,
    /// Whether a client asked for it.
    pub is_request: bool,
    /// When it began, in nanoseconds of the process's monotonic clock.
    pub began_nanos: u64,
    /// How long it took.
    pub took: Duration,
    /// Why it failed, if it did.
    pub error: Option<&'static str>,
    /// The span it is part of, as its client wrote it (`traceparent`).
    pub parent: Option<String>,
    /// Further facts in words.
    pub texts: Vec<(&'static str, String)>,
    /// Further facts in numbers.
    pub numbers: Vec<(&'static str, u64)>,
}

impl Span {
    /// Whether it only says that no others follow.
    pub fn is_end(&self) -> bool {
        self.name.is_empty()
    }
}

struct Sink {
    queue: SyncSender<Span>,
    sample: f64,
    dropped: Counter,
}

static SINK: OnceLock<Sink> = OnceLock::new();

/// From now on spans are made, of this share of requests and commits; `None` where they were before.
pub fn begin(sample: f64) -> Option<Receiver<Span>> {
    let (queue, spans) = sync_channel(SPANS_QUEUED_MAX);
    let sink = Sink { queue, sample, dropped: counter!(names::SPANS, "result" => "dropped") };
    SINK.set(sink).ok().map(|()| spans)
}

/// Whether to make a span of what begins now. Who asks as part of a trace has decided that already.
pub fn is_wanted(parent: Option<&str>) -> bool {
    let Some(sink) = SINK.get() else { return false };
    match parent.and_then(is_sampled) {
        Some(is_sampled) => is_sampled,
        None => sink.sample >= 1.0 || fastrand::f64() < sink.sample,
    }
}

/// Whether anybody takes spans at all.
pub fn are_taken() -> bool {
    SINK.get().is_some()
}

/// Hands a span on.
pub fn ended(span: Span) {
    if let Some(sink) = SINK.get()
        && sink.queue.try_send(span).is_err()
    {
        sink.dropped.increment(1);
    }
}

/// No more spans are made: who takes them can end.
pub fn end() {
    if let Some(sink) = SINK.get() {
        // Where the queue is full, its reader is cut short by its patience.
        let _ = sink.queue.try_send(Span::default());
    }
}

/// The flag of a `traceparent` (`00-TRACE-SPAN-FLAGS`) that says whether its trace is kept.
fn is_sampled(parent: &str) -> Option<bool> {
    let flags = parent.split('-').nth(3)?;
    u8::from_str_radix(flags, 16).ok().map(|flags| flags & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wanted_before_somebody_takes_it_and_nothing_blocks_after() {
        let kept = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(!is_wanted(Some(kept)));
        let spans = begin(0.0).unwrap();
        assert!(begin(1.0).is_none());
        assert!(is_wanted(Some(kept)), "its client keeps the trace");
        assert!(!is_wanted(None), "a share of nothing");
        assert!(!is_wanted(Some(&kept.replace("-01", "-00"))));
        for _ in 0..SPANS_QUEUED_MAX + 10 {
            ended(Span { name: "commit", ..Span::default() });
        }
        assert_eq!(spans.try_iter().count(), SPANS_QUEUED_MAX);
    }
}

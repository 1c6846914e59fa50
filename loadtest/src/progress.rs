//! The bar while a run goes on; nothing where nobody watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::shared::Live;
use crate::units::{NANOS_PER_SEC, f64_of, nanos};

const TEMPLATE: &str = "{elapsed:>4} {prefix} {wide_bar} {msg}";
const COUNTING: &str = "{elapsed:>4} {prefix} {wide_bar} {pos} of {len}";

/// A bar over so many of something that is waited for.
pub(crate) fn counting(what: &'static str, all: u64) -> ProgressBar {
    let bar = ProgressBar::new(all).with_prefix(what);
    if let Ok(style) = ProgressStyle::with_template(COUNTING) {
        bar.set_style(style);
    }
    bar
}

/// A bar over the sending time, with rates of the last second.
pub(crate) struct Progress {
    bar: ProgressBar,
    from_ns: u64,
    shown_ns: u64,
    before: (u64, u64),
}

impl Progress {
    /// A bar that fills over `span`; hidden unless stderr is a terminal.
    pub(crate) fn new(span: Duration) -> Self {
        let bar = ProgressBar::new(nanos(span));
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self { bar, from_ns: 0, shown_ns: 0, before: (0, 0) }
    }

    /// Begins a part of the run, so long after its start, that takes about so long.
    pub(crate) fn begin(&mut self, what: &'static str, from_ns: u64, span: Duration) {
        self.from_ns = from_ns;
        self.bar.set_length(nanos(span));
        self.bar.set_position(0);
        self.bar.set_prefix(what);
    }

    /// Shows where the run stands, once a second.
    pub(crate) fn show(&mut self, live: &Live, sent: u64, elapsed_ns: u64) {
        if elapsed_ns < self.shown_ns {
            (self.shown_ns, self.before) = (0, (sent, live.pushed.value()));
        }
        let span_ns = elapsed_ns - self.shown_ns;
        if span_ns < NANOS_PER_SEC {
            return;
        }
        let received = live.pushed.value() + live.pulled.value();
        let rate = |now: u64, before: u64| f64_of(now.saturating_sub(before)) * 1e9 / f64_of(span_ns);
        let (in_rate, out_rate) = (rate(sent, self.before.0), rate(received, self.before.1));
        let throttled = live.throttled.value();
        self.bar
            .set_message(format!("{in_rate:.0} records/s in, {out_rate:.0}/s out, {throttled} throttled"));
        self.bar.set_position(elapsed_ns.saturating_sub(self.from_ns));
        (self.shown_ns, self.before) = (elapsed_ns, (sent, received));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

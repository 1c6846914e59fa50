//! What one consumer of a whole stream told, held against what was put: nothing lost, nothing out of order
//! within a shard, nothing twice but right after a subscription, no child before its parents' ends. Pure:
//! told lines, asked for a verdict.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use hdrhistogram::Histogram;

use crate::producer::{Ledger, Text};
use crate::reshard::Shard;

/// What a consumer told so far.
#[derive(Default)]
pub(crate) struct Told {
    /// How it tells of shards' ends, and what it promises of their order.
    pub(crate) lineage: Lineage,
    /// It is registered and about to subscribe.
    pub(crate) is_ready: bool,
    /// Records that came, each time they came.
    pub(crate) records: usize,
    /// Errors it met, as it named them.
    pub(crate) troubles: Vec<String>,
    shards: BTreeMap<String, Shown>,
    faults: Vec<String>,
    lines: usize,
    latency_us: Option<Histogram<u64>>,
}

/// What a consumer tells and promises of parents and children.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Lineage {
    /// It tells each shard's end, and begins a child after it.
    #[default]
    Told,
    /// It tells records only, and reads whatever shard it finds.
    Ignored,
}

/// What it was shown of one shard.
#[derive(Default)]
struct Shown {
    records: Vec<(String, usize)>,
    /// By its number, the sequence number with which each record came first.
    numbers: HashMap<usize, String>,
    subscriptions: usize,
    doubled: usize,
    /// Nothing new has come since the last subscription began: what was there already may come again.
    is_fresh: bool,
    first_line: usize,
    end_line: Option<usize>,
}

/// A verdict's figures.
pub(crate) struct Figures {
    /// Subscriptions accepted, of all shards, and of the shard that had most.
    pub(crate) subscriptions: usize,
    pub(crate) subscriptions_max: usize,
    /// Records that came again after a subscription began.
    pub(crate) doubled: usize,
    /// From put to the consumer's line, median and 99th percentile, microseconds.
    pub(crate) latency_us: (u64, u64),
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99) = self.latency_us;
        let Figures { subscriptions, doubled, .. } = self;
        write!(f, "{subscriptions} subscriptions, {doubled} doubled")?;
        // Where records are read from a file, nobody knows when they came.
        if p50 == 0 { Ok(()) } else { write!(f, ", put to line p50 {p50} us p99 {p99} us") }
    }
}

impl Told {
    /// Nothing yet.
    pub(crate) fn new(lineage: Lineage) -> Told {
        Told { lineage, ..Told::default() }
    }

    /// Takes a line the consumer said at this time.
    pub(crate) fn take(&mut self, line: &str, now_us: u64) {
        self.lines += 1;
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["ready"] => self.is_ready = true,
            ["subscribed" | "start", shard] => self.subscribed(shard),
            ["record", shard, sequence, text] => self.record(shard, sequence, text, now_us),
            ["end", shard] => self.shards.entry((*shard).to_owned()).or_default().end_line = Some(self.lines),
            ["trouble", ..] => self.troubles.push(line.to_owned()),
            ["lost", _] => (),
            _ => self.faults.push(format!("a line nobody knows: {line}")),
        }
    }

    fn subscribed(&mut self, shard: &str) {
        let line = self.lines;
        let shown = self.shards.entry(shard.to_owned()).or_default();
        shown.first_line = if shown.subscriptions == 0 { line } else { shown.first_line };
        shown.subscriptions += 1;
        shown.is_fresh = true;
    }

    fn record(&mut self, shard: &str, sequence: &str, text: &str, now_us: u64) {
        self.records += 1;
        let Some(Text { number, put_us, .. }) = Text::read(text) else {
            return self.faults.push(format!("{shard} {sequence}: nobody put {text:?}"));
        };
        let histogram = || Histogram::new(3).expect("three digits");
        *self.latency_us.get_or_insert_with(histogram) += now_us.saturating_sub(put_us);
        let shown = self.shards.entry(shard.to_owned()).or_default();
        if shown.end_line.is_some() {
            self.faults.push(format!("{shard} {sequence}: after the shard's end"));
        }
        match shown.numbers.get(&number) {
            None => {
                if shown.records.last().is_some_and(|(last, _)| last.as_str() >= sequence) {
                    self.faults.push(format!("{shard} {sequence}: out of order"));
                }
                shown.is_fresh = false;
                shown.numbers.insert(number, sequence.to_owned());
                shown.records.push((sequence.to_owned(), number));
            }
            Some(first) if first != sequence => {
                self.faults.push(format!("{shard} {sequence}: stored at {first} before"));
            }
            Some(_) if shown.is_fresh => shown.doubled += 1,
            Some(_) => self.faults.push(format!("{shard} {sequence}: twice within a subscription")),
        }
    }

    /// The errors it met, each kind with how often.
    pub(crate) fn kinds_of_troubles(&self) -> BTreeMap<&str, usize> {
        let kinds = self.troubles.iter().map(|line| line.splitn(3, ' ').last().unwrap_or_default());
        kinds.fold(BTreeMap::new(), |mut counts, kind| {
            *counts.entry(kind).or_default() += 1;
            counts
        })
    }

    /// Whether every acknowledged record has come.
    pub(crate) fn has_all(&self, ledger: &Ledger) -> bool {
        self.missing(ledger).next().is_none()
    }

    fn missing<'a>(&'a self, ledger: &'a Ledger) -> impl Iterator<Item = String> + 'a {
        let places = ledger.places.iter().enumerate();
        let acknowledged = places.filter_map(|(number, place)| Some((number, place.as_ref()?)));
        let is_missing = |(number, place): &(usize, &crate::producer::Place)| {
            !self.shards.get(&place.shard).is_some_and(|shown| shown.numbers.contains_key(number))
        };
        acknowledged.filter(is_missing).map(|(number, place)| {
            format!("record {number} of {} at {} did not come", place.shard, place.sequence)
        })
    }

    /// The figures, or what is wrong.
    pub(crate) fn verdict(&self, ledger: &Ledger, shards: &[Shard]) -> Result<Figures, Vec<String>> {
        let mut faults = self.faults.clone();
        faults.extend(self.missing(ledger));
        for (shard, shown) in &self.shards {
            let is_foreign = |(sequence, number): &&(String, usize)| {
                let place = ledger.places.get(*number).and_then(Option::as_ref);
                place.is_some_and(|it| it.shard != *shard || it.sequence != *sequence)
            };
            let foreign = shown.records.iter().filter(is_foreign);
            faults.extend(foreign.map(|(sequence, _)| format!("{shard} {sequence}: put elsewhere")));
        }
        faults.extend(shards.iter().filter_map(|shard| self.out_of_lineage(shard)));
        if !faults.is_empty() {
            return Err(faults);
        }
        let latency = |quantile| self.latency_us.as_ref().map_or(0, |it| it.value_at_quantile(quantile));
        Ok(Figures {
            subscriptions: self.shards.values().map(|shown| shown.subscriptions).sum(),
            subscriptions_max: self.shards.values().map(|shown| shown.subscriptions).max().unwrap_or(0),
            doubled: self.shards.values().map(|shown| shown.doubled).sum(),
            latency_us: (latency(0.5), latency(0.99)),
        })
    }

    /// A closed shard's end has to be told, and a child begins after its parents' ends.
    fn out_of_lineage(&self, shard: &Shard) -> Option<String> {
        if self.lineage == Lineage::Ignored {
            return None;
        }
        let Some(shown) = self.shards.get(&shard.id) else {
            return Some(format!("{} was never read", shard.id));
        };
        if shard.is_open == shown.end_line.is_some() {
            return Some(format!("{}: open {}, ended {:?}", shard.id, shard.is_open, shown.end_line));
        }
        let end_of = |id: &String| self.shards.get(id).and_then(|it| it.end_line).unwrap_or(usize::MAX);
        let early = shard.parents.iter().find(|parent| end_of(parent) > shown.first_line)?;
        Some(format!("{} was read before the end of {early}", shard.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::Place;

    const PARENT: &str = "shardId-000000000000";
    const CHILD: &str = "shardId-000000000001";

    fn shard(id: &str, parents: &[&str], is_open: bool) -> Shard {
        Shard::new(id, parents, is_open)
    }

    /// Two records of a shard that ends, one of its child.
    fn verdict(lines: &[&str]) -> Result<usize, Vec<String>> {
        let place =
            |shard: &str, sequence: &str| Some(Place { shard: shard.into(), sequence: sequence.into() });
        let places = vec![place(PARENT, "11"), place(PARENT, "12"), None, place(CHILD, "13")];
        let mut told = Told::default();
        lines.iter().for_each(|line| told.take(line, 5));
        let lineage = [shard(PARENT, &[], false), shard(CHILD, &[PARENT], true)];
        told.verdict(&Ledger { places, throttled: 0 }, &lineage).map(|figures| figures.doubled)
    }

    const WHOLE: [&str; 6] = [
        "subscribed shardId-000000000000",
        "record shardId-000000000000 11 key-0 0 1",
        "record shardId-000000000000 12 key-1 1 1",
        "end shardId-000000000000",
        "subscribed shardId-000000000001",
        "record shardId-000000000001 13 key-3 3 1",
    ];

    fn without(index: usize) -> Vec<&'static str> {
        WHOLE.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, line)| *line).collect()
    }

    #[test]
    fn a_consumer_that_told_everything_in_order_is_right() {
        assert_eq!(verdict(&WHOLE), Ok(0));
        let again = [&WHOLE[..3], &WHOLE[..3], &WHOLE[3..]].concat();
        assert_eq!(verdict(&again), Ok(2), "after a subscription they may come again");
    }

    #[test]
    fn what_is_lost_early_or_out_of_order_is_found() {
        for (index, line) in WHOLE.iter().enumerate().filter(|(_, line)| !line.starts_with("subscribed")) {
            assert!(verdict(&without(index)).is_err(), "{line} is missing");
        }
        let mut swapped = WHOLE;
        swapped.swap(1, 2);
        assert!(verdict(&swapped).is_err(), "out of order");
        let mut early = WHOLE;
        early.swap(3, 4);
        assert!(verdict(&early).is_err(), "a child before its parent's end");
        let twice = [&WHOLE[..2], &WHOLE[1..]].concat();
        assert!(verdict(&twice).is_err(), "twice");
        let stored_twice = [&WHOLE[..2], &["subscribed shardId-000000000000"]].concat();
        let again = ["record shardId-000000000000 12 key-0 0 1"];
        let stored_twice = [&stored_twice[..], &again[..], &WHOLE[2..]].concat();
        assert!(verdict(&stored_twice).is_err(), "under two sequence numbers");
        let foreign = [&WHOLE[..], &["record shardId-000000000001 14 key-0 0 1"]].concat();
        assert!(verdict(&foreign).is_err(), "in another shard than it was put to");
    }
}

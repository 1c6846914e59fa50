//! A record per line, in calls as full as what has come allows. Never waits for more while there is something
//! to send, so that `some-program | fanlight put STREAM --lines` puts each line as it is said.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _, stdin, stdout};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rustix::fs::{FileType, fstat};
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;

use crate::platform::Clock;
use crate::types::Instant;

use super::super::failure::{Failure, Outcome};
use super::super::kinesis::Kinesis;
use super::super::{Backoff, PutArgs, time};
use super::batch::{Batch, Entry, Verdict};
use super::lines::{self, Line};
use super::{advised, key, records, said};

/// What has been done so far.
struct Tally {
    began: Instant,
    records: u64,
    retried: usize,
    shards: BTreeSet<String>,
    bar: ProgressBar,
}

/// Puts every line, or says which one it came to.
pub(super) async fn put(kinesis: &Kinesis, args: &PutArgs) -> Outcome<()> {
    let clock = Clock::system();
    let bar = bar(args);
    let mut tally = Tally { began: clock.now(), records: 0, retried: 0, shards: BTreeSet::new(), bar };
    let mut source = Source { lines: lines::read()?, line: 0, held: None };
    while let Some(mut batch) = source.batch(args).await? {
        let bytes: usize = batch.entries().iter().map(|entry| entry.data.len() + 1).sum();
        let sent = send(kinesis, args, &mut batch, &mut tally).await;
        if let Err(failure) = sent {
            tally.bar.finish_and_clear();
            eprintln!("fanlight: {}", remains(&batch, tally.records));
            return Err(failure);
        }
        tally.bar.inc(bytes as u64);
        tally.bar.set_message(format!("{} records", tally.records));
    }
    tally.bar.finish_and_clear();
    let took = clock.now().since(tally.began);
    if !args.json {
        writeln!(stdout(), "{}", summary(&tally, took))?;
    }
    Ok(())
}

/// Lines, numbered, and the one that did not fit into the call before.
struct Source {
    lines: Receiver<Line>,
    line: u64,
    held: Option<Entry>,
}

impl Source {
    /// Waits for one line, and takes what else is there; `None` at the end of the input.
    async fn batch(&mut self, args: &PutArgs) -> Outcome<Option<Batch>> {
        let mut batch = Batch::default();
        let first = match self.held.take() {
            Some(entry) => entry,
            None => match self.lines.recv().await {
                None => return Ok(None),
                Some(line) => self.entry(line?, args),
            },
        };
        batch.take(first);
        while let Ok(line) = self.lines.try_recv() {
            let entry = self.entry(line?, args);
            self.held = batch.take(entry);
            if self.held.is_some() {
                break;
            }
        }
        Ok(Some(batch))
    }

    fn entry(&mut self, data: Vec<u8>, args: &PutArgs) -> Entry {
        self.line += 1;
        Entry { line: self.line, key: key(args), data }
    }
}

async fn send(kinesis: &Kinesis, args: &PutArgs, batch: &mut Batch, tally: &mut Tally) -> Outcome<()> {
    let mut backoff = Backoff::default();
    while !batch.is_empty() {
        let input = records(&args.stream, batch.entries());
        match kinesis.call("PutRecords", &input).await {
            Ok(answer) => {
                if let Verdict::Again { refused } = judge(&answer, args, batch, tally)? {
                    tally.retried += refused;
                    sleep(backoff.next()).await;
                }
            }
            // Nobody there at all is told at once; who was there is waited for.
            Err(failure) if failure.is_passing() && tally.records > 0 && batch.failed() => {
                tally.bar.set_message(format!("{} records; trying again: {failure}", tally.records));
                tally.retried += batch.entries().len();
                sleep(backoff.next()).await;
            }
            Err(failure) => return Err(advised(kinesis, &args.stream, failure).await),
        }
    }
    Ok(())
}

fn judge(
    answer: &serde_json::Value,
    args: &PutArgs,
    batch: &mut Batch,
    tally: &mut Tally,
) -> Outcome<Verdict> {
    let mut out = stdout().lock();
    let mut written = Ok(());
    let verdict = batch.answered(answer, |stored| {
        if args.json && written.is_ok() {
            written = writeln!(out, "{}", said(&stored, true));
        }
        tally.records += 1;
        tally.shards.insert(stored.shard);
    });
    written?;
    match verdict {
        Verdict::GiveUp(why) => Err(Failure::Refused(super::super::failure::Refusal {
            operation: "PutRecords",
            status: 400,
            code: why.split(':').next().unwrap_or_default().to_owned(),
            message: why.split_once(": ").map_or(String::new(), |(_, text)| text.to_owned()),
            hint: None,
        })),
        verdict => Ok(verdict),
    }
}

/// What to say where it ends early.
fn remains(batch: &Batch, records: u64) -> String {
    let first = batch.entries().first().map_or(0, |entry| entry.line);
    format!("{records} records are stored; line {first} is the first that is not known to be.")
}

fn summary(tally: &Tally, took: Duration) -> String {
    let (records, shards, retried) = (tally.records, tally.shards.len(), tally.retried);
    let rate = f64::from(u32::try_from(records).unwrap_or(u32::MAX)) / took.as_secs_f64().max(0.001);
    let again = if retried == 0 { String::new() } else { format!(", {retried} put again") };
    format!("{records} records to {shards} shards in {}, {rate:.0}/s{again}", time::roughly(took))
}

/// A bar over the bytes of a file, a count of what has come by a pipe; nothing where standard error is no
/// terminal or the results are told on one.
fn bar(args: &PutArgs) -> ProgressBar {
    if args.json && stdout().is_terminal() || stdin().is_terminal() {
        return ProgressBar::hidden();
    }
    let bytes = fstat(stdin()).ok().filter(|it| FileType::from_raw_mode(it.st_mode) == FileType::RegularFile);
    let (bar, template) = match bytes.and_then(|it| u64::try_from(it.st_size).ok()) {
        Some(bytes) => (ProgressBar::new(bytes), "{bytes}/{total_bytes} {wide_bar} {eta} {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {msg}"),
    };
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

//! The thread that sends: open loop, so that a slow server is charged for every record it delays.

mod plan;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::LocalSet;

use crate::cli::Rate;
use crate::client::{Client, Failure};
use crate::clock::{Alarm, now_ns};
use crate::ledger::{Fate, identity};
use crate::lineage::shard_number;
use crate::put::{self, Outcome, Put};
use crate::ramp::Ramp;
use crate::settled::Settled;
use crate::shared::Shared;
use crate::units::{NANOS_PER_SEC, count, f64_of, nanos, whole};

pub(crate) use plan::{ProducerPlan, Sent};

const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_LAST: Duration = Duration::from_secs(1);
/// Accepted load is counted after this, so that the opening burst allowance does not flatter it.
const WARM_UP: Duration = Duration::from_secs(2);

/// Starts the producer's thread; its first record is due at `start_ns`.
pub(crate) fn start(
    plan: ProducerPlan,
    shared: Arc<Shared>,
    start_ns: u64,
) -> io::Result<JoinHandle<io::Result<Sent>>> {
    std::thread::Builder::new().name("producer".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, produce(Rc::new(Producer::new(plan, shared, start_ns))))
    })
}

struct Producer {
    plan: ProducerPlan,
    shared: Arc<Shared>,
    clients: Vec<Client>,
    settled: RefCell<Settled>,
    sent: RefCell<Sent>,
    in_flight: Arc<Semaphore>,
    start_ns: u64,
    end_ns: Cell<u64>,
}

/// Sends on schedule, then waits for the last answers.
async fn produce(producer: Rc<Producer>) -> io::Result<Sent> {
    let alarm = Alarm::new()?;
    let batch = u64::from(producer.plan.batch);
    let (mut next, mut behind_ns_max) = (0, 0);
    while let Some(size) = producer.next_batch(next).map(|left| left.min(batch)) {
        let due_ns = producer.due_ns(next + size - 1);
        if due_ns > now_ns() {
            alarm.until(due_ns).await?;
        }
        let permit = producer.permit().await;
        producer.wait_for_consumers(next + size).await;
        let now = now_ns();
        if producer.plan.rate == Rate::Max && now >= producer.end_ns.get() {
            break;
        }
        behind_ns_max = now.saturating_sub(due_ns).max(behind_ns_max);
        let Some(puts) = producer.hand_out(next, size, now) else { break };
        next += size;
        tokio::task::spawn_local(Rc::clone(&producer).put(puts, permit));
        tokio::task::yield_now().await;
    }
    producer.finish().await;
    let mut sent = producer.sent.replace(Sent::new(0));
    sent.behind_ns_max = if producer.plan.rate == Rate::Max { 0 } else { behind_ns_max };
    Ok(sent)
}

impl Producer {
    fn new(plan: ProducerPlan, shared: Arc<Shared>, start_ns: u64) -> Self {
        let clients = (0..plan.producers).map(|_| Client::new(plan.route.clone(), plan.protocol)).collect();
        let met = plan.ramp.as_ref().map_or_else(Vec::new, Ramp::nothing_met);
        Self {
            clients,
            settled: RefCell::new(Settled::from(shared.ledger.sent())),
            sent: RefCell::new(Sent { met, ..Sent::new(plan.stream.shards.len()) }),
            in_flight: Arc::new(Semaphore::new(plan.in_flight as usize)),
            end_ns: Cell::new(start_ns + nanos(plan.duration)),
            shared,
            start_ns,
            plan,
        }
    }

    /// How many records may still follow the first `next`.
    fn next_batch(&self, next: u64) -> Option<u64> {
        let by_count = self.plan.records_max.map_or(u64::MAX, |max| max.saturating_sub(next));
        let by_time = match self.plan.rate {
            Rate::Open(rate) => {
                let all = whole(rate * self.plan.duration.as_secs_f64());
                self.plan.ramp.as_ref().map_or(all, Ramp::records).saturating_sub(next)
            }
            Rate::Max => u64::MAX,
        };
        Some(by_count.min(by_time)).filter(|left| *left > 0)
    }

    fn due_ns(&self, record: u64) -> u64 {
        if let Some(ramp) = &self.plan.ramp {
            return self.start_ns + ramp.due_ns(record);
        }
        match self.plan.rate {
            Rate::Open(rate) => self.start_ns + whole(f64_of(record) * 1e9 / rate),
            Rate::Max => self.start_ns,
        }
    }

    /// Waits, in a closed loop, while it is further ahead of its consumers than it may be; not for ever, if they
    /// receive nothing any more.
    async fn wait_for_consumers(&self, next: u64) {
        let Some(ahead) = self.plan.ahead.filter(|_| self.plan.rate == Rate::Max) else { return };
        let got_on = self.shared.received_by_all(next.saturating_sub(u64::from(ahead)));
        let left = Duration::from_nanos(self.end_ns.get().saturating_sub(now_ns()));
        let _ = tokio::time::timeout(left, got_on).await;
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.in_flight).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Enters the next records into the ledger. In a closed loop a record is due when its turn comes.
    fn hand_out(&self, next: u64, size: u64, now: u64) -> Option<Vec<Put>> {
        let due = |record| if self.plan.rate == Rate::Max { now } else { self.due_ns(record) };
        let floor = self.settled.borrow().lowest();
        let put = |record| {
            let sequence = self.shared.ledger.send()?;
            Some(Put { sequence, intended_ns: due(record), floor })
        };
        (next..next + size).map(put).collect()
    }

    /// Sends records until each is settled.
    async fn put(self: Rc<Self>, mut puts: Vec<Put>, permit: OwnedSemaphorePermit) {
        let give_up_ns = self.end_ns.get() + nanos(self.plan.drain);
        let connection =
            usize::try_from(puts[0].sequence / u64::from(self.plan.batch)).unwrap_or(0) % self.clients.len();
        let mut pause = BACKOFF_FIRST;
        while !puts.is_empty() {
            let (operation, body) = put::request(&self.plan, &self.shared.ledger, connection, &puts);
            let answer = self.clients[connection].call(operation, body).await;
            let outcomes = put::outcomes(answer, puts.len());
            puts = self.settle(puts, outcomes, now_ns());
            let over = self.plan.drops || now_ns() >= give_up_ns;
            if !puts.is_empty() && over {
                self.sent.borrow_mut().dropped += count(puts.len());
                puts.drain(..).for_each(|put| self.close(put.sequence, Fate::Refused));
            } else if !puts.is_empty() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BACKOFF_LAST);
            }
        }
        drop(permit);
    }

    /// Books each answer; what was throttled comes back.
    fn settle(&self, puts: Vec<Put>, outcomes: Result<Vec<Outcome>, Failure>, now: u64) -> Vec<Put> {
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(failure) => {
                self.shared.complain(format!("put: {failure}"));
                let fate = if failure.is_refusal() { Fate::Refused } else { Fate::Unknown };
                let mut sent = self.sent.borrow_mut();
                sent.unknown += count(puts.len());
                sent.errors.not_retriable(&failure, count(puts.len()));
                drop(sent);
                puts.iter().for_each(|put| self.close(put.sequence, fate));
                return Vec::new();
            }
        };
        let mut throttled = Vec::new();
        for (put, outcome) in puts.into_iter().zip(outcomes) {
            if let Some(ramp) = &self.plan.ramp {
                let due_ns = put.intended_ns - self.start_ns;
                ramp.book(&mut self.sent.borrow_mut().met, due_ns, &outcome);
            }
            self.sent.borrow_mut().errors.retriable(&outcome);
            match outcome {
                Outcome::Acked { shard_id, sequence_number } => {
                    self.acked(&put, &shard_id, &sequence_number, now)
                }
                Outcome::Throttled | Outcome::Failed => throttled.push(put),
            }
        }
        self.shared.live.throttled.add(count(throttled.len()));
        throttled
    }

    fn acked(&self, put: &Put, shard_id: &str, sequence_number: &str, now: u64) {
        let shard = shard_number(shard_id);
        let agreed = self.shared.ledger.acked(put.sequence, identity(shard, sequence_number.as_bytes()));
        self.settled.borrow_mut().settle(put.sequence);
        self.shared.live.acked.add(1);
        let mut sent = self.sent.borrow_mut();
        sent.misplaced += u64::from(!agreed);
        sent.acked += 1;
        let (latency_ns, bytes) = (now.saturating_sub(put.intended_ns), self.plan.put_bytes());
        sent.ack.record(latency_ns);
        sent.slices.took(self.shared.timeline.get(), put.intended_ns, latency_ns);
        sent.slices.came(self.shared.timeline.get(), now, 1, bytes);
        let counted = self.start_ns + nanos(WARM_UP)..self.end_ns.get();
        if let Some((records, accepted)) =
            sent.accepted.get_mut(usize::from(shard)).filter(|_| counted.contains(&now))
        {
            *records += 1;
            *accepted += bytes;
        }
    }

    fn close(&self, sequence: u64, fate: Fate) {
        self.shared.ledger.settle(sequence, fate);
        self.settled.borrow_mut().settle(sequence);
    }

    /// Waits until nothing is in flight; every put is bounded by its own deadline.
    async fn finish(&self) {
        let now = now_ns();
        drop(self.in_flight.acquire_many(self.plan.in_flight).await);
        let mut sent = self.sent.borrow_mut();
        let end = now.min(self.end_ns.get()).max(self.start_ns);
        sent.secs = f64_of(end.max(self.start_ns + 1) - self.start_ns) / f64_of(NANOS_PER_SEC);
        sent.accepted_secs = (sent.secs - WARM_UP.as_secs_f64()).max(0.0);
    }
}

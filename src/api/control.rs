//! The catalog's shell: commands are journaled in the catalog's own log, applied once durable, and their
//! effects carried to the log and the hub. One change at a time.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_local;

use crate::catalog::{Catalog, Command, Effect, Rejection, Shard, Stream};
use crate::limits;
use crate::platform::{Clock, random};
use crate::push::{ChildShard, Hub};
use crate::storage::{From, StorageError, Store};
use crate::telemetry::names;
use crate::types::{LogId, Offset, StreamKey};
use crate::wire::SealKey;

use super::ApiError;

/// Bytes of the catalog's log read at a time when it is replayed.
const REPLAY_BYTES: usize = 1 << 20;
/// Bytes of the key that seals iterators and page tokens.
const SECRET_BYTES: usize = 32;

/// The control plane's one writer.
pub struct Control {
    catalog: RefCell<Catalog>,
    store: Store,
    hub: Rc<Hub>,
    clock: Clock,
    turn: Arc<Mutex<()>>,
    changed: Notify,
    transition_millis: u64,
    /// Shards are leaving the catalog.
    is_forgetting: Cell<bool>,
}

impl Control {
    /// Rebuilds the catalog from its log and opens the logs it knows; `Store::run` must be under way.
    /// States that clients can observe last `transition_millis`.
    pub async fn open(
        store: Store,
        hub: Rc<Hub>,
        clock: Clock,
        transition_millis: u64,
    ) -> Result<Rc<Self>, StorageError> {
        store.engine().open_log(LogId::CATALOG);
        let catalog = RefCell::new(replay(&store).await?);
        let (turn, changed, is_forgetting) = (Arc::default(), Notify::new(), Cell::new(false));
        let control = Self { catalog, store, hub, clock, turn, changed, transition_millis, is_forgetting };
        if control.catalog().secret().is_empty() {
            control.require_nothing_else()?;
            let mut secret = [0; SECRET_BYTES];
            random::fill_secret(&mut secret);
            let secret = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            control.journal(Command::Genesis { secret }).await?;
        }
        control.adopt_logs();
        Ok(Rc::new(control))
    }

    /// Logs of shards without a catalog: it was lost, and they are not to be removed as if their streams had
    /// been deleted.
    fn require_nothing_else(&self) -> Result<(), StorageError> {
        let others = self.store.engine().log_ids().len() - 1;
        if others == 0 {
            return Ok(());
        }
        let what = format!("nothing of the catalog is there, though {others} logs of shards are");
        Err(StorageError::Damaged { log: LogId::CATALOG, what })
    }

    /// The catalog as it stands. Not to be held across an await.
    pub fn catalog(&self) -> Ref<'_, Catalog> {
        self.catalog.borrow()
    }

    /// The stream, in whatever state.
    pub(super) fn stream(&self, key: &StreamKey) -> Option<Arc<Stream>> {
        self.catalog().stream(key).cloned()
    }

    pub(super) fn seal_key(&self) -> SealKey {
        SealKey::new(self.catalog().secret().as_bytes())
    }

    /// Makes one change: `decide` sees the catalog as the command will find it, and gives the command or
    /// the reason against it.
    pub(super) async fn change(
        self: &Rc<Self>,
        decide: impl FnOnce(&Catalog) -> Result<Command, ApiError>,
    ) -> Result<(), ApiError> {
        let turn = self.turn.clone().lock_owned().await;
        let command = self.catalog().in_order(decide(&self.catalog())?);
        // In a task of its own: a client that leaves now must not leave a journaled command unapplied.
        let control = self.clone();
        let journaled = spawn_local(async move {
            let outcome = control.journal(command).await;
            drop(turn);
            outcome
        });
        journaled.await.map_err(|_| ApiError::internal())?.map_err(ApiError::from)
    }

    /// Takes the transitions that are due, for ever.
    pub async fn run_transitions(&self) {
        loop {
            let next = self.catalog().next_transition(self.transition_millis);
            let Some((due, command)) = next else {
                self.changed.notified().await;
                continue;
            };
            let wait = due.millis_since(self.clock.wall());
            // Further off than states last: the clock was set back.
            if (1..=self.transition_millis).contains(&wait) {
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = tokio::time::sleep(Duration::from_millis(wait)) => {}
                }
                continue;
            }
            if self.take_transition(command).await.is_err() {
                // The commit failed or the log has stopped for now: it is tried again.
                tokio::time::sleep(Duration::from_millis(limits::RESUME_MILLIS)).await;
            }
        }
    }

    /// Gives back the space of records past their streams' retention.
    pub fn trim_expired(&self) {
        let now = self.clock.wall();
        for stream in self.catalog().streams() {
            let horizon = stream.trim_horizon(now);
            for shard in &stream.shards {
                self.store.engine().trim(shard.log, horizon);
            }
        }
    }

    /// Lets go of closed shards whose records are all past retention and to which nobody is subscribed any
    /// more; so many at a time, the others next time.
    pub fn forget_expired(self: &Rc<Self>) {
        if self.is_forgetting.get() || self.next_forgetting().is_none() {
            return;
        }
        self.is_forgetting.set(true);
        let control = self.clone();
        spawn_local(async move {
            for _ in 0..limits::SHARDS_FORGOTTEN_TURNS_MAX {
                if !control.forget_some().await {
                    break;
                }
            }
            control.is_forgetting.set(false);
        });
    }

    /// Takes one turn of it; tells whether there may be more to do.
    async fn forget_some(&self) -> bool {
        let _turn = self.turn.lock().await;
        match self.next_forgetting() {
            // What fails is tried again next time.
            Some(command) => self.journal(command).await.is_ok(),
            None => false,
        }
    }

    fn next_forgetting(&self) -> Option<Command> {
        let now = self.clock.wall();
        let catalog = self.catalog();
        let engine = self.store.engine();
        let is_past = |shard: &Shard, horizon| engine.is_past(shard.log, horizon);
        catalog.next_forgetting(now, limits::SHARDS_FORGOTTEN_MAX, |shard, horizon| {
            is_past(shard, horizon) && !self.hub.has_audience(shard.log)
        })
    }

    async fn take_transition(&self, command: Command) -> Result<(), StorageError> {
        let _turn = self.turn.lock().await;
        let still_due = self.catalog().next_transition(self.transition_millis);
        if still_due.is_some_and(|(_, due)| due == command) {
            self.journal(command).await?;
        }
        Ok(())
    }

    /// Makes a command durable, applies it and carries out its effects.
    async fn journal(&self, command: Command) -> Result<(), StorageError> {
        let text = serde_json::to_vec(&command).expect("commands are plain data");
        let appended = self.store.append(LogId::CATALOG, b"", &text)?;
        self.store.submit();
        appended.ack.wait().await?;
        let effect = self.catalog.borrow_mut().apply(&command);
        match effect {
            Ok(effect) => self.carry_out(&effect),
            Err(rejection) => tracing::warn!(%rejection, ?command, "a command no longer applied"),
        }
        gauge!(names::STREAMS).set(self.catalog().stream_count() as f64);
        self.changed.notify_one();
        Ok(())
    }

    fn carry_out(&self, effect: &Effect) {
        for &log in &effect.opened {
            self.store.engine().open_log(log);
        }
        for &log in &effect.closed {
            self.hub.close_shard(log, children_of(&self.catalog(), log));
        }
        // The logs first: a subscription whose stream went says so, not that its consumer did.
        for &log in &effect.removed {
            self.hub.end_log(log);
            self.store.engine().remove_log(log);
        }
        for &consumer in &effect.ended_consumers {
            self.hub.end_consumer(consumer);
        }
    }

    fn adopt_logs(&self) {
        let mut known = self.catalog().logs();
        known.push(LogId::CATALOG);
        for (log, damage) in self.store.engine().retain_logs(&known) {
            tracing::error!(%log, %damage, "a shard's log is damaged: it is neither read nor written");
        }
        gauge!(names::STREAMS).set(self.catalog().stream_count() as f64);
    }
}

/// What took over from the closed shard of `log`.
fn children_of(catalog: &Catalog, log: LogId) -> Vec<ChildShard> {
    let address = catalog.address(log);
    let stream = address.and_then(|address| catalog.stream(&address.stream).cloned());
    match (address, stream) {
        (Some(address), Some(stream)) => {
            stream.shard(address.shard).map_or_else(Vec::new, |shard| child_shards(&stream, shard))
        }
        _ => Vec::new(),
    }
}

/// The children of a closed shard, each with all its parents.
pub(super) fn child_shards(stream: &Stream, shard: &Shard) -> Vec<ChildShard> {
    let children = shard.children.iter().filter_map(|&id| stream.shard(id));
    children
        .map(|child| ChildShard { id: child.id, parents: child.parents().collect(), range: child.range })
        .collect()
}

async fn replay(store: &Store) -> Result<Catalog, StorageError> {
    let mut catalog = Catalog::default();
    let mut next = Offset::ZERO;
    loop {
        let batches = store.read(LogId::CATALOG, From::Offset(next), REPLAY_BYTES).await?;
        let Some(last) = batches.last() else { return Ok(catalog) };
        let end = last.end();
        for record in batches.iter().flat_map(|batch| batch.records()).filter(|record| record.offset >= next)
        {
            replay_one(&mut catalog, &record.data)?;
        }
        next = end;
    }
}

fn replay_one(catalog: &mut Catalog, text: &[u8]) -> Result<(), StorageError> {
    let damaged = |what| StorageError::Damaged { log: LogId::CATALOG, what };
    let command: Command = serde_json::from_slice(text)
        .map_err(|error| damaged(format!("a command of an unknown form: {error}")))?;
    if catalog.secret().is_empty() && !matches!(command, Command::Genesis { .. }) {
        return Err(damaged("what is left of the catalog does not begin with its first command".to_owned()));
    }
    // Rejected then, rejected now: the command changed nothing.
    let _: Result<Effect, Rejection> = catalog.apply(&command);
    Ok(())
}

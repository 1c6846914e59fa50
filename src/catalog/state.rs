//! The catalog itself: applies commands, answers look-ups. Streams are shared immutably, so that a request
//! keeps seeing the stream it began with.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::{Command, Commitment, Consumer, ConsumerStatus, Rejection, Shard, Stream, StreamStatus};
use crate::types::hash_key::even_ranges;
use crate::types::{HashKeyRange, LogId, ShardId, StreamKey, Timestamp};

/// What the shell has to do after a command was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Logs that begin.
    pub opened: Vec<LogId>,
    /// Logs of shards that closed: their readers come to an end.
    pub closed: Vec<LogId>,
    /// Logs that are gone.
    pub removed: Vec<LogId>,
    /// Consumers that may not read any more.
    pub ended_consumers: Vec<u64>,
}

/// Which shard a log belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardAddress {
    /// The stream.
    pub stream: StreamKey,
    /// The shard in it.
    pub shard: ShardId,
}

/// All streams of all accounts this server plays.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    secret: String,
    streams: BTreeMap<StreamKey, Arc<Stream>>,
    commitments: BTreeMap<Option<String>, Commitment>,
    pub(super) addresses: HashMap<LogId, ShardAddress>,
    next_log: u64,
    next_consumer: u64,
}

impl Catalog {
    /// The key of iterators and page tokens; empty before genesis.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The stream, in whatever state.
    pub fn stream(&self, key: &StreamKey) -> Option<&Arc<Stream>> {
        self.streams.get(key)
    }

    /// All streams by account and name.
    pub fn streams(&self) -> impl DoubleEndedIterator<Item = &Arc<Stream>> {
        self.streams.values()
    }

    /// Streams of an account whose names come after `name`, in order.
    pub fn streams_after<'a>(
        &'a self,
        account: Option<&'a str>,
        name: &str,
    ) -> impl Iterator<Item = &'a Arc<Stream>> {
        let after = (Bound::Excluded(StreamKey::new(account, name)), Bound::Unbounded);
        // Those of the server's own account stand among the others by their first letters.
        let ours = move |(key, _): &(&StreamKey, _)| key.account() == account;
        self.streams.range(after).filter(ours).map(|(_, stream)| stream)
    }

    /// Streams of an account.
    pub fn streams_of<'a>(&'a self, account: Option<&'a str>) -> impl Iterator<Item = &'a Arc<Stream>> {
        self.streams().filter(move |stream| stream.key.account() == account)
    }

    /// How many streams there are.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// Open shards of all streams of an account.
    pub fn open_shard_count(&self, account: Option<&str>) -> usize {
        self.streams_of(account).map(|stream| stream.open_shard_count()).sum()
    }

    /// What an account has committed itself to.
    pub fn commitment(&self, account: Option<&str>) -> Option<&Commitment> {
        self.commitments.get(&account.map(str::to_owned))
    }

    /// Whose records a log holds.
    pub fn address(&self, log: LogId) -> Option<&ShardAddress> {
        self.addresses.get(&log)
    }

    /// Logs of all shards.
    pub fn logs(&self) -> Vec<LogId> {
        self.addresses.keys().copied().collect()
    }

    /// Applies one command.
    pub fn apply(&mut self, command: &Command) -> Result<Effect, Rejection> {
        match command {
            Command::Genesis { secret } => {
                self.secret.clone_from(secret);
                Ok(Effect::default())
            }
            Command::CreateStream { .. } => self.create_stream(command),
            Command::ActivateStream { stream, at } => {
                self.set_stream_status(stream, StreamStatus::Active, *at)
            }
            Command::DeleteStream { stream, at } => {
                self.set_stream_status(stream, StreamStatus::Deleting, *at)
            }
            Command::RemoveStream { stream } => self.remove_stream(stream),
            Command::Reshard { stream, at, parents, starts } => self.reshard(stream, *at, parents, starts),
            Command::Rescale { stream, at, starts } => self.rescale(stream, *at, starts),
            Command::ForgetShards { stream, shards } => self.forget_shards(stream, shards),
            Command::RegisterConsumer { stream, consumer, at, tags } => {
                self.register_consumer(stream, consumer, *at, tags)
            }
            Command::ActivateConsumer { stream, consumer, at } => {
                self.set_consumer_status(stream, consumer, ConsumerStatus::Active, *at)
            }
            Command::DeregisterConsumer { stream, consumer, at } => {
                self.set_consumer_status(stream, consumer, ConsumerStatus::Deleting, *at)
            }
            Command::RemoveConsumer { stream, consumer } => self.remove_consumer(stream, consumer),
            Command::SetCommitment { account, at, status } => {
                let before = self.commitments.remove(account);
                let after = Commitment::after(before, *status, *at);
                self.commitments.extend(after.map(|commitment| (account.clone(), commitment)));
                Ok(Effect::default())
            }
            Command::SetMode { stream, at, .. } | Command::SetWarmThroughput { stream, at, .. } => {
                self.stream_mut(stream)?.change(command)?;
                self.warm_up(stream, *at)
            }
            Command::SetRetention { stream, .. }
            | Command::SetMaxRecord { stream, .. }
            | Command::SetDistribution { stream, .. }
            | Command::SetEncryption { stream, .. }
            | Command::SetMonitoring { stream, .. }
            | Command::ChangeTags { stream, .. }
            | Command::SetPolicy { stream, .. } => {
                self.stream_mut(stream)?.change(command)?;
                Ok(Effect::default())
            }
        }
    }

    fn create_stream(&mut self, command: &Command) -> Result<Effect, Rejection> {
        let Command::CreateStream { stream: key, at, shards, .. } = command else {
            unreachable!("told apart by the caller")
        };
        if self.streams.contains_key(key) {
            return Err(Rejection::StreamExists);
        }
        let mut stream = Stream::created_by(command);
        let mut effect = Effect::default();
        for range in even_ranges(*shards) {
            effect.opened.push(self.open_shard(&mut stream, range, *at, &[]));
        }
        stream.index_open();
        self.streams.insert(key.clone(), Arc::new(stream));
        Ok(effect)
    }

    /// Adds a shard with the stream's next id and a log of its own.
    pub(super) fn open_shard(
        &mut self,
        stream: &mut Stream,
        range: HashKeyRange,
        at: Timestamp,
        parents: &[ShardId],
    ) -> LogId {
        self.next_log += 1;
        let log = LogId(self.next_log);
        let id = stream.next_shard_id();
        let (parent, adjacent_parent) = (parents.first().copied(), parents.get(1).copied());
        let children = Vec::new();
        stream.shards.push(Shard {
            id,
            log,
            range,
            created: at,
            parent,
            adjacent_parent,
            closed: None,
            children,
        });
        self.addresses.insert(log, ShardAddress { stream: stream.key.clone(), shard: id });
        log
    }

    /// Puts a changed stream in place of the one before.
    pub(super) fn replace(&mut self, stream: Stream) {
        self.streams.insert(stream.key.clone(), Arc::new(stream));
    }

    pub(super) fn stream_mut(&mut self, key: &StreamKey) -> Result<&mut Stream, Rejection> {
        self.streams.get_mut(key).map(Arc::make_mut).ok_or(Rejection::NoSuchStream)
    }

    fn set_stream_status(
        &mut self,
        key: &StreamKey,
        status: StreamStatus,
        at: Timestamp,
    ) -> Result<Effect, Rejection> {
        let stream = self.stream_mut(key)?;
        if stream.status == StreamStatus::Deleting {
            return Err(Rejection::StreamState);
        }
        (stream.status, stream.since) = (status, at);
        Ok(Effect::default())
    }

    fn remove_stream(&mut self, key: &StreamKey) -> Result<Effect, Rejection> {
        let stream = self.streams.remove(key).ok_or(Rejection::NoSuchStream)?;
        let removed: Vec<_> = stream.shards.iter().map(|shard| shard.log).collect();
        for log in &removed {
            self.addresses.remove(log);
        }
        let ended_consumers = stream.consumers.values().map(|consumer| consumer.id).collect();
        Ok(Effect { removed, ended_consumers, ..Effect::default() })
    }

    fn register_consumer(
        &mut self,
        stream: &StreamKey,
        name: &str,
        at: Timestamp,
        tags: &BTreeMap<String, String>,
    ) -> Result<Effect, Rejection> {
        let id = self.next_consumer;
        let stream = self.stream_mut(stream)?;
        if stream.consumers.contains_key(name) {
            return Err(Rejection::ConsumerExists);
        }
        let status = ConsumerStatus::Creating;
        let tags = tags.clone();
        let consumer =
            Consumer { name: name.to_owned(), id, created: at, status, since: at, tags, policy: None };
        stream.consumers.insert(name.to_owned(), consumer);
        self.next_consumer += 1;
        Ok(Effect::default())
    }

    fn set_consumer_status(
        &mut self,
        stream: &StreamKey,
        name: &str,
        status: ConsumerStatus,
        at: Timestamp,
    ) -> Result<Effect, Rejection> {
        let stream = self.stream_mut(stream)?;
        let consumer = stream.consumers.get_mut(name).ok_or(Rejection::NoSuchConsumer)?;
        (consumer.status, consumer.since) = (status, at);
        let ended_consumers = if status == ConsumerStatus::Deleting { vec![consumer.id] } else { Vec::new() };
        Ok(Effect { ended_consumers, ..Effect::default() })
    }

    fn remove_consumer(&mut self, stream: &StreamKey, name: &str) -> Result<Effect, Rejection> {
        self.stream_mut(stream)?.consumers.remove(name).ok_or(Rejection::NoSuchConsumer)?;
        Ok(Effect::default())
    }
}

//! The catalog itself: applies commands, answers look-ups. Streams are shared immutably, so that a request
//! keeps seeing the stream it began with.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Command, Consumer, ConsumerStatus, Rejection, Shard, Stream, StreamMode, StreamStatus};
use crate::limits;
use crate::types::hash_key::even_ranges;
use crate::types::{HashKey, HashKeyRange, LogId, ShardId, Timestamp};

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
    /// The stream's name.
    pub stream: String,
    /// The shard in it.
    pub shard: ShardId,
}

/// All streams of the account this server serves.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    secret: String,
    streams: BTreeMap<String, Arc<Stream>>,
    addresses: HashMap<LogId, ShardAddress>,
    next_log: u64,
    next_consumer: u64,
}

impl Catalog {
    /// The key of iterators and page tokens; empty before genesis.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The stream of this name, in whatever state.
    pub fn stream(&self, name: &str) -> Option<&Arc<Stream>> {
        self.streams.get(name)
    }

    /// All streams by name.
    pub fn streams(&self) -> impl DoubleEndedIterator<Item = &Arc<Stream>> {
        self.streams.values()
    }

    /// Streams whose names come after `name`.
    pub fn streams_after<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Arc<Stream>> {
        let after = (std::ops::Bound::Excluded(name.to_owned()), std::ops::Bound::Unbounded);
        self.streams.range(after).map(|(_, stream)| stream)
    }

    /// How many streams there are.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// Open shards of all streams.
    pub fn open_shard_count(&self) -> usize {
        self.streams.values().map(|stream| stream.open_shard_count()).sum()
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
            Command::CreateStream { stream, at, mode, shards, max_record_kib, tags } => {
                self.create_stream(stream, *at, *mode, *shards, (*max_record_kib, tags))
            }
            Command::ActivateStream { stream, at } => {
                self.set_stream_status(stream, StreamStatus::Active, *at)
            }
            Command::DeleteStream { stream, at } => self.delete_stream(stream, *at),
            Command::RemoveStream { stream } => self.remove_stream(stream),
            Command::SetRetention { stream, hours } => {
                self.stream_mut(stream)?.retention_hours = *hours;
                Ok(Effect::default())
            }
            Command::Reshard { stream, at, parents, starts } => self.reshard(stream, *at, parents, starts),
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
        }
    }

    fn create_stream(
        &mut self,
        name: &str,
        at: Timestamp,
        mode: StreamMode,
        shards: u32,
        (max_record_kib, tags): (u32, &BTreeMap<String, String>),
    ) -> Result<Effect, Rejection> {
        if self.streams.contains_key(name) {
            return Err(Rejection::StreamExists);
        }
        let mut stream = Stream {
            name: name.to_owned(),
            created: at,
            status: StreamStatus::Creating,
            since: at,
            mode,
            retention_hours: limits::RETENTION_HOURS_DEFAULT,
            max_record_kib,
            shards: Vec::new(),
            consumers: BTreeMap::new(),
            tags: tags.clone(),
            open: Vec::new(),
        };
        let mut effect = Effect::default();
        for range in even_ranges(shards) {
            effect.opened.push(self.open_shard(&mut stream, range, at, &[]));
        }
        stream.index_open();
        self.streams.insert(name.to_owned(), Arc::new(stream));
        Ok(effect)
    }

    /// Adds a shard with the stream's next id and a log of its own.
    fn open_shard(
        &mut self,
        stream: &mut Stream,
        range: HashKeyRange,
        at: Timestamp,
        parents: &[ShardId],
    ) -> LogId {
        self.next_log += 1;
        let log = LogId(self.next_log);
        let id = ShardId(stream.shards.last().map_or(0, |last| last.id.0 + 1));
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
        self.addresses.insert(log, ShardAddress { stream: stream.name.clone(), shard: id });
        log
    }

    fn stream_mut(&mut self, name: &str) -> Result<&mut Stream, Rejection> {
        self.streams.get_mut(name).map(Arc::make_mut).ok_or(Rejection::NoSuchStream)
    }

    fn set_stream_status(
        &mut self,
        name: &str,
        status: StreamStatus,
        at: Timestamp,
    ) -> Result<Effect, Rejection> {
        let stream = self.stream_mut(name)?;
        if stream.status == StreamStatus::Deleting {
            return Err(Rejection::StreamState);
        }
        (stream.status, stream.since) = (status, at);
        Ok(Effect::default())
    }

    fn delete_stream(&mut self, name: &str, at: Timestamp) -> Result<Effect, Rejection> {
        self.set_stream_status(name, StreamStatus::Deleting, at)
    }

    fn remove_stream(&mut self, name: &str) -> Result<Effect, Rejection> {
        let stream = self.streams.remove(name).ok_or(Rejection::NoSuchStream)?;
        let removed: Vec<_> = stream.shards.iter().map(|shard| shard.log).collect();
        for log in &removed {
            self.addresses.remove(log);
        }
        let ended_consumers = stream.consumers.values().map(|consumer| consumer.id).collect();
        Ok(Effect { removed, ended_consumers, ..Effect::default() })
    }

    fn reshard(
        &mut self,
        name: &str,
        at: Timestamp,
        parents: &[ShardId],
        starts: &[HashKey],
    ) -> Result<Effect, Rejection> {
        let mut stream = Stream::clone(self.streams.get(name).ok_or(Rejection::NoSuchStream)?);
        let whole = range_of(&stream, parents).ok_or(Rejection::Shards)?;
        let ranges = cut(whole, starts).ok_or(Rejection::Shards)?;
        let first_child = stream.shards.last().map_or(0, |last| last.id.0 + 1);
        let child_count = u32::try_from(ranges.len()).map_err(|_| Rejection::Shards)?;
        let mut effect = Effect::default();
        for &parent in parents {
            let shard = stream.shard_mut(parent).ok_or(Rejection::Shards)?;
            shard.closed = Some(at);
            shard.children = (first_child..first_child + child_count).map(ShardId).collect();
            effect.closed.push(shard.log);
        }
        for range in ranges {
            effect.opened.push(self.open_shard(&mut stream, range, at, parents));
        }
        (stream.status, stream.since) = (StreamStatus::Updating, at);
        stream.index_open();
        self.streams.insert(name.to_owned(), Arc::new(stream));
        Ok(effect)
    }

    fn register_consumer(
        &mut self,
        stream: &str,
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
        let consumer = Consumer { name: name.to_owned(), id, created: at, status, since: at, tags };
        stream.consumers.insert(name.to_owned(), consumer);
        self.next_consumer += 1;
        Ok(Effect::default())
    }

    fn set_consumer_status(
        &mut self,
        stream: &str,
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

    fn remove_consumer(&mut self, stream: &str, name: &str) -> Result<Effect, Rejection> {
        self.stream_mut(stream)?.consumers.remove(name).ok_or(Rejection::NoSuchConsumer)?;
        Ok(Effect::default())
    }
}

/// The hash range that open, adjacent `parents` cover together.
fn range_of(stream: &Stream, parents: &[ShardId]) -> Option<HashKeyRange> {
    let shards: Vec<_> = parents.iter().map(|&id| stream.shard(id)).collect::<Option<_>>()?;
    let adjacent =
        shards.windows(2).all(|pair| pair[0].range.end.0.checked_add(1) == Some(pair[1].range.start.0));
    let (first, last) = (shards.first()?, shards.last()?);
    (adjacent && shards.iter().all(|shard| shard.is_open()))
        .then_some(HashKeyRange { start: first.range.start, end: last.range.end })
}

/// Cuts a range at ascending `starts`, the first of which is its own.
fn cut(whole: HashKeyRange, starts: &[HashKey]) -> Option<Vec<HashKeyRange>> {
    let ascending = starts.windows(2).all(|pair| pair[0] < pair[1]);
    let inside = starts.first() == Some(&whole.start) && starts.last().is_some_and(|last| *last <= whole.end);
    if !ascending || !inside {
        return None;
    }
    let ends = starts.iter().skip(1).map(|next| HashKey(next.0 - 1)).chain([whole.end]);
    Some(starts.iter().zip(ends).map(|(&start, end)| HashKeyRange { start, end }).collect())
}

//! Changes of a stream that touch none of its shards: what it is called with, how it is seen, who may use it.

use std::collections::{BTreeMap, BTreeSet};

use super::stream::Recent;
use super::{Command, Consumer, Rejection, Stream, StreamStatus};
use crate::limits;
use crate::types::Timestamp;

impl Stream {
    /// The stream as a `CreateStream` has it begin, without shards.
    pub(super) fn created_by(command: &Command) -> Self {
        let Command::CreateStream {
            stream: key,
            at,
            mode,
            max_record_kib,
            tags,
            auto_distribution,
            warm_mibps,
            ..
        } = command
        else {
            unreachable!("told apart by the caller")
        };
        Self {
            key: key.clone(),
            name: key.name().to_owned(),
            created: *at,
            status: StreamStatus::Creating,
            since: *at,
            mode: *mode,
            retention_hours: limits::RETENTION_HOURS_DEFAULT,
            expired: Timestamp::default(),
            max_record_kib: *max_record_kib,
            shards: Vec::new(),
            whole_since: Timestamp::default(),
            consumers: BTreeMap::new(),
            tags: tags.clone(),
            encryption_key: None,
            metrics: BTreeSet::new(),
            policy: None,
            warm_mibps: *warm_mibps,
            auto_distribution: *auto_distribution,
            recent: Recent::default(),
            open: Vec::new(),
        }
    }

    /// Applies a command that is about this stream alone.
    pub(super) fn change(&mut self, command: &Command) -> Result<(), Rejection> {
        match command {
            Command::SetRetention { at, hours, .. } => {
                self.expired = self.trim_horizon(*at);
                self.retention_hours = *hours;
            }
            Command::SetMode { at, mode, warm_mibps, .. } => {
                if *mode != self.mode {
                    Recent::note(&mut self.recent.modes, *at);
                }
                (self.mode, self.warm_mibps) = (*mode, *warm_mibps);
                self.auto_distribution &= *mode == super::StreamMode::OnDemand;
                self.updating(*at);
            }
            Command::SetMaxRecord { at, kib, .. } => {
                self.max_record_kib = *kib;
                self.updating(*at);
            }
            Command::SetWarmThroughput { at, mibps, .. } => {
                self.warm_mibps = Some(*mibps);
                self.updating(*at);
            }
            Command::SetDistribution { auto, .. } => self.auto_distribution = *auto,
            Command::SetEncryption { at, key, .. } => self.set_encryption(key.as_ref(), *at),
            Command::SetMonitoring { metrics, .. } => self.metrics.clone_from(metrics),
            Command::ChangeTags { consumer, set, remove, .. } => {
                let tags = match consumer {
                    Some(name) => &mut self.consumer_mut(name)?.tags,
                    None => &mut self.tags,
                };
                tags.retain(|key, _| !remove.contains(key));
                tags.extend(set.clone());
            }
            Command::SetPolicy { consumer: Some(name), policy, .. } => {
                self.consumer_mut(name)?.policy.clone_from(policy);
            }
            Command::SetPolicy { consumer: None, policy, .. } => self.policy.clone_from(policy),
            _ => unreachable!("told apart by the caller"),
        }
        Ok(())
    }

    fn set_encryption(&mut self, key: Option<&String>, at: Timestamp) {
        let Recent { encryptions, decryptions, .. } = &mut self.recent;
        Recent::note(if key.is_some() { encryptions } else { decryptions }, at);
        self.encryption_key = key.cloned();
        self.updating(at);
    }

    /// Observable for a moment; a stream that is being created or deleted goes on with that.
    fn updating(&mut self, at: Timestamp) {
        if matches!(self.status, StreamStatus::Active | StreamStatus::Updating) {
            (self.status, self.since) = (StreamStatus::Updating, at);
        }
    }

    fn consumer_mut(&mut self, name: &str) -> Result<&mut Consumer, Rejection> {
        self.consumers.get_mut(name).ok_or(Rejection::NoSuchConsumer)
    }
}

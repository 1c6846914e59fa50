//! Where reading begins: the five kinds both `GetShardIterator` and `SubscribeToShard` know, held against
//! the shard they are used on and turned into an offset.

use crate::catalog::{Shard, Stream};
use crate::push::ShardIdentity;
use crate::storage::{From, StorageError};
use crate::types::sequence_number::Parsed;
use crate::types::{Offset, SequenceNumber, Timestamp};

use super::resource_ref::no_shard_to_read;
use super::{ApiError, Context};

/// The kinds in the order the service prints them.
pub(super) const KINDS: &[&str] =
    &["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];

/// A position as asked for.
pub(super) struct Position<'v> {
    pub(super) kind: &'static str,
    pub(super) sequence_number: Option<&'v str>,
    pub(super) timestamp: Option<Timestamp>,
    /// The operation, for texts.
    pub(super) operation: &'static str,
}

impl Position<'_> {
    /// The offset of the first record due, or the tip's where there is none yet.
    pub(super) async fn resolve(
        &self,
        context: &Context,
        stream: &Stream,
        shard: &Shard,
    ) -> Result<Offset, ApiError> {
        let horizon = From::Time(stream.trim_horizon(context.clock.wall()));
        match self.kind {
            "LATEST" => self.without_number().and_then(|()| tip(context, stream, shard)),
            "TRIM_HORIZON" => {
                self.without_number()?;
                first_from(context, stream, shard, horizon).await
            }
            "AT_TIMESTAMP" => {
                let time = self.time(context)?.max(stream.trim_horizon(context.clock.wall()));
                first_from(context, stream, shard, From::Time(time)).await
            }
            _ => match self.number_offset(context, stream, shard)? {
                Some(offset) => Ok(offset),
                None => first_from(context, stream, shard, horizon).await,
            },
        }
    }

    fn without_number(&self) -> Result<(), ApiError> {
        match self.sequence_number {
            None => Ok(()),
            Some(_) => Err(self.wrong_number("also a StartingSequenceNumber.")),
        }
    }

    fn wrong_number(&self, given: &str) -> ApiError {
        ApiError::invalid_argument(format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or \
             (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {} and {given}",
            self.kind
        ))
    }

    fn time(&self, context: &Context) -> Result<Timestamp, ApiError> {
        let time = self.timestamp.ok_or_else(|| {
            ApiError::invalid_argument(
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has \
                 no timestamp parameter.",
            )
        })?;
        let now = context.clock.wall();
        if time > now {
            return Err(ApiError::invalid_argument(format!(
                "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                 timestampInMillis: {}, currentTimestampInMillis: {}",
                time.as_millis(),
                now.as_millis()
            )));
        }
        Ok(time)
    }

    /// The offset a sequence number stands for; `None` for `0`, which means the oldest record.
    fn number_offset(
        &self,
        context: &Context,
        stream: &Stream,
        shard: &Shard,
    ) -> Result<Option<Offset>, ApiError> {
        let text = self.sequence_number.ok_or_else(|| self.wrong_number("no StartingSequenceNumber."))?;
        let invalid = |reason: &str| {
            let (id, name, account) = (shard.id, &stream.name, &context.identity.account);
            ApiError::invalid_argument(format!(
                "StartingSequenceNumber {text} used in {} on shard {id} in stream {name} under account {account} \
                 is invalid{reason}",
                self.operation
            ))
        };
        let number = match SequenceNumber::parse(text) {
            Ok(Parsed::Zero) => return Ok(None),
            Ok(Parsed::Number(number)) => number,
            Err(_) => return Err(invalid(".")),
        };
        if number.shard() != shard.id {
            return Err(ApiError::invalid_argument(format!(
                "Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a shard with {}",
                number.shard(),
                shard.id
            )));
        }
        if number.created_secs() != shard.created.as_secs() {
            return Err(invalid(" because it did not come from this stream."));
        }
        Ok(Some(offset_of(number, self.kind == "AFTER_SEQUENCE_NUMBER")))
    }
}

/// The first offset at (or after) a number. Index 0 is before all records, index n is record n - 1 when
/// its pair is 0, and between that record and the next when it is not: a continuation.
fn offset_of(number: SequenceNumber, after: bool) -> Offset {
    let skip_record = after || number.pair() > 0 || number.index() == 0;
    Offset(if skip_record { number.index() } else { number.index() - 1 })
}

pub(super) fn identity_of(shard: &Shard) -> ShardIdentity {
    ShardIdentity { shard: shard.id, created_secs: shard.created.as_secs() }
}

fn tip(context: &Context, stream: &Stream, shard: &Shard) -> Result<Offset, ApiError> {
    context.store.tip(shard.log).ok_or_else(|| no_shard_to_read(context, &stream.name, shard.id))
}

/// Offset of the first record at or after `from`, or the tip.
async fn first_from(
    context: &Context,
    stream: &Stream,
    shard: &Shard,
    from: From,
) -> Result<Offset, ApiError> {
    let end = tip(context, stream, shard)?;
    let batches = match context.store.read(shard.log, from, 1).await {
        // It went while it was read.
        Err(StorageError::NoSuchLog(_)) => return Err(no_shard_to_read(context, &stream.name, shard.id)),
        batches => batches?,
    };
    let is_due = |record: &crate::shard_log::Record| match from {
        From::Offset(offset) => record.offset >= offset,
        From::Time(time) => record.arrival >= time,
    };
    let first = batches.iter().flat_map(|batch| batch.records()).find(is_due);
    Ok(first.map_or(end, |record| record.offset))
}

//! How inputs name streams: by name, by ARN, or by both in agreement.

use std::sync::Arc;

use crate::catalog::{Shard, Stream, StreamStatus};
use crate::types::{ShardId, StreamArn};
use crate::wire::{Members, Pattern};

use super::{ApiError, Context};

/// `StreamName`, `StreamARN`, or both.
pub(super) struct StreamRef<'v> {
    name: Option<&'v str>,
    arn: Option<&'v str>,
}

impl<'v> StreamRef<'v> {
    /// Reads both members.
    pub(super) fn read(m: &mut Members<'_, 'v>) -> Self {
        Self::around(m, |_| ()).0
    }

    /// Reads both members, and with `read` those that the model has between them.
    pub(super) fn around<T>(
        m: &mut Members<'_, 'v>,
        read: impl FnOnce(&mut Members<'_, 'v>) -> T,
    ) -> (Self, T) {
        let name = m.text("StreamName").length(1, 128).pattern(Pattern::Name).optional();
        let between = read(m);
        (Self { name, arn: Self::optional_arn(m) }, between)
    }

    /// Reads both members where the model has them the other way round.
    pub(super) fn read_arn_first(m: &mut Members<'_, 'v>) -> Self {
        let arn = Self::optional_arn(m);
        Self { name: m.text("StreamName").length(1, 128).pattern(Pattern::Name).optional(), arn }
    }

    fn optional_arn(m: &mut Members<'_, 'v>) -> Option<&'v str> {
        m.text("StreamARN").length(1, 2048).pattern(Pattern::StreamArn).optional()
    }

    /// Reads a required `StreamARN` alone.
    pub(super) fn read_arn(m: &mut Members<'_, 'v>) -> Self {
        Self {
            name: None,
            arn: Some(m.text("StreamARN").length(1, 2048).pattern(Pattern::StreamArn).required()),
        }
    }

    /// No stream named at all.
    pub(super) const fn absent() -> Self {
        Self { name: None, arn: None }
    }

    /// A stream named by an ARN read before.
    pub(super) const fn of_arn(arn: &'v str) -> Self {
        Self { name: None, arn: Some(arn) }
    }

    /// Whether neither is given.
    pub(super) fn is_absent(&self) -> bool {
        self.name.is_none() && self.arn.is_none()
    }

    /// The stream, in whatever state.
    pub(super) fn resolve(&self, context: &Context) -> Result<Arc<Stream>, ApiError> {
        let name = self.name(context)?;
        context.stream(&name).ok_or_else(|| no_stream(context, &name))
    }

    /// The stream, if data can be written to it or read from it: while it is being created it is not found.
    pub(super) fn resolve_for_data(&self, context: &Context) -> Result<Arc<Stream>, ApiError> {
        let stream = self.resolve(context)?;
        if stream.takes_data() { Ok(stream) } else { Err(no_stream(context, &stream.name)) }
    }

    /// The stream's name, whether or not it exists.
    pub(super) fn name(&self, context: &Context) -> Result<String, ApiError> {
        let Some(arn) = self.arn else {
            let missing = || ApiError::invalid_argument("Either StreamName or StreamARN must be provided.");
            return self.name.map(str::to_owned).ok_or_else(missing);
        };
        let arn = StreamArn::parse(arn)
            .ok_or_else(|| ApiError::invalid_argument(format!("StreamARN {arn} is not a stream's ARN.")))?;
        if self.name.is_some_and(|name| name != arn.name) {
            return Err(ApiError::invalid_argument("StreamName and StreamARN name different streams."));
        }
        let identity = &context.identity;
        if arn.account != identity.account || arn.region != identity.region {
            let StreamArn { name, account, .. } = &arn;
            return Err(ApiError::not_found(format!("Stream {name} under account {account} not found.")));
        }
        Ok(arn.name)
    }
}

/// The text for a stream that does not exist.
pub(super) fn no_stream(context: &Context, name: &str) -> ApiError {
    ApiError::not_found(format!("Stream {name} under account {} not found.", context.identity.account))
}

/// The text of readers for a shard (or its stream) that does not exist.
pub(super) fn no_shard_to_read(context: &Context, stream: &str, shard: impl std::fmt::Display) -> ApiError {
    let account = &context.identity.account;
    ApiError::not_found(format!("Shard {shard} in stream {stream} under account {account} does not exist"))
}

/// The text of writers for a shard that does not exist or cannot be one.
pub(super) fn no_such_shard(context: &Context, stream: &str, shard: impl std::fmt::Display) -> ApiError {
    let account = &context.identity.account;
    ApiError::not_found(format!("Could not find shard {shard} in stream {stream} under account {account}."))
}

/// The shard of a stream named the lenient way the service reads shard ids.
pub(super) fn shard_to_read<'s>(
    context: &Context,
    stream: &'s Stream,
    text: &str,
) -> Result<&'s Shard, ApiError> {
    let id = ShardId::parse(text).ok_or_else(|| no_such_shard(context, &stream.name, text))?;
    stream.shard(id).ok_or_else(|| no_shard_to_read(context, &stream.name, id))
}

/// Refuses unless the stream is ACTIVE.
pub(super) fn require_active(context: &Context, stream: &Stream) -> Result<(), ApiError> {
    if stream.status == StreamStatus::Active {
        return Ok(());
    }
    let (name, account, state) = (&stream.name, &context.identity.account, stream.status.as_str());
    Err(ApiError::in_use(format!(
        "Stream {name} under account {account} not ACTIVE, instead in state {state}"
    )))
}

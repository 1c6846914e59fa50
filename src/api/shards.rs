//! Listing shards, with the views of them that consumers start from.

use std::rc::Rc;
use std::sync::Arc;

use crate::catalog::{Shard, ShardFilter, ShardView, Stream, StreamStatus};
use crate::limits;
use crate::types::{ShardId, Timestamp};
use crate::wire::{Members, Pattern, Value};

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::page_token::PageToken;
use super::resource_ref::{StreamRef, no_such_shard, require_active};
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[entry::<ListShards>()];

const PAGE_MAX: usize = 1000;
const FILTERS: &[&str] = &[
    "AFTER_SHARD_ID",
    "AT_TRIM_HORIZON",
    "FROM_TRIM_HORIZON",
    "AT_LATEST",
    "AT_TIMESTAMP",
    "FROM_TIMESTAMP",
];

/// A shard as descriptions and lists show it.
pub(super) fn shard_value(shard: &Shard) -> Value<'static> {
    let id = |id: Option<ShardId>| id.map_or(Value::Null, |id| Value::text(id.to_string()));
    let number =
        |n: Option<crate::types::SequenceNumber>| n.map_or(Value::Null, |n| Value::text(n.to_string()));
    Value::map([
        ("ShardId", Value::text(shard.id.to_string())),
        ("ParentShardId", id(shard.parent)),
        ("AdjacentParentShardId", id(shard.adjacent_parent)),
        ("HashKeyRange", range_value(shard.range)),
        (
            "SequenceNumberRange",
            Value::map([
                ("StartingSequenceNumber", number(Some(shard.starting_sequence_number()))),
                ("EndingSequenceNumber", number(shard.ending_sequence_number())),
            ]),
        ),
    ])
}

/// A hash key range as the service shows it.
pub(super) fn range_value(range: crate::types::HashKeyRange) -> Value<'static> {
    Value::map([
        ("StartingHashKey", Value::text(range.start.to_string())),
        ("EndingHashKey", Value::text(range.end.to_string())),
    ])
}

struct ListShards;

struct ListShardsInput<'v> {
    stream: StreamRef<'v>,
    token: Option<&'v str>,
    after: Option<&'v str>,
    limit: Option<i64>,
    created: Option<Timestamp>,
    filter: Option<FilterInput<'v>>,
}

struct FilterInput<'v> {
    kind: &'static str,
    shard: Option<&'v str>,
    timestamp: Option<Timestamp>,
}

impl<'v> Operation<'v> for ListShards {
    const NAME: &'static str = "ListShards";
    type Input = ListShardsInput<'v>;
    const RATE: CallRate<Self::Input> =
        CallRate::PerStream(limits::LIST_SHARDS_CALLS_PER_SEC, ListShardsInput::stream_name);

    fn read(m: &mut Members<'_, 'v>) -> ListShardsInput<'v> {
        let (stream, wanted) = StreamRef::around(m, |m| ListShardsInput {
            stream: StreamRef::absent(),
            token: m.text("NextToken").length(1, 1_048_576).optional(),
            after: m.text("ExclusiveStartShardId").length(1, 128).pattern(Pattern::Name).optional(),
            limit: m.integer("MaxResults").range(1, 10_000).optional(),
            created: m.timestamp("StreamCreationTimestamp").optional(),
            filter: m.structure("ShardFilter").optional(|m| FilterInput {
                kind: m.enumeration("Type", FILTERS).required(),
                shard: m.text("ShardId").length(1, 128).pattern(Pattern::Name).optional(),
                timestamp: m.timestamp("Timestamp").optional(),
            }),
        });
        ListShardsInput { stream, ..wanted }
    }

    async fn run(input: ListShardsInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let (stream, view, after) = input.place(context)?;
        if !matches!(stream.status, StreamStatus::Active | StreamStatus::Updating) {
            require_active(context, &stream)?;
        }
        let limit =
            input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let due = |shard: &&Shard| after.is_none_or(|after| shard.id > after);
        let mut page: Vec<_> = view.shards(&stream).filter(due).take(limit + 1).collect();
        let has_more = page.len() > limit;
        page.truncate(limit);
        let last = page.last().filter(|_| has_more);
        let view_text = serde_json::to_string(&view).expect("a view is plain data");
        let token =
            last.map(|s| PageToken::text(context, Self::NAME, &stream.name, &view_text, &s.id.to_string()));
        Ok(Answer::Output(Value::map([
            ("Shards", Value::List(page.into_iter().map(shard_value).collect())),
            ("NextToken", token.map_or(Value::Null, Value::text)),
        ])))
    }
}

impl ListShardsInput<'_> {
    /// The name of the stream it is about, by its token or by itself.
    fn stream_name(&self, context: &Context) -> Option<String> {
        match self.token {
            Some(token) => {
                PageToken::open(context, <ListShards as Operation<'_>>::NAME, token).ok().map(|it| it.of)
            }
            None => self.stream.name(context).ok(),
        }
    }

    /// The stream, the view of it and the shard after which the page begins: from the token or from scratch.
    fn place(&self, context: &Context) -> Result<(Arc<Stream>, ShardView, Option<ShardId>), ApiError> {
        if let Some(token) = self.token {
            self.token_stands_alone()?;
            let token = PageToken::open(context, <ListShards as Operation<'_>>::NAME, token)?;
            let gone = || super::resource_ref::no_stream(context, &token.of);
            let stream = context.stream(&token.of).ok_or_else(gone)?;
            let view: ShardView = serde_json::from_str(&token.filter).map_err(|_| PageToken::invalid())?;
            if !view.is_of(&stream) {
                return Err(PageToken::invalid());
            }
            return Ok((stream, view, ShardId::parse(&token.after)));
        }
        if self.stream.is_absent() {
            return Err(ApiError::invalid_argument("Either NextToken or StreamName should be provided."));
        }
        let stream = self.stream.resolve(context)?;
        if self.created.is_some_and(|created| created.as_secs() != stream.created.as_secs()) {
            return Err(super::resource_ref::no_stream(context, &stream.name));
        }
        let shard_id =
            |text: &str| ShardId::parse(text).ok_or_else(|| no_such_shard(context, &stream.name, text));
        let after = self.after.map(shard_id).transpose()?;
        let filter = self.filter.as_ref().map(|filter| filter.parse(shard_id)).transpose()?;
        let view = stream.view(filter.unwrap_or(ShardFilter::FromTrimHorizon), context.clock.wall());
        Ok((stream, view, after))
    }

    fn token_stands_alone(&self) -> Result<(), ApiError> {
        if !self.stream.is_absent() {
            return Err(ApiError::invalid_argument("NextToken and StreamName cannot be provided together."));
        }
        if self.after.is_some() || self.created.is_some() {
            return Err(ApiError::invalid_argument(
                "NextToken cannot be provided together with ExclusiveStartShardId or StreamCreationTimestamp.",
            ));
        }
        Ok(())
    }
}

impl FilterInput<'_> {
    fn parse(&self, shard_id: impl Fn(&str) -> Result<ShardId, ApiError>) -> Result<ShardFilter, ApiError> {
        let missing = |what: &str| {
            ApiError::invalid_argument(format!(
                "{what} must be provided for a ShardFilter of type {}.",
                self.kind
            ))
        };
        Ok(match self.kind {
            "AFTER_SHARD_ID" => ShardFilter::After(shard_id(self.shard.ok_or_else(|| missing("ShardId"))?)?),
            "AT_TIMESTAMP" => ShardFilter::At(self.timestamp.ok_or_else(|| missing("Timestamp"))?),
            "FROM_TIMESTAMP" => ShardFilter::From(self.timestamp.ok_or_else(|| missing("Timestamp"))?),
            "AT_TRIM_HORIZON" => ShardFilter::AtTrimHorizon,
            "AT_LATEST" => ShardFilter::AtLatest,
            _ => ShardFilter::FromTrimHorizon,
        })
    }
}

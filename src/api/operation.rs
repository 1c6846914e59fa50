//! What an operation declares, and the table entry made of it. Routing, decoding and metric labels derive
//! from the entry.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use crate::push::{EventStream, ShardIdentity};
use crate::shard_log::Record;
use crate::throttle::Caller;
use crate::wire::{Codec, Members, Value};

use super::{ApiError, Context};

/// What an operation answers with.
pub enum Answer {
    /// No output shape: an empty body.
    Empty,
    /// An output structure.
    Output(Value<'static>),
    /// A list of records, and the other members of the output.
    Records(ShardIdentity, Vec<Record>, Value<'static>),
    /// A stream of events.
    Events(Box<EventStream>),
}

/// How often an operation on inputs `I` may be called.
pub(super) enum CallRate<I> {
    /// So many times a second by one account.
    PerAccount(u64),
    /// So many times a second about one stream, whose name the input gives; an input that names none is
    /// refused by the operation itself.
    PerStream(u64, fn(&I, &Context) -> Option<String>),
    /// Shards and subscriptions have quotas of their own, which the operation asks.
    OfShards,
}

/// One operation, on inputs borrowed from the request for `'v`.
pub(super) trait Operation<'v> {
    /// Its name in the service's model.
    const NAME: &'static str;
    /// Its input.
    type Input;
    /// How often it may be called.
    const RATE: CallRate<Self::Input>;

    /// Reads the input's members in the service's own order.
    fn read(members: &mut Members<'_, 'v>) -> Self::Input;

    /// Carries it out.
    fn run(input: Self::Input, context: &Rc<Context>) -> impl Future<Output = Result<Answer, ApiError>>;
}

type Call = for<'a> fn(
    &'a Value<'a>,
    Codec,
    &'a Rc<Context>,
) -> Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + 'a>>;

/// An operation as the table holds it.
pub struct Entry {
    /// Its name in the service's model.
    pub name: &'static str,
    pub(super) call: Call,
}

/// The entry of an operation.
pub(super) const fn entry<O: for<'v> Operation<'v> + 'static>() -> Entry {
    Entry {
        name: <O as Operation<'static>>::NAME,
        call: |body, codec, context| Box::pin(call::<O>(body, codec, context)),
    }
}

async fn call<'v, O: Operation<'v>>(
    body: &'v Value<'v>,
    codec: Codec,
    context: &Rc<Context>,
) -> Result<Answer, ApiError> {
    let mut members = Members::new(body, codec)?;
    let input = O::read(&mut members);
    members.finish()?;
    admit::<O>(&input, context)?;
    O::run(input, context).await
}

/// Counts the call, before it is known whether what it is about exists.
fn admit<'v, O: Operation<'v>>(input: &O::Input, context: &Context) -> Result<(), ApiError> {
    let caller = match O::RATE {
        CallRate::OfShards => None,
        CallRate::PerAccount(per_sec) => {
            Some((Caller::Account(context.account().map(str::to_owned)), per_sec))
        }
        CallRate::PerStream(per_sec, name) => {
            name(input, context).map(|name| (Caller::Stream(context.key(&name)), per_sec))
        }
    };
    let Some((caller, per_sec)) = caller else { return Ok(()) };
    let admitted = context.gates.admit_call(O::NAME, caller, per_sec, context.clock.now());
    admitted.map_err(|_| ApiError::rate_exceeded())
}

//! Resource policies of streams and consumers: kept and given back. What a policy may say is checked by
//! [`PolicyDocument`]; nobody is let in or kept out by one yet.

use std::rc::Rc;

use crate::catalog::{Catalog, Command};
use crate::limits;
use crate::wire::{Members, Pattern, Value};

use super::consumers::require_active_consumer;
use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::policy_document::PolicyDocument;
use super::tagged::Tagged;
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] =
    &[entry::<PutResourcePolicy>(), entry::<GetResourcePolicy>(), entry::<DeleteResourcePolicy>()];

/// What a resource without a policy is said to have.
const NO_POLICY: &str = "{}";

fn read_arn<'v>(m: &mut Members<'_, 'v>) -> &'v str {
    m.text("ResourceARN").length(1, 2048).pattern(Pattern::ResourceArn).required()
}

struct PutResourcePolicy;

impl<'v> Operation<'v> for PutResourcePolicy {
    const NAME: &'static str = "PutResourcePolicy";
    type Input = (&'v str, &'v str);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        (read_arn(m), m.text("Policy").required())
    }

    async fn run((arn, policy): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let document = PolicyDocument::parse(policy)?;
        let admit = |tagged: &Tagged| {
            document.require_about(tagged.kind(), arn)?;
            Ok(Some(policy.to_owned()))
        };
        change(context, arn, admit).await
    }
}

struct GetResourcePolicy;

impl<'v> Operation<'v> for GetResourcePolicy {
    const NAME: &'static str = "GetResourcePolicy";
    type Input = &'v str;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> &'v str {
        read_arn(m)
    }

    async fn run(arn: &'v str, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let tagged = resource(context, arn)?;
        let policy = tagged.policy().unwrap_or(NO_POLICY).to_owned();
        Ok(Answer::Output(Value::map([("Policy", Value::text(policy))])))
    }
}

struct DeleteResourcePolicy;

impl<'v> Operation<'v> for DeleteResourcePolicy {
    const NAME: &'static str = "DeleteResourcePolicy";
    type Input = &'v str;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> &'v str {
        read_arn(m)
    }

    async fn run(arn: &'v str, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let missing = || ApiError::not_found(format!("No resource policy found for resource ARN {arn}"));
        change(context, arn, |tagged| tagged.policy().map(|_| None).ok_or_else(missing)).await
    }
}

/// The resource of this ARN, if it is one whose policy can be spoken of.
fn resource(context: &Context, arn: &str) -> Result<Tagged, ApiError> {
    let tagged = Tagged::by_arn(context, arn)?;
    if let Tagged::Consumer(stream, consumer) = &tagged {
        require_active_consumer(context, stream, consumer)?;
    }
    Ok(tagged)
}

/// Gives a resource the policy `admit` finds right for it, or none.
async fn change(
    context: &Rc<Context>,
    arn: &str,
    admit: impl FnOnce(&Tagged) -> Result<Option<String>, ApiError>,
) -> Result<Answer, ApiError> {
    let decide = |_: &Catalog| {
        let tagged = resource(context, arn)?;
        let policy = admit(&tagged)?;
        let (stream, consumer) = (tagged.stream().key.clone(), tagged.consumer_name());
        Ok(Command::SetPolicy { stream, consumer, policy })
    };
    context.control.change(decide).await?;
    Ok(Answer::Empty)
}

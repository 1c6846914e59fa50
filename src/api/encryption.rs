//! Whether a stream counts as encrypted, and under which key. What is kept is the state alone: records tell
//! whether they were written under a key, and lie on disk as all others do.

use std::rc::Rc;

use crate::catalog::{Catalog, Command, Recent, Stream};
use crate::limits;
use crate::types::arn::consists_of_name_characters;
use crate::wire::Members;

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::resource_ref::{StreamRef, require_active};
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[entry::<StartStreamEncryption>(), entry::<StopStreamEncryption>()];

/// The type of encryption there is.
pub(super) const KMS: &str = "KMS";

struct EncryptionInput<'v> {
    kind: &'static str,
    key: &'v str,
    stream: StreamRef<'v>,
}

impl<'v> EncryptionInput<'v> {
    fn read(m: &mut Members<'_, 'v>) -> Self {
        let (stream, (kind, key)) = StreamRef::around(m, |m| {
            let kind = m.enumeration("EncryptionType", &["NONE", KMS]).required();
            (kind, m.text("KeyId").length(1, 2048).required())
        });
        Self { kind, key, stream }
    }

    fn require_valid(&self) -> Result<(), ApiError> {
        if self.kind != KMS {
            return Err(ApiError::invalid_argument("EncryptionType must be KMS."));
        }
        if !is_key_id(self.key) {
            return Err(ApiError::invalid_argument(format!(
                "KeyId {} is neither the id or ARN of a key nor the name or ARN of an alias.",
                self.key
            )));
        }
        Ok(())
    }

    /// Has the stream's records encrypted under `key`, or no longer; `today` counts such changes.
    async fn change(
        self,
        context: &Rc<Context>,
        key: Option<String>,
        today: fn(&Stream, &Context) -> (usize, usize),
    ) -> Result<Answer, ApiError> {
        let decide = |_: &Catalog| {
            let stream = self.stream.resolve(context)?;
            self.require_valid()?;
            require_active(context, &stream)?;
            within_limit(context, &stream, today(&stream, context))?;
            Ok(Command::SetEncryption { stream: stream.key.clone(), at: context.clock.wall(), key })
        };
        context.control.change(decide).await?;
        Ok(Answer::Empty)
    }
}

fn within_limit(context: &Context, stream: &Stream, (today, most): (usize, usize)) -> Result<(), ApiError> {
    if context.quotas.is_none() || today < most {
        return Ok(());
    }
    Err(ApiError::limit_exceeded(format!(
        "The encryption of stream {} was changed in this way {today} times in the last 24 hours. Limit: {most}",
        stream.name
    )))
}

struct StartStreamEncryption;

impl<'v> Operation<'v> for StartStreamEncryption {
    const NAME: &'static str = "StartStreamEncryption";
    type Input = EncryptionInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        EncryptionInput::read(m)
    }

    async fn run(input: Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let key = Some(input.key.to_owned());
        let today = |stream: &Stream, context: &Context| {
            let today = Recent::in_a_day(&stream.recent.encryptions, context.clock.wall());
            (today, limits::ENCRYPTIONS_PER_DAY_MAX)
        };
        input.change(context, key, today).await
    }
}

struct StopStreamEncryption;

impl<'v> Operation<'v> for StopStreamEncryption {
    const NAME: &'static str = "StopStreamEncryption";
    type Input = EncryptionInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        EncryptionInput::read(m)
    }

    async fn run(input: Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let today = |stream: &Stream, context: &Context| {
            let today = Recent::in_a_day(&stream.recent.decryptions, context.clock.wall());
            (today, limits::DECRYPTIONS_PER_DAY_MAX)
        };
        input.change(context, None, today).await
    }
}

/// The id of a key, `alias/` and a name, or the ARN of either.
fn is_key_id(text: &str) -> bool {
    let fields: Vec<_> = text.splitn(6, ':').collect();
    let ["arn", partition, "kms", region, account, resource] = fields[..] else {
        return is_key(text) || is_alias(text);
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_place = partition.starts_with("aws") && !region.is_empty() && is_account;
    is_place && (resource.strip_prefix("key/").is_some_and(is_key) || is_alias(resource))
}

/// A UUID, or the id of a key of several regions.
fn is_key(text: &str) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let is_hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.strip_prefix("mrk-") {
        Some(id) => id.len() == 32 && is_hexadecimal(id),
        None => text.split('-').map(str::len).eq(GROUPS) && text.split('-').all(is_hexadecimal),
    }
}

fn is_alias(text: &str) -> bool {
    let is_part = |part: &str| consists_of_name_characters(part) && !part.contains('.');
    text.strip_prefix("alias/").is_some_and(|name| name.split('/').all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_aliases_are_told_from_what_is_neither() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let multi = "mrk-1234abcd12ab34cd56ef1234567890ab";
        let arn = |resource: &str| format!("arn:aws:kms:us-east-1:123456789012:{resource}");
        let good = [id, multi, "alias/aws/kinesis", "alias/my_key-1"].map(str::to_owned);
        let arns = [arn(&format!("key/{id}")), arn(&format!("key/{multi}")), arn("alias/a")];
        for text in good.into_iter().chain(arns) {
            assert!(is_key_id(&text), "{text}");
        }
        let foreign = format!("arn:aws:kinesis:us-east-1:123456789012:key/{id}");
        let bad =
            ["", "key", "alias/", "alias/a b", "alias//a", "aws/kinesis", &id[1..], &multi[..35], &foreign];
        let bad = bad.map(str::to_owned).into_iter();
        for text in bad.chain([arn(id), arn("key/x"), arn("alias/"), id.replace('a', "g")]) {
            assert!(!is_key_id(&text), "{text}");
        }
    }
}

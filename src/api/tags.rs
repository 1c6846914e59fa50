//! Tags of streams and consumers, by the two families of operations the service has for them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::catalog::{Catalog, Command};
use crate::limits;
use crate::wire::{Members, Pattern, Value};

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::resource_ref::StreamRef;
use super::tagged::Tagged;
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[
    entry::<AddTagsToStream>(),
    entry::<RemoveTagsFromStream>(),
    entry::<ListTagsForStream>(),
    entry::<TagResource>(),
    entry::<UntagResource>(),
    entry::<ListTagsForResource>(),
];

type TagsInput<'v> = BTreeMap<&'v str, &'v str>;

fn read_tags<'v>(m: &mut Members<'_, 'v>) -> TagsInput<'v> {
    m.text_map("Tags").length(1, 200).keys(1, 128).values(0, 256).required()
}

fn read_keys<'v>(m: &mut Members<'_, 'v>) -> Vec<&'v str> {
    m.text_list("TagKeys").length(1, 50).each_length(1, 128).required()
}

struct AddTagsToStream;

impl<'v> Operation<'v> for AddTagsToStream {
    const NAME: &'static str = "AddTagsToStream";
    type Input = (TagsInput<'v>, StreamRef<'v>);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        (read_tags(m), StreamRef::read(m))
    }

    async fn run((tags, stream): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        change(context, || Ok(Tagged::Stream(stream.resolve(context)?)), &tags, &[]).await
    }
}

struct RemoveTagsFromStream;

impl<'v> Operation<'v> for RemoveTagsFromStream {
    const NAME: &'static str = "RemoveTagsFromStream";
    type Input = (Vec<&'v str>, StreamRef<'v>);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        (read_keys(m), StreamRef::read(m))
    }

    async fn run((keys, stream): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        change(context, || Ok(Tagged::Stream(stream.resolve(context)?)), &TagsInput::new(), &keys).await
    }
}

struct ListTagsForStream;

struct ListTagsInput<'v> {
    limit: Option<i64>,
    after: Option<&'v str>,
    stream: StreamRef<'v>,
}

impl<'v> Operation<'v> for ListTagsForStream {
    const NAME: &'static str = "ListTagsForStream";
    type Input = ListTagsInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> ListTagsInput<'v> {
        ListTagsInput {
            limit: m.integer("Limit").range(1, 50).optional(),
            after: m.text("ExclusiveStartTagKey").length(1, 128).optional(),
            stream: StreamRef::read(m),
        }
    }

    async fn run(input: ListTagsInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let stream = input.stream.resolve(context)?;
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(limits::TAGS_MAX);
        let due = |(key, _): &(&String, &String)| input.after.is_none_or(|after| key.as_str() > after);
        let mut page: Vec<_> = stream.tags.iter().filter(due).take(limit + 1).collect();
        let has_more = page.len() > limit;
        page.truncate(limit);
        Ok(Answer::Output(Value::map([
            ("Tags", Value::List(page.into_iter().map(tag_value).collect())),
            ("HasMoreTags", Value::Bool(has_more)),
        ])))
    }
}

fn read_arn<'v>(m: &mut Members<'_, 'v>) -> &'v str {
    m.text("ResourceARN").length(1, 2048).pattern(Pattern::ResourceArn).required()
}

struct TagResource;

impl<'v> Operation<'v> for TagResource {
    const NAME: &'static str = "TagResource";
    type Input = (TagsInput<'v>, &'v str);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        (read_tags(m), read_arn(m))
    }

    async fn run((tags, arn): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        change(context, || Tagged::by_arn(context, arn), &tags, &[]).await
    }
}

struct UntagResource;

impl<'v> Operation<'v> for UntagResource {
    const NAME: &'static str = "UntagResource";
    type Input = (Vec<&'v str>, &'v str);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        (read_keys(m), read_arn(m))
    }

    async fn run((keys, arn): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        change(context, || Tagged::by_arn(context, arn), &TagsInput::new(), &keys).await
    }
}

struct ListTagsForResource;

impl<'v> Operation<'v> for ListTagsForResource {
    const NAME: &'static str = "ListTagsForResource";
    type Input = &'v str;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> &'v str {
        read_arn(m)
    }

    async fn run(arn: &'v str, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let tagged = Tagged::by_arn(context, arn)?;
        let tags = tagged.tags().iter().map(tag_value).collect();
        Ok(Answer::Output(Value::map([("Tags", Value::List(tags))])))
    }
}

fn tag_value((key, value): (&String, &String)) -> Value<'static> {
    Value::map([("Key", Value::text(key.clone())), ("Value", Value::text(value.clone()))])
}

/// Sets tags, removes others; keys that are not there are no error.
async fn change(
    context: &Rc<Context>,
    tagged: impl Fn() -> Result<Tagged, ApiError>,
    tags: &TagsInput<'_>,
    keys: &[&str],
) -> Result<Answer, ApiError> {
    let decide = |_: &Catalog| {
        let tagged = tagged()?;
        require_valid(context, &tagged.stream().name, tags, tagged.tags())?;
        require_removable(context, &tagged.stream().name, keys)?;
        Ok(Command::ChangeTags {
            stream: tagged.stream().key.clone(),
            consumer: tagged.consumer_name(),
            set: tags.iter().map(|(&key, &value)| (key.to_owned(), value.to_owned())).collect(),
            remove: keys.iter().map(|&key| key.to_owned()).collect(),
        })
    };
    context.control.change(decide).await?;
    Ok(Answer::Empty)
}

/// Refuses tags the service does not take, beside those that are there.
pub(super) fn require_valid(
    context: &Context,
    stream: &str,
    tags: &TagsInput<'_>,
    present: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let account = &context.identity.account;
    let failed = format!("Failed to add tags to stream {stream} under account {account} because");
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(ApiError::invalid_argument(format!("{failed} tag keys must not begin with aws:.")));
    }
    require_characters(&failed, tags.iter().flat_map(|(&key, &value)| [key, value]))?;
    let all: BTreeSet<&str> = present.keys().map(String::as_str).chain(tags.keys().copied()).collect();
    if all.len() > limits::TAGS_MAX {
        return Err(ApiError::invalid_argument(format!(
            "{failed} a given stream cannot have more than {} tags associated with it.",
            limits::TAGS_MAX
        )));
    }
    Ok(())
}

/// Keys that no tag can have are refused, not ignored as those that merely no tag has.
fn require_removable(context: &Context, stream: &str, keys: &[&str]) -> Result<(), ApiError> {
    let account = &context.identity.account;
    let failed = format!("Failed to remove tags from stream {stream} under account {account} because");
    require_characters(&failed, keys.iter().copied())
}

/// Refuses characters no tag has: `%` in other words than the rest.
fn require_characters<'t>(
    failed: &str,
    mut texts: impl Iterator<Item = &'t str> + Clone,
) -> Result<(), ApiError> {
    if texts.clone().any(|text| text.contains('%')) {
        return Err(ApiError::invalid_argument(format!(
            "{failed} some tags contained illegal characters. The allowed characters are Unicode letters, \
             white-spaces, '_',',','/','=','+','-','@'."
        )));
    }
    if !texts.all(|text| text.chars().all(is_tag_character)) {
        return Err(ApiError::invalid_argument(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, \
             _ . / = + - % @.",
        ));
    }
    Ok(())
}

/// Letters, digits and spaces of any script; a tab or the end of a line is no space here.
fn is_tag_character(character: char) -> bool {
    let is_space = character.is_whitespace() && !character.is_control();
    character.is_alphanumeric() || is_space || "_.:/=+-@".contains(character)
}

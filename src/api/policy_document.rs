//! What a resource policy may say: the part of the policy language the service takes for streams and
//! consumers. Reads the document and judges it; knows neither who asks nor how policies are kept.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::limits;
use crate::types::arn::is_account;

use super::ApiError;
use super::policy_syntax::{Object, OneOrMany};

/// Versions of the policy language.
const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];
/// What others can be allowed to do with a stream.
const STREAM_ACTIONS: &[&str] = &[
    "kinesis:PutRecord",
    "kinesis:PutRecords",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
    "kinesis:DescribeStreamSummary",
    "kinesis:DescribeStream",
];
/// What others can be allowed to do with a consumer.
const CONSUMER_ACTIONS: &[&str] = &["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"];

/// What kind of resource a policy is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResourceKind {
    Stream,
    Consumer,
}

impl ResourceKind {
    const fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Stream => STREAM_ACTIONS,
            Self::Consumer => CONSUMER_ACTIONS,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Consumer => "consumer",
        }
    }
}

/// A policy that is well-formed; whether it is about its resource is asked separately.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", expecting = "a policy")]
pub(super) struct PolicyDocument {
    version: String,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: OneOrMany<Object<Statement>>,
}

// Members that would widen a statement by exception (NotAction and the like) are unknown on purpose.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", expecting = "a statement")]
struct Statement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    #[serde(rename = "Effect")]
    _effect: Effect,
    principal: Principal,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
    condition: Option<BTreeMap<String, BTreeMap<String, serde_json::Value>>>,
}

#[derive(Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a Principal is \"*\" or {\"AWS\": one or a list of them}")]
enum Principal {
    Text(String),
    Named(Object<Named>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(rename = "AWS")]
    aws: OneOrMany<String>,
}

impl PolicyDocument {
    /// Reads a document; refuses what is none.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        if text.len() > limits::POLICY_BYTES_MAX {
            return Err(malformed(format!("it is larger than {} bytes", limits::POLICY_BYTES_MAX)));
        }
        let Object(document): Object<Self> = serde_json::from_str(text).map_err(malformed)?;
        match document.flaw() {
            None => Ok(document),
            Some(flaw) => Err(malformed(flaw)),
        }
    }

    fn flaw(&self) -> Option<String> {
        if !VERSIONS.contains(&self.version.as_str()) {
            return Some(format!("its Version is none of {}", VERSIONS.join(", ")));
        }
        if self.statement.0.is_empty() {
            return Some("it has no Statement".to_owned());
        }
        self.statements().find_map(Statement::flaw)
    }

    /// Refuses a policy that speaks of another resource than this one, or of what nobody else can do with it.
    pub(super) fn require_about(&self, kind: ResourceKind, arn: &str) -> Result<(), ApiError> {
        self.statements().try_for_each(|statement| statement.require_about(kind, arn))
    }

    fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.statement.0.iter().map(|Object(statement)| statement)
    }
}

impl Statement {
    fn flaw(&self) -> Option<String> {
        if self.action.0.is_empty() || self.resource.0.is_empty() {
            return Some("a statement has no Action or no Resource".to_owned());
        }
        let conditions = self.condition.iter().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
        if !conditions.into_iter().all(is_condition_value) {
            return Some("a Condition compares with neither one nor a list of plain values".to_owned());
        }
        self.principal.flaw()
    }

    fn require_about(&self, kind: ResourceKind, arn: &str) -> Result<(), ApiError> {
        if let Some(action) = self.action.0.iter().find(|action| !is_shareable(kind, action)) {
            let kind = kind.as_str();
            return Err(ApiError::invalid_argument(format!(
                "The action {action} is not one the policy of a {kind} can be about."
            )));
        }
        if let Some(other) = self.resource.0.iter().find(|resource| !matches(resource, arn)) {
            return Err(ApiError::invalid_argument(format!(
                "The policy is about the resource {other}, not about {arn}."
            )));
        }
        Ok(())
    }
}

impl Principal {
    fn flaw(&self) -> Option<String> {
        let named = match self {
            Self::Text(text) if text == "*" => return None,
            Self::Text(text) => return Some(format!("its Principal {text} is not \"*\"")),
            Self::Named(named) => &named.0.aws.0,
        };
        if named.is_empty() {
            return Some("a statement has no Principal".to_owned());
        }
        let invalid = named.iter().find(|principal| !is_principal(principal))?;
        Some(format!("its Principal {invalid} is neither \"*\" nor an account, a role or a user"))
    }
}

fn malformed(what: impl fmt::Display) -> ApiError {
    ApiError::validation(format!("The policy is not valid: {what}."))
}

fn is_shareable(kind: ResourceKind, action: &str) -> bool {
    let pattern = action.to_ascii_lowercase();
    kind.actions().iter().any(|shareable| matches(&pattern, &shareable.to_ascii_lowercase()))
}

fn is_condition_value(value: &serde_json::Value) -> bool {
    let is_plain = |value: &serde_json::Value| value.is_string() || value.is_number() || value.is_boolean();
    is_plain(value) || value.as_array().is_some_and(|values| values.iter().all(is_plain))
}

/// Anyone, an account's number, or the ARN of an account, a role, a user or a role's session.
fn is_principal(text: &str) -> bool {
    text == "*" || is_account(text) || is_identity_arn(text).unwrap_or(false)
}

fn is_identity_arn(text: &str) -> Option<bool> {
    let mut fields = text.splitn(6, ':');
    let mut next = || fields.next();
    let (arn, partition, service) = (next()?, next()?, next()?);
    let (region, account, identity) = (next()?, next()?, next()?);
    let is_named = |kind| {
        let name: Option<&str> = identity.strip_prefix(kind);
        name.is_some_and(|name| !name.is_empty() && !name.contains(['*', '?']))
    };
    let is_identity = match service {
        "iam" => identity == "root" || is_named("role/") || is_named("user/"),
        "sts" => is_named("assumed-role/"),
        _ => false,
    };
    Some(
        arn == "arn"
            && partition.starts_with("aws")
            && region.is_empty()
            && is_account(account)
            && is_identity,
    )
}

/// Whether a text is what a pattern with `*` and `?` says. Goes back to the last `*` only, so the time is
/// bounded by the product of both lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[seen] => (at, seen) = (at + 1, seen + 1),
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (at, seen) = (after, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
#[path = "policy_document_tests.rs"]
mod tests;

//! What has tags and a policy: a stream or one of its consumers, named by any ARN.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{Consumer, Stream};
use crate::types::{ConsumerArn, StreamArn};

use super::consumers::by_arn;
use super::policy_document::ResourceKind;
use super::resource_ref::StreamRef;
use super::{ApiError, Context};

/// A stream or a consumer.
pub(super) enum Tagged {
    Stream(Arc<Stream>),
    Consumer(Arc<Stream>, Box<Consumer>),
}

impl Tagged {
    /// The resource of this ARN. There are no queues and channels here.
    pub(super) fn by_arn(context: &Context, arn: &str) -> Result<Self, ApiError> {
        if ConsumerArn::parse(arn).is_some() {
            let (stream, consumer) = by_arn(context, arn)?;
            return Ok(Self::Consumer(stream, Box::new(consumer)));
        }
        if StreamArn::parse(arn).is_none() {
            return Err(ApiError::not_found(format!("Resource {arn} not found.")));
        }
        StreamRef::of_arn(arn).resolve(context).map(Self::Stream)
    }

    /// The stream, or the consumer's.
    pub(super) fn stream(&self) -> &Arc<Stream> {
        let (Self::Stream(stream) | Self::Consumer(stream, _)) = self;
        stream
    }

    /// The consumer's name, if it is one.
    pub(super) fn consumer_name(&self) -> Option<String> {
        match self {
            Self::Stream(_) => None,
            Self::Consumer(_, consumer) => Some(consumer.name.clone()),
        }
    }

    /// Its tags.
    pub(super) fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Stream(stream) => &stream.tags,
            Self::Consumer(_, consumer) => &consumer.tags,
        }
    }

    /// Its policy, as it was given.
    pub(super) fn policy(&self) -> Option<&str> {
        match self {
            Self::Stream(stream) => stream.policy.as_deref(),
            Self::Consumer(_, consumer) => consumer.policy.as_deref(),
        }
    }

    /// What policies may say about it goes by this.
    pub(super) const fn kind(&self) -> ResourceKind {
        match self {
            Self::Stream(_) => ResourceKind::Stream,
            Self::Consumer(..) => ResourceKind::Consumer,
        }
    }
}

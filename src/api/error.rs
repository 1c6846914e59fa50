//! Errors as clients see them: code, status and text. The only place that turns the rooms' own errors
//! into the service's exceptions.

use crate::pull::IteratorError;
use crate::storage::StorageError;
use crate::types::Timestamp;
use crate::wire::InputError;

use super::context::calendar_text;

/// An answer other than success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The exception's name.
    pub code: &'static str,
    /// Its text, if it has one.
    pub message: Option<String>,
    /// HTTP status.
    pub status: u16,
}

/// What the service calls it when a shard's quota is used up.
const THROUGHPUT_EXCEEDED: &str = "ProvisionedThroughputExceededException";

impl ApiError {
    fn client(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()), status: 400 }
    }

    /// `InvalidArgumentException`.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::client("InvalidArgumentException", message)
    }

    /// `ValidationException`.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::client("ValidationException", message)
    }

    /// `ResourceNotFoundException`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::client("ResourceNotFoundException", message)
    }

    /// `ResourceInUseException`.
    pub fn in_use(message: impl Into<String>) -> Self {
        Self::client("ResourceInUseException", message)
    }

    /// `LimitExceededException`.
    pub fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::client("LimitExceededException", message)
    }

    /// `LimitExceededException`: the operation was called too often.
    pub fn rate_exceeded() -> Self {
        Self::limit_exceeded("Rate exceeded")
    }

    /// `ProvisionedThroughputExceededException`.
    pub fn throughput_exceeded(message: impl Into<String>) -> Self {
        Self::client(THROUGHPUT_EXCEEDED, message)
    }

    /// Whether a quota refused what was asked.
    pub(super) fn is_throttle(&self) -> bool {
        self.code == THROUGHPUT_EXCEEDED
    }

    /// `ExpiredNextTokenException`.
    pub fn expired_token(message: impl Into<String>) -> Self {
        Self::client("ExpiredNextTokenException", message)
    }

    /// `DryRunOperationException`: the call would have succeeded.
    pub fn dry_run() -> Self {
        Self::client("DryRunOperationException", "Request would have succeeded, but DryRun flag is set.")
    }

    /// A 400 with another code and perhaps no text.
    pub const fn bare(code: &'static str, message: Option<String>) -> Self {
        Self { code, message, status: 400 }
    }

    /// `InternalFailure`: ours, to be tried again.
    pub const fn internal() -> Self {
        Self { code: "InternalFailure", message: None, status: 500 }
    }

    /// The error of an iterator that cannot be used, at `now`.
    pub fn iterator(error: IteratorError, now: Timestamp) -> Self {
        match error {
            IteratorError::Invalid => Self::invalid_argument("Invalid ShardIterator."),
            IteratorError::Expired(issued) => Self::client(
                "ExpiredIteratorException",
                format!(
                    "Iterator expired. The iterator was created at time {} while right now it is {} which is \
                     further in the future than the tolerated delay of 300000 milliseconds.",
                    calendar_text(issued),
                    calendar_text(now)
                ),
            ),
        }
    }
}

impl From<InputError> for ApiError {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Malformed => Self::bare("SerializationException", None),
            InputError::Serialization(text) => Self::bare("SerializationException", Some(text)),
            InputError::Validation(text) => Self::validation(text),
        }
    }
}

impl From<StorageError> for ApiError {
    /// Clients try internal failures again, which is right for all of them: a full backlog drains, a
    /// stopped log comes back with its operator, a damaged one is not to be mistaken for an empty one.
    fn from(error: StorageError) -> Self {
        tracing::warn!(%error, "a request failed in the log");
        Self::internal()
    }
}

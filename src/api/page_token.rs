//! Page tokens: where a listing goes on, for five minutes, as opaque text only this server can have made.

use crate::limits;
use crate::types::Timestamp;
use crate::wire::SealKey;

use super::{ApiError, Context};

const PURPOSE: &str = "page token";

/// A listing's place: the listing, what it lists of, and the last item given.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct PageToken {
    listing: String,
    /// What is listed: a stream's name, or nothing.
    pub(super) of: String,
    /// The filter of the first page, as its text.
    pub(super) filter: String,
    /// The last item given.
    pub(super) after: String,
    issued: Timestamp,
}

impl PageToken {
    /// The token that goes on after `after`.
    pub(super) fn text(context: &Context, listing: &str, of: &str, filter: &str, after: &str) -> String {
        let token = Self {
            listing: listing.to_owned(),
            of: of.to_owned(),
            filter: filter.to_owned(),
            after: after.to_owned(),
            issued: context.clock.wall(),
        };
        let content = serde_json::to_vec(&token).expect("a token is plain data");
        context.key.seal(PURPOSE, &content)
    }

    /// The error of a token that cannot be used.
    pub(super) fn invalid() -> ApiError {
        ApiError::invalid_argument("The NextToken is invalid.")
    }

    /// Reads a token of this listing back.
    pub(super) fn open(context: &Context, listing: &str, text: &str) -> Result<Self, ApiError> {
        let token = parse(&context.key, listing, text).ok_or_else(Self::invalid)?;
        if context.clock.wall().millis_since(token.issued) > limits::PAGE_TOKEN_MILLIS_MAX {
            return Err(ApiError::expired_token(
                "The NextToken has expired: it was given out over 300 seconds ago.",
            ));
        }
        Ok(token)
    }
}

fn parse(key: &SealKey, listing: &str, text: &str) -> Option<PageToken> {
    let content = key.open(PURPOSE, text)?;
    let token: PageToken = serde_json::from_slice(&content).ok()?;
    (token.listing == listing).then_some(token)
}

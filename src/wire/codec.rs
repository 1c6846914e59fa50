//! The choice between the two request encodings, made once per request from its content type.

use bytes::Bytes;

use super::{Value, cbor, json};

/// How a request is encoded, and so its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// `application/x-amz-json-1.1`
    Json,
    /// `application/x-amz-cbor-1.1`
    Cbor,
}

/// A body that does not parse, or nests or holds more than any request may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body does not parse")]
pub struct Malformed;

impl Codec {
    /// The codec a `Content-Type` header names; parameters after `;` do not matter.
    pub fn from_content_type(header: &str) -> Option<Self> {
        let name = header.split(';').next().unwrap_or_default().trim();
        [Self::Json, Self::Cbor].into_iter().find(|codec| codec.content_type() == name)
    }

    /// The content type of requests and responses in this encoding.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// Reads a body; text and blobs stay slices of it where the encoding allows.
    pub fn decode(self, body: &Bytes) -> Result<Value<'_>, Malformed> {
        match self {
            Self::Json => json::decode(body),
            Self::Cbor => cbor::decode(body),
        }
    }

    /// Appends a message. Null members are left out; [`Value::Null`] itself, an operation's empty output, is
    /// an empty body.
    pub fn encode(self, value: &Value<'_>, out: &mut Vec<u8>) {
        match self {
            _ if *value == Value::Null => {}
            Self::Json => json::encode(value, out),
            Self::Cbor => cbor::encode(value, out),
        }
    }

    /// An output whose first member is a list too long to be built as a value: what stands before its items
    /// and behind them. `rest` is a map of the other members.
    pub fn around_list(self, name: &str, items: usize, rest: &Value<'_>) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Json => json::around_list(name, rest),
            Self::Cbor => cbor::around_list(name, items, rest),
        }
    }

    /// What stands between two items of a list.
    pub const fn between_items(self) -> &'static [u8] {
        match self {
            Self::Json => b",",
            Self::Cbor => b"",
        }
    }

    /// The encoded message.
    pub fn to_bytes(self, value: &Value<'_>) -> Bytes {
        let mut out = Vec::new();
        self.encode(value, &mut out);
        out.into()
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;

//! Event-stream messages (`application/vnd.amazon.eventstream`): what a subscription's body is made of.
//!
//! ```text
//! | length u32 | headers length u32 | CRC-32 of these 8 bytes | headers | payload | CRC-32 of all before |
//! header: | name length u8 | name | type u8 (7 = string) | value length u16 | value |
//! ```
//!
//! Numbers are big-endian. A subscription sends an initial response, then events, at most one exception last.

use std::sync::LazyLock;

use bytes::Bytes;

use super::{Malformed, Value, codec::Codec};

/// The content type of a stream of messages.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";
/// Bytes of a message's lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
/// Bytes of a checksum.
const CRC_BYTES: usize = 4;
/// Bytes a message has beside headers and payload.
const OVERHEAD_BYTES: usize = PRELUDE_BYTES + CRC_BYTES;
/// Bytes of a whole message some client decoders still accept. Larger ones are refused here, too.
pub const MESSAGE_BYTES_MAX: usize = 24 << 20;
/// The header type of a string, the only one used.
const STRING: u8 = 7;

/// Headers of the message every subscription starts with; clients wait for it.
const INITIAL_RESPONSE: Headers = &[
    (":event-type", "initial-response"),
    (":content-type", Codec::Json.content_type()),
    (":message-type", "event"),
];
/// Headers of a message with records, in the service's order.
const EVENT: Headers = &[
    (":event-type", "SubscribeToShardEvent"),
    (":content-type", Codec::Json.content_type()),
    (":message-type", "event"),
];

/// Names and values of a message's headers.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// One encoded message.
pub fn message(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut writer = MessageWriter::begin(headers, payload.len());
    writer.payload().extend_from_slice(payload);
    writer.finish()
}

/// The message to send as soon as a subscription is accepted, before there is any record.
pub fn initial_response() -> Bytes {
    static MESSAGE: LazyLock<Bytes> = LazyLock::new(|| message(INITIAL_RESPONSE, b"{}"));
    MESSAGE.clone()
}

/// A `SubscribeToShardEvent` whose JSON is at hand. To write it in place, see [`MessageWriter::event`].
pub fn event(payload: &[u8]) -> Bytes {
    message(EVENT, payload)
}

/// The message that ends a subscription with an error. `kind` is the exception's shape. (The protocol's other
/// form, `error`, is not understood by every client.)
pub fn exception(kind: &str, text: &str) -> Bytes {
    let headers = [
        (":exception-type", kind),
        (":content-type", Codec::Json.content_type()),
        (":message-type", "exception"),
    ];
    message(&headers, &Codec::Json.to_bytes(&Value::map([("message", text.into())])))
}

/// Writes one message into one buffer: the payload goes straight to its place, lengths and checksums follow.
#[derive(Debug)]
pub struct MessageWriter {
    buffer: Vec<u8>,
    headers_bytes: usize,
}

impl MessageWriter {
    /// Starts an event whose payload will have about `payload_bytes`.
    pub fn event(payload_bytes: usize) -> Self {
        Self::begin(EVENT, payload_bytes)
    }

    /// Starts a message with these headers whose payload will have about `payload_bytes`.
    pub fn begin(headers: &[(&str, &str)], payload_bytes: usize) -> Self {
        let headers_bytes = headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len()).sum();
        let mut buffer = Vec::with_capacity(OVERHEAD_BYTES + headers_bytes + payload_bytes);
        buffer.resize(PRELUDE_BYTES, 0);
        headers.iter().for_each(|(name, value)| write_header(name, value, &mut buffer));
        Self { buffer, headers_bytes }
    }

    /// The buffer, to append the payload to. What is in it already is not to be touched.
    pub fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Fills in lengths and checksums.
    pub fn finish(mut self) -> Bytes {
        let total_bytes = self.buffer.len() + CRC_BYTES;
        self.buffer[..4].copy_from_slice(&length(total_bytes));
        self.buffer[4..8].copy_from_slice(&length(self.headers_bytes));
        let prelude_crc = crc32fast::hash(&self.buffer[..8]);
        self.buffer[8..PRELUDE_BYTES].copy_from_slice(&prelude_crc.to_be_bytes());
        let crc = crc32fast::hash(&self.buffer);
        self.buffer.extend_from_slice(&crc.to_be_bytes());
        self.buffer.into()
    }
}

fn length(bytes: usize) -> [u8; 4] {
    assert!(bytes <= MESSAGE_BYTES_MAX, "events are cut far below the largest message");
    u32::try_from(bytes).expect("the bound fits 32 bits").to_be_bytes()
}

fn write_header(name: &str, value: &str, buffer: &mut Vec<u8>) {
    buffer.push(u8::try_from(name.len()).expect("header names are short"));
    buffer.extend_from_slice(name.as_bytes());
    buffer.push(STRING);
    buffer.extend_from_slice(&u16::try_from(value.len()).expect("header values are short").to_be_bytes());
    buffer.extend_from_slice(value.as_bytes());
}

/// A decoded message; borrows from the buffer it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Names and values, in their order.
    pub headers: Vec<(&'a str, &'a str)>,
    /// What the message carries.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads the message at the start of `buffer` and tells its length; `None` if more bytes are needed. Both
    /// checksums are checked; headers other than strings are refused, as none are ever sent.
    pub fn decode(buffer: &'a [u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let Some((prelude, _)) = buffer.split_first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
        let (total, headers) = lengths(prelude)?;
        let Some(message) = buffer.get(..total) else { return Ok(None) };
        let (content, crc) = message.split_last_chunk::<CRC_BYTES>().ok_or(Malformed)?;
        if crc32fast::hash(content) != u32::from_be_bytes(*crc) {
            return Err(Malformed);
        }
        let (headers, payload) = content[PRELUDE_BYTES..].split_at_checked(headers).ok_or(Malformed)?;
        Ok(Some((Self { headers: read_headers(headers)?, payload }, total)))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// The lengths of the message and of its headers, checksum checked.
fn lengths(prelude: &[u8; PRELUDE_BYTES]) -> Result<(usize, usize), Malformed> {
    let field =
        |at: usize| prelude[at..at + 4].iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
    let (total, headers) = (field(0) as usize, field(4) as usize);
    let fits = headers <= total.saturating_sub(OVERHEAD_BYTES) && total >= OVERHEAD_BYTES;
    let intact = crc32fast::hash(&prelude[..8]) == field(8);
    if fits && intact && total <= MESSAGE_BYTES_MAX { Ok((total, headers)) } else { Err(Malformed) }
}

fn read_headers(mut rest: &[u8]) -> Result<Vec<(&str, &str)>, Malformed> {
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let (header, behind) = read_header(rest).ok_or(Malformed)?;
        headers.push(header);
        rest = behind;
    }
    Ok(headers)
}

/// The first header, and what is behind it.
fn read_header(bytes: &[u8]) -> Option<((&str, &str), &[u8])> {
    let (&name_bytes, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(name_bytes.into())?;
    let (&[kind, high, low], rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
    let header = (std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?);
    (kind == STRING).then_some((header, rest))
}

#[cfg(test)]
#[path = "event_stream_tests.rs"]
mod tests;

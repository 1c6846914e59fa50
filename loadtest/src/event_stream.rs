//! Event-stream messages out of a byte stream that may cut them anywhere; every checksum is checked.
//!
//! ```text
//! | total u32 | headers u32 | crc32 of these 8 | headers ... | payload ... | crc32 of all before |
//! ```

use crate::units::index;

/// Above this a message is a fault, not an event: the service stays under 16 MiB.
const MAX_MESSAGE_BYTES: usize = 24 << 20;
const PRELUDE_BYTES: usize = 12;
const OVERHEAD_BYTES: usize = 16;
const STRING: u8 = 7;

/// One whole message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// The reply that opens a subscription.
    InitialResponse,
    /// Records, or the sign of life in their absence.
    Event(&'a [u8]),
    /// The service ends the subscription and says why.
    Exception {
        /// The error's shape name.
        kind: &'a str,
        /// Its JSON.
        payload: &'a [u8],
    },
}

/// Joins the pieces of messages.
#[derive(Default)]
pub(crate) struct Assembler {
    pending: Vec<u8>,
}

impl Assembler {
    /// Forgets a half-read message: its stream is gone.
    pub(crate) fn reset(&mut self) {
        self.pending.clear();
    }

    /// Takes the next bytes and calls back for each message they complete.
    pub(crate) fn feed(
        &mut self,
        mut data: &[u8],
        mut each: impl FnMut(Message<'_>),
    ) -> Result<(), &'static str> {
        while !self.pending.is_empty() && !data.is_empty() {
            let missing = self.missing()?;
            let (head, rest) = data.split_at(missing.min(data.len()));
            self.pending.extend_from_slice(head);
            data = rest;
            if self.missing()? == 0 {
                each(parse(&self.pending)?);
                self.pending.clear();
            }
        }
        // Most messages lie whole in one frame and are read where they are.
        while let Some(total) = total_bytes(data)?.filter(|total| *total <= data.len()) {
            each(parse(&data[..total])?);
            data = &data[total..];
        }
        self.pending.extend_from_slice(data);
        Ok(())
    }

    /// How many bytes complete the prelude, or with it the message.
    fn missing(&self) -> Result<usize, &'static str> {
        Ok(match total_bytes(&self.pending)? {
            None => PRELUDE_BYTES - self.pending.len(),
            Some(total) => total - self.pending.len(),
        })
    }
}

/// The message's length, once its prelude is there and proves right.
fn total_bytes(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    if bytes.len() < PRELUDE_BYTES {
        return Ok(None);
    }
    if crc32fast::hash(&bytes[..8]) != word(bytes, 8) {
        return Err("wrong prelude checksum");
    }
    match index(u64::from(word(bytes, 0))) {
        total if total > MAX_MESSAGE_BYTES => Err("message too long"),
        total if total < OVERHEAD_BYTES => Err("message too short"),
        total => Ok(Some(total)),
    }
}

fn parse(message: &[u8]) -> Result<Message<'_>, &'static str> {
    let body = &message[..message.len() - 4];
    if crc32fast::hash(body) != word(message, body.len()) {
        return Err("wrong message checksum");
    }
    let headers_end = PRELUDE_BYTES + index(u64::from(word(message, 4)));
    let headers = body.get(PRELUDE_BYTES..headers_end).ok_or("headers longer than the message")?;
    let payload = &body[headers_end..];
    let kinds = read_headers(headers)?;
    match (kinds.message, kinds.event) {
        ("event", "initial-response") => Ok(Message::InitialResponse),
        ("event", "SubscribeToShardEvent") => Ok(Message::Event(payload)),
        ("exception" | "error", _) => Ok(Message::Exception { kind: kinds.exception, payload }),
        _ => Err("unknown message type"),
    }
}

#[derive(Default)]
struct Kinds<'a> {
    message: &'a str,
    event: &'a str,
    exception: &'a str,
}

fn read_headers(mut rest: &[u8]) -> Result<Kinds<'_>, &'static str> {
    let mut kinds = Kinds::default();
    while let Some((&name_bytes, after)) = rest.split_first() {
        let (name, after) = after.split_at_checked(usize::from(name_bytes)).ok_or("short header name")?;
        let (&value_type, after) = after.split_first().ok_or("no header type")?;
        let (value, after) = split_value(value_type, after).ok_or("short header value")?;
        let text = if value_type == STRING { std::str::from_utf8(value).unwrap_or("") } else { "" };
        match name {
            b":message-type" => kinds.message = text,
            b":event-type" => kinds.event = text,
            b":exception-type" | b":error-code" => kinds.exception = text,
            _ => {}
        }
        rest = after;
    }
    Ok(kinds)
}

fn split_value(value_type: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (fixed, bytes) = match value_type {
        0 | 1 => (0, bytes),
        2 => (1, bytes),
        3 => (2, bytes),
        4 => (4, bytes),
        5 | 8 => (8, bytes),
        9 => (16, bytes),
        6 | STRING => {
            let (size, bytes) = bytes.split_at_checked(2)?;
            (usize::from(u16::from_be_bytes([size[0], size[1]])), bytes)
        }
        _ => return None,
    };
    bytes.split_at_checked(fixed)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes were sliced"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in headers {
            block.push(u8::try_from(name.len()).unwrap());
            block.extend_from_slice(name.as_bytes());
            block.push(STRING);
            block.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            block.extend_from_slice(value.as_bytes());
        }
        let total = u32::try_from(OVERHEAD_BYTES + block.len() + payload.len()).unwrap();
        let mut out = total.to_be_bytes().to_vec();
        out.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out.extend_from_slice(&block);
        out.extend_from_slice(payload);
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out
    }

    fn three() -> Vec<u8> {
        let mut bytes = message(&[(":message-type", "event"), (":event-type", "initial-response")], b"{}");
        bytes.extend(message(
            &[(":event-type", "SubscribeToShardEvent"), (":message-type", "event")],
            b"{\"Records\":[]}",
        ));
        let gone = [(":message-type", "exception"), (":exception-type", "ResourceInUseException")];
        bytes.extend(message(&gone, b"{}"));
        bytes
    }

    #[test]
    fn messages_survive_any_cut() {
        let bytes = three();
        for step in 1..bytes.len() {
            let (mut assembler, mut seen) = (Assembler::default(), Vec::new());
            for piece in bytes.chunks(step) {
                assembler.feed(piece, |message| seen.push(format!("{message:?}"))).unwrap();
            }
            assert_eq!(seen.len(), 3, "pieces of {step}");
            assert_eq!(seen[0], "InitialResponse");
            assert!(seen[2].contains("ResourceInUseException"));
        }
    }

    #[test]
    fn any_flipped_byte_is_an_error_or_never_completes() {
        let clean = three();
        for at in 0..clean.len() {
            let mut bytes = clean.clone();
            bytes[at] ^= 1;
            let mut count = 0;
            let verdict = Assembler::default().feed(&bytes, |_| count += 1);
            assert!(verdict.is_err() && count < 3, "byte {at}");
        }
    }
}

//! The few HTTP/2 frames a subscriber needs, read in place and written by hand.
//!
//! A general client costs more per frame than the server under test; a subscriber only ever sends requests
//! and window updates and receives status, data and pings.

use crate::units::{index, wire_u32};

/// Sent first on every connection.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes before each frame's payload.
pub(crate) const HEADER_BYTES: usize = 9;
/// The window a connection starts with.
pub(crate) const INITIAL_WINDOW_BYTES: u32 = 65_535;
/// Request bodies here fit one frame of the default size.
const MAX_BODY_BYTES: usize = 16_384;

/// Frame types.
pub(crate) mod kind {
    /// Stream data.
    pub(crate) const DATA: u8 = 0;
    /// Response headers.
    pub(crate) const HEADERS: u8 = 1;
    /// A stream was refused or cut.
    pub(crate) const RST_STREAM: u8 = 3;
    /// Connection parameters.
    pub(crate) const SETTINGS: u8 = 4;
    /// A probe to be echoed.
    pub(crate) const PING: u8 = 6;
    /// The peer is leaving.
    pub(crate) const GOAWAY: u8 = 7;
    /// More room to send.
    pub(crate) const WINDOW_UPDATE: u8 = 8;
}

/// Frame flags.
pub(crate) mod flag {
    /// The last frame of its stream; on SETTINGS and PING, an acknowledgement.
    pub(crate) const END_STREAM: u8 = 1;
    /// Same bit, other name.
    pub(crate) const ACK: u8 = 1;
    /// The header block is complete.
    pub(crate) const END_HEADERS: u8 = 4;
    /// The payload is padded.
    pub(crate) const PADDED: u8 = 8;
    /// Headers carry a priority.
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// One received frame.
pub(crate) struct Frame<'a> {
    /// One of [`kind`].
    pub(crate) kind: u8,
    /// Bits of [`flag`].
    pub(crate) flags: u8,
    /// Its stream; 0 is the connection.
    pub(crate) stream: u32,
    /// Its payload, padding included.
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The first whole frame in `bytes`, if there is one.
    pub(crate) fn first(bytes: &'a [u8], max_payload: usize) -> Result<Option<Self>, &'static str> {
        let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else { return Ok(None) };
        let size = index(u64::from(u32::from_be_bytes([0, header[0], header[1], header[2]])));
        if size > max_payload {
            return Err("a frame longer than announced");
        }
        let stream = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) & 0x7FFF_FFFF;
        Ok(rest.get(..size).map(|payload| Self { kind: header[3], flags: header[4], stream, payload }))
    }

    /// The payload without padding and priority.
    pub(crate) fn content(&self) -> Result<&'a [u8], &'static str> {
        let mut content = self.payload;
        if self.flags & flag::PADDED != 0 {
            let (&pad, rest) = content.split_first().ok_or("no pad length")?;
            content =
                rest.get(..rest.len().wrapping_sub(usize::from(pad))).ok_or("more padding than frame")?;
        }
        if self.kind == kind::HEADERS && self.flags & flag::PRIORITY != 0 {
            content = content.get(5..).ok_or("short priority")?;
        }
        Ok(content)
    }

    /// The big-endian word that starts the payload.
    pub(crate) fn word(&self) -> u32 {
        self.payload.first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
    }
}

fn push_header(out: &mut Vec<u8>, size: usize, kind: u8, flags: u8, stream: u32) {
    out.extend_from_slice(&wire_u32(size).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

/// Our settings: no server push, this stream window, this largest frame.
pub(crate) fn push_settings(out: &mut Vec<u8>, window_bytes: u32, max_frame_bytes: u32) {
    const ENABLE_PUSH: u16 = 2;
    const INITIAL_WINDOW_SIZE: u16 = 4;
    const MAX_FRAME_SIZE: u16 = 5;
    push_header(out, 18, kind::SETTINGS, 0, 0);
    for (id, value) in
        [(ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, window_bytes), (MAX_FRAME_SIZE, max_frame_bytes)]
    {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Acknowledges SETTINGS or echoes a PING.
pub(crate) fn push_ack(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    push_header(out, payload.len(), kind, flag::ACK, 0);
    out.extend_from_slice(payload);
}

/// Gives the peer room on a stream, or on the connection (stream 0).
pub(crate) fn push_window_update(out: &mut Vec<u8>, stream: u32, bytes: u32) {
    push_header(out, 4, kind::WINDOW_UPDATE, 0, stream);
    out.extend_from_slice(&bytes.to_be_bytes());
}

/// A whole request: headers as plain literals (no compression state to keep), then the body.
pub(crate) fn push_request(out: &mut Vec<u8>, stream: u32, headers: &[(&str, &str)], body: &[u8]) {
    assert!(body.len() <= MAX_BODY_BYTES, "subscriptions are a few hundred bytes");
    let mut block = Vec::with_capacity(512);
    for (name, value) in headers {
        block.push(0);
        push_literal(&mut block, name.as_bytes());
        push_literal(&mut block, value.as_bytes());
    }
    push_header(out, block.len(), kind::HEADERS, flag::END_HEADERS, stream);
    out.extend_from_slice(&block);
    push_header(out, body.len(), kind::DATA, flag::END_STREAM, stream);
    out.extend_from_slice(body);
}

/// An HPACK string without Huffman: a length with a 7-bit prefix, then the bytes.
fn push_literal(block: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(short) if short < 127 => block.push(short),
        _ => {
            let mut rest = text.len() - 127;
            block.push(127);
            while rest >= 128 {
                block.push(0x80 | u8::try_from(rest & 0x7F).expect("seven bits"));
                rest >>= 7;
            }
            block.push(u8::try_from(rest).expect("below 128"));
        }
    }
    block.extend_from_slice(text);
}

/// The `:status` that opens a response header block; `None` if it is written in a way we do not follow.
pub(crate) fn read_status(mut block: &[u8]) -> Option<u16> {
    // A table size update may come first.
    while block.first()? & 0xE0 == 0x20 {
        let size =
            if block[0] == 0x3F { 2 + block[1..].iter().take_while(|b| **b & 0x80 != 0).count() } else { 1 };
        block = block.get(size..)?;
    }
    // The static table: 8..=14 are whole fields, and the same indexes name the field for a literal value.
    const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    let first = block[0];
    if first & 0x80 != 0 {
        return STATUSES.get(usize::from(first & 0x7F).checked_sub(8)?).copied();
    }
    let name = if first & 0x40 != 0 { first & 0x3F } else { first & 0x0F };
    let size = *block.get(1)?;
    let value = block.get(2..2 + usize::from(size & 0x7F))?;
    if !(8..=14).contains(&name) {
        return None;
    }
    if size & 0x80 == 0 { std::str::from_utf8(value).ok()?.parse().ok() } else { huffman_digits(value) }
}

/// Three digits in HPACK's Huffman code: 0-2 take five bits (0..=2), 3-9 take six (25..=31).
fn huffman_digits(bytes: &[u8]) -> Option<u16> {
    let bits = bytes.iter().take(3).fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
    let mut left = 8 * wire_u32(bytes.len().min(3));
    let mut status = 0;
    for _ in 0..3 {
        let five = (bits >> left.checked_sub(5)?) & 0x1F;
        let (digit, used) =
            if five <= 2 { (five, 5) } else { (((bits >> left.checked_sub(6)?) & 0x3F).checked_sub(22)?, 6) };
        status = status * 10 + u16::try_from(digit).ok().filter(|digit| *digit <= 9)?;
        left -= used;
    }
    Some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_or_not_there() {
        let mut bytes = Vec::new();
        push_window_update(&mut bytes, 5, 1 << 20);
        for end in 0..bytes.len() {
            assert!(Frame::first(&bytes[..end], 16_384).unwrap().is_none());
        }
        let frame = Frame::first(&bytes, 16_384).unwrap().unwrap();
        assert_eq!((frame.kind, frame.stream, frame.word()), (kind::WINDOW_UPDATE, 5, 1 << 20));
        assert!(Frame::first(&bytes, 3).is_err());
    }

    #[test]
    fn statuses_are_read_in_every_encoding_servers_use() {
        assert_eq!(read_status(&[0x88, 0x5F]), Some(200));
        assert_eq!(read_status(&[0x20, 0x8C]), Some(400));
        assert_eq!(read_status(&[0x3F, 0xE1, 0x1F, 0x8E]), Some(500));
        assert_eq!(read_status(b"\x48\x03503"), Some(503));
        // RFC 7541 C.6.1: "302" in Huffman is 64 02.
        assert_eq!(read_status(&[0x48, 0x82, 0x64, 0x02]), Some(302));
        assert_eq!(read_status(&[0x80 | 62]), None);
    }

    #[test]
    fn padding_is_not_content() {
        let frame = Frame { kind: kind::DATA, flags: flag::PADDED, stream: 1, payload: &[2, b'x', 0, 0] };
        assert_eq!(frame.content().unwrap(), b"x");
        let frame = Frame { kind: kind::DATA, flags: flag::PADDED, stream: 1, payload: &[9, b'x'] };
        assert!(frame.content().is_err());
    }
}

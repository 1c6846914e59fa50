//! CBOR 1.1 bodies as the Java SDKs speak them: blobs are byte strings, timestamps tag 1 around integer
//! *milliseconds* (not RFC 8949's seconds, and never a float: Java parses the digits as a long).

use std::borrow::Cow;

use bytes::Bytes;
use minicbor::Decoder;
use minicbor::data::Type;

use super::Value;
use super::codec::Malformed;
use super::value::Budget;

/// The tag of an epoch time.
pub(super) const TAG_EPOCH_TIME: u64 = 1;
/// Entries allocated on the word of a length header alone; more are earned by their bytes.
const TRUSTED_ENTRIES_MAX: usize = 16;

impl From<minicbor::decode::Error> for Malformed {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// Reads one CBOR value, nothing behind it.
pub(super) fn decode(body: &Bytes) -> Result<Value<'_>, Malformed> {
    let mut reader = Reader { body, input: Decoder::new(body), budget: Budget::new() };
    let value = reader.value()?;
    if reader.remaining() == 0 { Ok(value) } else { Err(Malformed) }
}

struct Reader<'a> {
    body: &'a Bytes,
    input: Decoder<'a>,
    budget: Budget,
}

impl<'a> Reader<'a> {
    fn remaining(&self) -> usize {
        self.body.len() - self.input.position()
    }

    fn value(&mut self) -> Result<Value<'a>, Malformed> {
        self.budget.value()?;
        let timestamp = self.skip_tags()?;
        let value = self.untagged()?;
        if !timestamp {
            return Ok(value);
        }
        match value {
            Value::Integer(millis) => Ok(Value::Timestamp(i64::try_from(millis).map_err(|_| Malformed)?)),
            #[expect(clippy::cast_possible_truncation, reason = "the conversion saturates")]
            Value::Float(millis) => Ok(Value::Timestamp(millis.round() as i64)),
            _ => Err(Malformed),
        }
    }

    /// Skips tags; tells whether the innermost says epoch time.
    fn skip_tags(&mut self) -> Result<bool, Malformed> {
        let mut timestamp = false;
        while self.input.datatype()? == Type::Tag {
            timestamp = self.input.tag()?.as_u64() == TAG_EPOCH_TIME;
        }
        Ok(timestamp)
    }

    fn untagged(&mut self) -> Result<Value<'a>, Malformed> {
        match self.input.datatype()? {
            Type::Null => Ok(self.input.null().map(|()| Value::Null)?),
            Type::Undefined => Ok(self.input.undefined().map(|()| Value::Null)?),
            Type::Bool => Ok(Value::Bool(self.input.bool()?)),
            Type::F16 => self.half().map(Value::Float),
            Type::F32 => Ok(Value::Float(self.input.f32()?.into())),
            Type::F64 => Ok(Value::Float(self.input.f64()?)),
            Type::String | Type::StringIndef => Ok(Value::Text(self.text()?)),
            Type::Bytes | Type::BytesIndef => Ok(Value::Blob(self.blob()?)),
            Type::Array | Type::ArrayIndef => self.list(),
            Type::Map | Type::MapIndef => self.map(),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => self.integer(),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => self.integer(),
            Type::Simple | Type::Tag | Type::Break | Type::Unknown(_) => Err(Malformed),
        }
    }

    /// A 16-bit float. minicbor reads them only with another dependency.
    fn half(&mut self) -> Result<f64, Malformed> {
        let at = self.input.position() + 1;
        let (bits, _) = self.body.get(at..).and_then(<[u8]>::split_first_chunk).ok_or(Malformed)?;
        self.input.set_position(at + bits.len());
        Ok(half_to_double(u16::from_be_bytes(*bits)))
    }

    fn integer(&mut self) -> Result<Value<'a>, Malformed> {
        Ok(Value::Integer(self.input.int()?.into()))
    }

    /// Text in one piece is borrowed, text in chunks joined.
    fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        match self.input.datatype()? {
            Type::String => Ok(Cow::Borrowed(self.input.str()?)),
            Type::StringIndef => Ok(Cow::Owned(self.input.str_iter()?.collect::<Result<String, _>>()?)),
            _ => Err(Malformed),
        }
    }

    /// Bytes in one piece are a slice of the body, bytes in chunks joined.
    fn blob(&mut self) -> Result<Bytes, Malformed> {
        if self.input.datatype()? == Type::Bytes {
            return Ok(self.body.slice_ref(self.input.bytes()?));
        }
        let mut joined = Vec::new();
        for chunk in self.input.bytes_iter()? {
            joined.extend_from_slice(chunk?);
        }
        Ok(joined.into())
    }

    fn list(&mut self) -> Result<Value<'a>, Malformed> {
        let declared = self.input.array()?;
        self.entries(declared, Self::value).map(Value::List)
    }

    fn map(&mut self) -> Result<Value<'a>, Malformed> {
        let declared = self.input.map()?;
        self.entries(declared, |reader| Ok((reader.text()?, reader.value()?))).map(Value::Map)
    }

    /// Reads the declared number of entries, or entries up to the break.
    fn entries<T>(
        &mut self,
        declared: Option<u64>,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        self.budget.enter()?;
        let declared = declared.map(|count| usize::try_from(count).map_err(|_| Malformed)).transpose()?;
        if declared.is_some_and(|count| count > self.remaining()) {
            return Err(Malformed);
        }
        let mut entries = Vec::with_capacity(declared.unwrap_or(0).min(TRUSTED_ENTRIES_MAX));
        while self.has_more(declared, entries.len())? {
            entries.push(read(self)?);
        }
        self.budget.leave();
        Ok(entries)
    }

    /// Whether another entry follows; takes the break of an indefinite list or map.
    fn has_more(&mut self, declared: Option<usize>, read: usize) -> Result<bool, Malformed> {
        if let Some(count) = declared {
            return Ok(read < count);
        }
        if self.input.datatype()? != Type::Break {
            return Ok(true);
        }
        self.input.set_position(self.input.position() + 1);
        Ok(false)
    }
}

/// One sign bit, five of the exponent, ten of the mantissa.
fn half_to_double(bits: u16) -> f64 {
    let mantissa = f64::from(bits & 0x3ff);
    let magnitude = match bits >> 10 & 0x1f {
        0 => mantissa * 2_f64.powi(-24),
        0x1f if mantissa == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (mantissa + 1024.0) * 2_f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// Major types, in the three high bits of a header.
pub(super) const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
pub(super) const BYTES: u8 = 2;
pub(super) const TEXT: u8 = 3;
const ARRAY: u8 = 4;
pub(super) const MAP: u8 = 5;
pub(super) const TAG: u8 = 6;

/// Appends a message; every length definite.
pub(super) fn encode(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(bool) => out.push(0xf4 | u8::from(*bool)),
        Value::Integer(integer) => encode_integer(*integer, out),
        Value::Float(float) => {
            out.push(0xfb);
            out.extend_from_slice(&float.to_be_bytes());
        }
        Value::Text(text) => encode_string(TEXT, text.as_bytes(), out),
        Value::Blob(blob) => encode_string(BYTES, blob, out),
        Value::Timestamp(millis) => {
            header(TAG, TAG_EPOCH_TIME, out);
            encode_integer((*millis).into(), out);
        }
        Value::List(items) => {
            header(ARRAY, items.len() as u64, out);
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Map(members) => encode_map(members, out),
    }
}

/// Integers beyond CBOR's range are held at its ends; no member is that wide.
fn encode_integer(integer: i128, out: &mut Vec<u8>) {
    let (major, magnitude) = if integer < 0 { (NEGATIVE, -1 - integer) } else { (UNSIGNED, integer) };
    header(major, u64::try_from(magnitude).unwrap_or(u64::MAX), out);
}

/// A text or byte string.
pub(super) fn encode_string(major: u8, bytes: &[u8], out: &mut Vec<u8>) {
    header(major, bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Bytes of a string of `len` bytes with its header.
pub(super) fn string_len(len: usize) -> usize {
    header_len(len as u64) + len
}

/// What stands around the items of a list that is the first member of a map; `rest` holds the others.
pub(super) fn around_list(name: &str, items: usize, rest: &Value<'_>) -> (Vec<u8>, Vec<u8>) {
    let Value::Map(others) = rest else { return (Vec::new(), Vec::new()) };
    let present = || others.iter().filter(|(_, value)| *value != Value::Null);
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    header(MAP, 1 + present().count() as u64, &mut before);
    encode_string(TEXT, name.as_bytes(), &mut before);
    header(ARRAY, items as u64, &mut before);
    present().for_each(|member| encode_member(member, &mut behind));
    (before, behind)
}

fn encode_map(members: &[(Cow<'_, str>, Value<'_>)], out: &mut Vec<u8>) {
    let present = || members.iter().filter(|(_, value)| *value != Value::Null);
    header(MAP, present().count() as u64, out);
    present().for_each(|member| encode_member(member, out));
}

fn encode_member((name, value): &(Cow<'_, str>, Value<'_>), out: &mut Vec<u8>) {
    encode_string(TEXT, name.as_bytes(), out);
    encode(value, out);
}

/// A major type with its argument, in the shortest form.
pub(super) fn header(major: u8, argument: u64, out: &mut Vec<u8>) {
    let bytes = argument.to_be_bytes();
    let width = header_len(argument) - 1;
    let info = match width {
        0 => bytes[7],
        1 => 24,
        2 => 25,
        4 => 26,
        _ => 27,
    };
    out.push(major << 5 | info);
    out.extend_from_slice(&bytes[8 - width..]);
}

/// Bytes of a header with this argument.
pub(super) const fn header_len(argument: u64) -> usize {
    match argument {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

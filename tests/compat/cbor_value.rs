//! CBOR values for the tests: written as Jackson writes them (indefinite lengths), read in either form.

use std::collections::BTreeMap;
use std::convert::Infallible;

use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder, decode, encode};

type Decoded<T> = Result<T, decode::Error>;

/// One decoded value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Null,
    Integer(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Bool(bool),
    Tagged(u64, Box<Item>),
    List(Vec<Item>),
    Map(BTreeMap<String, Item>),
}

impl Item {
    /// A member of a map; its absence fails the test.
    pub(crate) fn get(&self, name: &str) -> &Item {
        match self {
            Item::Map(members) => members.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")),
            other => panic!("no {name} in {other:?}"),
        }
    }

    /// The text it is.
    pub(crate) fn text(&self) -> &str {
        let Item::Text(text) = self else { panic!("not a text: {self:?}") };
        text
    }

    /// The elements it holds.
    pub(crate) fn list(&self) -> &[Item] {
        let Item::List(items) = self else { panic!("not a list: {self:?}") };
        items
    }

    /// A timestamp: tag 1 and an integer, in milliseconds.
    pub(crate) fn milliseconds(&self) -> i64 {
        let Item::Tagged(1, inner) = self else { panic!("not a timestamp: {self:?}") };
        let Item::Integer(milliseconds) = **inner else { panic!("not in whole milliseconds: {self:?}") };
        milliseconds
    }
}

/// Reads exactly one value.
pub(crate) fn read(body: &[u8]) -> Item {
    let mut decoder = Decoder::new(body);
    let item = item(&mut decoder).unwrap_or_else(|error| panic!("{error} in {body:02x?}"));
    assert_eq!(decoder.position(), body.len(), "bytes follow the value");
    item
}

/// Reads the next value; depth is bounded by what the server under test would send.
fn item(decoder: &mut Decoder<'_>) -> Decoded<Item> {
    Ok(match decoder.datatype()? {
        Type::Null => decoder.null().map(|()| Item::Null)?,
        Type::F64 => Item::Float(decoder.f64()?),
        Type::Bool => Item::Bool(decoder.bool()?),
        Type::String | Type::StringIndef => Item::Text(decoder.str_iter()?.collect::<Result<String, _>>()?),
        Type::Bytes | Type::BytesIndef => {
            Item::Bytes(decoder.bytes_iter()?.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Type::Tag => Item::Tagged(decoder.tag()?.as_u64(), Box::new(item(decoder)?)),
        Type::Array | Type::ArrayIndef => Item::List(sequence(decoder, |it| it.array(), item)?),
        Type::Map | Type::MapIndef => {
            let member = |it: &mut Decoder<'_>| Ok((it.str()?.to_owned(), item(it)?));
            Item::Map(sequence(decoder, |it| it.map(), member)?.into_iter().collect())
        }
        _ => Item::Integer(decoder.i64()?),
    })
}

/// The elements of a list or map of either length form.
fn sequence<T>(
    decoder: &mut Decoder<'_>,
    open: impl Fn(&mut Decoder<'_>) -> Decoded<Option<u64>>,
    element: impl Fn(&mut Decoder<'_>) -> Decoded<T>,
) -> Decoded<Vec<T>> {
    let count = open(decoder)?;
    let mut elements = Vec::new();
    while match count {
        Some(count) => (elements.len() as u64) < count,
        None => decoder.datatype()? != Type::Break,
    } {
        elements.push(element(decoder)?);
    }
    if count.is_none() {
        decoder.skip()?;
    }
    Ok(elements)
}

/// Writes one structure the way Jackson does, with an indefinite length.
pub(crate) fn structure(members: &[(&str, Item)]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.begin_map().expect("a vector takes all");
    for (name, value) in members {
        encoder.str(name).expect("a vector takes all");
        write(&mut encoder, value).expect("a vector takes all");
    }
    encoder.end().expect("a vector takes all");
    encoder.into_writer()
}

fn write(encoder: &mut Encoder<Vec<u8>>, value: &Item) -> Result<(), encode::Error<Infallible>> {
    match value {
        Item::Null => encoder.null()?,
        Item::Integer(number) => encoder.i64(*number)?,
        Item::Float(number) => encoder.f64(*number)?,
        Item::Text(text) => encoder.str(text)?,
        Item::Bytes(bytes) => encoder.bytes(bytes)?,
        Item::Bool(truth) => encoder.bool(*truth)?,
        Item::Tagged(tag, inner) => {
            encoder.tag(Tag::new(*tag))?;
            return write(encoder, inner);
        }
        Item::List(items) => {
            encoder.begin_array()?;
            items.iter().try_for_each(|it| write(encoder, it))?;
            encoder.end()?
        }
        Item::Map(members) => {
            encoder.begin_map()?;
            for (name, value) in members {
                encoder.str(name)?;
                write(encoder, value)?;
            }
            encoder.end()?
        }
    };
    Ok(())
}

/// A text.
pub(crate) fn text(value: &str) -> Item {
    Item::Text(value.to_owned())
}

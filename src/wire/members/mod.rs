//! Typed reading of an operation's input out of a decoded map, so that an operation reads like a declaration:
//!
//! ```
//! # use fanlight::wire::{Codec, InputError, Members, Pattern, Value};
//! # let body = Value::map([("StreamName", "orders".into()), ("ShardCount", 2.into())]);
//! let mut m = Members::new(&body, Codec::Json)?;
//! let name = m.text("StreamName").length(1, 128).pattern(Pattern::Name).required();
//! let shards = m.integer("ShardCount").at_least(1).optional();
//! m.finish()?;
//! # assert_eq!((name, shards), ("orders", Some(2)));
//! # Ok::<(), InputError>(())
//! ```
//!
//! Each member is converted to its declared type, then held against its constraints, and the service's texts
//! are collected for what fails. Until [`Members::finish`] says that nothing did, required members that are
//! missing read as empty placeholders; values made of them must not be acted upon.

mod convert;
mod list;
mod pattern;
mod problems;
mod scalar;
mod structure;
mod text_map;

use std::borrow::Cow;
use std::mem;

use super::value::find;
use super::{Codec, Value};
use crate::types::Timestamp;

pub use list::{List, TextList};
pub use pattern::Pattern;
pub use problems::InputError;
pub use scalar::{Blob, Enumeration, Integer, Plain, Text};
pub use structure::Structure;
pub use text_map::TextMap;

use convert::{Kind, mistyped};
use problems::{Path, Problems};

/// What a request's map or structure holds.
type Entries<'v> = [(Cow<'v, str>, Value<'v>)];

/// The members of one structure, while they are read.
pub struct Members<'p, 'v> {
    entries: &'v Entries<'v>,
    codec: Codec,
    path: Path<'p>,
    problems: Problems,
}

impl<'p, 'v> Members<'p, 'v> {
    /// Starts reading a request's body. The encoding matters: a bare number is a time in seconds in JSON, in
    /// milliseconds in CBOR.
    pub fn new(body: &'v Value<'v>, codec: Codec) -> Result<Self, InputError> {
        let Value::Map(entries) = body else { return Err(InputError::Malformed) };
        Ok(Self { entries, codec, path: Path::Root, problems: Problems::default() })
    }

    /// Tells what was wrong: the first type error, or else the violated constraints.
    pub fn finish(self) -> Result<(), InputError> {
        self.problems.finish()
    }

    /// A string.
    pub fn text<'m>(&'m mut self, name: &'static str) -> Text<'m, 'p, 'v> {
        Text::new(self, name)
    }

    /// A string out of a closed set, listed in the order the service prints it.
    pub fn enumeration<'m>(
        &'m mut self,
        name: &'static str,
        set: &'static [&'static str],
    ) -> Enumeration<'m, 'p, 'v> {
        Enumeration::new(self, name, set)
    }

    /// A 32-bit integer; what is beyond is held at the ends.
    pub fn integer<'m>(&'m mut self, name: &'static str) -> Integer<'m, 'p, 'v> {
        Integer::new(self, name, Kind::Integer)
    }

    /// A 64-bit integer; what is beyond is held at the ends.
    pub fn long<'m>(&'m mut self, name: &'static str) -> Integer<'m, 'p, 'v> {
        Integer::new(self, name, Kind::Long)
    }

    /// A boolean.
    pub fn boolean<'m>(&'m mut self, name: &'static str) -> Plain<'m, 'p, 'v, bool> {
        Plain::new(self, name, |value, _| convert::boolean(value))
    }

    /// Bytes.
    pub fn blob<'m>(&'m mut self, name: &'static str) -> Blob<'m, 'p, 'v> {
        Blob::new(self, name)
    }

    /// A point in time.
    pub fn timestamp<'m>(&'m mut self, name: &'static str) -> Plain<'m, 'p, 'v, Timestamp> {
        Plain::new(self, name, convert::timestamp)
    }

    /// A list of structures; `shape` is the model's name for one, which errors print.
    pub fn list<'m>(&'m mut self, name: &'static str, shape: &'static str) -> List<'m, 'p, 'v> {
        List::new(self, name, shape)
    }

    /// A list of strings.
    pub fn text_list<'m>(&'m mut self, name: &'static str) -> TextList<'m, 'p, 'v> {
        TextList::new(self, name)
    }

    /// A map from strings to strings.
    pub fn text_map<'m>(&'m mut self, name: &'static str) -> TextMap<'m, 'p, 'v> {
        TextMap::new(self, name)
    }

    /// A structure with members of its own.
    pub fn structure<'m>(&'m mut self, name: &'static str) -> Structure<'m, 'p, 'v> {
        Structure::new(self, name)
    }

    /// Reads a member as what `convert` makes of it; notes a type error.
    fn convert<T>(
        &mut self,
        name: &str,
        convert: impl FnOnce(&'v Value<'v>, Codec) -> Result<T, String>,
    ) -> Option<T> {
        let value = find(self.entries, name)?;
        self.typed(convert(value, self.codec))
    }

    /// Notes a type error, if it is one.
    fn typed<T>(&mut self, converted: Result<T, String>) -> Option<T> {
        converted.map_err(|message| self.problems.mistyped(message)).ok()
    }

    /// Notes that a value does not satisfy a constraint.
    fn violate(&mut self, name: &str, value: impl FnOnce() -> String, constraint: &str) {
        let path = Path::Member(&self.path, name);
        self.problems.violation(&path, Some(value), constraint);
    }

    /// Notes that a required member is missing.
    fn missing(&mut self, name: &str) {
        self.problems.missing(&Path::Member(&self.path, name));
    }

    /// Notes the violated constraint, if there is one.
    fn check(&mut self, name: &str, violated: Option<String>, value: impl FnOnce() -> String) {
        if let Some(constraint) = violated {
            self.violate(name, value, &constraint);
        }
    }

    /// The value, or an empty placeholder for a member that is missing. (After a type error the note is
    /// redundant: the type error is what will be told.)
    fn or_missing<T: Default>(&mut self, name: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.missing(name);
            T::default()
        })
    }

    /// Whether the member is absent or null.
    fn is_missing(&self, name: &str) -> bool {
        find(self.entries, name).is_none()
    }

    /// Reads the members of a value below this structure, its problems joining the others.
    fn nested<T>(
        &mut self,
        path: Path<'_>,
        entries: &'v Entries<'v>,
        read: impl FnOnce(&mut Members<'_, 'v>) -> T,
    ) -> T {
        let problems = mem::take(&mut self.problems);
        let mut inner = Members { entries, codec: self.codec, path, problems };
        let value = read(&mut inner);
        self.problems = inner.problems;
        value
    }

    /// What `read` makes of nothing at all: the placeholder for a structure that is missing. Its problems are
    /// not told.
    fn placeholder<T>(&self, read: impl FnOnce(&mut Members<'_, 'v>) -> T) -> T {
        read(&mut Members {
            entries: &[],
            codec: self.codec,
            path: Path::Root,
            problems: Problems::default(),
        })
    }
}

/// The members of a value that must be a structure.
fn entries_of<'v>(value: &'v Value<'v>) -> Result<&'v Entries<'v>, String> {
    if let Value::Map(entries) = value { Ok(entries) } else { Err(mistyped(value, Kind::Structure)) }
}

/// Inclusive bounds of a length or a value.
#[derive(Clone, Copy)]
struct Bounds {
    low: i64,
    high: i64,
}

impl Bounds {
    const NONE: Self = Self { low: i64::MIN, high: i64::MAX };

    const fn new(low: u32, high: u32) -> Self {
        Self { low: low as i64, high: high as i64 }
    }

    /// The text of the bound a value is beyond, if it is.
    fn value(self, value: i64) -> Option<String> {
        self.violated("value", value)
    }

    /// The text of the bound a length is beyond, if it is.
    fn length(self, length: i64) -> Option<String> {
        self.violated("length", length)
    }

    /// The same for a number of bytes or items.
    fn count(self, count: usize) -> Option<String> {
        self.length(i64::try_from(count).unwrap_or(i64::MAX))
    }

    fn violated(self, what: &str, actual: i64) -> Option<String> {
        let Self { low, high } = self;
        if actual < low {
            Some(format!("Member must have {what} greater than or equal to {low}"))
        } else if actual > high {
            Some(format!("Member must have {what} less than or equal to {high}"))
        } else {
            None
        }
    }

    /// Both bounds of a length at once, as collections print them for their items.
    fn both(self) -> String {
        let Self { low, high } = self;
        format!(
            "Member must have length less than or equal to {high}, \
             Member must have length greater than or equal to {low}"
        )
    }

    /// Whether a string has a length within.
    fn admit(self, text: &str) -> bool {
        (self.low..=self.high).contains(&code_points(text))
    }
}

/// The length of a string as constraints count it.
fn code_points(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod constraint_tests;
#[cfg(test)]
mod type_tests;

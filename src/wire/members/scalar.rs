//! Members with one value: what they are held against, and how they are read.

use bytes::Bytes;

use super::convert::{self, Kind};
use super::problems::enclosed;
use super::{Bounds, Members, Pattern, code_points};
use crate::wire::{Codec, Value};

/// A string, being declared.
pub struct Text<'m, 'p, 'v> {
    members: &'m mut Members<'p, 'v>,
    name: &'static str,
    bounds: Bounds,
    pattern: Option<Pattern>,
}

impl<'m, 'p, 'v> Text<'m, 'p, 'v> {
    pub(super) fn new(members: &'m mut Members<'p, 'v>, name: &'static str) -> Self {
        Self { members, name, bounds: Bounds::NONE, pattern: None }
    }

    /// Bounds its length in Unicode code points.
    #[must_use]
    pub fn length(self, low: u32, high: u32) -> Self {
        Self { bounds: Bounds::new(low, high), ..self }
    }

    /// Asks for a pattern.
    #[must_use]
    pub fn pattern(self, pattern: Pattern) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    /// Reads it, if it is there.
    pub fn optional(self) -> Option<&'v str> {
        let text = self.members.convert(self.name, |value, _| convert::text(value))?;
        // The service names a broken pattern before a broken length.
        if let Some(pattern) = self.pattern.filter(|pattern| !pattern.matches(text)) {
            let constraint = format!("Member must satisfy regular expression pattern: {}", pattern.as_str());
            self.members.violate(self.name, || text.to_owned(), &constraint);
        }
        self.members.check(self.name, self.bounds.length(code_points(text)), || text.to_owned());
        Some(text)
    }

    /// Reads it; empty if it is missing.
    pub fn required(self) -> &'v str {
        let Self { members, name, bounds, pattern } = self;
        let text = Text { members: &mut *members, name, bounds, pattern }.optional();
        members.or_missing(name, text)
    }
}

/// A string out of a closed set, being declared.
pub struct Enumeration<'m, 'p, 'v> {
    members: &'m mut Members<'p, 'v>,
    name: &'static str,
    set: &'static [&'static str],
}

impl<'m, 'p, 'v> Enumeration<'m, 'p, 'v> {
    pub(super) fn new(
        members: &'m mut Members<'p, 'v>,
        name: &'static str,
        set: &'static [&'static str],
    ) -> Self {
        Self { members, name, set }
    }

    /// Reads it, if it is there: the one of the set, so that a `match` can follow.
    pub fn optional(self) -> Option<&'static str> {
        let text = self.members.convert(self.name, |value, _| convert::text(value))?;
        let found = self.set.iter().find(|one| **one == text);
        if found.is_none() {
            self.members.violate(self.name, || text.to_owned(), &enum_constraint(self.set));
        }
        found.copied()
    }

    /// Reads it; the first of the set if it is missing.
    pub fn required(self) -> &'static str {
        let Self { members, name, set } = self;
        let is_missing = members.is_missing(name);
        let found = Enumeration { members: &mut *members, name, set }.optional();
        if is_missing {
            members.missing(name);
        }
        found.or(set.first().copied()).unwrap_or_default()
    }
}

/// The text for a value outside a closed set.
pub(super) fn enum_constraint(set: &[&str]) -> String {
    let set = enclosed(set.iter().map(|&one| one.to_owned()), ['[', ']']);
    format!("Member must satisfy enum value set: {set}")
}

/// An integer, being declared.
pub struct Integer<'m, 'p, 'v> {
    members: &'m mut Members<'p, 'v>,
    name: &'static str,
    kind: Kind,
    bounds: Bounds,
}

impl<'m, 'p, 'v> Integer<'m, 'p, 'v> {
    pub(super) fn new(members: &'m mut Members<'p, 'v>, name: &'static str, kind: Kind) -> Self {
        Self { members, name, kind, bounds: Bounds::NONE }
    }

    /// Bounds it on both sides.
    #[must_use]
    pub fn range(self, low: i64, high: i64) -> Self {
        Self { bounds: Bounds { low, high }, ..self }
    }

    /// Bounds it from below.
    #[must_use]
    pub fn at_least(self, low: i64) -> Self {
        self.range(low, i64::MAX)
    }

    /// Reads it, if it is there.
    pub fn optional(self) -> Option<i64> {
        let kind = self.kind;
        let integer = self.members.convert(self.name, |value, _| convert::integer(value, kind))?;
        self.members.check(self.name, self.bounds.value(integer), || integer.to_string());
        Some(integer)
    }

    /// Reads it; 0 if it is missing.
    pub fn required(self) -> i64 {
        let Self { members, name, kind, bounds } = self;
        let integer = Integer { members: &mut *members, name, kind, bounds }.optional();
        members.or_missing(name, integer)
    }
}

/// Bytes, being declared.
pub struct Blob<'m, 'p, 'v> {
    members: &'m mut Members<'p, 'v>,
    name: &'static str,
    bounds: Bounds,
}

impl<'m, 'p, 'v> Blob<'m, 'p, 'v> {
    pub(super) fn new(members: &'m mut Members<'p, 'v>, name: &'static str) -> Self {
        Self { members, name, bounds: Bounds::NONE }
    }

    /// Bounds its length in bytes.
    #[must_use]
    pub fn max(self, high: u32) -> Self {
        Self { bounds: Bounds::new(0, high), ..self }
    }

    /// Reads it, if it is there. Out of a CBOR body it is a slice of that body.
    pub fn optional(self) -> Option<Bytes> {
        let blob = self.members.convert(self.name, convert::blob)?;
        let printed = || format!("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", blob.len());
        self.members.check(self.name, self.bounds.count(blob.len()), printed);
        Some(blob)
    }

    /// Reads it; empty if it is missing.
    pub fn required(self) -> Bytes {
        let Self { members, name, bounds } = self;
        let blob = Blob { members: &mut *members, name, bounds }.optional();
        members.or_missing(name, blob)
    }
}

/// A member whose type is all there is to say about it: a boolean or a time.
pub struct Plain<'m, 'p, 'v, T> {
    members: &'m mut Members<'p, 'v>,
    name: &'static str,
    convert: fn(&Value<'_>, Codec) -> Result<T, String>,
}

impl<'m, 'p, 'v, T: Default> Plain<'m, 'p, 'v, T> {
    pub(super) fn new(
        members: &'m mut Members<'p, 'v>,
        name: &'static str,
        convert: fn(&Value<'_>, Codec) -> Result<T, String>,
    ) -> Self {
        Self { members, name, convert }
    }

    /// Reads it, if it is there.
    pub fn optional(self) -> Option<T> {
        self.members.convert(self.name, self.convert)
    }

    /// Reads it; `false` or the epoch if it is missing.
    pub fn required(self) -> T {
        let value = self.members.convert(self.name, self.convert);
        self.members.or_missing(self.name, value)
    }
}

//! What is wrong with a request: one type error, or up to ten violated constraints, in the service's words.

use std::fmt;

/// Violations told at most; the service stops there too.
const VIOLATIONS_MAX: usize = 10;
/// Characters of an offending value that an error repeats. Own: an answer should not grow with the request.
const PRINTED_CHARS_MAX: usize = 8192;

/// Why an input was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The body is no map: a `SerializationException` without a text.
    #[error("the body is not a map")]
    Malformed,
    /// A member has another type than declared: a `SerializationException` with this text.
    #[error("{0}")]
    Serialization(String),
    /// Members violate constraints: a `ValidationException` with this text.
    #[error("{0}")]
    Validation(String),
}

/// Where a member is. Built on the stack on the way down, printed only when something is wrong.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    /// The request itself.
    Root,
    /// A member of a structure.
    Member(&'p Path<'p>, &'p str),
    /// An item of a list, by its position counted from 1.
    Item(&'p Path<'p>, usize),
    /// A value of a map, by its key.
    Entry(&'p Path<'p>, &'p str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Self::Root, name) => lower_first(name, f),
            Self::Member(parent, name) => {
                write!(f, "{parent}.")?;
                lower_first(name, f)
            }
            Self::Item(parent, position) => write!(f, "{parent}.{position}.member"),
            Self::Entry(parent, key) => write!(f, "{parent}.{key}.member"),
        }
    }
}

fn lower_first(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut chars = name.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    write!(f, "{}{}", first.map_or(String::new(), String::from), chars.as_str())
}

/// The problems found so far.
#[derive(Default)]
pub(super) struct Problems {
    mistyped: Option<String>,
    violations: Vec<String>,
}

impl Problems {
    /// Notes a type error; the first one wins.
    pub(super) fn mistyped(&mut self, message: String) {
        self.mistyped.get_or_insert(message);
    }

    /// Notes that a required member is missing.
    pub(super) fn missing(&mut self, path: &Path<'_>) {
        self.violation(path, None::<fn() -> String>, "Member must not be null");
    }

    /// Notes a violated constraint; `None` prints as null.
    pub(super) fn violation(
        &mut self,
        path: &Path<'_>,
        value: Option<impl FnOnce() -> String>,
        constraint: &str,
    ) {
        if self.violations.len() == VIOLATIONS_MAX {
            return;
        }
        let value = value.map_or_else(|| "null".to_owned(), |print| format!("'{}'", clip(&print())));
        self.violations.push(format!("Value {value} at '{path}' failed to satisfy constraint: {constraint}"));
    }

    /// The verdict.
    pub(super) fn finish(self) -> Result<(), InputError> {
        if let Some(message) = self.mistyped {
            return Err(InputError::Serialization(message));
        }
        let plural = match self.violations.len() {
            0 => return Ok(()),
            1 => "",
            _ => "s",
        };
        let (count, all) = (self.violations.len(), self.violations.join("; "));
        Err(InputError::Validation(format!("{count} validation error{plural} detected: {all}")))
    }
}

/// The beginning of a text, as much as errors repeat.
pub(super) fn clip(text: &str) -> &str {
    match text.char_indices().nth(PRINTED_CHARS_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// `[a, b]` or `{a, b}`, as much of it as errors repeat.
pub(super) fn enclosed(items: impl Iterator<Item = String>, [open, close]: [char; 2]) -> String {
    let mut text = String::from(open);
    for (position, item) in items.enumerate() {
        if position > 0 {
            text.push_str(", ");
        }
        text.push_str(clip(&item));
        if text.len() > PRINTED_CHARS_MAX {
            break;
        }
    }
    text.push(close);
    text
}

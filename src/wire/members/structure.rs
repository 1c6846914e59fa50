//! A member that is a structure with members of its own.

use super::problems::Path;
use super::{Members, entries_of};

/// A structure, being declared.
pub struct Structure<'m, 'p, 'v> {
    members: &'m mut Members<'p, 'v>,
    name: &'static str,
}

impl<'m, 'p, 'v> Structure<'m, 'p, 'v> {
    pub(super) fn new(members: &'m mut Members<'p, 'v>, name: &'static str) -> Self {
        Self { members, name }
    }

    /// Reads it with `read`, if it is there.
    pub fn optional<T>(self, read: impl FnOnce(&mut Members<'_, 'v>) -> T) -> Option<T> {
        let entries = self.members.convert(self.name, |value, _| entries_of(value))?;
        let parent = self.members.path;
        Some(self.members.nested(Path::Member(&parent, self.name), entries, read))
    }

    /// Reads it with `read`; what `read` makes of no members at all if it is missing.
    pub fn required<T>(self, read: impl Fn(&mut Members<'_, 'v>) -> T) -> T {
        let Self { members, name } = self;
        let value = Structure { members: &mut *members, name }.optional(&read);
        value.unwrap_or_else(|| {
            members.missing(name);
            members.placeholder(read)
        })
    }
}

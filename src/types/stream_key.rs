//! Which stream, among those of all accounts that one server plays.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Parts an account from a name; no name contains it.
const MARK: char = ':';

/// A stream's name and whose it is. As text: the name alone for the server's own account, whichever number it
/// goes by; `account:name` for another one's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamKey(String);

impl StreamKey {
    /// The key of a stream of `account`; `None` is the server's own.
    pub fn new(account: Option<&str>, name: &str) -> Self {
        Self(account.map_or_else(|| name.to_owned(), |account| format!("{account}{MARK}{name}")))
    }

    /// Whose it is; `None` for the server's own account.
    pub fn account(&self) -> Option<&str> {
        self.0.split_once(MARK).map(|(account, _)| account)
    }

    /// The name alone.
    pub fn name(&self) -> &str {
        self.0.split_once(MARK).map_or(&self.0, |(_, name)| name)
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A stream of the server's own account.
impl From<&str> for StreamKey {
    fn from(name: &str) -> Self {
        Self::new(None, name)
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_accounts_apart() {
        let (own, other) = (StreamKey::from("orders"), StreamKey::new(Some("111122223333"), "orders"));
        assert_ne!(own, other);
        assert_eq!((own.account(), own.name()), (None, "orders"));
        assert_eq!((other.account(), other.name()), (Some("111122223333"), "orders"));
        assert_eq!(other.to_string(), "111122223333:orders");
    }
}

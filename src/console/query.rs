//! What a question's query says.

use http::StatusCode;

use crate::types::{StreamKey, is_account, is_valid_name};

use super::reply::Failure;

/// The members any question may have; those that were not given are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) shard: String,
    /// What streams' names have to hold.
    pub(super) q: String,
    /// Matching streams to leave out.
    pub(super) offset: usize,
}

impl Query {
    /// Reads `name=value&…`; what it does not know it does not mind.
    pub(super) fn read(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = decoded(value);
            match name {
                "account" => query.account = value,
                "name" => query.name = value,
                "shard" => query.shard = value,
                "q" => query.q = value,
                "offset" => query.offset = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        query
    }

    /// The stream it names.
    pub(super) fn key(&self) -> Result<StreamKey, Failure> {
        if !is_valid_name(&self.name) {
            return Err(bad("name is not a stream's name"));
        }
        Ok(StreamKey::new(account(&self.account)?, &self.name))
    }
}

/// Another account than the server's own, if one is named.
pub(super) fn account(text: &str) -> Result<Option<&str>, Failure> {
    match text {
        "" => Ok(None),
        _ if is_account(text) => Ok(Some(text)),
        _ => Err(bad("account is not twelve digits")),
    }
}

fn bad(text: &str) -> Failure {
    Failure(StatusCode::BAD_REQUEST, "BadRequest", text.to_owned())
}

/// `%41` and `+` as browsers write them; what is no such thing stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = escaped.filter(|_| first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(escaped.unwrap_or(if first == b'+' { b' ' } else { first }));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_browsers_write() {
        let query = Query::read("name=a.b&q=%C3%BC+%2&offset=20&else=1&account=");
        assert_eq!((query.name.as_str(), query.q.as_str(), query.offset), ("a.b", "ü %2", 20));
        assert!(query.key().is_ok());
    }

    #[test]
    fn a_name_or_an_account_that_cannot_be_is_refused() {
        for text in ["name=", "name=a%3Ab", "name=a&account=12", "q=x"] {
            assert!(Query::read(text).key().is_err(), "{text}");
        }
    }
}

//! What an error says, and what it should.

use crate::cbor_value::Item;
use crate::encoding::Encoding;
use crate::reference::Verdict;
use crate::words::without_addresses;

/// An error: status, header, `__type` and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) header: String,
    pub(crate) kind: String,
    pub(crate) text: Option<String>,
}

impl Said {
    /// Reads an answer: its status, its error header and its body.
    pub(crate) fn read((status, header, body): (u16, &str, &[u8]), encoding: Encoding) -> Said {
        let members = encoding.read(body);
        let member = |name: &str| match &members {
            Item::Map(members) => members.get(name).map(|it| it.text().to_owned()),
            _ => None,
        };
        let kind = member("__type").unwrap_or_default();
        let text = member(if kind == "SerializationException" { "Message" } else { "message" });
        Said { status, header: header.to_owned(), kind, text: text.map(|text| without_addresses(&text)) }
    }

    /// What an input that is not accepted has to be told.
    pub(crate) fn expected(verdict: &Verdict) -> Option<Said> {
        let (kind, text) = match verdict {
            Verdict::Accepted => return None,
            Verdict::Mistyped(text) => ("SerializationException".to_owned(), text),
            Verdict::Violates(text) => ("ValidationException".to_owned(), text),
        };
        Some(Said { status: 400, header: kind.clone(), kind, text: Some(without_addresses(text)) })
    }
}

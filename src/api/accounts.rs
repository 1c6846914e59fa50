//! Which account a request speaks for: its access key says so. Each account has streams of its own under
//! names of its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use http::header;
use http::request::Parts;

use crate::limits;
use crate::types::is_account;

use super::{ApiError, Context};

/// The contexts of all accounts that have spoken.
pub(super) struct Accounts {
    own: Rc<Context>,
    /// Accounts of access keys the user has named.
    of_keys: HashMap<String, String>,
    others: RefCell<HashMap<String, Rc<Context>>>,
}

impl Accounts {
    /// The server's own account, and those its settings name by access key.
    pub(super) fn new(own: Rc<Context>, of_keys: HashMap<String, String>) -> Self {
        Self { own, of_keys, others: RefCell::default() }
    }

    /// The server's own account.
    pub(super) fn own(&self) -> &Rc<Context> {
        &self.own
    }

    /// The account a signed request speaks for: the one its access key was given to, the one whose number the
    /// access key is, else the server's own.
    pub(super) fn of(&self, head: &Parts) -> Result<Rc<Context>, ApiError> {
        let key = access_key(head);
        let named = self.of_keys.get(key).map(String::as_str);
        match named.or_else(|| is_account(key).then_some(key)) {
            Some(account) if account != self.own.identity.account => self.other(account),
            _ => Ok(Rc::clone(&self.own)),
        }
    }

    /// An account by its number; none is the server's own.
    pub(super) fn named(&self, account: Option<&str>) -> Result<Rc<Context>, ApiError> {
        account.map_or_else(|| Ok(Rc::clone(&self.own)), |account| self.other(account))
    }

    fn other(&self, account: &str) -> Result<Rc<Context>, ApiError> {
        let mut others = self.others.borrow_mut();
        if let Some(context) = others.get(account) {
            return Ok(Rc::clone(context));
        }
        if others.len() == limits::ACCOUNTS_MAX {
            let text = "The security token included in the request is invalid.";
            return Err(ApiError::bare("UnrecognizedClientException", Some(text.into())));
        }
        let context = self.own.of_account(account);
        others.insert(account.to_owned(), Rc::clone(&context));
        Ok(context)
    }
}

/// The access key of a signed request, from its header or its query; empty if there is none.
fn access_key(head: &Parts) -> &str {
    let header = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let after = |text: &'_ str, mark| text.split_once(mark).map(|(_, rest)| rest.len());
    let (text, rest) = match (header, head.uri.query()) {
        (Some(header), _) => (header, after(header, "Credential=")),
        (None, Some(query)) => (query, after(query, "X-Amz-Credential=")),
        (None, None) => return "",
    };
    let scope = rest.map_or("", |len| &text[text.len() - len..]);
    scope.split(['/', '%', ',', '&']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(uri: &str, authorization: Option<&str>) -> String {
        let mut request = http::Request::post(uri);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        access_key(&request.body(()).unwrap().into_parts().0).to_owned()
    }

    #[test]
    fn the_access_key_comes_first_in_the_credential() {
        let signed = "AWS4-HMAC-SHA256 Credential=111122223333/20261126/us-east-1/kinesis/aws4_request, \
                      SignedHeaders=host, Signature=00";
        assert_eq!(key_of("/", Some(signed)), "111122223333");
        let presigned = "/?X-Amz-Algorithm=A&X-Amz-Credential=AKIA%2F20261126%2Fus-east-1&X-Amz-Date=x";
        assert_eq!(key_of(presigned, None), "AKIA");
        assert_eq!(key_of("/", None), "");
    }
}

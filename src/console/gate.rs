//! Who may ask. The admin address has no accounts: what protects it is that it is reached from where the
//! operator lets it be reached, and that a browser there must not be made a foreign page's tool.
//!
//! - A name that resolves to this address (DNS rebinding) makes a foreign page look like ours: the `Host` has
//!   to be an IP address, `localhost`, or a name the operator gave.
//! - A foreign page may send requests, though it cannot read the answers: what has an effect or costs
//!   something is refused unless the browser says that it comes from our own page.
//! - A form cannot send JSON, and no answer carries headers that would allow another origin anything.

use std::net::{IpAddr, Ipv6Addr};

use http::header::{
    self, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use thiserror::Error;

/// The page loads what is its own, talks to where it came from, and is in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Refused {
    /// Its `Host` is a name nobody gave.
    #[error(
        "the host {0:?} is not known here: use an IP address or localhost, or start with --console-host NAME"
    )]
    Host(String),
    /// It comes from another site's page.
    #[error("asked by another site's page: open the console itself")]
    CrossSite,
    /// A body that a form could have sent.
    #[error("the body has to be application/json")]
    NotJson,
}

/// The names that are ours.
pub(super) struct Gate {
    hosts: Vec<String>,
}

impl Gate {
    /// A gate for localhost, IP addresses and these names.
    pub(super) fn new(hosts: Vec<String>) -> Self {
        Self { hosts }
    }

    /// Admits a request for a page.
    pub(super) fn admit(&self, head: &Parts) -> Result<(), Refused> {
        let host = text(&head.headers, &header::HOST);
        let name = without_port(host);
        let is_ours = name.eq_ignore_ascii_case("localhost")
            || is_address(name)
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is_ours { Ok(()) } else { Err(Refused::Host(host.to_owned())) }
    }

    /// Admits a request that only our own page, or no page at all, may make.
    pub(super) fn admit_own_page(&self, head: &Parts) -> Result<(), Refused> {
        self.admit(head)?;
        let site = text(&head.headers, &HeaderName::from_static("sec-fetch-site"));
        let origin = text(&head.headers, &header::ORIGIN);
        let from = origin.split_once("://").map_or(origin, |(_, authority)| authority);
        let same_origin = origin.is_empty() || from.eq_ignore_ascii_case(text(&head.headers, &header::HOST));
        let same_site = matches!(site, "" | "same-origin" | "none");
        if same_origin && same_site { Ok(()) } else { Err(Refused::CrossSite) }
    }
}

/// Refuses bodies that a form could have sent.
pub(super) fn require_json(head: &Parts) -> Result<(), Refused> {
    let kind = text(&head.headers, &header::CONTENT_TYPE).split(';').next().unwrap_or_default();
    if kind.trim().eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Refused::NotJson) }
}

/// What every answer carries.
pub(super) fn harden(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let own_origin = HeaderValue::from_static("same-origin");
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), own_origin);
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    // Twice, or not of ASCII: as good as another site's.
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => "",
        (Some(value), None) => value.to_str().unwrap_or("?"),
        (Some(_), Some(_)) => "?",
    }
}

fn without_port(host: &str) -> &str {
    let ends_in_bracket = host.rfind(']').map(|at| &host[..=at]);
    ends_in_bracket.unwrap_or_else(|| host.split(':').next().unwrap_or_default())
}

fn is_address(name: &str) -> bool {
    let in_brackets = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    in_brackets.map_or_else(|| name.parse::<IpAddr>().is_ok(), |it| it.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> Parts {
        let request =
            fields.iter().fold(http::Request::get("/"), |it, (name, value)| it.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_name_nobody_gave_is_not_ours() {
        let gate = Gate::new(vec!["streams.example".into()]);
        for host in
            ["127.0.0.1:4568", "localhost:4568", "LOCALHOST", "[::1]:4568", "10.1.2.3", "streams.example:80"]
        {
            assert_eq!(gate.admit(&head(&[("host", host)])), Ok(()), "{host}");
        }
        for host in ["", "evil.example:4568", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]"] {
            assert_eq!(gate.admit(&head(&[("host", host)])), Err(Refused::Host(host.into())));
        }
        let twice = head(&[("host", "localhost"), ("host", "evil.example")]);
        assert!(gate.admit(&twice).is_err());
    }

    #[test]
    fn another_sites_page_is_refused_and_a_program_is_not() {
        let gate = Gate::new(Vec::new());
        let asked = |fields: &[(&str, &str)]| {
            gate.admit_own_page(&head(&[&[("host", "localhost:4568")], fields].concat()))
        };
        assert_eq!(asked(&[]), Ok(()));
        assert_eq!(asked(&[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:4568")]), Ok(()));
        assert_eq!(asked(&[("sec-fetch-site", "none")]), Ok(()));
        for foreign in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "http://evil.example"),
            ("origin", "http://localhost:9000"),
            ("origin", "null"),
        ] {
            assert_eq!(asked(&[foreign]), Err(Refused::CrossSite), "{foreign:?}");
        }
    }

    #[test]
    fn what_a_form_can_send_is_no_json() {
        let kind = |kind| require_json(&head(&[("content-type", kind)]));
        assert_eq!(kind("application/json; charset=utf-8"), Ok(()));
        for form in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
            assert_eq!(kind(form), Err(Refused::NotJson));
        }
    }
}

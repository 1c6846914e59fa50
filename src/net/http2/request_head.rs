//! A request's head out of its HTTP/2 header block, held to RFC 9113, 8.3.1.

use h2::frame::{Headers, Pseudo};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Uri, Version, request, uri};

/// The head; `None` if the block is malformed.
pub(super) fn request_head(headers: Headers) -> Option<request::Parts> {
    let (pseudo, fields) = headers.into_parts();
    let method = pseudo.method.clone()?;
    // Nobody tunnels through this server.
    if method == Method::CONNECT || pseudo.status.is_some() || pseudo.protocol.is_some() {
        return None;
    }
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.uri = uri(&pseudo)?;
    head.method = method;
    head.version = Version::HTTP_2;
    head.headers = fields;
    Some(head)
}

fn uri(pseudo: &Pseudo) -> Option<Uri> {
    let scheme: Scheme = pseudo.scheme.as_deref()?.parse().ok()?;
    let path = match pseudo.path.as_deref()? {
        "/" => PathAndQuery::from_static("/"),
        path => path.parse().ok()?,
    };
    let mut parts = uri::Parts::default();
    if let Some(authority) = pseudo.authority.as_deref() {
        // There is no URI of a scheme without an authority: checked above, it is left out then.
        parts.authority = Some(authority.parse::<Authority>().ok()?);
        parts.scheme = Some(scheme);
    }
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn pseudo(uri: &str) -> Pseudo {
        Pseudo::request(Method::POST, uri.parse().unwrap(), None)
    }

    fn head(pseudo: Pseudo) -> Option<request::Parts> {
        request_head(Headers::new(1.into(), pseudo, HeaderMap::new()))
    }

    #[test]
    fn a_whole_head_is_taken() {
        let head = head(pseudo("https://kinesis.test:4567/a?b")).unwrap();
        assert_eq!((head.method, head.version), (Method::POST, Version::HTTP_2));
        assert_eq!(head.uri, "https://kinesis.test:4567/a?b");
    }

    #[test]
    fn a_client_may_leave_out_the_authority() {
        let without = Pseudo { authority: None, ..pseudo("http://kinesis.test/") };
        assert_eq!(head(without).unwrap().uri, "/");
    }

    #[test]
    fn what_is_missing_or_out_of_place_is_malformed() {
        let whole = || pseudo("http://kinesis.test/");
        assert!(head(Pseudo { method: None, ..whole() }).is_none());
        assert!(head(Pseudo { scheme: None, ..whole() }).is_none());
        assert!(head(Pseudo { path: None, ..whole() }).is_none());
        assert!(head(Pseudo { method: Some(Method::CONNECT), ..whole() }).is_none());
        assert!(head(Pseudo { status: Some(http::StatusCode::OK), ..whole() }).is_none());
    }
}

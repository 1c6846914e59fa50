//! The page's files, as they lie in the binary.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH};
use http::{HeaderValue, Response, StatusCode};

use super::Body;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, content type, bytes.
const FILES: [(&str, &str, &[u8]); 11] = [
    ("/console", HTML, include_bytes!("assets/index.html")),
    ("/console/console.css", "text/css; charset=utf-8", include_bytes!("assets/console.css")),
    ("/console/icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
    ("/console/console.js", SCRIPT, include_bytes!("assets/console.js")),
    ("/console/dom.js", SCRIPT, include_bytes!("assets/dom.js")),
    ("/console/feed.js", SCRIPT, include_bytes!("assets/feed.js")),
    ("/console/overview.js", SCRIPT, include_bytes!("assets/overview.js")),
    ("/console/ring.js", SCRIPT, include_bytes!("assets/ring.js")),
    ("/console/shards.js", SCRIPT, include_bytes!("assets/shards.js")),
    ("/console/stream.js", SCRIPT, include_bytes!("assets/stream.js")),
    ("/console/records.js", SCRIPT, include_bytes!("assets/records.js")),
];

/// The file of a path; only its head if the browser has it already.
pub(super) fn answer(path: &str, asked: &HeaderMap) -> Option<Response<Body>> {
    let &(_, kind, bytes) = FILES.iter().find(|(known, ..)| *known == path)?;
    let tag = format!("\"{:08x}-{}\"", crc32fast::hash(bytes), bytes.len());
    let known = asked.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    let body = if is_known { &[][..] } else { bytes };
    let mut response = Response::new(Body::from(bytes::Bytes::from_static(body)));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Asked for again each time: a newer server has newer files.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (ETAG, tag)));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_small() {
        let bytes: usize = FILES.iter().map(|(_, _, bytes)| bytes.len()).sum();
        assert!(bytes < 60 << 10, "{bytes} bytes");
    }

    #[test]
    fn a_file_the_browser_has_is_not_sent_again() {
        let first = answer("/console", &HeaderMap::new()).expect("the page");
        let mut asked = HeaderMap::new();
        asked.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        let again = answer("/console", &asked).expect("the page");
        assert_eq!((first.status(), again.status()), (StatusCode::OK, StatusCode::NOT_MODIFIED));
        assert!(http_body::Body::is_end_stream(again.body()));
        assert!(answer("/console/../Cargo.toml", &asked).is_none());
    }
}

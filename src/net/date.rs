//! The `Date` header of HTTP/2 replies, formatted at most once a second per thread.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;

thread_local! {
    /// The second last formatted, and how it reads.
    static LAST: RefCell<(u64, HeaderValue)> =
        const { RefCell::new((u64::MAX, HeaderValue::from_static(""))) };
}

/// The header's value now.
pub(super) fn date() -> HeaderValue {
    // Shown to the client and used for nothing else, so it may be read past the clock seam.
    #[allow(clippy::disallowed_methods)]
    let now = SystemTime::now();
    at(now)
}

fn at(now: SystemTime) -> HeaderValue {
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    LAST.with_borrow_mut(|last| {
        if last.0 != second {
            *last = (second, format(now));
        }
        last.1.clone()
    })
}

fn format(now: SystemTime) -> HeaderValue {
    HeaderValue::from_str(&httpdate::fmt_http_date(now)).expect("an HTTP date is printable ASCII")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn changes_with_the_second_only() {
        let at_ms = |ms| at(UNIX_EPOCH + Duration::from_millis(ms));
        assert_eq!(at_ms(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at_ms(784_111_777_999), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at_ms(784_111_778_000), "Sun, 06 Nov 1994 08:49:38 GMT");
    }
}

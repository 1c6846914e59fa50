//! Says how far the opening of a data directory has come, once it takes long.

use std::time::Duration;

use crate::platform::Clock;
use crate::types::Instant;

/// From one line to the next, and before the first.
const PERIOD: Duration = Duration::from_secs(1);

/// A line a second, for as long as it is told of bytes read.
pub(super) struct Progress {
    began: Instant,
    said: Instant,
}

impl Progress {
    /// Begins now.
    pub(super) fn begin() -> Self {
        let now = Clock::system().now();
        Self { began: now, said: now }
    }

    /// So many bytes have been read so far. Of how many is not known: what is sealed is not read whole.
    pub(super) fn told(&mut self, read_bytes: u64) {
        let now = Clock::system().now();
        if now.since(self.said) < PERIOD {
            return;
        }
        self.said = now;
        let secs = now.since(self.began).as_secs();
        tracing::info!(secs, read_mib = read_bytes >> 20, "still opening the data directory");
    }
}

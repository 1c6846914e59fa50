//! Where time comes from: the only place that reads the operating system's clocks, and their simulated twin.

use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use crate::types::{Instant, Timestamp};

#[cfg(any(test, feature = "sim"))]
pub use simulated::SimulatedTime;

/// A source of time. Cheap to clone; all clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    #[cfg(any(test, feature = "sim"))]
    Simulated(SimulatedTime),
}

impl Clock {
    /// The operating system's clocks. Instants count from the first use in this process, so those of
    /// different clones (and threads) compare.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The present, for durations and deadlines; never goes back.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => system_now(),
            #[cfg(any(test, feature = "sim"))]
            Source::Simulated(time) => time.now(),
        }
    }

    /// The present as clients are shown it; may jump when the operator sets the clock.
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_wall(),
            #[cfg(any(test, feature = "sim"))]
            Source::Simulated(time) => time.wall(),
        }
    }
}

// The clocks are read here and nowhere else: everything above asks a `Clock`.
#[allow(clippy::disallowed_methods)]
fn system_now() -> Instant {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    let now = std::time::Instant::now();
    // Another thread may have set the start a moment after `now` was read: that is instant zero.
    let elapsed = now.saturating_duration_since(*START.get_or_init(|| now));
    Instant::from_nanos(0) + elapsed
}

// As above. A clock set before 1970 reads as the epoch rather than stopping the server.
#[allow(clippy::disallowed_methods)]
fn system_wall() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(any(test, feature = "sim"))]
mod simulated {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::{Clock, Source};
    use crate::types::{Instant, Timestamp};

    /// Time that stands still until it is advanced. Clones share it.
    #[derive(Clone, Debug)]
    pub struct SimulatedTime(Arc<Cells>);

    #[derive(Debug)]
    struct Cells {
        /// Nanoseconds since the simulation began.
        elapsed: AtomicU64,
        /// Milliseconds since the epoch at which it began.
        wall_start: AtomicU64,
    }

    impl SimulatedTime {
        /// Time that begins at `wall`, with its instants counting from zero.
        pub fn starting_at(wall: Timestamp) -> Self {
            let wall_start = AtomicU64::new(wall.as_millis());
            Self(Arc::new(Cells { elapsed: AtomicU64::new(0), wall_start }))
        }

        /// A clock that shows this time.
        pub fn clock(&self) -> Clock {
            Clock(Source::Simulated(self.clone()))
        }

        /// Moves both clocks on.
        pub fn advance(&self, duration: Duration) {
            let nanos = u64::try_from(duration.as_nanos()).expect("simulations are shorter than 584 years");
            self.0.elapsed.fetch_add(nanos, Ordering::Relaxed);
        }

        /// Sets the wall clock, forwards or back, as an operator might; instants are not touched.
        pub fn set_wall(&self, wall: Timestamp) {
            let start = wall.as_millis().saturating_sub(self.elapsed_millis());
            self.0.wall_start.store(start, Ordering::Relaxed);
        }

        pub(super) fn now(&self) -> Instant {
            Instant::from_nanos(self.0.elapsed.load(Ordering::Relaxed))
        }

        pub(super) fn wall(&self) -> Timestamp {
            Timestamp::from_millis(self.0.wall_start.load(Ordering::Relaxed) + self.elapsed_millis())
        }

        fn elapsed_millis(&self) -> u64 {
            self.0.elapsed.load(Ordering::Relaxed) / 1_000_000
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn system_time_moves_forward_and_is_of_this_century() {
        let clock = Clock::system();
        let first = clock.now();
        assert!(clock.clone().now() >= first);
        assert!(clock.wall() > Timestamp::from_millis(1_700_000_000_000));
    }

    #[test]
    fn simulated_time_stands_still_until_advanced() {
        let time = SimulatedTime::starting_at(Timestamp::from_millis(5_000));
        let (clock, twin) = (time.clock(), time.clock());
        assert_eq!(clock.now(), clock.now());
        time.advance(Duration::from_micros(2_500));
        assert_eq!(clock.now(), Instant::from_nanos(2_500_000));
        assert_eq!(twin.wall(), Timestamp::from_millis(5_002));
    }

    #[test]
    fn setting_the_wall_clock_leaves_instants_alone() {
        let time = SimulatedTime::starting_at(Timestamp::from_millis(5_000));
        time.advance(Duration::from_secs(1));
        time.set_wall(Timestamp::from_millis(3_000));
        assert_eq!(time.clock().wall(), Timestamp::from_millis(3_000));
        assert_eq!(time.clock().now(), Instant::from_nanos(1_000_000_000));
    }
}

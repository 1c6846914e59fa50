//! Many runs on every core at once. Each run is a world of its own, told by its number alone; a failure names
//! the number and the one line that repeats it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// A number from the environment.
pub(crate) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs `run` with every number from `first` on, `count` of them, and adds up what it gives. At the first
/// panic the others stop, and what repeats it is told.
pub(crate) fn all<R: Default + Send>(
    (first, count): (u64, u64),
    repeat: impl Fn(u64) -> String + Sync,
    run: impl Fn(u64, &mut R) + Sync,
) -> Vec<R> {
    let next = AtomicU64::new(first);
    let end = first + count;
    let lane = || {
        let mut sum = R::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return sum;
            }
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed, &mut sum))) {
                next.store(end, Ordering::Relaxed);
                eprintln!("{}", repeat(seed));
                resume_unwind(panic);
            }
        }
    };
    let lanes = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        let ended: Vec<_> = lanes.into_iter().map(|lane| lane.join()).collect();
        ended.into_iter().map(|sum| sum.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

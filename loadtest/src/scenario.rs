//! Runs that have a name: the flags each stands for, what it asks, and the bars it holds its figures against.

use std::fmt::Write;
use std::time::Duration;

use clap::ValueEnum;

/// The service states about 70 ms from a put to its push. A commit takes one sync of the disk, a fraction of a
/// millisecond to a few on slow ones: this leaves room for several in a row, and is a third of the service's.
pub(crate) const FANOUT_P99_MAX: Duration = Duration::from_millis(20);
/// Below this a 99th percentile speaks of who got which core, not of the server: two cores run it, the
/// producer and all consumers. What is below it counts as normal.
pub(crate) const NORMAL_P99_MAX: Duration = Duration::from_millis(10);
/// A consumer that does not read must not be felt by the others.
pub(crate) const SLOW_READER_RATIO_MAX: f64 = 1.5;
/// Once a burst is over, latency is that of before again: within a factor that quiet seconds differ by, too.
pub(crate) const BURST_RATIO_MAX: f64 = 2.0;
/// A burst of four seconds is 2 MiB above the limit, less the second that the bucket holds: one more second of
/// its rate to drain, and one for the last back-off of those that were throttled.
pub(crate) const BURST_SETTLES_WITHIN: Duration = Duration::from_secs(2);
/// The service lets a consumer read 2 MiB/s of a shard. Less is a server that cannot keep up, more is a quota
/// not kept; 5 % is what whole events of up to 1 MiB leave uncertain.
pub(crate) const CATCH_UP_SHARE_MIN: f64 = 0.95;
/// As above.
pub(crate) const CATCH_UP_SHARE_MAX: f64 = 1.05;
/// The last part of a live load, one in so many, is to find all consumers at the tip again.
pub(crate) const CATCH_UP_LAST_PART: u32 = 4;

/// A run with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Twenty consumers at a shard's limit.
    Fanout,
    /// Quiet, then bursts above the limit.
    Burst,
    /// One of the consumers stops reading.
    SlowReader,
    /// A backlog is read while live traffic goes on.
    CatchUp,
    /// Shards split and merge under load.
    Reshard,
}

impl Scenario {
    /// The flags it stands for; an empty value is a flag without one.
    pub(crate) fn flags(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Fanout => &[("--consumers", "20"), ("--rate", "1000"), ("--duration", "15s")],
            Self::Burst => &[
                ("--consumers", "5"),
                ("--ramp", "0.1,1.5,0.1,1.5,0.1"),
                ("--ramp-secs", "4s"),
                ("--on-throttle", "retry"),
            ],
            Self::SlowReader => &[
                ("--consumers", "5"),
                ("--rate", "500"),
                ("--duration", "15s"),
                ("--stall", "1"),
                ("--stall-secs", "4s"),
            ],
            Self::CatchUp => &[
                ("--consumers", "3"),
                ("--backlog", "8MiB"),
                ("--live", ""),
                ("--rate", "250"),
                ("--duration", "10s"),
            ],
            Self::Reshard => &[
                ("--consumers", "3"),
                ("--shards", "4"),
                ("--reshard", "8,4"),
                ("--reshard-every", "4s"),
                ("--rate", "1000"),
            ],
        }
    }

    /// Its name, as the flag spells it.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn asks(self) -> &'static str {
        match self {
            Self::Fanout => "does a record reach twenty consumers at once, at a shard's full rate?",
            Self::Burst => "do bursts above the write limit drain, and is latency soon what it was?",
            Self::SlowReader => "does a consumer that stops reading cost the others anything?",
            Self::CatchUp => "do consumers read a backlog at their quota's pace while records keep coming?",
            Self::Reshard => "do deliveries go on, whole and in order, while shards split and merge?",
        }
    }

    fn bars(self) -> String {
        let (fanout, normal) = (FANOUT_P99_MAX, NORMAL_P99_MAX);
        match self {
            Self::Fanout => format!("p99 of put to push at most {fanout:?}"),
            Self::Burst => format!(
                "from {BURST_SETTLES_WITHIN:?} after each burst on, p99 at most x {BURST_RATIO_MAX} of before \
                 (or {normal:?})"
            ),
            Self::SlowReader => format!(
                "p99 of the others during and after at most x {SLOW_READER_RATIO_MAX} of before (or {normal:?})"
            ),
            Self::CatchUp => format!(
                "median pace {CATCH_UP_SHARE_MIN} to {CATCH_UP_SHARE_MAX} of 2 MiB/s per consumer and shard; \
                 p99 of the last quarter at most {fanout:?}"
            ),
            Self::Reshard => {
                "p99 of each consumer around each reshard at most --pause-max (100ms); no put in vain".into()
            }
        }
    }
}

/// What each scenario runs, asks and is held against.
pub(crate) fn list() -> String {
    let mut out = String::from("Each also asks: every record once, intact, in order, and no put given up.\n");
    for scenario in Scenario::value_variants() {
        let words = |(flag, value): &(&str, &str)| format!("{flag} {value}").trim_end().to_owned();
        let flags: Vec<_> = scenario.flags().iter().map(words).collect();
        let (name, asks, bars) = (scenario.name(), scenario.asks(), scenario.bars());
        write!(out, "\n{name}: {asks}\n    flags  {}\n    bars   {bars}\n", flags.join(" "))
            .expect("writing to a string cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Rate};

    fn cli(flags: &[&str]) -> Cli {
        let args = ["loadtest"].iter().chain(flags).map(Into::into);
        Cli::read(args).unwrap().checked().unwrap()
    }

    #[test]
    fn every_scenario_is_a_run_that_can_work() {
        for scenario in Scenario::value_variants() {
            let name = scenario.name();
            assert_eq!(cli(&["--scenario", &name]).scenario, Some(*scenario), "{name}");
            assert!(list().contains(&format!("\n{name}: ")));
        }
    }

    #[test]
    fn flags_override_those_of_a_scenario() {
        let own = cli(&["--scenario", "fanout"]);
        assert_eq!((own.consumers, own.rate), (20, Rate::Open(1000.0)));
        let told = cli(&["--consumers", "3", "--scenario", "fanout", "--rate=50"]);
        assert_eq!((told.consumers, told.rate, told.duration.as_secs()), (3, Rate::Open(50.0), 15));
        assert_eq!(cli(&["--scenario", "reshard", "--reshard", "6"]).reshard.targets, [6]);
        assert!(!cli(&["--scenario", "burst"]).drops() && cli(&["--ramp", "1"]).drops());
    }
}

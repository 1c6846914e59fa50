//! What is asked of a run that reshards, and whether the service would do it.

use std::time::Duration;

use clap::Args;

use crate::cli::Limits;
use crate::units::{count, parse_span};

/// UpdateShardCount calls that the service takes of a stream in a day.
const SCALINGS_PER_DAY: usize = 10;
/// Different partition keys of a run that reshards: enough to reach every shard, few enough to come again in
/// each.
pub(crate) const KEYS: u32 = 1_000;

/// The flags of a run that reshards.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReshardFlags {
    /// Numbers of shards to go through by UpdateShardCount while the load goes on. Fails, too, if a record was
    /// dropped, a put failed in a way that is no use trying again, or deliveries paused
    #[arg(id = "reshard", long = "reshard", value_name = "SHARDS", value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    #[arg(conflicts_with_all = ["duration", "ramp", "backlog", "floor", "on_demand", "stall", "producer_multiple"])]
    pub(crate) targets: Vec<u16>,
    /// Pause before each of them and after the last
    #[arg(id = "reshard_every", long = "reshard-every", value_name = "SPAN", default_value = "5s")]
    #[arg(value_parser = parse_span)]
    pub(crate) every: Duration,
    /// Bar for the 99th percentile of put to push, of each consumer, of the records under way between the call
    /// of UpdateShardCount and the stream being ACTIVE again
    #[arg(long, value_name = "SPAN", default_value = "100ms", value_parser = parse_span)]
    pub(crate) pause_max: Duration,
}

impl ReshardFlags {
    /// Refuses what the service would refuse.
    pub(crate) fn check(&self, first: u16, limits: Limits) -> Result<(), String> {
        if !self.is_asked() {
            return Ok(());
        }
        if self.every.is_zero() {
            return Err("--reshard-every takes a span above zero".into());
        }
        if limits == Limits::Off {
            return Ok(());
        }
        if self.targets.len() > SCALINGS_PER_DAY {
            return Err(format!("UpdateShardCount is taken {SCALINGS_PER_DAY} times a day"));
        }
        let steps = self.steps(first);
        match steps.iter().find(|(from, to)| *to > 2 * from || *to < from.div_ceil(2)) {
            Some((from, to)) => {
                Err(format!("--reshard: {from} to {to} is more than double or less than half"))
            }
            None => Ok(()),
        }
    }

    /// Whether the run reshards.
    pub(crate) fn is_asked(&self) -> bool {
        !self.targets.is_empty()
    }

    /// From which number of shards to which, in turn.
    pub(crate) fn steps(&self, first: u16) -> Vec<(u16, u16)> {
        let from = std::iter::once(first).chain(self.targets.iter().copied());
        from.zip(self.targets.iter().copied()).collect()
    }

    /// How long the load goes on.
    pub(crate) fn duration(&self) -> Duration {
        let pauses = u32::try_from(count(self.targets.len()) + 1).unwrap_or(u32::MAX);
        self.every.saturating_mul(pauses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(targets: &[u16]) -> ReshardFlags {
        let (every, pause_max) = (Duration::from_secs(5), Duration::from_millis(100));
        ReshardFlags { targets: targets.to_vec(), every, pause_max }
    }

    #[test]
    fn what_the_service_refuses_is_refused_before_it_is_asked() {
        let check = |targets: &[u16], limits| flags(targets).check(8, limits).is_ok();
        assert!(check(&[16, 9, 5, 3], Limits::Aws));
        assert!(!check(&[17], Limits::Aws) && !check(&[3], Limits::Aws));
        assert!(check(&[17], Limits::Off));
        assert!(!check(&[8; 11], Limits::Aws) && check(&[8; 10], Limits::Aws));
    }

    #[test]
    fn the_load_goes_on_before_between_and_after() {
        assert_eq!(flags(&[16, 9]).duration(), Duration::from_secs(15));
        assert_eq!(flags(&[16, 9]).steps(8), [(8, 16), (16, 9)]);
    }
}

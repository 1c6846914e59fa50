//! The checks that one flag cannot make alone, and what follows from one for others.

use super::{Cli, Keys, Limits, OnThrottle, Rate, WRITE_BYTES_PER_SEC, WRITE_RECORDS_PER_SEC};
use crate::payload;
use crate::reshard;
use crate::units::{MIB, f64_of};

/// The service's own limits.
const CONSUMERS_PER_STREAM: u32 = 20;
const MAX_RECORD_BYTES: u64 = 10 * MIB;

impl Cli {
    /// Refuses combinations that cannot work, and settles what depends on others.
    pub(crate) fn checked(mut self) -> Result<Self, String> {
        self.check_sizes()?;
        self.check_load()?;
        self.reshard.check(self.shards, self.limits)?;
        if self.reshard.is_asked() {
            self.duration = self.reshard.duration();
            self.partition_keys.get_or_insert(reshard::KEYS);
        }
        if let Some(ramp) = self.ramp() {
            self.duration = ramp.duration();
            self.rate = Rate::Open(f64_of(ramp.records()) / self.duration.as_secs_f64());
            self.on_throttle.get_or_insert(OnThrottle::Drop);
        }
        if let Some(multiple) = self.producer_multiple {
            let per_shard =
                f64_of(WRITE_RECORDS_PER_SEC).min(f64_of(WRITE_BYTES_PER_SEC) / f64_of(self.record_size));
            self.rate = Rate::Open(multiple * per_shard * f64::from(self.shards));
            self.on_throttle.get_or_insert(OnThrottle::Drop);
            self.keys = Keys::Explicit;
        }
        Ok(self)
    }

    fn check_sizes(&self) -> Result<(), String> {
        if !(payload::MIN_BYTES as u64..=MAX_RECORD_BYTES).contains(&self.record_size) {
            return Err(format!(
                "--record-size must lie between {} and {MAX_RECORD_BYTES} bytes",
                payload::MIN_BYTES
            ));
        }
        if u64::from(self.batch) * self.record_size > MAX_RECORD_BYTES {
            return Err("--batch times --record-size exceeds the 10 MiB of one request".into());
        }
        if !(65_535..=1 << 30).contains(&self.window) || !(16_384..=4 * MIB).contains(&self.max_frame) {
            return Err(
                "--window must lie between 64 KiB and 1 GiB, --max-frame between 16 KiB and 4 MiB".into()
            );
        }
        Ok(())
    }

    fn check_load(&self) -> Result<(), String> {
        if self.limits == Limits::Aws && self.consumers > CONSUMERS_PER_STREAM {
            return Err(format!(
                "a stream has at most {CONSUMERS_PER_STREAM} consumers; add --limits off for more"
            ));
        }
        if self.stall > self.consumers {
            return Err("--stall asks for more consumers than there are".into());
        }
        if (self.on_demand || self.reshard.is_asked()) && self.keys == Keys::Explicit {
            return Err("--keys explicit names the first shards only: leave it out where they change".into());
        }
        if self.ramp.iter().any(|rate| !(0.001..=10_000.0).contains(rate)) || self.ramp_secs.is_zero() {
            return Err("--ramp takes rates from 0.001 to 10000 MiB/s, --ramp-secs a span above zero".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cli(flags: &[&str]) -> Result<Cli, String> {
        let args = ["loadtest"].iter().chain(flags).map(Into::into);
        Cli::read(args).map_err(|error| error.to_string())?.checked()
    }

    #[test]
    fn no_flags_is_a_whole_run() {
        let cli = cli(&[]).unwrap();
        assert_eq!((cli.shards, cli.consumers, cli.rate, cli.record_size), (1, 20, Rate::Open(500.0), 1024));
    }

    #[test]
    fn a_multiple_sets_the_rate_from_the_tighter_limit() {
        let cli = cli(&["--producer-multiple", "3", "--shards", "2", "--record-size", "2KiB"]).unwrap();
        assert_eq!((cli.rate, cli.drops()), (Rate::Open(3072.0), true));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for flags in [["--consumers", "21"], ["--record-size", "10"], ["--stall", "21"], ["--window", "1KiB"]]
        {
            assert!(cli(&flags).is_err(), "{flags:?}");
        }
        assert!(cli(&["--consumers", "1000", "--limits", "off"]).is_ok());
        for changing in ["--on-demand", "--reshard=2"] {
            assert!(cli(&[changing, "--keys", "explicit"]).is_err(), "the keys would not follow");
        }
        assert!(cli(&["--reshard", "2", "--duration", "9"]).is_err());
        assert!(cli(&["--ramp", "1,0"]).is_err());
    }

    #[test]
    fn resharding_sets_duration_and_keys() {
        let cli = cli(&["--shards", "8", "--reshard", "16,9,5,3", "--reshard-every", "2s"]).unwrap();
        assert_eq!((cli.duration, cli.partition_keys), (Duration::from_secs(10), Some(1000)));
    }

    #[test]
    fn a_ramp_sets_rate_and_duration_and_drops_what_is_throttled() {
        let cli = cli(&["--on-demand", "--consumers", "0", "--ramp", "1,3", "--ramp-secs", "5"]).unwrap();
        assert_eq!((cli.rate, cli.duration), (Rate::Open(2048.0), Duration::from_secs(10)));
        assert!(cli.drops());
    }
}

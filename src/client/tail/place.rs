//! Where reading begins in a shard, and where it goes on.

use serde_json::{Value, json};

use crate::limits::TAIL_LAST_RECORDS_MAX;
use crate::types::Timestamp;

use super::super::failure::{Failure, Outcome};
use super::super::time;

/// What `--from` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// What comes from now on.
    Latest,
    /// Everything that is kept.
    TrimHorizon,
    /// From a moment on.
    Time(Timestamp),
    /// The last so many records of each shard.
    Last(usize),
}

impl From {
    /// Reads the flag's value.
    pub(super) fn parse(text: &str, now: Timestamp) -> Outcome<Self> {
        if let Some(count) = text.strip_prefix('-').and_then(|digits| digits.parse::<usize>().ok()) {
            let is_fine = (1..=TAIL_LAST_RECORDS_MAX).contains(&count);
            let wrong = || Failure::Usage(format!("--from -{count}: 1 to {TAIL_LAST_RECORDS_MAX} records"));
            return is_fine.then_some(Self::Last(count)).ok_or_else(wrong);
        }
        match text.to_lowercase().replace('_', "-").as_str() {
            "latest" => Ok(Self::Latest),
            "trim-horizon" => Ok(Self::TrimHorizon),
            _ => time::parse(text, now).map(Self::Time).ok_or_else(|| {
                Failure::Usage(format!(
                    "--from {text:?} is not latest, trim-horizon, a time (2026-11-26T20:00:00Z, or 5m for five \
                     minutes ago) or -N for the last N records"
                ))
            }),
        }
    }

    /// Which shards `ListShards` is to tell for it.
    pub(super) fn filter(self) -> Value {
        match self {
            Self::Latest => json!({"Type": "AT_LATEST"}),
            Self::TrimHorizon | Self::Last(_) => json!({"Type": "FROM_TRIM_HORIZON"}),
            Self::Time(time) => json!({"Type": "FROM_TIMESTAMP", "Timestamp": time::to_secs(time)}),
        }
    }
}

/// A reader's place in its shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the tip.
    Latest,
    /// At the oldest record.
    TrimHorizon,
    /// At the first record of a moment or later.
    Time(Timestamp),
    /// Behind a record.
    After(String),
}

impl Place {
    /// Its `StartingPosition`.
    pub(super) fn position(&self) -> Value {
        match self {
            Self::Latest => json!({"Type": "LATEST"}),
            Self::TrimHorizon => json!({"Type": "TRIM_HORIZON"}),
            Self::Time(time) => json!({"Type": "AT_TIMESTAMP", "Timestamp": time::to_secs(*time)}),
            Self::After(number) => json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}),
        }
    }

    /// The input of a `GetShardIterator` there.
    pub(super) fn iterator(&self, stream: &str, shard: &str) -> Value {
        let mut input = json!({"StreamName": stream, "ShardId": shard});
        let mut position = self.position();
        input["ShardIteratorType"] = position["Type"].take();
        match self {
            Self::Latest | Self::TrimHorizon => {}
            Self::Time(_) => input["Timestamp"] = position["Timestamp"].take(),
            Self::After(_) => input["StartingSequenceNumber"] = position["SequenceNumber"].take(),
        }
        input
    }

    /// The place to go on from after reading was to begin here at `began` and broke off before there was
    /// anything: the tip has moved since, the moment has not.
    pub(super) fn held(self, began: Timestamp) -> Self {
        if self == Self::Latest { Self::Time(began) } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_723_200_000);

    #[test]
    fn every_form_of_the_flag_is_understood() {
        let parse = |text| From::parse(text, NOW).ok();
        assert_eq!(parse("latest"), Some(From::Latest));
        assert_eq!(parse("TRIM_HORIZON"), Some(From::TrimHorizon));
        assert_eq!(parse("-25"), Some(From::Last(25)));
        assert_eq!(parse("1m"), Some(From::Time(NOW.minus_millis(60_000))));
        assert_eq!(parse("2026-11-26T20:00:00Z"), Some(From::Time(NOW)));
        assert_eq!([parse("-0"), parse("-10001"), parse("soon")], [None, None, None]);
    }

    #[test]
    fn a_place_is_told_to_both_ways_of_reading() {
        let after = Place::After("49".into());
        assert_eq!(after.position(), json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "49"}));
        let input = json!({"StreamName": "s", "ShardId": "a", "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": "49"});
        assert_eq!(after.iterator("s", "a"), input);
        let at = Place::Time(NOW).iterator("s", "a");
        assert_eq!(at["Timestamp"], 1_795_723_200.0);
    }

    #[test]
    fn a_tip_nothing_came_from_becomes_a_moment() {
        assert_eq!(Place::Latest.held(NOW), Place::Time(NOW));
        assert_eq!(Place::TrimHorizon.held(NOW), Place::TrimHorizon);
    }
}

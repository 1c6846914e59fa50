//! What operations work with: the catalog's shell, the log, the hub, the gates, and who we are.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::catalog::Stream;
use crate::platform::Clock;
use crate::push::Hub;
use crate::scaling;
use crate::storage::Store;
use crate::throttle::Quotas;
use crate::types::{Instant, StreamArn, StreamKey, Timestamp};
use crate::wire::SealKey;

use super::Control;
use super::gates::Gates;
use super::on_demand::OnDemand;

/// The account and region this server plays.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// The region's name.
    pub region: String,
}

/// Everything an operation may touch, as one account sees it.
#[derive(Clone)]
pub struct Context {
    pub(super) identity: Identity,
    /// The account in keys of streams; none is the server's own.
    account: Option<String>,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) hub: Rc<Hub>,
    pub(super) control: Rc<Control>,
    pub(super) gates: Rc<Gates>,
    pub(super) on_demand: Rc<OnDemand>,
    pub(super) quotas: Option<Quotas>,
    pub(super) key: SealKey,
    /// When the metrics that are told now and then were told last.
    told_at: Rc<Cell<Instant>>,
}

impl Context {
    /// A context over running rooms; `quotas` is `None` where limits are off, `scaling` where streams on
    /// demand keep their shards.
    pub fn new(
        identity: Identity,
        clock: Clock,
        store: Store,
        hub: Rc<Hub>,
        control: Rc<Control>,
        quotas: Option<Quotas>,
        scaling: Option<scaling::Settings>,
    ) -> Rc<Self> {
        let key = control.seal_key();
        let (gates, account) = (Rc::new(Gates::new(quotas)), None);
        let on_demand = Rc::new(OnDemand::new(scaling, clock.now()));
        let told_at = Rc::new(Cell::new(clock.now()));
        Rc::new(Self {
            identity,
            account,
            clock,
            store,
            hub,
            control,
            gates,
            on_demand,
            quotas,
            key,
            told_at,
        })
    }

    /// The same for another account.
    pub(super) fn of_account(&self, account: &str) -> Rc<Self> {
        let identity = Identity { account: account.to_owned(), ..self.identity.clone() };
        Rc::new(Self { identity, account: Some(account.to_owned()), ..self.clone() })
    }

    /// The account whose streams are meant, as the catalog names it.
    pub(super) fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// How the catalog names this account's stream.
    pub(super) fn key(&self, name: &str) -> StreamKey {
        StreamKey::new(self.account(), name)
    }

    /// This account's stream, in whatever state.
    pub(super) fn stream(&self, name: &str) -> Option<Arc<Stream>> {
        self.control.stream(&self.key(name))
    }

    /// What has to be done now and then: gives back the space of expired records, lets go of shards that held
    /// nothing else, forgets the throttles of those that are gone and of callers that have fallen silent.
    pub fn maintain(&self) {
        self.control.trim_expired();
        self.control.forget_expired();
        self.gates.forget_callers(self.clock.now());
        let catalog = self.control.catalog();
        self.gates.forget(|log| catalog.address(log).is_some(), |stream| catalog.stream(stream).is_some());
        drop(catalog);
        self.tell();
    }

    /// Tells what is not counted as it happens: sizes, lags, what the service would bill.
    fn tell(&self) {
        let now = self.clock.now();
        let while_millis = now.as_millis() - self.told_at.replace(now).as_millis();
        for stream in self.control.catalog().streams() {
            self.gates.tell(stream, while_millis, now);
            let (name, shards) = (stream.key.as_str(), stream.open_shard_count());
            for consumer in stream.consumers.values() {
                self.hub.bill_consumer(consumer.id, name, &consumer.name, shards, while_millis);
            }
        }
        self.hub.tell();
    }

    pub(super) fn stream_arn(&self, name: &str) -> StreamArn {
        StreamArn::new(&self.identity.region, &self.identity.account, name)
    }
}

/// `Thu Jan 22 01:22:02 UTC 2015`, as the service prints times in texts.
pub(super) fn calendar_text(time: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let secs = time.as_secs();
    let days = secs / 86_400;
    let (year, month, day) = civil_date(days);
    let weekday = DAYS[usize::try_from(days % 7).unwrap_or_default()];
    let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
    format!("{weekday} {} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}", MONTHS[month])
}

/// Year, month (from 0) and day of a day counted from 1970-01-01.
fn civil_date(mut days: u64) -> (u64, usize, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_times_as_the_service_does() {
        let text = |secs: u64| calendar_text(Timestamp::from_millis(secs * 1000));
        assert_eq!(text(1_421_889_722), "Thu Jan 22 01:22:02 UTC 2015");
        assert_eq!(text(1_709_164_799), "Wed Feb 28 23:59:59 UTC 2024");
        assert_eq!(text(1_709_164_800), "Thu Feb 29 00:00:00 UTC 2024");
    }
}

//! What `top` shows, as numbers: the server, its streams, their consumers. Families of metrics that this
//! server does not have leave their cells empty.

use crate::telemetry::names;

use super::exposition::Scrape;
use super::window::Window;

/// What the API says of a stream; metrics do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    /// Its name.
    pub(super) name: String,
    /// Its status.
    pub(super) status: String,
    /// Open shards; unknown of those that were not asked about.
    pub(super) shards: Option<u64>,
}

/// Everything, as of one look.
#[derive(Clone, Debug, Default)]
pub(super) struct Board {
    /// The server itself.
    pub(super) server: ServerRow,
    /// Its streams.
    pub(super) streams: Vec<StreamRow>,
    /// Their consumers.
    pub(super) consumers: Vec<ConsumerRow>,
}

/// The server as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerRow {
    /// Whether its log takes writes.
    pub(super) healthy: Option<bool>,
    /// Durability and how the disk is driven.
    pub(super) durability: String,
    /// Commits a second, and how long they take: p50 and p99.
    pub(super) commits: Option<f64>,
    pub(super) commit_secs: Option<[f64; 2]>,
    /// From a put to its push: p50 and p99.
    pub(super) push_secs: Option<[f64; 2]>,
    /// Requests a second.
    pub(super) requests: Option<f64>,
    pub(super) subscriptions: Option<f64>,
    pub(super) connections: Option<f64>,
    /// Memory it holds in RAM, and of it recent records.
    pub(super) resident_bytes: Option<f64>,
    pub(super) tail_bytes: Option<f64>,
    /// Journal and segments.
    pub(super) data_bytes: Option<f64>,
    /// When it started, in seconds since the epoch.
    pub(super) started: Option<f64>,
}

/// One stream: per second, unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StreamRow {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) shards: Option<u64>,
    pub(super) records_in: f64,
    pub(super) bytes_in: f64,
    /// Pushed and pulled together.
    pub(super) records_out: f64,
    pub(super) bytes_out: f64,
    pub(super) throttled: f64,
}

/// One consumer of enhanced fan-out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ConsumerRow {
    pub(super) stream: String,
    pub(super) name: String,
    pub(super) records: f64,
    pub(super) bytes: f64,
    /// From arrival to push: p50 and p99.
    pub(super) latency_secs: Option<[f64; 2]>,
    pub(super) behind_secs: Option<f64>,
}

impl Board {
    /// What the looks of a window and the API say together.
    pub(super) fn of(window: &Window, described: &[Described]) -> Self {
        let Some(latest) = window.latest() else { return Self::default() };
        let mut names: Vec<String> = described.iter().map(|it| it.name.clone()).collect();
        let metered = [names::INCOMING_RECORDS, names::EFO_RECORDS, names::THROTTLED];
        names.extend(metered.iter().flat_map(|it| latest.values(it, &[], "stream")).map(str::to_owned));
        names.sort_unstable();
        names.dedup();
        // Metrics outlive the streams they are of: where the API was heard, it knows which there are.
        names.retain(|name| described.is_empty() || described.iter().any(|it| it.name == *name));
        let streams: Vec<_> = names.iter().map(|name| stream(window, name, described)).collect();
        let consumers = names.iter().flat_map(|name| consumers(window, latest, name)).collect();
        Self { server: server(window, latest), streams, consumers }
    }
}

fn server(window: &Window, latest: &Scrape) -> ServerRow {
    let gauge = |name: &str| latest.sum(name, &[]);
    let mode =
        |label: &str| latest.values(names::DURABILITY_MODE, &[], label).first().copied().unwrap_or("-");
    ServerRow {
        healthy: gauge(names::STORAGE_HEALTHY).map(|value| value > 0.0),
        durability: format!("{}, {}", mode("mode"), mode("backend")),
        commits: window.rate(names::COMMITS, &[]),
        commit_secs: window.quantiles(names::COMMIT_LATENCY, &[], [0.5, 0.99]),
        push_secs: window.quantiles(names::PUT_TO_PUSH_LATENCY, &[], [0.5, 0.99]),
        requests: window.rate(names::REQUESTS, &[]),
        subscriptions: gauge(names::SUBSCRIPTIONS),
        connections: gauge(names::CONNECTIONS),
        resident_bytes: gauge(names::RESIDENT_BYTES),
        tail_bytes: gauge(names::TAIL_BYTES),
        data_bytes: gauge(names::DATA_BYTES),
        started: gauge(names::START_TIME),
    }
}

fn stream(window: &Window, name: &str, described: &[Described]) -> StreamRow {
    let labels = [("stream", name)];
    let rate = |metric: &str| window.rate(metric, &labels).unwrap_or_default();
    let known = described.iter().find(|it| it.name == name);
    StreamRow {
        name: name.to_owned(),
        status: known.map_or_else(|| "-".to_owned(), |it| it.status.clone()),
        shards: window.shards(name).or_else(|| known.and_then(|it| it.shards)),
        records_in: rate(names::INCOMING_RECORDS),
        bytes_in: rate(names::INCOMING_BYTES),
        records_out: rate(names::EFO_RECORDS) + rate(names::GET_RECORDS_RECORDS),
        bytes_out: rate(names::EFO_BYTES) + rate(names::GET_RECORDS_BYTES),
        throttled: rate(names::THROTTLED),
    }
}

fn consumers(window: &Window, latest: &Scrape, stream: &str) -> Vec<ConsumerRow> {
    let of_stream = [("stream", stream)];
    let row = |name: &str| {
        let labels = [("stream", stream), ("consumer", name)];
        let rate = |metric: &str| window.rate(metric, &labels).unwrap_or_default();
        ConsumerRow {
            stream: stream.to_owned(),
            name: name.to_owned(),
            records: rate(names::EFO_RECORDS),
            bytes: rate(names::EFO_BYTES),
            latency_secs: window.quantiles(names::EFO_LATENCY, &labels, [0.5, 0.99]),
            behind_secs: latest.sum(names::EFO_BEHIND, &labels),
        }
    };
    latest.values(names::EFO_EVENTS, &of_stream, "consumer").into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use crate::types::Instant;

    use super::*;

    fn look(records: u32, started: u32) -> Scrape {
        Scrape::parse(&format!(
            "kinesis_incoming_records_total{{stream=\"orders\"}} {records}\n\
             kinesis_incoming_records_total{{stream=\"gone\"}} 7\n\
             kinesis_efo_events_total{{stream=\"orders\",consumer=\"app\"}} {records}\n\
             kinesis_efo_records_total{{stream=\"orders\",consumer=\"app\"}} {records}\n\
             kinesis_get_records_records_total{{stream=\"orders\"}} {records}\n\
             fanlight_storage_healthy 1\nprocess_start_time_seconds {started}\n"
        ))
    }

    #[test]
    fn rows_hold_rates_of_what_there_is_and_survive_a_restart() {
        let mut window = Window::default();
        for (second, records) in [(0, 1000), (1, 1100), (2, 50)] {
            window.push(Instant::from_nanos(second * 1_000_000_000), look(records, 5));
        }
        let described = [Described { name: "orders".into(), status: "ACTIVE".into(), shards: Some(4) }];
        let board = Board::of(&window, &described);
        assert_eq!(board.streams.len(), 1, "what is deleted is not shown");
        let row = &board.streams[0];
        assert_eq!((row.records_in, row.records_out, row.shards), (75.0, 150.0, Some(4)));
        assert_eq!(board.consumers[0].name, "app");
        assert_eq!((board.consumers[0].records, board.consumers[0].latency_secs), (75.0, None));
        assert_eq!((board.server.healthy, board.server.started), (Some(true), Some(5.0)));
        assert_eq!(Board::of(&window, &[]).streams.len(), 2, "without the API, whatever is metered");
    }
}

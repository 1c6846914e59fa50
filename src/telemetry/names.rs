//! Every metric: its name, kind, unit, labels and help. The `kinesis_` ones mirror what the service shows in
//! CloudWatch, the `fanlight_` ones show what it hides.
//!
//! Labels stay bounded: operations and fixed words; streams and their registered consumers, as many as the
//! catalog holds; shards only of streams for which `EnableEnhancedMonitoring` asks for them. Never clients,
//! keys or addresses. Above [`crate::limits::SERIES_MAX`] series nothing new is counted.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};

/// Upper bounds of all latency histograms: 50 µs to 10 s.
pub const LATENCY_BUCKETS_SECS: [f64; 22] = [
    0.000_05, 0.000_1, 0.000_15, 0.000_2, 0.000_3, 0.000_4, 0.000_5, 0.000_7, 0.001, 0.001_5, 0.002, 0.003,
    0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// Upper bounds of the records-per-commit histogram.
const COUNT_BUCKETS: [f64; 12] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 2048.0, 8192.0];
/// Upper bounds of the bytes-per-commit histogram: 4 KiB to 16 MiB.
const BYTE_BUCKETS: [f64; 7] =
    [4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// What a metric's series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Comes and goes.
    Gauge,
    /// Counts by upper bound: `_bucket`, `_sum` and `_count`.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What its series are.
    pub kind: Kind,
    /// What its values are in.
    pub unit: Unit,
    /// What tells its series apart.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

macro_rules! metrics_table {
    ($($kind:ident $id:ident = $name:literal, $unit:ident, [$($label:literal)*], $help:literal;)*) => {
        $(#[doc = $help] pub const $id: &str = $name;)*

        /// Every metric, also for the check that dashboards name only what exists.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            help: $help,
        }),*];
    };
}

metrics_table! {
    Counter INCOMING_BYTES = "kinesis_incoming_bytes_total", Bytes, ["stream"],
        "Bytes of data and partition keys accepted.";
    Counter INCOMING_RECORDS = "kinesis_incoming_records_total", Count, ["stream"], "Records accepted.";
    Counter PUT_RECORD_BYTES = "kinesis_put_record_bytes_total", Bytes, ["stream"],
        "Bytes of data and partition keys accepted by PutRecord.";
    Counter PUT_RECORD_REQUESTS = "kinesis_put_record_requests_total", Count, ["stream" "result"],
        "PutRecord calls by result (success, throttled, refused, failure).";
    Histogram PUT_RECORD_LATENCY = "kinesis_put_record_latency_seconds", Seconds, ["stream"],
        "PutRecord calls that succeeded, from the request read to its record durable.";
    Counter PUT_RECORDS_BYTES = "kinesis_put_records_bytes_total", Bytes, ["stream"],
        "Bytes of data and partition keys accepted by PutRecords.";
    Counter PUT_RECORDS_REQUESTS = "kinesis_put_records_requests_total", Count, ["stream" "result"],
        "PutRecords calls by result (success: at least one record taken; throttled, refused, failure).";
    Counter PUT_RECORDS_RECORDS = "kinesis_put_records_records_total", Count, ["stream" "result"],
        "Records of PutRecords calls by result (success, throttled, failure).";
    Histogram PUT_RECORDS_LATENCY = "kinesis_put_records_latency_seconds", Seconds, ["stream"],
        "PutRecords calls that succeeded, from the request read to all records durable.";
    Counter GET_RECORDS_BYTES = "kinesis_get_records_bytes_total", Bytes, ["stream"],
        "Bytes of data and partition keys returned by GetRecords.";
    Counter GET_RECORDS_RECORDS = "kinesis_get_records_records_total", Count, ["stream"],
        "Records returned by GetRecords.";
    Counter GET_RECORDS_REQUESTS = "kinesis_get_records_requests_total", Count, ["stream" "result"],
        "GetRecords calls by result (success, throttled, refused, failure).";
    Histogram GET_RECORDS_LATENCY = "kinesis_get_records_latency_seconds", Seconds, ["stream"],
        "GetRecords calls that succeeded, from the request read to the page ready.";
    Gauge GET_RECORDS_ITERATOR_AGE = "kinesis_get_records_iterator_age_seconds", Seconds, ["stream"],
        "How far behind the tip GetRecords calls of the last minute left off, the largest; 0 without calls.";
    Counter THROTTLED = "kinesis_throttled_total", Count, ["stream" "kind"],
        "Requests or records refused by a quota, by kind (write, read, iterator, subscribe).";
    Counter SUBSCRIBE_REQUESTS = "kinesis_subscribe_total", Count, ["stream" "consumer" "result"],
        "SubscribeToShard calls by result (success, rate_exceeded, failure).";
    Counter EFO_BYTES = "kinesis_efo_bytes_total", Bytes, ["stream" "consumer"],
        "Bytes of data and partition keys pushed.";
    Counter EFO_RECORDS = "kinesis_efo_records_total", Count, ["stream" "consumer"], "Records pushed.";
    Counter EFO_EVENTS = "kinesis_efo_events_total", Count, ["stream" "consumer"],
        "SubscribeToShard events pushed, idle ones included.";
    Counter EFO_EVENTS_FAILED = "kinesis_efo_events_failed_total", Count, ["stream" "consumer"],
        "SubscribeToShard events whose client had gone before it took them whole.";
    Gauge EFO_BEHIND = "kinesis_efo_behind_seconds", Seconds, ["stream" "consumer"],
        "How far behind the tip a consumer's subscriptions are, the largest (MillisBehindLatest); 0 at the tip.";
    Histogram EFO_LATENCY = "kinesis_efo_latency_seconds", Seconds, ["stream" "consumer"],
        "From a record appended to its event handed to the consumer's connection: of events with records that \
         came while it was subscribed.";
    Counter EFO_THROTTLED = "kinesis_efo_throttled_total", Count, ["stream" "consumer"],
        "Times records waited for a subscription's 2 MiB a second.";
    Counter SHARD_INCOMING_BYTES = "kinesis_shard_incoming_bytes_total", Bytes, ["stream" "shard"],
        "Bytes of data and partition keys accepted, if IncomingBytes is asked for.";
    Counter SHARD_INCOMING_RECORDS = "kinesis_shard_incoming_records_total", Count, ["stream" "shard"],
        "Records accepted, if IncomingRecords is asked for.";
    Counter SHARD_OUTGOING_BYTES = "kinesis_shard_outgoing_bytes_total", Bytes, ["stream" "shard"],
        "Bytes of data and partition keys pulled and pushed, if OutgoingBytes is asked for.";
    Counter SHARD_OUTGOING_RECORDS = "kinesis_shard_outgoing_records_total", Count, ["stream" "shard"],
        "Records pulled and pushed, if OutgoingRecords is asked for.";
    Counter SHARD_THROTTLED = "kinesis_shard_throttled_total", Count, ["stream" "shard" "kind"],
        "Records or calls refused by the shard's quota, by kind (write, read), if \
         WriteProvisionedThroughputExceeded or ReadProvisionedThroughputExceeded is asked for.";
    Gauge SHARD_ITERATOR_AGE = "kinesis_shard_iterator_age_seconds", Seconds, ["stream" "shard"],
        "How far behind the tip GetRecords calls of the last minute left off, the largest, if \
         IteratorAgeMilliseconds is asked for.";
    Counter BILLED_PUT_UNITS = "fanlight_billed_put_units_total", Count, ["stream"],
        "PUT payload units the service would bill: each record's bytes in steps of 25 KiB.";
    Counter BILLED_SHARD_SECONDS = "fanlight_billed_shard_seconds_total", Seconds, ["stream"],
        "Shard hours the service would bill, in seconds: open shards over time.";
    Counter BILLED_CONSUMER_SHARD_SECONDS = "fanlight_billed_consumer_shard_seconds_total", Seconds,
        ["stream" "consumer"],
        "Consumer-shard hours the service would bill, in seconds: open shards over the consumer's time.";
    Counter CALLS_THROTTLED = "fanlight_throttled_calls_total", Count, ["operation"],
        "Calls of the control plane refused for their rate.";
    Counter ON_DEMAND_RESHARDS = "fanlight_on_demand_reshards_total", Count, ["stream" "kind"],
        "Shards of streams on demand split and merged by the server, by kind (split, merge).";
    Gauge ON_DEMAND_PEAK_BYTES = "fanlight_on_demand_peak_bytes", Bytes, ["stream"],
        "Highest demand on a stream on demand since the start, per second, throttled writes included.";
    Gauge ON_DEMAND_PEAK_RECORDS = "fanlight_on_demand_peak_records", Count, ["stream"],
        "The same in records.";
    Gauge ON_DEMAND_HOT_KEYS = "fanlight_on_demand_hot_keys", Count, ["stream"],
        "Shards of a stream on demand that are too busy and cannot be split: one key has it all.";
    Counter REQUESTS = "fanlight_requests_total", Count, ["operation" "status"],
        "Requests answered, by status (ok, client_error, server_error).";
    Histogram REQUEST_LATENCY = "fanlight_request_duration_seconds", Seconds, ["operation"],
        "From the whole request read to the reply ready.";
    Gauge SUBSCRIPTIONS = "fanlight_active_subscriptions", Count, [], "SubscribeToShard streams open.";
    Counter SUBSCRIPTION_ENDS = "fanlight_subscription_ends_total", Count, ["cause"],
        "Subscriptions ended, by cause (expired, shard_end, replaced, deregistered, deleted, client, \
         shutdown, failed).";
    Counter SPANS = "fanlight_spans_total", Count, ["result"],
        "Spans for OpenTelemetry, with --otlp-endpoint, by result (exported, failed, dropped: one too many).";
    Gauge CONNECTIONS = "fanlight_connections", Count, [], "Connections open on the data port.";
    Histogram GATHER_LATENCY = "fanlight_put_gather_duration_seconds", Seconds, [],
        "From a batch's first record appended to its commit submitted.";
    Histogram COMMIT_LATENCY = "fanlight_commit_duration_seconds", Seconds, [],
        "From a journal write submitted to its completion: the durable write itself, the disk's sync time.";
    Histogram PUSH_LATENCY = "fanlight_push_duration_seconds", Seconds, [],
        "From a commit's completion to its events handed to every consumer at the tip.";
    Histogram PUT_TO_PUSH_LATENCY = "fanlight_put_to_push_duration_seconds", Seconds, [],
        "From a batch's first record appended to its event handed to the consumers at the tip.";
    Histogram PUSH_QUOTA_WAIT = "fanlight_push_quota_wait_duration_seconds", Seconds, [],
        "How long records waited for a subscription's 2 MiB a second, each wait.";
    Histogram COMMIT_RECORDS = "fanlight_commit_records", Count, [], "Records in a journal commit.";
    Histogram COMMIT_BYTES = "fanlight_commit_bytes", Bytes, [], "Bytes of a journal commit, padding included.";
    Counter COMMITS = "fanlight_commits_total", Count, [], "Journal commits completed.";
    Counter STORAGE_FAILURES = "fanlight_storage_failures_total", Count, ["operation"],
        "Disk operations that failed, by operation (commit, write_behind, seal, read, scrub, remove).";
    Counter DAMAGED_READS = "fanlight_damaged_reads_total", Count, [],
        "Reads that met damaged bytes and were told so. Anything above 0 is an alarm.";
    Gauge STORAGE_HEALTHY = "fanlight_storage_healthy", Count, [], "1 while the log accepts writes, else 0.";
    Gauge JOURNAL_FILES_RETIRED = "fanlight_journal_files_retired", Count, [],
        "Journal files set aside after a failed write or sync, until segments hold what they hold.";
    Gauge DATA_BYTES = "fanlight_data_bytes", Bytes, [], "Bytes of all journal and segment files.";
    Gauge DATA_LIMIT_BYTES = "fanlight_data_limit_bytes", Bytes, [],
        "What --data-max-bytes says; +Inf without it.";
    Gauge DATA_LIMIT_REACHED = "fanlight_data_limit_reached", Count, [],
        "1 while puts are refused because of --data-max-bytes, else 0.";
    Gauge DISK_FREE_BYTES = "fanlight_disk_free_bytes", Bytes, [],
        "Bytes the data directory's file system has left for the server.";
    Gauge TAIL_BYTES = "fanlight_tail_bytes", Bytes, [], "Bytes of recent batches held in memory.";
    Counter TAIL_READS = "fanlight_tail_reads_total", Count, ["result"],
        "Reads by pull and by subscriptions behind the tip, by result (hit: recent batches in memory; miss: disk).";
    Gauge GATHERED_BYTES = "fanlight_gathered_bytes", Bytes, [], "Bytes waiting for the next commit.";
    Gauge UNSENT_BYTES = "fanlight_unsent_bytes", Bytes, [],
        "Bytes pinned by slow readers: handed to HTTP/2 connections, not yet taken by their sockets.";
    Gauge SHARED_EVENT_BYTES = "fanlight_shared_event_bytes", Bytes, [],
        "Bytes of encoded events kept for subscriptions behind the tip.";
    Gauge DISK_IN_FLIGHT = "fanlight_disk_operations_in_flight", Count, [],
        "Most disk operations under way at once in the last second: the depth of the ring.";
    Histogram WRITE_BEHIND_LATENCY = "fanlight_write_behind_duration_seconds", Seconds, [],
        "One block written from the journal's shards to a segment, synced.";
    Counter DISK_READS = "fanlight_disk_reads_total", Count, [],
        "Segment blocks read for consumers behind the tail.";
    Gauge RECOVERY_SECONDS = "fanlight_recovery_seconds", Seconds, [],
        "How long the data directory took to open at the start.";
    Gauge RECOVERED_BYTES = "fanlight_recovered_bytes", Bytes, [],
        "Bytes of batches taken from the journal into memory at the start.";
    Counter SCRUB_BYTES = "fanlight_scrub_bytes_total", Bytes, [],
        "Bytes of sealed segments the scrubber has verified.";
    Counter SCRUB_PASSES = "fanlight_scrub_passes_total", Count, [],
        "Passes of the scrubber over all sealed segments.";
    Gauge SCRUB_DAMAGED = "fanlight_scrub_damaged_batches", Count, [],
        "Places in sealed segments the scrubber found damaged in its latest pass. Anything above 0 is an alarm.";
    Gauge SCRUB_PASS_AGE = "fanlight_scrub_pass_age_seconds", Seconds, [],
        "Since the scrubber's last whole pass, or since the start before there was one.";
    Gauge DURABILITY_MODE = "fanlight_durability_info", Count, ["mode" "backend"],
        "1. Mode is sync, interval or none; backend is how the disk is driven.";
    Gauge BUILD_INFO = "fanlight_build_info", Count, ["version"], "1.";
    Gauge READY = "fanlight_ready", Count, [], "1 while /readyz says ready, else 0.";
    Gauge STREAMS = "fanlight_streams", Count, [], "Streams that exist, in any state.";
    Gauge SHARDS = "fanlight_open_shards", Count, ["stream"], "Open shards.";
    Gauge CONSUMERS = "fanlight_consumers", Count, ["stream"], "Registered consumers.";
    Gauge SERIES = "fanlight_series", Count, [], "Series the server keeps.";
    Counter SERIES_REFUSED = "fanlight_series_refused_total", Count, [],
        "Series that were one too many and are not counted.";
    Counter CPU_SECONDS = "process_cpu_seconds_total", Seconds, [], "CPU time of the process, user and system.";
    Gauge RESIDENT_BYTES = "process_resident_memory_bytes", Bytes, [], "Memory of the process.";
    Gauge OPEN_FILES = "process_open_fds", Count, [], "File descriptors open.";
    Gauge OPEN_FILES_MAX = "process_max_fds", Count, [], "File descriptors allowed.";
    Gauge START_TIME = "process_start_time_seconds", Seconds, [], "When the process began, since 1970.";
}

/// Words of labels whose series are there from the start, so that a rate can be told of the first event.
const BEGUN: &[(&str, &str, &[&str])] = &[
    (
        SUBSCRIPTION_ENDS,
        "cause",
        &["expired", "shard_end", "replaced", "deregistered", "deleted", "client", "shutdown", "failed"],
    ),
    (STORAGE_FAILURES, "operation", &["commit", "write_behind", "seal", "read", "scrub", "remove"]),
    (TAIL_READS, "result", &["hit", "miss"]),
];

/// Tells the recorder each metric's unit and help.
pub(super) fn describe() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.unit, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.unit, metric.help),
            Kind::Histogram => describe_histogram!(metric.name, metric.unit, metric.help),
        }
    }
}

/// Begins the counters that are not told apart, or by fixed words, at 0.
pub(super) fn begin() {
    let bare = |metric: &&Metric| metric.kind == Kind::Counter && metric.labels.is_empty();
    for metric in ALL.iter().filter(bare) {
        counter!(metric.name).increment(0);
    }
    for &(name, label, words) in BEGUN {
        words.iter().for_each(|&word| counter!(name, label => word).increment(0));
    }
}

/// Whether a counter is of seconds: counted in milliseconds and told in seconds, with their fractions.
pub(super) fn is_in_millis(name: &str) -> bool {
    name.ends_with("_seconds_total")
}

/// Upper bounds of a histogram that is not of seconds.
pub(super) fn number_buckets(name: &str) -> Option<&'static [f64]> {
    match name {
        COMMIT_RECORDS => Some(&COUNT_BUCKETS),
        COMMIT_BYTES => Some(&BYTE_BUCKETS),
        _ => None,
    }
}

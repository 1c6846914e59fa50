//! Every metric: its name, unit, labels and help. The `kinesis_` ones mirror what the service shows in
//! CloudWatch; the `fanlight_` ones show what it hides. Labels stay bounded: stream and consumer names,
//! fixed words, never shards or clients.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Upper bounds of all latency histograms: 50 µs to 10 s.
pub const LATENCY_BUCKETS_SECS: [f64; 22] = [
    0.000_05, 0.000_1, 0.000_15, 0.000_2, 0.000_3, 0.000_4, 0.000_5, 0.000_7, 0.001, 0.001_5, 0.002, 0.003,
    0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// Upper bounds of the records-per-commit histogram.
pub const COUNT_BUCKETS: [f64; 12] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 2048.0, 8192.0];
/// Upper bounds of the bytes-per-commit histogram: 4 KiB to 16 MiB.
pub const BYTE_BUCKETS: [f64; 7] =
    [4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

macro_rules! metrics_table {
    ($($kind:ident $id:ident = $name:literal, $unit:ident, $help:literal;)*) => {
        $(#[doc = $help] pub const $id: &str = $name;)*

        /// Every metric's name, for the check that dashboards name only what exists.
        pub const ALL: &[&str] = &[$($name),*];

        /// Tells the recorder each metric's unit and help.
        pub fn describe() {
            $(metrics_table!(@describe $kind $id $unit $help);)*
        }
    };
    (@describe counter $id:ident $unit:ident $help:literal) => { describe_counter!($id, Unit::$unit, $help) };
    (@describe gauge $id:ident $unit:ident $help:literal) => { describe_gauge!($id, Unit::$unit, $help) };
    (@describe histogram $id:ident $unit:ident $help:literal) => {
        describe_histogram!($id, Unit::$unit, $help)
    };
}

metrics_table! {
    counter INCOMING_BYTES = "kinesis_incoming_bytes_total", Bytes,
        "Bytes of data and partition keys accepted. Labels: stream.";
    counter INCOMING_RECORDS = "kinesis_incoming_records_total", Count, "Records accepted. Labels: stream.";
    counter GET_RECORDS_BYTES = "kinesis_get_records_bytes_total", Bytes,
        "Bytes of data and partition keys returned by GetRecords. Labels: stream.";
    counter GET_RECORDS_RECORDS = "kinesis_get_records_records_total", Count,
        "Records returned by GetRecords. Labels: stream.";
    counter EFO_BYTES = "kinesis_efo_bytes_total", Bytes,
        "Bytes of data and partition keys pushed. Labels: stream, consumer.";
    counter EFO_RECORDS = "kinesis_efo_records_total", Count, "Records pushed. Labels: stream, consumer.";
    counter EFO_EVENTS = "kinesis_efo_events_total", Count,
        "SubscribeToShard events pushed, idle ones included. Labels: stream, consumer.";
    counter THROTTLED = "kinesis_throttled_total", Count,
        "Requests or records refused by a quota. Labels: stream, kind (write, read, iterator, subscribe).";
    counter CALLS_THROTTLED = "fanlight_throttled_calls_total", Count,
        "Calls of the control plane refused for their rate. Labels: operation.";
    counter ON_DEMAND_RESHARDS = "fanlight_on_demand_reshards_total", Count,
        "Shards of streams on demand split and merged by the server. Labels: stream, kind (split, merge).";
    gauge ON_DEMAND_PEAK_BYTES = "fanlight_on_demand_peak_bytes", Bytes,
        "Highest demand on a stream on demand since the start, per second, throttled writes included. Labels: stream.";
    gauge ON_DEMAND_PEAK_RECORDS = "fanlight_on_demand_peak_records", Count,
        "The same in records. Labels: stream.";
    gauge ON_DEMAND_HOT_KEYS = "fanlight_on_demand_hot_keys", Count,
        "Shards of a stream on demand that are too busy and cannot be split: one key has it all. Labels: stream.";
    counter REQUESTS = "fanlight_requests_total", Count, "Requests answered. Labels: operation, status.";
    histogram REQUEST_LATENCY = "fanlight_request_duration_seconds", Seconds,
        "From the whole request read to the reply ready. Labels: operation.";
    gauge SUBSCRIPTIONS = "fanlight_active_subscriptions", Count, "SubscribeToShard streams open.";
    counter SUBSCRIPTION_ENDS = "fanlight_subscription_ends_total", Count,
        "Subscriptions ended. Labels: cause (expired, shard_end, replaced, deregistered, deleted, client, \
         shutdown, failed).";
    gauge CONNECTIONS = "fanlight_connections", Count, "Connections open on the data port.";
    histogram GATHER_LATENCY = "fanlight_put_gather_duration_seconds", Seconds,
        "From a batch's first record appended to its commit submitted.";
    histogram COMMIT_LATENCY = "fanlight_commit_duration_seconds", Seconds,
        "From a journal write submitted to its completion: the durable write itself, the disk's sync time.";
    histogram PUSH_LATENCY = "fanlight_push_duration_seconds", Seconds,
        "From a commit's completion to its events handed to every consumer at the tip.";
    histogram PUT_TO_PUSH_LATENCY = "fanlight_put_to_push_duration_seconds", Seconds,
        "From a batch's first record appended to its event handed to the consumers at the tip.";
    histogram COMMIT_RECORDS = "fanlight_commit_records", Count, "Records in a journal commit.";
    histogram COMMIT_BYTES = "fanlight_commit_bytes", Bytes, "Bytes of a journal commit, padding included.";
    counter COMMITS = "fanlight_commits_total", Count, "Journal commits completed.";
    counter STORAGE_FAILURES = "fanlight_storage_failures_total", Count,
        "Disk operations that failed. Labels: operation (commit, write_behind, seal, read, scrub, remove).";
    counter DAMAGED_READS = "fanlight_damaged_reads_total", Count,
        "Reads that met damaged bytes and were told so. Anything above 0 is an alarm.";
    gauge STORAGE_HEALTHY = "fanlight_storage_healthy", Count, "1 while the log accepts writes, else 0.";
    gauge JOURNAL_FILES_RETIRED = "fanlight_journal_files_retired", Count,
        "Journal files set aside after a failed write or sync, until segments hold what they hold.";
    gauge DATA_BYTES = "fanlight_data_bytes", Bytes, "Bytes of all journal and segment files.";
    gauge DATA_LIMIT_REACHED = "fanlight_data_limit_reached", Count,
        "1 while puts are refused because of --data-max-bytes, else 0.";
    gauge TAIL_BYTES = "fanlight_tail_bytes", Bytes, "Bytes of recent batches held in memory.";
    gauge GATHERED_BYTES = "fanlight_gathered_bytes", Bytes, "Bytes waiting for the next commit.";
    histogram WRITE_BEHIND_LATENCY = "fanlight_write_behind_duration_seconds", Seconds,
        "One block written from the journal's shards to a segment, synced.";
    counter DISK_READS = "fanlight_disk_reads_total", Count, "Segment blocks read for consumers behind the tail.";
    counter SCRUB_BYTES = "fanlight_scrub_bytes_total", Bytes, "Bytes of sealed segments the scrubber has verified.";
    counter SCRUB_PASSES = "fanlight_scrub_passes_total", Count,
        "Passes of the scrubber over all sealed segments.";
    gauge SCRUB_DAMAGED = "fanlight_scrub_damaged_batches", Count,
        "Places in sealed segments the scrubber found damaged in its latest pass. Anything above 0 is an alarm.";
    gauge SCRUB_PASS_AGE = "fanlight_scrub_pass_age_seconds", Seconds,
        "Since the scrubber's last whole pass, or since the start before there was one.";
    gauge DURABILITY_MODE = "fanlight_durability_info", Count, "1. Labels: mode (sync, interval, none), backend.";
    gauge STREAMS = "fanlight_streams", Count, "Streams that exist, in any state.";
}

//! The first dashboard: is the server well, what goes in and out, who is refused, who is behind.

use super::board::{Board, Narrow, Panel, lines, quantile, quantiles, stat};

/// The dashboard.
pub fn board() -> Board {
    Board::new(
        "fanlight-overview",
        "Fanlight: overview",
        "Is the server well, what goes in and out, who is refused, who is behind. The other dashboards go on \
         from here.",
    )
    .narrowed_by(&[Narrow::Stream])
    .row("Health", health())
    .row("Throughput", throughput())
    .row("Latency", latency())
    .row("Who is behind, who is refused", trouble())
    .row("Clients", clients())
    .row("Process", process())
}

fn health() -> Vec<Panel> {
    vec![
        stat("Ready", "What /readyz says: whether the server takes records. If not, its log says why.")
            .query("min(fanlight_ready{$i})", "")
            .red_below(1.0)
            .says(0, "no", "red")
            .says(1, "yes", "green")
            .size(3, 4),
        stat(
            "Log",
            "Whether the journal accepts writes. Stopped: reads go on, writing is tried every second.",
        )
        .query("min(fanlight_storage_healthy{$i})", "")
        .red_below(1.0)
        .says(0, "stopped", "red")
        .says(1, "writes", "green")
        .size(3, 4),
        stat("Alerts", "Alerts of grafana/alerts.yml that fire now.")
            .query("count(ALERTS{alertname=~\"Fanlight.+\",alertstate=\"firing\"}) or vector(0)", "")
            .from(1.0, "red")
            .size(3, 4),
        stat(
            "Damage",
            "Places in sealed segments found damaged, and reads that met damage in the last hour.",
        )
        .query(
            "max(fanlight_scrub_damaged_batches{$i}) + max(increase(fanlight_damaged_reads_total{$i}[1h]))",
            "",
        )
        .from(1.0, "red")
        .size(3, 4),
        stat("Streams", "Streams that exist, in any state.")
            .query("sum(fanlight_streams{$i})", "")
            .size(3, 4),
        stat("Open shards", "Shards that take records, of all streams.")
            .query("sum(fanlight_open_shards{$i})", "")
            .size(3, 4),
        stat("Subscriptions", "SubscribeToShard streams open.")
            .query("sum(fanlight_active_subscriptions{$i})", "")
            .size(3, 4),
        stat("Up since", "When the server was started last.")
            .query("max(process_start_time_seconds{$i}) * 1000", "")
            .unit("dateTimeFromNow")
            .over_all()
            .size(3, 4),
        stat("Version", "The version that runs.")
            .query("max by (version) (fanlight_build_info{$i})", "{{version}}")
            .over_all()
            .size(6, 3),
        stat("Durability and I/O", "When puts are acknowledged, and how the disk is driven.")
            .query("max by (mode, backend) (fanlight_durability_info{$i})", "{{mode}}, {{backend}}")
            .over_all()
            .size(6, 3),
        stat("Consumers", "Registered consumers of all streams.")
            .query("sum(fanlight_consumers{$i}) or vector(0)", "")
            .size(6, 3),
        stat("Connections", "Connections open on the data port.")
            .query("sum(fanlight_connections{$i})", "")
            .size(6, 3),
    ]
}

fn throughput() -> Vec<Panel> {
    let by_stream = |metric: &str| format!("sum by (stream) (rate({metric}{{$s}}[$r]))");
    vec![
        lines("Bytes in, per stream", "Data and partition keys accepted. A shard takes 1 MiB a second.")
            .query(&by_stream("kinesis_incoming_bytes_total"), "{{stream}}")
            .unit("binBps")
            .leads_to_stream(),
        lines("Bytes pushed, per stream", "Data and partition keys to enhanced fan-out consumers, of all.")
            .query(&by_stream("kinesis_efo_bytes_total"), "{{stream}}")
            .unit("binBps")
            .leads_to_stream(),
        lines("Bytes pulled, per stream", "Data and partition keys returned by GetRecords.")
            .query(&by_stream("kinesis_get_records_bytes_total"), "{{stream}}")
            .unit("binBps")
            .leads_to_stream(),
        lines("Records in, per stream", "Records accepted. A shard takes 1,000 a second.")
            .query(&by_stream("kinesis_incoming_records_total"), "{{stream}}")
            .unit("cps")
            .leads_to_stream(),
        lines("Records pushed, per stream", "Records to enhanced fan-out consumers, of all.")
            .query(&by_stream("kinesis_efo_records_total"), "{{stream}}")
            .unit("cps")
            .leads_to_stream(),
        lines("Records pulled, per stream", "Records returned by GetRecords.")
            .query(&by_stream("kinesis_get_records_records_total"), "{{stream}}")
            .unit("cps")
            .leads_to_stream(),
    ]
}

fn latency() -> Vec<Panel> {
    vec![
        quantiles(
            "Put to push",
            "From a batch's first record appended to its event handed to the consumers at the tip. Its stages \
             are on the fan-out dashboard.",
            "fanlight_put_to_push_duration_seconds",
            "$i",
        ),
        lines("Puts, p50 and p99", "From the request read to its records durable.")
            .query(&quantile("0.5", "le", "kinesis_put_record_latency_seconds", "$s"), "PutRecord p50")
            .query(&quantile("0.99", "le", "kinesis_put_record_latency_seconds", "$s"), "PutRecord p99")
            .query(&quantile("0.5", "le", "kinesis_put_records_latency_seconds", "$s"), "PutRecords p50")
            .query(&quantile("0.99", "le", "kinesis_put_records_latency_seconds", "$s"), "PutRecords p99")
            .unit("s"),
        lines("Other requests, p99", "From the whole request read to the reply ready, per operation.")
            .query(
                &quantile(
                    "0.99",
                    "le, operation",
                    "fanlight_request_duration_seconds",
                    "$i,operation!~\"PutRecords?\"",
                ),
                "{{operation}}",
            )
            .unit("s"),
    ]
}

fn trouble() -> Vec<Panel> {
    vec![
        lines(
            "Push: behind the tip, ten worst",
            "MillisBehindLatest of each consumer's slowest subscription.",
        )
        .query(
            "topk(10, max by (stream, consumer) (kinesis_efo_behind_seconds{$s}))",
            "{{stream}}, {{consumer}}",
        )
        .unit("s")
        .from(60.0, "red")
        .leads_to_stream(),
        lines("Pull: behind the tip, ten worst", "Iterator age: how far behind GetRecords calls left off.")
            .query("topk(10, max by (stream) (kinesis_get_records_iterator_age_seconds{$s}))", "{{stream}}")
            .unit("s")
            .from(60.0, "red")
            .leads_to_stream(),
        lines("Refused by a quota, per kind", "Requests or records. See the throttles dashboard for whose.")
            .query("sum by (kind) (rate(kinesis_throttled_total{$s}[$r]))", "{{kind}}")
            .unit("cps"),
    ]
}

fn clients() -> Vec<Panel> {
    vec![
        lines("Requests, per operation", "Requests answered, whatever the answer.")
            .query("sum by (operation) (rate(fanlight_requests_total{$i}[$r])) > 0", "{{operation}}")
            .unit("reqps")
            .size(6, 8),
        lines("Requests answered, by status", "Client errors are refusals; server errors should be none.")
            .query("sum by (status) (rate(fanlight_requests_total{$i}[$r]))", "{{status}}")
            .unit("reqps")
            .size(6, 8),
        lines(
            "Subscriptions ended, per cause",
            "Expired after five minutes is the rule; failed should be none.",
        )
        .query("sum by (cause) (rate(fanlight_subscription_ends_total{$i}[$r]))", "{{cause}}")
        .unit("cps")
        .size(6, 8),
        lines("Subscriptions and connections", "What is open on the data port.")
            .query("sum(fanlight_active_subscriptions{$i})", "subscriptions")
            .query("sum(fanlight_connections{$i})", "connections")
            .size(6, 8),
        lines("Events whose client had gone", "Events that were not taken whole, per consumer.")
            .query(
                "sum by (stream, consumer) (rate(kinesis_efo_events_failed_total{$s}[$r]))",
                "{{stream}}, {{consumer}}",
            )
            .unit("cps"),
        lines("Spans for OpenTelemetry", "Exported, failed and dropped, with --otlp-endpoint; 0 without.")
            .query("sum by (result) (rate(fanlight_spans_total{$i}[$r])) or vector(0)", "{{result}}")
            .unit("cps"),
        lines("Held for slow readers", "Handed to HTTP/2 connections and not yet taken by their sockets.")
            .query("sum(fanlight_unsent_bytes{$i})", "bytes")
            .unit("bytes"),
    ]
}

fn process() -> Vec<Panel> {
    vec![
        lines("CPU", "Cores busy, user and system. The data path is one thread: 1 is its end.")
            .query("sum by (instance) (rate(process_cpu_seconds_total{$i}[$r]))", "{{instance}}")
            .size(6, 6),
        lines("Memory", "Resident bytes.")
            .query("sum by (instance) (process_resident_memory_bytes{$i})", "{{instance}}")
            .unit("bytes")
            .size(6, 6),
        lines("File descriptors", "Open, as a share of those allowed.")
            .query("max by (instance) (process_open_fds{$i} / process_max_fds{$i})", "{{instance}}")
            .unit("percentunit")
            .from(0.8, "red")
            .size(6, 6),
        lines("Series", "Series the server keeps, and those beyond its bound, which are not counted.")
            .query("sum(fanlight_series{$i})", "kept")
            .query("sum(fanlight_series_refused_total{$i})", "refused")
            .size(6, 6),
    ]
}

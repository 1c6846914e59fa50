//! One stream and its consumers: what goes in, who pulls, who is pushed to, what the service would bill.

use super::board::{Board, Narrow, Panel, heatmap, lines, quantile, stat};

/// The dashboard.
pub fn board() -> Board {
    Board::new(
        "fanlight-stream",
        "Fanlight: stream and consumer",
        "One stream and its consumers: what goes in, who pulls, who is pushed to, what the service would bill.",
    )
    .narrowed_by(&[Narrow::Stream, Narrow::Consumer])
    .row("Now", now())
    .row("In", incoming())
    .row("Pull", pull())
    .row("Push", push())
    .row("What the service would bill, over the time shown", bill())
}

fn now() -> Vec<Panel> {
    vec![
        stat("Open shards", "Shards that take records.").query("sum(fanlight_open_shards{$s})", ""),
        stat("Consumers", "Registered consumers.").query("sum(fanlight_consumers{$s})", ""),
        stat("Records in", "Records accepted a second.")
            .query("sum(rate(kinesis_incoming_records_total{$s}[$r]))", "")
            .unit("cps"),
        stat("Of what its shards take", "Bytes in, as a share of 1 MiB a second for each open shard.")
            .query(
                "sum(rate(kinesis_incoming_bytes_total{$s}[$r])) / sum(fanlight_open_shards{$s} * 1048576)",
                "",
            )
            .unit("percentunit")
            .from(0.8, "yellow")
            .from(1.0, "red"),
        stat("Push behind", "The slowest subscription of the consumers chosen.")
            .query("max(kinesis_efo_behind_seconds{$c})", "")
            .unit("s")
            .from(60.0, "red"),
        stat("Pull behind", "Iterator age, the largest.")
            .query("max(kinesis_get_records_iterator_age_seconds{$s})", "")
            .unit("s")
            .from(60.0, "red"),
    ]
}

fn incoming() -> Vec<Panel> {
    vec![
        lines("Bytes in, by operation", "Data and partition keys accepted.")
            .query("sum(rate(kinesis_put_record_bytes_total{$s}[$r]))", "PutRecord")
            .query("sum(rate(kinesis_put_records_bytes_total{$s}[$r]))", "PutRecords")
            .unit("binBps")
            .stacked(),
        lines("Put calls, by result", "Throttled: over a shard's quota. Refused: the caller's mistake. Failure: ours.")
            .query("sum by (result) (rate(kinesis_put_record_requests_total{$s}[$r]))", "PutRecord {{result}}")
            .query("sum by (result) (rate(kinesis_put_records_requests_total{$s}[$r]))", "PutRecords {{result}}")
            .unit("reqps"),
        lines("Put latency", "Calls that succeeded, from the request read to all records durable.")
            .query(&quantile("0.5", "le", "kinesis_put_record_latency_seconds", "$s"), "PutRecord p50")
            .query(&quantile("0.99", "le", "kinesis_put_record_latency_seconds", "$s"), "PutRecord p99")
            .query(&quantile("0.5", "le", "kinesis_put_records_latency_seconds", "$s"), "PutRecords p50")
            .query(&quantile("0.99", "le", "kinesis_put_records_latency_seconds", "$s"), "PutRecords p99")
            .unit("s"),
        lines("Records of PutRecords, by result", "Producers put again what was throttled or failed.")
            .query("sum by (result) (rate(kinesis_put_records_records_total{$s}[$r]))", "{{result}}")
            .unit("cps"),
        lines("Refused by a quota, per kind", "Requests or records.")
            .query("sum by (kind) (rate(kinesis_throttled_total{$s}[$r]))", "{{kind}}")
            .unit("cps"),
        lines("Bytes of a record", "Data and partition key, on average.")
            .query(
                "sum(rate(kinesis_incoming_bytes_total{$s}[$r])) / sum(rate(kinesis_incoming_records_total{$s}[$r]))",
                "average",
            )
            .unit("bytes"),
    ]
}

fn pull() -> Vec<Panel> {
    vec![
        lines("GetRecords", "What calls returned, and how many there were.")
            .query("sum(rate(kinesis_get_records_records_total{$s}[$r]))", "records")
            .query("sum by (result) (rate(kinesis_get_records_requests_total{$s}[$r]))", "calls, {{result}}")
            .unit("cps"),
        lines("Bytes pulled", "Data and partition keys returned by GetRecords.")
            .query("sum by (stream) (rate(kinesis_get_records_bytes_total{$s}[$r]))", "{{stream}}")
            .unit("binBps"),
        lines("GetRecords latency", "Calls that succeeded, from the request read to the page ready.")
            .query(&quantile("0.5", "le", "kinesis_get_records_latency_seconds", "$s"), "p50")
            .query(&quantile("0.99", "le", "kinesis_get_records_latency_seconds", "$s"), "p99")
            .unit("s"),
    ]
}

fn push() -> Vec<Panel> {
    let by_consumer = |metric: &str| format!("sum by (stream, consumer) (rate({metric}{{$c}}[$r]))");
    let legend = "{{stream}}, {{consumer}}";
    vec![
        lines(
            "Bytes pushed, per consumer",
            "Data and partition keys. Each shard gives a consumer 2 MiB a second.",
        )
        .query(&by_consumer("kinesis_efo_bytes_total"), legend)
        .unit("binBps"),
        lines("Records pushed, per consumer", "Level with what goes in where a consumer is at the tip.")
            .query(&by_consumer("kinesis_efo_records_total"), legend)
            .unit("cps"),
        lines("Events pushed, per consumer", "Idle ones included.")
            .query(&by_consumer("kinesis_efo_events_total"), legend)
            .unit("cps"),
        lines("Behind the tip, per consumer", "MillisBehindLatest of its slowest subscription.")
            .query("max by (stream, consumer) (kinesis_efo_behind_seconds{$c})", legend)
            .unit("s")
            .from(60.0, "red"),
        lines(
            "Append to connection, p99 per consumer",
            "Of events with records that came while it was subscribed.",
        )
        .query(&quantile("0.99", "le, stream, consumer", "kinesis_efo_latency_seconds", "$c"), legend)
        .unit("s"),
        lines(
            "Waits and failures, per consumer",
            "Waits for 2 MiB a second, and events whose client had gone.",
        )
        .query(&by_consumer("kinesis_efo_throttled_total"), "{{stream}}, {{consumer}}, waits")
        .query(&by_consumer("kinesis_efo_events_failed_total"), "{{stream}}, {{consumer}}, client gone")
        .unit("cps"),
        heatmap(
            "Append to connection",
            "Every event of the consumers chosen.",
            "kinesis_efo_latency_seconds",
            "$c",
        ),
        lines(
            "SubscribeToShard calls, per consumer",
            "By result. rate_exceeded: more than once in five seconds.",
        )
        .query(
            "sum by (consumer, result) (rate(kinesis_subscribe_total{$c}[$r]))",
            "{{consumer}}, {{result}}",
        )
        .unit("reqps")
        .size(12, 8),
    ]
}

fn bill() -> Vec<Panel> {
    vec![
        stat("PUT payload units", "Each record's bytes in steps of 25 KiB.")
            .query("sum(increase(fanlight_billed_put_units_total{$s}[$__range]))", "")
            .over_all()
            .size(8, 4),
        stat("Shard hours", "Open shards over time.")
            .query("sum(increase(fanlight_billed_shard_seconds_total{$s}[$__range])) / 3600", "")
            .over_all()
            .size(8, 4),
        stat("Consumer-shard hours", "Open shards over the time consumers were registered.")
            .query("sum(increase(fanlight_billed_consumer_shard_seconds_total{$c}[$__range])) / 3600", "")
            .over_all()
            .size(8, 4),
    ]
}

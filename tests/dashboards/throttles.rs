//! Who is refused and why: quotas of streams, shards that have more than their share, streams on demand.

use super::board::{Board, Narrow, Panel, bars, lines};

/// What a shard takes in a second, and what each consumer may read of it.
const WRITE_BYTES: u32 = 1 << 20;
const WRITE_RECORDS: u32 = 1000;

/// The dashboard.
pub fn board() -> Board {
    Board::new(
        "fanlight-throttles",
        "Fanlight: throttles and hot shards",
        "Who is refused and why. Shards are shown of streams for which EnableEnhancedMonitoring asks for them.",
    )
    .narrowed_by(&[Narrow::Stream])
    .row("Refused", refused())
    .row("Hot shards (streams with enhanced monitoring)", shards())
    .row("On demand", on_demand())
}

fn refused() -> Vec<Panel> {
    vec![
        lines("Writes refused, per stream", "Records over a shard's 1 MiB or 1,000 records a second.")
            .query("sum by (stream) (rate(kinesis_throttled_total{$s,kind=\"write\"}[$r]))", "{{stream}}")
            .unit("cps")
            .leads_to_stream(),
        lines("Share of writes refused", "Of all records that came. Spread keys, or split shards.")
            .query(
                "sum by (stream) (rate(kinesis_throttled_total{$s,kind=\"write\"}[$r])) \
                 / (sum by (stream) (rate(kinesis_throttled_total{$s,kind=\"write\"}[$r])) \
                 + sum by (stream) (rate(kinesis_incoming_records_total{$s}[$r])))",
                "{{stream}}",
            )
            .unit("percentunit")
            .from(0.01, "red")
            .leads_to_stream(),
        lines(
            "Reads refused",
            "Calls over five or 2 MiB a second of a shard; iterators or subscriptions too often.",
        )
        .query(
            "sum by (stream, kind) (rate(kinesis_throttled_total{$s,kind!=\"write\"}[$r]))",
            "{{stream}}, {{kind}}",
        )
        .unit("cps")
        .leads_to_stream(),
        lines(
            "Records of PutRecords, by result",
            "Some of a call's records may be refused: producers put those again.",
        )
        .query("sum by (result) (rate(kinesis_put_records_records_total{$s}[$r]))", "{{result}}")
        .unit("cps"),
        lines("Control-plane calls refused", "Calls over the operation's rate, five a second for most.")
            .query("sum by (operation) (rate(fanlight_throttled_calls_total{$i}[$r]))", "{{operation}}")
            .unit("cps"),
        lines(
            "Push waits for its quota",
            "Records waiting for a subscription's 2 MiB a second; nothing is refused.",
        )
        .query("sum by (stream) (rate(kinesis_efo_throttled_total{$s}[$r]))", "{{stream}}")
        .unit("cps")
        .leads_to_stream(),
    ]
}

fn shards() -> Vec<Panel> {
    let legend = "{{stream}}, {{shard}}";
    let busiest =
        |metric: &str, by: &str| format!("topk(15, sum by (stream, shard) (rate({metric}{{$s}}[$r])){by})");
    let share = |of: u32| format!(" / {of}");
    vec![
        bars("Share of 1 MiB a second, busiest shards", "At 100 % a shard refuses. Split it, or spread its keys.")
            .query(&busiest("kinesis_shard_incoming_bytes_total", &share(WRITE_BYTES)), legend)
            .unit("percentunit")
            .from(0.8, "yellow")
            .from(1.0, "red"),
        bars("Share of 1,000 records a second, busiest shards", "At 100 % it refuses. Aggregate records, or split it.")
            .query(&busiest("kinesis_shard_incoming_records_total", &share(WRITE_RECORDS)), legend)
            .unit("percentunit")
            .from(0.8, "yellow")
            .from(1.0, "red"),
        lines("Refused, per shard", "Records or calls refused by the shard's own quota.")
            .query(
                "topk(15, sum by (stream, shard, kind) (rate(kinesis_shard_throttled_total{$s}[$r])))",
                "{{stream}}, {{shard}}, {{kind}}",
            )
            .unit("cps"),
        lines("Bytes in, per shard", "Data and partition keys accepted.")
            .query(&busiest("kinesis_shard_incoming_bytes_total", ""), legend)
            .unit("binBps"),
        lines("Bytes out, per shard", "Data and partition keys pulled and pushed, to all readers.")
            .query(&busiest("kinesis_shard_outgoing_bytes_total", ""), legend)
            .unit("binBps"),
        lines("Records out, per shard", "Records pulled and pushed, to all readers.")
            .query(&busiest("kinesis_shard_outgoing_records_total", ""), legend)
            .unit("cps"),
        lines("Skew: busiest shard to the average", "1 is even. Where it stays high, a few keys have it all.")
            .query(
                "max by (stream) (sum by (stream, shard) (rate(kinesis_shard_incoming_bytes_total{$s}[$r]))) \
                 / avg by (stream) (sum by (stream, shard) (rate(kinesis_shard_incoming_bytes_total{$s}[$r])))",
                "{{stream}}",
            )
            .size(12, 8)
            .leads_to_stream(),
        lines("Iterator age, per shard", "How far behind the tip GetRecords calls of the last minute left off.")
            .query("topk(15, max by (stream, shard) (kinesis_shard_iterator_age_seconds{$s}))", legend)
            .unit("s")
            .from(60.0, "red")
            .size(12, 8),
    ]
}

fn on_demand() -> Vec<Panel> {
    vec![
        lines("Open shards", "As many as the stream has; on demand the server decides.")
            .query("max by (stream) (fanlight_open_shards{$s})", "{{stream}}")
            .size(6, 8)
            .leads_to_stream(),
        lines("Shards split and merged", "By the server, for streams on demand.")
            .query(
                "sum by (stream, kind) (increase(fanlight_on_demand_reshards_total{$s}[$r]))",
                "{{stream}}, {{kind}}",
            )
            .size(6, 8),
        lines("Highest demand", "Per second since the start, throttled writes included.")
            .query("max by (stream) (fanlight_on_demand_peak_bytes{$s})", "{{stream}}, bytes")
            .query("max by (stream) (fanlight_on_demand_peak_records{$s})", "{{stream}}, records")
            .size(6, 8),
        lines("Hot keys", "Shards too busy that cannot be split: one key has it all. Spread that key.")
            .query("max by (stream) (fanlight_on_demand_hot_keys{$s})", "{{stream}}")
            .from(1.0, "red")
            .size(6, 8),
    ]
}

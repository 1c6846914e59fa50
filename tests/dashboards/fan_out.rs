//! Where a record's time goes from append to consumer, for all and for each consumer.

use super::board::{Board, Narrow, Panel, heatmap, lines, quantile, quantiles, stat};

const STAGES: [(&str, &str, &str); 4] = [
    (
        "Gather",
        "fanlight_put_gather_duration_seconds",
        "From a batch's first record appended to its commit submitted: it waits for the commit before it.",
    ),
    (
        "Commit",
        "fanlight_commit_duration_seconds",
        "From a journal write submitted to its completion: the durable write itself, the disk's sync time.",
    ),
    (
        "Push",
        "fanlight_push_duration_seconds",
        "From a commit's completion to its events handed to every consumer at the tip.",
    ),
    (
        "Put to push",
        "fanlight_put_to_push_duration_seconds",
        "End to end: from a batch's first record appended to its event handed to the consumers at the tip.",
    ),
];

/// The dashboard.
pub fn board() -> Board {
    Board::new(
        "fanlight-fan-out",
        "Fanlight: fan-out latency",
        "Where a record's time goes from append to consumer: gather, commit and push add up to put to push. \
         Then each consumer's own.",
    )
    .narrowed_by(&[Narrow::Stream, Narrow::Consumer])
    .row("Now", STAGES.iter().flat_map(now))
    .row(
        "The stages of a put add up",
        STAGES.iter().map(|(title, name, text)| quantiles(title, text, name, "$i").size(6, 8)),
    )
    .row("Their distributions", STAGES.iter().map(|(title, name, text)| heatmap(title, text, name, "$i")))
    .row("Consumers", consumers())
    .row("Those who wait", waits())
}

fn now((title, name, text): &(&'static str, &'static str, &'static str)) -> [Panel; 2] {
    let one = |q: &str, word: &str| {
        stat(&format!("{title}, {word}"), text)
            .query(&quantile(q, "le", name, "$i"), "")
            .unit("s")
            .from(0.01, "yellow")
            .from(0.1, "red")
            .size(3, 4)
    };
    [one("0.5", "p50"), one("0.99", "p99")]
}

fn consumers() -> Vec<Panel> {
    let efo = "kinesis_efo_latency_seconds";
    let by = "le, stream, consumer";
    let legend = "{{stream}}, {{consumer}}";
    vec![
        lines(
            "Append to connection, p50",
            "Of each consumer: events with records that came while it was subscribed.",
        )
        .query(&quantile("0.5", by, efo, "$c"), legend)
        .unit("s")
        .leads_to_stream(),
        lines("Append to connection, p99", "The same, the slowest hundredth.")
            .query(&quantile("0.99", by, efo, "$c"), legend)
            .unit("s")
            .leads_to_stream(),
        lines("Behind the tip", "MillisBehindLatest of each consumer's slowest subscription; 0 at the tip.")
            .query("max by (stream, consumer) (kinesis_efo_behind_seconds{$c})", legend)
            .unit("s")
            .from(60.0, "red")
            .leads_to_stream(),
        heatmap(
            "Append to connection, all consumers",
            "Every event of the consumers chosen above.",
            efo,
            "$c",
        ),
        lines("Records per event", "Large where records come together or a consumer catches up.")
            .query(
                "sum by (stream, consumer) (rate(kinesis_efo_records_total{$c}[$r])) \
                 / sum by (stream, consumer) (rate(kinesis_efo_events_total{$c}[$r]))",
                legend,
            )
            .size(12, 8),
    ]
}

fn waits() -> Vec<Panel> {
    let legend = "{{stream}}, {{consumer}}";
    vec![
        lines("Waits for the quota", "Times records waited for a subscription's 2 MiB a second.")
            .query("sum by (stream, consumer) (rate(kinesis_efo_throttled_total{$c}[$r]))", legend)
            .unit("cps"),
        quantiles(
            "Length of those waits",
            "How long records waited for a subscription's 2 MiB a second, each wait. Empty without waits.",
            "fanlight_push_quota_wait_duration_seconds",
            "$i",
        ),
        lines("Events whose client had gone", "Events that were not taken whole.")
            .query("sum by (stream, consumer) (rate(kinesis_efo_events_failed_total{$c}[$r]))", legend)
            .unit("cps"),
        lines(
            "SubscribeToShard calls, by result",
            "A consumer may subscribe to a shard once in five seconds.",
        )
        .query("sum by (result) (rate(kinesis_subscribe_total{$c}[$r]))", "{{result}}")
        .unit("reqps"),
        lines(
            "Reads that memory serves",
            "Of consumers behind the tip and pull: the share the disk is not asked for.",
        )
        .query(
            "sum(rate(fanlight_tail_reads_total{$i,result=\"hit\"}[$r])) \
                 / sum(rate(fanlight_tail_reads_total{$i}[$r]))",
            "in memory",
        )
        .unit("percentunit"),
        lines("Encoded for those behind", "Events kept for a second, so that several behind share the work.")
            .query("sum(fanlight_shared_event_bytes{$i})", "events")
            .query("sum(fanlight_unsent_bytes{$i})", "not yet taken by sockets")
            .unit("bytes"),
    ]
}

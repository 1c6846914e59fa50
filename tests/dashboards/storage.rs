//! The log and its disk: space, commits, write-behind, reads, memory, damage, the last start.

use super::board::{Board, Panel, heatmap, lines, quantiles, stat};

/// The dashboard.
pub fn board() -> Board {
    Board::new(
        "fanlight-storage",
        "Fanlight: storage",
        "The log and its disk: space, commits, write-behind, reads, memory, damage, the last start.",
    )
    .row("Health", health())
    .row("Space", space())
    .row("Commits", commits())
    .row("Write-behind and reads", disk())
    .row("Memory", memory())
    .row("Verification", verification())
}

fn health() -> Vec<Panel> {
    vec![
        stat(
            "Log",
            "Whether the journal accepts writes. Stopped: reads go on, writing is tried every second.",
        )
        .query("min(fanlight_storage_healthy{$i})", "")
        .red_below(1.0)
        .says(0, "stopped", "red")
        .says(1, "writes", "green"),
        stat("Puts refused for space", "Whether --data-max-bytes is reached: delete streams or raise it.")
            .query("max(fanlight_data_limit_reached{$i})", "")
            .from(1.0, "red")
            .says(0, "no", "green")
            .says(1, "yes", "red"),
        stat(
            "Damage in segments",
            "Places the scrubber found in its latest pass. The log names file and position.",
        )
        .query("max(fanlight_scrub_damaged_batches{$i})", "")
        .from(1.0, "red"),
        stat("Reads that met damage", "Since the start. Readers of that place get an error.")
            .query("sum(fanlight_damaged_reads_total{$i})", "")
            .from(1.0, "red"),
        stat("Opening took", "How long the data directory took to open at the start.")
            .query("max(fanlight_recovery_seconds{$i})", "")
            .unit("s"),
        stat("Recovered", "Bytes of batches taken from the journal into memory at the start.")
            .query("sum(fanlight_recovered_bytes{$i})", "")
            .unit("bytes"),
    ]
}

fn space() -> Vec<Panel> {
    vec![
        lines(
            "Data",
            "All journal and segment files. The limit is --data-max-bytes; without it there is none.",
        )
        .query("sum by (instance) (fanlight_data_bytes{$i})", "{{instance}}")
        .query("min by (instance) (fanlight_data_limit_bytes{$i} < Inf)", "{{instance}}, limit")
        .unit("bytes"),
        lines("Free", "What the data directory's file system has left for the server.")
            .query("min by (instance) (fanlight_disk_free_bytes{$i})", "{{instance}}")
            .unit("bytes"),
        lines("Share of --data-max-bytes", "At 100 % puts are refused. 0 without a limit.")
            .query(
                "max by (instance) (fanlight_data_bytes{$i} / fanlight_data_limit_bytes{$i})",
                "{{instance}}",
            )
            .unit("percentunit")
            .from(0.85, "yellow")
            .from(1.0, "red"),
    ]
}

fn commits() -> Vec<Panel> {
    vec![
        quantiles(
            "Commit: the disk's sync time",
            "From a journal write submitted to its completion. The disk's own, nothing of ours.",
            "fanlight_commit_duration_seconds",
            "$i",
        )
        .from(0.05, "red"),
        heatmap(
            "Commit, distribution",
            "Two bands are a disk with a cache that is flushed now and then.",
            "fanlight_commit_duration_seconds",
            "$i",
        )
        .size(8, 8),
        lines("Commits", "Journal commits completed.")
            .query("sum(rate(fanlight_commits_total{$i}[$r]))", "commits")
            .unit("cps"),
        lines("Records per commit", "What came while the commit before was under way.")
            .query(
                "sum(rate(fanlight_commit_records_sum{$i}[$r])) / sum(rate(fanlight_commit_records_count{$i}[$r]))",
                "average",
            )
            .query("histogram_quantile(0.99, sum by (le) (rate(fanlight_commit_records_bucket{$i}[$r])))", "p99"),
        lines("Bytes per commit", "Padding to the disk's blocks included.")
            .query(
                "sum(rate(fanlight_commit_bytes_sum{$i}[$r])) / sum(rate(fanlight_commit_bytes_count{$i}[$r]))",
                "average",
            )
            .query("histogram_quantile(0.99, sum by (le) (rate(fanlight_commit_bytes_bucket{$i}[$r])))", "p99")
            .unit("bytes"),
        lines("Journal files set aside", "After a failed write or sync, until segments hold what they hold.")
            .query("max by (instance) (fanlight_journal_files_retired{$i})", "{{instance}}")
            .from(1.0, "red"),
    ]
}

fn disk() -> Vec<Panel> {
    vec![
        quantiles(
            "Write-behind",
            "One block written from memory to a shard's segment, synced. Off the fast path.",
            "fanlight_write_behind_duration_seconds",
            "$i",
        ),
        lines("Operations in flight", "Most disk operations under way at once in the last second.")
            .query("max by (instance) (fanlight_disk_operations_in_flight{$i})", "{{instance}}"),
        lines("Operations failed", "By what they were for. Any is a reason to look at the disk.")
            .query("sum by (operation) (rate(fanlight_storage_failures_total{$i}[$r]))", "{{operation}}")
            .unit("cps"),
        lines("Blocks read", "Segment blocks read for consumers behind the tail.")
            .query("sum(rate(fanlight_disk_reads_total{$i}[$r]))", "blocks")
            .unit("rps")
            .size(12, 8),
        lines("Reads behind the tip", "Served from recent batches in memory (hit) or from disk (miss).")
            .query("sum by (result) (rate(fanlight_tail_reads_total{$i}[$r]))", "{{result}}")
            .unit("rps")
            .size(12, 8),
    ]
}

fn memory() -> Vec<Panel> {
    vec![
        lines("Tail", "Recent batches in memory: readers at most so far behind need no disk.")
            .query("sum by (instance) (fanlight_tail_bytes{$i})", "{{instance}}")
            .unit("bytes"),
        lines("Waiting for a commit", "Appended, not submitted. Beyond 64 MiB puts are refused, retriable.")
            .query("sum by (instance) (fanlight_gathered_bytes{$i})", "{{instance}}")
            .unit("bytes"),
        lines("Held for readers", "Encoded events for those behind, and what sockets have not taken yet.")
            .query("sum(fanlight_shared_event_bytes{$i})", "encoded events")
            .query("sum(fanlight_unsent_bytes{$i})", "not yet taken")
            .unit("bytes"),
    ]
}

fn verification() -> Vec<Panel> {
    vec![
        lines("Scrubber: verified", "Sealed segments read and checked, while nothing else wants the disk.")
            .query("sum by (instance) (rate(fanlight_scrub_bytes_total{$i}[$r]))", "{{instance}}")
            .unit("binBps"),
        lines("Scrubber: since its last whole pass", "Or since the start, before there was one.")
            .query("max by (instance) (fanlight_scrub_pass_age_seconds{$i})", "{{instance}}")
            .unit("s"),
        lines(
            "Damage",
            "Places found in the latest pass, and reads that met damage. Anything above 0 is an alarm.",
        )
        .query("max(fanlight_scrub_damaged_batches{$i})", "places in segments")
        .query("sum(increase(fanlight_damaged_reads_total{$i}[1h]))", "reads in the last hour")
        .query("sum(fanlight_scrub_passes_total{$i})", "passes since the start")
        .from(1.0, "red"),
    ]
}

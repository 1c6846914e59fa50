//! The tables of a result: figures where curves only show shapes.

use std::fmt::Write;

use super::text::{escaped, grouped, utc};
use crate::latency::Summary;
use crate::report::{ConsumerRow, Report};

/// Consumers listed at most, the slowest first; the JSON has all.
const CONSUMERS_LISTED_MAX: usize = 100;

type FigureOf = fn(&Summary) -> f64;

/// A table; the first column of each row is its heading.
pub(super) fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    let mut write = || -> std::fmt::Result {
        write!(out, "<div class=\"scroll\"><table><caption>{}</caption><thead><tr>", escaped(caption))?;
        for head in heads {
            write!(out, "<th scope=\"col\">{}</th>", escaped(head))?;
        }
        writeln!(out, "</tr></thead><tbody>")?;
        for row in rows {
            let (first, rest) = row.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
            write!(out, "<tr><th scope=\"row\">{}</th>", escaped(first))?;
            for cell in rest {
                write!(out, "<td>{}</td>", escaped(cell))?;
            }
            writeln!(out, "</tr>")?;
        }
        writeln!(out, "</tbody></table></div>")
    };
    write().expect("writing to a string cannot fail");
    out
}

/// The percentiles of every road, in milliseconds.
pub(super) fn percentiles(report: &Report) -> String {
    let l = &report.latency_ms;
    let disk = report.disk.as_ref().map_or_else(Summary::default, |disk| disk.latency_ms);
    let columns = [
        ("ack", l.put_ack),
        ("push", l.put_to_push),
        ("last", l.last_of_all),
        ("pull", l.put_to_pull),
        ("disk", disk),
    ];
    let columns: Vec<_> = columns.into_iter().filter(|(_, summary)| summary.count > 0).collect();
    let heads: Vec<_> = std::iter::once("ms").chain(columns.iter().map(|(name, _)| *name)).collect();
    let figures: [(&str, FigureOf); 10] = [
        ("10 %", |s| s.p10),
        ("25 %", |s| s.p25),
        ("50 %", |s| s.p50),
        ("75 %", |s| s.p75),
        ("90 %", |s| s.p90),
        ("95 %", |s| s.p95),
        ("99 %", |s| s.p99),
        ("99.9 %", |s| s.p99_9),
        ("99.99 %", |s| s.p99_99),
        ("max", |s| s.max),
    ];
    let row = |(name, of): &(&str, FigureOf)| {
        let cells = columns.iter().map(|(_, summary)| format!("{:.3}", of(summary)));
        std::iter::once((*name).to_owned()).chain(cells).collect()
    };
    let mut rows: Vec<Vec<String>> = figures.iter().map(row).collect();
    let counts = columns.iter().map(|(_, summary)| grouped(summary.count));
    rows.push(std::iter::once("count".to_owned()).chain(counts).collect());
    table("Percentiles", &heads, &rows)
}

/// What was counted, and what went wrong.
pub(super) fn counts(report: &Report) -> String {
    let (c, f) = (&report.counts, &report.counts.faults);
    let rows = [
        ("sent", c.sent),
        ("acknowledged", c.acked),
        ("bytes acknowledged", c.acked_bytes),
        ("pushed", c.pushed),
        ("bytes pushed", c.pushed_bytes),
        ("push events", c.push_events),
        ("pulled", c.pulled),
        ("bytes pulled", c.pulled_bytes),
        ("dropped after throttling", c.dropped),
        ("fate unknown", c.unknown),
        ("lost", c.lost),
        ("duplicated", f.duplicated),
        ("reordered", f.reordered),
        ("corrupt", f.corrupt),
        ("misplaced", f.misplaced),
        ("refused, yet delivered", c.unexpected),
        ("puts throttled", c.put_throttles),
        ("pulls throttled", c.pull_throttles),
        ("subscriptions taken up again", c.resubscribed),
    ];
    let mut rows: Vec<_> = rows.iter().map(|(name, n)| vec![(*name).to_owned(), grouped(*n)]).collect();
    let errors = report.put_errors.by_code.iter();
    rows.extend(errors.map(|(code, n)| vec![format!("put answered {code}"), grouped(*n)]));
    table("Counts", &["records and deliveries", "count"], &rows)
}

/// The slowest consumers.
pub(super) fn consumers(rows: &[ConsumerRow]) -> String {
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by(|a, b| b.latency_ms.p99.total_cmp(&a.latency_ms.p99));
    let caption = match sorted.len() {
        n if n > CONSUMERS_LISTED_MAX => format!("The {CONSUMERS_LISTED_MAX} slowest of {n} consumers"),
        _ => "Each consumer, the slowest first".into(),
    };
    sorted.truncate(CONSUMERS_LISTED_MAX);
    let row = |row: &&ConsumerRow| {
        let ms = &row.latency_ms;
        let figures = [ms.p50, ms.p99, ms.max].map(|figure| format!("{figure:.3}"));
        let counts = [row.records, row.events].map(grouped);
        [vec![row.name.clone()], figures.to_vec(), counts.to_vec()].concat()
    };
    let rows: Vec<_> = sorted.iter().map(row).collect();
    table(&caption, &["ms", "p50", "p99", "max", "records", "events"], &rows)
}

/// Steps of the load and reshards, where there are any.
pub(super) fn steps(report: &Report) -> String {
    let mut out = String::new();
    if let Some(steps) = &report.steps {
        let row = |step: &crate::ramp::Step| {
            let (all, settled) = (&step.latency.put_to_push_ms, &step.latency.settled_ms);
            let ms = [all.p50, all.p99, settled.p99].map(|figure| format!("{figure:.3}"));
            let offered = vec![format!("{:.3}", step.mib_per_sec), grouped(step.offered)];
            [offered, ms.to_vec()].concat()
        };
        let heads = ["MiB/s", "puts tried", "push p50, ms", "push p99, ms", "p99 once settled, ms"];
        out += &table("Steps of the load", &heads, &steps.iter().map(row).collect::<Vec<_>>());
    }
    if let Some(reshards) = &report.reshards {
        let row = |pause: &crate::reshard::Pause| {
            let took = pause.secs.map_or_else(|| "not done".into(), |secs| format!("{:.0}", secs * 1e3));
            let (around, after) = (&pause.put_to_push_ms, &pause.after_ms);
            let ms = [around.p50, around.p99, pause.worst, after.p99].map(|figure| format!("{figure:.3}"));
            [vec![format!("{} to {}", pause.from, pause.to), took], ms.to_vec()].concat()
        };
        let heads = ["shards", "took, ms", "p50, ms", "p99, ms", "worst consumer's p99, ms", "p99 after, ms"];
        out += &table(
            "Reshards: put to push meanwhile",
            &heads,
            &reshards.each.iter().map(row).collect::<Vec<_>>(),
        );
    }
    out
}

/// Where it was run.
pub(super) fn environment(report: &Report) -> String {
    let (machine, origin, cost) = (&report.machine, &report.origin, &report.cost);
    let unknown = || "the endpoint's own, not known here".to_owned();
    let disk = report.disk.as_ref().map_or_else(
        || "not measured".into(),
        |disk| {
            format!("{}: p50 {:.3} ms, p99 {:.3} ms", disk.method, disk.latency_ms.p50, disk.latency_ms.p99)
        },
    );
    let rows = [
        ("begun", utc(origin.begun_unix_secs)),
        ("processor", machine.cpu.clone()),
        ("cores", machine.cores.to_string()),
        ("load average before", format!("{:.2}", machine.load_average)),
        ("kernel", format!("Linux {}", machine.kernel)),
        ("file system", machine.disk.clone()),
        ("bare synced write", disk),
        ("server", origin.server_version.clone().unwrap_or_else(unknown)),
        ("server started as", origin.server_command.clone().unwrap_or_else(unknown)),
        ("this tool", format!("loadtest {}, {:.2} cores while it ran", origin.tool_version, cost.tool_cores)),
    ];
    text_table("Environment", rows.iter().map(|(name, value)| (*name, value.as_str())))
}

/// Every setting that makes runs comparable.
pub(super) fn settings(report: &Report) -> String {
    let rows = report.settings.iter().filter(|setting| !setting.value.is_empty());
    text_table("Settings", rows.map(|setting| (setting.name.as_str(), setting.value.as_str())))
}

fn text_table<'a>(caption: &str, rows: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = format!("<table><caption>{}</caption><tbody>", escaped(caption));
    for (name, value) in rows {
        let (name, value) = (escaped(name), escaped(value));
        write!(out, "<tr><th scope=\"row\">{name}</th><td class=\"text\">{value}</td></tr>")
            .expect("writing to a string cannot fail");
    }
    out + "</tbody></table>\n"
}

//! A result as one HTML file that loads nothing: no script, no font, no picture from elsewhere. What there is
//! to know stands in text, the charts are SVG made here.
//!
//! | file | owns |
//! |---|---|
//! | `chart`, `scale` | a chart as SVG; where values lie, which are named |
//! | `charts`, `tables` | those of a result |
//! | `comparison` | two results side by side |
//! | `text`, `page.css` | escaping, numbers; how it looks |

mod chart;
mod charts;
mod comparison;
mod scale;
mod tables;
mod text;

use text::{escaped, grouped, short, utc};

use crate::report::Report;

pub(crate) use comparison::comparison;

const STYLE: &str = include_str!("page.css");

/// The whole file.
pub(crate) fn page(report: &Report) -> String {
    let title = match &report.scenario {
        Some(name) => format!("Load test: {name}"),
        None => "Load test".into(),
    };
    let mut body = format!(
        "<h1>{}</h1>\n<p class=\"soft\">{}. {}</p>\n",
        escaped(&title),
        escaped(&report.setup),
        utc(report.origin.begun_unix_secs)
    );
    body += &verdict(report);
    body += &keys(report);
    body += &latency(report);
    body += "<h2>Over time</h2>\n<div class=\"charts\">\n";
    charts::over_time(report).iter().for_each(|chart| body += &chart.figure());
    body += "</div>\n";
    body += &consumers(report);
    body += "<h2>What was counted, and where</h2>\n<div class=\"charts\">";
    let steps = tables::steps(report);
    let left = format!("{}{steps}", tables::counts(report));
    for part in [left, tables::environment(report), tables::settings(report)] {
        body += &format!("<section class=\"card stack\">{part}</section>\n");
    }
    let command = escaped(&report.origin.command);
    body += &format!("</div>\n<h2>The command</h2>\n<div class=\"card\"><pre>{command}</pre></div>\n");
    document(&title, &body)
}

/// Whether it passed, in words, with every bar and every complaint.
fn verdict(report: &Report) -> String {
    let c = &report.counts;
    let class = if report.passed { "pass" } else { "fail" };
    let mut items = vec![if c.right() {
        format!(
            "{} acknowledged records came to each consumer once, intact and in order: {} deliveries",
            grouped(c.acked),
            grouped(c.received)
        )
    } else {
        let f = &c.faults;
        format!(
            "of {} acknowledged records {} deliveries are missing, {} came twice, {} out of order, {} damaged, \
             {} in another place",
            grouped(c.acked),
            c.lost,
            f.duplicated,
            f.reordered,
            f.corrupt,
            f.misplaced
        )
    }];
    match c.in_vain() {
        0 => {}
        n => items.push(format!("{} records were given up, which the run did not ask for", grouped(n))),
    }
    items.extend(report.reshards.as_ref().map(crate::report::Resharded::claim));
    let kept =
        |bar: &crate::report::Bar| format!("{}: {}", if bar.kept { "kept" } else { "missed" }, bar.words());
    items.extend(report.bars.iter().map(kept));
    items.extend(report.complaints.iter().map(|complaint| format!("note: {complaint}")));
    let items: String = items.iter().map(|item| format!("<li>{}</li>", escaped(item))).collect();
    format!(
        "<section class=\"card verdict {class}\"><strong>{}</strong><ul>{items}</ul></section>\n",
        report.verdict()
    )
}

/// The figures that are looked for first.
fn keys(report: &Report) -> String {
    let (l, t) = (&report.latency_ms, &report.throughput);
    let ms = |x: f64| format!("{x:.3} <small>ms</small>");
    let rate = |n: f64, mib: f64| {
        format!("{} <small>/s</small><small class=\"sub\">{mib:.2} MiB/s</small>", short(n))
    };
    let mut keys = Vec::new();
    if l.put_to_push.count > 0 {
        keys.push(("put to push, p50", ms(l.put_to_push.p50)));
        keys.push(("put to push, p99", ms(l.put_to_push.p99)));
        keys.push(("put to push, p99.9", ms(l.put_to_push.p99_9)));
        keys.push(("put to push, max", ms(l.put_to_push.max)));
        keys.push(("to the last consumer, p99", ms(l.last_of_all.p99)));
    }
    if l.put_to_pull.count > 0 {
        keys.push(("put to pull, p50", ms(l.put_to_pull.p50)));
    }
    if l.put_ack.count > 0 {
        keys.push(("put to ack, p50", ms(l.put_ack.p50)));
        keys.push(("put to ack, p99", ms(l.put_ack.p99)));
    }
    keys.push(("puts", rate(t.acked_per_sec, t.acked_mib_per_sec)));
    keys.push(("deliveries", rate(t.pushed_per_sec, t.pushed_mib_per_sec)));
    if let Some(each) = report.cost.server_cpu_us_per_delivery {
        keys.push(("server CPU per delivery", format!("{each:.2} <small>µs</small>")));
    }
    if let Some(cores) = report.cost.server_cores {
        keys.push(("server CPU", format!("{cores:.2} <small>cores</small>")));
    }
    if let Some(pace) = &report.catch_up {
        let share = pace.median_share_of_limit * 100.0;
        let words = format!(
            "{:.3} <small>MiB/s</small><small class=\"sub\">{share:.1} % of the limit</small>",
            pace.mib_per_sec_median
        );
        keys.push(("catching up, median", words));
    }
    let keys: String =
        keys.iter().map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n")).collect();
    format!("<h2>Key figures</h2>\n<dl class=\"keys\">\n{keys}</dl>\n")
}

fn latency(report: &Report) -> String {
    let roads = charts::roads(&report.curves);
    let named: Vec<_> =
        roads.into_iter().map(|(name, class, curve)| (name.to_owned(), class, curve)).collect();
    let chart = charts::percentiles("Latency by percentile", &named).figure();
    let table = tables::percentiles(report);
    let words = "From when a record was due, whether or not it could be sent then: a server that holds up the \
        sender is charged for it. <em>last</em> is when the last of all consumers had a record.";
    format!(
        "<h2>Latency</h2>\n<p class=\"soft\">{words}</p>\n\
         <div class=\"beside\">{chart}<div class=\"card\">{table}</div></div>\n"
    )
}

fn consumers(report: &Report) -> String {
    let roads = [("Push consumers", &report.consumers), ("Pull consumers", &report.pull_consumers)];
    let mut out = String::new();
    for (title, rows) in roads {
        if let Some(chart) = charts::consumers(title, rows) {
            let (chart, table) = (chart.figure(), tables::consumers(rows));
            out += &format!("<div class=\"beside\">{chart}<div class=\"card tall\">{table}</div></div>\n");
        }
    }
    if out.is_empty() {
        out
    } else {
        format!("<h2>Consumer by consumer</h2>\n<div class=\"stack\">{out}</div>\n")
    }
}

fn document(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <link rel=\"icon\" href=\"data:,\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

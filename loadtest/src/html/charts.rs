//! The charts of a result.

use super::chart::{Chart, Hint, Line, Range};
use super::scale::{Axis, Scale};
use super::text::short;
use crate::coarse::Brief;
use crate::latency::CurvePoint;
use crate::report::{ConsumerRow, Curves, Moment, Report};
use crate::units::f64_of;

/// Consumers drawn at most; of more every so many-th is, the worst among them.
const CONSUMERS_DRAWN_MAX: usize = 400;

/// The roads of a result, each with its name, colour and curve; those nothing came by are left out.
pub(super) fn roads(curves: &Curves) -> Vec<(&'static str, &'static str, &[CurvePoint])> {
    let all = [
        ("put to acknowledgement", "s3", &curves.put_ack),
        ("put to push", "s1", &curves.put_to_push),
        ("put to the last consumer", "s2", &curves.last_of_all),
        ("put to pull", "s4", &curves.put_to_pull),
    ];
    all.into_iter()
        .filter(|road| !road.2.is_empty())
        .map(|(name, class, curve)| (name, class, &curve[..]))
        .collect()
}

/// The percentile curves, the axis growing by a ninth for each half of what is left, as HdrHistogram's plotter
/// has it.
pub(super) fn percentiles(title: &str, curves: &[(String, &'static str, &[CurvePoint])]) -> Chart {
    let counts = curves.iter().filter_map(|curve| curve.2.last()).map(|point| point.count);
    let nines = f64_of(counts.max().unwrap_or(0).max(10)).log10();
    let line = |(name, class, curve): &(String, &'static str, &[CurvePoint])| {
        let total = f64_of(curve.last().map_or(1, |point| point.count).max(1));
        let place = |point: &CurvePoint| ((1.0 / (1.0 - point.quantile)).min(total).log10(), point.ms);
        Line { name: name.clone(), class, points: curve.iter().map(place).collect() }
    };
    let all_ms = curves.iter().flat_map(|curve| curve.2).map(|point| point.ms);
    let names = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %"];
    let ticks = (0..).map(f64::from).zip(names).take_while(|(at, _)| *at <= nines);
    Chart {
        title: title.into(),
        description: "Latency by percentile; the axis grows by as much for each further nine.".into(),
        x: Axis {
            label: "percentile".into(),
            scale: Scale::Linear(0.0, nines),
            ticks: ticks.map(|(at, name)| (at, name.to_owned())).collect(),
        },
        y: Axis::log("milliseconds, log scale", all_ms),
        lines: curves.iter().map(line).collect(),
        ranges: Vec::new(),
        hints: Vec::new(),
    }
}

/// All charts over time.
pub(super) fn over_time(report: &Report) -> Vec<Chart> {
    let moments = shown(report);
    let every = report.over_time.every_secs;
    if moments.is_empty() {
        return Vec::new();
    }
    let roads: [(&str, BriefOf); 3] = [
        ("put to push", |moment| moment.put_to_push_ms),
        ("put to pull", |moment| moment.put_to_pull_ms),
        ("put to acknowledgement", |moment| moment.put_ack_ms),
    ];
    let was_used = |of: BriefOf| moments.iter().any(|moment| of(moment).count > 0);
    let used = roads.into_iter().filter(|(_, of)| was_used(*of));
    let mut charts: Vec<_> = used.map(|(name, of)| latency(name, of, &moments, every)).collect();
    let per_sec = |of: fn(&Moment) -> u64| move |moment: &Moment| f64_of(of(moment)) / every;
    let acked = per_sec(|moment| moment.acked);
    charts.push(rate(
        "Puts acknowledged over time",
        "records/s",
        &moments,
        every,
        vec![("put", "s3", &acked)],
    ));
    let (pushed, pulled) = (per_sec(|moment| moment.pushed), per_sec(|moment| moment.pulled));
    let mut roads: Vec<Road<'_>> = vec![("pushed", "s1", &pushed)];
    if report.counts.pulled > 0 {
        roads.push(("pulled", "s4", &pulled));
    }
    charts.push(rate("Deliveries over time", "records/s, all consumers", &moments, every, roads));
    if report.cost.server_cores.is_some() {
        let cores = |moment: &Moment| moment.server_cores;
        charts.push(rate("Server processor time", "cores", &moments, every, vec![("cores", "s1", &cores)]));
        let memory = |moment: &Moment| moment.server_resident_mib;
        charts.push(rate("Server memory", "MiB resident", &moments, every, vec![("MiB", "s1", &memory)]));
    }
    charts
}

type BriefOf = fn(&Moment) -> Brief;
type Road<'a> = (&'static str, &'static str, &'a dyn Fn(&Moment) -> f64);

/// Whole slices only: a rate of half a slice would be half the rate.
fn shown(report: &Report) -> Vec<Moment> {
    let (every, end) = (report.over_time.every_secs, report.over_time.load_secs);
    let is_whole = |moment: &&Moment| moment.at_secs + every <= end + 1e-6;
    report.over_time.slices.iter().take_while(is_whole).copied().collect()
}

fn latency(name: &str, of: BriefOf, moments: &[Moment], every: f64) -> Chart {
    let measured: Vec<_> = moments.iter().filter(|moment| of(moment).count > 0).collect();
    let line = |name: &str, class, figure: fn(&Brief) -> f64| Line {
        name: name.into(),
        class,
        points: measured.iter().map(|moment| (moment.at_secs + every / 2.0, figure(&of(moment)))).collect(),
    };
    let hint = |moment: &&Moment| {
        let brief = of(moment);
        let (p50, p99, max) = (short(brief.p50), short(brief.p99), short(brief.max));
        let words = format!("{} s: p50 {p50} ms, p99 {p99} ms, max {max} ms", short(moment.at_secs));
        Hint { at: moment.at_secs + every / 2.0, words }
    };
    let all_ms = measured.iter().flat_map(|moment| [of(moment).p50, of(moment).p99, of(moment).max]);
    Chart {
        title: format!("Latency over time, {name}"),
        description: format!("Median, 99th percentile and worst of the records due in each {every} s."),
        x: Axis::over("seconds", moments.last().map_or(1.0, |last| last.at_secs + every)),
        y: Axis::log("milliseconds, log scale", all_ms),
        lines: vec![
            line("p50", "s1", |brief| brief.p50),
            line("p99", "s2", |brief| brief.p99),
            line("max", "s5", |brief| brief.max),
        ],
        ranges: Vec::new(),
        hints: measured.iter().map(hint).collect(),
    }
}

fn rate(title: &str, unit: &str, moments: &[Moment], every: f64, roads: Vec<Road<'_>>) -> Chart {
    let line = |(name, class, of): &Road<'_>| Line {
        name: (*name).into(),
        class,
        points: moments.iter().map(|moment| (moment.at_secs + every / 2.0, of(moment))).collect(),
    };
    let hint = |moment: &Moment| {
        let figures = roads.iter().map(|(name, _, of)| format!("{name} {}", short(of(moment))));
        let words = format!("{} s: {}", short(moment.at_secs), figures.collect::<Vec<_>>().join(", "));
        Hint { at: moment.at_secs + every / 2.0, words }
    };
    let most =
        moments.iter().flat_map(|moment| roads.iter().map(|(_, _, of)| of(moment))).fold(0.0, f64::max);
    Chart {
        title: title.into(),
        description: format!("{unit}, in slices of {every} s."),
        x: Axis::over("seconds", moments.last().map_or(1.0, |last| last.at_secs + every)),
        y: Axis::from_zero(unit, most),
        lines: roads.iter().map(line).collect(),
        ranges: Vec::new(),
        hints: moments.iter().map(hint).collect(),
    }
}

/// Median and 99th percentile of each consumer, the slowest last; nothing without consumers.
pub(super) fn consumers(title: &str, rows: &[ConsumerRow]) -> Option<Chart> {
    let mut sorted: Vec<_> = rows.iter().filter(|row| row.latency_ms.count > 0).collect();
    sorted.sort_by(|a, b| a.latency_ms.p99.total_cmp(&b.latency_ms.p99));
    let step = sorted.len().div_ceil(CONSUMERS_DRAWN_MAX).max(1);
    let ranks: Vec<f64> = (1..=sorted.len()).map(|rank| f64_of(crate::units::count(rank))).collect();
    // Counted from the worst, so that it is among those drawn.
    let mut ranges: Vec<_> = ranks.iter().zip(&sorted).rev().step_by(step).map(range).collect();
    ranges.reverse();
    let last = *ranks.last()?;
    let ticks = Axis::from_zero("", last).ticks.into_iter();
    let ticks = ticks.filter(|(at, _)| *at >= 1.0 && *at <= last && at.fract() == 0.0).collect();
    let all_ms = sorted.iter().flat_map(|row| [row.latency_ms.p50, row.latency_ms.p99]);
    let entry = |name: &str, class| Line { name: name.into(), class, points: Vec::new() };
    Some(Chart {
        title: title.into(),
        description: format!(
            "Median and 99th percentile of each of {} consumers, the slowest last.",
            sorted.len()
        ),
        x: Axis {
            label: format!("consumers by p99, {} of {} drawn", ranges.len(), sorted.len()),
            scale: Scale::Linear(0.5, last + 0.5),
            ticks,
        },
        y: Axis::log("milliseconds, log scale", all_ms),
        lines: vec![entry("p50", "s1"), entry("p99", "s2")],
        ranges,
        hints: Vec::new(),
    })
}

fn range((rank, row): (&f64, &&ConsumerRow)) -> Range {
    let Brief { p50, p99, count, .. } = row.latency_ms;
    let stalled = if row.stalled { ", stopped reading for a while" } else { "" };
    let words =
        format!("{}: p50 {} ms, p99 {} ms, {count} records{stalled}", row.name, short(p50), short(p99));
    Range { at: *rank, from: p50, to: p99, words }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32, p99: f64) -> ConsumerRow {
        let latency_ms = Brief { count: 5, p50: 0.3, p99, max: p99 };
        ConsumerRow { name: format!("c{number}"), latency_ms, ..ConsumerRow::default() }
    }

    #[test]
    fn one_consumer_and_a_thousand_are_drawn_with_the_worst_among_them() {
        assert!(consumers("", &[]).is_none());
        assert_eq!(consumers("", &[row(0, 1.0)]).unwrap().ranges.len(), 1);
        let thousand: Vec<_> = (0..1000).map(|n| row(n, 1.0 + f64::from(n % 997))).collect();
        let chart = consumers("", &thousand).unwrap();
        assert!(chart.ranges.len() <= CONSUMERS_DRAWN_MAX && chart.ranges.len() > CONSUMERS_DRAWN_MAX / 2);
        assert!((chart.ranges.last().unwrap().to - 997.0).abs() < 1e-9);
    }

    #[test]
    fn a_curve_ends_at_the_last_record_not_at_infinity() {
        let point = |quantile, count| CurvePoint { quantile, ms: 1.0, count };
        let curve = [point(0.0, 1), point(0.9, 900), point(1.0, 1000)];
        let chart = percentiles("", &[("a".into(), "s1", &curve)]);
        let ends: Vec<_> = chart.lines[0].points.iter().map(|point| point.0).collect();
        assert!((ends[1] - 1.0).abs() < 1e-9 && (ends[2] - 3.0).abs() < 1e-9, "{ends:?}");
        assert_eq!(chart.x.ticks.len(), 4);
    }
}

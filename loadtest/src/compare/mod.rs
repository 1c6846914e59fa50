//! Two results side by side: what differs, by how much, whether that is more than noise, and whether the
//! second is worse. The runs' settings and machines are compared first: where they differ, figures say little.

mod rows;
mod table;

use std::path::Path;

use crate::report::{Report, Setting};

pub(crate) use rows::{Row, Verdict};

/// How much worse the second may be, unless told otherwise: above what the noisiest figure that is judged
/// differs by between two runs of one binary.
pub(crate) const TOLERANCE: f64 = 0.3;

/// Two results.
pub(crate) struct Comparison<'a> {
    /// Both, the earlier first.
    pub(crate) reports: [&'a Report; 2],
    /// Where they were read.
    pub(crate) names: [String; 2],
    /// Figure by figure.
    pub(crate) rows: Vec<Row>,
    /// Name, first's value, second's: settings and machine that are not the same.
    pub(crate) differences: Vec<(String, String, String)>,
    /// How much worse the second may be.
    pub(crate) tolerance: f64,
}

/// Reads what `--json` wrote.
pub(crate) fn read(path: &Path) -> Result<Report, String> {
    let at = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{at}: {error}; name a file written by --json"))?;
    let report: Report = serde_json::from_str(&text)
        .map_err(|error| format!("{at} is no result of a run: {error}; write one with --json"))?;
    if report.setup.is_empty() {
        return Err(format!("{at} is JSON, but no result of a run; write one with --json"));
    }
    Ok(report)
}

impl<'a> Comparison<'a> {
    /// Puts them side by side.
    pub(crate) fn new(a: &'a Report, b: &'a Report, names: [String; 2], tolerance: f64) -> Self {
        Self {
            reports: [a, b],
            names,
            rows: rows::rows(a, b, tolerance),
            differences: differences(a, b),
            tolerance,
        }
    }

    /// Whether the second is worse: a figure by more than the tolerance, or it failed where the first passed.
    pub(crate) fn is_worse(&self) -> bool {
        self.has_failed() || self.rows.iter().any(|row| row.verdict == Verdict::Worse)
    }

    /// Whether the second failed where the first passed.
    pub(crate) fn has_failed(&self) -> bool {
        self.reports[0].passed && !self.reports[1].passed
    }

    /// What came of it, in one line.
    pub(crate) fn claim(&self) -> String {
        let named = |verdict: Verdict| {
            let rows = self.rows.iter().filter(|row| row.verdict == verdict);
            rows.map(|row| row.name_alone()).collect::<Vec<_>>().join(", ")
        };
        let percent = self.tolerance * 100.0;
        let (worse, better) = (named(Verdict::Worse), named(Verdict::Better));
        let mut claims = Vec::new();
        if self.has_failed() {
            claims.push("B failed its own verdict, A passed".to_owned());
        }
        match worse.as_str() {
            "" => claims.push(format!("B is nowhere worse than A by more than {percent:.0} %")),
            worse => claims.push(format!("B is worse than A by more than {percent:.0} %: {worse}")),
        }
        if !better.is_empty() {
            claims.push(format!("better beyond noise: {better}"));
        }
        claims.join("; ")
    }
}

fn differences(a: &Report, b: &Report) -> Vec<(String, String, String)> {
    let value = |settings: &[Setting], name: &str| {
        settings.iter().find(|setting| setting.name == name).map(|setting| setting.value.clone())
    };
    let unknown = || "not told".to_owned();
    let mut names: Vec<_> =
        a.settings.iter().chain(&b.settings).map(|setting| setting.name.clone()).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let settings = names.into_iter().map(|name| {
        let [x, y] = [a, b].map(|report| value(&report.settings, &name).unwrap_or_else(unknown));
        (name, x, y)
    });
    let fact = |name: &str, of: fn(&Report) -> String| (name.to_owned(), of(a), of(b));
    let machine = [
        fact("processor", |report| report.machine.cpu.clone()),
        fact("cores", |report| report.machine.cores.to_string()),
        fact("kernel", |report| report.machine.kernel.clone()),
        fact("file system", |report| report.machine.disk.clone()),
        fact("server version", |report| {
            report.origin.server_version.clone().unwrap_or_else(|| "not told".into())
        }),
        fact("tool version", |report| report.origin.tool_version.clone()),
    ];
    settings.chain(machine).filter(|(_, x, y)| x != y).collect()
}

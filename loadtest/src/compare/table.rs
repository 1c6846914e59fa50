//! The comparison as a table for a terminal.

use std::fmt::Write;

use super::{Comparison, Row, Verdict};

impl Verdict {
    /// In a word or two.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Noise => "within noise",
            Self::Tolerated => "worse, tolerated",
            Self::Better => "better",
            Self::Worse => "WORSE",
            Self::Unjudged => "not judged",
        }
    }
}

impl Row {
    /// Its name without the unit.
    pub(crate) fn name_alone(&self) -> &'static str {
        self.name.split_once(", ").map_or(self.name, |(name, _)| name)
    }

    /// A figure with as many digits as all others; a dash where there is none.
    pub(crate) fn figure(value: Option<f64>) -> String {
        value.map_or_else(|| "-".into(), |value| format!("{value:.3}"))
    }
}

impl Comparison<'_> {
    /// The table.
    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("writing to a string cannot fail");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let [a, b] = &self.names;
        writeln!(out, "A  {a}: {}\nB  {b}: {}", self.reports[0].verdict(), self.reports[1].verdict())?;
        if !self.differences.is_empty() {
            writeln!(out, "\nWARNING: the runs are not alike; their figures may differ for that alone")?;
            for (name, x, y) in &self.differences {
                writeln!(out, "  {name}: A {x}, B {y}")?;
            }
        }
        writeln!(out, "\n{:<30}{:>12}{:>12}{:>8}{:>9}", "", "A", "B", "B/A", "noise")?;
        for row in &self.rows {
            let (a, b) = (Row::figure(row.a), Row::figure(row.b));
            let ratio = row.ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
            let noise = format!("+-{:.0} %", row.noise * 100.0);
            writeln!(out, "{:<30}{a:>12}{b:>12}{ratio:>8}{noise:>9}   {}", row.name, row.verdict.words())?;
        }
        let verdict = if self.is_worse() { "WORSE" } else { "OK" };
        writeln!(out, "\n{verdict}: {}", self.claim())
    }
}

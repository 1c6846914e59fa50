//! The metrics' text form, read as far as this client needs it: samples with names, labels and values.

use std::collections::HashMap;

/// One sample's labels and value.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    labels: Vec<(String, String)>,
    value: f64,
}

/// All samples of one look.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrape {
    samples: HashMap<String, Vec<Sample>>,
}

/// Labels and the values they must have; others may be there besides.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Scrape {
    /// Reads what it understands and passes over the rest.
    pub(super) fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        for (name, sample) in text.lines().filter_map(line) {
            scrape.samples.entry(name.to_owned()).or_default().push(sample);
        }
        scrape
    }

    /// Whether there is any sample at all.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The sum of a metric's samples with these labels; `None` where there is none.
    pub(super) fn sum(&self, name: &str, labels: Labels<'_>) -> Option<f64> {
        let mut found = self.matching(name, labels).peekable();
        found.peek()?;
        Some(found.map(|sample| sample.value).sum())
    }

    /// The values a label takes among a metric's samples with these labels, each once, in order.
    pub(super) fn values<'s>(&'s self, name: &str, labels: Labels<'_>, label: &str) -> Vec<&'s str> {
        let mut values: Vec<_> =
            self.matching(name, labels).filter_map(|sample| sample.label(label)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// A histogram's buckets, their upper bounds with how many samples lie at or below them, summed over all
    /// series with these labels.
    pub(super) fn buckets(&self, name: &str, labels: Labels<'_>) -> Vec<(f64, f64)> {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for sample in self.matching(&format!("{name}_bucket"), labels) {
            let Some(bound) = sample.label("le").and_then(number) else { continue };
            match buckets.iter_mut().find(|(other, _)| *other == bound) {
                Some((_, count)) => *count += sample.value,
                None => buckets.push((bound, sample.value)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        buckets
    }

    fn matching<'s, 'l>(
        &'s self,
        name: &str,
        labels: Labels<'l>,
    ) -> impl Iterator<Item = &'s Sample> + use<'s, 'l> {
        let samples = self.samples.get(name).map_or(&[][..], Vec::as_slice);
        samples
            .iter()
            .filter(move |sample| labels.iter().all(|(name, value)| sample.label(name) == Some(value)))
    }
}

impl Sample {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// `name{label="value",...} value`, or the same without labels.
fn line(line: &str) -> Option<(&str, Sample)> {
    if line.starts_with('#') {
        return None;
    }
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = number(rest.split_whitespace().next()?)?;
    Some((name, Sample { labels, value }))
}

/// The labels up to the closing brace, and what is behind it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, behind) = unquote(quoted)?;
        labels.push((name.to_owned(), value));
        rest = behind;
    }
}

/// A value up to its closing quote, and what is behind it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        text => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_total Things.\n# TYPE a_total counter\na_total{stream=\"x\",kind=\"w\"} 3\n\
        a_total{stream=\"y\"} 4.5\nplain 7\nodd{name=\"a\\\"b\\\\c\"} 1\nbroken{\n\
        h_bucket{stream=\"x\",le=\"0.1\"} 1\nh_bucket{stream=\"x\",le=\"+Inf\"} 3\n\
        h_bucket{stream=\"y\",le=\"0.1\"} 2\nh_bucket{stream=\"y\",le=\"+Inf\"} 2\n";

    #[test]
    fn samples_are_found_by_their_labels() {
        let scrape = Scrape::parse(TEXT);
        assert_eq!(scrape.sum("a_total", &[]), Some(7.5));
        assert_eq!(scrape.sum("a_total", &[("stream", "x")]), Some(3.0));
        assert_eq!(scrape.sum("a_total", &[("stream", "z")]), None);
        assert_eq!(scrape.sum("plain", &[]), Some(7.0));
        assert_eq!(scrape.values("a_total", &[], "stream"), ["x", "y"]);
        assert_eq!(scrape.values("odd", &[], "name"), ["a\"b\\c"]);
    }

    #[test]
    fn histograms_add_up_over_their_series() {
        let scrape = Scrape::parse(TEXT);
        assert_eq!(scrape.buckets("h", &[]), [(0.1, 3.0), (f64::INFINITY, 5.0)]);
        assert_eq!(scrape.buckets("h", &[("stream", "y")]), [(0.1, 2.0), (f64::INFINITY, 2.0)]);
    }
}

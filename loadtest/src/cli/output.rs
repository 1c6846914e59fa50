//! What is written of a run, and what is done with what was written of earlier ones.

use std::path::PathBuf;

use clap::Args;

use crate::compare::TOLERANCE;

/// The flags of results.
#[derive(Args, Clone, Debug)]
pub(crate) struct OutputFlags {
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the put-to-push distribution for HdrHistogram's plotters
    #[arg(long, value_name = "FILE")]
    pub(crate) hgrm: Option<PathBuf>,
    /// Write one HTML file with curves, throughput, consumers, environment and command; it loads nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Run nothing: write the --report of a result that --json wrote
    #[arg(long, value_name = "JSON", requires = "report", conflicts_with = "compare")]
    pub(crate) render: Option<PathBuf>,
    /// Run nothing: put two results that --json wrote side by side. Exits with 1 if B is worse
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    pub(crate) compare: Vec<PathBuf>,
    /// How much worse B may be: 0.3 is 30 %
    #[arg(long, value_name = "SHARE", default_value_t = TOLERANCE, value_parser = parse_share)]
    pub(crate) tolerance: f64,
}

fn parse_share(text: &str) -> Result<f64, String> {
    let (digits, scale) = text.strip_suffix('%').map_or((text, 1.0), |digits| (digits, 100.0));
    match digits.trim().parse::<f64>().map(|share| share / scale) {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok(share),
        _ => Err(format!("`{text}` is not a share such as 0.3 or 30%")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_as_written() {
        assert_eq!((parse_share("0.3"), parse_share("25%")), (Ok(0.3), Ok(0.25)));
        assert!(parse_share("-1").is_err() && parse_share("much").is_err());
    }
}

//! Where a value lies on an axis, and which values are named there.

use super::text::tick;

/// From the value at the beginning to that at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Equal steps.
    Linear(f64, f64),
    /// Equal factors; both above zero.
    Log(f64, f64),
}

/// One axis.
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) scale: Scale,
    /// Values with a name, in order.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Scale {
    /// 0 at the beginning, 1 at the end; what lies outside is put there.
    pub(super) fn place(self, value: f64) -> f64 {
        let share = match self {
            Self::Linear(from, to) => (value - from) / (to - from),
            Self::Log(from, to) => (value.max(from) / from).ln() / (to / from).ln(),
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

impl Axis {
    /// From zero up to at least this, in round steps.
    pub(super) fn from_zero(label: &str, max: f64) -> Self {
        let max = if max > 0.0 && max.is_finite() { max } else { 1.0 };
        let step = round_step(max / 5.0);
        let steps = (max / step).ceil();
        let ticks = (0..).map(f64::from).take_while(|n| *n <= steps).map(|n| (n * step, tick(n * step)));
        Self { label: label.into(), scale: Scale::Linear(0.0, steps * step), ticks: ticks.collect() }
    }

    /// From zero to exactly this, as time goes.
    pub(super) fn over(label: &str, max: f64) -> Self {
        let axis = Self::from_zero(label, max);
        let max = if max > 0.0 { max } else { 1.0 };
        let ticks = axis.ticks.into_iter().filter(|(at, _)| *at <= max).collect();
        Self { label: axis.label, scale: Scale::Linear(0.0, max), ticks }
    }

    /// Factors around these values, named at 1, 2 and 5 of each power of ten, or at the powers alone.
    pub(super) fn log(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low.is_finite() { (low, high) } else { (0.1, 1.0) };
        let (from, to) = (below(low), above(high));
        let (from, to) = if from < to { (from, to) } else { (from, from * 10.0) };
        let is_wide = to / from > 2e3;
        let all = (-9..12).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
        let is_named = |value: &f64| !is_wide || is_power(*value);
        let within = all.filter(|value| *value >= from * 0.999 && *value <= to * 1.001);
        let ticks = within.filter(is_named).map(|value| (value, tick(value))).collect();
        Self { label: label.into(), scale: Scale::Log(from, to), ticks }
    }
}

fn is_power(value: f64) -> bool {
    (value.log10() - value.log10().round()).abs() < 1e-6
}

/// 1, 2 or 5 times a power of ten, at least as large.
fn round_step(x: f64) -> f64 {
    let power = 10_f64.powf(x.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= x * 0.999).unwrap_or(x)
}

fn above(x: f64) -> f64 {
    round_step(x)
}

fn below(x: f64) -> f64 {
    let power = 10_f64.powf(x.log10().floor());
    [5.0, 2.0, 1.0].map(|step| step * power).into_iter().find(|step| *step <= x * 1.001).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn steps_are_round_and_reach_the_highest_value() {
        assert_eq!(
            names(&Axis::from_zero("", 20_480.0)),
            ["0", "5,000", "10,000", "15,000", "20,000", "25,000"]
        );
        assert_eq!(names(&Axis::from_zero("", 0.0)).first(), Some(&"0"));
        assert_eq!(names(&Axis::over("", 19.0)), ["0", "5", "10", "15"]);
    }

    #[test]
    fn factors_reach_around_all_values() {
        let axis = Axis::log("ms", [0.31, 4.2, 0.0].into_iter());
        assert_eq!(axis.scale, Scale::Log(0.2, 5.0));
        assert_eq!(names(&axis), ["0.2", "0.5", "1", "2", "5"]);
        assert_eq!(
            names(&Axis::log("ms", [0.1, 9000.0].into_iter())),
            ["0.1", "1", "10", "100", "1,000", "10,000"]
        );
        for odd in [vec![], vec![3.0], vec![1.0]] {
            let axis = Axis::log("ms", odd.into_iter());
            assert!(axis.ticks.len() >= 2, "{:?}", axis.ticks);
        }
    }

    #[test]
    fn values_lie_where_they_belong() {
        let log = Scale::Log(0.1, 10.0);
        assert!((log.place(1.0) - 0.5).abs() < 1e-9 && log.place(0.0) == 0.0 && log.place(99.0) == 1.0);
        assert!((Scale::Linear(0.0, 4.0).place(1.0) - 0.25).abs() < 1e-9);
        assert!(Scale::Linear(0.0, 0.0).place(1.0).is_finite());
    }
}

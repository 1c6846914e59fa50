//! A chart as SVG: axes with ticks, a grid, lines, bars from a median to a tail, a legend. Each is drawn
//! twice, for wide and for narrow screens, and the style sheet shows one.

use std::fmt::Write;

use super::scale::Axis;
use super::text::escaped;

/// Something drawn along the horizontal axis.
pub(super) struct Line {
    pub(super) name: String,
    /// Its colour and dash, by the style sheet's class.
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// A range at one place, such as a consumer's median and tail.
pub(super) struct Range {
    pub(super) at: f64,
    pub(super) from: f64,
    pub(super) to: f64,
    /// Told by the pointer that rests on it.
    pub(super) words: String,
}

/// A place that tells its figures to the pointer resting on it.
pub(super) struct Hint {
    pub(super) at: f64,
    pub(super) words: String,
}

/// What is drawn.
pub(super) struct Chart {
    pub(super) title: String,
    /// For those who cannot see it.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    pub(super) ranges: Vec<Range>,
    pub(super) hints: Vec<Hint>,
}

/// One of the two sizes, in units of the drawing.
struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
}

const FRAMES: [Frame; 2] = [
    Frame { class: "wide", width: 560.0, height: 270.0 },
    Frame { class: "narrow", width: 360.0, height: 280.0 },
];
const LEFT: f64 = 52.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 42.0;
/// Room that a character of a name takes, and that two names have between them.
const CHARACTER: f64 = 6.6;
const NAMES_APART: f64 = 8.0;

impl Frame {
    fn x(&self, share: f64) -> f64 {
        LEFT + share * (self.width - LEFT - RIGHT)
    }

    fn y(&self, share: f64) -> f64 {
        self.height - BOTTOM - share * (self.height - TOP - BOTTOM)
    }
}

impl Chart {
    /// A figure with its heading, legend and both drawings.
    pub(super) fn figure(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("writing to a string cannot fail");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "<figure class=\"card\"><figcaption><h3>{}</h3>", escaped(&self.title))?;
        if self.lines.len() > 1 {
            write!(out, "<ul class=\"legend\">")?;
            for line in &self.lines {
                let swatch = "<svg viewBox=\"0 0 22 10\" aria-hidden=\"true\"><path class=\"line";
                let (class, name) = (line.class, escaped(&line.name));
                write!(out, "<li>{swatch} {class}\" d=\"M0 5H22\"/></svg>{name}</li>")?;
            }
            write!(out, "</ul>")?;
        }
        writeln!(out, "</figcaption>")?;
        for frame in &FRAMES {
            self.draw(out, frame)?;
        }
        writeln!(out, "</figure>")
    }

    fn draw(&self, out: &mut String, frame: &Frame) -> std::fmt::Result {
        let Frame { class, width, height } = frame;
        let (title, description) = (escaped(&self.title), escaped(&self.description));
        writeln!(
            out,
            "<svg class=\"chart {class}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-label=\"{title}. {description}\">"
        )?;
        writeln!(out, "<title>{title}. {description}</title>")?;
        self.draw_axes(out, frame)?;
        for line in &self.lines {
            self.draw_line(out, frame, line)?;
        }
        for range in &self.ranges {
            self.draw_range(out, frame, range)?;
        }
        self.draw_hints(out, frame)?;
        writeln!(out, "</svg>")
    }

    fn draw_axes(&self, out: &mut String, frame: &Frame) -> std::fmt::Result {
        let (left, right, bottom, top) = (frame.x(0.0), frame.x(1.0), frame.y(0.0), frame.y(1.0));
        for (value, name) in &self.y.ticks {
            let y = frame.y(self.y.scale.place(*value));
            write!(out, "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>")?;
            writeln!(
                out,
                "<text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
                left - 7.0,
                y + 4.0
            )?;
        }
        let mut named_to = f64::NEG_INFINITY;
        for (value, name) in &self.x.ticks {
            let x = frame.x(self.x.scale.place(*value));
            let half = name.chars().map(|_| CHARACTER / 2.0).sum::<f64>();
            if x - half < named_to + NAMES_APART {
                continue;
            }
            named_to = x + half;
            write!(out, "<path class=\"grid\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>")?;
            let name = escaped(name);
            writeln!(
                out,
                "<text class=\"tick middle\" x=\"{x:.1}\" y=\"{:.1}\">{name}</text>",
                bottom + 17.0
            )?;
        }
        writeln!(out, "<path class=\"axis\" d=\"M{left:.1} {bottom:.1}H{right:.1}\"/>")?;
        let (x_label, y_label) = (escaped(&self.x.label), escaped(&self.y.label));
        writeln!(
            out,
            "<text class=\"label end\" x=\"{right:.1}\" y=\"{:.1}\">{x_label}</text>",
            bottom + 35.0
        )?;
        writeln!(out, "<text class=\"label\" x=\"4\" y=\"{:.1}\">{y_label}</text>", TOP - 11.0)
    }

    fn draw_line(&self, out: &mut String, frame: &Frame, line: &Line) -> std::fmt::Result {
        let place = |&(x, y): &(f64, f64)| (frame.x(self.x.scale.place(x)), frame.y(self.y.scale.place(y)));
        let class = line.class;
        if let [only] = line.points.as_slice() {
            let (x, y) = place(only);
            return writeln!(out, "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        }
        write!(out, "<path class=\"line {class}\" d=\"")?;
        for (at, point) in line.points.iter().enumerate() {
            let (x, y) = place(point);
            write!(out, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' })?;
        }
        writeln!(out, "\"/>")
    }

    fn draw_range(&self, out: &mut String, frame: &Frame, range: &Range) -> std::fmt::Result {
        let x = frame.x(self.x.scale.place(range.at));
        let [from, to] = [range.from, range.to].map(|y| frame.y(self.y.scale.place(y)));
        let room =
            (frame.x(1.0) - frame.x(0.0)) / f64::from(u32::try_from(self.ranges.len()).unwrap_or(u32::MAX));
        let radius = (room / 2.6).clamp(1.0, 4.0);
        write!(out, "<g><title>{}</title>", escaped(&range.words))?;
        write!(out, "<path class=\"stem\" d=\"M{x:.1} {from:.1}V{to:.1}\"/>")?;
        for (class, y) in [("s1", from), ("s2", to)] {
            write!(out, "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/>")?;
        }
        writeln!(out, "</g>")
    }

    /// Columns that reach half-way to their neighbours.
    fn draw_hints(&self, out: &mut String, frame: &Frame) -> std::fmt::Result {
        let places: Vec<_> = self.hints.iter().map(|hint| frame.x(self.x.scale.place(hint.at))).collect();
        let (left, right) = (frame.x(0.0), frame.x(1.0));
        for (at, hint) in self.hints.iter().enumerate() {
            let x = places[at];
            let from = at.checked_sub(1).map_or(left, |before| (places[before] + x) / 2.0);
            let to = places.get(at + 1).map_or(right, |after| (x + after) / 2.0);
            let (top, height) = (frame.y(1.0), frame.y(0.0) - frame.y(1.0));
            let width = (to - from).max(0.0);
            write!(out, "<rect class=\"hint\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\"")?;
            writeln!(out, " height=\"{height:.1}\"><title>{}</title></rect>", escaped(&hint.words))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        Chart {
            title: "<t>".into(),
            description: "\"d\"".into(),
            x: Axis::over("s", 10.0),
            y: Axis::from_zero("ms", 4.0),
            lines: vec![Line { name: "a".into(), class: "s1", points }],
            ranges: Vec::new(),
            hints: vec![Hint { at: 2.0, words: "2 s".into() }, Hint { at: 4.0, words: "4 s".into() }],
        }
    }

    #[test]
    fn a_line_goes_through_its_points() {
        let figure = chart(vec![(0.0, 0.0), (10.0, 5.0)]).figure();
        assert!(figure.contains("d=\"M52.0 228.0L542.0 26.0\""), "{figure}");
        assert!(figure.contains("aria-label=\"&lt;t&gt;. &quot;d&quot;\""));
        assert_eq!(figure.matches("<rect").count(), 4, "two columns in each of two drawings");
    }

    #[test]
    fn nothing_and_a_single_point_are_drawn_too() {
        assert!(chart(Vec::new()).figure().contains("d=\"\""));
        assert!(chart(vec![(5.0, 2.0)]).figure().contains("<circle"));
    }
}

//! The sale as a picture: an SVG that stands alone, for light and dark rooms and for readers who
//! do not see it.

use std::fmt::Write as _;
use std::time::Duration;

use super::curve::{columns, rates};
use super::findings::Findings;
use super::record::Point;
use super::report::{self, Heading};
use super::span::{grouped, words};

/// Steps along the time in a curve.
const COLUMNS: u64 = 160;

/// Where the curves begin and end, from the left.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 932.0;

/// Lines of a grid at most.
const MOST_LINES: f64 = 5.0;

const STYLE: &str = "\
    svg { color-scheme: light dark; font-family: system-ui, 'Segoe UI', Roboto, sans-serif; }
    .paper { fill: #ffffff; } .ink { fill: #1b2430; } .soft { fill: #5b6877; }
    .grid { stroke: #dfe4ea; } .axis { stroke: #8794a3; }
    .waiting { stroke: #2b62c9; } .joining { stroke: #b4530f; } .released { stroke: #12795a; }
    .waiting.under { fill: #2b62c9; } .joining.under { fill: #b4530f; }
    .line { fill: none; stroke-width: 2.25; stroke-linejoin: round; }
    .under { stroke: none; fill-opacity: 0.13; }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #12181f; } .ink { fill: #e8edf3; } .soft { fill: #a3b0be; }
      .grid { stroke: #2a343f; } .axis { stroke: #66727f; }
      .waiting { stroke: #7db0ff; } .joining { stroke: #ffa566; } .released { stroke: #5cd6ab; }
      .waiting.under { fill: #7db0ff; } .joining.under { fill: #ffa566; }
    }";

/// One diagram: where it stands, and up to which value it goes.
struct Panel {
    top: f64,
    bottom: f64,
    most: f64,
    step: f64,
}

/// An SVG of the sale.
#[must_use]
pub fn draw(heading: &Heading, findings: &Findings) -> String {
    let planning = report::planning(heading, findings);
    let points = &findings.curve;
    let end = points.last().map_or(0, |last| last.at).max(1);
    let waiting: Vec<f64> = columns(points, COLUMNS)
        .map(|point| point.waiting as f64)
        .collect();
    let joining = rates(points, COLUMNS, |point| point.joined);
    let released = rates(points, COLUMNS, |point| point.released);
    let crowd = Panel::over(136.0, 336.0, &[&waiting]);
    let flow = Panel::over(396.0, 576.0, &[&joining, &released]);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 640\" width=\"960\" height=\"640\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n<style>\n{STYLE}\n</style>\n\
         <rect class=\"paper\" width=\"960\" height=\"640\" rx=\"8\"/>\n",
        escaped(&heading.line),
        escaped(&described(&planning, findings, points)),
    );
    title(&mut svg, heading, &planning);
    crowd.grid(&mut svg, "waiting");
    flow.grid(&mut svg, "a minute");
    times(&mut svg, end, &[&crowd, &flow]);
    crowd.curve(&mut svg, "waiting", &waiting, true);
    flow.curve(&mut svg, "joining", &joining, true);
    flow.curve(&mut svg, "released", &released, false);
    legend(&mut svg, 124.0, &[("waiting", "waiting in line")]);
    legend(
        &mut svg,
        384.0,
        &[("joining", "joining"), ("released", "released")],
    );
    svg.push_str("</svg>\n");
    svg
}

/// The picture in words.
fn described(planning: &str, findings: &Findings, points: &[Point]) -> String {
    let most = |value: fn(&Point) -> u64| points.iter().map(value).max().unwrap_or(0);
    format!(
        "{planning} At most {} waited at once. Half waited up to {}, nine of ten up to {}.",
        grouped(most(|point| point.waiting)),
        words(Duration::from_secs_f64(findings.waits.p50_s)),
        words(Duration::from_secs_f64(findings.waits.p90_s)),
    )
}

fn title(svg: &mut String, heading: &Heading, planning: &str) {
    text(
        svg,
        (28.0, 36.0),
        "ink\" font-size=\"17\" font-weight=\"600",
        &heading.line,
    );
    for (line, at) in planning.lines().zip([58.0, 76.0, 94.0]) {
        text(svg, (28.0, at), "soft\" font-size=\"14", line);
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), class: &str, text: &str) {
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.0}\" y=\"{y:.0}\">{}</text>",
        escaped(text)
    );
}

fn legend(svg: &mut String, y: f64, entries: &[(&str, &str)]) {
    let mut x = RIGHT;
    for (class, label) in entries.iter().rev() {
        let _ = writeln!(
            svg,
            "<text class=\"ink\" font-size=\"13\" text-anchor=\"end\" x=\"{x:.0}\" y=\"{y:.0}\">{label}</text>"
        );
        x -= label.len() as f64 * 7.2 + 12.0;
        let (from, middle) = (x - 22.0, y - 4.0);
        let _ = writeln!(
            svg,
            "<path class=\"line {class}\" d=\"M{from:.0} {middle:.0}H{x:.0}\"/>"
        );
        x -= 44.0;
    }
}

/// The lines and labels of the time, below both diagrams.
fn times(svg: &mut String, end: u64, panels: &[&Panel]) {
    let seconds = end as f64 / 1e6;
    let step = [
        10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0,
    ]
    .into_iter()
    .find(|step| seconds / step <= 10.0)
    .unwrap_or_else(|| round_step(seconds, 10.0));
    let mut at = 0.0;
    while at <= seconds {
        let x = LEFT + (RIGHT - LEFT) * at / seconds;
        for panel in panels {
            let (top, bottom) = (panel.top, panel.bottom);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} {top}V{bottom}\"/>");
        }
        let label = words(Duration::from_secs_f64(at));
        let _ = writeln!(
            svg,
            "<text class=\"soft\" font-size=\"12\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"596\">{label}</text>"
        );
        at += step;
    }
    text(
        svg,
        (LEFT, 622.0),
        "soft\" font-size=\"12",
        "time after the opening",
    );
}

impl Panel {
    /// A diagram for these curves, up to the round number above their height.
    fn over(top: f64, bottom: f64, curves: &[&[f64]]) -> Self {
        let values = curves.iter().flat_map(|curve| curve.iter());
        let most = values.copied().fold(1.0, f64::max);
        let step = round_step(most, MOST_LINES);
        Self {
            top,
            bottom,
            most: (most / step).ceil() * step,
            step,
        }
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * value / self.most
    }

    fn grid(&self, svg: &mut String, unit: &str) {
        let mut value = 0.0;
        while value <= self.most {
            let y = self.y(value);
            let class = if value > 0.0 { "grid" } else { "axis" };
            let _ = writeln!(
                svg,
                "<path class=\"{class}\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>"
            );
            let (x, y, number) = (LEFT - 8.0, y + 4.0, grouped(value as u64));
            let _ = writeln!(
                svg,
                "<text class=\"soft\" font-size=\"12\" text-anchor=\"end\" x=\"{x:.0}\" y=\"{y:.1}\">{number}</text>"
            );
            value += self.step;
        }
        text(svg, (LEFT, self.top - 12.0), "soft\" font-size=\"12", unit);
    }

    fn curve(&self, svg: &mut String, class: &str, values: &[f64], filled: bool) {
        let width = (RIGHT - LEFT) / values.len().max(1) as f64;
        let mut path = String::new();
        for (value, at) in values.iter().zip(1u32..) {
            let letter = if at == 1 { 'M' } else { 'L' };
            let x = LEFT + width * (f64::from(at) - 0.5);
            let _ = write!(path, "{letter}{x:.1} {:.1}", self.y(*value));
        }
        if filled && !path.is_empty() {
            let (from, to, floor) = (LEFT + width / 2.0, RIGHT - width / 2.0, self.bottom);
            let _ = writeln!(
                svg,
                "<path class=\"{class} under\" d=\"{path}L{to:.1} {floor}L{from:.1} {floor}Z\"/>"
            );
        }
        let _ = writeln!(svg, "<path class=\"line {class}\" d=\"{path}\"/>");
    }
}

/// A round step, 1, 2 or 5 times a power of ten and at least 1, of which at most `lines` go into
/// `most`.
fn round_step(most: f64, lines: f64) -> f64 {
    let mut power = 1.0;
    loop {
        for step in [1.0, 2.0, 5.0] {
            if most / (step * power) <= lines {
                return step * power;
            }
        }
        power *= 10.0;
    }
}

/// Text as XML takes it; what it does not take at all is left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push(' '),
            sign if sign.is_control() => {}
            sign => safe.push(sign),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (most, step) in [
            (1.0, 1.0),
            (5.0, 1.0),
            (6.0, 2.0),
            (43_000.0, 10_000.0),
            (600.0, 200.0),
        ] {
            assert_eq!(round_step(most, 5.0), step, "{most}");
        }
    }

    #[test]
    fn a_file_name_cannot_break_out_of_the_picture() {
        assert_eq!(escaped("a<b>&\"c\u{1}\n"), "a&lt;b&gt;&amp;&quot;c ");
    }
}

//! Curves as SVG: one file, nothing from outside, readable on light and on dark paper.

use std::fmt::Write as _;

/// One picture.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it shows, with the unit of the upright axis.
    pub title: String,
    /// Whether the upright axis is linear.
    pub scale: Scale,
    /// The curves, at most as many as there are colours.
    pub curves: Vec<Curve>,
    /// Moments to mark, in seconds.
    pub marks: Vec<(f64, String)>,
}

/// How the upright axis grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from 0.
    Linear,
    /// By factors of ten; what is not above 0 is left out.
    Log,
}

/// One curve.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Its name.
    pub name: &'static str,
    /// Seconds, and the figure then; in order.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 744.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 296.0;

/// Colours that those who see few of them can tell apart (after Okabe and Ito), on light paper
/// and on dark.
const COLOURS: [(&str, &str); 4] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#e69f00"),
    ("#007a5a", "#2fc79a"),
    ("#a0527f", "#e39ac4"),
];

impl Chart {
    /// The whole file.
    #[must_use]
    pub fn draw(&self) -> String {
        let (across, up) = (self.across(), self.up());
        let mut text = String::new();
        self.open(&mut text);
        for tick in across.ticks() {
            let x = across.place(tick, LEFT, RIGHT);
            let _ = write!(
                text,
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\"/>\
                 <text class=\"mid\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                BOTTOM + 18.0,
                figure(tick)
            );
        }
        for tick in up.ticks() {
            let y = up.place(tick, BOTTOM, TOP);
            let _ = write!(
                text,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>\
                 <text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                figure(tick)
            );
        }
        self.mark(&mut text, &across);
        for (curve, number) in self.curves.iter().zip(1..) {
            let points: Vec<String> = curve
                .points
                .iter()
                .filter(|(_, value)| self.scale == Scale::Linear || *value > 0.0)
                .map(|(at, value)| {
                    let x = across.place(*at, LEFT, RIGHT);
                    format!("{x:.1},{:.1}", up.place(*value, BOTTOM, TOP))
                })
                .collect();
            let points = points.join(" ");
            let _ = write!(text, "<polyline class=\"c{number}\" points=\"{points}\"/>");
        }
        text.push_str("</svg>\n");
        text
    }

    /// Head, style, paper, title, legend and the name of the axis of time.
    fn open(&self, text: &mut String) {
        let _ = write!(
            text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             role=\"img\"><title>{0}</title><style>{1}</style>\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\
             <text class=\"title\" x=\"16\" y=\"22\">{0}</text>\
             <text class=\"end\" x=\"{RIGHT}\" y=\"{2}\">seconds</text>",
            plain(&self.title),
            style(),
            HEIGHT - 8.0
        );
        let mut x = 16.0;
        for (curve, number) in self.curves.iter().zip(1..) {
            let _ = write!(
                text,
                "<line class=\"c{number}\" x1=\"{x}\" y1=\"39\" x2=\"{}\" y2=\"39\"/>\
                 <text x=\"{}\" y=\"43\">{}</text>",
                x + 18.0,
                x + 24.0,
                plain(curve.name)
            );
            x += 48.0 + 6.6 * curve.name.len() as f64;
        }
    }

    fn mark(&self, text: &mut String, across: &Axis) {
        for (at, what) in &self.marks {
            let x = across.place(*at, LEFT, RIGHT);
            let _ = write!(
                text,
                "<line class=\"mark\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + 4.0,
                TOP + 12.0,
                plain(what)
            );
        }
    }

    fn across(&self) -> Axis {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let most = points.map(|(at, _)| *at).fold(1.0, f64::max);
        Axis::linear(most, 8.0)
    }

    fn up(&self) -> Axis {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let values: Vec<f64> = points.map(|(_, value)| *value).collect();
        let most = values.iter().copied().fold(1.0, f64::max);
        match self.scale {
            Scale::Linear => Axis::linear(most, 5.0),
            Scale::Log => {
                let above = values.iter().copied().filter(|value| *value > 0.0);
                let least = above.fold(most, f64::min);
                Axis {
                    least: 10_f64.powf(least.log10().floor()),
                    most: 10_f64.powf(most.log10().ceil().max(least.log10().floor() + 1.0)),
                    step: 10.0,
                    scale: Scale::Log,
                }
            }
        }
    }
}

/// One axis: where it begins and ends, and how far apart its ticks are.
#[derive(Clone, Copy, Debug)]
struct Axis {
    least: f64,
    most: f64,
    step: f64,
    scale: Scale,
}

impl Axis {
    /// From 0 to a round number that is at least `most`, in about `parts` steps of 1, 2 or 5.
    fn linear(most: f64, parts: f64) -> Self {
        let rough = most / parts;
        let ten = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * ten);
        let step = step.into_iter().find(|step| *step >= rough).unwrap_or(ten);
        Self {
            least: 0.0,
            most: (most / step).ceil() * step,
            step,
            scale: Scale::Linear,
        }
    }

    fn ticks(&self) -> Vec<f64> {
        let next = |last: &f64| {
            let next = match self.scale {
                Scale::Linear => last + self.step,
                Scale::Log => last * self.step,
            };
            (next <= self.most * 1.001).then_some(next)
        };
        std::iter::successors(Some(self.least), next).collect()
    }

    fn place(&self, value: f64, from: f64, to: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.least) / (self.most - self.least),
            Scale::Log => (value / self.least).log10() / (self.most / self.least).log10(),
        };
        from + (to - from) * share
    }
}

fn style() -> String {
    let mut style = "text{font:12px system-ui,sans-serif;fill:var(--ink)}\
        .title{font-size:14px;font-weight:600}.mid{text-anchor:middle}.end{text-anchor:end}\
        .paper{fill:var(--paper)}.grid{stroke:var(--grid)}\
        .mark{stroke:var(--ink);stroke-dasharray:4 3}\
        polyline,.c1,.c2,.c3,.c4{fill:none;stroke-width:1.8;stroke-linejoin:round}"
        .to_owned();
    let mut light = "--ink:#222;--paper:#fff;--grid:#ddd;".to_owned();
    let mut dark = "--ink:#ddd;--paper:#16181c;--grid:#33373d;".to_owned();
    for ((bright, dim), number) in COLOURS.iter().zip(1..) {
        let _ = write!(style, ".c{number}{{stroke:var(--c{number})}}");
        let _ = write!(light, "--c{number}:{bright};");
        let _ = write!(dark, "--c{number}:{dim};");
    }
    format!("svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}{style}")
}

/// A number as an axis shows it.
fn figure(value: f64) -> String {
    if value.fract().abs() > 1e-9 {
        return format!("{}", (value * 1e3).round() / 1e3);
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (digit, left) in digits.chars().zip((0..digits.len()).rev()) {
        text.push(digit);
        if left > 0 && left % 3 == 0 {
            text.push(',');
        }
    }
    text
}

fn plain(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_title_axes_curves_and_marks() {
        let chart = Chart {
            title: "Waiting & inside".to_owned(),
            scale: Scale::Linear,
            curves: vec![Curve {
                name: "waiting",
                points: vec![(0.0, 0.0), (300.0, 23_000.0), (610.0, 100.0)],
            }],
            marks: vec![(120.0, "a gateway is killed".to_owned())],
        };
        let text = chart.draw();
        for part in [
            "<svg xmlns",
            "Waiting &amp; inside",
            ">25,000</text>",
            ">700</text>",
            "a gateway is killed",
            "prefers-color-scheme:dark",
            "points=\"64.0,296.0 ",
            "</svg>",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("NaN") && !text.contains("href"));
    }

    #[test]
    fn a_log_axis_leaves_out_nothings_and_goes_by_tens() {
        let chart = Chart {
            title: String::new(),
            scale: Scale::Log,
            curves: vec![Curve {
                name: "half",
                points: vec![(0.0, 0.0), (1.0, 0.4), (2.0, 70.0)],
            }],
            marks: Vec::new(),
        };
        assert_eq!(chart.up().ticks(), [0.1, 1.0, 10.0, 100.0]);
        let text = chart.draw();
        assert!(!text.contains("NaN") && !text.contains("inf"));
        let empty = Chart {
            curves: Vec::new(),
            ..chart
        };
        assert!(!empty.draw().contains("NaN"));
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let ends = [0.7, 9.0, 101.0, 49_999.0].map(|most| Axis::linear(most, 5.0).most);
        assert_eq!(
            ends.map(|end| (end * 10.0).round() / 10.0),
            [0.8, 10.0, 150.0, 50_000.0]
        );
        assert_eq!(figure(1_234_567.0), "1,234,567");
        assert_eq!(figure(0.25), "0.25");
    }
}

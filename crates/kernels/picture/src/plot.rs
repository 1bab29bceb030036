//! Curves over a common abscissa, with axes, ticks and a legend.

use embedded_graphics::text::Alignment;

use crate::{Colour, Picture};

const INK: Colour = [40, 44, 52];
const GRID: Colour = [226, 229, 234];
const PAPER: Colour = [255, 255, 255];
const COLOURS: [Colour; 6] = [
    [31, 95, 191],
    [214, 87, 39],
    [56, 142, 60],
    [125, 79, 160],
    [120, 120, 120],
    [200, 160, 20],
];
const SIZE: [usize; 2] = [820, 480];
const LEFT: f64 = 70.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 58.0;

/// One curve.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Name in the legend.
    pub label: String,
    /// Points (x, y); a point that is not finite breaks the line.
    pub points: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Title.
    pub title: String,
    /// Name and unit of the abscissa.
    pub x_label: String,
    /// Name and unit of the ordinate.
    pub y_label: String,
    /// Range of the ordinate; from the data when absent.
    pub y_range: Option<(f64, f64)>,
    /// Ticks of the abscissa as (x, label); evenly spaced numbers when empty.
    pub x_ticks: Vec<(f64, String)>,
    /// Horizontal lines to compare with.
    pub levels: Vec<f64>,
    /// The curves.
    pub curves: Vec<Curve>,
}

impl Plot {
    /// Draws the plot.
    pub fn draw(&self) -> Picture {
        let frame = Frame::of(self);
        let mut picture = Picture::filled(SIZE[0], SIZE[1], PAPER);
        self.draw_axes(&mut picture, &frame);
        for level in &self.levels {
            let y = frame.y(*level);
            picture.hair_line((LEFT, y), (SIZE[0] as f64 - RIGHT, y), [150, 150, 150]);
            picture.text(
                &number(*level),
                SIZE[0] as i64 - 26,
                y as i64 - 3,
                Alignment::Right,
                [120, 120, 120],
            );
        }
        for (index, curve) in self.curves.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            draw_curve(&mut picture, &frame, curve, colour);
            let x = LEFT as i64 + 12 + 190 * index as i64;
            picture.line(
                (x as f64, TOP - 11.0),
                (x as f64 + 18.0, TOP - 11.0),
                colour,
            );
            picture.text(&curve.label, x + 24, TOP as i64 - 7, Alignment::Left, INK);
        }
        picture
    }

    fn draw_axes(&self, picture: &mut Picture, frame: &Frame) {
        let (right, bottom) = (SIZE[0] as f64 - RIGHT, SIZE[1] as f64 - BOTTOM);
        for value in ticks(frame.y_range) {
            picture.hair_line((LEFT, frame.y(value)), (right, frame.y(value)), GRID);
            picture.text(
                &number(value),
                LEFT as i64 - 8,
                frame.y(value) as i64 + 4,
                Alignment::Right,
                INK,
            );
        }
        let numbers = || {
            ticks(frame.x_range)
                .into_iter()
                .map(|x| (x, number(x)))
                .collect()
        };
        let x_ticks = if self.x_ticks.is_empty() {
            numbers()
        } else {
            self.x_ticks.clone()
        };
        for (value, label) in x_ticks {
            picture.hair_line((frame.x(value), TOP), (frame.x(value), bottom), GRID);
            picture.text(
                &label,
                frame.x(value) as i64,
                bottom as i64 + 17,
                Alignment::Center,
                INK,
            );
        }
        picture.hair_line((LEFT, TOP), (LEFT, bottom), INK);
        picture.hair_line((LEFT, bottom), (right, bottom), INK);
        let middle = f64::midpoint(LEFT, right) as i64;
        picture.title(&self.title, middle, 16, Alignment::Center, INK);
        picture.text(
            &self.x_label,
            middle,
            SIZE[1] as i64 - 14,
            Alignment::Center,
            INK,
        );
        picture.text(&self.y_label, 8, 16, Alignment::Left, INK);
    }
}

fn draw_curve(picture: &mut Picture, frame: &Frame, curve: &Curve, colour: Colour) {
    for pair in curve.points.windows(2) {
        if pair.iter().all(|(x, y)| x.is_finite() && y.is_finite()) {
            let at = |(x, y): (f64, f64)| {
                (
                    frame.x(x),
                    frame.y(y.clamp(frame.y_range.0, frame.y_range.1)),
                )
            };
            picture.line(at(pair[0]), at(pair[1]), colour);
        }
    }
}

/// Where data coordinates fall on the picture.
struct Frame {
    x_range: (f64, f64),
    y_range: (f64, f64),
}

impl Frame {
    fn of(plot: &Plot) -> Self {
        let points = || {
            plot.curves
                .iter()
                .flat_map(|c| &c.points)
                .filter(|(x, y)| x.is_finite() && y.is_finite())
        };
        let x_range = widened(points().map(|p| p.0));
        Self {
            x_range,
            y_range: plot
                .y_range
                .unwrap_or_else(|| widened(points().map(|p| p.1))),
        }
    }

    fn x(&self, value: f64) -> f64 {
        let width = SIZE[0] as f64 - LEFT - RIGHT;
        LEFT + width * (value - self.x_range.0) / (self.x_range.1 - self.x_range.0)
    }

    fn y(&self, value: f64) -> f64 {
        let height = SIZE[1] as f64 - TOP - BOTTOM;
        SIZE[1] as f64
            - BOTTOM
            - height * (value - self.y_range.0) / (self.y_range.1 - self.y_range.0)
    }
}

/// Smallest and largest value, kept apart.
fn widened(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
        (l.min(v), h.max(v))
    });
    if low > high {
        (0.0, 1.0)
    } else if high - low < 1e-12 * high.abs().max(1.0) {
        (low - 0.5, high + 0.5)
    } else {
        (low, high)
    }
}

/// Round values that divide a range into four to ten parts.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let raw = (high - low) / 5.0;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * power)
        .into_iter()
        .find(|s| *s >= raw)
        .unwrap_or(raw);
    let first = (low / step - 1e-9).ceil() as i64;
    (0..20)
        .map(|i| (first + i) as f64 * step)
        .take_while(|v| *v <= high + 1e-9 * step)
        .collect()
}

fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(
            ticks((0.0, 1.0)),
            [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
        );
        assert_eq!(ticks((-3.0, 17.0)), [0.0, 5.0, 10.0, 15.0]);
        assert_eq!(number(-0.00001), "0");
    }

    #[test]
    fn a_curve_leaves_ink_where_it_runs() {
        let curve = Curve {
            label: "fsc".into(),
            points: vec![(0.0, 1.0), (1.0, 0.0)],
        };
        let plot = Plot {
            title: "FSC".into(),
            x_label: "1/Å".into(),
            y_label: "FSC".into(),
            y_range: Some((0.0, 1.0)),
            x_ticks: vec![],
            levels: vec![0.143],
            curves: vec![curve],
        };
        let picture = plot.draw();
        let frame = Frame {
            x_range: (0.0, 1.0),
            y_range: (0.0, 1.0),
        };
        let (x, y) = (frame.x(0.5) as usize, frame.y(0.5) as usize);
        let near = (0..5).any(|d| picture.get(x + d - 2, y) == COLOURS[0]);
        assert!(near);
        assert!(picture.to_png().starts_with(b"\x89PNG"));
    }

    #[test]
    fn empty_and_constant_data_draw_without_fuss() {
        let flat = Curve {
            label: "flat".into(),
            points: vec![(1.0, 2.0), (1.0, 2.0), (f64::NAN, 1.0)],
        };
        for curves in [vec![], vec![flat]] {
            let plot = Plot {
                title: String::new(),
                x_label: String::new(),
                y_label: String::new(),
                y_range: None,
                x_ticks: vec![],
                levels: vec![],
                curves,
            };
            assert_eq!(plot.draw().width, SIZE[0]);
        }
    }
}

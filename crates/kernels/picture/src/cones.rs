//! Cones in a box, seen from above and from the side: particles in their tomogram, as in Fig. 6 of Bharat & Scheres 2016.
//!
//! A cone stands on its place and points along its direction. From above, x runs to the right and y up; from the side, x to
//! the right and z up. What is nearer covers what is farther.

use embedded_graphics::text::Alignment;
use glam::{DVec2, DVec3};

use crate::{Colour, Picture};

/// One cone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cone {
    /// The middle of its base.
    pub place: DVec3,
    /// Where it points; its length does not matter.
    pub direction: DVec3,
    /// Its colour.
    pub colour: Colour,
}

/// A drawing of cones; all lengths in one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cones {
    /// Line above.
    pub title: String,
    /// Lowest and highest corner of the box that is outlined.
    pub corners: [DVec3; 2],
    /// Height of the cones.
    pub height: f64,
    /// The cones.
    pub cones: Vec<Cone>,
    /// What the colours mean.
    pub legend: Vec<(String, Colour)>,
}

/// Width of a panel in pixels.
const WIDTH: f64 = 560.0;
const MARGIN: f64 = 12.0;
const TITLE: f64 = 24.0;
/// Radius of a base over the height.
const RADIUS: f64 = 0.4;
/// Corners of a base.
const CORNERS: usize = 24;
const WHITE: Colour = [255, 255, 255];
const GREY: Colour = [150, 150, 150];
const BLACK: Colour = [0, 0, 0];

/// A panel: where the lowest corner of the box is drawn, and which axes are right, up and towards the viewer.
struct Panel {
    left: f64,
    bottom: f64,
    axes: [DVec3; 3],
}

impl Cones {
    /// The picture: both panels, one above the other, and the legend.
    pub fn draw(&self) -> Picture {
        let [low, high] = self.corners;
        let size = (high - low).max(DVec3::splat(f64::MIN_POSITIVE));
        let scale = WIDTH / size.x.max(size.y);
        let legend = 16.0 * self.legend.len() as f64;
        let (above, beside) = (size.y * scale, (size.z * scale).max(1.0));
        let height = TITLE + above + beside + 3.0 * MARGIN + legend;
        let width = (size.x * scale).max(240.0) + 2.0 * MARGIN;
        let mut picture = Picture::filled(width as usize, height as usize, WHITE);
        picture.title(&self.title, MARGIN as i64, 16, Alignment::Left, BLACK);
        let top = Panel {
            left: MARGIN,
            bottom: TITLE + above,
            axes: [DVec3::X, DVec3::Y, DVec3::Z],
        };
        let side = Panel {
            left: MARGIN,
            bottom: TITLE + above + MARGIN + beside,
            axes: [DVec3::X, DVec3::Z, DVec3::NEG_Y],
        };
        for panel in [top, side] {
            self.draw_panel(&mut picture, &panel, scale);
        }
        for (line, (text, colour)) in self.legend.iter().enumerate() {
            let y = (height - legend + 16.0 * line as f64) as i64;
            for (dy, dx) in (0..10).flat_map(|dy| (0..10).map(move |dx| (dy, dx))) {
                picture.set(MARGIN as i64 + dx, y - MARGIN as i64 + dy, *colour);
            }
            picture.text(text, MARGIN as i64 + 16, y - 3, Alignment::Left, BLACK);
        }
        picture
    }

    fn draw_panel(&self, picture: &mut Picture, panel: &Panel, scale: f64) {
        let [right, up, near] = panel.axes;
        let [low, high] = self.corners;
        let seen = |at: DVec3| {
            let at = (at - low) * scale;
            DVec2::new(panel.left + at.dot(right), panel.bottom - at.dot(up))
        };
        let [a, b] = [seen(low), seen(high)];
        let outline = [(a.x, a.y), (b.x, a.y), (b.x, b.y), (a.x, b.y), (a.x, a.y)];
        for pair in outline.windows(2) {
            picture.line(pair[0], pair[1], GREY);
        }
        let mut order: Vec<&Cone> = self.cones.iter().collect();
        order.sort_by(|a, b| a.place.dot(near).total_cmp(&b.place.dot(near)));
        for cone in order {
            let direction = cone.direction.normalize_or_zero();
            let (first, second) = across(direction);
            let rim = |i: usize| {
                let (sine, cosine) = (std::f64::consts::TAU * i as f64 / CORNERS as f64).sin_cos();
                let spoke = (first * cosine + second * sine) * RADIUS * self.height;
                seen(cone.place + spoke)
            };
            let base: Vec<DVec2> = (0..CORNERS).map(rim).collect();
            let mut all = base.clone();
            all.push(seen(cone.place + direction * self.height));
            fill(picture, &hull(all), cone.colour);
            if direction.dot(near) < 0.0 {
                // The base is turned to the viewer.
                fill(
                    picture,
                    &hull(base),
                    cone.colour.map(|c| (f64::from(c) * 0.6) as u8),
                );
            }
        }
    }
}

/// Two directions across a third, also of one that is zero.
fn across(direction: DVec3) -> (DVec3, DVec3) {
    if direction.length_squared() > 0.0 {
        direction.any_orthonormal_pair()
    } else {
        (DVec3::X, DVec3::Y)
    }
}

/// The corners of the convex hull in order (Andrew's monotone chain).
fn hull(mut points: Vec<DVec2>) -> Vec<DVec2> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let half = |points: &mut dyn Iterator<Item = DVec2>| {
        let mut chain: Vec<DVec2> = Vec::new();
        for point in points {
            while let [.., a, b] = chain[..] {
                if (b - a).perp_dot(point - a) > 0.0 {
                    break;
                }
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut corners = half(&mut points.iter().copied());
    corners.extend(half(&mut points.iter().rev().copied()));
    corners
}

/// Fills a convex polygon, row by row.
fn fill(picture: &mut Picture, corners: &[DVec2], colour: Colour) {
    let ys = || corners.iter().map(|c| c.y);
    let (Some(first), Some(last)) = (ys().reduce(f64::min), ys().reduce(f64::max)) else {
        return;
    };
    if !(first.is_finite() && last.is_finite()) {
        return;
    }
    let first = first.round().max(0.0);
    let last = last.round().min(picture.height as f64);
    for y in first as i64..=last as i64 {
        let level = y as f64;
        let (mut left, mut right) = (f64::INFINITY, f64::NEG_INFINITY);
        for (i, a) in corners.iter().enumerate() {
            let b = corners[(i + 1) % corners.len()];
            let (low, high) = (a.y.min(b.y) - 0.5, a.y.max(b.y) + 0.5);
            if !(low..=high).contains(&level) {
                continue;
            }
            let part = if (b.y - a.y).abs() < 1e-9 {
                [0.0, 1.0]
            } else {
                [((level - a.y) / (b.y - a.y)).clamp(0.0, 1.0); 2]
            };
            for t in part {
                let x = a.x + t * (b.x - a.x);
                (left, right) = (left.min(x), right.max(x));
            }
        }
        if left <= right {
            let end = right.round().min(picture.width as f64) as i64;
            for x in left.round().max(0.0) as i64..=end {
                picture.set(x, y, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cones_stand_where_they_should_and_point_where_they_should() {
        let red = [200, 0, 0];
        let one = |direction| Cones {
            corners: [DVec3::ZERO, DVec3::new(560.0, 560.0, 100.0)],
            height: 100.0,
            cones: vec![Cone {
                place: DVec3::new(280.0, 280.0, 50.0),
                direction,
                colour: red,
            }],
            ..Cones::default()
        };
        // Pixels of the upper panel, by place in the box.
        let at = |picture: &Picture, x: f64, y: f64| {
            picture.get((MARGIN + x) as usize, (TITLE + 560.0 - y) as usize)
        };
        let right = one(DVec3::X).draw();
        assert_eq!(at(&right, 330.0, 280.0), red);
        assert_eq!(at(&right, 230.0, 280.0), WHITE);
        // Wide at the base, narrow at the tip.
        assert_eq!(at(&right, 284.0, 310.0), red);
        assert_eq!(at(&right, 374.0, 310.0), WHITE);
        let up = one(DVec3::Y).draw();
        assert_eq!(at(&up, 280.0, 330.0), red);
        assert_eq!(at(&up, 280.0, 230.0), WHITE);
        // Pointing to the viewer it is a disc, pointing away its base is seen.
        assert_eq!(at(&one(DVec3::Z).draw(), 300.0, 300.0), red);
        assert_eq!(at(&one(DVec3::NEG_Z).draw(), 300.0, 300.0), [120, 0, 0]);
    }

    #[test]
    fn a_hull_has_no_inner_points() {
        let points = [
            (0.0, 0.0),
            (2.0, 0.0),
            (1.0, 1.0),
            (2.0, 2.0),
            (0.0, 2.0),
            (1.0, 0.0),
        ];
        let corners = hull(points.map(|(x, y)| DVec2::new(x, y)).to_vec());
        assert_eq!(corners.len(), 4);
        // Nothing at all, and what is no number, is drawn as nothing.
        let mut picture = Picture::filled(8, 8, WHITE);
        fill(&mut picture, &[], BLACK);
        fill(&mut picture, &[DVec2::NAN; 3], BLACK);
        assert!(picture.pixels.iter().all(|p| *p == 255));
    }
}

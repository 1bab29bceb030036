//! Triangles seen from one side, lit, the nearer before the farther (depth buffer).
//!
//! Orthographic view along −z of the turned triangles, as large as the picture allows; lit from the upper left, from either side.

use glam::{DQuat, DVec3};

use crate::{Colour, Picture};

/// Triangles and how they are seen.
#[derive(Clone, Copy, Debug)]
pub struct Triangles<'a> {
    /// Places of the vertices.
    pub positions: &'a [DVec3],
    /// Unit normals of the vertices.
    pub normals: &'a [DVec3],
    /// Colours of the vertices in full light.
    pub colours: &'a [Colour],
    /// Indices of vertices.
    pub triangles: &'a [[u32; 3]],
    /// Rotation before they are looked at.
    pub rotation: DQuat,
    /// Edge of the square picture, pixels.
    pub size: usize,
}

const BACKGROUND: Colour = [255, 255, 255];
const MARGIN: f64 = 0.04;
/// Light that reaches what is turned away from it.
const AMBIENT: f64 = 0.3;

impl Triangles<'_> {
    /// The picture; empty where there is no triangle.
    pub fn draw(&self) -> Picture {
        let mut picture = Picture::filled(self.size, self.size, BACKGROUND);
        let turned: Vec<DVec3> = self.positions.iter().map(|p| self.rotation * *p).collect();
        let used = || self.triangles.iter().flatten().map(|v| turned[*v as usize]);
        let low = used().fold(DVec3::MAX, DVec3::min);
        let high = used().fold(DVec3::MIN, DVec3::max);
        let extent = (high - low).truncate().max_element();
        if self.triangles.is_empty() || extent <= 0.0 || !extent.is_finite() {
            return picture;
        }
        let scale = self.size as f64 * (1.0 - 2.0 * MARGIN) / extent;
        let middle = 0.5 * (low + high);
        let half = 0.5 * self.size as f64;
        let placed: Vec<DVec3> = turned
            .iter()
            .map(|p| {
                let d = (*p - middle) * scale;
                DVec3::new(half + d.x, half - d.y, d.z)
            })
            .collect();
        let lit: Vec<DVec3> = self
            .normals
            .iter()
            .zip(self.colours)
            .map(|(normal, colour)| self.lit(*normal, *colour))
            .collect();
        let mut depth = vec![f64::NEG_INFINITY; self.size * self.size];
        for triangle in self.triangles {
            let corners = triangle.map(|v| placed[v as usize]);
            let colours = triangle.map(|v| lit[v as usize]);
            self.fill(corners, colours, &mut depth, &mut picture);
        }
        picture
    }

    fn lit(&self, normal: DVec3, colour: Colour) -> DVec3 {
        let light = DVec3::new(-0.4, 0.5, 0.77);
        let share = AMBIENT + (1.0 - AMBIENT) * (self.rotation * normal).dot(light).abs();
        DVec3::from_array(colour.map(f64::from)) * share.min(1.0)
    }

    /// Sets the pixels whose middles a triangle covers, where nothing lies before it.
    fn fill(
        &self,
        [a, b, c]: [DVec3; 3],
        colours: [DVec3; 3],
        depth: &mut [f64],
        picture: &mut Picture,
    ) {
        let doubled =
            |p: DVec3, q: DVec3, r: DVec3| (q - p).truncate().perp_dot((r - p).truncate());
        let area = doubled(a, b, c);
        if area == 0.0 {
            return;
        }
        let range = |low: f64, high: f64| {
            let last = self.size as f64 - 1.0;
            low.ceil().clamp(0.0, last) as usize..=high.floor().clamp(0.0, last) as usize
        };
        let (low, high) = (a.min(b).min(c), a.max(b).max(c));
        for y in range(low.y, high.y) {
            for x in range(low.x, high.x) {
                let p = DVec3::new(x as f64, y as f64, 0.0);
                let parts =
                    [doubled(b, c, p), doubled(c, a, p), doubled(a, b, p)].map(|v| v / area);
                if parts.iter().any(|part| *part < -1e-9) {
                    continue;
                }
                let near = parts[0] * a.z + parts[1] * b.z + parts[2] * c.z;
                let at = y * self.size + x;
                if near > depth[at] {
                    depth[at] = near;
                    let colour =
                        parts[0] * colours[0] + parts[1] * colours[1] + parts[2] * colours[2];
                    picture.set(
                        x as i64,
                        y as i64,
                        colour.to_array().map(|v| v.round() as u8),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_triangle_covers_the_farther() {
        let square = |half: f64, z: f64| {
            [(-half, -half), (half, -half), (half, half), (-half, half)]
                .map(|(x, y)| DVec3::new(x, y, z))
        };
        let positions = [square(2.0, 0.0), square(1.0, 1.0)].concat();
        let colours = [[[255, 0, 0]; 4], [[0, 0, 255]; 4]].concat();
        let triangles = [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]];
        let view = Triangles {
            positions: &positions,
            normals: &[DVec3::Z; 8],
            colours: &colours,
            triangles: &triangles,
            rotation: DQuat::IDENTITY,
            size: 100,
        };
        let picture = view.draw();
        let [middle, between, outside] = [50, 15, 1].map(|x| picture.get(x, 50));
        assert!(middle[2] > 150 && middle[0] == 0, "{middle:?}");
        assert!(between[0] > 150 && between[2] == 0, "{between:?}");
        assert_eq!(outside, BACKGROUND);
        // From behind the larger one covers the smaller.
        let behind = Triangles {
            rotation: DQuat::from_rotation_y(std::f64::consts::PI),
            ..view
        };
        assert!(behind.draw().get(50, 50)[0] > 150);
        let none = Triangles {
            triangles: &[],
            ..view
        };
        assert_eq!(none.draw().get(50, 50), BACKGROUND);
    }
}

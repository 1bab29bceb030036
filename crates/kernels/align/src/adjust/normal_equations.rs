//! Normal equations with the points eliminated: N u = b over the unknowns of the views (Schur complement).

use glam::{DMat3, DVec2, DVec3};
use thon_compute::cholesky::Cholesky;

use super::Track;
use super::layout::Layout;
use super::options::KINDS;
use super::view_model::View;

/// One adjustment's data: which tracks are used, and the weight of each observation (1/Å²).
pub(super) struct Data<'a> {
    pub(super) tracks: &'a [Track],
    pub(super) used: &'a [bool],
    /// Total weight of each observation: own · robust / noise².
    pub(super) weights: &'a [Vec<f64>],
}

/// One eliminated point.
struct Eliminated {
    /// Inverse of the point's 3 × 3 block.
    inverse: DMat3,
    /// Gradient of the point.
    right: DVec3,
    /// Coupling with the unknowns: index and the three derivatives products.
    coupling: Vec<(usize, DVec3)>,
}

/// The assembled system.
pub(super) struct System {
    size: usize,
    matrix: Vec<f64>,
    right: Vec<f64>,
    points: Vec<Option<Eliminated>>,
}

/// A step of everything.
pub(super) struct Step {
    pub(super) unknowns: Vec<f64>,
    pub(super) points: Vec<DVec3>,
}

impl System {
    /// Assembles the system at the present views and points. `precision`: 1/variance of each unknown's prior, 0 without;
    /// `unknowns`: the present ones, which priors pull to 0; `damping`: Marquardt's λ.
    pub(super) fn assemble(
        data: &Data,
        layout: &Layout,
        views: &[View],
        points: &[DVec3],
        prior: (&[f64], &[f64]),
        damping: f64,
    ) -> Self {
        let size = layout.size;
        let mut system = Self {
            size,
            matrix: vec![0.0; size * size],
            right: vec![0.0; size],
            points: Vec::with_capacity(points.len()),
        };
        let (precision, unknowns) = prior;
        for u in 0..size {
            system.matrix[u * size + u] = precision[u];
            system.right[u] = -precision[u] * unknowns[u];
        }
        let mut scratch = Scratch {
            coupling: vec![DVec3::ZERO; size],
            touched: vec![false; size],
        };
        let mut schur = Vec::with_capacity(points.len());
        for (index, track) in data.tracks.iter().enumerate() {
            let eliminated = data.used[index].then(|| {
                system.add_track(
                    track,
                    &data.weights[index],
                    layout,
                    views,
                    points[index],
                    &mut scratch,
                    damping,
                )
            });
            schur.push(eliminated);
        }
        for u in 0..size {
            system.matrix[u * size + u] *= 1.0 + damping;
        }
        for eliminated in schur.iter().flatten() {
            system.subtract(eliminated);
        }
        system.points = schur;
        // Unknowns nothing was measured for (the shifts of empty views) stay where they are.
        for u in 0..size {
            if system.matrix[u * size + u] <= 0.0 {
                system.matrix[u * size + u] = 1.0;
            }
        }
        system.hold_translation(layout, views);
        system
    }

    #[expect(clippy::too_many_arguments, reason = "the inner loop of one assembly")]
    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    fn add_track(
        &mut self,
        track: &Track,
        weights: &[f64],
        layout: &Layout,
        views: &[View],
        point: DVec3,
        scratch: &mut Scratch,
        damping: f64,
    ) -> Eliminated {
        let mut block = DMat3::ZERO;
        let mut right = DVec3::ZERO;
        let mut row: Vec<(usize, DVec2)> = Vec::new();
        let mut touched = Vec::new();
        for (observation, &weight) in track.points.iter().zip(weights) {
            if weight <= 0.0 {
                continue;
            }
            let view = observation.view;
            let seen = views[view].see(point);
            let residual = observation.position - seen.position;
            row.clear();
            row.push((2 * view, DVec2::X));
            row.push((2 * view + 1, DVec2::Y));
            for kind in 0..KINDS {
                for &(unknown, share) in &layout.shares[kind][view] {
                    row.push((unknown, seen.by_variable[kind] * share));
                }
            }
            for (k, &(a, derivative)) in row.iter().enumerate() {
                self.right[a] += weight * derivative.dot(residual);
                for &(b, other) in &row[..=k] {
                    let (low, high) = if a > b { (b, a) } else { (a, b) };
                    self.matrix[high * self.size + low] += weight * derivative.dot(other);
                }
                let product = DVec3::from(seen.by_point.map(|column| column.dot(derivative)));
                scratch.coupling[a] += weight * product;
                if !scratch.touched[a] {
                    scratch.touched[a] = true;
                    touched.push(a);
                }
            }
            let [x, y, z] = seen.by_point;
            let gram = |a: DVec2, b: DVec2| weight * a.dot(b);
            block += DMat3::from_cols(
                DVec3::new(gram(x, x), gram(x, y), gram(x, z)),
                DVec3::new(gram(y, x), gram(y, y), gram(y, z)),
                DVec3::new(gram(z, x), gram(z, y), gram(z, z)),
            );
            right += weight * DVec3::from(seen.by_point.map(|column| column.dot(residual)));
        }
        touched.sort_unstable();
        let coupling = touched
            .into_iter()
            .map(|unknown| {
                scratch.touched[unknown] = false;
                (unknown, std::mem::take(&mut scratch.coupling[unknown]))
            })
            .collect();
        // A point seen along one direction only has no depth: the small addition keeps it where it is.
        let ridge = 1e-9 * (block.x_axis.x + block.y_axis.y + block.z_axis.z) + 1e-12;
        let damped = block + DMat3::from_diagonal(damping * diagonal(&block) + DVec3::splat(ridge));
        Eliminated {
            inverse: damped.inverse(),
            right,
            coupling,
        }
    }

    fn subtract(&mut self, point: &Eliminated) {
        for (k, &(a, of_a)) in point.coupling.iter().enumerate() {
            let half = point.inverse * of_a;
            self.right[a] -= half.dot(point.right);
            let row = &mut self.matrix[a * self.size..(a + 1) * self.size];
            for &(b, of_b) in &point.coupling[..=k] {
                row[b] -= half.dot(of_b);
            }
        }
    }

    /// Moving the specimen and all shifts together changes nothing: such steps are suppressed.
    fn hold_translation(&mut self, layout: &Layout, views: &[View]) {
        let shifts = layout.shifts();
        let mut strength: f64 = (0..shifts).map(|u| self.matrix[u * self.size + u]).sum();
        strength /= shifts as f64;
        let columns: Vec<[DVec2; 3]> = views.iter().map(View::columns).collect();
        let total: f64 = columns.iter().flatten().map(|c| c.length_squared()).sum();
        let scale = 100.0 * strength * views.len() as f64 / total;
        let axes = [0, 1, 2].map(|axis| columns.iter().map(|c| c[axis]).collect::<Vec<DVec2>>());
        for along in &axes {
            let direction = |u: usize| along[u / 2][u % 2];
            for a in 0..shifts {
                for b in 0..=a {
                    self.matrix[a * self.size + b] += scale * direction(a) * direction(b);
                }
            }
        }
    }

    /// The step to the minimum; the unknown that is not determined otherwise.
    pub(super) fn solve(&self) -> Result<Step, usize> {
        let unknowns = Cholesky::new(self.size, self.matrix.clone())?.solve(&self.right);
        let points = self
            .points
            .iter()
            .map(|point| match point {
                None => DVec3::ZERO,
                Some(point) => {
                    let mut right = point.right;
                    for &(unknown, coupling) in &point.coupling {
                        right -= coupling * unknowns[unknown];
                    }
                    point.inverse * right
                }
            })
            .collect();
        Ok(Step { unknowns, points })
    }

    /// Covariance of the unknowns (full, row-major), for a system assembled without damping.
    pub(super) fn covariance(&self) -> Result<Vec<f64>, usize> {
        Ok(Cholesky::new(self.size, self.matrix.clone())?.inverse())
    }

    /// Variances of the points along x, y, z.
    pub(super) fn point_variances(&self, covariance: &[f64]) -> Vec<Option<DVec3>> {
        let variance = |point: &Eliminated| {
            let mut sum = DMat3::ZERO;
            for &(a, of_a) in &point.coupling {
                let mut row = DVec3::ZERO;
                for &(b, of_b) in &point.coupling {
                    row += of_b * covariance[a * self.size + b];
                }
                sum += DMat3::from_cols(of_a * row.x, of_a * row.y, of_a * row.z);
            }
            diagonal(&(point.inverse + point.inverse * sum * point.inverse))
        };
        self.points
            .iter()
            .map(|point| point.as_ref().map(variance))
            .collect()
    }
}

impl System {
    /// Covariance of the coordinates of all points that are used, `[3 points][3 points]`.
    pub(super) fn point_covariance(&self, covariance: &[f64]) -> Vec<f64> {
        let points: Vec<&Eliminated> = self.points.iter().flatten().collect();
        let size = 3 * points.len();
        let mut out = vec![0.0; size * size];
        for pair in 0..points.len() * points.len() {
            let (i, j) = (pair / points.len(), pair % points.len());
            let start = 3 * (i * size + j);
            let own = if i == j {
                points[i].inverse
            } else {
                DMat3::ZERO
            };
            let block = own + self.shared(points[i], points[j], covariance);
            for place in 0..9 {
                out[start + place / 3 * size + place % 3] = block.col(place % 3)[place / 3];
            }
        }
        out
    }

    /// Covariance of two points by the unknowns of the views.
    fn shared(&self, first: &Eliminated, second: &Eliminated, covariance: &[f64]) -> DMat3 {
        let mut sum = DMat3::ZERO;
        for &(a, of_a) in &first.coupling {
            let row = &covariance[a * self.size..(a + 1) * self.size];
            let along: DVec3 = second.coupling.iter().map(|&(b, of_b)| of_b * row[b]).sum();
            // of_a · alongᵀ
            sum += DMat3::from_cols(of_a * along.x, of_a * along.y, of_a * along.z);
        }
        first.inverse * sum * second.inverse
    }
}

struct Scratch {
    coupling: Vec<DVec3>,
    touched: Vec<bool>,
}

fn diagonal(matrix: &DMat3) -> DVec3 {
    DVec3::new(matrix.x_axis.x, matrix.y_axis.y, matrix.z_axis.z)
}

//! Particles in the frame of the reference: products and weights at the lattice points of a half ball.
//!
//! A particle's samples D, W at q, with its shift undone, are brought to p = A⁻¹ q. Samples on a lattice are interpolated
//! trilinearly at q = A p from their eight neighbours, absent ones counting as weight 0; scattered samples (tilt images) are
//! spread over the eight neighbours of p. Both see the particle under the same soft envelope, in the average as well.

use num_complex::Complex32;
use thon_compute::{Progress, parallel};
use thon_geometry::glam::DVec3;
use thon_likelihood::{HalfBall, Observation, Observe, ParticleSource, Placement, SphereMask};

use super::options::Settings;
use crate::ClassifyError;

/// All particles, one row each.
#[derive(Clone, Debug)]
pub(crate) struct Aligned {
    /// The points.
    pub ball: HalfBall,
    /// D as (re, im, …), `[particles, 2 · points]`.
    pub products: Vec<f32>,
    /// W, `[particles, points]`.
    pub weights: Vec<f32>,
    /// Noise group of each particle.
    pub groups: Vec<usize>,
    /// What masking left of the noise power of each.
    pub fractions: Vec<f64>,
}

impl Aligned {
    /// Reads and turns all particles.
    pub fn new(
        source: &dyn ParticleSource,
        placements: &[Placement],
        settings: &Settings,
        progress: &dyn Progress,
    ) -> Result<Self, ClassifyError> {
        let ball = HalfBall::new(settings.band);
        let each = parallel::try_map_indices(placements.len(), progress, |i| {
            let wanted = Observe {
                band: settings.band + 1,
                mask: Some(SphereMask {
                    radius: settings.radius,
                    edge: settings.edge,
                    centre: placements[i].shift,
                }),
            };
            let observed = source.observe(i, &wanted);
            let observed = observed.map_err(|source| ClassifyError::Source { index: i, source })?;
            let checked = observed.check();
            checked.map_err(|e| ClassifyError::Source {
                index: i,
                source: e.into(),
            })?;
            let (products, weights) = turned(&observed, &placements[i], &ball);
            let about = (observed.group as usize, f64::from(observed.mask_fraction));
            Ok::<_, ClassifyError>((products, weights, about))
        })?;
        let points = ball.points.len();
        let mut aligned = Self {
            products: Vec::with_capacity(each.len() * 2 * points),
            weights: Vec::with_capacity(each.len() * points),
            groups: Vec::new(),
            fractions: Vec::new(),
            ball,
        };
        for (products, weights, (group, fraction)) in each {
            aligned
                .products
                .extend(products.iter().flat_map(|v| [v.re, v.im]));
            aligned.weights.extend(weights);
            aligned.groups.push(group);
            aligned.fractions.push(fraction);
        }
        Ok(aligned)
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Points per particle.
    pub fn points(&self) -> usize {
        self.ball.points.len()
    }
}

/// Samples on a cube of lattice points with both mates, for interpolation.
struct Cube {
    reach: i32,
    products: Vec<Complex32>,
    weights: Vec<f32>,
}

impl Cube {
    fn empty(band: usize) -> Self {
        let reach = band as i32 + 2;
        let count = (2 * reach as usize + 1).pow(3);
        Self {
            reach,
            products: vec![Complex32::default(); count],
            weights: vec![0.0; count],
        }
    }

    /// The index of a lattice point, if it lies inside.
    fn index(&self, point: [i32; 3]) -> Option<usize> {
        let edge = 2 * self.reach + 1;
        let [x, y, z] = point.map(|c| c + self.reach);
        let inside = [x, y, z].iter().all(|c| (0..edge).contains(c));
        inside.then(|| ((z * edge + y) * edge + x) as usize)
    }

    /// The eight neighbours of a position and their trilinear weights.
    fn neighbours(&self, position: DVec3) -> impl Iterator<Item = (usize, f32)> + '_ {
        let low = position.floor();
        let part = position - low;
        (0..8).filter_map(move |corner| {
            let step = [corner & 1, corner >> 1 & 1, corner >> 2 & 1];
            let along = |i: usize| if step[i] == 1 { part[i] } else { 1.0 - part[i] };
            let point = [0, 1, 2].map(|i| low[i] as i32 + step[i]);
            let weight = (along(0) * along(1) * along(2)) as f32;
            self.index(point).map(|index| (index, weight))
        })
    }

    /// D and W between the points.
    fn at(&self, position: DVec3) -> (Complex32, f32) {
        self.neighbours(position)
            .fold((Complex32::default(), 0.0), |(d, w), (i, share)| {
                (d + self.products[i] * share, w + self.weights[i] * share)
            })
    }

    /// Spreads D and W over the points.
    fn spread(&mut self, position: DVec3, product: Complex32, weight: f32) {
        let shares: Vec<(usize, f32)> = self.neighbours(position).collect();
        for (i, share) in shares {
            self.products[i] += product * share;
            self.weights[i] += weight * share;
        }
    }
}

/// D and W of a particle at the points of a half ball in the frame of the reference.
fn turned(
    observed: &Observation,
    placement: &Placement,
    ball: &HalfBall,
) -> (Vec<Complex32>, Vec<f32>) {
    let geometry = &observed.geometry;
    let n = geometry.box_size as f64;
    let mut cube = Cube::empty(geometry.band());
    let on_lattice = geometry.lattice.is_some();
    let samples = geometry
        .positions
        .iter()
        .zip(&observed.products)
        .zip(&observed.weights);
    for ((position, product), weight) in samples {
        let q = DVec3::from_array(position.map(f64::from));
        let (sine, cosine) = (std::f64::consts::TAU * q.dot(placement.shift) / n).sin_cos();
        let product = product * Complex32::new(cosine as f32, sine as f32);
        if on_lattice {
            let point = position.map(|c| c.round() as i32);
            for (point, product) in [(point, product), (point.map(|c| -c), product.conj())] {
                if let Some(i) = cube.index(point) {
                    cube.products[i] = product;
                    cube.weights[i] = *weight;
                }
            }
        } else {
            let p = placement.rotation.conjugate() * q;
            cube.spread(p, product, *weight);
            cube.spread(-p, product.conj(), *weight);
        }
    }
    let turn = if on_lattice {
        placement.rotation
    } else {
        thon_geometry::glam::DQuat::IDENTITY
    };
    let values = ball
        .points
        .iter()
        .map(|p| cube.at(turn * DVec3::from_array(p.map(f64::from))));
    values.unzip()
}

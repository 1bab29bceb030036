//! Samples on slices brought to the lattice of a low band, for the search.
//!
//! The reference is compact, so its value between lattice points is a sum over lattice points; the likelihood of samples
//! on slices is then that of products brought to the lattice by the adjoint of interpolation. Products and weights are
//! spread trilinearly in a space padded twice, taken to real space, cut to the box, divided by sinc² and transformed
//! back. Each keeps the sum over samples. For |V|² this is approximate (it varies twice as fast as V), which a search
//! over a low band can afford; polishing uses the samples themselves.

use std::sync::Arc;

use ndarray::Array3;
use num_complex::Complex32;
use thon_signal::fft::ComplexFft3;

use crate::reference::{PADDING, sinc};
use crate::{HalfBall, Observation, SampleGeometry, Whitened};

impl Observation {
    /// The samples brought to the lattice of a band; as they are if they lie on one.
    pub fn on_lattice(&self, band: usize) -> Self {
        if self.geometry.lattice.is_some() {
            return self.clone();
        }
        let (geometry, products, weights) =
            gridded(&self.geometry, &self.products, &self.weights, band);
        Self {
            geometry,
            products,
            weights,
            ..*self
        }
    }
}

impl Whitened {
    /// The samples brought to the lattice of a band; as they are if they lie on one.
    pub fn on_lattice(&self, band: usize) -> Self {
        if self.geometry.lattice.is_some() {
            return self.clone();
        }
        let (geometry, products, weights) =
            gridded(&self.geometry, &self.products, &self.weights, band);
        Self {
            geometry,
            products,
            weights,
        }
    }
}

fn gridded(
    geometry: &SampleGeometry,
    products: &[Complex32],
    weights: &[f32],
    band: usize,
) -> (Arc<SampleGeometry>, Vec<Complex32>, Vec<f32>) {
    let n = geometry.box_size;
    let band = band.min(geometry.band());
    let ball = HalfBall::new(band);
    // A small box of whole cells: frequencies up to the band and some beyond, at the spacing of the box padded twice.
    let reach = (geometry.count_to(band + 1)).min(geometry.len());
    let extent = PADDING * (band + 2);
    let side = 2 * extent;
    let mut grid = Spread::new(side);
    for i in geometry.count_to(0)..reach {
        grid.add(geometry.positions[i], products[i], weights[i]);
    }
    let [products, weights] = grid.at_lattice(&ball, n);
    let positions = ball.points.iter().map(|p| p.map(f32::from)).collect();
    let lattice = (0..ball.points.len() as u32).collect();
    let label = geometry.label ^ (0x6c61_7474_6963_6500 + band as u64);
    let geometry = SampleGeometry::new(n, band, positions, Some(lattice), label)
        .expect("a half ball is in the order of its shells");
    let weights = weights.iter().map(|w| w.re.max(0.0)).collect();
    (Arc::new(geometry), products, weights)
}

/// Products and weights spread over a padded lattice, wrapped around `side` points along each axis.
struct Spread {
    side: usize,
    products: Array3<Complex32>,
    weights: Array3<Complex32>,
}

impl Spread {
    fn new(side: usize) -> Self {
        let zeros = Array3::from_elem((side, side, side), Complex32::default());
        Self {
            side,
            products: zeros.clone(),
            weights: zeros,
        }
    }

    /// Adds a sample and its Friedel mate.
    fn add(&mut self, position: [f32; 3], product: Complex32, weight: f32) {
        let scaled = position.map(|c| c * PADDING as f32);
        for (place, product) in [(scaled, product), (scaled.map(|c| -c), product.conj())] {
            let cell = place.map(f32::floor);
            let fraction: [f32; 3] = std::array::from_fn(|k| place[k] - cell[k]);
            for corner in 0..8_usize {
                let side = [corner & 1, corner >> 1 & 1, corner >> 2];
                let mut share = 1.0;
                let mut at = [0_usize; 3];
                for k in 0..3 {
                    share *= if side[k] == 1 {
                        fraction[k]
                    } else {
                        1.0 - fraction[k]
                    };
                    let index = cell[k] as isize + side[k] as isize;
                    at[k] = index.rem_euclid(self.side as isize) as usize;
                }
                let at = [at[2], at[1], at[0]];
                self.products[at] += product * share;
                self.weights[at] += Complex32::new(weight * share, 0.0);
            }
        }
    }

    /// The sums at lattice points: cut to the unpadded box in real space, without the envelope of the spreading.
    fn at_lattice(mut self, ball: &HalfBall, n: usize) -> [Vec<Complex32>; 2] {
        let _ = n;
        let (side, cut) = (self.side, self.side / PADDING);
        let plan = ComplexFft3::plan([side; 3]);
        let back = ComplexFft3::plan([cut; 3]);
        let envelope: Vec<f32> = (0..cut)
            .map(|i| thon_signal::fft::signed_index(i, cut) as f64 / side as f64)
            .map(|r| sinc(r).powi(2) as f32)
            .collect();
        [&mut self.products, &mut self.weights].map(|field| {
            plan.inverse_in_place(field.as_slice_mut().expect("standard layout"));
            let wrap = |i: usize| {
                let signed = thon_signal::fft::signed_index(i, cut);
                signed.rem_euclid(side as isize) as usize
            };
            let mut small = Array3::from_shape_fn((cut, cut, cut), |(z, y, x)| {
                let value = field[[wrap(z), wrap(y), wrap(x)]];
                value / (envelope[z] * envelope[y] * envelope[x])
            });
            back.forward_in_place(small.as_slice_mut().expect("standard layout"));
            let scale = (PADDING * PADDING * PADDING) as f32;
            let points = ball.points.iter();
            points
                .map(|p| {
                    let at = p.map(|c| (c as isize).rem_euclid(cut as isize) as usize);
                    small[[at[2], at[1], at[0]]] * scale
                })
                .collect()
        })
    }
}

//! Samples on slices brought to the lattice of a low band, for the search.
//!
//! The reference is compact, so its value between lattice points is a sum over lattice points; the likelihood of samples
//! on slices is then that of products brought to the lattice by the adjoint of interpolation. Products and weights are
//! spread trilinearly in a space padded twice, taken to real space, cut to the box, divided by sinc² and transformed
//! back. Each keeps the sum over samples; weights may come out slightly negative between slices. For |V|² this is approximate (it varies twice as fast as V), which a search
//! over a low band can afford; polishing uses the samples themselves.

use std::sync::Arc;

use ndarray::Array3;
use num_complex::Complex32;
use thon_signal::fft::{ComplexFft3, signed_index};

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
    let range = geometry.count_to(0)..reach;
    // Both go through one transform in single precision: bring them to one scale.
    let power: f64 = products[range.clone()]
        .iter()
        .map(|d| f64::from(d.norm_sqr()))
        .sum();
    let square: f64 = weights[range.clone()]
        .iter()
        .map(|w| f64::from(w * w))
        .sum();
    let scale = (power / square.max(f64::MIN_POSITIVE))
        .sqrt()
        .clamp(1e-15, 1e15) as f32;
    let mut grid = Spread::new(side);
    for i in range {
        grid.add(geometry.positions[i], products[i], weights[i] * scale);
    }
    let (products, mut weights) = grid.at_lattice(&ball);
    for weight in &mut weights {
        *weight /= scale;
    }
    let positions = ball.points.iter().map(|p| p.map(f32::from)).collect();
    let lattice = (0..ball.points.len() as u32).collect();
    let label = geometry.label ^ (0x6c61_7474_6963_6500 + band as u64);
    let geometry = SampleGeometry::new(n, band, positions, Some(lattice), label)
        .expect("a half ball is in the order of its shells");
    (Arc::new(geometry), products, weights)
}

/// Products (real fields' transforms) and weights spread over a padded lattice, wrapped around `side` points along each
/// axis. With the mates both are transforms of real fields, so one complex field holds products + i · weights.
struct Spread {
    side: usize,
    field: Array3<Complex32>,
}

impl Spread {
    fn new(side: usize) -> Self {
        Self {
            side,
            field: Array3::from_elem((side, side, side), Complex32::default()),
        }
    }

    /// Adds a sample and its Friedel mate.
    fn add(&mut self, position: [f32; 3], product: Complex32, weight: f32) {
        let scaled = position.map(|c| c * PADDING as f32);
        let both = Complex32::new(0.0, weight);
        self.add_one(scaled, product + both);
        self.add_one(scaled.map(|c| -c), product.conj() + both);
    }

    fn add_one(&mut self, place: [f32; 3], value: Complex32) {
        let cell = place.map(f32::floor);
        let fraction: [f32; 3] = std::array::from_fn(|k| place[k] - cell[k]);
        let wrap = |k: usize, one: usize| {
            (cell[k] as isize + one as isize).rem_euclid(self.side as isize) as usize
        };
        let share = |k: usize, one: usize| [1.0 - fraction[k], fraction[k]][one];
        for corner in 0..8_usize {
            let [x, y, z] = [corner & 1, corner >> 1 & 1, corner >> 2];
            let share = share(0, x) * share(1, y) * share(2, z);
            self.field[[wrap(2, z), wrap(1, y), wrap(0, x)]] += value * share;
        }
    }

    /// Products and weights at lattice points: cut to the unpadded box in real space, softly, without the envelope of the
    /// spreading.
    fn at_lattice(mut self, ball: &HalfBall) -> (Vec<Complex32>, Vec<f32>) {
        let (side, cut) = (self.side, self.side / PADDING);
        let field = self.field.as_slice_mut().expect("standard layout");
        ComplexFft3::plan([side; 3]).inverse_in_place(field);
        let signed: Vec<isize> = (0..cut).map(|i| signed_index(i, cut)).collect();
        let wrap = |i: usize| signed[i].rem_euclid(side as isize) as usize;
        // Where a voxel lies, in boxes from the centre.
        let place = |i: usize| signed[i] as f64 / cut as f64;
        let envelope = |i: usize| sinc(place(i) / PADDING as f64).powi(2);
        let scale = PADDING.pow(3) as f64;
        let mut small = Array3::from_shape_fn((cut, cut, cut), |(z, y, x)| {
            let radius = place(x).hypot(place(y)).hypot(place(z));
            let gain = scale * soft(radius) / (envelope(z) * envelope(y) * envelope(x));
            self.field[[wrap(z), wrap(y), wrap(x)]] * gain as f32
        });
        let field = small.as_slice_mut().expect("standard layout");
        ComplexFft3::plan([cut; 3]).forward_in_place(field);
        let at = |p: [i16; 3]| {
            let [x, y, z] = p.map(|c| isize::from(c).rem_euclid(cut as isize) as usize);
            small[[z, y, x]]
        };
        let (mut products, mut weights) = (Vec::new(), Vec::new());
        for point in &ball.points {
            // F(k) = P + iW, F(−k) = P̄ + iW with W real: both have the symmetry of real fields.
            let (here, mate) = (at(*point), at(point.map(|c| -c)).conj());
            products.push((here + mate) * 0.5);
            let weight = (here - mate) * Complex32::new(0.0, -0.5);
            weights.push(weight.re);
        }
        (products, weights)
    }
}

/// 1 to 0.4 boxes from the centre, 0 from 0.5 on, half a cosine between.
fn soft(radius: f64) -> f64 {
    let x = ((radius - 0.4) / 0.1).clamp(0.0, 1.0);
    0.5 + 0.5 * (std::f64::consts::PI * x).cos()
}

#[cfg(test)]
mod tests {
    use crate::simulated::phantom;
    use crate::simulated::slices;
    use crate::{Placement, Reference, log_likelihood};

    #[test]
    fn likelihoods_on_the_lattice_are_those_on_slices() {
        let n = 32;
        let reference = Reference::new(&phantom(n, 1), n).unwrap();
        let truth = Placement::default().moved(&[0.9, -0.4, 1.3, 1.0, -0.5, 0.7]);
        let data = slices(&reference, &truth, 9, 21, 60.0, 0.05);
        let lattice = data.on_lattice(6);
        assert!(lattice.geometry.lattice.is_some());
        let (mut slices, mut lattices) = (Vec::new(), Vec::new());
        for i in 0..200 {
            let x: [f64; 6] = std::array::from_fn(|k| ((13 * i + 5 * k) as f64).sin());
            let step = std::array::from_fn(|k| x[k] * if k < 3 { 0.7 } else { 2.0 });
            let placement = truth.moved(&step);
            slices.push(log_likelihood(&reference, &data, &placement, 6));
            lattices.push(log_likelihood(&reference, &lattice, &placement, 6));
        }
        let mean = slices.iter().sum::<f64>() / 200.0;
        let spread: f64 = slices.iter().map(|v| (v - mean).powi(2)).sum();
        // A constant (what leaks over the rim of the band) does not matter among poses.
        let offset = lattices.iter().sum::<f64>() / 200.0 - mean;
        let pairs = slices.iter().zip(&lattices);
        let away: f64 = pairs.map(|(a, b)| (a + offset - b).powi(2)).sum();
        println!("away {:.3} of the spread", (away / spread).sqrt());
        assert!((away / spread).sqrt() < 0.06, "{}", (away / spread).sqrt());
        let best = log_likelihood(&reference, &lattice, &truth, 6);
        assert!(lattices.iter().filter(|v| **v > best).count() < 4);
    }
}

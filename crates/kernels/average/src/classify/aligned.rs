//! Particles turned into the frame of the reference, on the lattice of a small box: what classification at fixed poses
//! works on.
//!
//! With placement (A, t) of a particle and its whitened samples D(q), W(q), a map V on the lattice has
//!
//! ln L = 2 Re ⟨Z, V⟩ − ⟨W', |V|²⟩  over half the lattice, where
//!
//! u(r) = Σ_q D(q) e^(2πi q·t/n) e^(2πi (A⁻¹q)·r/n),  Z = transform of u over the number of voxels,
//!
//! which is exact (the adjoint of evaluating V between lattice points), and W' are the weights spread over the eight
//! lattice points around A⁻¹q. A mask on the maps is a mask on u. The box is cropped in Fourier space to the band, so a
//! particle costs one transform of a small box.

use glam::DVec3;
use num_complex::Complex32;
use thon_likelihood::{HalfBall, Placement, Whitened};
use thon_signal::fft::{Fft3, next_fast_even_length, wrapped_index};

/// The lattice particles are turned onto.
pub struct AlignmentFrame {
    /// Lattice points that count.
    pub ball: HalfBall,
    /// Edge of the cropped box, voxels.
    edge: usize,
    /// Real-space factors: inverse of the interpolation's envelope, times the mask.
    factors: Vec<f32>,
    plan: Fft3,
    padded_plan: Fft3,
}

/// One particle in the frame of the reference.
#[derive(Clone, Debug)]
pub struct AlignedParticle {
    /// Re Z of every point of the ball, then Im Z.
    pub data: Vec<f32>,
    /// W' of every point.
    pub weights: Vec<f32>,
}

impl AlignmentFrame {
    /// A frame for samples up to `band`; `mask` gives the factor at a position in units of the box's edge (x, y, z in
    /// −0.5 … 0.5), 1 for no mask.
    pub fn new(band: usize, mask: impl Fn([f64; 3]) -> f32) -> Self {
        let edge = next_fast_even_length(2 * band + 6);
        let padded = 2 * edge;
        let centred = |i: usize| i as f64 - (edge / 2) as f64;
        let envelope: Vec<f64> = (0..edge)
            .map(|i| {
                let x = std::f64::consts::PI * centred(i) / padded as f64;
                if x == 0.0 { 1.0 } else { (x.sin() / x).powi(2) }
            })
            .collect();
        let factors = (0..edge.pow(3))
            .map(|i| {
                let (x, y, z) = (i % edge, i / edge % edge, i / edge / edge);
                let position = [x, y, z].map(|v| centred(v) / edge as f64);
                mask(position) / (envelope[x] * envelope[y] * envelope[z]) as f32
            })
            .collect();
        Self {
            ball: HalfBall::new(band),
            edge,
            factors,
            plan: Fft3::plan([edge; 3]),
            padded_plan: Fft3::plan([padded; 3]),
        }
    }

    /// Turns a particle. Samples beyond the band are left out.
    pub fn align(&self, particle: &Whitened, placement: Placement) -> AlignedParticle {
        let edge = self.edge;
        let padded = 2 * edge;
        let half = padded / 2 + 1;
        let mut grid = vec![Complex32::default(); padded * padded * half];
        let mut lattice = vec![0.0_f32; edge * edge * (edge / 2 + 1)];
        let geometry = &particle.geometry;
        let back = placement.rotation.conjugate();
        let turn = std::f64::consts::TAU / geometry.box_size as f64;
        let count = geometry.count_to(self.ball.band);
        for i in 0..count {
            let q = DVec3::from_array(geometry.positions[i].map(f64::from));
            let (sin, cos) = (turn * q.dot(placement.shift)).sin_cos();
            let mut value = particle.products[i] * Complex32::new(cos as f32, sin as f32);
            let mut p = back * q;
            if p.x < 0.0 {
                p = -p;
                value = value.conj();
            }
            spread(p * 2.0, padded, |index, share| grid[index] += value * share);
            spread(p, edge, |index, share| {
                lattice[index] += particle.weights[i] * share;
            });
        }
        complete(&mut grid, padded);
        complete(&mut lattice, edge);
        let spectrum = self.cropped(&mut grid);
        self.collect(&spectrum, &lattice)
    }

    /// Padded samples → spectrum of the cropped box, centred phases.
    fn cropped(&self, grid: &mut [Complex32]) -> Vec<Complex32> {
        let (edge, padded) = (self.edge, 2 * self.edge);
        let mut field = vec![0.0; padded.pow(3)];
        self.padded_plan.inverse_into(grid, &mut field);
        // The inverse is normalised by the padded box; Z by the cropped one.
        let scale = (padded.pow(3) as f64 / edge.pow(3) as f64) as f32;
        let wrap = |i: usize, n: usize| (i + n - edge / 2) % n;
        let mut cut = vec![0.0; edge.pow(3)];
        for z in 0..edge {
            for y in 0..edge {
                for x in 0..edge {
                    let from = (wrap(z, padded) * padded + wrap(y, padded)) * padded;
                    let to = (wrap(z, edge) * edge + wrap(y, edge)) * edge;
                    let factor = self.factors[(z * edge + y) * edge + x];
                    cut[to + wrap(x, edge)] = field[from + wrap(x, padded)] * factor * scale;
                }
            }
        }
        let mut spectrum = vec![Complex32::default(); edge * edge * (edge / 2 + 1)];
        self.plan.forward_into(&cut, &mut spectrum);
        spectrum
    }

    fn collect(&self, spectrum: &[Complex32], lattice: &[f32]) -> AlignedParticle {
        let points = self.ball.points.len();
        let mut data = vec![0.0; 2 * points];
        let mut weights = vec![0.0; points];
        for (i, point) in self.ball.points.iter().enumerate() {
            let index = self.index(*point);
            data[i] = spectrum[index].re;
            data[points + i] = spectrum[index].im;
            weights[i] = lattice[index];
        }
        AlignedParticle { data, weights }
    }

    /// Where a point of the ball lies in a half spectrum of the cropped box.
    fn index(&self, [x, y, z]: [i16; 3]) -> usize {
        let wrap = |v: i16| wrapped_index(v as isize, self.edge);
        (wrap(z) * self.edge + wrap(y)) * (self.edge / 2 + 1) + x as usize
    }
}

/// Shares of a position with x ≥ 0, in steps of a grid of `n`, for its eight neighbours in a half spectrum.
fn spread(p: DVec3, n: usize, mut add: impl FnMut(usize, f32)) {
    let floor = p.floor();
    let f = p - floor;
    let half = n / 2 + 1;
    for corner in 0..8_usize {
        let d = DVec3::new(
            (corner & 1) as f64,
            (corner >> 1 & 1) as f64,
            (corner >> 2) as f64,
        );
        let at = floor + d;
        let share = (1.0 - (f - d).abs()).element_product() as f32;
        let wrap = |v: f64| wrapped_index(v as isize, n);
        add((wrap(at.z) * n + wrap(at.y)) * half + at.x as usize, share);
    }
}

/// Values that have a Friedel mate.
trait Mate: Copy + std::ops::AddAssign {
    fn mate(self) -> Self;
}
impl Mate for Complex32 {
    fn mate(self) -> Self {
        self.conj()
    }
}
impl Mate for f32 {
    fn mate(self) -> Self {
        self
    }
}

/// Adds to the plane x = 0 what the other half of the samples would have put there.
fn complete<T: Mate>(grid: &mut [T], n: usize) {
    let half = n / 2 + 1;
    for z in 0..n {
        for y in 0..n {
            let (here, there) = (z * n + y, (n - z) % n * n + (n - y) % n);
            if here > there {
                continue;
            }
            let (a, b) = (grid[here * half], grid[there * half]);
            grid[here * half] += b.mate();
            if here != there {
                grid[there * half] += a.mate();
            }
        }
    }
}

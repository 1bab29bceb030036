//! Fits a few thousand equal Gaussians to a density map and prints them in the text form of `thon_simulate::Phantom`.
//!
//! `cargo run -p thon-simulate --example fit_pseudo_atoms -- MAP.mrc COUNT SIGMA BLUR ITERATIONS > OUT.txt`
//!
//! The map (MRC mode 2, little-endian, cubic, an even number of voxels) is sampled twice as finely by Fourier padding
//! and relieved of a Gaussian blur of standard deviation BLUR (Å; soft edge from 0.9 Nyquist); points are strewn over its density at a minimum distance, and positions and weights descend the squared difference
//! (Adam). Weights are scaled to the excess potential of a bacterial ribosome, 6·10⁶ V·Å³ in all, and positions are
//! taken from the centre of mass. This is how `testdata/ribosome_70s.txt` was made (see `testdata/README.md`).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a program run by hand: a failure may stop it"
)]

use ndarray::Array3;
use rand::RngExt;
use rayon::prelude::*;
use thon_compute::seed_stream;
use thon_signal::fft::{Complex32, Fft3, frequency};

/// Excess potential of the whole particle over ice, V·Å³: 2.4·10⁶ Å³ at 2.5 V.
const TOTAL_POTENTIAL: f64 = 6.0e6;

struct Fit {
    /// x, y, z in fine voxels, weight.
    atoms: Vec<[f64; 4]>,
    sigma: f64,
}

fn read_map(path: &str) -> (Array3<f32>, f64) {
    let bytes = std::fs::read(path).unwrap();
    let word = |i: usize| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap());
    let n = word(0) as usize;
    assert!(
        word(1) as usize == n && word(2) as usize == n && word(3) == 2,
        "a cubic MRC of mode 2"
    );
    let start = 1024 + word(23) as usize;
    let data: Vec<f32> = bytes[start..]
        .chunks_exact(4)
        .take(n * n * n)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    let voxel = f64::from(f32::from_bits(word(10))) / n as f64;
    (Array3::from_shape_vec((n, n, n), data).unwrap(), voxel)
}

/// Twice the sampling by zero padding of the spectrum (Nyquist planes dropped), without the blur of `blur` voxels.
fn refine(map: &Array3<f32>, blur: f64) -> Array3<f32> {
    let n = map.dim().0;
    let spectrum = Fft3::plan([n; 3]).forward(map);
    let mut fine = Array3::<Complex32>::zeros((2 * n, 2 * n, n + 1));
    let place = |i: usize| if i < n / 2 { i } else { i + n };
    for z in (0..n).filter(|z| *z != n / 2) {
        for y in (0..n).filter(|y| *y != n / 2) {
            for x in 0..n / 2 {
                let squared =
                    frequency(z, n).powi(2) + frequency(y, n).powi(2) + frequency(x, n).powi(2);
                let edge = ((0.5 - squared.sqrt()) / 0.05).clamp(0.0, 1.0);
                let soft = 0.5 - 0.5 * (std::f64::consts::PI * edge).cos();
                let sharp = (2.0 * std::f64::consts::PI.powi(2) * blur * blur * squared).exp();
                fine[[place(z), place(y), x]] = spectrum[[z, y, x]] * (soft * sharp) as f32;
            }
        }
    }
    Fft3::plan([2 * n; 3]).inverse(&fine).mapv(|v| v * 8.0)
}

/// Points at least `distance` fine voxels apart, drawn in random order with probability growing with density.
fn strew(map: &Array3<f32>, count: usize, sigma: f64) -> Vec<[f64; 4]> {
    let mut random = seed_stream(70, "fit_pseudo_atoms", 0);
    let peak = map.iter().copied().fold(0.0, f32::max);
    let mut order: Vec<(f64, [usize; 3])> = map
        .indexed_iter()
        .filter(|(_, v)| **v > 0.08 * peak)
        .map(|((z, y, x), v)| {
            let draw: f64 = random.random();
            (-draw.max(1e-12).ln() / f64::from(*v), [x, y, z])
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let volume = order.len() as f64;
    let mut distance = 0.95 * (volume / count as f64).cbrt();
    loop {
        let mut chosen: Vec<[f64; 4]> = Vec::new();
        for (_, xyz) in &order {
            let p = xyz.map(|c| c as f64);
            let near = |q: &[f64; 4]| {
                (q[0] - p[0]).powi(2) + (q[1] - p[1]).powi(2) + (q[2] - p[2]).powi(2)
                    < distance * distance
            };
            if chosen.len() < count && !chosen.iter().any(near) {
                let density = f64::from(map[[xyz[2], xyz[1], xyz[0]]]);
                let weight = density * volume / count as f64;
                chosen.push([p[0], p[1], p[2], weight.max(sigma)]);
            }
        }
        if chosen.len() == count {
            return chosen;
        }
        distance *= 0.97;
    }
}

impl Fit {
    fn reach(&self) -> i64 {
        (4.0 * self.sigma).ceil() as i64
    }

    /// Calls `f(voxel, offset, unit Gaussian)` over the voxels near an atom.
    fn around(&self, atom: &[f64; 4], n: usize, mut f: impl FnMut([usize; 3], [f64; 3], f64)) {
        let norm = (2.0 * std::f64::consts::PI).powf(-1.5) / self.sigma.powi(3);
        let falloff = 0.5 / (self.sigma * self.sigma);
        let reach = self.reach();
        let window = |c: f64| {
            let middle = c.round() as i64;
            ((middle - reach).max(0)..=(middle + reach).min(n as i64 - 1)).map(move |i| {
                let d = i as f64 - c;
                (i as usize, d, (-falloff * d * d).exp())
            })
        };
        let xs: Vec<_> = window(atom[0]).collect();
        for (z, dz, gz) in window(atom[2]) {
            for (y, dy, gy) in window(atom[1]) {
                for &(x, dx, gx) in &xs {
                    f([z, y, x], [dx, dy, dz], norm * gz * gy * gx);
                }
            }
        }
    }

    fn render(&self, n: usize) -> Array3<f32> {
        let mut out = Array3::zeros((n, n, n));
        for atom in &self.atoms {
            self.around(atom, n, |voxel, _, g| out[voxel] += (atom[3] * g) as f32);
        }
        out
    }

    /// Gradient of Σ (model − map)² / 2 for every atom.
    fn gradient(&self, difference: &Array3<f32>) -> Vec<[f64; 4]> {
        let n = difference.dim().0;
        self.atoms
            .par_iter()
            .map(|atom| {
                let mut sum = [0.0; 4];
                self.around(atom, n, |voxel, d, g| {
                    let pull = f64::from(difference[voxel]) * g;
                    for (s, d) in sum.iter_mut().zip(d) {
                        *s += pull * atom[3] * d / (self.sigma * self.sigma);
                    }
                    sum[3] += pull;
                });
                sum
            })
            .collect()
    }

    fn descend(&mut self, map: &Array3<f32>, iterations: usize) {
        let n = map.dim().0;
        let mean = self.atoms.iter().map(|a| a[3]).sum::<f64>() / self.atoms.len() as f64;
        let (mut first, mut second) = (
            vec![[0.0; 4]; self.atoms.len()],
            vec![[0.0; 4]; self.atoms.len()],
        );
        let power: f64 = map.iter().map(|v| f64::from(*v).powi(2)).sum();
        for iteration in 1..=iterations {
            let difference = self.render(n) - map;
            if iteration % 20 == 1 || iteration == iterations {
                let rest: f64 = difference.iter().map(|v| f64::from(*v).powi(2)).sum();
                eprintln!("iteration {iteration}: residual power {:.5}", rest / power);
            }
            let decay = 1.0 - 0.9 * iteration as f64 / iterations as f64;
            let rate = [
                0.08 * decay,
                0.08 * decay,
                0.08 * decay,
                0.04 * mean * decay,
            ];
            let corrections = [
                1.0 - 0.9f64.powi(iteration as i32),
                1.0 - 0.99f64.powi(iteration as i32),
            ];
            for (i, gradient) in self.gradient(&difference).into_iter().enumerate() {
                for c in 0..4 {
                    first[i][c] = 0.9 * first[i][c] + 0.1 * gradient[c];
                    second[i][c] = 0.99 * second[i][c] + 0.01 * gradient[c] * gradient[c];
                    let step = first[i][c] / corrections[0];
                    self.atoms[i][c] -=
                        rate[c] * step / ((second[i][c] / corrections[1]).sqrt() + 1e-12);
                }
                self.atoms[i][3] = self.atoms[i][3].max(0.02 * mean);
            }
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, count, sigma, blur, iterations] = &arguments[..] else {
        eprintln!("usage: fit_pseudo_atoms MAP.mrc COUNT SIGMA(Å) BLUR(Å) ITERATIONS");
        std::process::exit(2);
    };
    let (map, voxel) = read_map(path);
    let blur: f64 = blur.parse().unwrap();
    let fine = refine(&map, blur / voxel);
    let sigma_angstrom: f64 = sigma.parse().unwrap();
    let sigma = sigma_angstrom / (0.5 * voxel);
    let mut fit = Fit {
        atoms: strew(&fine, count.parse().unwrap(), sigma),
        sigma,
    };
    fit.descend(&fine, iterations.parse().unwrap());
    let total: f64 = fit.atoms.iter().map(|a| a[3]).sum();
    let centre = [0, 1, 2].map(|c| fit.atoms.iter().map(|a| a[3] * a[c]).sum::<f64>() / total);
    eprintln!(
        "centre of mass {centre:?} of {}, voxel {} Å",
        fine.dim().0,
        0.5 * voxel
    );
    println!("thon-pseudo-atoms 1");
    println!("sigma {sigma_angstrom}");
    println!("# x y z in 0.1 Å from the centre of mass, weight in V·Å³");
    let mut lines: Vec<[i64; 4]> = fit
        .atoms
        .iter()
        .map(|a| {
            let at = |c: usize| ((a[c] - centre[c]) * 0.5 * voxel * 10.0).round() as i64;
            [
                at(0),
                at(1),
                at(2),
                (a[3] / total * TOTAL_POTENTIAL).round() as i64,
            ]
        })
        .collect();
    lines.sort_unstable();
    for [x, y, z, weight] in lines {
        println!("{x} {y} {z} {weight}");
    }
}

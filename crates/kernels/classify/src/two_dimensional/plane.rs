//! Images and their Fourier transforms: on the lattice of the box, and twice padded for values between.
//!
//! Transforms are sums over pixels, phases counted from pixel ⌊n/2⌋. The padded transform is interpolated bilinearly,
//! with the envelope of the interpolation (sinc² of the distance from the centre) divided out of the image beforehand;
//! [`Plane::scatter`] is the exact transpose of [`Plane::gather`], so that turning an image to a template and an image
//! back into an average are each other's adjoint.

use num_complex::Complex32;
use thon_signal::fft::Fft2;

use super::HalfDisc;

/// Plans for images of one box.
#[derive(Clone)]
pub(crate) struct Plane {
    n: usize,
    lattice: Fft2,
    padded: Fft2,
    /// One over the envelope of the interpolation along one axis.
    correction: Vec<f32>,
}

impl Plane {
    pub fn new(n: usize) -> Self {
        let centre = (n / 2) as f64;
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { x.sin() / x };
        let correction = (0..n)
            .map(|i| {
                (sinc(std::f64::consts::PI * (i as f64 - centre) / (2 * n) as f64).powi(-2)) as f32
            })
            .collect();
        Self {
            n,
            lattice: Fft2::plan([n, n]),
            padded: Fft2::plan([2 * n, 2 * n]),
            correction,
        }
    }

    pub fn box_size(&self) -> usize {
        self.n
    }

    /// Elements of a padded half spectrum `[2n, n + 1]`.
    pub fn padded_len(&self) -> usize {
        2 * self.n * (self.n + 1)
    }

    /// Position of pixel i of the box on an axis of `length` whose first element is the centre.
    fn wrapped(&self, i: usize, length: usize) -> usize {
        (i + length - self.n / 2) % length
    }

    /// The transform of an image `[n, n]` at the points of a half disc.
    pub fn transform(&self, image: &[f32], disc: &HalfDisc) -> Vec<Complex32> {
        let n = self.n;
        let mut turned = vec![0.0; n * n];
        for (y, row) in image.chunks_exact(n).enumerate() {
            let target = self.wrapped(y, n) * n;
            for (x, value) in row.iter().enumerate() {
                turned[target + self.wrapped(x, n)] = *value;
            }
        }
        let half = n / 2 + 1;
        let mut spectrum = vec![Complex32::default(); n * half];
        self.lattice.forward_into(&turned, &mut spectrum);
        let at = |p: &[i16; 2]| {
            spectrum[(p[1] as isize).rem_euclid(n as isize) as usize * half + p[0] as usize]
        };
        disc.points.iter().map(at).collect()
    }

    /// The image whose transform is given at the points of a half disc and zero elsewhere.
    pub fn image(&self, values: &[Complex32], disc: &HalfDisc) -> Vec<f32> {
        let n = self.n;
        let half = n / 2 + 1;
        let mut spectrum = vec![Complex32::default(); n * half];
        let row = |y: i16| (y as isize).rem_euclid(n as isize) as usize * half;
        for ([x, y], value) in disc.points.iter().zip(values) {
            spectrum[row(*y) + *x as usize] = *value;
            if *x == 0 {
                spectrum[row(-*y)] = value.conj();
            }
        }
        let mut turned = vec![0.0; n * n];
        self.lattice.inverse_into(&mut spectrum, &mut turned);
        let mut image = vec![0.0; n * n];
        for (y, row) in image.chunks_exact_mut(n).enumerate() {
            let from = self.wrapped(y, n) * n;
            for (x, value) in row.iter_mut().enumerate() {
                *value = turned[from + self.wrapped(x, n)];
            }
        }
        image
    }

    /// The padded transform of an image, ready for [`Plane::gather`].
    pub fn pad(&self, image: &[f32]) -> Vec<Complex32> {
        let (n, m) = (self.n, 2 * self.n);
        let mut field = vec![0.0; m * m];
        for (y, row) in image.chunks_exact(n).enumerate() {
            let target = self.wrapped(y, m) * m;
            for (x, value) in row.iter().enumerate() {
                field[target + self.wrapped(x, m)] =
                    value * self.correction[y] * self.correction[x];
            }
        }
        let mut spectrum = vec![Complex32::default(); self.padded_len()];
        self.padded.forward_into(&field, &mut spectrum);
        spectrum
    }

    /// The image `[n, n]` that a sum of [`Plane::scatter`] over one whole half disc per turn stands for.
    pub fn unpad(&self, mut sum: Vec<Complex32>) -> Vec<f32> {
        let (n, m) = (self.n, 2 * self.n);
        let mut field = vec![0.0; m * m];
        self.padded.inverse_into(&mut sum, &mut field);
        let mut image = vec![0.0; n * n];
        for (y, row) in image.chunks_exact_mut(n).enumerate() {
            let from = self.wrapped(y, m) * m;
            for (x, value) in row.iter_mut().enumerate() {
                // The padded plane has four points for each of the lattice.
                let scale = 4.0 * self.correction[y] * self.correction[x];
                *value = field[from + self.wrapped(x, m)] * scale;
            }
        }
        image
    }

    /// The four neighbours of a position (cycles per box) and their weights; true when the mate was taken.
    fn neighbours(&self, position: [f32; 2]) -> ([usize; 4], [f32; 4], bool) {
        let m = 2 * self.n;
        let (mut x, mut y) = (2.0 * position[0], 2.0 * position[1]);
        let mate = x < 0.0;
        if mate {
            (x, y) = (-x, -y);
        }
        let (fx, fy) = (x.floor(), y.floor());
        let (dx, dy) = (x - fx, y - fy);
        let half = self.n + 1;
        let column = (fx as usize).min(half - 2);
        let wrap = |y: i32| if y < 0 { (y + m as i32) as usize } else { y as usize } * half + column;
        let (low, high) = (wrap(fy as i32), wrap(fy as i32 + 1));
        let weights = [
            (1.0 - dx) * (1.0 - dy),
            dx * (1.0 - dy),
            (1.0 - dx) * dy,
            dx * dy,
        ];
        ([low, low + 1, high, high + 1], weights, mate)
    }

    /// The value of a padded transform at a position in cycles per box, |position| < n/2.
    pub fn gather(&self, padded: &[Complex32], position: [f32; 2]) -> Complex32 {
        let (at, weights, mate) = self.neighbours(position);
        let mut value = Complex32::default();
        for (i, w) in at.iter().zip(weights) {
            value += padded[*i] * w;
        }
        if mate { value.conj() } else { value }
    }

    /// As [`Plane::scatter`] for a weight, the same at a point and its mate.
    pub fn scatter_weight(&self, sum: &mut [f32], position: [f32; 2], value: f32) {
        let (at, weights, _) = self.neighbours(position);
        let half = self.n + 1;
        for (i, w) in at.iter().zip(weights) {
            sum[*i] += value * w;
            if i % half == 0 {
                let y = i / half;
                let mirrored = if y == 0 { 0 } else { 2 * self.n - y };
                sum[mirrored * half] += value * w;
            }
        }
    }

    /// Adds a value to a padded sum: the transpose of [`Plane::gather`].
    pub fn scatter(&self, sum: &mut [Complex32], position: [f32; 2], value: Complex32) {
        let (at, weights, mate) = self.neighbours(position);
        let value = if mate { value.conj() } else { value };
        let half = self.n + 1;
        for (i, w) in at.iter().zip(weights) {
            sum[*i] += value * w;
            if i % half == 0 {
                // The mate of this neighbour lies in the half that is kept as well.
                let y = i / half;
                let mirrored = if y == 0 { 0 } else { 2 * self.n - y };
                sum[mirrored * half] += value.conj() * w;
            }
        }
    }
}

/// A soft disc `[n, n]`: 1 within `radius` pixels of the centre, a cosine edge of `edge` pixels outside.
pub(crate) fn soft_disc(n: usize, radius: f64, edge: f64) -> Vec<f32> {
    let centre = (n / 2) as f64;
    let at = |i: usize| {
        let r = ((i % n) as f64 - centre).hypot((i / n) as f64 - centre);
        if r <= radius {
            1.0
        } else if r >= radius + edge {
            0.0
        } else {
            (0.5 + 0.5 * (std::f64::consts::PI * (r - radius) / edge).cos()) as f32
        }
    };
    (0..n * n).map(at).collect()
}

/// A position turned back by an angle: where in the reference what is seen at `point` comes from.
pub(crate) fn turned_back(point: [i16; 2], [cosine, sine]: [f32; 2]) -> [f32; 2] {
    let [x, y] = point.map(f32::from);
    [cosine * x + sine * y, cosine * y - sine * x]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few blobs, `[n, n]`, turned by `angle` about the centre.
    fn blobs(n: usize, angle: f64) -> Vec<f32> {
        let c = (n / 2) as f64;
        let places = [(6.0, 2.0, 1.0), (-4.0, 5.0, -0.7), (1.0, -7.0, 0.5)];
        (0..n * n)
            .map(|i| {
                let (x, y) = ((i % n) as f64 - c, (i / n) as f64 - c);
                let blob = |(bx, by, h): (f64, f64, f64)| {
                    let (u, v) = (
                        bx * angle.cos() - by * angle.sin(),
                        bx * angle.sin() + by * angle.cos(),
                    );
                    h * (-((x - u).powi(2) + (y - v).powi(2)) / 6.0).exp()
                };
                places.iter().map(|p| blob(*p)).sum::<f64>() as f32
            })
            .collect()
    }

    fn difference(a: &[f32], b: &[f32]) -> f32 {
        let sum: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
        (sum / b.iter().map(|b| b * b).sum::<f32>()).sqrt()
    }

    #[test]
    fn a_transform_and_its_inverse_restore_the_image() {
        for n in [32, 33] {
            let (plane, disc) = (Plane::new(n), HalfDisc::new((n - 1) / 2));
            let mut image = blobs(n, 0.0);
            let mean = image.iter().sum::<f32>() / (n * n) as f32;
            for v in &mut image {
                *v -= mean;
            }
            let back = plane.image(&plane.transform(&image, &disc), &disc);
            assert!(difference(&back, &image) < 0.01, "{n}");
        }
    }

    #[test]
    fn a_gathered_turn_is_a_turn_and_a_scattered_one_turns_back() {
        for n in [32, 33] {
            let (plane, disc) = (Plane::new(n), HalfDisc::new((n - 1) / 2));
            for angle in [0.0_f64, 0.3, 2.0, -1.2] {
                let turn = [angle.cos() as f32, angle.sin() as f32];
                let padded = plane.pad(&blobs(n, 0.0));
                let seen: Vec<Complex32> = disc
                    .points
                    .iter()
                    .map(|p| plane.gather(&padded, turned_back(*p, turn)))
                    .collect();
                let expected = plane.transform(&blobs(n, angle), &disc);
                let error: f32 = seen
                    .iter()
                    .zip(&expected)
                    .map(|(a, b)| (a - b).norm_sqr())
                    .sum();
                let power: f32 = expected.iter().map(Complex32::norm_sqr).sum();
                assert!(
                    (error / power).sqrt() < 0.05,
                    "{n} {angle} {}",
                    (error / power).sqrt()
                );
                let mut sum = vec![Complex32::default(); plane.padded_len()];
                for (p, v) in disc.points.iter().zip(&expected) {
                    plane.scatter(&mut sum, turned_back(*p, turn), *v);
                }
                let mut wanted = blobs(n, 0.0);
                let mean = wanted.iter().sum::<f32>() / (n * n) as f32;
                for v in &mut wanted {
                    *v -= mean;
                }
                let back = plane.unpad(sum);
                assert!(
                    difference(&back, &wanted) < 0.15,
                    "{n} {angle} {}",
                    difference(&back, &wanted)
                );
            }
        }
    }

    #[test]
    fn scatter_is_the_transpose_of_gather() {
        let plane = Plane::new(16);
        let weight = |i: usize| Complex32::new((i % 13) as f32 - 6.0, (i % 7) as f32 - 3.0);
        let position = |i: usize| [(i % 11) as f32 * 0.63 - 3.1, (i % 5) as f32 * 1.37 - 2.9];
        let image: Vec<f32> = (0..256).map(|i| ((i * 37) % 19) as f32 - 9.0).collect();
        let padded = plane.pad(&image);
        let mut sum = vec![Complex32::default(); plane.padded_len()];
        let mut seen = 0.0;
        for i in 0..200 {
            seen += (weight(i).conj() * plane.gather(&padded, position(i))).re;
            plane.scatter(&mut sum, position(i), weight(i));
        }
        // Half of the full plane is kept: ⟨A, G V⟩ over points and mates is n² times ⟨unpadded A, V⟩ over pixels.
        let back = plane.unpad(sum);
        let other: f32 = back.iter().zip(&image).map(|(a, b)| a * b).sum::<f32>() * 256.0;
        assert!(
            (2.0 * seen - other).abs() < 1e-3 * other.abs().max(1.0),
            "{seen} {other}"
        );
    }
}

//! What a mask leaves of a CTF whose oscillations carry density out of it.
//!
//! Around k the phase χ of the CTF turns as e^(±2πi k·d) with d = ∇χ/2π: it moves density by ±d. Of a disc of radius R moved
//! by d the share ρ(d/2R) stays inside, ρ(u) = (2/π)(acos u − u √(1 − u²)); the same ρ is the correlation of masked white noise.
//! Hence, seen through the mask, sin χ becomes ρ(d)·sin χ, and the square of the CTF ½(1 − ρ(2d)·cos 2χ): right for the
//! expectation and for the noise of data that were multiplied by their CTF in a larger box.

use std::f64::consts::{PI, TAU};

use thon_ctf::CtfModel;

/// The share of a disc that a shift by `u` of its diameters leaves inside itself.
pub(crate) fn overlap(u: f64) -> f64 {
    if u >= 1.0 {
        0.0
    } else {
        2.0 / PI * (u.acos() - u * (1.0 - u * u).sqrt())
    }
}

/// A CTF seen through a disc.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenThrough<'a> {
    pub(crate) ctf: &'a CtfModel,
    /// Diameter of the disc, Å.
    pub(crate) diameter: f64,
}

impl SeenThrough<'_> {
    /// χ at (kx, ky) cycles/Å, and by how many diameters it moves density.
    fn phase_and_shift(&self, kx: f64, ky: f64) -> (f64, f64) {
        const STEP: f64 = 1e-4;
        let chi = self.ctf.phase(kx, ky).0;
        let k = kx.hypot(ky);
        if k <= 0.0 {
            return (chi, 0.0);
        }
        let next = self.ctf.phase(kx * (1.0 + STEP), ky * (1.0 + STEP)).0;
        let slope = (next - chi) / (k * STEP);
        (chi, slope.abs() / (TAU * self.diameter))
    }

    /// The transfer of an image that was masked as recorded: scale · envelope · ρ · −sin χ.
    pub(crate) fn amplitude(&self, kx: f64, ky: f64) -> f64 {
        let (chi, shift) = self.phase_and_shift(kx, ky);
        -chi.sin() * overlap(shift) * self.ctf.scale() * self.ctf.envelope(kx.hypot(ky))
    }

    /// The squared transfer of an image that was masked after its CTF had been multiplied in a larger box.
    pub(crate) fn square(&self, kx: f64, ky: f64) -> f64 {
        let (chi, shift) = self.phase_and_shift(kx, ky);
        let gain = self.ctf.scale() * self.ctf.envelope(kx.hypot(ky));
        let square = 0.5 * (1.0 - overlap(2.0 * shift) * (2.0 * chi).cos());
        // Rounding at the zeros must not make it negative.
        square.max(0.0) * gain * gain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_model::{Ctf, Optics};
    use thon_signal::fft::{Complex32, Fft2, half_length};
    use thon_units::{Angstrom, PixelSize};

    #[test]
    fn a_disc_overlaps_itself() {
        assert!((overlap(0.0) - 1.0).abs() < 1e-12 && overlap(1.0) == 0.0);
        assert!((overlap(0.5) - 0.391_002_2).abs() < 1e-6);
    }

    /// White noise times the CTF, masked by a disc, has the power that the formula says, ring by ring.
    #[test]
    fn the_power_of_masked_noise_is_as_told() {
        let (n, pixel_size) = (128, 6.0);
        let ctf = CtfModel::new(&Optics::default(), &Ctf::round(Angstrom(45000.0)));
        let (m, radius) = (2 * n, 20.0);
        let mut rings = vec![[0.0_f64; 3]; n / 2];
        let transfer = ctf.half_spectrum(m, m, PixelSize(pixel_size));
        for trial in 0..12 {
            let mut random = thon_compute::seed_stream(trial, "noise", 0);
            let noise: Vec<f32> = (0..m * m)
                .map(|_| rand_distr::Distribution::sample(&rand_distr::StandardNormal, &mut random))
                .collect();
            let plan = Fft2::plan([m, m]);
            let mut spectrum = vec![Complex32::default(); m * half_length(m)];
            plan.forward_into(&noise, &mut spectrum);
            spectrum
                .iter_mut()
                .zip(&transfer)
                .for_each(|(v, t)| *v *= *t);
            let mut image = vec![0.0; m * m];
            plan.inverse_into(&mut spectrum, &mut image);
            let mut cut: Vec<f32> = (0..n * n)
                .map(|i| image[(i / n + n / 2) * m + i % n + n / 2])
                .collect();
            let mut area = 0.0;
            for (i, value) in cut.iter_mut().enumerate() {
                let inside = ((i % n) as f64 - 64.0).hypot((i / n) as f64 - 64.0) <= radius;
                area += f64::from(u8::from(inside));
                *value *= f32::from(u8::from(inside));
            }
            let mut masked = vec![Complex32::default(); n * half_length(n)];
            Fft2::plan([n, n]).forward_into(&cut, &mut masked);
            let seen = SeenThrough {
                ctf: &ctf,
                diameter: 2.0 * radius * pixel_size,
            };
            let step = 1.0 / (n as f64 * pixel_size);
            for (y, x) in (0..n / 2).flat_map(|y| (1..n / 2).map(move |x| (y, x))) {
                let ring = (x as f64).hypot(y as f64).round() as usize;
                let Some(sums) = rings.get_mut(ring) else {
                    continue;
                };
                let (kx, ky) = (x as f64 * step, y as f64 * step);
                sums[0] += f64::from(masked[y * half_length(n) + x].norm_sqr()) / area;
                sums[1] += seen.square(kx, ky);
                sums[2] += ctf.value(kx, ky).powi(2);
            }
        }
        let misfit = |which: usize| -> f64 {
            let of = |r: &[f64; 3]| (r[which] / r[0] - 1.0).powi(2);
            (rings[12..50].iter().map(of).sum::<f64>() / 38.0).sqrt()
        };
        // The plain square of the CTF is far off where its zeros lie closer than the mask resolves.
        assert!(
            misfit(1) < 0.15 && misfit(2) > 2.0 * misfit(1),
            "{} {}",
            misfit(1),
            misfit(2)
        );
    }
}

//! Thon rings as a function of defocus, and how strong they are at each frequency.
//!
//! A slab of thickness t shows ½ [1 − a(k) cos 2χ(k)], a(k) = sinc(π λ k² t) (CTFFIND 5; nodes where k² = n/(λ t)). A tile that
//! is tilted spreads in depth, which multiplies by exp(−½ (2π λ k² σ)²); a ring of finite width by one more sinc. What is left
//! is an envelope of unknown strength: exp(−B k²/2) of the ice and, stronger but lower, that of the molecules in it.
//!
//! ```text
//!   rings(k; d) = −[exp(−B k²/2) + s·exp(−B' k²/2)] · sinc(π λ k² t/cos θ) · exp(−½ (2π λ k² σ)²) · cos 2χ(k; d)
//! ```

use std::f64::consts::PI;

use thon_model::Optics;

/// Least autocorrelation of a window that is made up for.
const LEAST_KEPT: f64 = 0.4;

/// Constants of the microscope as the rings need them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RingOptics {
    /// Wavelength, Å.
    pub wavelength: f64,
    /// Spherical aberration, Å.
    pub spherical_aberration: f64,
    /// Phase at k = 0: amplitude contrast and phase plate, radians.
    pub constant: f64,
}

impl RingOptics {
    /// From the microscope and the phase shift of a phase plate (radians).
    pub fn new(optics: &Optics, phase_shift: f64) -> Self {
        Self {
            wavelength: optics.voltage.electron_wavelength().0,
            spherical_aberration: optics.spherical_aberration.angstrom().0,
            constant: optics.amplitude_contrast.clamp(-1.0, 1.0).asin() + phase_shift,
        }
    }

    /// χ at k (cycles/Å) for underfocus `defocus` (Å).
    pub fn phase(&self, k: f64, defocus: f64) -> f64 {
        let squared = k * k;
        let wavelength = self.wavelength;
        let aberration = 0.5 * self.spherical_aberration * wavelength * wavelength * squared;
        PI * wavelength * squared * (defocus - aberration) + self.constant
    }

    /// Period of the rings at k turned over, Å: the lag of the image's autocorrelation that they are.
    pub fn lag(&self, k: f64, defocus: f64) -> f64 {
        let wavelength = self.wavelength;
        let aberration = self.spherical_aberration * wavelength * wavelength * k * k;
        2.0 * wavelength * k * (defocus - aberration)
    }

    /// The frequency at which underfocus `to` has the phase that underfocus `from` has at `k`; `None` when there is none.
    ///
    /// With s = k², to·s − ½Cs λ² s² is equated, and the root that stays when Cs vanishes is taken.
    pub fn stretched(&self, k: f64, from: f64, to: f64) -> Option<f64> {
        let half = 0.5 * self.spherical_aberration * self.wavelength * self.wavelength;
        let squared = k * k;
        let value = from * squared - half * squared * squared;
        let root = to * to - 4.0 * half * value;
        // 2·value / (to + √…) is the form without cancellation.
        let stretched = 2.0 * value / (to + to.signum() * root.max(0.0).sqrt());
        (root >= 0.0 && stretched.is_finite() && stretched > 0.0).then(|| stretched.sqrt())
    }
}

/// Strength of the rings against frequency, up to a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Envelope {
    /// B of exp(−B k²/2), Å².
    pub b_factor: f64,
    /// Strength of the molecules' rings at k = 0 relative to the ice's, and their B factor, Å².
    pub low: [f64; 2],
    /// Thickness along the beam, Å; 0 for a thin specimen.
    pub path: f64,
    /// Deviation of the depth within a tile, Å.
    pub spread: f64,
}

impl Envelope {
    /// Value at k; negative beyond the first node.
    pub fn value(&self, k: f64, wavelength: f64) -> f64 {
        let squared = k * k;
        let turn = PI * wavelength * squared;
        let spread = 2.0 * turn * self.spread;
        let [share, low] = self.low;
        let envelope =
            (-0.5 * self.b_factor * squared).exp() + share * (-0.5 * low * squared).exp();
        envelope * (-0.5 * spread * spread).exp() * sinc(turn * self.path)
    }
}

/// sin x / x.
pub(crate) fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-6 { 1.0 } else { x.sin() / x }
}

/// How much more rings at a lag (Å) count than their coefficients say, in spectra of tiles under sine windows of a length (Å).
///
/// A window smears spectra; rings and noise lose the same factor at their lag, the window's autocorrelation r = (1 − τ) cos πτ +
/// (1/π) sin πτ with τ = lag / length. Counted as independent, coefficients would have noise without that factor: 1/r² mends
/// it. Lags that hardly fit into a tile are not believed further.
pub(crate) fn window_gain(lag: f64, length: f64) -> f64 {
    if length <= 0.0 {
        return 1.0;
    }
    let share = (lag.abs() / length).min(1.0);
    let turn = PI * share;
    let kept = (1.0 - share) * turn.cos() + turn.sin() / PI;
    kept.max(LEAST_KEPT).powi(-2)
}

/// −cos 2χ averaged over a ring of `width` cycles/Å.
pub(crate) fn ring(optics: &RingOptics, k: f64, width: f64, defocus: f64) -> f64 {
    let slope = 2.0 * PI * optics.wavelength * k * defocus;
    -(2.0 * optics.phase(k, defocus)).cos() * sinc(slope * width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_are_periods_turned_over() {
        let optics = RingOptics::new(&Optics::default(), 0.0);
        let step = 1e-6;
        let slope = (optics.phase(0.15 + step, 3e4) - optics.phase(0.15 - step, 3e4)) / step;
        assert!((optics.lag(0.15, 3e4) - slope / (2.0 * PI)).abs() < 1e-3);
        assert!(window_gain(100.0, 0.0) == 1.0 && (window_gain(0.0, 700.0) - 1.0).abs() < 1e-12);
        // (¾ cos π/4 + sin(π/4)/π)⁻².
        assert!((window_gain(175.0, 700.0) - 1.752).abs() < 0.01);
        assert!(window_gain(-900.0, 700.0) <= 6.25 + 1e-9);
    }

    #[test]
    fn stretching_keeps_the_phase() {
        let optics = RingOptics::new(&Optics::default(), 0.3);
        for (k, from, to) in [
            (0.1, 30000.0, 32000.0),
            (0.25, 21000.0, 18000.0),
            (0.3, 15000.0, 15000.0),
        ] {
            let stretched = optics.stretched(k, from, to).unwrap();
            assert!((optics.phase(stretched, to) - optics.phase(k, from)).abs() < 1e-9);
        }
        assert!(optics.stretched(0.1, 30000.0, -1.0).is_none());
    }

    #[test]
    fn the_node_lies_where_it_should() {
        let wavelength = RingOptics::new(&Optics::default(), 0.0).wavelength;
        let envelope = Envelope {
            b_factor: 100.0,
            low: [2.0, 500.0],
            path: 1500.0,
            spread: 0.0,
        };
        // 1/√(λ·1500) = 5.4 Å (front-half research, C6).
        let node = (1.0 / (wavelength * 1500.0)).sqrt();
        assert!((1.0 / node - 5.43).abs() < 0.02);
        assert!(
            envelope.value(0.99 * node, wavelength) > 0.0
                && envelope.value(1.01 * node, wavelength) < 0.0
        );
    }

    #[test]
    fn rings_are_the_square_of_the_ctf() {
        let optics = RingOptics::new(&Optics::default(), 0.0);
        let model = |k: f64| 0.5 * (1.0 + ring(&optics, k, 0.0, 25000.0));
        let expected = |k: f64| optics.phase(k, 25000.0).sin().powi(2);
        assert!(
            (0..100).all(
                |i| (model(0.002 * f64::from(i)) - expected(0.002 * f64::from(i))).abs() < 1e-9
            )
        );
    }
}

//! The least error that any estimate of defocus can have.
//!
//! ```text
//!   var(D) ≥ 2 / ( π³ λ² A ∫ ρ(g)² g⁵ dg )
//! ```
//! for an image of area A (Å²) whose power spectrum is background · (1 + ρ(g) sin²χ); the Fisher information of exponentially
//! distributed powers of independent coefficients, averaged over the phase of the rings.

use std::f64::consts::PI;

/// Least standard deviation of the mean defocus, Å: rings of relative power `rho(g)` between `band[0]` and `band[1]` cycles/Å
/// in an image of `area` Å².
///
/// ```
/// // 526 × 508 nm, ρ = 0.05 exp(−75 g²), 40–5 Å, 300 kV: 95 Å.
/// let rho = |g: f64| 0.05 * (-75.0 * g * g).exp();
/// let bound = thon_ctf_fit::defocus_bound(5260.0 * 5080.0, 0.019687, [0.025, 0.2], rho);
/// assert!((bound - 95.0).abs() < 3.0, "{bound}");
/// ```
pub fn defocus_bound(area: f64, wavelength: f64, band: [f64; 2], rho: impl Fn(f64) -> f64) -> f64 {
    let steps = 2000;
    let width = (band[1] - band[0]) / f64::from(steps);
    let integral: f64 = (0..steps)
        .map(|i| {
            let g = band[0] + (f64::from(i) + 0.5) * width;
            rho(g).powi(2) * g.powi(5) * width
        })
        .sum();
    (2.0 / (PI.powi(3) * wavelength * wavelength * area * integral)).sqrt()
}

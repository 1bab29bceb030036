//! How strong the rings of a series are at each frequency: envelope and thickness, from the estimates so far.
//!
//! With defocus known, the strength in each ring of the spectrum is a regression on −cos 2χ over all tiles and sectors. The
//! envelope exp(−B k²/2) · sinc(π λ k² t/cos θ) that explains those of all views best, each with its own factor, gives B and the
//! thickness t; its log-likelihood against t = 0 says whether the thickness is seen at all.

use crate::PolarGrid;
use crate::rings::{Envelope, RingOptics, ring, window_gain};
use crate::smooth_basis::SmoothBasis;
use crate::tables::{Astigmatism, sector_weights};
use crate::whiten::Whitened;

/// B factors of the ice tried, Å².
const B_FACTORS: [f64; 7] = [0.0, 30.0, 60.0, 100.0, 150.0, 220.0, 350.0];
/// Strengths and B factors of the molecules tried.
const SHARES: [f64; 5] = [0.0, 1.0, 3.0, 10.0, 30.0];
const LOW_B_FACTORS: [f64; 3] = [500.0, 1_000.0, 2_000.0];
/// B factor of the rings of ice, and how far it may be off, Å²: what weak rings are believed to have.
const USUAL: [f64; 2] = [100.0, 80.0];
/// Log-likelihood that rings of molecules must gain beside those of the ice.
const MOLECULES: f64 = 2.0;
/// Step and largest value of the thickness tried, Å.
const THICKNESS: (f64, f64) = (100.0, 5000.0);

/// Regression of a view's spectra on the rings, per ring of the spectrum.
#[derive(Clone, Debug)]
pub(crate) struct Demodulated {
    /// Σ n E c, c = −cos 2χ.
    pub(crate) products: Vec<f64>,
    /// Σ n c².
    pub(crate) squares: Vec<f64>,
}

/// Envelope of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Strength {
    pub(crate) b_factor: f64,
    /// Strength and B factor of the molecules' rings, as in [`crate::Envelope`].
    pub(crate) low: [f64; 2],
    pub(crate) thickness: f64,
    /// Log-likelihood over that of no thickness.
    pub(crate) thickness_gain: f64,
}

/// Regresses the spectra of a view on its rings; background is taken out of each tile and sector.
pub(crate) fn demodulate(
    view: &Whitened,
    grid: &PolarGrid,
    optics: &RingOptics,
    (defocus, astigmatism): (f64, Astigmatism),
    heights: &[f64],
) -> Demodulated {
    let rings = grid.rings();
    let weights = sector_weights(grid, &view.ring_weights);
    let basis = SmoothBasis::new(&grid.frequencies, &weights, view.freedom);
    let mut products = vec![0.0; rings];
    let mut squares = vec![0.0; rings];
    let mut model = vec![0.0; rings];
    let directions = grid.directions();
    for (row, excess) in view.excess.chunks_exact(rings).enumerate() {
        let (tile, sector) = (row / grid.sectors(), row % grid.sectors());
        let weight = view.weights[tile];
        if weight <= 0.0 {
            continue;
        }
        let [c, s] = directions[sector];
        let local = defocus + heights[tile] + astigmatism[0] * c + astigmatism[1] * s;
        for (model, k) in model.iter_mut().zip(&grid.frequencies) {
            *model = ring(optics, *k, grid.width, local);
        }
        basis.remove(&mut model);
        for (i, excess) in excess.iter().enumerate() {
            let gain = window_gain(optics.lag(grid.frequencies[i], local), view.window);
            products[i] += gain * f64::from(*excess) * model[i];
            let count = view.ring_weights[i] * f64::from(grid.modes[sector * rings + i]);
            squares[i] += gain * weight * count * model[i] * model[i];
        }
    }
    Demodulated { products, squares }
}

/// The envelope that explains all views best. `views` holds the regressions with path factor 1/cos θ and spread (Å) of each.
pub(crate) fn envelope_of(
    views: &[(Demodulated, f64, f64)],
    grid: &PolarGrid,
    wavelength: f64,
    fixed_thickness: Option<f64>,
    fixed_b_factor: Option<f64>,
) -> Strength {
    let steps = (THICKNESS.1 / THICKNESS.0) as usize;
    let thicknesses: Vec<f64> = match fixed_thickness {
        Some(thickness) => vec![thickness],
        None => (0..=steps).map(|i| THICKNESS.0 * i as f64).collect(),
    };
    let shapes = shapes(grid, fixed_b_factor);
    let (mut best, mut thin) = ((f64::NEG_INFINITY, 0.0, 0), f64::NEG_INFINITY);
    for thickness in thicknesses {
        let damped: Vec<Damped> = views
            .iter()
            .map(|(view, slant, spread)| damped(view, grid, wavelength, thickness * slant, *spread))
            .collect();
        for (index, (b_factor, low, shape)) in shapes.iter().enumerate() {
            let total: f64 = damped.iter().map(|view| explained(view, shape)).sum();
            let total = total + usual(*b_factor, low);
            if total > best.0 {
                best = (total, thickness, index);
            }
            if thickness == 0.0 {
                thin = thin.max(total);
            }
        }
    }
    let (b_factor, low, _) = &shapes[best.2];
    Strength {
        b_factor: *b_factor,
        low: *low,
        thickness: best.1,
        thickness_gain: if fixed_thickness.is_some() {
            0.0
        } else {
            best.0 - thin
        },
    }
}

/// Logarithm of the density of an envelope before anything is measured.
fn usual(b_factor: f64, [share, _]: &[f64; 2]) -> f64 {
    let off = (b_factor - USUAL[0]) / USUAL[1];
    -0.5 * off * off - if *share > 0.0 { MOLECULES } else { 0.0 }
}

/// All envelopes that are tried, with their values over the rings.
fn shapes(grid: &PolarGrid, fixed_b_factor: Option<f64>) -> Vec<(f64, [f64; 2], Vec<f64>)> {
    let gaussian = |b: f64| {
        grid.frequencies
            .iter()
            .map(|k| (-0.5 * b * k * k).exp())
            .collect::<Vec<f64>>()
    };
    if let Some(b_factor) = fixed_b_factor {
        return vec![(b_factor, [0.0; 2], gaussian(b_factor))];
    }
    let mut shapes = Vec::new();
    for b_factor in B_FACTORS {
        let ice = gaussian(b_factor);
        shapes.push((b_factor, [0.0; 2], ice.clone()));
        for low_b_factor in LOW_B_FACTORS {
            let low = gaussian(low_b_factor);
            for share in SHARES.into_iter().filter(|s| *s > 0.0) {
                let both = ice.iter().zip(&low).map(|(i, l)| i + share * l).collect();
                shapes.push((b_factor, [share, low_b_factor], both));
            }
        }
    }
    shapes
}

/// Products and squares of a view, times the damping by thickness and spread.
struct Damped {
    products: Vec<f64>,
    squares: Vec<f64>,
}

fn damped(view: &Demodulated, grid: &PolarGrid, wavelength: f64, path: f64, spread: f64) -> Damped {
    let envelope = Envelope {
        b_factor: 0.0,
        low: [0.0; 2],
        path,
        spread,
    };
    let damping: Vec<f64> = grid
        .frequencies
        .iter()
        .map(|k| envelope.value(*k, wavelength))
        .collect();
    Damped {
        products: view
            .products
            .iter()
            .zip(&damping)
            .map(|(p, d)| p * d)
            .collect(),
        squares: view
            .squares
            .iter()
            .zip(&damping)
            .map(|(s, d)| s * d * d)
            .collect(),
    }
}

/// Log-likelihood gained by rings of this envelope with the factor that fits best.
fn explained(view: &Damped, shape: &[f64]) -> f64 {
    let (mut product, mut norm) = (0.0, 0.0);
    for ((value, p), s) in shape.iter().zip(&view.products).zip(&view.squares) {
        product += value * p;
        norm += value * value * s;
    }
    if product > 0.0 && norm > 0.0 {
        0.5 * product * product / norm
    } else {
        0.0
    }
}

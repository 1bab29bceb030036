//! Sub-pixel centring: the profile fitted to each bead of a view with its neighbours removed, and its precision.

use glam::DVec2;
use ndarray::Array2;
use thon_compute::cholesky::Cholesky;

use super::profile::{Profile, window};

/// A fitted bead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Centred {
    /// Working pixels (x, y).
    pub(super) at: DVec2,
    /// Contrast against the profile.
    pub(super) amplitude: f64,
    /// Standard deviation of one coordinate from the fit, working pixels.
    pub(super) deviation: f64,
}

/// Fits all beads of a view; `start` and `others`' amplitudes come from the round before. `None` where a fit leaves its
/// place by more than `leash` working pixels or has no contrast.
pub(super) fn centre_all(
    image: &Array2<f32>,
    profile: &Profile,
    start: &[Option<(DVec2, f64)>],
    leash: f64,
) -> Vec<Option<Centred>> {
    let fit = |index: usize| {
        let (place, amplitude) = start[index]?;
        let near: Vec<(DVec2, f64)> = start
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
            .filter_map(|(_, bead)| *bead)
            .filter(|(at, _)| at.distance(place) < 2.0 * profile.reach)
            .collect();
        centre(image, profile, place, amplitude, &near, leash)
    };
    (0..start.len()).map(fit).collect()
}

fn centre(
    image: &Array2<f32>,
    profile: &Profile,
    place: DVec2,
    amplitude: f64,
    near: &[(DVec2, f64)],
    leash: f64,
) -> Option<Centred> {
    let (ny, nx) = image.dim();
    let pixels: Vec<(DVec2, f64)> = window(place, profile.reach + 1.0, [ny, nx])
        .map(|(y, x)| {
            let at = DVec2::new(x as f64, y as f64);
            let others: f64 = near
                .iter()
                .map(|(c, a)| a * profile.at(at.distance(*c)).0)
                .sum();
            (at, f64::from(image[[y, x]]) - others)
        })
        .collect();
    let full = std::f64::consts::PI * profile.reach * profile.reach;
    if (pixels.len() as f64) < 0.6 * full {
        return None;
    }
    // Unknowns: x, y, amplitude, level and its slopes.
    let mut state = [place.x, place.y, amplitude.max(0.3), 0.0, 0.0, 0.0];
    let mut deviation = f64::INFINITY;
    for _ in 0..12 {
        let at = DVec2::new(state[0], state[1]);
        let (mut normal, mut right, mut squares, mut count) = ([0.0; 36], [0.0; 6], 0.0, 0.0);
        for (pixel, value) in &pixels {
            let offset = *pixel - at;
            let r = offset.length();
            if r >= profile.reach {
                continue;
            }
            let (v, slope) = profile.at(r);
            let gradient = if r > 1e-9 {
                -state[2] * slope * offset / r
            } else {
                DVec2::ZERO
            };
            let u = (*pixel - place) / profile.reach;
            let row = [gradient.x, gradient.y, v, 1.0, u.x, u.y];
            let rest = value - state[2] * v - state[3] - state[4] * u.x - state[5] * u.y;
            for i in 0..6 {
                right[i] += row[i] * rest;
                for j in 0..=i {
                    normal[i * 6 + j] += row[i] * row[j];
                }
            }
            squares += rest * rest;
            count += 1.0;
        }
        let factor = Cholesky::new(6, normal.to_vec()).ok()?;
        let step = factor.solve(&right);
        let inverse = factor.inverse();
        let noise = squares / f64::max(count - 6.0, 1.0);
        deviation = (noise * 0.5 * (inverse[0] + inverse[7])).sqrt();
        let length = DVec2::new(step[0], step[1]).length();
        let shorten = (1.5 / length.max(1.5)).min(1.0);
        for (k, (value, step)) in state.iter_mut().zip(&step).enumerate() {
            *value += if k < 2 { step * shorten } else { *step };
        }
        if DVec2::new(state[0], state[1]).distance(place) > leash || !state[2].is_finite() {
            return None;
        }
        if length < 1e-3 {
            break;
        }
    }
    let at = DVec2::new(state[0], state[1]);
    (state[2] > 0.0 && deviation.is_finite()).then_some(Centred {
        at,
        amplitude: state[2],
        deviation,
    })
}

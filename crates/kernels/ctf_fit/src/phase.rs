//! The phase shift of a phase plate, one for the whole series: a scan over its range on the course of the series.

use thon_model::{HandSign, Optics};

use crate::CtfFitError;
use crate::hand::PlaneSearch;
use crate::plane::Plane;
use crate::rings::RingOptics;
use crate::series::{Setting, Work};
use crate::stages::collapsed_tables;
use crate::strength::Strength;

/// Step of the scan, radians.
const STEP: f64 = 0.2;

/// The phase shift (radians) within `range` whose course is most likely; refined by a parabola.
pub(crate) fn best_phase(
    works: &[Work<'_>],
    setting: &Setting<'_>,
    optics: &Optics,
    range: [f64; 2],
) -> Result<f64, CtfFitError> {
    let count = ((range[1] - range[0]) / STEP).ceil().max(1.0) as usize;
    let step = (range[1] - range[0]) / count as f64;
    if step <= 0.0 {
        return Ok(range[0]);
    }
    let none = vec![[0.0; 2]; works.len()];
    let strength = Strength {
        b_factor: setting.options.b_factor.unwrap_or(100.0),
        low: [0.0; 2],
        thickness: setting.options.thickness.unwrap_or(0.0),
        thickness_gain: 0.0,
    };
    let mut totals = Vec::with_capacity(count + 1);
    for index in 0..=count {
        let local = Setting {
            optics: RingOptics::new(optics, range[0] + step * index as f64),
            ..*setting
        };
        let tables = collapsed_tables(works, &local, strength, &none)?;
        let search = PlaneSearch {
            tables: &tables,
            works,
            setting: &local,
        };
        let hands = match setting.options.hand {
            Some(sign) => vec![sign],
            None => vec![HandSign::Minus, HandSign::Plus],
        };
        let total = hands
            .iter()
            .map(|sign| search.course(&Plane::default(), sign.value()).1)
            .fold(f64::NEG_INFINITY, f64::max);
        totals.push(total);
    }
    let best = (0..totals.len()).fold(0, |best, i| if totals[i] > totals[best] { i } else { best });
    let mut offset = 0.0;
    if best > 0 && best < count {
        let (before, after) = (totals[best - 1], totals[best + 1]);
        let bend = before + after - 2.0 * totals[best];
        if bend < 0.0 {
            offset = (0.5 * (before - after) / bend).clamp(-0.5, 0.5);
        }
    }
    Ok(range[0] + step * (best as f64 + offset))
}

//! Placements, posteriors and noise as columns of numbers.

use std::collections::BTreeMap;

use glam::{DQuat, DVec3};
use thon_likelihood::{Mode, NoiseModel, Placement, Posterior};

use crate::AverageError;
use crate::bytes::{Reader, Writer};

/// Numbers of a mode: rotation, shift, class, log posterior, weight, covariance.
const MODE: usize = 4 + 3 + 1 + 1 + 1 + 36;

pub(crate) fn read_noise(reader: &mut Reader<'_>) -> Result<NoiseModel, AverageError> {
    let why = || AverageError::bytes("state", "its noise is incomplete");
    let groups = reader.f64s()?.first().copied().unwrap_or(0.0) as usize;
    let flat = reader.f64s()?;
    let each = flat.len().checked_div(groups).unwrap_or(0).max(1);
    let shells: Vec<Vec<f64>> = flat.chunks(each).map(<[f64]>::to_vec).collect();
    if shells.len() != groups {
        return Err(why());
    }
    let mut shapes = BTreeMap::new();
    for _ in 0..reader.f64s()?.first().copied().unwrap_or(0.0) as usize {
        let label = reader.bytes()?.try_into().map_err(|_| why())?;
        shapes.insert(u64::from_le_bytes(label), reader.f32s()?);
    }
    Ok(NoiseModel { shells, shapes })
}

pub(crate) fn placements_to(placements: &[Placement]) -> Vec<f64> {
    placements
        .iter()
        .flat_map(|p| p.rotation.to_array().into_iter().chain(p.shift.to_array()))
        .collect()
}

pub(crate) fn placements_from(values: &[f64]) -> Result<Vec<Placement>, AverageError> {
    let (rows, rest) = values.as_chunks::<7>();
    if !rest.is_empty() {
        return Err(AverageError::bytes("state", "a placement is incomplete"));
    }
    Ok(rows.iter().map(|row| placement(row)).collect())
}

fn placement(row: &[f64]) -> Placement {
    Placement {
        rotation: DQuat::from_xyzw(row[0], row[1], row[2], row[3]),
        shift: DVec3::new(row[4], row[5], row[6]),
    }
}

/// Modes of each particle, then the modes.
pub(crate) fn write_posteriors(writer: &mut Writer, posteriors: &[Posterior]) {
    let counts: Vec<u8> = posteriors
        .iter()
        .map(|posterior| posterior.modes.len() as u8)
        .collect();
    writer.bytes(&counts);
    let mut values = Vec::new();
    for mode in posteriors.iter().flat_map(|posterior| &posterior.modes) {
        values.extend(placements_to(&[mode.placement]));
        values.extend([f64::from(mode.class), mode.log_posterior, mode.weight]);
        values.extend(mode.covariance.as_flattened());
    }
    writer.f64s(&values);
}

/// What [`write_posteriors`] wrote.
pub(crate) fn read_posteriors(reader: &mut Reader<'_>) -> Result<Vec<Posterior>, AverageError> {
    let counts = reader.bytes()?.to_vec();
    let values = reader.f64s()?;
    let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
    if values.len() != total * MODE || counts.contains(&0) {
        return Err(AverageError::bytes("posteriors", "modes are missing"));
    }
    let mut rows = values.as_chunks::<MODE>().0.iter().map(|row| Mode {
        placement: placement(row),
        class: row[7] as u32,
        log_posterior: row[8],
        weight: row[9],
        covariance: std::array::from_fn(|i| std::array::from_fn(|j| row[10 + 6 * i + j])),
    });
    let posterior = |count: &u8| Posterior {
        modes: rows.by_ref().take(usize::from(*count)).collect(),
    };
    Ok(counts.iter().map(posterior).collect())
}

//! Maps on the way: regularised by their own power, within a soft sphere; their mirror images.

use ndarray::Array3;
use thon_reconstruct::{ExpectedSums, Regulariser, class_tau2};
use thon_signal::fft::Fft3;
use thon_signal::mask::sphere;
use thon_signal::resample::mirror3;
use thon_signal::shells::shell_power;

use crate::InitialModelError;
use crate::data::Data;

/// A map `[n, n, n]`.
pub(crate) type Map = Vec<f32>;

/// The map of sums: by the weights alone without a previous map, else with a prior of T times its power.
pub(crate) fn solve(
    sums: &ExpectedSums,
    previous: Option<&Map>,
    trust: f64,
    mask: &[f32],
) -> Result<Map, InitialModelError> {
    let regulariser = match previous {
        None => Regulariser::none(),
        Some(map) => {
            let power = power(map, sums.box_size());
            let mut regulariser = Regulariser::tau2(class_tau2(&power, trust));
            regulariser.first_shell = 1;
            regulariser
        }
    };
    let mut map = sums.solve(&regulariser)?;
    for (value, mask) in map.iter_mut().zip(mask) {
        *value *= mask;
    }
    Ok(map)
}

/// Mean power of each shell of the unnormalised transform.
fn power(map: &Map, n: usize) -> Vec<f64> {
    let cube = cube(map, n);
    shell_power(&Fft3::plan([n; 3]).forward(&cube), [n; 3]).mean()
}

/// The soft sphere of the particle.
pub(crate) fn solvent_mask(data: &Data, diameter: f64) -> Vec<f32> {
    let n = data.box_size;
    let middle = [(n / 2) as f64; 3];
    let radius = (diameter / 2.0 / data.voxel_size).min(n as f64 / 2.0 - 1.0);
    sphere([n; 3], middle, radius, (0.05 * n as f64).max(2.0))
        .into_iter()
        .collect()
}

/// x → −x about the centre voxel.
pub(crate) fn mirrored(map: &Map, n: usize) -> Map {
    mirror3(&cube(map, n)).into_iter().collect()
}

fn cube(map: &Map, n: usize) -> Array3<f32> {
    Array3::from_shape_vec((n, n, n), map.clone()).expect("maps are cubes of the box")
}

//! The difference of two maps after their amplitudes were matched shell by shell.
//!
//! Inside the mask the map's power is brought to the reference's in every shell, then both are cut at the resolution to which they
//! agree; what is left are phases that differ. The noise of the difference is measured in the solvent, and peaks are
//! stated in its units. Maps must be aligned; `[z, y, x]`, Å.

use ndarray::{Array3, Zip};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_model::{Map, Mask};
use thon_signal::correlate::find_peaks3;
use thon_signal::fft::Fft3;
use thon_signal::mask::{box_centre, sphere};
use thon_signal::shells::{ShellCorrelation, fsc_of_spectra, shell_power};
use thon_units::Angstrom;

use crate::post_process::{PostProcessError, check_pair, low_pass_at, shell_filter};

/// Choices of [`difference`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DifferenceOptions {
    /// Compare to this resolution; to where the two maps agree when empty.
    pub low_pass: Option<Angstrom>,
    /// FSC of the two maps that counts as agreement.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-level" = "expert"))]
    pub agreement: f64,
    /// Match the amplitudes of the map to the reference's.
    pub match_amplitudes: bool,
    /// Number of peaks to be stated.
    #[schemars(range(min = 0, max = 1000), extend("x-level" = "expert"))]
    pub peaks: usize,
}

impl Default for DifferenceOptions {
    fn default() -> Self {
        Self {
            low_pass: None,
            agreement: 0.5,
            match_amplitudes: true,
            peaks: 10,
        }
    }
}

/// What is different.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The map, matched and filtered, less the filtered reference, inside the mask.
    pub map: Map,
    /// The matched and filtered map itself.
    pub matched: Map,
    /// FSC of the two inside the mask.
    pub correlation: ShellCorrelation,
    /// Factor of the amplitudes of each shell.
    pub factors: Vec<f64>,
    /// Where both were cut off.
    pub resolution: Angstrom,
    /// Standard deviation of the difference in the solvent (outside the mask, inside the inscribed sphere); of the difference
    /// itself without a mask.
    pub noise: f64,
    /// Strongest places, positive or negative: centre-based position in Å `(x, y, z)` and height over noise.
    pub peaks: Vec<([f64; 3], f64)>,
}

/// The difference map − reference.
///
/// # Errors
/// When boxes or voxel sizes differ, or the maps do not agree in a single shell.
pub fn difference(
    map: &Map,
    reference: &Map,
    mask: Option<&Mask>,
    options: &DifferenceOptions,
) -> Result<Difference, PostProcessError> {
    check_pair(map, reference)?;
    if let Some(mask) = mask {
        check_pair(map, &mask.0)?;
    }
    let dims = map.dims();
    let voxel_size = map.voxel_size.0;
    let plan = Fft3::plan(dims);
    let inside = |map: &Map| match mask {
        Some(mask) => plan.forward(&(&map.data * &mask.0.data)),
        None => plan.forward(&map.data),
    };
    let masked = [inside(map), inside(reference)];
    let correlation = fsc_of_spectra(&masked[0], &masked[1], dims);
    let resolution = match options.low_pass {
        Some(given) => given.0,
        None => correlation
            .resolution(options.agreement, voxel_size)
            .ok_or_else(|| {
                PostProcessError::NoAgreement(correlation.fsc.get(1).copied().unwrap_or(0.0))
            })?,
    };
    let power = [&masked[0], &masked[1]].map(|s| shell_power(s, dims).mean());
    let factor = |(own, wanted): (&f64, &f64)| {
        if options.match_amplitudes && *own > 0.0 {
            (wanted / own).sqrt()
        } else {
            1.0
        }
    };
    let factors: Vec<f64> = power[0].iter().zip(&power[1]).map(factor).collect();
    let last = factors.last().copied().unwrap_or(1.0);
    let longest = dims.into_iter().max().unwrap_or(1) as f64;
    let end = (longest * voxel_size / resolution).round();
    let filtered = |map: &Map, factors: Option<&[f64]>| {
        let mut spectrum = plan.forward(&map.data);
        shell_filter(&mut spectrum, dims, |frequency, shell| {
            let factor = factors.map_or(1.0, |f| f.get(shell).copied().unwrap_or(last));
            factor * low_pass_at(frequency * longest, end)
        });
        plan.inverse(&spectrum)
    };
    let matched = filtered(map, Some(&factors));
    let raw = &matched - &filtered(reference, None);
    let noise = deviation(&raw, mask);
    let data = match mask {
        Some(mask) => &raw * &mask.0.data,
        None => raw,
    };
    Ok(Difference {
        peaks: peaks(&data, voxel_size, resolution, noise, options.peaks),
        map: Map::new(data, map.voxel_size),
        matched: Map::new(matched, map.voxel_size),
        correlation,
        factors,
        resolution: Angstrom(resolution),
        noise,
    })
}

/// Standard deviation in the solvent.
fn deviation(raw: &Array3<f32>, mask: Option<&Mask>) -> f64 {
    let (nz, ny, nx) = raw.dim();
    let dims = [nz, ny, nx];
    let radius = nz.min(ny).min(nx) as f64 / 2.0 - 1.0;
    let ball = sphere(dims, box_centre(dims), radius, 0.0);
    let mut sums = [0.0_f64; 3];
    let mut add = |value: f32, counts: bool| {
        if counts {
            sums[0] += 1.0;
            sums[1] += f64::from(value);
            sums[2] += f64::from(value).powi(2);
        }
    };
    match mask {
        Some(mask) => Zip::from(raw)
            .and(&ball)
            .and(&mask.0.data)
            .for_each(|v, b, m| add(*v, *b > 0.0 && *m <= 0.0)),
        None => Zip::from(raw).and(&ball).for_each(|v, b| add(*v, *b > 0.0)),
    }
    let mean = sums[1] / sums[0].max(1.0);
    (sums[2] / sums[0].max(1.0) - mean * mean).max(0.0).sqrt()
}

/// The strongest places of both signs, at least the resolution apart.
fn peaks(
    data: &Array3<f32>,
    voxel_size: f64,
    resolution: f64,
    noise: f64,
    count: usize,
) -> Vec<([f64; 3], f64)> {
    if noise <= 0.0 {
        return Vec::new();
    }
    let dims = [data.dim().0, data.dim().1, data.dim().2];
    let mut found: Vec<([f64; 3], f64)> = [1.0_f32, -1.0]
        .into_iter()
        .flat_map(|sign| {
            let signed = data.mapv(|v| sign * v);
            let peaks = find_peaks3(&signed, 3.0 * noise as f32, resolution / voxel_size, count);
            peaks.into_iter().map(move |peak| {
                let height = f64::from(sign * peak.value) / noise;
                (peak.shift(dims).map(|s| s * voxel_size), height)
            })
        })
        .collect();
    found.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    found.truncate(count);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_compute::seed_stream;
    use thon_units::PixelSize;

    const N: usize = 40;

    fn white(seed: u64) -> Array3<f32> {
        use rand::RngExt;
        let mut rng = seed_stream(seed, "test", 0);
        Array3::from_shape_simple_fn((N, N, N), || {
            (0..12).map(|_| rng.random_range(-0.5f32..0.5)).sum::<f32>()
        })
    }

    #[test]
    fn a_ligand_is_found_through_a_b_factor_and_a_scale() {
        // The same blurred noise inside a ball; one has an extra blob, three times the scale and a B factor.
        let plan = Fft3::plan([N; 3]);
        let filtered = |data: &Array3<f32>, b: f64| {
            let mut spectrum = plan.forward(data);
            shell_filter(&mut spectrum, [N; 3], |f, _| {
                (-b * (f / 4.0).powi(2) / 4.0).exp()
            });
            plan.inverse(&spectrum)
        };
        let ball = sphere([N; 3], box_centre([N; 3]), 12.0, 3.0);
        let common = filtered(&white(1), 900.0) * &ball;
        let blob = |z: usize, y: usize, x: usize| {
            let d =
                (z as f64 - 24.0).powi(2) + (y as f64 - 20.0).powi(2) + (x as f64 - 15.0).powi(2);
            0.5 * (-d / 8.0).exp() as f32
        };
        let mut with = common.clone();
        with.indexed_iter_mut()
            .for_each(|((z, y, x), v)| *v += blob(z, y, x));
        let noisy = |data: Array3<f32>, seed| Map::new(data + &white(seed) * 0.01, PixelSize(4.0));
        let map = noisy(filtered(&with, 300.0) * 3.0, 2);
        let reference = noisy(common, 3);
        let mask = Mask(Map::new(
            sphere([N; 3], box_centre([N; 3]), 14.0, 2.0),
            PixelSize(4.0),
        ));
        let options = DifferenceOptions::default();
        let found = difference(&map, &reference, Some(&mask), &options).unwrap();
        let (position, height) = found.peaks[0];
        println!("{position:?} {height:.1} at {}", found.resolution);
        // The blob lies at voxel (15, 20, 24) − 20, times 4 Å.
        for (found, truth) in position.into_iter().zip([-20.0, 0.0, 16.0]) {
            assert!((found - truth).abs() < 4.0, "{position:?}");
        }
        assert!(height > 8.0);
        assert!(found.peaks.iter().skip(1).all(|p| p.1.abs() < 0.7 * height));
        assert!(
            (found.factors[2] - 1.0 / 3.0).abs() < 0.1,
            "{:?}",
            found.factors
        );
        let unmatched = DifferenceOptions {
            match_amplitudes: false,
            ..options
        };
        let unmatched = difference(&map, &reference, Some(&mask), &unmatched).unwrap();
        assert!(
            unmatched.peaks.len() < 2
                || unmatched.peaks[1].1.abs() > 0.7 * unmatched.peaks[0].1.abs()
        );
    }

    #[test]
    fn equal_maps_have_no_difference() {
        let map = Map::new(white(4), PixelSize(2.0));
        let found = difference(&map, &map, None, &DifferenceOptions::default()).unwrap();
        assert!(found.map.data.iter().all(|v| v.abs() < 1e-5));
        let other = Map::new(-white(4), PixelSize(2.0));
        assert!(matches!(
            difference(&map, &other, None, &DifferenceOptions::default()),
            Err(PostProcessError::NoAgreement(_))
        ));
    }
}

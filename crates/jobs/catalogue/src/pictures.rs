//! Pictures that several jobs make: an image, the slices and surface of a map, curves.

use ndarray::{Array2, Array3, ArrayView2, s};
use thon_contract::JobError;
use thon_contract::kinds::Curves;
use thon_geometry::glam::DQuat;
use thon_images::mrc::Mrc;
use thon_model::Map;
use thon_picture::{Contrast, Curve, Picture, Plot, Surface, gray, row_of, surface};
use thon_units::{Angstrom, PixelSize};

/// Largest edge of a picture of an image.
const EDGE: usize = 640;
const WHITE: [u8; 3] = [255, 255, 255];

/// A tilt image or a slice, with the outermost values clipped; small ones are enlarged.
pub(crate) fn image(data: &ArrayView2<'_, f32>) -> Picture {
    let factor = (EDGE / data.nrows().max(data.ncols()).max(1)).max(1);
    enlarged(&gray(data, Contrast::Percentile(0.005), EDGE), factor)
}

/// PNG of a tilt image `[ny, nx]` as it lies in memory.
pub(crate) fn image_png(pixels: &[f32], size: [usize; 2]) -> Result<Vec<u8>, JobError> {
    let view = ArrayView2::from_shape(size, pixels).map_err(|e| JobError::data(e.to_string()))?;
    Ok(image(&view).to_png())
}

/// Mean of the sections in the middle of a volume, `thickness` deep or all of it, read one by one: noise averages out and
/// particles are seen whole.
pub(crate) fn middle_slab(
    volume: &Mrc<'_>,
    voxel_size: PixelSize,
    thickness: Angstrom,
) -> Result<Picture, JobError> {
    let [nz, ny, nx] = volume.shape();
    let deep = ((thickness / voxel_size).0.round() as usize).clamp(1, nz.max(1));
    let first = (nz - deep.min(nz)) / 2;
    let mut slab = Array2::<f32>::zeros((ny, nx));
    for z in first..first + deep.min(nz) {
        let section = volume
            .read_section(z)
            .map_err(|e| JobError::data(e.to_string()))?;
        for (sum, value) in slab.iter_mut().zip(section) {
            *sum += value / deep as f32;
        }
    }
    Ok(image(&slab.view()))
}

/// Slices of a map, and its surface around the densest part of it, `share` of the box.
pub(crate) fn map_of_share(map: &Map, share: f64) -> Picture {
    let voxel_size = map.voxel_size.0;
    let volume = share * map.data.len() as f64 * voxel_size.powi(3);
    let threshold = threshold_for_volume(&map.data, voxel_size, volume);
    self::map(&map.data, threshold)
}

/// Three central slices of a map, and its surface from two sides.
pub(crate) fn map(data: &Array3<f32>, threshold: f32) -> Picture {
    let (nz, ny, nx) = data.dim();
    let slices = [
        data.slice(s![nz / 2, .., ..]).to_owned(),
        data.slice(s![.., ny / 2, ..]).to_owned(),
        data.slice(s![.., .., nx / 2]).to_owned(),
    ];
    let factor = (240 / nx.max(1)).max(1);
    let mut panels: Vec<Picture> = slices
        .iter()
        .map(|s| enlarged(&gray(&s.view(), Contrast::Percentile(0.002), 240), factor))
        .collect();
    for rotation in [
        DQuat::IDENTITY,
        DQuat::from_rotation_y(std::f64::consts::FRAC_PI_2),
    ] {
        let view = Surface {
            threshold,
            rotation,
            size: 320,
            colour: [150, 200, 250],
        };
        panels.push(surface(data, &view));
    }
    row_of(&panels, 8, WHITE)
}

/// Every pixel drawn as a square.
fn enlarged(picture: &Picture, factor: usize) -> Picture {
    let mut large = Picture::filled(picture.width * factor, picture.height * factor, WHITE);
    for y in 0..large.height {
        for x in 0..large.width {
            large.set(x as i64, y as i64, picture.get(x / factor, y / factor));
        }
    }
    large
}

/// Density that encloses about `volume` Å³ of a map.
pub(crate) fn threshold_for_volume(data: &Array3<f32>, voxel_size: f64, volume: f64) -> f32 {
    let mut values: Vec<f32> = data.iter().copied().collect();
    let count = (volume / voxel_size.powi(3)) as usize;
    let Some(last) = values.len().checked_sub(1) else {
        return 0.0;
    };
    *values
        .select_nth_unstable_by(count.min(last), |a, b| b.total_cmp(a))
        .1
}

/// Curves against spatial frequency, with the period in Å along the axis.
pub(crate) fn correlation(curves: &Curves) -> Picture {
    let frequency = numbers(curves, 0);
    let end = frequency.iter().copied().fold(0.0, f64::max);
    let tick = |i: usize| {
        let k = end * i as f64 / 8.0;
        (
            k,
            if i == 0 {
                "inf".into()
            } else {
                format!("{:.1}", 1.0 / k)
            },
        )
    };
    Plot {
        title: curves.title.clone(),
        x_label: "period (Å)".into(),
        y_label: "FSC".into(),
        y_range: Some((-0.1, 1.0)),
        x_ticks: (0..=8).map(tick).collect(),
        levels: vec![0.143, 0.5],
        curves: (1..curves.columns.len())
            .map(|i| curve(curves, i))
            .collect(),
    }
    .draw()
}

/// Some columns of curves against the first, which is the tilt; lines at `levels`.
pub(crate) fn against_tilt(
    curves: &Curves,
    columns: &[usize],
    y_label: &str,
    levels: &[f64],
) -> Picture {
    let drawn = columns.iter().map(|&index| {
        let mut one = curve(curves, index);
        one.points.sort_by(|a, b| a.0.total_cmp(&b.0));
        one
    });
    Plot {
        title: curves.title.clone(),
        x_label: "tilt (°)".into(),
        y_label: y_label.into(),
        y_range: None,
        x_ticks: Vec::new(),
        levels: levels.to_vec(),
        curves: drawn.collect(),
    }
    .draw()
}

/// All columns against the first, decimal logarithms of what is above 0.
pub(crate) fn logarithmic(curves: &Curves, y_label: &str) -> Picture {
    let drawn = (1..curves.columns.len()).map(|index| {
        let mut one = curve(curves, index);
        for point in &mut one.points {
            point.1 = if point.1 > 0.03 {
                point.1.log10()
            } else {
                f64::NAN
            };
        }
        one
    });
    Plot {
        title: curves.title.clone(),
        x_label: curves.columns[0].label.clone(),
        y_label: format!("log10 of {y_label}"),
        y_range: None,
        x_ticks: Vec::new(),
        levels: vec![0.0],
        curves: drawn.collect(),
    }
    .draw()
}

/// One column against the first.
fn curve(curves: &Curves, index: usize) -> Curve {
    Curve {
        label: curves.columns[index].label.clone(),
        points: numbers(curves, 0)
            .into_iter()
            .zip(numbers(curves, index))
            .collect(),
    }
}

/// A column's values, NaN where there is none.
fn numbers(curves: &Curves, index: usize) -> Vec<f64> {
    let values = curves.columns[index].values.iter();
    values.map(|v| v.unwrap_or(f64::NAN)).collect()
}

//! Which image of one tilt series is which image of another, and what is copied from it.

use thon_model::{Exclusion, TiltImage, TiltSeries};
use thon_units::{Degrees, PixelSize};

/// What came over.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Adopted {
    /// Images with a geometry from the source.
    pub geometries: usize,
    /// Images with a contrast transfer from the source.
    pub ctfs: usize,
    /// Images excluded because the source excludes them or leaves them out.
    pub excluded: usize,
    /// Largest difference of the nominal tilt angles of two matched images.
    pub largest_difference: Degrees,
}

/// Copies geometry, contrast transfer, exclusions, defocus hand and volume size from `source` into `series`.
///
/// `offset` was added to the source's tilt angles; angles may differ by `tolerance`. An error says which images do
/// not fit together.
pub(crate) fn adopt(
    series: &mut TiltSeries,
    source: &TiltSeries,
    offset: Degrees,
    tolerance: Degrees,
) -> Result<Adopted, String> {
    let matches = matches(series, source, offset, tolerance)?;
    let mut adopted = Adopted::default();
    for (index, found) in matches.iter().enumerate() {
        let image = &mut series.images[index];
        let Some(other) = found.map(|other| &source.images[other]) else {
            if image.exclusion.is_none() {
                let reason = format!("left out of the alignment of {}", source.name);
                image.exclusion = Some(Exclusion { reason });
                adopted.excluded += 1;
            }
            continue;
        };
        let difference = difference(image, other, offset);
        if difference.0 > adopted.largest_difference.0 {
            adopted.largest_difference = difference;
        }
        copy(image, other, &mut adopted);
    }
    if source.defocus_hand.is_some() {
        series.defocus_hand.clone_from(&source.defocus_hand);
    }
    if let Some(size) = source.volume_size {
        series.volume_size = Some(scaled(size, source.pixel_size, series.pixel_size));
    }
    if series.nominal_tilt_axis_angle.is_none() {
        series.nominal_tilt_axis_angle = source.nominal_tilt_axis_angle;
    }
    Ok(adopted)
}

fn copy(image: &mut TiltImage, other: &TiltImage, adopted: &mut Adopted) {
    if other.geometry.is_some() {
        image.geometry = other.geometry;
        adopted.geometries += 1;
    }
    if other.ctf.is_some() {
        image.ctf = other.ctf;
        adopted.ctfs += 1;
    }
    if image.exclusion.is_none() && other.exclusion.is_some() {
        image.exclusion.clone_from(&other.exclusion);
        adopted.excluded += 1;
    }
}

/// For each image of `series` the image of `source` that it is; `None` when the source left it out.
fn matches(
    series: &TiltSeries,
    source: &TiltSeries,
    offset: Degrees,
    tolerance: Degrees,
) -> Result<Vec<Option<usize>>, String> {
    let found = match (sections(series), sections(source)) {
        (Some(own), Some(other)) => by_section(&own, &other),
        _ => by_angle(series, source, offset, tolerance),
    };
    let matched = found.iter().flatten().count();
    if matched < source.images.len() {
        return Err(format!(
            "{} of the {} images of the alignment have no image in the series of {}",
            source.images.len() - matched,
            source.images.len(),
            series.images.len()
        ));
    }
    for (index, other) in found
        .iter()
        .enumerate()
        .filter_map(|(index, other)| Some((index, (*other)?)))
    {
        let apart = difference(&series.images[index], &source.images[other], offset);
        if apart.0 > tolerance.0 {
            return Err(format!(
                "image {}: expected a tilt of {:.2}°, found {:.2}° in the alignment (image {})",
                index + 1,
                series.images[index].nominal_tilt_angle.degrees().0,
                source.images[other].nominal_tilt_angle.degrees().0 - offset.0,
                other + 1
            ));
        }
    }
    Ok(found)
}

/// Section of every image, when they all lie in one file, or in no file but in its order.
fn sections(series: &TiltSeries) -> Option<Vec<usize>> {
    let references: Vec<_> = series
        .images
        .iter()
        .filter_map(|image| image.image.as_ref())
        .collect();
    if references.is_empty() {
        return series
            .images
            .iter()
            .all(|image| image.movie.is_none())
            .then(|| (0..series.images.len()).collect());
    }
    let one_file = references.len() == series.images.len()
        && references.iter().all(|r| r.path == references[0].path);
    one_file.then(|| {
        references
            .iter()
            .map(|reference| reference.section)
            .collect()
    })
}

fn by_section(own: &[usize], other: &[usize]) -> Vec<Option<usize>> {
    own.iter()
        .map(|section| other.iter().position(|s| s == section))
        .collect()
}

/// Closest angles first; each image once.
fn by_angle(
    series: &TiltSeries,
    source: &TiltSeries,
    offset: Degrees,
    tolerance: Degrees,
) -> Vec<Option<usize>> {
    let mut pairs = Vec::new();
    for (index, image) in series.images.iter().enumerate() {
        for (other, candidate) in source.images.iter().enumerate() {
            let apart = difference(image, candidate, offset);
            if apart.0 <= tolerance.0 {
                // An image that is used wins over one that was taken again.
                pairs.push((!image.is_used(), apart.0, index, other));
            }
        }
    }
    pairs.sort_by(|a, b| {
        a.0.cmp(&b.0)
            .then(a.1.total_cmp(&b.1))
            .then((a.2, a.3).cmp(&(b.2, b.3)))
    });
    let mut found = vec![None; series.images.len()];
    let mut taken = vec![false; source.images.len()];
    for (_, _, index, other) in pairs {
        if found[index].is_none() && !taken[other] {
            found[index] = Some(other);
            taken[other] = true;
        }
    }
    found
}

fn difference(image: &TiltImage, other: &TiltImage, offset: Degrees) -> Degrees {
    let plain = other.nominal_tilt_angle.degrees() - image.nominal_tilt_angle.degrees();
    // An image that was left out of the alignment may be told by the tilt it had before.
    let angles = [
        Some(plain - offset),
        other.geometry.is_none().then_some(plain),
    ];
    let smallest = angles
        .into_iter()
        .flatten()
        .map(|angle| angle.0.abs())
        .fold(f64::INFINITY, f64::min);
    Degrees(smallest)
}

/// A volume of the same extent in other voxels, even in every direction.
fn scaled(size: [usize; 3], from: PixelSize, to: PixelSize) -> [usize; 3] {
    let ratio = from.0 / to.0;
    if (ratio - 1.0).abs() < 1e-3 {
        return size;
    }
    size.map(|length| ((length as f64 * ratio / 2.0).round() as usize) * 2)
}

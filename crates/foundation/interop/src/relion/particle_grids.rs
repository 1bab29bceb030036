//! The grids that the coordinates of particles are measured in.

use std::collections::BTreeMap;
use std::path::Path;

use thon_geometry::{Grid, Point};
use thon_images::mrc::Mrc;
use thon_model::TiltSeries;
use thon_units::PixelSize;

use super::particle_import::ParticleImport;
use super::particle_rows::Coordinates;
use crate::InteropError;
use crate::centre::centre_index;
use crate::columns::resolved;

/// The bin-1 volumes of tilt series, as RELION 4 and 5 measure coordinates in them. Series without a volume size
/// have an empty grid: enough for centred coordinates, not for pixels.
pub fn tomogram_grids(series: &[TiltSeries]) -> BTreeMap<String, Grid> {
    series
        .iter()
        .map(|one| {
            (
                one.name.clone(),
                Grid::new(one.volume_size.unwrap_or([0, 0, 0]), one.pixel_size),
            )
        })
        .collect()
}

/// The grid of a tomogram of `dims` `[z, y, x]` that RELION reconstructed at `binning`: voxel index times binning is
/// the index in the bin-1 volume of `volume_size`.
pub fn binned_grid(
    volume_size: [usize; 3],
    dims: [usize; 3],
    binning: f64,
    pixel_size: PixelSize,
) -> Grid {
    let mut grid = Grid::new(dims, PixelSize(pixel_size.0 * binning));
    let centre = (grid.centre_index() * binning - centre_index(volume_size)) * pixel_size.0;
    grid.centre = Point::from_vector(centre);
    grid
}

/// Names of tomograms of unknown size, by what that means for them.
pub(super) type Unknown<'a> = BTreeMap<&'static str, Vec<&'a str>>;

/// One sentence for all tomograms with the same doubt.
pub(super) fn doubts(unknown: &Unknown<'_>) -> Vec<String> {
    let sentence = |(doubt, names): (&&str, &Vec<&str>)| match names.as_slice() {
        [one] => format!("{one}: {doubt}"),
        all => format!("{} and {} more tomograms: {doubt}", all[0], all.len() - 1),
    };
    unknown.iter().map(sentence).collect()
}

/// The grid of one tomogram: given, or of its volume on disk, or unknown, with the doubt.
pub(super) fn grid_of(
    name: &str,
    how: Coordinates,
    options: &ParticleImport,
    root: &Path,
) -> Result<(Grid, Option<&'static str>), InteropError> {
    let known = options.grids.get(name).copied();
    if let Some(grid) = known.filter(|grid| how.centred || !grid.is_empty()) {
        return Ok((grid, None));
    }
    let path = resolved(root, name);
    if !how.centred && path.is_file() {
        let header = Mrc::read_header(&path)?;
        if let Some(size) = header.pixel_size() {
            let grid = Grid::new([header.nz, header.ny, header.nx], PixelSize(size));
            return Ok((grid, None));
        }
    }
    let size = known.map_or(how.image_pixel_size, |grid| grid.voxel_size.0);
    let doubt = if how.centred {
        "volume size unknown, taken as even"
    } else if options.allow_unknown_tomograms {
        "volume size unknown, positions are measured from its first voxel"
    } else {
        return Err(InteropError::contradiction(
            name,
            "the size of the tomogram its coordinates count in",
            "none",
        )
        .with_hint("give the tilt series or tomograms beside the particles"));
    };
    Ok((Grid::new([0, 0, 0], PixelSize(size)), Some(doubt)))
}

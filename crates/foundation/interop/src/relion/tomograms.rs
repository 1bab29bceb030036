//! The tomograms that a RELION 5 `tomograms.star` names beside its tilt series.

use std::path::{Path, PathBuf};

use thon_images::mrc::Mrc;
use thon_model::{TiltSeries, Tomogram, Weighting};

use super::binned_grid;
use crate::columns::{Cells, resolved};
use crate::{Imported, InteropError};

/// Columns of a whole tomogram, with how it was weighted.
const WHOLE: [(&str, Option<&str>); 3] = [
    ("rlnTomoReconstructedTomogram", None),
    ("rlnTomoDenoisedTomogram", Some("denoised")),
    ("rlnTomoReconstructedTomogramDenoised", Some("denoised")),
];

/// Tomograms of imported tilt series; files that are not there are remarked, not dropped silently. A tomogram's voxel
/// index times its binning is the index in the bin-1 volume.
pub fn tomograms_of(
    series: &[TiltSeries],
    root: &Path,
) -> Result<Imported<Vec<Tomogram>>, InteropError> {
    let mut imported = Imported::new(Vec::new());
    for one in series {
        let cells = Cells {
            carried: &one.carried_global,
            file: &one.name,
        };
        let Some(volume) = one.volume_size else {
            continue;
        };
        let binning = cells.number("rlnTomoTomogramBinning", 0)?;
        let path = |label: &str| cells.text(label, 0).map(|token| resolved(root, token));
        let halves = path("rlnTomoReconstructedTomogramHalf1")
            .zip(path("rlnTomoReconstructedTomogramHalf2"));
        let mut add = |path: PathBuf,
                       weighting: Weighting,
                       halves: Option<[PathBuf; 2]>|
         -> Result<(), InteropError> {
            if !path.is_file() {
                imported.remarks.push(format!(
                    "{}: tomogram {} is not there",
                    one.name,
                    path.display()
                ));
                return Ok(());
            }
            let header = Mrc::read_header(&path)?;
            let by_header = header.pixel_size().map(|size| size / one.pixel_size.0);
            let binning = binning
                .or(by_header)
                .filter(|binning| *binning > 0.0)
                .unwrap_or(1.0);
            imported.value.push(Tomogram {
                name: one.name.clone(),
                tilt_series: one.name.clone(),
                grid: binned_grid(
                    volume,
                    [header.nz, header.ny, header.nx],
                    binning,
                    one.pixel_size,
                ),
                path,
                halves,
                weighting,
            });
            Ok(())
        };
        let both = halves.map(|(first, second)| [first, second]);
        for (label, displayed) in WHOLE {
            if let Some(path) = path(label) {
                let weighting = displayed.map_or(Weighting::Unknown, |how| {
                    Weighting::DisplayOnly(how.to_owned())
                });
                add(
                    path,
                    weighting,
                    both.clone().filter(|_| displayed.is_none()),
                )?;
            }
        }
        if let (None, Some(both)) = (path("rlnTomoReconstructedTomogram"), both) {
            add(both[0].clone(), Weighting::Unknown, Some(both))?;
        }
    }
    Ok(imported)
}

//! What an mdoc tells, while the microscope still writes, of the files that belong to its tilt series.
//!
//! Names as in `thon_interop::mdoc`: a movie is found by its file name, letter case and extension apart.

use std::path::{Path, PathBuf};

use thon_contract::{Acquisition, JobError, Promised};
use thon_formats::mdoc::{self, SectionKind};
use thon_interop::mdoc::{MdocImport, read_mdoc};

use super::given_files::stopped;
use super::tilt_series_set::item_name;
use crate::movies::whole_movie;

/// Tilt series of SerialEM and Tomography 5, by their mdocs.
pub(crate) const MDOC: Acquisition = Acquisition {
    extension: "mdoc",
    files: "mdocs",
    movies: "movies",
    promised,
    whole: whole_movie,
};

/// Extensions that a movie may have got on its way from the camera.
const EXTENSIONS: [&str; 5] = ["eer", "tif", "tiff", "mrc", "mrcs"];

fn promised(file: &Path, movies: &Path) -> Result<Option<Promised>, JobError> {
    let stated = mdoc::read(file).map_err(|e| JobError::file(file, e))?;
    let sections: Vec<_> = stated.sections_of(SectionKind::ZValue).collect();
    if sections.is_empty() {
        // That of a single movie, or of a map of the grid.
        return Ok(None);
    }
    let series = read_mdoc(file, &MdocImport::default()).map_err(stopped)?;
    let named = sections
        .iter()
        .filter_map(|section| section.sub_frame_name());
    Ok(Some(Promised {
        name: item_name(&series.value.name),
        views: sections.len(),
        files: named.map(|name| movie_of(name, movies)).collect(),
    }))
}

/// Where a movie lies, or will.
fn movie_of(name: &str, folder: &Path) -> PathBuf {
    let stated = folder.join(name);
    if stated.is_file() {
        return stated;
    }
    let mut others = EXTENSIONS.iter().map(|end| stated.with_extension(end));
    let found = others.find(|other| other.is_file());
    found.unwrap_or(stated)
}

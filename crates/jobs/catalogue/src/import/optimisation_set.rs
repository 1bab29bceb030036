//! RELION's optimisation set where a table is expected: it names the tables that belong together.

use std::io::Read;
use std::path::{Path, PathBuf};

use thon_contract::{Context, JobError};
use thon_interop::relion::{OptimisationSet, read_optimisation_set};

use super::given_files::stopped;

/// As much of a file as tells an optimisation set from a large table.
const BEGINNING: u64 = 1 << 16;

/// The optimisation set in a file; `None` when the file is something else.
pub(crate) fn read(file: &Path, context: &Context) -> Result<Option<OptimisationSet>, JobError> {
    let path = context.resolve(file);
    let open = std::fs::File::open(&path).map_err(|e| JobError::file(&path, e))?;
    let mut beginning = Vec::new();
    open.take(BEGINNING)
        .read_to_end(&mut beginning)
        .map_err(|e| JobError::file(&path, e))?;
    let text = String::from_utf8_lossy(&beginning);
    let is_set = ["_rlnTomoParticlesFile", "_rlnTomoTomogramsFile"]
        .iter()
        .any(|label| text.contains(label));
    if is_set {
        read_optimisation_set(&path).map(Some).map_err(stopped)
    } else {
        Ok(None)
    }
}

/// The file a token of a table names, in the form the table was given: below the project, else below a directory
/// that the table lies in.
pub(crate) fn named(
    token: &str,
    table: &Path,
    project: Option<&Path>,
    context: &Context,
) -> Option<PathBuf> {
    let folders = project.into_iter().chain(table.ancestors().skip(1));
    folders
        .map(|folder| folder.join(token))
        .find(|file| context.resolve(file).is_file())
}

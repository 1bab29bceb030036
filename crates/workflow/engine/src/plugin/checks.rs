//! What must be true of the output of a program before it is believed.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use thon_contract::JobError;
use thon_contract::kinds::Health;
use thon_images::mrc::Mrc;

use super::manifest::OutputEntry;

/// How far the clocks of a machine and of its file server may be apart.
const CLOCKS: Duration = Duration::from_secs(2);

/// A box: grid `[z, y, x]` and voxel size in Å.
pub(super) type Grid = ([usize; 3], Option<f64>);

fn bad(output: &OutputEntry, message: impl Into<String>) -> JobError {
    JobError::BadOutput {
        name: output.name.clone(),
        message: message.into(),
    }
}

/// The file is there, plain, not empty, and was written after `started`.
pub(super) fn fresh(
    output: &OutputEntry,
    path: &Path,
    started: SystemTime,
) -> Result<(), JobError> {
    let metadata = fs::symlink_metadata(path)
        .map_err(|_| bad(output, format!("the program wrote no {}", output.file)))?;
    if !metadata.is_file() {
        return Err(bad(output, format!("{} is not a plain file", output.file)));
    }
    if metadata.len() == 0 {
        return Err(bad(output, format!("{} is empty", output.file)));
    }
    let written = metadata.modified().map_err(|e| JobError::file(path, e))?;
    if written + CLOCKS < started {
        return Err(bad(
            output,
            format!("{} is older than this run", output.file),
        ));
    }
    Ok(())
}

/// Grid and voxel size of an MRC file.
pub(super) fn grid(path: &Path) -> Result<Grid, JobError> {
    let file = Mrc::open(path).map_err(|e| JobError::file(path, e))?;
    Ok((file.shape(), file.header().pixel_size()))
}

/// An MRC volume is whole, has the box it must have, and every value makes sense.
pub(super) fn volume(
    output: &OutputEntry,
    path: &Path,
    expected: Option<Grid>,
) -> Result<(), JobError> {
    let file = Mrc::open(path).map_err(|e| bad(output, e.to_string()))?;
    let header = file.header();
    let length = fs::metadata(path)
        .map_err(|e| JobError::file(path, e))?
        .len();
    if header.file_bytes() != Some(length) {
        let words = format!("its header does not go with its {length} bytes");
        return Err(bad(output, words));
    }
    let shape = file.shape();
    if let Some((wanted, voxel)) = expected {
        if shape != wanted {
            return Err(bad(
                output,
                format!("expected a box {wanted:?}, found {shape:?}"),
            ));
        }
        let found = header.pixel_size();
        let agrees = match (voxel, found) {
            (Some(wanted), Some(found)) => ((found - wanted) / wanted).abs() < 1e-3,
            (wanted, found) => wanted.is_none() && found.is_none(),
        };
        if !agrees {
            let words = format!("expected voxels of {voxel:?} Å, found {found:?} Å");
            return Err(bad(output, words));
        }
    }
    let values = file.read_all().map_err(|e| bad(output, e.to_string()))?;
    let mut whole = Health::default();
    whole.add(&values);
    whole.verdict(&output.name)?;
    if let Some([least, most]) = output.check.values {
        let outside = |v: &f32| f64::from(*v) < least || f64::from(*v) > most;
        let count = values.iter().filter(|v| outside(v)).count();
        if count > 0 {
            let words = format!("{count} values lie outside {least}…{most}");
            return Err(bad(output, words));
        }
    }
    if !output.check.sections_may_be_constant {
        let section = (shape[1] * shape[2]).max(1);
        for (number, values) in values.chunks(section).enumerate() {
            let mut health = Health::default();
            health.add(values);
            if health.verdict("").is_err() {
                let words = format!("section {number} of {} is constant", shape[0]);
                return Err(bad(output, words));
            }
        }
    }
    Ok(())
}

/// A STAR file can be read, and some table of it has the columns it must have, all finite numbers.
pub(super) fn table(output: &OutputEntry, path: &Path) -> Result<(), JobError> {
    let wanted = &output.check.star_columns;
    if wanted.is_empty() {
        return Ok(());
    }
    let file = thon_formats::star::read(path).map_err(|e| bad(output, e.to_string()))?;
    let mut tables = file.blocks.iter().flat_map(|block| &block.tables);
    let has_all =
        |table: &&thon_formats::star::Table| wanted.iter().all(|label| table.column(label).is_ok());
    let Some(table) = tables.find(has_all) else {
        let words = format!("no table has the columns {}", wanted.join(", "));
        return Err(bad(output, words));
    };
    for label in wanted {
        let column = table
            .column(label)
            .map_err(|e| bad(output, e.to_string()))?;
        let values = column.to_f64().map_err(|e| bad(output, e.to_string()))?;
        if values.len() < output.check.least_rows {
            let (rows, least) = (values.len(), output.check.least_rows);
            return Err(bad(
                output,
                format!("expected {least} rows or more, found {rows}"),
            ));
        }
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            return Err(bad(output, format!("{label} of row {row} is not finite")));
        }
    }
    Ok(())
}

/// A table has as many rows as the one that was staged: a program that drops or doubles some is not believed.
pub(super) fn rows(output: &OutputEntry, path: &Path, work: &Path) -> Result<(), JobError> {
    let Some(staged) = &output.check.same_rows_as else {
        return Ok(());
    };
    let count = |path: &Path| -> Result<usize, JobError> {
        let file = thon_formats::star::read(path).map_err(|e| bad(output, e.to_string()))?;
        let mut tables = file.blocks.iter().flat_map(|block| &block.tables);
        let wanted = &output.check.star_columns;
        let has = |table: &&thon_formats::star::Table| {
            wanted.iter().all(|label| table.column(label).is_ok())
        };
        let table = tables.find(has);
        let words = || format!("no table has the columns {}", wanted.join(", "));
        Ok(table.ok_or_else(|| bad(output, words()))?.rows())
    };
    let (given, found) = (count(&work.join(staged))?, count(path)?);
    if given != found {
        return Err(bad(
            output,
            format!("expected {given} rows, as in {staged}, found {found}"),
        ));
    }
    Ok(())
}

//! What an export wrote: a listing of the files, with every loss told.

use std::path::{Path, PathBuf};

use thon_contract::kinds::{FileListing, FilesKind};
use thon_contract::{Context, ItemRecord, JobError};
use thon_interop::Losses;

/// Lists all files below `folder` (relative to the unit's directory) as the item `name`; losses become warnings.
pub(crate) fn record(
    name: &str,
    format: &str,
    folder: &Path,
    losses: &Losses,
    context: &Context,
) -> Result<ItemRecord, JobError> {
    let anchor = context.file("listing")?;
    let unit = anchor.parent().unwrap_or(Path::new("")).to_owned();
    let mut files = below(&unit.join(folder)).map_err(|e| JobError::file(unit.join(folder), e))?;
    for file in &mut files {
        *file = file.strip_prefix(&unit).unwrap_or(file).to_owned();
    }
    files.sort();
    let told = tell(losses, context);
    context.metric("files", files.len() as f64);
    let listing = FileListing {
        format: format.to_owned(),
        files,
        losses: told,
    };
    context.store::<FilesKind>(name, &listing)
}

/// Makes every loss a warning; gives them in words.
pub(super) fn tell(losses: &Losses, context: &Context) -> Vec<String> {
    let words = losses.losses.iter().map(|loss| {
        format!(
            "{} cannot hold {} ({}): {}",
            losses.target, loss.kind, loss.count, loss.why
        )
    });
    let told: Vec<String> = words.collect();
    for loss in &told {
        context.warn(loss.as_str());
    }
    told
}

fn below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(below(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

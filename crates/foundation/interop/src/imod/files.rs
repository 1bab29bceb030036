//! Finds the files of one data set in an eTomo directory.

use super::EtomoImport;
use crate::InteropError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use thon_formats::imod::command_file::{self, CommandFile};
use thon_formats::imod::settings::{self, Settings};
use thon_images::mrc::{Mrc, MrcHeader};

/// Everything found in the directory.
pub(super) struct Files {
    pub name: String,
    pub stack: Option<(PathBuf, Option<MrcHeader>)>,
    pub tilt: Option<CommandFile>,
    pub newstack: Option<CommandFile>,
    pub settings: Option<Settings>,
    pub dir: PathBuf,
}

impl Files {
    pub(super) fn path(&self, suffix: &str) -> Option<PathBuf> {
        let path = self.dir.join(format!("{}{suffix}", self.name));
        path.is_file().then_some(path)
    }

    pub(super) fn setting(&self, key: &str) -> Option<String> {
        self.settings
            .as_ref()?
            .get(key)
            .filter(|value| !value.is_empty())
    }
}

pub(super) fn find(dir: &Path, options: &EtomoImport) -> Result<Files, InteropError> {
    let names = names_in(dir)?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => only_name(dir, &names)?,
    };
    let axis = name
        .chars()
        .last()
        .filter(|letter| matches!(letter, 'a' | 'b'));
    let command = |program: &str| -> Result<Option<CommandFile>, InteropError> {
        let own = axis.map(|letter| format!("{program}{letter}.com"));
        let path = own
            .into_iter()
            .chain([format!("{program}.com")])
            .map(|file| dir.join(file))
            .find(|path| path.is_file());
        Ok(path.map(|path| command_file::read(&path)).transpose()?)
    };
    let stack = [".st", ".mrc", ".mrcs"]
        .iter()
        .map(|end| dir.join(format!("{name}{end}")))
        .find(|path| path.is_file());
    let stack = stack
        .map(|path| -> Result<_, InteropError> {
            Ok((path.clone(), Some(Mrc::read_header(&path)?)))
        })
        .transpose()?;
    let edf = [
        name.as_str(),
        name.strip_suffix(['a', 'b']).unwrap_or(&name),
    ];
    let edf = edf
        .iter()
        .map(|stem| dir.join(format!("{stem}.edf")))
        .find(|path| path.is_file());
    Ok(Files {
        tilt: command("tilt")?,
        newstack: command("newst")?,
        settings: edf.map(|path| settings::read(&path)).transpose()?,
        stack,
        name,
        dir: dir.to_owned(),
    })
}

/// The one data set of a directory: names with `.xf` and angles, else with angles only.
fn only_name(dir: &Path, names: &[String]) -> Result<String, InteropError> {
    let with = |suffix: &str| -> BTreeSet<&str> {
        names
            .iter()
            .filter_map(|name| name.strip_suffix(suffix))
            .collect()
    };
    let angles: BTreeSet<&str> = with(".tlt").union(&with(".rawtlt")).copied().collect();
    let transforms = with(".xf");
    let aligned = transforms
        .intersection(&angles)
        .copied()
        .filter(|name| !name.contains("_fid"));
    let aligned: Vec<&str> = aligned.collect();
    let any: Vec<&str> = if aligned.is_empty() {
        angles.into_iter().collect()
    } else {
        aligned
    };
    match any[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(InteropError::missing(
            &dir.join("*.tlt"),
            "tilt angles of an eTomo data set",
        )),
        _ => {
            let found = format!("{} of them: {}", any.len(), any.join(", "));
            Err(
                InteropError::contradiction(dir.display(), "files of one data set", found)
                    .with_hint("name the data set to import"),
            )
        }
    }
}

fn names_in(dir: &Path) -> Result<Vec<String>, InteropError> {
    let entries =
        std::fs::read_dir(dir).map_err(|_| InteropError::missing(dir, "an eTomo directory"))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

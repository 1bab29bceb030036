//! Plug-ins without code: a TOML manifest makes a job of an external program.
//!
//! The program is run as an argument vector, never by a shell, in a directory of its own with the inputs staged there in its
//! native formats. Its word counts for nothing: exit code 0 and a file are not enough, every output is checked (fresh, whole,
//! shape, count, finite, variance) before it becomes an object. The digest of the program is part of the cache key.

mod checks;
mod exchange;
mod job;
mod manifest;
mod program;

use std::path::{Path, PathBuf};

use thon_contract::AnyJob;

pub use job::PluginJob;
pub use manifest::{
    Argument, Check, Exchange, InputEntry, Manifest, OutputEntry, ParameterEntry, ParameterType,
    Program,
};

use crate::EngineError;

/// The manifests of this release; the description of one says when it was never tried with its program.
pub const SHIPPED: &[(&str, &str)] = &[
    (
        "relion_postprocess.toml",
        include_str!("../../plugins/relion_postprocess.toml"),
    ),
    (
        "relion_mask_create.toml",
        include_str!("../../plugins/relion_mask_create.toml"),
    ),
    (
        "relion_image_handler.toml",
        include_str!("../../plugins/relion_image_handler.toml"),
    ),
    (
        "relion_classify3d.toml",
        include_str!("../../plugins/relion_classify3d.toml"),
    ),
    (
        "relion_refine3d.toml",
        include_str!("../../plugins/relion_refine3d.toml"),
    ),
    ("aretomo2.toml", include_str!("../../plugins/aretomo2.toml")),
    ("aretomo3.toml", include_str!("../../plugins/aretomo3.toml")),
    ("ctffind4.toml", include_str!("../../plugins/ctffind4.toml")),
    ("ctffind5.toml", include_str!("../../plugins/ctffind5.toml")),
    (
        "imod_tilt.toml",
        include_str!("../../plugins/imod_tilt.toml"),
    ),
    ("tomo3d.toml", include_str!("../../plugins/tomo3d.toml")),
];

/// The jobs of the manifests that come with the program and of those in the user's own directory. What a project or an
/// archive brings along is never run.
///
/// # Errors
/// A manifest that makes no sense, with its file and line.
pub fn jobs(directory: Option<&Path>) -> Result<Vec<PluginJob>, EngineError> {
    let mut jobs = Vec::new();
    for (name, text) in SHIPPED {
        jobs.push(PluginJob::new(Manifest::parse(text, Path::new(name))?));
    }
    let entries = directory.and_then(|directory| std::fs::read_dir(directory).ok());
    let mut paths: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|source| EngineError::File {
            path: path.clone(),
            source,
        })?;
        let manifest = Manifest::parse(&text, &path)?;
        if jobs.iter().any(|job| job.id() == manifest.id) {
            return Err(EngineError::Plugin {
                path,
                message: format!("there is a plug-in {} already", manifest.id),
            });
        }
        jobs.push(PluginJob::new(manifest));
    }
    Ok(jobs)
}

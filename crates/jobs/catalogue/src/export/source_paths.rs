//! Paths of images in exported files: as RELION had them when they come from there, else absolute.
//!
//! Another program starts in a directory of its own, where paths relative to the thon project mean nothing.

use std::path::{Path, PathBuf};

use thon_contract::Context;
use thon_model::{Carried, ImageReference, ParticleSet, TiltSeries};

/// Columns that name an image of each row.
const IMAGE: [&str; 2] = ["rlnMicrographName", "rlnImageName"];
/// Column that names the box of each particle; a micrograph beside it is not the particle's.
const BOX: [&str; 1] = ["rlnImageName"];
/// Column that names the stack of a whole series.
const STACK: &str = "rlnTomoTiltSeriesName";

/// The file's path as any program can open it.
pub(crate) fn absolute(path: &Path, context: &Context) -> PathBuf {
    let path = context.resolve(path);
    std::path::absolute(&path).unwrap_or(path)
}

/// All files of a series by their absolute paths.
pub(crate) fn make_absolute(series: &mut TiltSeries, context: &Context) {
    each_path(series, |path| *path = absolute(path, context));
}

/// Paths of a series that came from RELION become relative to its RELION project again, all others absolute. Gives
/// that project.
pub(crate) fn relative_to_relion(series: &mut TiltSeries, context: &Context) -> Option<PathBuf> {
    let mut tokens = series.images.iter().enumerate().filter_map(|(row, image)| {
        let token =
            token(&series.carried, &IMAGE, row).or_else(|| series.carried_global.value(STACK, 0));
        Some((image.image.as_ref()?.path.clone(), token?.to_owned()))
    });
    let root = tokens.find_map(|(path, token)| project_of(&path, &token));
    each_path(series, |path| *path = below(path, root.as_deref(), context));
    root
}

/// The same for boxes of particles. Gives the RELION project, if they come from one.
pub(crate) fn particles_relative_to_relion(
    set: &mut ParticleSet,
    context: &Context,
) -> Option<PathBuf> {
    let images = set.images.as_mut()?;
    let mut tokens = images
        .paths
        .iter()
        .enumerate()
        .filter_map(|(row, path)| Some((path, token(&set.carried, &BOX, row)?)));
    let root = tokens.find_map(|(path, token)| project_of(path, token));
    for path in images.paths.iter_mut().chain(&mut images.ctf_paths) {
        *path = below(path, root.as_deref(), context);
    }
    root.map(|root| absolute(&root, context))
}

fn token<'a>(carried: &'a Carried, labels: &[&str], row: usize) -> Option<&'a str> {
    let of_relion = carried.source.starts_with("relion");
    labels
        .iter()
        .find_map(|label| carried.value(label, row))
        .filter(|_| of_relion)
}

/// `P` of a path `P/token`; the token may carry a section number and a type.
fn project_of(path: &Path, token: &str) -> Option<PathBuf> {
    let token = token.split_once('@').map_or(token, |(_, path)| path);
    let token = Path::new(token.strip_suffix(":mrc").unwrap_or(token));
    let depth = token.components().count();
    path.ends_with(token).then(|| {
        path.ancestors()
            .nth(depth)
            .unwrap_or(Path::new(""))
            .to_owned()
    })
}

fn below(path: &Path, root: Option<&Path>, context: &Context) -> PathBuf {
    let inside = root.and_then(|root| path.strip_prefix(root).ok());
    inside.map_or_else(|| absolute(path, context), Path::to_owned)
}

fn each_path(series: &mut TiltSeries, mut change: impl FnMut(&mut PathBuf)) {
    for image in &mut series.images {
        let references = image
            .image
            .iter_mut()
            .chain(image.halves.iter_mut().flatten());
        references.for_each(|reference: &mut ImageReference| change(&mut reference.path));
        if let Some(movie) = &mut image.movie {
            change(&mut movie.path);
        }
    }
}

//! The cells of a particle table that name boxes on disk and the tilt images they hold.

use super::ParticleExport;
use crate::InteropError;
use crate::columns::{Cells, relative, set};
use std::collections::BTreeMap;
use thon_model::{Carried, ParticleSet, TiltSeries};

pub(super) fn put_images(
    particles: &ParticleSet,
    series: &[TiltSeries],
    rows: &mut Carried,
    from_relion: bool,
    to: &ParticleExport,
) -> Result<(), InteropError> {
    let Some(images) = &particles.images else {
        return Ok(());
    };
    let count = particles.len();
    let root = to.source_root.as_deref().unwrap_or(&to.root);
    let excluded: BTreeMap<&str, Vec<bool>> = series
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                one.images.iter().map(|image| !image.is_used()).collect(),
            )
        })
        .collect();
    for particle in particles.iter() {
        let row = particle.row;
        let path = relative(root, &images.paths[row]);
        if let Some(section) = images.sections.get(row) {
            let token = format!("{:06}@{path}", section + 1);
            let same = rows.value("rlnImageName", row).is_some_and(|old| {
                let meant = old.split_once('@');
                meant
                    .is_some_and(|(number, file)| file == path && number.parse() == Ok(section + 1))
            });
            if !same {
                set(rows, count, "rlnImageName", row, token, "None");
            }
        } else {
            put_path(rows, count, "rlnImageName", row, &path);
        }
        if let Some(ctf) = images.ctf_paths.get(row) {
            put_path(rows, count, "rlnCtfImage", row, &relative(root, ctf));
        }
        let Some(visible) = images.visible.get(row) else {
            continue;
        };
        let excluded = excluded
            .get(particle.tilt_series)
            .map_or(&[][..], Vec::as_slice);
        let kept = kept_frames(particle.name, visible, excluded)?;
        let token = format!("[{}]", kept.join(","));
        let cells = Cells {
            carried: rows,
            file: "particles",
        };
        let same = from_relion
            && cells
                .vector("rlnTomoVisibleFrames", row)?
                .is_some_and(|flags| {
                    flags.len() == kept.len()
                        && flags
                            .iter()
                            .zip(&kept)
                            .all(|(flag, token)| (*flag != 0.0) == (*token == "1"))
                });
        if !same {
            set(rows, count, "rlnTomoVisibleFrames", row, token, "[]");
        }
    }
    Ok(())
}

/// Flags of the used images. A stack that holds a section of an excluded image would no longer fit.
fn kept_frames(
    name: &str,
    visible: &[bool],
    excluded: &[bool],
) -> Result<Vec<&'static str>, InteropError> {
    let mut kept = Vec::with_capacity(visible.len());
    for (index, flag) in visible.iter().enumerate() {
        if !excluded.get(index).copied().unwrap_or(false) {
            kept.push(if *flag { "1" } else { "0" });
        } else if *flag {
            let found = format!("a section of the excluded image {}", index + 1);
            return Err(
                InteropError::contradiction(name, "a stack of used images only", found).with_hint(
                    "RELION leaves excluded images out of the table: extract these particles again",
                ),
            );
        }
    }
    Ok(kept)
}

/// A path, keeping a section number that the cell already has.
fn put_path(rows: &mut Carried, count: usize, label: &str, row: usize, path: &str) {
    let token = rows.value(label, row);
    let meant = token.map(|token| token.split_once('@').map_or(token, |(_, path)| path));
    if meant != Some(path) {
        set(rows, count, label, row, path.to_owned(), "None");
    }
}

//! Gives the sections of an mdoc their stack sections and movies, and tells of repeated tilts.

use super::MdocImport;
use super::movies::Movies;
use crate::InteropError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use thon_formats::mdoc::Section;
use thon_images::mrc::Mrc;
use thon_model::{Exclusion, ImageReference, Movie, TiltImage};

/// Two images nearer than this are of the same tilt, degrees.
const SAME_TILT: f64 = 0.05;

/// Gives every image its section of the stack; the size `[ny, nx]` of the stack.
pub(super) fn attach_stack(
    sections: &[&Section],
    images: &mut [TiltImage],
    options: &MdocImport,
) -> Result<Option<[usize; 2]>, InteropError> {
    let Some(path) = &options.stack else {
        return Ok(None);
    };
    if !path.exists() {
        return Err(InteropError::missing(path, "stack of the tilt series"));
    }
    let header = Mrc::read_header(path)?;
    let mut seen = BTreeSet::new();
    for (section, image) in sections.iter().zip(images) {
        let index = section
            .index()
            .filter(|index| *index < header.nz && seen.insert(*index));
        let Some(index) = index else {
            let place = format!(
                "{}: [{} = {}]",
                path.display(),
                section.kind.name(),
                section.value
            );
            let expected = format!("each of the {} sections of the stack once", header.nz);
            return Err(InteropError::contradiction(place, expected, &section.value)
                .with_hint("numbering starts again after an aborted series: give movies instead of the stack"));
        };
        image.image = Some(ImageReference {
            path: path.clone(),
            section: index,
        });
    }
    if let Some(unnamed) = (0..header.nz).find(|section| !seen.contains(section)) {
        let expected = format!(
            "an mdoc section for each of the {} sections of the stack",
            header.nz
        );
        return Err(InteropError::contradiction(
            path.display(),
            expected,
            format!("none for section {unnamed}"),
        ));
    }
    Ok(Some([header.ny, header.nx]))
}

pub(super) fn attach_movies(
    sections: &[&Section],
    images: &mut [TiltImage],
    options: &MdocImport,
    name: &str,
    remarks: &mut Vec<String>,
) -> Result<(), InteropError> {
    let movies = options
        .movies
        .as_deref()
        .map(Movies::in_folder)
        .transpose()?;
    let mut used: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut missing = Vec::new();
    for (section, image) in sections.iter().zip(images) {
        let Some(file) = section.sub_frame_name() else {
            if movies.is_some() {
                missing.push("(no SubFramePath)");
                let reason = "its section names no movie (SubFramePath)".to_owned();
                image.exclusion = Some(Exclusion { reason });
            }
            continue;
        };
        let frames = section.sub_frames()?;
        let found = movies
            .as_ref()
            .map(|movies| movies.find(file))
            .transpose()?;
        let path = match found {
            None => PathBuf::from(file),
            Some(Some(path)) => path.to_owned(),
            Some(None) => {
                missing.push(file);
                image.exclusion = Some(Exclusion {
                    reason: format!("movie {file} not found"),
                });
                continue;
            }
        };
        *used.entry(path.clone()).or_insert(0) += 1;
        image.movie = Some(Movie { path, frames });
    }
    for (path, count) in used.iter().filter(|(_, count)| **count > 1) {
        remarks.push(format!(
            "{name}: {count} sections name the movie {}",
            path.display()
        ));
    }
    if missing.len() == sections.len() {
        let folder = options.movies.clone().unwrap_or_default();
        return Err(InteropError::missing(
            &folder.join(missing[0]),
            "movie named by SubFramePath; none of the series is there",
        ));
    }
    if !missing.is_empty() {
        remarks.push(format!(
            "{name}: {} movies not found, their images are excluded: {}",
            missing.len(),
            missing.join(", ")
        ));
    }
    Ok(())
}

/// Two images of the same tilt: the later one is kept, the earlier one excluded, and both are told.
pub(super) fn report_repeats(images: &mut [TiltImage], name: &str, remarks: &mut Vec<String>) {
    let mut order: Vec<usize> = (0..images.len()).filter(|&i| images[i].is_used()).collect();
    order.sort_by(|&a, &b| {
        let by_tilt = images[a]
            .nominal_tilt_angle
            .0
            .total_cmp(&images[b].nominal_tilt_angle.0);
        by_tilt.then(
            images[a]
                .acquisition_index
                .cmp(&images[b].acquisition_index),
        )
    });
    for pair in order.windows(2) {
        let tilts = [pair[0], pair[1]].map(|index| images[index].nominal_tilt_angle.degrees().0);
        if (tilts[0] - tilts[1]).abs() > SAME_TILT {
            continue;
        }
        let (mut first, mut second) = (pair[0], pair[1]);
        if images[first].acquisition_index > images[second].acquisition_index {
            std::mem::swap(&mut first, &mut second);
        }
        remarks.push(format!(
            "{name}: images {} and {} are both of {:.2}°; the later one, {}, is kept",
            first + 1,
            second + 1,
            tilts[0],
            second + 1
        ));
        images[first].exclusion = Some(Exclusion {
            reason: format!("taken again later at the same tilt (image {})", second + 1),
        });
    }
}

//! PyTom's particle lists `.xml` ↔ rows.
//!
//! Pick positions count voxels from 0; a particle lies at pick position + shift (of unbinned voxels: `Binning` scales both). R = Rz(Z2)
//! Rx(X) Rz(Z1). Wedges and other elements of a particle are left out, with a remark.

use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_formats::pytom::{self, ParticleList, PickPosition, Score};
use thon_formats::text;
use thon_formats::xml::Element;

use super::Frames;
use super::rows::{Rows, tomogram_of};
use crate::InteropError;
use crate::euler::MotlAngles;

/// Reads a list.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let list = pytom::read(path)?;
    let alone = tomogram_of(path, frames);
    let mut rows = Rows::default();
    let mut other = 0;
    for particle in list.particles {
        let pick = particle.pick.unwrap_or_default();
        let place = DVec3::from_array(pick.position) + DVec3::from_array(particle.shift);
        let named = !pick.origin.is_empty();
        rows.add(
            if named { &pick.origin } else { &alone },
            place * pick.binning.unwrap_or(1.0),
        );
        let [z1, z2, x] = particle.rotation;
        rows.rotations.push(MotlAngles::new(z1, z2, x).rotation());
        rows.names.push(particle.file_name);
        rows.scores
            .push(particle.score.map_or(0.0, |score| score.value));
        let class = particle.class.and_then(|name| name.parse().ok());
        rows.classes.push(class.unwrap_or(0));
        other += particle.other.len();
    }
    if rows.classes.iter().all(|class| *class == 0) {
        rows.classes.clear();
    }
    if rows.names.iter().any(String::is_empty) {
        rows.names.clear();
    }
    if other > 0 {
        let text = format!("{other} elements of particles (wedges and others) are left out");
        rows.remarks.push(format!("{}: {text}", path.display()));
    }
    Ok(rows)
}

/// Writes a list.
pub(super) fn write(rows: &Rows, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, InteropError> {
    let mut list = ParticleList::default();
    for row in 0..rows.len() {
        let angles = MotlAngles::of(rows.turn(row));
        let score = rows.scores.get(row).map(|value| Score {
            value: *value,
            element: Element::new("Score", [("Type", "FLCFScore"), ("Value", "0")]),
        });
        list.particles.push(pytom::Particle {
            file_name: rows.names[row].clone(),
            rotation: [angles.phi.0, angles.psi.0, angles.theta.0],
            shift: [0.0; 3],
            pick: Some(PickPosition {
                position: rows.places[row].to_array(),
                origin: rows.tomogram_name(row).to_owned(),
                binning: Some(1.0),
                other: Vec::new(),
            }),
            score,
            class: rows.classes.get(row).map(u32::to_string),
            other: Vec::new(),
        });
    }
    let path = folder.join(format!("{stem}.xml"));
    text::write_file(&path, pytom::write(&list).as_bytes())?;
    Ok(vec![path])
}

//! The files of a refinement or classification of RELION 3.1: particles, model, optimiser, sampling.
//!
//! `NAME_data.star`, `NAME_model.star` (with half sets also `NAME_half1_model.star` and `2`, what `--continue` of an
//! iteration reads), `NAME_optimiser.star`, `NAME_sampling.star`, NAME being `run` or `run_it025`. Maps are named here
//! and written by the caller. Paths in the files start at the RELION project. Classes of two dimensions are sections of one
//! stack, `NAME_classes.mrcs`.
//!
//! Spectra are those of RELION: of transforms divided by the number of voxels N³, half of E|F|² (the power of one of
//! the two parts of a coefficient). White noise of variance s² per voxel has σ² = s²/(2 N³), of images N². RELION's
//! noise is that of masked particles: the written one is what a sphere of the particle's diameter with an edge of five voxels
//! leaves of it. Signal-to-noise ratio: FSC/(1 − FSC), FSC at most 0.999.

mod data;
mod model;
mod optimiser;
mod sampling;

use std::path::{Path, PathBuf};

use thon_formats::star::{self, Block, StarFile, Table};
use thon_model::{ParticleSet, TiltSeries};
use thon_units::{Angstrom, PixelSize};

use crate::error::create_parent;
use crate::{InteropError, Losses};

/// A refinement or classification, or one iteration of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refinement {
    /// 3 for maps, 2 for averages of images.
    pub dimensions: u8,
    /// True when something says what contrast transfer the data were seen through.
    pub ctf: bool,
    /// Start of all file names: `run`, `run_it025`.
    pub name: String,
    /// The folder of the files as it stands in them, relative to the RELION project; empty: that project itself.
    pub folder: PathBuf,
    /// Iterations done.
    pub iteration: u32,
    /// Nothing changed any more.
    pub converged: bool,
    /// Edge of the box, voxels.
    pub box_size: usize,
    /// Edge of a voxel.
    pub voxel_size: PixelSize,
    /// Symmetry group, such as `C1`.
    pub symmetry: String,
    /// Diameter of the particle.
    pub diameter: Angstrom,
    /// RELION's T: weight of the data against the prior.
    pub regularisation: f64,
    /// Deviation of particles from the middle of their boxes, per axis.
    pub offset_sigma: Angstrom,
    /// Two half sets were refined apart.
    pub halves: bool,
    /// The classes, at least one.
    pub classes: Vec<RefinedClass>,
    /// Groups with noise of their own; empty when it is not known.
    pub groups: Vec<NoiseGroup>,
}

/// Edge of RELION's mask around particles, voxels: `rlnWidthMaskEdge`.
const MASK_EDGE: f64 = 5.0;

/// One class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RefinedClass {
    /// Share of the particles.
    pub share: f64,
    /// Resolution.
    pub resolution: Option<Angstrom>,
    /// Fourier shell correlation of the half maps by shell, from shell 0; empty when there are none.
    pub fsc: Vec<f64>,
    /// Power of the map by shell, from shell 0; see the module.
    pub power: Vec<f64>,
    /// Signal-to-noise ratio of the map by shell, where it was not made of half maps; empty: guessed from the resolution.
    pub signal_to_noise: Vec<f64>,
}

/// Particles whose noise was estimated together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NoiseGroup {
    /// Name: that of the tilt series.
    pub name: String,
    /// Number of particles.
    pub particles: usize,
    /// Factor of the signal.
    pub scale: f64,
    /// Power of the noise by shell, from shell 0; see the module.
    pub power: Vec<f64>,
}

/// Which map of a refinement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefinedMap {
    /// Of all particles of a class.
    Whole,
    /// Of half set 1 or 2, as it is compared with particles.
    Half(u8),
    /// Of half set 1 or 2, not filtered: what post-processing takes.
    Unfiltered(u8),
}

impl Refinement {
    /// File name of a map; classes count from 0. Averages of images share one stack.
    pub fn map_file(&self, class: usize, map: RefinedMap) -> String {
        let (name, class) = (&self.name, class + 1);
        match map {
            RefinedMap::Whole if self.dimensions == 2 => format!("{name}_classes.mrcs"),
            RefinedMap::Whole => format!("{name}_class{class:03}.mrc"),
            RefinedMap::Half(half) => format!("{name}_half{half}_class{class:03}.mrc"),
            RefinedMap::Unfiltered(half) => {
                format!("{name}_half{half}_class{class:03}_unfil.mrc")
            }
        }
    }

    /// Mean over the box of the square of RELION's mask: 1 within the radius of the particle, a cosine edge of
    /// [`MASK_EDGE`] voxels, 0 beyond.
    fn mask_fraction(&self) -> f64 {
        let (n, depth) = (
            self.box_size,
            if self.dimensions == 2 {
                1
            } else {
                self.box_size
            },
        );
        let radius = 0.5 * self.diameter.0 / self.voxel_size.0;
        let square = |i: usize, n: usize| (i as f64 - (n / 2) as f64).powi(2);
        let mut sum = 0.0;
        for z in 0..depth {
            for y in 0..n {
                for x in 0..n {
                    let r = (square(x, n) + square(y, n) + square(z, depth)).sqrt();
                    let part = ((r - radius) / MASK_EDGE).clamp(0.0, 1.0);
                    sum += (0.5 + 0.5 * (std::f64::consts::PI * part).cos()).powi(2);
                }
            }
        }
        sum / (n * n * depth) as f64
    }

    /// A map as it stands in the tables: in a stack with its number.
    fn shown_map(&self, class: usize, map: RefinedMap) -> String {
        let file = self.shown(&self.map_file(class, map));
        if self.dimensions == 2 {
            format!("{:06}@{file}", class + 1)
        } else {
            file
        }
    }

    /// A file as it stands in the others.
    fn shown(&self, file: &str) -> String {
        self.folder.join(file).display().to_string()
    }

    /// Number of shells, 0 to Nyquist.
    fn shells(&self) -> usize {
        self.box_size / 2 + 1
    }

    /// Frequency of a shell, 1/Å.
    fn frequency(&self, shell: usize) -> f64 {
        shell as f64 / (self.box_size as f64 * self.voxel_size.0)
    }

    /// Last shell inside the best resolution of the classes; 0 when none has one.
    fn resolution_shell(&self) -> usize {
        let best = self.classes.iter().filter_map(|class| class.resolution);
        let best = best.map(|d| d.0).fold(f64::INFINITY, f64::min);
        let shell = self.box_size as f64 * self.voxel_size.0 / best;
        if shell.is_finite() {
            (shell.round() as usize).min(self.shells() - 1)
        } else {
            0
        }
    }

    /// What would make the files lie.
    fn check(&self, particles: &ParticleSet) -> Result<(), InteropError> {
        let wrong = |place: &str, expected: String, found: String| {
            Err(InteropError::contradiction(place, expected, found))
        };
        if self.classes.is_empty() {
            return wrong("classes", "at least one".into(), "none".into());
        }
        if self.box_size < 2 || self.voxel_size.0.is_nan() || self.voxel_size.0 <= 0.0 {
            let found = format!("{} voxels of {} Å", self.box_size, self.voxel_size.0);
            return wrong("box", "voxels".into(), found);
        }
        let most = particles.classes.iter().max().copied().unwrap_or(0) as usize;
        if most > self.classes.len() {
            let expected = format!("classes up to {}", self.classes.len());
            return wrong("particles", expected, format!("class {most}"));
        }
        for (group, shells) in self.groups.iter().map(|group| (group, group.power.len())) {
            if shells < self.shells() {
                let expected = format!("{} shells", self.shells());
                return wrong(&group.name, expected, shells.to_string());
            }
        }
        Ok(())
    }
}

/// Writes the tables of a refinement into `folder`. Image paths of the particles are written as they are; `series` are
/// the tilt series of particles without boxes, whose places are told instead.
///
/// # Errors
/// Classes or spectra that do not fit, or a file that cannot be written.
pub fn write_refinement(
    refinement: &Refinement,
    particles: &ParticleSet,
    series: &[TiltSeries],
    folder: &Path,
) -> Result<Losses, InteropError> {
    refinement.check(particles)?;
    let name = &refinement.name;
    let losses = data::write(refinement, particles, series, folder)?;
    let put = |file: String, blocks: Vec<(String, Table)>| {
        let path = folder.join(file);
        create_parent(&path)?;
        let blocks = blocks
            .into_iter()
            .map(|(name, table)| Block::new(name, vec![table]).with_comment("version 30001"));
        star::write_to(&StarFile::new(blocks.collect()), &path).map_err(InteropError::from)
    };
    put(
        format!("{name}_model.star"),
        model::blocks(refinement, RefinedMap::Whole)?,
    )?;
    for half in [1, 2].into_iter().filter(|_| refinement.halves) {
        let blocks = model::blocks(refinement, RefinedMap::Half(half))?;
        put(format!("{name}_half{half}_model.star"), blocks)?;
    }
    put(
        format!("{name}_sampling.star"),
        sampling::blocks(refinement),
    )?;
    put(
        format!("{name}_optimiser.star"),
        optimiser::blocks(refinement),
    )?;
    Ok(losses)
}

//! Signal subtraction: subtomograms without the part of the particle that lies outside a mask.
//!
//! Kernel: `thon_extract::subtract_reference`. The map must be that of a refinement of these particles: on their grey scale, in
//! the frame of their poses.

use ndarray::Zip;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{MapKind, MaskKind, ParticlesKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_extract::{StoredParticle, TransferVolume, VolumeReader, subtract_reference};
use thon_images::mrc::write_volume;
use thon_likelihood::{Placement, Reference};
use thon_model::{ParticleImages, ParticleSet, RepresentationKind};

use super::findings::set_findings;
use super::given_maps::size_findings;
use super::placements::placements;
use super::source::Views;
use super::volume_files::VolumeFiles;
use crate::maps::{box_findings, records};
use crate::particles::SeriesByName;

/// Subtraction.
pub(crate) struct SubtractSignal;

/// Subtract from subtomograms what lies outside a mask on the particle.
///
/// The map outside the mask, turned, shifted and seen through each particle's CTF, is taken from its volume; what lies under
/// the mask stays and can be classified or refined on its own. New volumes are written; CTF volumes stay where they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {}

/// Inputs of a subtraction.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Refined subtomograms.
    particles: Artifact<ParticlesKind>,
    /// Their map, as refinement left it.
    map: Artifact<MapKind>,
    /// What is to stay: 1 there, 0 elsewhere, soft between.
    mask: Artifact<MaskKind>,
}

/// Outputs of a subtraction.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles with their new volumes.
    particles: Output<ParticlesKind>,
}

impl Job for SubtractSignal {
    const ID: &'static str = "particles.subtract";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let set = match load(inputs, context) {
            Ok(set) => set,
            Err(e) => return vec![Finding::error("particles", e.to_string())],
        };
        let mut findings = set_findings(&Views::default(), &SeriesByName::new(), &set, context);
        let given = [
            ("map", records(&inputs.map)),
            ("mask", records(&inputs.mask)),
        ];
        findings.extend(box_findings(&given, context));
        if let Some(images) = &set.images {
            let (n, size) = (images.box_size, images.pixel_size);
            findings.extend(size_findings("map", Some(&inputs.map), n, size, context));
            findings.extend(size_findings("mask", Some(&inputs.mask), n, size, context));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(set) = load(inputs, context) else {
            return Cost::default();
        };
        let n = set
            .images
            .as_ref()
            .map_or(0, |images| images.box_size as u64);
        let (voxels, particles) = (n.pow(3), set.len() as u64);
        Cost {
            memory: PROCESS_MEMORY + 400 * voxels,
            disk: (1 << 16) + particles * (4 * voxels + 2048),
            cpu_seconds: 0.1 + voxels as f64 * (particles as f64 * 1e-7 + 1e-6),
        }
    }

    fn run(_: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut set = load(inputs, context)?;
        let images = volumes(&set)?.clone();
        let reference = outside(inputs, &images, context)?;
        let files = VolumeFiles::new(&images, context);
        let placed = placements(&set, images.pixel_size.0);
        let mut paths = Vec::with_capacity(set.len());
        for first in (0..set.len()).step_by(16) {
            thon_compute::check(context.progress())?;
            let rows = first..set.len().min(first + 16);
            let written: Vec<_> = rows
                .into_par_iter()
                .map(|row| one(row, &files, &images, &reference, &placed[row], context))
                .collect::<Result<_, _>>()?;
            paths.extend(written);
        }
        set.images = Some(ParticleImages { paths, ..images });
        let stored = context.store::<ParticlesKind>("particles", &set)?;
        Ok(Outputs {
            particles: Output::of(vec![stored]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "The part of the particles outside a mask was subtracted from the subtomograms."
                .into(),
            citations: vec![Citation::new("Bai et al. 2015", "10.7554/eLife.11182")],
        }
    }
}

/// The set, if it is one of oriented subtomograms.
fn load(inputs: &Inputs, context: &Context) -> Result<ParticleSet, JobError> {
    let set = context.load(inputs.particles.single()?)?;
    volumes(&set)?;
    if !set.is_empty() && !set.oriented {
        return Err(JobError::Data {
            message: "the particles have no orientations".into(),
            hint: "refine them first".into(),
        });
    }
    Ok(set)
}

fn volumes(set: &ParticleSet) -> Result<&ParticleImages, JobError> {
    let images = set.images.as_ref();
    let volumes = images.filter(|images| images.kind == RepresentationKind::Volume);
    volumes.ok_or_else(|| JobError::Data {
        message: "the particles are no subtomogram volumes".into(),
        hint: "make volumes of them with particles.extract-subtomograms".into(),
    })
}

/// The transform of the map where the mask is not.
fn outside(
    inputs: &Inputs,
    images: &ParticleImages,
    context: &Context,
) -> Result<Reference, JobError> {
    let mut map = context.load(inputs.map.single()?)?.data;
    let mask = context.load(inputs.mask.single()?)?.0.data;
    if map.dim() != mask.dim() {
        return Err(JobError::data("map and mask have different boxes"));
    }
    Zip::from(&mut map)
        .and(&mask)
        .for_each(|value, mask| *value *= 1.0 - mask);
    let values: Vec<f32> = map.iter().copied().collect();
    Reference::new(&values, images.box_size).map_err(|e| JobError::data(e.to_string()))
}

/// Subtracts from one particle and writes it.
fn one(
    row: usize,
    files: &VolumeFiles,
    images: &ParticleImages,
    reference: &Reference,
    placement: &Placement,
    context: &Context,
) -> Result<std::path::PathBuf, JobError> {
    let n = images.box_size;
    let failed = |e: &dyn std::fmt::Display| JobError::data(format!("{}: {e}", files.place(row)));
    let StoredParticle {
        volume, transfer, ..
    } = files.read(row).map_err(|e| failed(&e))?;
    let transfer = match &transfer {
        None => TransferVolume::Absent,
        Some((values, shape)) => {
            TransferVolume::of_shape(values, *shape, n).map_err(|e| failed(&e))?
        }
    };
    let left =
        subtract_reference(&volume, n, transfer, reference, placement).map_err(|e| failed(&e))?;
    let name = format!("subtracted/{:06}.mrc", row + 1);
    let path = context.file(&name)?;
    write_volume(&path, &left, [n; 3], Some(images.pixel_size.0))
        .map_err(|e| JobError::file(&path, e))?;
    Ok(context.published(&name))
}

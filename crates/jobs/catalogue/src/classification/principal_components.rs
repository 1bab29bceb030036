//! Principal components of placed subtomograms, and classes of their factors.
//!
//! Kernel: `thon_classify::components`. Missing wedges and CTFs are weights; particles are compared at the poses that
//! they have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_classify::components::{ComponentOptions, Components, principal_components};
use thon_contract::kinds::{Column, Curves, CurvesKind, MapKind, ParticlesKind, PictureKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, ItemRecord, Job, JobError, Methods, Output,
    PROCESS_MEMORY,
};
use thon_extract::{StoredParticle, VolumeReader, VolumeSource};
use thon_images::mrc::Mrc;
use thon_likelihood::{Placement, SourceError};
use thon_model::{Map, ParticleImages, ParticleSet, RepresentationKind};
use thon_units::PixelSize;

use super::montage::montage;
use super::particle_boxes::{boxes, findings, load};
use super::stopped;

/// Principal components.
pub(crate) struct PrincipalComponents;

/// Sort placed subtomograms by the principal components of their differences.
///
/// No reference of a class is needed. Each particle counts only in the directions of Fourier space that it has. Particles need subtomograms on disk and poses.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Components, classes, mask, resolution.
    pub options: ComponentOptions,
}

/// Inputs of the analysis.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Refined particles with subtomograms.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the analysis.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles with their classes, the largest class first.
    particles: Output<ParticlesKind>,
    /// The average of all particles up to the resolution.
    average: Output<MapKind>,
    /// The components: what is added to the average per unit of a factor.
    components: Output<MapKind>,
    /// The average of each class up to the resolution.
    class_averages: Output<MapKind>,
    /// The factors of every particle, and the variances along the components.
    factors: Output<CurvesKind>,
    /// Central slices of components and class averages.
    pictures: Output<PictureKind>,
}

impl Job for PrincipalComponents {
    const ID: &'static str = "classification.principal-components";
    const VERSION: u32 = 2;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let particles = match load(&inputs.particles, context) {
            Ok(particles) => particles,
            Err(e) => return vec![Finding::error("particles", e.to_string())],
        };
        let images = match boxes(&particles) {
            Ok(images) => images,
            Err(e) => return vec![Finding::error("particles", e.to_string())],
        };
        if images.kind != RepresentationKind::Volume {
            let message = "they are images; this job compares subtomograms";
            return vec![
                Finding::error("particles", message).with_hint("write subtomograms of them first"),
            ];
        }
        let mut found = findings(images, context);
        if !particles.oriented {
            let message = "the particles have no orientations";
            found.push(Finding::error("particles", message).with_hint("refine them first"));
        }
        if let Err(e) = params.options.check(images.box_size, images.pixel_size.0) {
            found.push(Finding::error("options", e.to_string()));
        }
        let expected = (params.options.components + 2).max(params.options.classes);
        if particles.len() < expected {
            let message = format!(
                "{} particles: expected at least {expected}",
                particles.len()
            );
            found.push(
                Finding::error("options", message).with_hint("ask for fewer components or classes"),
            );
        }
        found
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let particles = load(&inputs.particles, context).ok();
        let images = particles.as_ref().and_then(|set| set.images.as_ref());
        let Some((images, count)) = images.zip(particles.as_ref().map(ParticleSet::len)) else {
            return Cost::default();
        };
        let needs = params
            .options
            .needs(count, images.box_size, images.pixel_size.0);
        let (memory, seconds) = needs.unwrap_or((0, 0.0));
        let maps = (1 + params.options.components + params.options.classes) as u64;
        Cost {
            memory: PROCESS_MEMORY + memory,
            disk: (1 << 18) + 4 * (images.box_size as u64).pow(3) * maps + 400 * count as u64,
            cpu_seconds: seconds,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut particles = load(&inputs.particles, context)?;
        let images = boxes(&particles)?;
        let (n, size) = (images.box_size, images.pixel_size.0);
        let reader = Subtomograms { images, context };
        let source = VolumeSource::new(reader, n, size, particles.tilt_series.clone());
        let source = source.map_err(|e| JobError::data(e.to_string()))?;
        let placements = placements(&particles, size)?;
        let found = principal_components(&source, &placements, &params.options, context.progress())
            .map_err(stopped)?;
        if found.varying == 0 {
            let text = "the particles do not differ beyond their noise at this resolution: all are in one class";
            context.warn(text);
        } else if found.varying < found.count {
            let (varying, count) = (found.varying, found.count);
            context.warn(format!(
                "the particles differ along {varying} of {count} components"
            ));
        }
        particles.classes = found
            .grouping
            .classes
            .iter()
            .map(|k| *k as u32 + 1)
            .collect();
        let maps = |name: &str, volumes: &[Vec<f32>]| -> Result<Vec<ItemRecord>, JobError> {
            let numbered = volumes.iter().enumerate();
            numbered
                .map(|(k, volume)| {
                    store_map(&format!("{name}_{:03}", k + 1), volume, n, size, context)
                })
                .collect()
        };
        Ok(Outputs {
            average: Output::of(vec![store_map(
                "average",
                &found.average,
                n,
                size,
                context,
            )?]),
            components: Output::of(maps("component", &found.volumes)?),
            class_averages: Output::of(maps("class", &found.class_averages)?),
            factors: Output::of(vec![
                context.store::<CurvesKind>("factors", &factor_curves(&found))?,
            ]),
            pictures: Output::of(vec![
                context.store::<PictureKind>("components", &picture(&found, n).to_png())?,
            ]),
            particles: Output::of(vec![
                context.store::<ParticlesKind>("particles", &particles)?,
            ]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Differences between aligned subtomograms were decomposed into {} principal components with missing \
                 directions as weights, at periods down to {} Å, and the particles sorted into {} classes by k-means.",
                params.options.components, params.options.resolution.0, params.options.classes
            ),
            citations: vec![
                Citation::new("Heumann et al. 2011", "10.1016/j.jsb.2011.05.011"),
                Citation::new("Tipping & Bishop 1999", "10.1111/1467-9868.00196"),
            ],
        }
    }
}

/// Subtomograms of a set, read one by one.
struct Subtomograms<'a> {
    images: &'a ParticleImages,
    context: &'a Context<'a>,
}

impl VolumeReader for Subtomograms<'_> {
    fn count(&self) -> usize {
        self.images.paths.len()
    }

    fn read(&self, index: usize) -> Result<StoredParticle, SourceError> {
        let open = |path: &std::path::Path| -> Result<(Vec<f32>, [usize; 3]), SourceError> {
            let file = Mrc::open(self.context.resolve(path))?;
            Ok((file.read_all()?, file.shape()))
        };
        let transfer = self.images.ctf_paths.get(index);
        Ok(StoredParticle {
            volume: open(&self.images.paths[index])?.0,
            transfer: transfer.map(|path| open(path)).transpose()?,
            premultiplied: self.images.ctf_premultiplied,
        })
    }

    fn place(&self, index: usize) -> String {
        self.images.paths[index].display().to_string()
    }
}

/// Where each particle is in its box.
fn placements(particles: &ParticleSet, voxel_size: f64) -> Result<Vec<Placement>, JobError> {
    let one = |row| {
        let pose = particles.pose_in_box(row);
        let pose = pose.ok_or_else(|| JobError::data("the particles have no images on disk"))?;
        Ok(Placement {
            rotation: pose.rotation.quaternion(),
            shift: pose.position.xyz / voxel_size,
        })
    };
    (0..particles.len()).map(one).collect()
}

fn store_map(
    name: &str,
    volume: &[f32],
    n: usize,
    size: f64,
    context: &Context,
) -> Result<ItemRecord, JobError> {
    let data = ndarray::Array3::from_shape_vec((n, n, n), volume.to_vec());
    let data = data.map_err(|e| JobError::data(e.to_string()))?;
    context.store::<MapKind>(name, &Map::new(data, PixelSize(size)))
}

fn factor_curves(found: &Components) -> Curves {
    let count = found.grouping.classes.len();
    let mut curves = Curves {
        title: "Factors of the particles".into(),
        columns: vec![
            Column::new("particle", "", (1..=count).map(|i| i as f64)),
            Column::new(
                "class",
                "",
                found.grouping.classes.iter().map(|k| (*k + 1) as f64),
            ),
        ],
        ..Curves::default()
    };
    for k in 0..found.count {
        let values = found.factors.chunks_exact(found.count).map(|f| f[k]);
        curves
            .columns
            .push(Column::new(&format!("factor {}", k + 1), "", values));
        curves
            .facts
            .insert(format!("variance {:02}", k + 1), found.variances[k]);
    }
    curves
        .facts
        .insert("scatter within classes".into(), found.grouping.scatter);
    curves
}

/// Central slices.
fn picture(found: &Components, n: usize) -> thon_picture::Picture {
    let middle = |volume: &'_ [f32]| volume[n / 2 * n * n..][..n * n].to_vec();
    let mut slices = vec![(middle(&found.average), "average".to_owned())];
    for (k, volume) in found.volumes.iter().enumerate() {
        slices.push((middle(volume), format!("component {}", k + 1)));
    }
    for (k, volume) in found.class_averages.iter().enumerate() {
        let size = found.grouping.classes.iter().filter(|c| **c == k).count();
        slices.push((middle(volume), format!("class {}: {size}", k + 1)));
    }
    let labelled: Vec<(&[f32], String)> = slices
        .iter()
        .map(|(s, t)| (s.as_slice(), t.clone()))
        .collect();
    montage(&labelled, n)
}

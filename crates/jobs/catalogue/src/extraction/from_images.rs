//! Pseudo-subtomograms of RELION 4 and 5, straight from the tilt images.

use rayon::prelude::*;
use thon_contract::{Context, JobError};
use thon_extract::{
    BoxReader, CutSettings, PremultipliedView, PseudoSubtomogram, pseudo_subtomogram,
};
use thon_geometry::{Pose, Rotation};
use thon_model::{ParticleImages, ParticleSet, RepresentationKind};
use thon_units::PixelSize;

use super::extract_subtomograms::Params;
use super::volume_paths::{Written, file};
use crate::average::cut_particles;
use crate::particles::{SeriesByName, ViewSettings, voxel_size};

/// Particles that are made at once.
const BLOCK: usize = 16;

/// Makes all particles, writes them and their weights, and returns the particles that were made.
pub(super) fn extract(
    params: &Params,
    series: &SeriesByName,
    set: &ParticleSet,
    written: &mut Written,
    context: &Context,
) -> Result<ParticleSet, JobError> {
    let (n, size) = (params.box_size, voxel_size(series, set)?);
    let settings = ViewSettings {
        box_size: n,
        ctf: params.weights.ctf,
        exposure: params.exposure,
        maximum_dose: None,
        recover_delocalised: true,
    };
    let cut = CutSettings {
        box_size: n,
        pixel_size: size,
        premultiply: true,
    };
    let made = cut_particles(series, set, &settings, &cut, context)?;
    let kept = set.select(&made.rows);
    let (mut paths, mut weight_paths) = (Vec::new(), Vec::new());
    let particles: Vec<usize> = (0..kept.len()).collect();
    for (block, rows) in particles.chunks(BLOCK).enumerate() {
        thon_compute::check(context.progress())?;
        context
            .progress()
            .advance((block * BLOCK) as u64, kept.len() as u64);
        let volumes: Vec<PseudoSubtomogram> = rows
            .par_iter()
            .map(|&particle| {
                let (scheme, places) = &made.places[particle];
                let mut boxes = vec![0.0; places.len() * n * n];
                made.held
                    .read(particle, &mut boxes)
                    .map_err(|e| JobError::data(format!("{}: {e}", kept.names[particle])))?;
                let transfers: Vec<Vec<f32>> = places
                    .iter()
                    .map(|(_, place)| place.transfer.half_spectrum(n, size))
                    .collect();
                let scheme = &made.series[*scheme as usize].1.scheme;
                let views: Vec<PremultipliedView<'_>> = places
                    .iter()
                    .zip(&transfers)
                    .zip(boxes.chunks_exact(n * n))
                    .map(|(((view, _), transfer), image)| PremultipliedView {
                        projection: scheme.views[usize::from(*view)].projection,
                        image,
                        transfer,
                    })
                    .collect();
                pseudo_subtomogram(n, &views)
                    .map_err(|e| JobError::data(format!("{}: {e}", kept.names[particle])))
            })
            .collect::<Result<_, _>>()?;
        for (&row, volume) in rows.iter().zip(&volumes) {
            let data = file(&kept, row, "data");
            paths.push(written.volume(data, &volume.data, [n; 3], size.0, context)?);
            let (weights, shape) = (file(&kept, row, "weights"), [2 * n, n, n / 2 + 1]);
            weight_paths.push(written.volume(weights, &volume.weights, shape, size.0, context)?);
        }
    }
    Ok(described(kept, n, size, (paths, weight_paths)))
}

type Paths = Vec<std::path::PathBuf>;

fn described(
    mut kept: ParticleSet,
    n: usize,
    size: PixelSize,
    (paths, ctf_paths): (Paths, Paths),
) -> ParticleSet {
    let place = |pose: &Pose| Pose::new(Rotation::identity(), pose.position);
    let boxes = kept.poses.iter().map(place).collect();
    kept.images = Some(ParticleImages {
        kind: RepresentationKind::Volume,
        box_size: n,
        pixel_size: size,
        ctf_premultiplied: true,
        paths,
        sections: Vec::new(),
        ctf_paths,
        ctfs: Vec::new(),
        visible: Vec::new(),
        boxes,
    });
    kept
}

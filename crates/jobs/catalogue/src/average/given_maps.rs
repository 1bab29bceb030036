//! References and masks as refinement takes them: of the particles' own box and voxel size.

use ndarray::Array3;
use thon_contract::kinds::{MapKind, MaskKind};
use thon_contract::{Artifact, Context, Finding, JobError, Kind};
use thon_model::Map;
use thon_units::PixelSize;

use crate::maps::{box_of, records};

/// Headers hold the voxel size as f32 cell edges, tables with few digits: 0.2 % covers their rounding.
const SAME_VOXEL_SIZE: f64 = 2e-3;

/// Maps given to a job, as plain voxels.
#[derive(Default)]
pub(super) struct GivenMaps {
    pub(super) references: Vec<Vec<f32>>,
    pub(super) mask: Option<Vec<f32>>,
}

impl GivenMaps {
    pub(super) fn load(
        references: Option<&Artifact<MapKind>>,
        mask: Option<&Artifact<MaskKind>>,
        context: &Context,
    ) -> Result<Self, JobError> {
        let mut maps = Vec::new();
        for item in references.iter().flat_map(|artifact| artifact.items()) {
            maps.push(voxels(&context.load(item)?.data));
        }
        let mask = mask.map(|mask| context.load(mask.single()?)).transpose()?;
        Ok(Self {
            references: maps,
            mask: mask.map(|mask| voxels(&mask.0.data)),
        })
    }

    pub(super) fn references(&self) -> Vec<&[f32]> {
        self.references.iter().map(Vec::as_slice).collect()
    }
}

fn voxels(data: &Array3<f32>) -> Vec<f32> {
    data.as_standard_layout().iter().copied().collect()
}

/// A map of plain voxels.
pub(super) fn map(values: &[f32], n: usize, voxel_size: PixelSize) -> Result<Map, JobError> {
    let data = Array3::from_shape_vec((n, n, n), values.to_vec());
    let data = data.map_err(|e| JobError::data(format!("a map of {n} voxels: {e}")))?;
    Ok(Map::new(data, voxel_size))
}

/// Maps of another box or voxel size than the particles.
pub(super) fn size_findings<K: Kind>(
    slot: &str,
    maps: Option<&Artifact<K>>,
    n: usize,
    voxel_size: PixelSize,
    context: &Context,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for record in maps.iter().flat_map(|artifact| records(artifact)) {
        let message = match box_of(&record, context) {
            Err(e) => e.to_string(),
            Ok((shape, _)) if shape != [n, n, n] => {
                let [z, y, x] = shape;
                format!("expected the particles' {n} × {n} × {n} voxels, found {x} × {y} × {z}")
            }
            Ok((_, size)) if (size / voxel_size.0 - 1.0).abs() > SAME_VOXEL_SIZE => {
                format!(
                    "expected the particles' voxels of {:.4} Å, found {size:.4} Å",
                    voxel_size.0
                )
            }
            Ok(_) => continue,
        };
        findings.push(
            Finding::error(slot, message)
                .with_hint("bring the map to the box and voxel size of the particles first"),
        );
    }
    findings
}

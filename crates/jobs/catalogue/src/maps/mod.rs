//! Jobs on maps: masks, comparison, alignment, difference, post-processing, local and directional resolution.

mod align;
mod boxes;
mod compare;
mod create_mask;
mod curves;
mod detector;
mod difference;
mod directional_fsc;
mod local_resolution;
mod mask_shapes;
mod post_process;
mod transform;
mod view_directions;

pub(crate) use align::AlignMaps;
pub(crate) use boxes::{box_findings, box_of, load_usable, records, voxels};
pub(crate) use compare::CompareMaps;
pub(crate) use create_mask::CreateMask;
pub(crate) use difference::DifferenceMap;
pub(crate) use directional_fsc::DirectionalFsc;
pub(crate) use local_resolution::LocalResolutionJob;
pub(crate) use post_process::PostProcess;
pub(crate) use transform::TransformMap;

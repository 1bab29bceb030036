//! Jobs on maps: comparison, post-processing.

mod boxes;
mod compare;
mod curves;
mod detector;
mod post_process;

pub(crate) use boxes::{box_findings, box_of, load_usable, records, voxels};
pub(crate) use compare::CompareMaps;
pub(crate) use post_process::PostProcess;

//! Jobs on maps: comparison, post-processing.

mod compare;
mod post_process;

pub(crate) use compare::CompareMaps;
pub(crate) use post_process::PostProcess;

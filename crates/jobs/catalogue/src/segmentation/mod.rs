//! Jobs that tell the structures of a cell apart in tomograms, and that look for particles on them.

mod sample_membranes;
mod segment_membranes;
mod triangulate_membranes;

pub(crate) use sample_membranes::SampleMembranes;
pub(crate) use segment_membranes::SegmentMembranes;
pub(crate) use triangulate_membranes::TriangulateMembranes;

use thon_contract::JobError;
use thon_segment::SegmentError;

/// The job error that a kernel error amounts to.
fn stopped(error: SegmentError) -> JobError {
    match error {
        SegmentError::Cancelled(_) => JobError::Cancelled,
        SegmentError::Read { source, .. } | SegmentError::Write { source, .. } => {
            JobError::data(source.to_string())
        }
        other => JobError::data(other.to_string()),
    }
}

/// Bytes that streaming in bands within `memory` MiB takes for so many voxels: three bands, and the points that are kept.
fn working(voxels: usize, memory: usize) -> usize {
    (24 * voxels).min(memory << 20)
}

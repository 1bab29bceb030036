//! Jobs that make tomograms.

mod reconstruct_wbp;

pub(crate) use reconstruct_wbp::ReconstructWbp;

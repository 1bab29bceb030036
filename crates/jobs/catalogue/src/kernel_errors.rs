//! Errors of the reconstruction kernels as errors of a job, with what lies behind them.

use thon_contract::JobError;
use thon_reconstruct::ReconstructError;

/// The job error that a kernel error amounts to.
pub(crate) fn stopped(error: ReconstructError) -> JobError {
    match error {
        ReconstructError::Cancelled(_) => JobError::Cancelled,
        ReconstructError::Read { source, .. } => JobError::data(source.to_string()),
        other => JobError::data(other.to_string()),
    }
}

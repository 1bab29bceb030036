//! Jobs that sort particles into classes.

mod class_2d;
mod class_curves;
mod montage;
mod particle_boxes;
mod principal_components;
mod projections;
mod rounds;

pub(crate) use class_2d::Class2d;
pub(crate) use principal_components::PrincipalComponents;

use thon_classify::ClassifyError;
use thon_contract::JobError;

/// The job error that an error of classification amounts to.
fn stopped(error: ClassifyError) -> JobError {
    match error {
        ClassifyError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}

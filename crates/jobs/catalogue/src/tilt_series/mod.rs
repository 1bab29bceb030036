//! Jobs on tilt series.

mod adopt;
mod adopted;

pub(crate) use adopt::Adopt;

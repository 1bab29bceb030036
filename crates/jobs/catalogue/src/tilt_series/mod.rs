//! Jobs on tilt series.

mod adopt;
mod adopted;
mod mirror;

pub(crate) use adopt::Adopt;
pub(crate) use mirror::Mirror;

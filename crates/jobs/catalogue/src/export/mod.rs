//! Jobs that write files for other programs; each says what they cannot hold.

mod projections;

pub(crate) use projections::ExportProjections;

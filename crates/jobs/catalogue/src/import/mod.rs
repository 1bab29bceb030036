//! Jobs that bring foreign files into the project: their metadata; images stay where they are.

mod mdoc;
mod microscope;
mod tilt_series_set;

pub(crate) use mdoc::ImportMdoc;

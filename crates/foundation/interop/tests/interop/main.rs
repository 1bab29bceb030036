//! Conversions on golden values, on synthetic sets and on the real files of the shared data.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod euler;
mod layout_2016;
mod mdoc;
mod particles;
mod projected_points;
mod relion_project;
mod shared_data;

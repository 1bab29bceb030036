//! Conversions on golden values, on synthetic sets and on the real files of the shared data.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise and tell what they measured"
)]

mod defocus;
mod directories;
mod euler;
mod hostile;
mod layout_2016;
mod mdoc;
mod particle_boxes;
mod particle_files;
mod particle_formats;
mod particles;
mod projected_points;
mod relion_project;
mod shared_data;

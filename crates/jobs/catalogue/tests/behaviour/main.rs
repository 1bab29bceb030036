//! How every job behaves: same bytes for any number of threads, stops when asked, needs what it said it would, and names
//! what is wrong with its input. All on one small simulated tilt series.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise and tell what they measured"
)]

mod bad_images;
mod bad_input;
mod bad_maps;
mod bad_particles;
mod bad_tomograms;
mod cancelling;
mod fixture;
mod needs;
mod picking;
mod process;
mod refinement;
mod same_bytes;
mod tomogram_memory;

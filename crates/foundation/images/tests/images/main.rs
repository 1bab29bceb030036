//! Tests of the pixel containers: round trips, hostile bytes, and real files where the shared data folder exists.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests and their makers of files"
)]

mod dm_files;
mod eer_round_trip;
mod em_files;
mod hostile;
mod mrc_behaviour;
mod mrc_round_trip;
mod npy_files;
mod real_kinds;
mod real_mrc;
mod shared_data;
mod tiff_stack;

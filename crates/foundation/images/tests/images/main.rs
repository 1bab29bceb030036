//! Tests of the pixel containers: round trips, hostile bytes, and real files where the shared data folder exists.

mod dm_files;
mod eer_round_trip;
mod em_files;
mod mrc_behaviour;
mod mrc_round_trip;
mod npy_files;
mod real_mrc;
mod shared_data;
mod tiff_stack;

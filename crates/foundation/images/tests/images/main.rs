//! Tests of the pixel containers: round trips, hostile bytes, and real files where the shared data folder exists.

mod eer_round_trip;
mod mrc_behaviour;
mod mrc_round_trip;
mod real_mrc;
mod shared_data;
mod tiff_stack;

//! Conversions on golden values, on synthetic sets and on the real files of the shared data.

mod euler;
mod relion_project;
mod shared_data;

//! Kernels against the hardware floor and established programs; ratios in one run.
//!
//! Times are CPU seconds of the whole process (user + system over all threads), so other load on the machine and waiting
//! do not count; the least of several runs is reported.

pub mod floor;
pub mod process;

pub use process::{least_cpu_seconds, peak_memory_mib};

//! Jobs at the microscope: so far the simulated one.

mod mdoc_file;
mod recorded_files;
mod simulate_tilt_series;
mod truth_export;

pub(crate) use simulate_tilt_series::SimulateTiltSeries;

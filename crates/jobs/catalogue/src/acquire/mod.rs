//! Jobs at the microscope: so far the simulated one.

mod mdoc_file;
mod simulate_tilt_series;

pub(crate) use simulate_tilt_series::SimulateTiltSeries;

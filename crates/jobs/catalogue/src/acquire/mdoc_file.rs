//! The mdoc that a SerialEM-like microscope would have written of a simulated series.
//!
//! Only what is known at the microscope: nominal tilts, exposures in the order of acquisition, the
//! nominal tilt axis; nothing of the true geometry.

use thon_formats::mdoc::{self, Item, LineEnd, Mdoc, Section, SectionKind};
use thon_simulate::Simulation;

/// Seconds between two exposures.
const INTERVAL: usize = 45;

/// The text of the mdoc of a stack `stack`; `frames` names the movie of each image, if there are any.
pub(super) fn mdoc_text(simulation: &Simulation, stack: &str, frames: &[String]) -> String {
    let series = &simulation.tilt_series;
    let [ny, nx] = series.image_size;
    let axis = simulation.options.tilt_axis_angle.0;
    let header = vec![
        Item::entry("PixelSpacing", format!("{}", series.pixel_size.0)),
        Item::entry("Voltage", format!("{}", series.optics.voltage.0)),
        Item::entry("ImageFile", stack),
        Item::entry("ImageSize", format!("{nx} {ny}")),
        Item::entry("DataMode", if frames.is_empty() { "2" } else { "6" }),
        Item::Blank,
        Item::title(format!(
            "    Tilt axis angle = {axis:.1}, binning = 1  spot = 8  camera = 0"
        )),
        Item::Blank,
    ];
    let sections = (0..series.images.len())
        .map(|index| section(simulation, index, frames))
        .collect();
    mdoc::write(&Mdoc {
        name: format!("{stack}.mdoc"),
        header,
        sections,
        line_end: LineEnd::Unix,
        open_end: false,
    })
}

fn section(simulation: &Simulation, index: usize, frames: &[String]) -> Section {
    let image = &simulation.tilt_series.images[index];
    let rank = image.acquisition_index.unwrap_or(index);
    let (minute, second) = (rank * INTERVAL / 60, rank * INTERVAL % 60);
    let dose = simulation.options.dose_per_tilt.0;
    let mut entries = vec![
        (
            "TiltAngle",
            format!("{:.2}", image.nominal_tilt_angle.degrees().0),
        ),
        ("ExposureDose", format!("{dose}")),
        ("PriorRecordDose", format!("{}", image.dose_before.0)),
        (
            "PixelSpacing",
            format!("{}", simulation.tilt_series.pixel_size.0),
        ),
        (
            "RotationAngle",
            format!("{:.1}", simulation.options.tilt_axis_angle.0 + 90.0),
        ),
        (
            "TargetDefocus",
            format!("{}", -simulation.options.defocus.0 / 1e4),
        ),
        (
            "DateTime",
            format!(
                "01-Jan-2026  {:02}:{:02}:{second:02}",
                10 + minute / 60,
                minute % 60
            ),
        ),
    ];
    if let Some(movie) = frames.get(index) {
        entries.push(("SubFramePath", format!("D:\\frames\\{movie}")));
        entries.push(("NumSubFrames", simulation.options.frames.to_string()));
    }
    Section::new(SectionKind::ZValue, index, entries)
}

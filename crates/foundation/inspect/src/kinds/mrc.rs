//! MRC files: geometry, sample type, labels, extended header, statistics, and whether they agree.
use serde_json::{Value, json};
use thon_images::ImageError;
use thon_images::mrc::{ExtendedHeader, Mrc, MrcHeader, MrcKind, SectionMetadata, Statistics};

use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;
use crate::statistics::{self, Pixels};

/// Describes an MRC file.
///
/// A file that ends between two sections (or right after its header) is answered with a doubt: such
/// files are real. One that ends inside a section is truncated, an error.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let failed = |error| input.image_error(error);
    let mrc = Mrc::from_source(input.source()?).map_err(failed)?;
    refuse_cut_section(&mrc, input).map_err(failed)?;
    let header = mrc.header();
    geometry(header, mrc.available_sections(), description);
    length_doubts(&mrc, description);
    let extended = mrc.extended_header().map_err(failed)?;
    add_extended(header, &extended, description);
    add_labels(header, description);
    let found = pixels(&mrc, description).map_err(failed)?;
    header_statistics(header, found, description);
    for note in &header.notes {
        description.doubt(note);
    }
    Ok(())
}

fn refuse_cut_section(mrc: &Mrc<'_>, input: &Input<'_>) -> Result<(), ImageError> {
    let header = mrc.header();
    let section = header.section_bytes().unwrap_or(usize::MAX) as u64;
    let data = input.len().checked_sub(header.data_offset());
    let missing = mrc.available_sections() < header.nz;
    let whole = data.is_some_and(|data| data.is_multiple_of(section));
    if !missing || whole {
        return Ok(());
    }
    Err(ImageError::TooShort {
        format: "MRC",
        promised_bytes: header.file_bytes().unwrap_or(u64::MAX),
        found_bytes: input.len(),
        promised: header.nz,
        complete: mrc.available_sections(),
    })
}

/// Adds what the fixed header says; `sections` are those that are there.
pub(crate) fn geometry(header: &MrcHeader, sections: usize, description: &mut Description) {
    let content = match header.kind() {
        MrcKind::ImageStack if header.nz == 1 => "image",
        MrcKind::ImageStack => "image stack",
        MrcKind::Volume => "volume",
        MrcKind::VolumeStack { .. } => "volume stack",
    };
    let facts = &mut description.facts;
    facts.set("content", content);
    facts.set("dimensions", json!([header.nx, header.ny, header.nz]));
    facts.set("sections", sections);
    facts.set("mode", header.mode.code());
    facts.set("sample_type", json!(header.mode));
    let voxel = header.voxel_size();
    facts.set("voxel_size", json!(voxel));
    if header.origin() != [0.0; 3] {
        facts.set("origin", json!(header.origin()));
    }
    if header.start != [0; 3] {
        facts.set("start", json!(header.start));
    }
    if header.axes != thon_images::mrc::AxisOrder::XYZ {
        facts.set(
            "axis_order",
            json!(header.axes.0.map(|axis| ["x", "y", "z"][axis])),
        );
    }
    facts.set("byte_order", json!(header.byte_order));
    facts.set("space_group", header.space_group);
    let spacing = voxel[0].map_or("unknown pixel size".to_owned(), |size| {
        format!("{} Å/px", short(size))
    });
    description.summary = format!(
        "MRC {content}, {} × {} × {}, {}, {spacing}",
        header.nx,
        header.ny,
        header.nz,
        json!(header.mode).as_str().unwrap_or_default()
    );
    voxel_doubts(voxel, content == "volume", description);
}

fn voxel_doubts(voxel: [Option<f64>; 3], volume: bool, description: &mut Description) {
    match voxel {
        [Some(1.0), Some(1.0), _] => description.doubt("voxel size 1.0 Å is probably unset"),
        [Some(x), Some(y), _] if (x / y - 1.0).abs() > 1e-3 => {
            description.doubt(format!(
                "pixels are not square: {} by {} Å",
                short(x),
                short(y)
            ));
        }
        [Some(x), Some(_), Some(z)] if volume && (x / z - 1.0).abs() > 1e-3 => {
            description.doubt(format!(
                "voxels are not cubic: {} Å along x, {} Å along z",
                short(x),
                short(z)
            ));
        }
        [None, ..] | [_, None, _] => description.doubt("the header gives no usable voxel size"),
        _ => {}
    }
}

fn length_doubts(mrc: &Mrc<'_>, description: &mut Description) {
    let (promised, there) = (mrc.header().nz, mrc.available_sections());
    match (promised - there, there) {
        (0, _) => {}
        (_, 0) => description.doubt("the file ends after its header: no section is there"),
        (missing, _) => description.doubt(format!(
            "the header promises {missing} more sections than the file has"
        )),
    }
    if mrc.trailing_bytes() > 0 {
        description.doubt(format!(
            "{} bytes follow the last section",
            mrc.trailing_bytes()
        ));
    }
}

fn add_extended(header: &MrcHeader, extended: &ExtendedHeader, description: &mut Description) {
    if header.extended_bytes == 0 {
        return;
    }
    let name = match extended {
        ExtendedHeader::None => "none".to_owned(),
        ExtendedHeader::SerialEm { .. } => "SerialEM".to_owned(),
        ExtendedHeader::Fei { version, .. } => format!("FEI{version}"),
        ExtendedHeader::Agard { .. } => "Agard".to_owned(),
        ExtendedHeader::Other { name, .. } => name.clone(),
    };
    description.facts.set(
        "extended_header",
        json!({ "bytes": header.extended_bytes, "kind": name }),
    );
    let sections = extended.sections();
    if sections.is_empty() {
        return;
    }
    if sections.len() != header.nz {
        description.doubt(format!(
            "the extended header describes {} sections, the file promises {}",
            sections.len(),
            header.nz
        ));
    }
    add_tilts(sections, description);
}

fn add_tilts(sections: &[SectionMetadata], description: &mut Description) {
    let angles: Vec<f64> = sections
        .iter()
        .filter_map(|section| section.tilt_angle)
        .collect();
    if angles.is_empty() || angles.iter().all(|angle| *angle == 0.0) {
        return;
    }
    let range = angles
        .iter()
        .fold([f64::MAX, f64::MIN], |[low, high], angle| {
            [low.min(*angle), high.max(*angle)]
        });
    description.facts.set(
        "tilt_angles",
        json!({ "count": angles.len(), "min": range[0], "max": range[1] }),
    );
    if range[0] < -90.0 || range[1] > 90.0 {
        description.doubt(format!(
            "tilt angles of {}° to {}°",
            short(range[0]),
            short(range[1])
        ));
    }
    let size = sections.iter().find_map(|section| section.pixel_size);
    description.facts.set_some("pixel_size_of_microscope", size);
}

fn add_labels(header: &MrcHeader, description: &mut Description) {
    let labels: Vec<Value> = header
        .labels
        .iter()
        .filter(|label| !label.is_empty())
        .map(|label| json!(label))
        .collect();
    if !labels.is_empty() {
        description.facts.set("labels", labels);
    }
}

fn pixels(mrc: &Mrc<'_>, description: &mut Description) -> Result<Option<Statistics>, ImageError> {
    let header = mrc.header();
    if header.mode.sample_kind().is_complex() {
        description.doubt("complex samples (a Fourier transform): no statistics");
        return Ok(None);
    }
    let read = |section, row, count| mrc.read_window(section, row, 0, count, header.nx);
    let pixels = Pixels {
        sections: mrc.available_sections(),
        rows: header.ny,
        columns: header.nx,
        read: &read,
    };
    statistics::add(&pixels, description)
}

fn header_statistics(header: &MrcHeader, found: Option<Statistics>, description: &mut Description) {
    let numbers =
        json!({ "min": header.min, "max": header.max, "mean": header.mean, "sd": header.rms });
    description.facts.set("header_statistics", numbers);
    if header.min > header.max {
        description.doubt(format!(
            "the header's minimum {} is above its maximum {}: not computed, or wrong",
            header.min, header.max
        ));
        return;
    }
    let Some(found) = found.filter(|found| found.count > 0) else {
        return;
    };
    let unset = header.min == 0.0 && header.max == 0.0;
    let range = (found.max - found.min).max(f64::MIN_POSITIVE);
    let far =
        |stated: f32, real: f64| stated.is_nan() || (f64::from(stated) - real).abs() > 0.01 * range;
    if !unset && (far(header.min, found.min) || far(header.max, found.max)) {
        description.doubt(format!(
            "the header says {} to {}, the samples are {} to {}",
            short(f64::from(header.min)),
            short(f64::from(header.max)),
            short(found.min),
            short(found.max)
        ));
    }
}

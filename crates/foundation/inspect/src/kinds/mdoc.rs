//! SerialEM mdocs: sections by kind, tilts, doses, pixel size, frames, and entries that contradict each other.
use std::collections::BTreeMap;

use serde_json::json;
use thon_formats::FormatError;
use thon_formats::mdoc::{self, LineEnd, Mdoc, Section, SectionKind};

use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;

/// Describes an mdoc.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let mdoc = mdoc::parse(&input.text()?, input.name())?;
    let count = |kind: SectionKind| mdoc.sections_of(kind).count();
    let counts = [
        count(SectionKind::ZValue),
        count(SectionKind::FrameSet),
        count(SectionKind::MontSection),
    ];
    if counts.iter().sum::<usize>() == 0 && mdoc.header.is_empty() {
        return Err(input.damaged("expected sections such as [ZValue = 0], found none"));
    }
    let facts = &mut description.facts;
    facts.set("z_values", counts[0]);
    facts.set("frame_sets", counts[1]);
    facts.set("montage_sections", counts[2]);
    facts.set_some("image_file", mdoc.image_file());
    facts.set_some("pixel_spacing", mdoc.pixel_spacing()?);
    facts.set_some("voltage", mdoc.voltage()?);
    let named = mdoc
        .sections
        .iter()
        .filter(|section| section.sub_frame_path().is_some())
        .count();
    facts.set("sub_frame_paths", named);
    facts.set(
        "line_ends",
        if mdoc.line_end == LineEnd::Windows {
            "CRLF"
        } else {
            "LF"
        },
    );
    let tilts = numbers(&mdoc, Section::tilt_angle)?;
    add_tilts(&tilts, description);
    add_doses(&mdoc, description)?;
    duplicates(&mdoc, description);
    let span = tilts
        .iter()
        .fold([f64::MAX, f64::MIN], |[low, high], tilt| {
            [low.min(*tilt), high.max(*tilt)]
        });
    let turning = span[1] - span[0] > 1.0;
    let content = match counts {
        [_, _, montages] if montages > 0 => "montage",
        [0, sets, _] if sets > 0 => "frame set",
        [0 | 1, ..] => "image",
        _ if turning => "tilt series",
        _ => "image series",
    };
    if content == "tilt series" {
        repeated_tilts(&tilts, description);
    }
    description.summary = format!(
        "mdoc of {}, {} sections",
        article(content),
        counts[0].max(counts[1])
    );
    Ok(())
}

fn article(content: &str) -> String {
    let vowel = content.starts_with(['a', 'e', 'i', 'o']);
    format!("{} {content}", if vowel { "an" } else { "a" })
}

fn numbers(
    mdoc: &Mdoc,
    read: impl Fn(&Section) -> Result<Option<f64>, FormatError>,
) -> Result<Vec<f64>, FormatError> {
    mdoc.sections
        .iter()
        .filter_map(|section| read(section).transpose())
        .collect()
}

fn add_tilts(tilts: &[f64], description: &mut Description) {
    if tilts.is_empty() {
        return;
    }
    let range = tilts
        .iter()
        .fold([f64::MAX, f64::MIN], |[low, high], tilt| {
            [low.min(*tilt), high.max(*tilt)]
        });
    description.facts.set(
        "tilt_angles",
        json!({ "count": tilts.len(), "min": range[0], "max": range[1] }),
    );
    if range[0] < -90.0 || range[1] > 90.0 {
        description.doubt(format!(
            "tilt angles of {}° to {}°",
            short(range[0]),
            short(range[1])
        ));
    }
}

/// Angles recorded twice in what is otherwise a tilt series.
fn repeated_tilts(tilts: &[f64], description: &mut Description) {
    let mut sorted = tilts.to_vec();
    sorted.sort_by(f64::total_cmp);
    let twice = sorted.windows(2).filter(|pair| pair[0] == pair[1]).count();
    if twice > 0 {
        description.doubt(format!("{twice} tilt angles stand more than once"));
    }
}

fn add_doses(mdoc: &Mdoc, description: &mut Description) -> Result<(), FormatError> {
    let doses = numbers(mdoc, Section::exposure_dose)?;
    let total: f64 = doses.iter().sum();
    if total > 0.0 {
        description.facts.set("total_dose", total);
    } else if !doses.is_empty() {
        description.doubt("the exposure dose is 0 in every section: it was not calibrated");
    }
    Ok(())
}

fn duplicates(mdoc: &Mdoc, description: &mut Description) {
    let mut paths: BTreeMap<&str, usize> = BTreeMap::new();
    let mut values: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for section in &mdoc.sections {
        *values
            .entry((section.kind.name(), section.value.as_str()))
            .or_default() += 1;
        if let Some(path) = section.sub_frame_path() {
            *paths.entry(path).or_default() += 1;
        }
    }
    for ((kind, value), count) in values.iter().filter(|(_, count)| **count > 1) {
        description.doubt(format!("[{kind} = {value}] stands {count} times"));
    }
    for (path, count) in paths.iter().filter(|(_, count)| **count > 1) {
        description.doubt(format!("{count} sections name the same frames {path}"));
    }
}

//! `tilt.com` and `newst.com` of an exported series.

use super::SOURCE;
use std::path::Path;
use thon_formats::imod::command_file::{Command, CommandFile};
use thon_formats::imod::number_list;
use thon_model::TiltSeries;

/// `tilt.com` and `newst.com`: the carried ones, or new ones for a volume centred on the rotation axis.
pub(super) fn commands(series: &TiltSeries, name: &str) -> [CommandFile; 2] {
    let from_imod = series.carried_global.source == SOURCE;
    let carried = |prefix: &str| {
        let columns = series.carried_global.columns.iter();
        let entries = columns.filter_map(|column| {
            Some((column.label.strip_prefix(prefix)?, column.values.first()?))
        });
        entries
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect::<Vec<_>>()
    };
    let mut tilt = if from_imod {
        carried("tilt.")
    } else {
        Vec::new()
    };
    let mut newst = if from_imod {
        carried("newst.")
    } else {
        Vec::new()
    };
    if tilt.is_empty() {
        tilt = new_tilt(series, name);
    }
    if newst.is_empty() {
        newst = new_newstack(series, name);
    }
    tilt.retain(|(key, _)| {
        !key.eq_ignore_ascii_case("EXCLUDELIST") && !key.eq_ignore_ascii_case("EXCLUDELIST2")
    });
    let excluded: Vec<i64> = (1i64..)
        .zip(&series.images)
        .filter(|(_, image)| !image.is_used())
        .map(|(view, _)| view)
        .collect();
    if !excluded.is_empty() {
        tilt.push(("EXCLUDELIST".to_owned(), number_list::format(&excluded)));
    }
    let file = |program: &str, entries: Vec<(String, String)>| CommandFile {
        name: program.to_owned(),
        preamble: Vec::new(),
        commands: vec![Command::new(program, entries)],
    };
    [file("tilt", tilt), file("newstack", newst)]
}

fn entries(pairs: &[(&str, String)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect()
}

fn new_tilt(series: &TiltSeries, name: &str) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("InputProjections", format!("{name}_ali.mrc")),
        ("OutputFile", format!("{name}_full_rec.mrc")),
        ("IMAGEBINNED", "1".to_owned()),
        ("TILTFILE", format!("{name}.tlt")),
        ("XTILTFILE", format!("{name}.xtilt")),
    ];
    if let Some([z, y, x]) = series.volume_size {
        pairs.push(("THICKNESS", z.to_string()));
        pairs.push(("FULLIMAGE", format!("{x} {y}")));
        pairs.push(("SUBSETSTART", "0 0".to_owned()));
    }
    pairs.extend([
        ("RADIAL", "0.35 0.035".to_owned()),
        ("FalloffIsTrueSigma", "1".to_owned()),
        ("XAXISTILT", "0.0".to_owned()),
        ("LOG", "0.0".to_owned()),
        ("SCALE", "0.0 1.0".to_owned()),
        ("PERPENDICULAR", String::new()),
        ("MODE", "2".to_owned()),
        ("AdjustOrigin", String::new()),
        ("OFFSET", "0.0".to_owned()),
        ("SHIFT", "0.0 0.0".to_owned()),
    ]);
    entries(&pairs)
}

fn new_newstack(series: &TiltSeries, name: &str) -> Vec<(String, String)> {
    let stack =
        one_stack(series).map_or_else(|| format!("{name}.st"), |path| path.display().to_string());
    let mut pairs = vec![
        ("InputFile", stack),
        ("OutputFile", format!("{name}_ali.mrc")),
        ("TransformFile", format!("{name}.xf")),
        ("TaperAtFill", "1,1".to_owned()),
        ("AdjustOrigin", String::new()),
        ("OffsetsInXandY", "0.0,0.0".to_owned()),
        ("ImagesAreBinned", "1.0".to_owned()),
        ("BinByFactor", "1".to_owned()),
    ];
    if let Some([_, y, x]) = series.volume_size {
        pairs.push(("SizeToOutputInXandY", format!("{x},{y}")));
    }
    entries(&pairs)
}

/// The one file that holds all images, in order.
pub(super) fn one_stack(series: &TiltSeries) -> Option<&Path> {
    let first = series.images.first()?.image.as_ref()?.path.as_path();
    let in_order = series.images.iter().enumerate().all(|(index, image)| {
        image
            .image
            .as_ref()
            .is_some_and(|reference| reference.path == first && reference.section == index)
    });
    in_order.then_some(first)
}

//! Files of IMOD and eTomo: models, defocus, residuals, fiducials, local alignments, command files.
use std::collections::BTreeSet;

use serde_json::{Value, json};
use thon_formats::imod::command_file::Command;
use thon_formats::imod::{command_file, defocus, fiducials, local_alignment, model, residuals};

use super::documents;
use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;

/// Most programs listed.
const MOST_NAMES: usize = 24;

/// Describes an IMOD model.
pub(crate) fn model(input: &Input<'_>, description: &mut Description) -> Result<(), InspectError> {
    let model = model::parse(&input.bytes()?, input.name())?;
    let contours: usize = model
        .objects
        .iter()
        .map(|object| object.contours.len())
        .sum();
    let meshes: usize = model.objects.iter().map(|object| object.meshes.len()).sum();
    let points = model.points().count();
    let facts = &mut description.facts;
    facts.set(
        "version",
        String::from_utf8_lossy(&model.version).into_owned(),
    );
    facts.set("objects", model.objects.len());
    facts.set("contours", contours);
    facts.set("points", points);
    facts.set("meshes", meshes);
    facts.set("image_size", json!(model.image_size));
    facts.set("pixel_size_in_file_units", model.pixel_size);
    let names: Vec<Value> = model
        .objects
        .iter()
        .map(|object| json!(object.name()))
        .collect();
    facts.set("object_names", names);
    description.summary = format!(
        "IMOD model, {} objects, {contours} contours, {points} points",
        model.objects.len()
    );
    if !model.ends {
        description.doubt("the end mark IEOF is missing");
    }
    if !model.trailing.is_empty() {
        description.doubt(format!(
            "{} bytes follow the end mark",
            model.trailing.len()
        ));
    }
    let size = model.image_size.map(|side| side as f32);
    let outside = model
        .points()
        .filter(|(_, _, at)| (0..3).any(|axis| !(-1.0..=size[axis] + 1.0).contains(&at[axis])));
    let outside = outside.count();
    if outside > 0 {
        description.doubt(format!(
            "{outside} points lie outside the image or are not finite"
        ));
    }
    Ok(())
}

/// Describes a defocus file of ctfplotter.
pub(crate) fn defocus(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let file = defocus::parse(&text, input.name())?;
    let values = file.rows.iter().map(|row| row.defocus * 10.0);
    let range = values.fold([f64::MAX, f64::MIN], |[low, high], value| {
        [low.min(value), high.max(value)]
    });
    let facts = &mut description.facts;
    facts.set("version", file.version);
    facts.set("flags", file.flags);
    facts.set("rows", file.rows.len());
    facts.set(
        "has_astigmatism",
        file.rows.iter().any(|row| row.astigmatism.is_some()),
    );
    facts.set(
        "has_phase_shift",
        file.rows.iter().any(|row| row.phase_shift.is_some()),
    );
    if file.rows.is_empty() {
        description.doubt("the file has no rows");
    } else {
        facts.set("defocus", json!({ "min": range[0], "max": range[1] }));
        if range[0] <= 0.0 {
            description.doubt(format!(
                "a defocus of {} Å is not underfocus",
                short(range[0])
            ));
        }
    }
    description.summary = format!(
        "defocus of {} view ranges, version {}",
        file.rows.len(),
        file.version
    );
    Ok(())
}

/// Describes residuals of tiltalign.
pub(crate) fn residuals(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let list = residuals::parse(&text, input.name())?;
    let lengths = list
        .iter()
        .map(|one| one.residual[0].hypot(one.residual[1]));
    let mean = lengths.clone().sum::<f64>() / list.len().max(1) as f64;
    let largest = lengths.fold(0.0, f64::max);
    let mut views: Vec<i64> = list.iter().map(|one| one.view).collect();
    views.sort_unstable();
    views.dedup();
    let facts = &mut description.facts;
    facts.set("residuals", list.len());
    facts.set("views", views.len());
    facts.set("mean_residual_px", mean);
    facts.set("largest_residual_px", largest);
    description.summary = format!(
        "{} residuals on {} views, mean {} px",
        list.len(),
        views.len(),
        short(mean)
    );
    if largest > 10.0 * mean.max(0.1) {
        description.doubt(format!(
            "a residual of {} px is far above the mean",
            short(largest)
        ));
    }
    Ok(())
}

/// Describes fiducial positions.
pub(crate) fn fiducials(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let file = fiducials::parse(&text, input.name())?;
    description.facts.set("fiducials", file.points.len());
    description.facts.set_some("pixel_size", file.pixel_size);
    description
        .facts
        .set_some("image_size", file.image_size.map(|size| json!(size)));
    description.summary = format!("{} fiducial positions", file.points.len());
    Ok(())
}

/// Describes a local alignment of tiltalign.
pub(crate) fn local_alignment(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let file = local_alignment::parse(&text, input.name())?;
    let views = file
        .patches
        .first()
        .map_or(0, |patch| patch.transforms.len());
    description.facts.set("patches", json!(file.grid));
    description.facts.set("views", views);
    description.facts.set_some("pixel_size", file.pixel_size);
    description.summary = format!(
        "local alignment of {} × {} patches, {views} views",
        file.grid[0], file.grid[1]
    );
    Ok(())
}

/// Describes a command file.
pub(crate) fn command_file(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let file = command_file::parse(&text, input.name())?;
    let mut seen = BTreeSet::new();
    let called = file
        .commands
        .iter()
        .map(Command::program)
        .filter(|program| seen.insert(*program));
    let programs: Vec<&str> = called.take(MOST_NAMES).collect();
    description.facts.set("commands", file.commands.len());
    description.facts.set("programs", json!(programs));
    let entries: usize = file
        .commands
        .iter()
        .map(|command| command.entries().count())
        .sum();
    description.facts.set("entries", entries);
    description.summary = if programs.is_empty() {
        "command file without a program".to_owned()
    } else {
        format!("command file that calls {}", programs.join(", "))
    };
    Ok(())
}

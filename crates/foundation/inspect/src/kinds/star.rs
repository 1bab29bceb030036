//! STAR files: blocks, labels, rows, what program and table it is, and the figures people ask for.
use serde_json::{Value, json};
use thon_formats::star::{self, StarFile, Table, TableKind};

use super::{atoms, documents};
use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;
use crate::kind::Kind;

/// What a label gives away about a file; the first that fits wins.
const CONTENTS: [(&str, &str); 22] = [
    ("rlnPipeLineJobCounter", "RELION pipeline"),
    ("rlnJobTypeLabel", "RELION job"),
    ("rlnOutputRootName", "RELION optimiser state"),
    ("rlnHealpixOrder", "RELION sampling"),
    ("rlnReferenceDimensionality", "RELION model"),
    ("rlnFinalResolution", "RELION post-processing"),
    ("rlnTomoTomogramsFile", "RELION optimisation set"),
    ("rlnTomoParticlesFile", "RELION optimisation set"),
    ("rlnMicrographShiftX", "RELION motion model"),
    ("rlnCoordinateX", "particles"),
    ("rlnCenteredCoordinateXAngst", "particles"),
    ("rlnTomoSubtomogramRot", "particles"),
    ("rlnImageName", "particles"),
    ("rlnTomoReconstructedTomogram", "tomograms"),
    ("rlnTomoTiltSeriesStarFile", "set of tilt series"),
    ("rlnTomoNominalStageTiltAngle", "tilt series"),
    ("rlnTomoProjX", "tilt series"),
    ("rlnDefocusU", "CTF parameters"),
    ("rlnMtfValue", "detector MTF"),
    ("motl_idx", "STOPGAP motive list"),
    ("wrpMovieName", "Warp tilt series"),
    ("wrpAngleTilt", "Warp tilt series"),
];

const PIXEL_SIZES: [&str; 5] = [
    "rlnTomoTiltSeriesPixelSize",
    "rlnImagePixelSize",
    "rlnMicrographPixelSize",
    "rlnPixelSize",
    "rlnDetectorPixelSize",
];
const TILTS: [&str; 3] = [
    "rlnTomoNominalStageTiltAngle",
    "wrpAngleTilt",
    "rlnTomoYTilt",
];

/// Describes a STAR file; an mmCIF with atoms is described as a model.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    if text.contains("_atom_site.Cartn_x") {
        description.kind = Kind::AtomicModel;
        return atoms::describe(input, description);
    }
    documents::lines(&text, description);
    let file = star::parse(&text, input.name())?;
    let tables: Vec<(&str, &Table)> = file
        .blocks
        .iter()
        .flat_map(|block| block.tables.iter().map(move |table| (block.name(), table)))
        .collect();
    if tables.is_empty() {
        let what = "expected a table after data_, found none\n  hint: is the file cut off?";
        return Err(input.damaged(what));
    }
    let content = CONTENTS
        .iter()
        .find(|(label, _)| tables.iter().any(|(_, table)| table.has(label)));
    description
        .facts
        .set_some("content", content.map(|(_, content)| *content));
    description.facts.set_some("relion_version", file.version());
    description.facts.set("blocks", blocks(&file));
    figures(&tables, description);
    doubts(&file, &tables, description);
    let largest = tables
        .iter()
        .map(|(_, table)| table.rows())
        .max()
        .unwrap_or(0);
    let content = content.map_or("STAR file", |(_, content)| content);
    description.summary = format!(
        "STAR, {content}, {} tables, {largest} rows in the largest",
        tables.len()
    );
    Ok(())
}

fn blocks(file: &StarFile) -> Vec<Value> {
    let mut blocks = Vec::new();
    for block in &file.blocks {
        for table in &block.tables {
            let kind = if table.kind() == TableKind::Pairs {
                "pairs"
            } else {
                "loop"
            };
            let labels = table.labels().len();
            blocks.push(json!({ "name": block.name(), "kind": kind, "labels": labels, "rows": table.rows() }));
        }
        if block.tables.is_empty() {
            blocks.push(json!({ "name": block.name(), "kind": "empty", "labels": 0, "rows": 0 }));
        }
    }
    blocks
}

fn figures(tables: &[(&str, &Table)], description: &mut Description) {
    let numbers = |labels: &[&str]| {
        let found = labels
            .iter()
            .find_map(|label| tables.iter().find_map(|(_, table)| table.find(label)));
        found
            .and_then(|column| column.to_f64().ok())
            .filter(|values| !values.is_empty())
    };
    if let Some(sizes) = numbers(&PIXEL_SIZES) {
        description.facts.set("pixel_size", sizes[0]);
        if sizes.iter().any(|size| *size <= 0.0 || !size.is_finite()) {
            description.doubt("a pixel size is not positive");
        }
        if sizes.iter().any(|size| *size != sizes[0]) {
            description.doubt("pixel sizes differ between rows");
        }
    }
    if let Some(tilts) = numbers(&TILTS) {
        let range = tilts
            .iter()
            .fold([f64::MAX, f64::MIN], |[low, high], tilt| {
                [low.min(*tilt), high.max(*tilt)]
            });
        description.facts.set(
            "tilt_angles",
            json!({ "count": tilts.len(), "min": range[0], "max": range[1] }),
        );
    }
    if let Some(voltage) = numbers(&["rlnVoltage"]) {
        description.facts.set("voltage", voltage[0]);
    }
    if let Some(defocus) = numbers(&["rlnDefocusU"]) {
        let range = defocus
            .iter()
            .fold([f64::MAX, f64::MIN], |[low, high], value| {
                [low.min(*value), high.max(*value)]
            });
        description
            .facts
            .set("defocus_u", json!({ "min": range[0], "max": range[1] }));
        if range[0] < 0.0 {
            description.doubt(format!(
                "a defocus of {} Å would be overfocus",
                short(range[0])
            ));
        }
    }
}

fn doubts(file: &StarFile, tables: &[(&str, &Table)], description: &mut Description) {
    let mut names: Vec<&str> = file
        .blocks
        .iter()
        .map(star::Block::name)
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
        description.doubt(format!("several blocks are called data_{}", pair[0]));
    }
    for (name, table) in tables {
        if table.rows() == 0 {
            description.doubt(format!("the loop of data_{name} has no rows"));
        }
        let mut labels: Vec<&str> = table.labels().collect();
        labels.sort_unstable();
        for pair in labels.windows(2).filter(|pair| pair[0] == pair[1]) {
            description.doubt(format!("label _{} stands twice in data_{name}", pair[0]));
        }
    }
}

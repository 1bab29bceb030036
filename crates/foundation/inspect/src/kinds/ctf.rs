//! Results of CTFFIND and programs that write its form: one row per image, or rotational averages.
use serde_json::json;
use thon_formats::ctffind;

use super::documents;
use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;

/// Describes a CTFFIND text.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    if text.contains("lines per micrograph") {
        return averages(&text, input, description);
    }
    let results = ctffind::parse(&text, input.name())?;
    let range = |values: &dyn Fn(&ctffind::CtfRow) -> f64| {
        let start = [f64::MAX, f64::MIN];
        results
            .rows
            .iter()
            .map(values)
            .fold(start, |[low, high], value| {
                [low.min(value), high.max(value)]
            })
    };
    let defocus = range(&|row| f64::midpoint(row.defocus[0], row.defocus[1]));
    description.facts.set("rows", results.rows.len());
    description.summary = format!("CTF of {} images", results.rows.len());
    if results.rows.is_empty() {
        description.doubt("the file has no rows");
        return Ok(());
    }
    let resolution = range(&|row| row.resolution);
    description
        .facts
        .set("defocus", json!({ "min": defocus[0], "max": defocus[1] }));
    description.facts.set(
        "resolution",
        json!({ "best": resolution[0], "worst": resolution[1] }),
    );
    description.summary = format!(
        "{}, defocus {} to {} µm",
        description.summary,
        short(defocus[0] / 1e4),
        short(defocus[1] / 1e4)
    );
    let blind = results
        .rows
        .iter()
        .filter(|row| !row.resolution.is_finite())
        .count();
    if blind > 0 {
        description.doubt(format!("no Thon ring fits in {blind} images"));
    }
    if defocus[0] <= 0.0 {
        description.doubt(format!(
            "a defocus of {} Å is not underfocus",
            short(defocus[0])
        ));
    }
    Ok(())
}

fn averages(
    text: &str,
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let averages = ctffind::parse_averages(text, input.name())?;
    let points = averages
        .first()
        .map_or(0, |average| average.frequency.len());
    description.facts.set("images", averages.len());
    description.facts.set("frequencies", points);
    description.summary = format!(
        "rotational averages of {} images, {points} frequencies",
        averages.len()
    );
    Ok(())
}

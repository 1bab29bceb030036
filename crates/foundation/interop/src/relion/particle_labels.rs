//! Names, half sets and classes of a RELION particle table.

use crate::InteropError;
use crate::columns::Cells;
use std::collections::BTreeMap;
use thon_model::Half;

/// Names, made unique where the file repeats itself.
pub(super) fn particle_names(
    cells: Cells<'_>,
    tomograms: &[&str],
    remarks: &mut Vec<String>,
) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut repeated = 0;
    let own = cells.has("rlnTomoParticleName");
    let names = tomograms.iter().enumerate().map(|(row, tomogram)| {
        let given = cells.text("rlnTomoParticleName", row).map(str::to_owned);
        let base = given.unwrap_or_else(|| (*tomogram).to_owned());
        let count = seen.entry(base.clone()).or_insert(0);
        *count += 1;
        match (own, *count) {
            (true, 1) => base,
            (true, n) => {
                repeated += 1;
                format!("{base}#{n}")
            }
            (false, n) => format!("{base}/{n}"),
        }
    });
    let names: Vec<String> = names.collect();
    if repeated > 0 {
        remarks.push(format!(
            "{}: {repeated} particle names are repeated; numbers were added",
            cells.file
        ));
    }
    names
}

pub(super) fn halves(
    cells: Cells<'_>,
    rows: usize,
    remarks: &mut Vec<String>,
) -> Result<Vec<Half>, InteropError> {
    let mut halves = Vec::with_capacity(rows);
    for row in 0..rows {
        match cells.whole("rlnRandomSubset", row)? {
            Some(1) => halves.push(Half::One),
            Some(2) => halves.push(Half::Two),
            Some(other) => {
                remarks.push(format!(
                    "{}: rlnRandomSubset {other} is neither 1 nor 2; not split into halves",
                    cells.file
                ));
                return Ok(Vec::new());
            }
            None => return Ok(Vec::new()),
        }
    }
    Ok(halves)
}

pub(super) fn classes(cells: Cells<'_>, rows: usize) -> Result<Vec<u32>, InteropError> {
    let mut classes = Vec::new();
    for row in 0..rows {
        match cells.whole("rlnClassNumber", row)? {
            Some(class) => classes.push(u32::try_from(class).map_err(|_| {
                cells.wrong("rlnClassNumber", row, "0 or more", &class.to_string())
            })?),
            None => return Ok(Vec::new()),
        }
    }
    Ok(classes)
}

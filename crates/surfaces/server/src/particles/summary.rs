//! A set of particles as a whole: how many there are of which tilt series and class.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{BLOCK, open};
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::server::Server;

/// What there is to know of a set as a whole.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(crate) struct ParticlesSummary {
    /// Particles there are.
    total: usize,
    /// Whether orientations mean anything.
    oriented: bool,
    /// Whether the particles are split into halves.
    halves: bool,
    /// The tilt series: name and number of particles.
    tilt_series: Vec<(String, usize)>,
    /// The classes, from 1, and how many particles each has; empty when there are none.
    classes: Vec<(u32, usize)>,
    /// Columns that were carried along from elsewhere.
    columns: Vec<String>,
}

/// What there is to know of a set as a whole.
pub(crate) fn summary(server: &Server, call: &Call) -> Answered {
    let set = match open(server, call)? {
        Ok(set) => set,
        Err(unchanged) => return Ok(unchanged),
    };
    let (columns, header) = (&set.columns, set.columns.header());
    let mut per_series = vec![0_usize; header.tilt_series_names.len()];
    let mut per_class: BTreeMap<u32, usize> = BTreeMap::new();
    for start in (0..columns.len()).step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(columns.len());
        let series = columns
            .tilt_series(rows.clone())
            .map_err(Refusal::internal)?;
        for index in series {
            let count = per_series.get_mut(index as usize);
            *count.ok_or_else(|| Refusal::internal("a particle is of no tilt series"))? += 1;
        }
        for class in columns.classes(rows).map_err(Refusal::internal)? {
            *per_class.entry(class).or_default() += 1;
        }
    }
    let names = header.tilt_series_names.iter().cloned();
    let labels = header.carried.columns.iter();
    Answer::json(&ParticlesSummary {
        total: columns.len(),
        oriented: header.oriented,
        halves: columns.has_halves(),
        tilt_series: names.zip(per_series).collect(),
        classes: per_class.into_iter().collect(),
        columns: labels.map(|column| column.label.clone()).collect(),
    })
    .map(|answer| answer.tagged(set.tag))
}

//! Some rows of a set of particles, for a table.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;
use thon_contract::JobError;
use thon_contract::kinds::ParticleColumns;

use super::{matching, open, series_of};
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::server::Server;

/// Most rows of an answer.
const MOST: usize = 1000;

/// Particles row by row.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Rows {
    /// Number in the whole set, from 0.
    row: Vec<usize>,
    /// Name.
    name: Vec<String>,
    /// Position, Å in the specimen frame.
    position: Vec<[f64; 3]>,
    /// Index of the tilt series.
    series: Vec<u32>,
    /// Class from 1; empty when there are none.
    class: Vec<u32>,
    /// Half 1 or 2; empty when there are none.
    half: Vec<u8>,
}

impl Rows {
    fn read(&mut self, columns: &ParticleColumns, rows: Range<usize>) -> Result<(), JobError> {
        self.row.extend(rows.clone());
        self.name.extend(columns.names(rows.clone())?);
        let positions = columns.positions(rows.clone())?.into_iter();
        self.position
            .extend(positions.map(|place| place.to_array()));
        self.series.extend(columns.tilt_series(rows.clone())?);
        self.class.extend(columns.classes(rows.clone())?);
        self.half.extend(columns.halves(rows)?);
        Ok(())
    }
}

/// `limit` particles from the `from`-th on, of the whole set or of one tilt series.
pub(crate) fn rows(server: &Server, call: &Call) -> Answered {
    let set = match open(server, call)? {
        Ok(set) => set,
        Err(unchanged) => return Ok(unchanged),
    };
    let columns = &set.columns;
    let (from, limit) = (call.asked("from", 0)?, call.asked("limit", 100)?.min(MOST));
    let mut found = Rows::default();
    let read = match series_of(call)? {
        None => {
            let start = from.min(columns.len());
            found.read(columns, start..(start + limit).min(columns.len()))
        }
        series => {
            let mut passed = 0;
            matching(columns, series, |_, rows| {
                let skipped = from.saturating_sub(passed).min(rows.len());
                passed += rows.len();
                let wanted = limit - found.row.len();
                for piece in runs(&rows[skipped..][..wanted.min(rows.len() - skipped)]) {
                    found.read(columns, piece)?;
                }
                Ok(found.row.len() < limit)
            })
        }
    };
    read.map_err(Refusal::internal)?;
    Ok(Answer::json(&found)?.tagged(set.tag))
}

/// Ascending numbers as ranges.
fn runs(rows: &[usize]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for &row in rows {
        match found.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            _ => found.push(row..row + 1),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_ranges() {
        assert!(runs(&[]).is_empty());
        assert_eq!(runs(&[3, 4, 5, 9, 11, 12]), [3..6, 9..10, 11..13]);
    }
}

//! Sets of particles, read by ranges of rows: neither the server nor the page ever holds all of a large one.

mod points;
mod rows;
mod summary;

use std::ops::Range;

use thon_contract::JobError;
use thon_contract::kinds::ParticleColumns;

use crate::call::{Answer, Call};
use crate::failure::Refusal;
use crate::objects::Object;
use crate::server::Server;

pub(crate) use points::points;
pub(crate) use rows::{Rows, rows};
pub(crate) use summary::{ParticlesSummary, summary};

/// Rows that are read at a time.
const BLOCK: usize = 1 << 16;

/// A set, open to be read.
struct Set {
    columns: ParticleColumns,
    /// The tag of the answer.
    tag: String,
}

/// Opens the set that a request names; `Ok(Err)` is an answer: the browser has it already.
fn open(server: &Server, call: &Call) -> Result<Result<Set, Answer>, Refusal> {
    let object = Object::find(server, call)?;
    object.expect(&["particles"])?;
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(Err(unchanged)),
    };
    let columns = ParticleColumns::open(&object.main()?).map_err(Refusal::internal)?;
    Ok(Ok(Set { columns, tag }))
}

/// The tilt series that is asked for alone.
fn series_of(call: &Call) -> Result<Option<u32>, Refusal> {
    if !call.query.contains_key("series") {
        return Ok(None);
    }
    let index = u32::try_from(call.asked("series", 0)?);
    let index = index.map_err(|_| Refusal::bad("there is no such tilt series"))?;
    Ok(Some(index))
}

/// Calls `tell` with the rows of each block that are of a tilt series, or with all; stops when it answers false.
fn matching(
    columns: &ParticleColumns,
    series: Option<u32>,
    mut tell: impl FnMut(Range<usize>, &[usize]) -> Result<bool, JobError>,
) -> Result<(), JobError> {
    for start in (0..columns.len()).step_by(BLOCK) {
        let block = start..(start + BLOCK).min(columns.len());
        let found: Vec<usize> = match series {
            None => block.clone().collect(),
            Some(series) => {
                let of = columns.tilt_series(block.clone())?;
                let rows = block.clone().zip(of);
                rows.filter(|(_, of)| *of == series)
                    .map(|(row, _)| row)
                    .collect()
            }
        };
        if !found.is_empty() && !tell(block, &found)? {
            break;
        }
    }
    Ok(())
}

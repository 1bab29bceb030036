//! Particles in space, evenly thinned out. The answer is packed, n points, little-endian:
//!
//! | bytes | meaning |
//! |---|---|
//! | 0…3 | n as `u32` |
//! | 4…7 | particles that the points stand for, as `u32` |
//! | 12n | position (x, y, z), Å in the specimen frame, as `f32` |
//! | 12n | where the reference's z axis points in the specimen, as `f32` |
//! | 4n | number in the carried column that was asked for, as `f32`; not a number where there is none |
//! | 4n | row in the whole set, as `u32` |
//! | 2n | class from 1, as `u16`; 0 where there is none |
//! | n | half, 1 or 2, as `u8`; 0 where there is none |

use std::ops::Range;

use thon_contract::JobError;
use thon_contract::kinds::ParticleColumns;
use thon_geometry::glam::DVec3;

use super::{matching, open, series_of};
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::server::Server;

/// Most points of an answer.
const MOST: usize = 500_000;

#[derive(Default)]
struct Points {
    position: Vec<[f32; 3]>,
    axis: Vec<[f32; 3]>,
    value: Vec<f32>,
    row: Vec<u32>,
    class: Vec<u16>,
    half: Vec<u8>,
}

impl Points {
    /// Takes `rows` out of a block.
    fn read(
        &mut self,
        columns: &ParticleColumns,
        carried: Option<usize>,
        block: &Range<usize>,
        rows: &[usize],
    ) -> Result<(), JobError> {
        let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        debug_assert!(block.start <= first && last < block.end);
        let range = first..last + 1;
        let positions = columns.positions(range.clone())?;
        let rotations = columns.rotations(range.clone())?;
        let classes = columns.classes(range.clone())?;
        let halves = columns.halves(range.clone())?;
        let texts = carried.map(|column| columns.carried(column, range));
        let texts = texts.transpose()?.unwrap_or_default();
        for &row in rows {
            let at = row - first;
            self.position.push(positions[at].as_vec3().to_array());
            let axis = rotations[at] * DVec3::Z;
            self.axis.push(axis.as_vec3().to_array());
            let text = texts.get(at).and_then(|text| text.trim().parse().ok());
            self.value.push(text.unwrap_or(f32::NAN));
            self.row.push(u32::try_from(row).unwrap_or(u32::MAX));
            let class = classes.get(at).copied().unwrap_or(0);
            self.class.push(u16::try_from(class).unwrap_or(u16::MAX));
            self.half.push(halves.get(at).copied().unwrap_or(0));
        }
        Ok(())
    }

    fn packed(&self, stand_for: usize) -> Vec<u8> {
        let n = self.row.len();
        let mut bytes = Vec::with_capacity(8 + 35 * n);
        for count in [n, stand_for] {
            bytes.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        }
        let numbers = self.position.iter().chain(&self.axis).flatten();
        for number in numbers.chain(&self.value) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for row in &self.row {
            bytes.extend_from_slice(&row.to_le_bytes());
        }
        for class in &self.class {
            bytes.extend_from_slice(&class.to_le_bytes());
        }
        bytes.extend_from_slice(&self.half);
        bytes
    }
}

/// Particles in space: all of a tilt series or of the set, or every so-manieth where there are more than `most`.
pub(crate) fn points(server: &Server, call: &Call) -> Answered {
    let set = match open(server, call)? {
        Ok(set) => set,
        Err(unchanged) => return Ok(unchanged),
    };
    let columns = &set.columns;
    let series = series_of(call)?;
    let most = call.asked("most", 20_000)?.clamp(1, MOST);
    let labels = &columns.header().carried.columns;
    let carried = match call.query.get("by") {
        None => None,
        Some(label) => {
            let found = labels.iter().position(|column| column.label == *label);
            Some(found.ok_or_else(|| Refusal::absent("the set has no such column"))?)
        }
    };
    let mut total = 0;
    let count = matching(columns, series, |_, rows| {
        total += rows.len();
        Ok(true)
    });
    count.map_err(Refusal::internal)?;
    let every = total.div_ceil(most).max(1);
    let (mut points, mut passed) = (Points::default(), 0_usize);
    let read = matching(columns, series, |block, rows| {
        let first = passed.next_multiple_of(every) - passed;
        passed += rows.len();
        let chosen: Vec<usize> = rows.iter().copied().skip(first).step_by(every).collect();
        points.read(columns, carried, &block, &chosen)?;
        Ok(true)
    });
    read.map_err(Refusal::internal)?;
    Ok(Answer::binary(points.packed(total)).tagged(set.tag))
}

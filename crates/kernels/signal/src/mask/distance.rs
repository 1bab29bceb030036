//! The exact Euclidean distance transform (Felzenszwalb & Huttenlocher 2012): the lower envelope of parabolas along
//! every row, then column, then depth. Cost: linear in the number of voxels.

use ndarray::Array3;
use rayon::prelude::*;
use thon_compute::columns::{Strided, for_each_block, with_buffer};

const COLUMNS: usize = 16;

/// Squared distance in voxels from every voxel to the nearest `true` one (0 at those themselves); infinite everywhere when there
/// is none. Exact up to distances of 4096 voxels, where f32 stops holding every whole number.
pub fn distance_squared_to(inside: &Array3<bool>) -> Array3<f32> {
    let (nz, ny, nx) = inside.dim();
    let mut field: Vec<f32> = inside
        .iter()
        .map(|&is| if is { 0.0 } else { f32::INFINITY })
        .collect();
    if !field.is_empty() {
        field.par_chunks_mut(nx).for_each(minimise_rows(nx));
        for_each_block(
            &mut field,
            Strided {
                outer: nz,
                length: ny,
                inner: nx,
            },
            COLUMNS,
            minimise_rows(ny),
        );
        for_each_block(
            &mut field,
            Strided {
                outer: 1,
                length: nz,
                inner: ny * nx,
            },
            COLUMNS,
            minimise_rows(nz),
        );
    }
    Array3::from_shape_vec((nz, ny, nx), field).expect("the field has one element for each voxel")
}

/// One pass: replaces each row f of `length` by min over j of f(j) + (i − j)².
fn minimise_rows(length: usize) -> impl Fn(&mut [f32]) + Sync {
    move |rows| {
        for values in rows.chunks_exact_mut(length.max(1)) {
            with_buffer(length, |row: &mut [f32]| {
                row.copy_from_slice(values);
                with_buffer(2 * length, |envelope: &mut [f64]| {
                    let (lowest, from) = envelope.split_at_mut(length);
                    lower_envelope(row, values, lowest, from);
                });
            });
        }
    }
}

/// `lowest[e]` is the vertex (a whole number) of the parabola that is lowest from `from[e]` on.
fn lower_envelope(row: &[f32], result: &mut [f32], lowest: &mut [f64], from: &mut [f64]) {
    let mut count = 0;
    for (index, &height) in row
        .iter()
        .enumerate()
        .filter(|(_, height)| height.is_finite())
    {
        let mut start = f64::NEG_INFINITY;
        while count > 0 {
            start = crossing(row, lowest[count - 1] as usize, index, f64::from(height));
            if start > from[count - 1] {
                break;
            }
            count -= 1;
            start = f64::NEG_INFINITY;
        }
        lowest[count] = index as f64;
        from[count] = start;
        count += 1;
    }
    if count == 0 {
        return;
    }
    let mut envelope = 0;
    for (index, value) in result.iter_mut().enumerate() {
        while envelope + 1 < count && from[envelope + 1] < index as f64 {
            envelope += 1;
        }
        let vertex = lowest[envelope] as usize;
        *value = (f64::from(row[vertex]) + (index as f64 - vertex as f64).powi(2)) as f32;
    }
}

/// Where the parabola of `right` (of the given height) gets below that of `left`.
fn crossing(row: &[f32], left: usize, right: usize, height: f64) -> f64 {
    let (l, r) = (left as f64, right as f64);
    ((height + r * r) - (f64::from(row[left]) + l * l)) / (2.0 * (r - l))
}

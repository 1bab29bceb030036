//! Volumes continued periodically without a step: beyond each end the mirrored end fades into the mirrored start.

use std::f64::consts::PI;

use crate::smooth::mirrored;

/// The element beyond the end as a mixture of two.
#[derive(Clone, Copy)]
struct Mixture {
    end: usize,
    start: usize,
    /// Weight of the end.
    weight: f32,
}

/// The elements `length..padded`.
fn beyond(length: usize, padded: usize) -> Vec<Mixture> {
    (length..padded)
        .map(|index| {
            let part = (index - length + 1) as f64 / (padded - length + 1) as f64;
            Mixture {
                end: mirrored(index as isize, length),
                start: mirrored(index as isize - padded as isize, length),
                weight: (0.5 + 0.5 * (PI * part).cos()) as f32,
            }
        })
        .collect()
}

/// A volume `[nz, ny, nx]` in the first corner of one of `padded` extents.
pub(crate) fn continued(voxels: &[f32], [nz, ny, nx]: [usize; 3], padded: [usize; 3]) -> Vec<f32> {
    let [pz, py, px] = padded;
    let mut out = vec![0.0_f32; pz * py * px];
    let columns = beyond(nx, px);
    for z in 0..nz {
        for y in 0..ny {
            let from = &voxels[(z * ny + y) * nx..][..nx];
            let to = &mut out[(z * py + y) * px..][..px];
            to[..nx].copy_from_slice(from);
            for (value, m) in to[nx..].iter_mut().zip(&columns) {
                *value = m.weight * from[m.end] + (1.0 - m.weight) * from[m.start];
            }
        }
        let plane = &mut out[z * py * px..][..py * px];
        mix(plane, px, ny, &beyond(ny, py));
    }
    mix(&mut out, py * px, nz, &beyond(nz, pz));
    out
}

/// Fills the pieces of `length` from number `count` on with mixtures of earlier ones.
fn mix(values: &mut [f32], length: usize, count: usize, mixtures: &[Mixture]) {
    let (from, to) = values.split_at_mut(count * length);
    for (piece, m) in to.chunks_mut(length).zip(mixtures) {
        let (end, start) = (&from[m.end * length..], &from[m.start * length..]);
        for ((value, end), start) in piece.iter_mut().zip(end).zip(start) {
            *value = m.weight * end + (1.0 - m.weight) * start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_step_at_the_seam() {
        let dims = [6, 5, 20];
        let voxels: Vec<f32> = (0..600).map(|i| (i % 20) as f32).collect();
        let padded = [10, 9, 36];
        let volume = continued(&voxels, dims, padded);
        for row in volume.chunks(36) {
            for x in 0..36 {
                let step = (row[(x + 1) % 36] - row[x]).abs();
                assert!(step < 2.6, "{step} at {x}");
            }
            assert!((row[7] - 7.0).abs() < 1e-5);
        }
    }
}

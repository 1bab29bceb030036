//! Small pieces of a volume around some places, for galleries: each a slab seen along z, averaged over its thickness.

use rayon::prelude::*;

use super::packed;
use super::source::{open, part};
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::objects::Object;
use crate::server::Server;

/// Pieces of one answer.
const MOST: usize = 200;
/// Longest edge and thickness, in voxels.
const LARGEST: usize = 256;

/// Pieces around places, `[piece][y][x]`; what lies outside of the volume has the mean of what lies inside.
pub(crate) fn crops(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(unchanged),
    };
    let volume = open(&object, part(call))?;
    let edge = call.asked("edge", 32)?.clamp(4, LARGEST);
    let thickness = call.asked("thickness", 5)?.clamp(1, LARGEST);
    let places = places(call.query.get("at").map_or("", String::as_str))?;
    let pieces: Result<Vec<Vec<f32>>, Refusal> = places
        .par_iter()
        .map(|place| piece(&volume.file, volume.shape, *place, edge, thickness))
        .collect();
    let pixels = pieces?.concat();
    Ok(Answer::binary(packed([edge, edge, places.len()], &pixels)).tagged(tag))
}

/// Places in voxels, `x.y.z` each, separated by `_`.
fn places(text: &str) -> Result<Vec<[i64; 3]>, Refusal> {
    let wrong = || Refusal::bad(format!("expected up to {MOST} places as x.y.z_x.y.z"));
    let texts: Vec<&str> = text.split('_').filter(|one| !one.is_empty()).collect();
    if texts.is_empty() || texts.len() > MOST {
        return Err(wrong());
    }
    let place = |text: &&str| {
        let numbers: Vec<i64> = text.split('.').filter_map(|n| n.parse().ok()).collect();
        let place: [i64; 3] = numbers.try_into().map_err(|_| wrong())?;
        let near = place.iter().all(|n| n.abs() < 1 << 31);
        near.then_some(place).ok_or_else(wrong)
    };
    texts.iter().map(place).collect()
}

/// From where to where a window of `size` around `middle` lies in `0..n`, and where it begins in the window.
fn inside(middle: i64, size: usize, n: usize) -> (usize, usize, usize) {
    let first = middle - (size / 2) as i64;
    let from = first.clamp(0, n as i64);
    let to = (first + size as i64).clamp(0, n as i64);
    (from as usize, to as usize, (from - first) as usize)
}

fn piece(
    file: &thon_images::mrc::Mrc<'_>,
    [nz, ny, nx]: [usize; 3],
    [x, y, z]: [i64; 3],
    edge: usize,
    thickness: usize,
) -> Result<Vec<f32>, Refusal> {
    let (z0, z1, _) = inside(z, thickness, nz);
    let (y0, y1, above) = inside(y, edge, ny);
    let (x0, x1, left) = inside(x, edge, nx);
    let (rows, columns) = (y1 - y0, x1 - x0);
    let mut sum = vec![0.0_f32; rows * columns];
    if sum.is_empty() || z0 == z1 {
        return Ok(vec![0.0; edge * edge]);
    }
    for z in z0..z1 {
        let window = file.read_window(z, y0, x0, rows, columns);
        super::slice::add(
            &mut sum,
            &window.map_err(Refusal::internal)?,
            1.0 / (z1 - z0) as f32,
        );
    }
    let mean = sum.iter().sum::<f32>() / sum.len() as f32;
    let mut out = vec![mean; edge * edge];
    for (row, line) in sum.chunks_exact(columns).enumerate() {
        out[(above + row) * edge + left..][..columns].copy_from_slice(line);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_images::mrc::{Mrc, write_volume};

    #[test]
    fn pieces_are_cut_in_their_places_and_filled_at_the_border() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("volume.mrc");
        let (nz, ny, nx) = (5, 6, 7);
        let value = |z: usize, y: usize, x: usize| (100 * z + 10 * y + x) as f32;
        let voxels: Vec<f32> = (0..nz * ny * nx)
            .map(|k| value(k / (ny * nx), k / nx % ny, k % nx))
            .collect();
        write_volume(&path, &voxels, [nz, ny, nx], Some(2.0)).unwrap();
        let file = Mrc::open(&path).unwrap();
        let cut = |place| piece(&file, [nz, ny, nx], place, 4, 3).unwrap();
        let middle = cut([3, 3, 2]);
        for (k, found) in middle.iter().enumerate() {
            assert!((found - value(2, 1 + k / 4, 1 + k % 4)).abs() < 1e-3);
        }
        // Two rows and columns are inside; the rest has their mean.
        let corner = cut([0, 0, 0]);
        assert!((corner[2 * 4 + 2] - value(0, 0, 0).midpoint(value(1, 0, 0))).abs() < 1e-3);
        let mean = [10, 11, 14, 15].iter().map(|k| corner[*k]).sum::<f32>() / 4.0;
        assert!((corner[0] - mean).abs() < 1e-3);
        assert_eq!(cut([100, 100, 100]), vec![0.0; 16]);
        assert_eq!(places("1.2.3_-4.5.6").unwrap(), [[1, 2, 3], [-4, 5, 6]]);
        assert!(places("").is_err() && places("1.2").is_err() && places("a.b.c").is_err());
        assert!(places(&"1.2.3_".repeat(MOST + 1)).is_err());
    }
}

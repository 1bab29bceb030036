//! One slice of a volume along any axis, averaged over a slab.

use thon_images::mrc::Mrc;

use super::source::{open, part};
use super::{binned, factor, packed};
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::objects::Object;
use crate::server::Server;

/// Largest edge of an answer, in pixels.
const LARGEST: usize = 4096;

/// The slab of `thickness` voxels around `index` along an axis, averaged. Rows of a z slice run along y, of a y slice along
/// z, of an x slice along z; columns run along x, x and y.
pub(crate) fn slice(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(unchanged),
    };
    let volume = open(&object, part(call))?;
    let axis = match call.query.get("axis").map_or("z", String::as_str) {
        "z" => 0,
        "y" => 1,
        "x" => 2,
        other => {
            return Err(Refusal::bad(format!(
                "expected x, y or z as axis, found \"{other}\""
            )));
        }
    };
    let n = volume.shape[axis];
    let index = call.asked("index", n / 2)?;
    if index >= n {
        let text = format!("expected an index below {n} along this axis, found {index}");
        return Err(Refusal::bad(text));
    }
    let thickness = call.asked("thickness", 1)?.clamp(1, n);
    let start = (index + 1)
        .saturating_sub(thickness.div_ceil(2))
        .min(n - thickness);
    let largest = call.asked("size", 1024)?.clamp(16, LARGEST);
    let [nz, ny, nx] = volume.shape;
    if axis == 0 {
        let factor = factor(ny.max(nx), largest);
        let slab = server
            .sections
            .slab(&volume.path, &volume.file, start, thickness, factor);
        let (pixels, [rows, columns]) = slab.map_err(Refusal::internal)?;
        server
            .sections
            .read_ahead(&volume.path, volume.shape, start, thickness, factor);
        return Ok(Answer::binary(packed([columns, rows, 1], &pixels)).tagged(tag));
    }
    let (pixels, [rows, columns]) = if axis == 2 {
        let slab = server
            .blocks
            .slab(&volume.path, volume.shape, start, thickness);
        (slab.map_err(Refusal::internal)?, [nz, ny])
    } else {
        across_y(&volume.file, volume.shape, start, thickness).map_err(Refusal::internal)?
    };
    let (pixels, [rows, columns]) =
        binned(&pixels, [rows, columns], factor(rows.max(columns), largest));
    Ok(Answer::binary(packed([columns, rows, 1], &pixels)).tagged(tag))
}

/// The mean over `thickness` slices across y from `start` on, and its size in rows and columns.
fn across_y(
    file: &Mrc<'_>,
    [nz, _, nx]: [usize; 3],
    start: usize,
    thickness: usize,
) -> Result<(Vec<f32>, [usize; 2]), thon_images::ImageError> {
    let scale = 1.0 / thickness as f32;
    let mut sum = vec![0.0_f32; nz * nx];
    for (z, line) in sum.chunks_exact_mut(nx).enumerate() {
        let rows = file.read_window(z, start, 0, thickness, nx)?;
        for row in rows.chunks_exact(nx) {
            add(line, row, scale);
        }
    }
    Ok((sum, [nz, nx]))
}

/// Adds values times a scale.
pub(super) fn add(sum: &mut [f32], values: &[f32], scale: f32) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += scale * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_images::mrc::write_volume;

    #[test]
    fn slices_across_y_are_those_of_the_array() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("volume.mrc");
        let shape = [3, 4, 5];
        let value = |z: usize, y: usize, x: usize| (100 * z + 10 * y + x) as f32;
        let mut voxels = Vec::new();
        for z in 0..3 {
            for y in 0..4 {
                voxels.extend((0..5).map(|x| value(z, y, x)));
            }
        }
        write_volume(&path, &voxels, shape, Some(2.0)).unwrap();
        let file = Mrc::open(&path).unwrap();
        let (found, size) = across_y(&file, shape, 2, 1).unwrap();
        assert_eq!((size, found[2 * 5 + 4]), ([3, 5], value(2, 2, 4)));
        // A slab is the mean of its slices.
        let (found, _) = across_y(&file, shape, 1, 3).unwrap();
        assert!((found[0] - 20.0).abs() < 1e-4);
    }
}

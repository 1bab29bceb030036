//! A whole volume, binned until it is small enough for a surface.

use super::source::{open, part};
use super::{binned, factor, packed};
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::objects::Object;
use crate::server::Server;

/// Most voxels that are read for it.
const MOST: u64 = 1 << 28;

/// The volume binned to at most `size` voxels along its longest edge.
pub(crate) fn density(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(unchanged),
    };
    let volume = open(&object, part(call))?;
    let [nz, ny, nx] = volume.shape;
    let voxels = nz as u64 * ny as u64 * nx as u64;
    if voxels > MOST {
        return Err(Refusal::new(
            413,
            "the volume is too large for a surface\nhint: bin or crop it first, or look at its slices",
        ));
    }
    let size = call.asked("size", 128)?.clamp(16, 256);
    let factor = factor(nz.max(ny).max(nx), size);
    let (mz, my, mx) = (nz / factor, ny / factor, nx / factor);
    if mz == 0 || my == 0 || mx == 0 {
        return Err(Refusal::bad("the volume is too flat for a surface"));
    }
    let mut out = vec![0.0_f32; mz * my * mx];
    let mut section = vec![0.0_f32; ny * nx];
    for (z, slab) in out.chunks_exact_mut(my * mx).enumerate() {
        for k in 0..factor {
            volume
                .file
                .read_section_into(z * factor + k, &mut section)
                .map_err(Refusal::internal)?;
            let (binned, _) = binned(&section, [ny, nx], factor);
            for (sum, value) in slab.iter_mut().zip(binned) {
                *sum += value / factor as f32;
            }
        }
    }
    Ok(Answer::binary(packed([mx, my, mz], &out)).tagged(tag))
}

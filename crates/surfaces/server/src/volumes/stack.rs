//! The images of a stack among the files of a result, such as class averages, all at once.

use thon_images::mrc::Mrc;

use super::{binned, factor, packed};
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::objects::Object;
use crate::server::Server;

/// Most samples that are read.
const MOST: usize = 1 << 27;
/// Most samples that are sent.
const MOST_SENT: usize = 1 << 25;

/// All sections of the first stack, each binned to at most `size` pixels along its longest edge.
pub(crate) fn stack(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    object.expect(&["files"])?;
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(unchanged),
    };
    let is_stack = |file: &&std::path::PathBuf| file.extension().is_some_and(|e| e == "mrcs");
    let file = object.item.files.iter().find(is_stack);
    let file =
        file.ok_or_else(|| Refusal::absent("there is no stack of images among the files"))?;
    let file = Mrc::open(object.resolve(file)).map_err(Refusal::internal)?;
    let [nz, ny, nx] = file.shape();
    let size = call.asked("size", 128)?.clamp(16, 512);
    let factor = factor(ny.max(nx), size);
    let (my, mx) = (ny / factor, nx / factor);
    let too_large = |n: Option<usize>, most: usize| n.is_none_or(|n| n > most);
    let area = ny.checked_mul(nx);
    if too_large(area.and_then(|n| n.checked_mul(nz)), MOST)
        || too_large(Some(my * mx * nz), MOST_SENT)
    {
        return Err(Refusal::new(
            413,
            "the stack is too large to be shown at once",
        ));
    }
    if my == 0 || mx == 0 {
        return Err(Refusal::bad("the images of the stack are too narrow"));
    }
    let mut pixels = Vec::with_capacity(nz * my * mx);
    for z in 0..nz {
        let section = file.read_section(z).map_err(Refusal::internal)?;
        pixels.extend(binned(&section, [ny, nx], factor).0);
    }
    Ok(Answer::binary(packed([mx, my, nz], &pixels)).tagged(tag))
}

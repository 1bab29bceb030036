//! One image of a tilt series.

use thon_contract::kinds::TiltSeriesKind;
use thon_images::mrc::Mrc;

use super::{binned, factor, packed};
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::objects::Object;
use crate::server::Server;

/// The image of a view, counted from 0, binned to at most `size` pixels along its longest edge.
pub(crate) fn tilt_image(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    object.expect(&["tilt-series"])?;
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(unchanged),
    };
    let series = object.load::<TiltSeriesKind>()?;
    let view = call.asked("view", 0)?;
    let image = series
        .images
        .get(view)
        .ok_or_else(|| Refusal::absent(format!("the series has no view {view}")))?;
    let reference = image.image.as_ref().ok_or_else(|| {
        Refusal::absent(
            "the series has no images yet, only movies\nhint: correct their motion first",
        )
    })?;
    let file = Mrc::open_tolerant(object.resolve(&reference.path))
        .map_err(|e| Refusal::absent(e.to_string()))?;
    let [_, ny, nx] = file.shape();
    let pixels = file
        .read_section(reference.section)
        .map_err(|e| Refusal::absent(e.to_string()))?;
    let size = call.asked("size", 1024)?.clamp(16, 4096);
    let (pixels, [ny, nx]) = binned(&pixels, [ny, nx], factor(ny.max(nx), size));
    Ok(Answer::binary(packed([nx, ny, 1], &pixels)).tagged(tag))
}

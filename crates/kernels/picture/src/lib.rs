//! Pictures for people: images, slices, surfaces and curves as RGB pixels.
//!
//! Arrays in, pixels out; [`Picture::to_png`] gives the bytes of a PNG file. Image rows are drawn
//! with the first row at the bottom, as the field's viewers do.

mod bricks;
mod canvas;
mod cones;
mod gray;
mod plot;
mod surface;
mod triangles;

pub use canvas::{Colour, Picture};
pub use cones::{Cone, Cones};
pub use embedded_graphics::text::Alignment;
pub use gray::{Contrast, gray, row_of};
pub use plot::{Curve, Plot};
pub use surface::{Surface, surface};
pub use triangles::Triangles;

//! Binary models `.mod .fid` of IMOD (`IMODV1.2`, big-endian): objects, contours, points, meshes and chunks.
//!
//! Coordinates are the file's: pixels of the image the model was drawn on, x and y from the image edge (pixel
//! centres at half integers), z in sections. Chunks of any kind are kept byte for byte at their place; a model
//! that is read and written unchanged keeps every byte.
//! Layout: IMOD's description of its binary file format.

mod chunks;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use chunks::{ImageReference, SlicerAngles, StoreItem};
pub use reader::parse;
pub use writer::write;

use crate::error::FormatError;
use crate::text;
use std::path::Path;

/// Length of a model or object name.
const MODEL_NAME: usize = 128;
const OBJECT_NAME: usize = 64;

/// A model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Version after `IMOD`, usually `V1.2`.
    pub version: [u8; 4],
    /// Name, padded with NUL.
    pub name: [u8; MODEL_NAME],
    /// Size of the image: x, y, z.
    pub image_size: [i32; 3],
    /// Bit flags of the model.
    pub flags: u32,
    /// Draw mode, mouse mode, black level, white level.
    pub display: [i32; 4],
    /// Offsets of the image x, y, z.
    pub offset: [f32; 3],
    /// Scale of x, y, z; z is the thickness of a section against a pixel.
    pub scale: [f32; 3],
    /// Current object, contour, point, resolution, threshold.
    pub current: [i32; 5],
    /// Pixel size in `units`.
    pub pixel_size: f32,
    /// 0 pixels, 3 km, 1 m, −2 cm, −3 mm, −6 µm, −9 nm, −10 Å.
    pub units: i32,
    /// Checksum, kept.
    pub checksum: i32,
    /// Angles alpha, beta, gamma.
    pub angles: [f32; 3],
    /// Objects in file order.
    pub objects: Vec<Object>,
    /// Chunks after the objects (`VIEW`, `MINX`, `SLAN`, …).
    pub chunks: Vec<Chunk>,
    /// Whether the file ends with `IEOF`.
    pub ends: bool,
    /// Bytes after `IEOF`, kept.
    pub trailing: Vec<u8>,
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Name, padded with NUL.
    pub name: [u8; OBJECT_NAME],
    /// 64 bytes of further settings, kept.
    pub extra: [u8; 64],
    /// Bit flags: 2 off, 8 open contours, 512 scattered points, …
    pub flags: u32,
    /// Axis and draw mode.
    pub axis_drawmode: [i32; 2],
    /// Colour, 0 to 1.
    pub colour: [f32; 3],
    /// Default radius of points, pixels.
    pub point_size: i32,
    /// Symbol, its size, 3-D and 2-D line width, line style, symbol flags, padding, transparency.
    pub style: [u8; 8],
    /// Number of surfaces.
    pub surfaces: i32,
    /// Contours in file order.
    pub contours: Vec<Contour>,
    /// Meshes, kept raw.
    pub meshes: Vec<Mesh>,
    /// Chunks of the object (`IMAT`, `OLBL`, `OBST`, …).
    pub chunks: Vec<Chunk>,
}

/// One contour.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contour {
    /// Bit flags.
    pub flags: u32,
    /// Time index.
    pub time: i32,
    /// Surface number.
    pub surface: i32,
    /// Points x, y, z.
    pub points: Vec<[f32; 3]>,
    /// Chunks of the contour (`SIZE`, `LABL`, `COST`, …).
    pub chunks: Vec<Chunk>,
}

/// A mesh: its fields and numbers as in the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mesh {
    /// Bit flags.
    pub flags: u32,
    /// Time and surface.
    pub time_surface: [i16; 2],
    /// Vertices and normals x, y, z.
    pub vertices: Vec<[f32; 3]>,
    /// Drawing commands and indices.
    pub list: Vec<i32>,
    /// Chunks of the mesh.
    pub chunks: Vec<Chunk>,
}

/// A tagged piece of a model, kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Four letters.
    pub tag: [u8; 4],
    /// Content, big-endian.
    pub data: Vec<u8>,
}

/// Reads a model file.
pub fn read(path: &Path) -> Result<Model, FormatError> {
    parse(&text::read_bytes(path)?, &text::display_name(path))
}

impl Model {
    /// Empty model for an image of this size (x, y, z).
    pub fn new(image_size: [i32; 3]) -> Self {
        Self {
            version: *b"V1.2",
            name: padded("IMOD-NewModel"),
            image_size,
            // Bits 12 and 13: several clip planes possible, material values as bytes.
            flags: 0x3000,
            display: [1, 1, 0, 255],
            offset: [0.0; 3],
            scale: [1.0; 3],
            current: [0, -1, -1, 3, 128],
            pixel_size: 1.0,
            units: 0,
            checksum: 0,
            angles: [0.0; 3],
            objects: Vec::new(),
            chunks: Vec::new(),
            ends: true,
            trailing: Vec::new(),
        }
    }

    /// Points of all contours with their object and contour index (from 0).
    pub fn points(&self) -> impl Iterator<Item = (usize, usize, [f32; 3])> {
        self.objects
            .iter()
            .enumerate()
            .flat_map(|(object_index, object)| {
                let contours = object.contours.iter().enumerate();
                contours.flat_map(move |(contour_index, contour)| {
                    contour
                        .points
                        .iter()
                        .map(move |&point| (object_index, contour_index, point))
                })
            })
    }
}

impl Object {
    /// Empty object of this name; names longer than 63 bytes are cut.
    pub fn new(name: &str) -> Self {
        Self {
            name: padded(name),
            extra: [0; 64],
            flags: 0,
            axis_drawmode: [0, 1],
            colour: [0.0, 1.0, 0.0],
            point_size: 0,
            style: [1, 3, 1, 1, 0, 0, 0, 0],
            surfaces: 0,
            contours: Vec::new(),
            meshes: Vec::new(),
            chunks: Vec::new(),
        }
    }

    /// Name up to its first NUL.
    pub fn name(&self) -> String {
        self.name
            .iter()
            .take_while(|&&byte| byte != 0)
            .map(|&byte| char::from(byte))
            .collect()
    }
}

impl Contour {
    /// Contour of these points.
    pub fn new(points: Vec<[f32; 3]>) -> Self {
        Self {
            points,
            ..Self::default()
        }
    }
}

/// Text in a field of `N` bytes, NUL at the end.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    for (slot, byte) in field.iter_mut().take(N.saturating_sub(1)).zip(text.bytes()) {
        *slot = byte;
    }
    field
}

//! Typed access to the chunks of a model that carry data of the field: point sizes, labels, slicer angles,
//! image reference, stored values.

use super::reader::float_at;
use super::{Chunk, Contour, Model, Object};

/// Slicer angles of 3dmod (`SLAN`), used to orient particles by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct SlicerAngles {
    /// Time index.
    pub time: i32,
    /// Rotation about x, y, z, degrees.
    pub angles: [f32; 3],
    /// Centre, model coordinates.
    pub centre: [f32; 3],
    /// Label up to its first NUL.
    pub label: String,
}

/// How the coordinates relate to the image header (`MINX`): each x, y, z.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageReference {
    /// Scale, translation, rotation of the image when the model was begun.
    pub old: [[f32; 3]; 3],
    /// Scale, translation, rotation of the image the model was last used on.
    pub current: [[f32; 3]; 3],
}

/// One item of a store (`OBST`, `COST`, `MOST`, `MEST`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreItem {
    /// Kind of value: 10 is the general value of a point (a score).
    pub kind: i16,
    /// How `index` and `value` are to be read.
    pub flags: u16,
    /// Index (point, contour or surface), four raw bytes.
    pub index: [u8; 4],
    /// Value, four raw bytes.
    pub value: [u8; 4],
}

fn find(chunks: &[Chunk], tag: [u8; 4]) -> Option<&[u8]> {
    chunks
        .iter()
        .find(|chunk| chunk.tag == tag)
        .map(|chunk| &chunk.data[..])
}

fn store(data: &[u8]) -> Vec<StoreItem> {
    let items = data.as_chunks::<12>().0.iter();
    items
        .map(
            |&[k0, k1, f0, f1, i0, i1, i2, i3, v0, v1, v2, v3]| StoreItem {
                kind: i16::from_be_bytes([k0, k1]),
                flags: u16::from_be_bytes([f0, f1]),
                index: [i0, i1, i2, i3],
                value: [v0, v1, v2, v3],
            },
        )
        .collect()
}

fn text(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take_while(|&&byte| byte != 0)
        .map(|&byte| char::from(byte))
        .collect()
}

fn triple(data: &[u8], first: usize) -> [f32; 3] {
    std::array::from_fn(|axis| float_at(data, first + axis))
}

impl Contour {
    /// Radius of each point (`SIZE`); negative = default of the object. `None` without sizes.
    pub fn sizes(&self) -> Option<Vec<f32>> {
        let data = find(&self.chunks, *b"SIZE")?;
        Some(
            data.as_chunks::<4>()
                .0
                .iter()
                .map(|&bytes| f32::from_be_bytes(bytes))
                .collect(),
        )
    }

    /// Gives every point a radius; the list should be as long as the points.
    pub fn set_sizes(&mut self, sizes: &[f32]) {
        let data: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
        match self.chunks.iter_mut().find(|chunk| &chunk.tag == b"SIZE") {
            Some(chunk) => chunk.data = data,
            None => self.chunks.push(Chunk {
                tag: *b"SIZE",
                data,
            }),
        }
    }

    /// Stored values of points (`COST`).
    pub fn stored(&self) -> Vec<StoreItem> {
        find(&self.chunks, *b"COST").map(store).unwrap_or_default()
    }
}

impl Object {
    /// Stored values of contours and surfaces (`OBST`).
    pub fn stored(&self) -> Vec<StoreItem> {
        find(&self.chunks, *b"OBST").map(store).unwrap_or_default()
    }
}

impl Model {
    /// Relation to the image header; `None` without a whole `MINX`.
    pub fn image_reference(&self) -> Option<ImageReference> {
        let data = find(&self.chunks, *b"MINX").filter(|data| data.len() >= 72)?;
        // In the file: old scale, translation, rotation, then the current three.
        let group = |first: usize| std::array::from_fn(|index| triple(data, first + 3 * index));
        Some(ImageReference {
            old: group(0),
            current: group(9),
        })
    }

    /// All slicer angles, in file order.
    pub fn slicer_angles(&self) -> Vec<SlicerAngles> {
        let chunks = self
            .chunks
            .iter()
            .filter(|chunk| &chunk.tag == b"SLAN" && chunk.data.len() >= 28);
        let time = |data: &[u8]| {
            data.first_chunk()
                .map_or(0, |&bytes| i32::from_be_bytes(bytes))
        };
        chunks
            .map(|chunk| SlicerAngles {
                time: time(&chunk.data),
                angles: triple(&chunk.data, 1),
                centre: triple(&chunk.data, 4),
                label: text(&chunk.data[28..]),
            })
            .collect()
    }
}

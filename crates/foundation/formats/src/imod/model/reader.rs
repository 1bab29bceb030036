//! Reader of binary models. Every count is checked against the bytes that are left before anything is allocated.

use super::{Chunk, Contour, Mesh, Model, Object};
use crate::error::{FormatError, quoted};

/// Chunks that belong to the contour, mesh or object before them.
const CONTOUR_TAGS: [&[u8; 4]; 3] = [b"SIZE", b"LABL", b"COST"];
const OBJECT_TAGS: [&[u8; 4]; 6] = [b"IMAT", b"CLIP", b"OLBL", b"OBST", b"MEPA", b"MEST"];
/// Chunks of the whole model.
const MODEL_TAGS: [&[u8; 4]; 9] = [
    b"VIEW", b"MINX", b"MCLP", b"MOST", b"SLAN", b"SKLI", b"OGRP", b"IMNX", b"UNIT",
];

/// Parses a model; `name` appears in messages.
pub fn parse(bytes: &[u8], name: &str) -> Result<Model, FormatError> {
    let mut input = Input {
        bytes,
        position: 0,
        name,
    };
    let magic = input.array::<4>("IMOD")?;
    if &magic != b"IMOD" {
        let found = quoted(&String::from_utf8_lossy(&magic));
        return Err(FormatError::whole(
            name,
            "an IMOD model (begins with IMOD)",
            found,
        ));
    }
    let mut model = header(&mut input)?;
    let mut level = Level::Model;
    while input.position < bytes.len() {
        let tag = input.array::<4>("a chunk tag")?;
        match &tag {
            b"OBJT" => {
                model.objects.push(object(&mut input)?);
                level = Level::Object;
            }
            b"CONT" => {
                let contour = contour(&mut input)?;
                input.owner(&mut model, "CONT")?.contours.push(contour);
                level = Level::Contour;
            }
            b"MESH" => {
                let mesh = mesh(&mut input)?;
                input.owner(&mut model, "MESH")?.meshes.push(mesh);
                level = Level::Mesh;
            }
            b"IEOF" => {
                model.ends = true;
                model.trailing = bytes[input.position..].to_vec();
                break;
            }
            _ => {
                let chunk = chunk(&mut input, tag)?;
                level = level.of(tag);
                place(&mut model, level, chunk);
            }
        }
    }
    Ok(model)
}

/// What the next unknown chunk belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Contour,
    Mesh,
    Object,
    Model,
}

impl Level {
    /// A known tag moves up to its level; an unknown one stays where it stands.
    fn of(self, tag: [u8; 4]) -> Self {
        if self == Self::Model || MODEL_TAGS.contains(&&tag) {
            Self::Model
        } else if OBJECT_TAGS.contains(&&tag)
            || (self == Self::Mesh && CONTOUR_TAGS.contains(&&tag))
        {
            Self::Object
        } else {
            self
        }
    }
}

fn place(model: &mut Model, level: Level, chunk: Chunk) {
    let chunks = match (level, model.objects.last_mut()) {
        (Level::Model, _) | (_, None) => &mut model.chunks,
        (Level::Object, Some(object)) => &mut object.chunks,
        (Level::Contour, Some(object)) => match object.contours.last_mut() {
            Some(contour) => &mut contour.chunks,
            None => &mut object.chunks,
        },
        (Level::Mesh, Some(object)) => match object.meshes.last_mut() {
            Some(mesh) => &mut mesh.chunks,
            None => &mut object.chunks,
        },
    };
    chunks.push(chunk);
}

fn header(input: &mut Input<'_>) -> Result<Model, FormatError> {
    let version = input.array("the version")?;
    let name = input.array("the model name")?;
    let image_size = input.ints("image size")?;
    let _objects: [i32; 1] = input.ints("number of objects")?;
    Ok(Model {
        version,
        name,
        image_size,
        flags: u32::from_be_bytes(input.array("flags")?),
        display: input.ints("display settings")?,
        offset: input.floats("offsets")?,
        scale: input.floats("scales")?,
        current: input.ints("current object")?,
        pixel_size: input.floats::<1>("pixel size")?[0],
        units: input.ints::<1>("units")?[0],
        checksum: input.ints::<1>("checksum")?[0],
        angles: input.floats("angles")?,
        objects: Vec::new(),
        chunks: Vec::new(),
        ends: false,
        trailing: Vec::new(),
    })
}

fn object(input: &mut Input<'_>) -> Result<Object, FormatError> {
    let name = input.array("the object name")?;
    let extra = input.array("object settings")?;
    let _contours: [i32; 1] = input.ints("number of contours")?;
    let flags = u32::from_be_bytes(input.array("object flags")?);
    let axis_drawmode = input.ints("axis")?;
    let colour = input.floats("colour")?;
    let point_size = input.ints::<1>("point size")?[0];
    let style = input.array("style")?;
    let [_meshes, surfaces] = input.ints("number of meshes")?;
    let (contours, meshes, chunks) = (Vec::new(), Vec::new(), Vec::new());
    Ok(Object {
        name,
        extra,
        flags,
        axis_drawmode,
        colour,
        point_size,
        style,
        surfaces,
        contours,
        meshes,
        chunks,
    })
}

fn contour(input: &mut Input<'_>) -> Result<Contour, FormatError> {
    let [count] = input.ints("number of points")?;
    let flags = u32::from_be_bytes(input.array("contour flags")?);
    let [time, surface] = input.ints("time and surface")?;
    Ok(Contour {
        flags,
        time,
        surface,
        points: input.triples(count, "points of a contour")?,
        chunks: Vec::new(),
    })
}

fn mesh(input: &mut Input<'_>) -> Result<Mesh, FormatError> {
    let [vertices, length] = input.ints("size of a mesh")?;
    let flags = u32::from_be_bytes(input.array("mesh flags")?);
    let time = i16::from_be_bytes(input.array("mesh time")?);
    let surface = i16::from_be_bytes(input.array("mesh surface")?);
    let vertices = input.triples(vertices, "vertices of a mesh")?;
    let list = input
        .counted(length, 4, "list of a mesh")?
        .as_chunks::<4>()
        .0
        .iter();
    let list = list.map(|&bytes| i32::from_be_bytes(bytes)).collect();
    Ok(Mesh {
        flags,
        time_surface: [time, surface],
        vertices,
        list,
        chunks: Vec::new(),
    })
}

fn chunk(input: &mut Input<'_>, tag: [u8; 4]) -> Result<Chunk, FormatError> {
    let [length] = input.ints("length of a chunk")?;
    let what = format!("chunk {}", quoted(&String::from_utf8_lossy(&tag)));
    Ok(Chunk {
        tag,
        data: input.counted(length, 1, &what)?.to_vec(),
    })
}

struct Input<'a> {
    bytes: &'a [u8],
    position: usize,
    name: &'a str,
}

impl<'a> Input<'a> {
    fn owner<'m>(&self, model: &'m mut Model, what: &str) -> Result<&'m mut Object, FormatError> {
        let expected = format!("an object before {what} at byte {}", self.position);
        model
            .objects
            .last_mut()
            .ok_or_else(|| FormatError::whole(self.name, expected, "none"))
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], FormatError> {
        let Some(array) = self.bytes[self.position..].first_chunk::<N>() else {
            return Err(self.cut(N, what));
        };
        self.position += N;
        Ok(*array)
    }

    fn ints<const N: usize>(&mut self, what: &str) -> Result<[i32; N], FormatError> {
        let mut values = [0; N];
        for value in &mut values {
            *value = i32::from_be_bytes(self.array(what)?);
        }
        Ok(values)
    }

    fn floats<const N: usize>(&mut self, what: &str) -> Result<[f32; N], FormatError> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = f32::from_be_bytes(self.array(what)?);
        }
        Ok(values)
    }

    /// `count` items of `size` bytes.
    fn counted(&mut self, count: i32, size: usize, what: &str) -> Result<&'a [u8], FormatError> {
        let left = self.bytes.len() - self.position;
        let length = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(size))
            .filter(|&length| length <= left);
        let Some(length) = length else {
            let expected = format!(
                "{what}: at most {} items at byte {}",
                left / size,
                self.position
            );
            return Err(FormatError::whole(self.name, expected, count.to_string())
                .with_hint("is the file cut off?"));
        };
        let bytes = &self.bytes[self.position..self.position + length];
        self.position += length;
        Ok(bytes)
    }

    fn triples(&mut self, count: i32, what: &str) -> Result<Vec<[f32; 3]>, FormatError> {
        let points = self.counted(count, 12, what)?.as_chunks::<12>().0;
        Ok(points
            .iter()
            .map(|bytes| std::array::from_fn(|axis| float_at(bytes, axis)))
            .collect())
    }

    fn cut(&self, length: usize, what: &str) -> FormatError {
        let expected = format!("{length} bytes for {what} at byte {}", self.position);
        FormatError::whole(
            self.name,
            expected,
            format!("{}", self.bytes.len() - self.position),
        )
        .with_hint("is the file cut off?")
    }
}

/// The `index`-th big-endian float of `bytes`; 0 beyond the end.
pub(super) fn float_at(bytes: &[u8], index: usize) -> f32 {
    bytes
        .get(4 * index..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0.0, |&four| f32::from_be_bytes(four))
}

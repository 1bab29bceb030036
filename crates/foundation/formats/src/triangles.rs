//! Triangle surfaces as PLY (Stanford; G. Turk 1994), binary, little-endian: what ChimeraX, Blender, ParaView and MeshLab read.
//!
//! Vertices carry any number of 32-bit floating-point properties by name, `x y z` and `nx ny nz` among them; faces are triangles. Lengths
//! keep the unit that the caller gives them.

use std::io::Write;

use crate::error::FormatError;

/// A surface as a file holds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TriangleFile {
    /// Comment lines.
    pub comments: Vec<String>,
    /// Properties of the vertices: name, and one value for each vertex.
    pub properties: Vec<(String, Vec<f32>)>,
    /// Indices of vertices.
    pub triangles: Vec<[u32; 3]>,
}

/// Writes a surface.
///
/// # Errors
/// [`FormatError`]: properties of different lengths, triangles of vertices that are not there, the writer's own.
pub fn write(surface: &TriangleFile, name: &str, out: &mut dyn Write) -> Result<(), FormatError> {
    let count = surface.properties.first().map_or(0, |(_, v)| v.len());
    if let Some((property, values)) = surface.properties.iter().find(|(_, v)| v.len() != count) {
        let found = format!("{} of `{property}`", values.len());
        return Err(FormatError::whole(name, format!("{count} values"), found));
    }
    if let Some(vertex) = surface
        .triangles
        .iter()
        .flatten()
        .find(|v| **v as usize >= count)
    {
        let expected = format!("vertices below {count}");
        return Err(FormatError::whole(name, expected, vertex.to_string()));
    }
    let failed = |e| FormatError::writing(name, e);
    out.write_all(header(surface, count).as_bytes())
        .map_err(failed)?;
    let mut row = Vec::with_capacity(4 * surface.properties.len());
    for vertex in 0..count {
        row.clear();
        for (_, values) in &surface.properties {
            row.extend(values[vertex].to_le_bytes());
        }
        out.write_all(&row).map_err(failed)?;
    }
    for triangle in &surface.triangles {
        let mut face = [3_u8; 13];
        for (bytes, vertex) in face[1..].chunks_mut(4).zip(triangle) {
            bytes.copy_from_slice(&vertex.to_le_bytes());
        }
        out.write_all(&face).map_err(failed)?;
    }
    Ok(())
}

fn header(surface: &TriangleFile, count: usize) -> String {
    let mut lines = vec![
        "ply".to_owned(),
        "format binary_little_endian 1.0".to_owned(),
    ];
    let comments = surface.comments.iter().flat_map(|c| c.lines());
    lines.extend(comments.map(|line| format!("comment {line}")));
    lines.push(format!("element vertex {count}"));
    let names = surface.properties.iter().map(|(name, _)| name);
    lines.extend(names.map(|name| format!("property float {name}")));
    lines.push(format!("element face {}", surface.triangles.len()));
    lines.push("property list uchar int vertex_indices".to_owned());
    lines.push("end_header\n".to_owned());
    lines.join("\n")
}

/// What a header announces.
#[derive(Default)]
struct Announced {
    comments: Vec<String>,
    names: Vec<String>,
    vertices: usize,
    faces: usize,
    /// Where the values begin.
    start: usize,
}

/// Reads a surface of the kind that [`write`] writes.
///
/// # Errors
/// [`FormatError`]: another kind of PLY, properties that are not 32-bit floats, faces that are not triangles, too few or too many bytes.
pub fn parse(bytes: &[u8], name: &str) -> Result<TriangleFile, FormatError> {
    let announced = read_header(bytes, name)?;
    let values = &bytes[announced.start..];
    let row = 4 * announced.names.len();
    let body = announced.vertices.checked_mul(row);
    let faces = announced.faces.checked_mul(13);
    let whole = body.zip(faces).and_then(|(a, b)| a.checked_add(b));
    let (Some(body), true) = (body, whole == Some(values.len())) else {
        let expected = whole.map_or("fewer elements".into(), |w| format!("{w} bytes of values"));
        return Err(FormatError::whole(name, expected, values.len().to_string()));
    };
    let float = |at: usize| f32::from_le_bytes([0, 1, 2, 3].map(|i| values[at + i]));
    let column = |index: usize| -> Vec<f32> {
        let vertices = 0..announced.vertices;
        vertices.map(|v| float(v * row + 4 * index)).collect()
    };
    let names = announced.names.iter().enumerate();
    let properties = names.map(|(i, n)| (n.clone(), column(i))).collect();
    let mut triangles = Vec::with_capacity(announced.faces);
    for face in values[body..].chunks_exact(13) {
        let vertices = [1, 5, 9].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|i| face[at + i])));
        if face[0] != 3 || vertices.iter().any(|v| *v as usize >= announced.vertices) {
            let expected = format!("triangles of vertices below {}", announced.vertices);
            let found = format!("{} corners, {vertices:?}", face[0]);
            return Err(FormatError::whole(name, expected, found));
        }
        triangles.push(vertices);
    }
    Ok(TriangleFile {
        comments: announced.comments,
        properties,
        triangles,
    })
}

fn read_header(bytes: &[u8], name: &str) -> Result<Announced, FormatError> {
    let mut announced = Announced::default();
    let mut number = 0;
    let wrong = |line: usize, expected: &str, found: &str| {
        FormatError::at(name, line, expected, crate::error::quoted(found))
    };
    let mut before_faces = true;
    loop {
        let rest = &bytes[announced.start..];
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            return Err(wrong(number + 1, "`end_header`", "the end of the file"));
        };
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        let line = line.trim_end_matches('\r');
        announced.start += end + 1;
        number += 1;
        let words: Vec<&str> = line.split_whitespace().collect();
        let count = |text: &str| {
            text.parse::<usize>()
                .map_err(|_| wrong(number, "a number of elements", text))
        };
        match (number, words.as_slice()) {
            (1, ["ply"]) | (2, ["format", "binary_little_endian", "1.0"]) => {}
            (1, _) => return Err(wrong(1, "`ply`", line)),
            (2, _) => return Err(wrong(2, "`format binary_little_endian 1.0`", line)),
            (_, ["comment", ..]) => {
                let text = line.strip_prefix("comment").unwrap_or(line).trim();
                announced.comments.push(text.to_owned());
            }
            (_, ["element", "vertex", n]) if before_faces => announced.vertices = count(n)?,
            (_, ["property", "float" | "float32", property]) if before_faces => {
                announced.names.push((*property).to_owned());
            }
            (_, ["element", "face", n]) => {
                announced.faces = count(n)?;
                before_faces = false;
            }
            (
                _,
                [
                    "property",
                    "list",
                    "uchar" | "uint8",
                    "int" | "int32" | "uint",
                    _,
                ],
            ) if !before_faces => {}
            (_, ["end_header"]) => return Ok(announced),
            _ => {
                return Err(wrong(
                    number,
                    "float properties of vertices, then triangles",
                    line,
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface() -> TriangleFile {
        TriangleFile {
            comments: vec!["lengths in Å".into()],
            properties: ["x", "y", "z", "label"]
                .iter()
                .enumerate()
                .map(|(i, n)| {
                    (
                        (*n).to_owned(),
                        vec![0.5, i as f32, -1e9, f32::MIN_POSITIVE],
                    )
                })
                .collect(),
            triangles: vec![[0, 1, 2], [3, 2, 1]],
        }
    }

    fn written(surface: &TriangleFile) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(surface, "test.ply", &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_surface_comes_back_equal() {
        for surface in [surface(), TriangleFile::default()] {
            assert_eq!(parse(&written(&surface), "test.ply").unwrap(), surface);
        }
    }

    #[test]
    fn damaged_surfaces_are_refused() {
        let bytes = written(&surface());
        for cut in 0..bytes.len() {
            assert!(parse(&bytes[..cut], "cut").is_err(), "{cut}");
        }
        for (from, to) in [
            ("ply", "plx"),
            ("vertex 4", "vertex 9"),
            ("face 2", "face 99999999999999999999"),
            ("float x", "double x"),
        ] {
            let text: Vec<u8> = bytes.clone();
            let at = text
                .windows(from.len())
                .position(|w| w == from.as_bytes())
                .unwrap();
            let damaged = [&text[..at], to.as_bytes(), &text[at + from.len()..]].concat();
            assert!(parse(&damaged, "damaged").is_err(), "{to}");
        }
        let mut wrong = surface();
        wrong.triangles.push([0, 1, 4]);
        assert!(write(&wrong, "wrong", &mut Vec::new()).is_err());
        wrong = surface();
        wrong.properties[1].1.pop();
        assert!(write(&wrong, "wrong", &mut Vec::new()).is_err());
    }
}

//! Fiducial coordinates of tiltalign `fid.xyz`: index, x, y, z in pixels, object and contour of the model.
//! The first line also tells pixel size (Å) and image size.

use crate::error::FormatError;
use crate::text::{self, exact_number, push_aligned};
use std::path::Path;

/// A file of fiducial coordinates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fiducials {
    /// `Pix:` Å.
    pub pixel_size: Option<f64>,
    /// `Dim:` columns and rows of the image.
    pub image_size: Option<[usize; 2]>,
    /// Fiducials in file order.
    pub points: Vec<Fiducial>,
}

/// One fiducial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fiducial {
    /// Number in the file, from 1.
    pub index: i64,
    /// x, y, z, pixels.
    pub position: [f64; 3],
    /// Object and contour of the fiducial model, from 1; absent in old files.
    pub object_contour: Option<[i64; 2]>,
}

/// Parses fiducials; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<Fiducials, FormatError> {
    let mut fiducials = Fiducials::default();
    for line in text::content_lines(text, name) {
        let (row, rest) = line
            .text
            .split_once("Pix:")
            .map_or((line.text, None), |(row, rest)| (row, Some(rest)));
        if let Some(rest) = rest {
            let (pixel, size) = rest
                .split_once("Dim:")
                .map_or((rest, None), |(pixel, size)| (pixel, Some(size)));
            fiducials.pixel_size = Some(line.f64(pixel.trim(), "pixel size after Pix:")?);
            if let Some(size) = size {
                let words: Vec<&str> = size.split_whitespace().collect();
                let [nx, ny] = words[..] else {
                    return Err(line.error("two numbers after Dim:", size));
                };
                fiducials.image_size =
                    Some([line.usize(nx, "image size")?, line.usize(ny, "image size")?]);
            }
        }
        let words: Vec<&str> = row.split_whitespace().collect();
        if words.len() != 4 && words.len() != 6 {
            return Err(line.error("index x y z [object contour]", row));
        }
        let number = |index: usize| line.f64(words[index], "a coordinate");
        let whole = |index: usize| line.i64(words[index], "an object or contour");
        fiducials.points.push(Fiducial {
            index: line.i64(words[0], "index")?,
            position: [number(1)?, number(2)?, number(3)?],
            object_contour: if words.len() == 6 {
                Some([whole(4)?, whole(5)?])
            } else {
                None
            },
        });
    }
    Ok(fiducials)
}

/// Reads a fiducial file.
pub fn read(path: &Path) -> Result<Fiducials, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of fiducials in tiltalign's columns; more decimals where a number needs them.
pub fn write(fiducials: &Fiducials) -> String {
    let mut out = String::new();
    for (row, point) in fiducials.points.iter().enumerate() {
        push_aligned(&mut out, &point.index.to_string(), 4);
        for value in point.position {
            push_aligned(&mut out, &exact_number(value, 2), 10);
        }
        if let Some([object, contour]) = point.object_contour {
            push_aligned(&mut out, &object.to_string(), 7);
            push_aligned(&mut out, &contour.to_string(), 5);
        }
        if row == 0
            && let Some(pixel_size) = fiducials.pixel_size
        {
            out.push_str(" Pix:");
            push_aligned(&mut out, &exact_number(pixel_size, 5), 12);
            if let Some([nx, ny]) = fiducials.image_size {
                out.push_str(" Dim:");
                push_aligned(&mut out, &nx.to_string(), 6);
                push_aligned(&mut out, &ny.to_string(), 6);
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_tells_more() {
        let text = "   1    244.50    242.64     46.24      1    1 Pix:    20.20000 Dim:   512   512\n   2    297.69    218.46    -34.81      1    2\n";
        let fiducials = parse(text, "a.xyz").unwrap();
        assert_eq!(
            (fiducials.pixel_size, fiducials.image_size),
            (Some(20.2), Some([512, 512]))
        );
        assert_eq!(fiducials.points[1].position, [297.69, 218.46, -34.81]);
        assert_eq!(write(&fiducials), text);
        assert_eq!(parse("1 2 3\n", "b.xyz").unwrap_err().line(), Some(1));
    }
}

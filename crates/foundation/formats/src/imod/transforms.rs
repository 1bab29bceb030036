//! Linear transforms `.xf .prexf .prexg .xg .tltxf`: one line `a11 a12 a21 a22 dx dy` per view.
//!
//! x' = a11 (x − xc) + a12 (y − yc) + dx + xc', y' likewise, in pixels, from the raw to the aligned image.

use crate::error::FormatError;
use crate::text::{self, exact_number, push_aligned};
use std::path::Path;

/// Decimals IMOD writes for the matrix and for the shift.
const MATRIX_DECIMALS: usize = 7;
const SHIFT_DECIMALS: usize = 3;

/// A 2-D affine transform of one view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearTransform {
    /// `[[a11, a12], [a21, a22]]`.
    pub matrix: [[f64; 2]; 2],
    /// `[dx, dy]`, pixels.
    pub shift: [f64; 2],
}

impl LinearTransform {
    /// No rotation, no shift.
    pub const IDENTITY: Self = Self {
        matrix: [[1.0, 0.0], [0.0, 1.0]],
        shift: [0.0, 0.0],
    };
}

/// Parses transforms; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<Vec<LinearTransform>, FormatError> {
    text::content_lines(text, name)
        .map(|line| {
            let numbers = line.numbers("a transform value")?;
            let [a11, a12, a21, a22, dx, dy] = numbers[..] else {
                let error = line.error("6 numbers a11 a12 a21 a22 dx dy", line.text);
                let warping = line.number == 1 && numbers.len() == 1;
                return Err(if warping {
                    error.with_hint("a file of warping transforms (Midas, finddistort) holds more than linear transforms and is not read")
                } else {
                    error
                });
            };
            Ok(LinearTransform {
                matrix: [[a11, a12], [a21, a22]],
                shift: [dx, dy],
            })
        })
        .collect()
}

/// Reads a transform file.
pub fn read(path: &Path) -> Result<Vec<LinearTransform>, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of transforms in IMOD's columns; more decimals where a number needs them.
pub fn write(transforms: &[LinearTransform]) -> String {
    let mut out = String::new();
    for LinearTransform { matrix, shift } in transforms {
        let matrix = matrix
            .as_flattened()
            .iter()
            .map(|&value| exact_number(value, MATRIX_DECIMALS));
        let shift = shift
            .iter()
            .map(|&value| exact_number(value, SHIFT_DECIMALS));
        for number in matrix.chain(shift) {
            push_aligned(&mut out, &number, 12);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imod_columns_and_exact_values() {
        let text = "   0.9787401  -0.1898026   0.1861716   0.9824197       8.908       0.174\n";
        let transforms = parse(text, "a.xf").unwrap();
        assert_eq!(transforms[0].matrix[1], [0.1861716, 0.9824197]);
        assert_eq!(write(&transforms), text);
        let odd = [LinearTransform {
            matrix: [[1.0 / 3.0, -123456.123456789], [1e-13, 0.0]],
            shift: [-0.1234567, 5e20],
        }];
        assert_eq!(parse(&write(&odd), "b").unwrap(), odd);
        assert_eq!(parse("1 0 0 1 0\n", "c.xf").unwrap_err().line(), Some(1));
    }
}

//! Text results of CTFFIND 4 and 5 (and AreTomo's `_CTF.txt`, written in the same form).
//!
//! Rows: number of the image from 1, defocus 1 and 2 (Å, positive = underfocus), azimuth of astigmatism (degrees),
//! phase shift (radians), score, resolution of the fit (Å). Further columns are kept: CTFFIND 5 adds tilt axis,
//! tilt angle and thickness, AreTomo3 the defocus hand.

use crate::error::FormatError;
use crate::numeric_table::{self, NumericTable};
use crate::text::{self, exact_number};
use std::path::Path;

/// Columns every version writes.
const COLUMNS: usize = 7;
/// Lines per micrograph in `_avrot.txt`.
const AVERAGE_LINES: usize = 6;

/// Results of one run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CtfResults {
    /// Comment lines without `#`.
    pub header: Vec<String>,
    /// One row per image.
    pub rows: Vec<CtfRow>,
}

/// Result for one image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CtfRow {
    /// Number of the image, from 1.
    pub image: i64,
    /// Defocus 1 and 2, Å.
    pub defocus: [f64; 2],
    /// Azimuth of astigmatism (direction of defocus 1), degrees.
    pub azimuth: f64,
    /// Additional phase shift, radians.
    pub phase_shift: f64,
    /// Cross-correlation with the fit.
    pub score: f64,
    /// Resolution to which Thon rings fit, Å; infinite when none did.
    pub resolution: f64,
    /// Further columns.
    pub more: Vec<f64>,
}

/// Parses results; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<CtfResults, FormatError> {
    let mut results = CtfResults::default();
    for line in text::content_lines(text, name) {
        if let Some(comment) = line.text.strip_prefix('#') {
            results.header.push(comment.trim().to_owned());
            continue;
        }
        let words: Vec<&str> = line.words().collect();
        if words.len() < COLUMNS {
            return Err(line.error(
                "7 or more columns: image, defocus 1, defocus 2, azimuth, phase, score, resolution",
                line.text,
            ));
        }
        let number = |index: usize| line.f64(words[index], "a value of the row");
        results.rows.push(CtfRow {
            image: line.i64(words[0], "number of the image")?,
            defocus: [number(1)?, number(2)?],
            azimuth: number(3)?,
            phase_shift: number(4)?,
            score: number(5)?,
            resolution: number(6)?,
            more: (COLUMNS..words.len())
                .map(number)
                .collect::<Result<_, _>>()?,
        });
    }
    Ok(results)
}

/// Reads results.
pub fn read(path: &Path) -> Result<CtfResults, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of results; more decimals where a number needs them.
pub fn write(results: &CtfResults) -> String {
    let mut out = String::new();
    for line in &results.header {
        for piece in ["# ", line, "\n"] {
            out.push_str(piece);
        }
    }
    for row in &results.rows {
        let numbers = [
            row.defocus[0],
            row.defocus[1],
            row.azimuth,
            row.phase_shift,
            row.score,
            row.resolution,
        ];
        out.push_str(&row.image.to_string());
        for value in numbers.iter().chain(&row.more) {
            out.push(' ');
            out.push_str(&exact_number(*value, 6));
        }
        out.push('\n');
    }
    out
}

/// Rotational averages of one image (`_avrot.txt`); all lists have one entry per frequency.
#[derive(Debug, Clone, PartialEq)]
pub struct RotationalAverage {
    /// Spatial frequency, 1/Å.
    pub frequency: Vec<f64>,
    /// Average of the spectrum without regard to astigmatism.
    pub circular: Vec<f64>,
    /// Average along the Thon rings.
    pub spectrum: Vec<f64>,
    /// Fitted CTF.
    pub fit: Vec<f64>,
    /// Cross-correlation of spectrum and fit.
    pub correlation: Vec<f64>,
    /// Two standard deviations of the noise of that correlation.
    pub noise: Vec<f64>,
}

/// Parses `_avrot.txt`: six lines per image. `name` appears in messages.
pub fn parse_averages(text: &str, name: &str) -> Result<Vec<RotationalAverage>, FormatError> {
    let table: NumericTable = numeric_table::parse(text, name)?;
    if !table.rows().is_multiple_of(AVERAGE_LINES) {
        return Err(FormatError::whole(
            name,
            "six lines of numbers per image",
            table.rows().to_string(),
        )
        .with_hint("is the file cut off?"));
    }
    let rows: Vec<&[f64]> = table.iter_rows().collect();
    let averages = rows.as_chunks::<AVERAGE_LINES>().0.iter();
    Ok(averages
        .map(|rows| {
            let [frequency, circular, spectrum, fit, correlation, noise] =
                rows.map(<[f64]>::to_vec);
            RotationalAverage {
                frequency,
                circular,
                spectrum,
                fit,
                correlation,
                noise,
            }
        })
        .collect())
}

/// Reads `_avrot.txt`.
pub fn read_averages(path: &Path) -> Result<Vec<RotationalAverage>, FormatError> {
    parse_averages(&text::read_text(path)?, &text::display_name(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_versions() {
        let text =
            "# Columns: x\n1.000000 14477.87 13500.0 75.0 0.0 0.001 inf\n   2 1 2 3 4 5 6 7 8 -1\n";
        let results = parse(text, "a.txt").unwrap();
        assert_eq!(
            (results.rows[0].image, results.rows[0].defocus),
            (1, [14477.87, 13500.0])
        );
        assert!(results.rows[0].resolution.is_infinite());
        assert_eq!(results.rows[1].more, [7.0, 8.0, -1.0]);
        assert_eq!(parse(&write(&results), "b").unwrap(), results);
        assert_eq!(parse("1 2 3\n", "c.txt").unwrap_err().line(), Some(1));
        let averages = "0 1\n1 1\n2 2\n3 3\n4 4\n5 5\n";
        assert_eq!(parse_averages(averages, "d").unwrap()[0].noise, [5.0, 5.0]);
        assert!(parse_averages("0 1\n", "d").is_err());
    }
}

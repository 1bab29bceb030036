//! Defocus files `.defocus` of ctfplotter (and AreTomo's `_CTF_Imod.txt`), versions 2 and 3.
//!
//! Rows: first view, last view, lowest tilt, highest tilt, defocus in nm, then what the flags of version 3 tell:
//! second defocus and axis of astigmatism, phase shift, cut-on frequency. Version 2 marks itself by a 2 at the
//! end of its first row. Views count from 1 (from 0 before IMOD 4.0.29). ctfplotter writes the larger defocus
//! first, AreTomo the smaller; values stay in file order. Degrees or radians: see [`DefocusFile::flags`].

use crate::error::{FormatError, quoted};
use crate::text::{self, Line, exact_number, push_aligned};
use std::path::Path;

/// Rows have a second defocus and the axis of astigmatism.
pub const ASTIGMATISM: u32 = 1;
/// The axis is in radians, not degrees.
pub const AXIS_IN_RADIANS: u32 = 2;
/// Rows have a phase shift.
pub const PHASE_SHIFT: u32 = 4;
/// The phase shift is in radians, not degrees.
pub const PHASE_IN_RADIANS: u32 = 8;
/// Tilt angles have the opposite sign.
pub const TILT_INVERTED: u32 = 16;
/// Rows have a cut-on frequency, 1/nm.
pub const CUT_ON: u32 = 32;
const KNOWN_FLAGS: u32 = 63;

/// A defocus file.
#[derive(Debug, Clone, PartialEq)]
pub struct DefocusFile {
    /// 1 (no version in the file), 2 or 3.
    pub version: u32,
    /// Sum of the flag constants of this module; 0 below version 3.
    pub flags: u32,
    /// Rows in file order.
    pub rows: Vec<DefocusRow>,
}

/// Defocus of a range of views.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DefocusRow {
    /// First and last view of the range.
    pub views: [i64; 2],
    /// Lowest and highest tilt angle of the range, degrees.
    pub tilts: [f64; 2],
    /// Defocus, nm, positive = underfocus.
    pub defocus: f64,
    /// Second defocus (nm) and axis of the first; with [`ASTIGMATISM`].
    pub astigmatism: Option<Astigmatism>,
    /// Phase shift; with [`PHASE_SHIFT`].
    pub phase_shift: Option<f64>,
    /// Cut-on frequency, 1/nm; with [`CUT_ON`].
    pub cut_on: Option<f64>,
}

/// Second defocus value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Astigmatism {
    /// Second defocus, nm.
    pub defocus: f64,
    /// Axis; degrees or radians by the flags.
    pub axis: f64,
}

/// Parses defocus text; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<DefocusFile, FormatError> {
    let mut file = DefocusFile {
        version: 1,
        flags: 0,
        rows: Vec::new(),
    };
    for (index, line) in text::content_lines(text, name).enumerate() {
        let mut words: Vec<&str> = text::number_tokens(line.text).collect();
        if index == 0 {
            if is_version_3(&words) {
                file.version = 3;
                file.flags = flags(&words, &line)?;
                continue;
            }
            if words.len() == 6 {
                if words[5] != "2" {
                    return Err(line.error("a version 2 at the end of the first row, or a version 3 line 'flags 0 0 0 0 3'", words[5]));
                }
                file.version = 2;
                words.pop();
            }
        }
        file.rows.push(row(&words, file.flags, &line)?);
    }
    Ok(file)
}

/// `flags 0 0. 0. 0. 3`
fn is_version_3(words: &[&str]) -> bool {
    words.len() == 6
        && words[5] == "3"
        && words[1..5]
            .iter()
            .all(|word| text::parse_f64(word) == Some(0.0))
}

fn flags(words: &[&str], line: &Line<'_>) -> Result<u32, FormatError> {
    let flags = line.usize(words[0], "flags")?;
    match u32::try_from(flags) {
        Ok(flags) if flags <= KNOWN_FLAGS => Ok(flags),
        _ => Err(line.error(format!("flags from 0 to {KNOWN_FLAGS}"), words[0])),
    }
}

fn width(flags: u32) -> usize {
    5 + 2 * usize::from(flags & ASTIGMATISM != 0)
        + usize::from(flags & PHASE_SHIFT != 0)
        + usize::from(flags & CUT_ON != 0)
}

fn row(words: &[&str], flags: u32, line: &Line<'_>) -> Result<DefocusRow, FormatError> {
    if words.len() != width(flags) {
        let expected = format!("{} numbers for flags {flags}", width(flags));
        return Err(FormatError::at(
            line.file,
            line.number,
            expected,
            format!("{}: {}", words.len(), quoted(line.text)),
        ));
    }
    let mut numbers = words[2..]
        .iter()
        .map(|word| line.f64(word, "a value of the row"));
    let mut next = || numbers.next().unwrap_or(Ok(0.0));
    Ok(DefocusRow {
        views: [
            line.i64(words[0], "first view")?,
            line.i64(words[1], "last view")?,
        ],
        tilts: [next()?, next()?],
        defocus: next()?,
        astigmatism: if flags & ASTIGMATISM == 0 {
            None
        } else {
            Some(Astigmatism {
                defocus: next()?,
                axis: next()?,
            })
        },
        phase_shift: if flags & PHASE_SHIFT == 0 {
            None
        } else {
            Some(next()?)
        },
        cut_on: if flags & CUT_ON == 0 {
            None
        } else {
            Some(next()?)
        },
    })
}

/// Reads a defocus file.
pub fn read(path: &Path) -> Result<DefocusFile, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of a defocus file in ctfplotter's columns; more decimals where a number needs them. What the flags do
/// not announce is not written; a value they announce and a row lacks is written as 0.
pub fn write(file: &DefocusFile) -> String {
    let mut out = String::new();
    if file.version == 3 {
        out.push_str(&format_flags(file.flags));
    }
    for (index, row) in file.rows.iter().enumerate() {
        let [first, last] = row.views;
        let [low, high] = row.tilts.map(|tilt| exact_number(tilt, 2));
        let start = format!("{first}\t{last}\t{low}\t{high}\t");
        out.push_str(&start);
        let flags = if file.version == 3 { file.flags } else { 0 };
        let astigmatism = row.astigmatism.unwrap_or(Astigmatism {
            defocus: row.defocus,
            axis: 0.0,
        });
        push_aligned(
            &mut out,
            &exact_number(row.defocus, usize::from(flags != 0)),
            7,
        );
        let extra = [
            (ASTIGMATISM, astigmatism.defocus, 1),
            (ASTIGMATISM, astigmatism.axis, 2),
            (PHASE_SHIFT, row.phase_shift.unwrap_or_default(), 2),
            (CUT_ON, row.cut_on.unwrap_or_default(), 4),
        ];
        for (flag, value, decimals) in extra.into_iter().filter(|(flag, ..)| flags & flag != 0) {
            out.push('\t');
            push_aligned(
                &mut out,
                &exact_number(value, decimals),
                if flag == PHASE_SHIFT { 9 } else { 7 },
            );
        }
        out.push_str(if index == 0 && file.version == 2 {
            "   2\n"
        } else {
            "\n"
        });
    }
    out
}

fn format_flags(flags: u32) -> String {
    format!("{flags}\t0\t0.0\t0.0\t0.0\t3\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_flags() {
        let two = parse(
            "1\t1\t-57.00\t-57.00\t  1360   2\n2\t2\t-54.00\t-54.00\t  1243\n",
            "a",
        )
        .unwrap();
        assert_eq!(
            (two.version, two.rows[1].defocus, two.rows[1].views),
            (2, 1243.0, [2, 2])
        );
        let text = "37\t0\t0.0\t0.0\t0.0\t3\n1\t1\t-57.00\t-57.00\t 1331.4\t  917.5\t  32.43\t    29.08\t   0.4912\n";
        let three = parse(text, "b").unwrap();
        assert_eq!(
            three.rows[0].astigmatism,
            Some(Astigmatism {
                defocus: 917.5,
                axis: 32.43
            })
        );
        assert_eq!(
            (three.rows[0].phase_shift, three.rows[0].cut_on),
            (Some(29.08), Some(0.4912))
        );
        for file in [two, three] {
            assert_eq!(parse(&write(&file), "c").unwrap(), file);
        }
        assert_eq!(parse("0 5 -60 -50 3000\n", "old").unwrap().version, 1);
    }

    #[test]
    fn wrong_widths_and_flags() {
        let error = parse("1 0 0. 0. 0. 3\n1 1 0 0 1000\n", "a.defocus").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("a.defocus:2: expected 7 numbers for flags 1, found 5"),
            "{error}"
        );
        assert!(parse("99 0 0 0 0 3\n", "a").is_err());
        assert!(parse("1 1 0 0 1000 7\n", "a").is_err());
    }
}

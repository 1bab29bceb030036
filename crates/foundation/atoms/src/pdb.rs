//! PDB files: ATOM, HETATM, MODEL and REMARK 350 records.
//!
//! wwPDB format description 3.3. Fields stand in fixed columns (counted from 1): name 13–16,
//! alternate 17, residue 18–20 (21 for four-letter residues), chain 22, number 23–26, insertion 27,
//! x y z 31–54 in Å, occupancy 55–60, B factor 61–66 in Å², element 77–78. Residue numbers beyond
//! 9999 may be hybrid-36.
use glam::DVec3;

use crate::element::Element;
use crate::error::AtomsError;
use crate::labels::Labels;
use crate::model::{Atom, AtomicModel, ModelFormat};
use crate::remark350::Remark350;
use crate::source::is_atom;

/// Parses a PDB file.
pub(crate) fn parse(text: &str, name: &str) -> Result<AtomicModel, AtomsError> {
    let mut labels = Labels::default();
    let mut assemblies = Remark350::new(name);
    let mut atoms = Vec::with_capacity(text.lines().filter(|line| is_atom(line)).count());
    let mut model = 1;
    for (index, line) in text.lines().enumerate() {
        let record = Record {
            line,
            number: index + 1,
            file: name,
        };
        if is_atom(line) {
            atoms.push(record.atom(&mut labels, model)?);
        } else if line.starts_with("MODEL ") {
            model = record.integer(11, 14, "model number")?.unwrap_or(model);
        } else if line.starts_with("REMARK 350") {
            assemblies.line(line, index + 1)?;
        }
    }
    if atoms.is_empty() {
        return Err(AtomsError::NotAModel {
            file: name.to_owned(),
        });
    }
    Ok(AtomicModel {
        format: ModelFormat::Pdb,
        atoms,
        labels,
        assemblies: assemblies.finish()?,
    })
}

struct Record<'a> {
    line: &'a str,
    number: usize,
    file: &'a str,
}

impl<'a> Record<'a> {
    /// Columns `first..=last`, counted from 1, as far as the line reaches; empty when a column would
    /// split a character that is not ASCII.
    fn columns(&self, first: usize, last: usize) -> &'a str {
        self.line
            .get(first - 1..last.min(self.line.len()))
            .unwrap_or_default()
    }

    fn wrong(&self, field: &str, first: usize, last: usize, expected: &str) -> AtomsError {
        AtomsError::Field {
            file: self.file.to_owned(),
            line: self.number,
            field: format!("{field} (columns {first}–{last})"),
            expected: expected.to_owned(),
            found: format!("`{}`", self.columns(first, last)),
        }
    }

    fn number(&self, first: usize, last: usize, field: &str) -> Result<Option<f64>, AtomsError> {
        let text = self.columns(first, last).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number
            .map(Some)
            .ok_or_else(|| self.wrong(field, first, last, "a finite number"))
    }

    fn coordinate(&self, first: usize, field: &str) -> Result<f64, AtomsError> {
        let number = self.number(first, first + 7, field)?;
        number.ok_or_else(|| self.wrong(field, first, first + 7, "a finite number in Å"))
    }

    fn integer(&self, first: usize, last: usize, field: &str) -> Result<Option<i32>, AtomsError> {
        let text = self.columns(first, last).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse().ok().or_else(|| hybrid36(text));
        number
            .map(Some)
            .ok_or_else(|| self.wrong(field, first, last, "a whole number"))
    }

    /// One byte, a blank beyond the end of the line.
    fn byte(&self, column: usize) -> u8 {
        self.line
            .as_bytes()
            .get(column - 1)
            .copied()
            .unwrap_or(b' ')
    }

    fn atom(&self, labels: &mut Labels, model: i32) -> Result<Atom, AtomsError> {
        let x = self.coordinate(31, "x")?;
        let y = self.coordinate(39, "y")?;
        let z = self.coordinate(47, "z")?;
        let chain = labels.intern(self.columns(22, 22).trim());
        Ok(Atom {
            position: DVec3::new(x, y, z),
            occupancy: self.number(55, 60, "occupancy")?.unwrap_or(1.0) as f32,
            b_factor: self.number(61, 66, "B factor")?.unwrap_or(0.0) as f32,
            name: labels.intern(self.columns(13, 16).trim()),
            residue_name: labels.intern(self.columns(18, 21).trim()),
            chain,
            archive_chain: chain,
            residue_number: self.integer(23, 26, "residue number")?.unwrap_or(0),
            model,
            element: self.element()?,
            insertion_code: self.byte(27),
            alternate: self.byte(17),
            hetero: self.line.starts_with("HETATM"),
        })
    }

    /// The element columns where they hold a symbol, else the atom name by its columns.
    fn element(&self) -> Result<Element, AtomsError> {
        Element::from_symbol(self.columns(77, 78).trim())
            .or_else(|| Element::from_pdb_name(self.columns(13, 16)))
            .ok_or_else(|| {
                self.wrong(
                    "atom name",
                    13,
                    16,
                    "a name that begins with a chemical element",
                )
            })
    }
}

/// Residue numbers beyond 9999 in four columns: `A000` is 10000 (hybrid-36 of the cctbx project).
fn hybrid36(text: &str) -> Option<i32> {
    if text.len() != 4 || !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let upper = text
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let lower = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let value = i32::from_str_radix(text, 36).ok()?;
    let letters = 26 * 36_i32.pow(3);
    let offset = 10_000 - 10 * 36_i32.pow(3);
    match (upper, lower) {
        (true, _) => Some(value + offset),
        (_, true) => Some(value + offset + letters),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATOM: &str =
        "ATOM      1  N   ARG S  10      -3.093 213.890 338.998  0.50 12.25           N";

    #[test]
    fn an_atom_record_is_read_by_columns() {
        let model = parse(ATOM, "a.pdb").unwrap();
        let atom = model.atoms[0];
        assert_eq!(atom.position, DVec3::new(-3.093, 213.890, 338.998));
        assert_eq!(
            (atom.occupancy, atom.b_factor, atom.residue_number),
            (0.5, 12.25, 10)
        );
        assert_eq!(
            (
                model.word(atom.name),
                model.word(atom.residue_name),
                model.word(atom.chain)
            ),
            ("N", "ARG", "S")
        );
        assert_eq!(
            (atom.element.symbol(), atom.hetero, atom.model),
            ("N", false, 1)
        );
    }

    #[test]
    fn short_records_get_stated_defaults() {
        let atom = parse(&ATOM[..54], "a.pdb").unwrap().atoms[0];
        assert_eq!(
            (atom.occupancy, atom.b_factor, atom.element.symbol()),
            (1.0, 0.0, "N")
        );
    }

    #[test]
    fn damage_is_named_with_its_columns() {
        for (text, said) in [
            (
                ATOM.replace("213.890", "2x3.890"),
                "y (columns 39–46): expected a finite number, found ` 2x3.890`",
            ),
            (ATOM.replace(" -3.093", "    NaN"), "x (columns 31–38)"),
            (ATOM[..47].to_owned(), "z (columns 47–54)"),
            (
                ATOM.replace("  10 ", " 1-0 "),
                "residue number (columns 23–26)",
            ),
            (ATOM.replace("0.50", "0.5y"), "occupancy"),
        ] {
            let error = parse(&text, "a.pdb").unwrap_err().to_string();
            assert!(
                error.starts_with("a.pdb:1: ") && error.contains(said),
                "{error}"
            );
        }
    }

    #[test]
    fn models_are_numbered() {
        let text = format!("MODEL        1\n{ATOM}\nENDMDL\nMODEL        2\n{ATOM}\nENDMDL\n");
        let model = parse(&text, "a.pdb").unwrap();
        assert_eq!(model.model_numbers(), [1, 2]);
        assert_eq!(model.only_model(2).atoms.len(), 1);
    }

    #[test]
    fn hybrid_numbers_continue_the_decimal_ones() {
        for (text, number) in [
            ("A000", 10_000),
            ("A001", 10_001),
            ("ZZZZ", 1_223_055),
            ("a000", 1_223_056),
            ("zzzz", 2_436_111),
        ] {
            assert_eq!(hybrid36(text), Some(number), "{text}");
        }
        assert_eq!(
            (hybrid36("Aa00"), hybrid36("A-00"), hybrid36("1000")),
            (None, None, None)
        );
    }
}

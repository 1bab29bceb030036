//! REMARK 350 of PDB files: biomolecules as lists of chains and BIOMT operators.
//!
//! wwPDB format description 3.3: `BIOMOLECULE: n`, `APPLY THE FOLLOWING TO CHAINS: A, B` (continued
//! by `AND CHAINS: C`), then rows `BIOMT1..3  number  r1 r2 r3 t` with t in Å.
use glam::{DAffine3, DMat3, DVec3};

use crate::assembly::{Assembly, ChainNaming, Generator, MOST_OPERATORS};
use crate::error::AtomsError;

/// Collects the lines of REMARK 350.
pub(crate) struct Remark350<'a> {
    file: &'a str,
    assemblies: Vec<Assembly>,
    rows: Vec<[f64; 4]>,
    /// Line of the last BIOMT row.
    row_line: usize,
    operators: usize,
}

impl<'a> Remark350<'a> {
    pub(crate) fn new(file: &'a str) -> Self {
        Self {
            file,
            assemblies: Vec::new(),
            rows: Vec::new(),
            row_line: 0,
            operators: 0,
        }
    }

    /// Takes one line that begins with `REMARK 350`.
    pub(crate) fn line(&mut self, line: &str, number: usize) -> Result<(), AtomsError> {
        let said = line["REMARK 350".len()..].trim();
        if let Some(name) = said.strip_prefix("BIOMOLECULE:") {
            self.begin(name.trim());
        } else if let Some(chains) = said.strip_prefix("APPLY THE FOLLOWING TO CHAINS:") {
            self.assembly().generators.push(Generator {
                chains: Vec::new(),
                operators: Vec::new(),
            });
            self.add_chains(chains);
        } else if let Some(chains) = said.strip_prefix("AND CHAINS:") {
            self.add_chains(chains);
        } else if let Some(row) = said.strip_prefix("BIOMT") {
            self.row(row, number)?;
        }
        Ok(())
    }

    /// The assemblies that have operators.
    pub(crate) fn finish(mut self) -> Result<Vec<Assembly>, AtomsError> {
        if !self.rows.is_empty() {
            return Err(self.wrong(
                self.row_line,
                "three rows per operator",
                "the remark ends in the middle",
            ));
        }
        for assembly in &mut self.assemblies {
            assembly
                .generators
                .retain(|generator| !generator.operators.is_empty());
        }
        self.assemblies
            .retain(|assembly| !assembly.generators.is_empty());
        Ok(self.assemblies)
    }

    fn begin(&mut self, name: &str) {
        self.assemblies.push(Assembly {
            name: name.to_owned(),
            naming: ChainNaming::Author,
            generators: Vec::new(),
        });
    }

    fn assembly(&mut self) -> &mut Assembly {
        if self.assemblies.is_empty() {
            self.begin("1");
        }
        let last = self.assemblies.len() - 1;
        &mut self.assemblies[last]
    }

    fn generator(&mut self) -> &mut Generator {
        let generators = &mut self.assembly().generators;
        if generators.is_empty() {
            generators.push(Generator {
                chains: Vec::new(),
                operators: Vec::new(),
            });
        }
        let last = generators.len() - 1;
        &mut generators[last]
    }

    fn add_chains(&mut self, chains: &str) {
        let names = chains
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned);
        self.generator().chains.extend(names);
    }

    fn row(&mut self, text: &str, line: usize) -> Result<(), AtomsError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let expected_row = (self.rows.len() + 1).to_string();
        if words.first() != Some(&expected_row.as_str()) {
            let found = format!("BIOMT{}", words.first().unwrap_or(&""));
            return Err(self.wrong(line, &format!("row BIOMT{expected_row}"), &found));
        }
        let numbers = words
            .get(2..)
            .unwrap_or_default()
            .iter()
            .map(|word| word.parse::<f64>().ok());
        let numbers: Option<Vec<f64>> = numbers
            .map(|number| number.filter(|number| number.is_finite()))
            .collect();
        let row = numbers.and_then(|numbers| <[f64; 4]>::try_from(numbers).ok());
        self.rows
            .push(row.ok_or_else(|| self.wrong(line, "a number and four finite values", text))?);
        self.row_line = line;
        if self.rows.len() == 3 {
            let operator = motion(&self.rows);
            self.rows.clear();
            self.operators += 1;
            if self.operators > MOST_OPERATORS {
                let what = format!("{}: operators of REMARK 350", self.file);
                return Err(AtomsError::TooLarge {
                    what,
                    found: self.operators,
                    allowed: MOST_OPERATORS,
                });
            }
            self.generator().operators.push(operator);
        }
        Ok(())
    }

    fn wrong(&self, line: usize, expected: &str, found: &str) -> AtomsError {
        AtomsError::Field {
            file: self.file.to_owned(),
            line,
            field: "REMARK 350 BIOMT".to_owned(),
            expected: expected.to_owned(),
            found: format!("`{}`", found.trim()),
        }
    }
}

/// The motion x' = R x + t of three rows (r1, r2, r3, t).
pub(crate) fn motion(rows: &[[f64; 4]]) -> DAffine3 {
    let row = |index: usize| DVec3::from_slice(&rows[index][..3]);
    let rotation = DMat3::from_cols(row(0), row(1), row(2)).transpose();
    DAffine3::from_mat3_translation(rotation, DVec3::new(rows[0][3], rows[1][3], rows[2][3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(lines: &[&str]) -> Result<Vec<Assembly>, AtomsError> {
        let mut remark = Remark350::new("a.pdb");
        for (index, line) in lines.iter().enumerate() {
            remark.line(&format!("REMARK 350 {line}"), index + 1)?;
        }
        remark.finish()
    }

    #[test]
    fn operators_are_grouped_by_biomolecule_and_chains() {
        let assemblies = collect(&[
            "BIOMOLECULE: 1",
            "APPLY THE FOLLOWING TO CHAINS: A, B,",
            "                   AND CHAINS: C",
            "  BIOMT1   1  0.000000 -1.000000  0.000000        5.00000",
            "  BIOMT2   1  1.000000  0.000000  0.000000        6.00000",
            "  BIOMT3   1  0.000000  0.000000  1.000000        7.00000",
            "BIOMOLECULE: 2",
        ])
        .unwrap();
        assert_eq!(assemblies.len(), 1);
        assert_eq!(assemblies[0].generators[0].chains, ["A", "B", "C"]);
        let moved =
            assemblies[0].generators[0].operators[0].transform_point3(DVec3::new(1.0, 2.0, 3.0));
        assert_eq!(moved, DVec3::new(3.0, 7.0, 10.0));
    }

    #[test]
    fn damaged_operators_are_errors() {
        for lines in [
            &["BIOMT1 1 1 0 0 0"][..],
            &["BIOMT2 1 1 0 0 0"],
            &["BIOMT1 1 1 0 0"],
            &["BIOMT1 1 1 0 0 nan"],
            &["BIOMT1 1 1 0 0 0", "BIOMT3 1 1 0 0 0"],
            &["BIOMT"],
        ] {
            assert!(collect(lines).is_err(), "{lines:?}");
        }
    }
}

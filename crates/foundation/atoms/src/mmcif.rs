//! mmCIF files: the `_atom_site` table; the assemblies are read by `mmcif_assemblies`.
//!
//! PDBx/mmCIF dictionary 5. Positions in Å, B factors in Å². Author names are preferred
//! (`auth_asym_id`, `auth_seq_id`, …) as in PDB files; assemblies speak of `label_asym_id`.
use glam::DVec3;
use thon_formats::star::{self, Column, Table};

use crate::element::Element;
use crate::error::AtomsError;
use crate::labels::Labels;
use crate::mmcif_assemblies;
use crate::model::{Atom, AtomicModel, ModelFormat};

/// Parses an mmCIF file; of several data blocks, the first with atoms counts.
pub(crate) fn parse(text: &str, name: &str) -> Result<AtomicModel, AtomsError> {
    let file = star::parse(text, name)?;
    let found = file.blocks.iter().find_map(|block| {
        let table = block
            .tables
            .iter()
            .find(|table| table.has("atom_site.Cartn_x"))?;
        Some((block, table))
    });
    let (block, table) = found.ok_or_else(|| AtomsError::NotAModel {
        file: name.to_owned(),
    })?;
    let mut labels = Labels::default();
    let atoms = AtomTable::new(table)?.atoms(&mut labels)?;
    if atoms.is_empty() {
        return Err(AtomsError::NotAModel {
            file: name.to_owned(),
        });
    }
    Ok(AtomicModel {
        format: ModelFormat::Mmcif,
        atoms,
        labels,
        assemblies: mmcif_assemblies::read(block, name)?,
    })
}

/// The columns of `_atom_site`; those that may be missing are optional.
struct AtomTable<'a> {
    position: [Column<'a>; 3],
    element: Column<'a>,
    occupancy: Option<Column<'a>>,
    b_factor: Option<Column<'a>>,
    name: Option<Column<'a>>,
    residue_name: Option<Column<'a>>,
    chain: Option<Column<'a>>,
    archive_chain: Option<Column<'a>>,
    residue_number: Option<Column<'a>>,
    insertion_code: Option<Column<'a>>,
    alternate: Option<Column<'a>>,
    model: Option<Column<'a>>,
    group: Option<Column<'a>>,
    rows: usize,
}

fn known(text: &str) -> Option<&str> {
    (!matches!(text, "." | "?" | "")).then_some(text)
}

impl<'a> AtomTable<'a> {
    fn new(table: &'a Table) -> Result<Self, AtomsError> {
        let column = |label: &str| table.column(&format!("atom_site.{label}"));
        let either = |first: &str, second: &str| column(first).or_else(|_| column(second)).ok();
        Ok(Self {
            position: [column("Cartn_x")?, column("Cartn_y")?, column("Cartn_z")?],
            element: column("type_symbol")?,
            occupancy: column("occupancy").ok(),
            b_factor: column("B_iso_or_equiv").ok(),
            name: either("auth_atom_id", "label_atom_id"),
            residue_name: either("auth_comp_id", "label_comp_id"),
            chain: either("auth_asym_id", "label_asym_id"),
            archive_chain: either("label_asym_id", "auth_asym_id"),
            residue_number: either("auth_seq_id", "label_seq_id"),
            insertion_code: column("pdbx_PDB_ins_code").ok(),
            alternate: column("label_alt_id").ok(),
            model: column("pdbx_PDB_model_num").ok(),
            group: column("group_PDB").ok(),
            rows: table.rows(),
        })
    }

    fn atoms(&self, labels: &mut Labels) -> Result<Vec<Atom>, AtomsError> {
        let mut atoms = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            atoms.push(self.atom(row, labels)?);
        }
        Ok(atoms)
    }

    fn atom(&self, row: usize, labels: &mut Labels) -> Result<Atom, AtomsError> {
        let word = |column: &Option<Column<'a>>| {
            column
                .and_then(|column| known(column.get(row)))
                .unwrap_or_default()
        };
        let byte = |column: &Option<Column<'a>>| word(column).bytes().next().unwrap_or(b' ');
        let number = |column: &Option<Column<'a>>, default: f64| match column {
            Some(column) if known(column.get(row)).is_some() => finite(*column, row),
            _ => Ok(default),
        };
        let integer = |column: &Option<Column<'a>>, default: i32| match column {
            Some(column) if known(column.get(row)).is_some() => {
                let whole = column.i64(row)?;
                i32::try_from(whole)
                    .map_err(|_| AtomsError::from(column.error(row, "a whole number of 32 bits")))
            }
            _ => Ok(default),
        };
        let [x, y, z] = self.position;
        Ok(Atom {
            position: DVec3::new(finite(x, row)?, finite(y, row)?, finite(z, row)?),
            occupancy: number(&self.occupancy, 1.0)? as f32,
            b_factor: number(&self.b_factor, 0.0)? as f32,
            name: labels.intern(word(&self.name)),
            residue_name: labels.intern(word(&self.residue_name)),
            chain: labels.intern(word(&self.chain)),
            archive_chain: labels.intern(word(&self.archive_chain)),
            residue_number: integer(&self.residue_number, 0)?,
            model: integer(&self.model, 1)?,
            element: Element::from_symbol(self.element.get(row))
                .ok_or_else(|| self.element.error(row, "the symbol of a chemical element"))?,
            insertion_code: byte(&self.insertion_code),
            alternate: byte(&self.alternate),
            hetero: word(&self.group) == "HETATM",
        })
    }
}

/// A finite number of a row.
pub(crate) fn finite(column: Column<'_>, row: usize) -> Result<f64, AtomsError> {
    let value = column.f64(row)?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(column.error(row, "a finite number").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "data_x\nloop_\n_atom_site.group_PDB\n_atom_site.type_symbol\n_atom_site.label_asym_id\n\
        _atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n";

    const ASSEMBLY: &str = "loop_\n_pdbx_struct_assembly_gen.assembly_id\n_pdbx_struct_assembly_gen.oper_expression\n\
        _pdbx_struct_assembly_gen.asym_id_list\n1 '(1,2)' A,B\n1 2 C\n#\n_pdbx_struct_oper_list.id 1\n";

    #[test]
    fn the_least_table_is_enough() {
        let model = parse(
            &format!("{HEAD}ATOM N A 1.0 2.0 3.0\nHETATM ZN B -1 -2 -3e1\n"),
            "x.cif",
        )
        .unwrap();
        assert_eq!(model.atoms.len(), 2);
        assert_eq!(model.atoms[1].position, DVec3::new(-1.0, -2.0, -30.0));
        assert_eq!(
            (model.atoms[1].element.symbol(), model.atoms[1].hetero),
            ("Zn", true)
        );
        assert_eq!(model.chains(), ["A", "B"]);
        assert_eq!((model.atoms[0].occupancy, model.atoms[0].model), (1.0, 1));
    }

    #[test]
    fn damage_is_named() {
        for (rows, said) in [
            (
                "ATOM N A 1.0 nan 3.0\n",
                "a finite number in column atom_site.Cartn_y",
            ),
            ("ATOM Qq A 1.0 2.0 3.0\n", "chemical element"),
            ("ATOM N A 1.0 2.0\n", "6 values"),
            ("ATOM N A 1.0 x 3.0\n", "number"),
        ] {
            let error = parse(&format!("{HEAD}{rows}"), "x.cif")
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(said) && error.starts_with("x.cif:9:"),
                "{error}"
            );
        }
        assert!(parse(HEAD, "x.cif").is_err());
    }

    #[test]
    fn assemblies_group_their_generators() {
        let rows = [("1", "0 -1 0", 5), ("2", "1 0 0", 6), ("3", "0 0 1", 7)];
        let operator = |(row, turn, shift): (&str, &str, i32)| {
            let turns = turn.split(' ').zip(1..);
            let label = "_pdbx_struct_oper_list";
            let matrix =
                turns.map(|(value, column)| format!("{label}.matrix[{row}][{column}] {value}\n"));
            matrix
                .chain([format!("{label}.vector[{row}] {shift}\n")])
                .collect::<Vec<_>>()
                .concat()
        };
        let text = format!(
            "{HEAD}ATOM N A 1 2 3\n#\n{ASSEMBLY}{}",
            rows.map(operator).concat()
        );
        let missing = parse(&text, "x.cif").unwrap_err().to_string();
        assert!(missing.contains("operator `2`"), "{missing}");
        let model = parse(
            &text
                .replace("'(1,2)'", "1,1")
                .replace("1 2 C", "1 (1)(1) C"),
            "x.cif",
        )
        .unwrap();
        assert_eq!(model.assemblies.len(), 1);
        assert_eq!(model.assemblies[0].operator_count(), 3);
        let expanded = model.expand("1", 10).unwrap();
        assert_eq!(expanded.atoms.len(), 2);
        assert_eq!(expanded.atoms[0].position, DVec3::new(3.0, 7.0, 10.0));
        assert!(matches!(
            model.expand("1", 1),
            Err(AtomsError::TooLarge { .. })
        ));
        assert!(matches!(
            model.expand("7", 9),
            Err(AtomsError::UnknownAssembly { .. })
        ));
    }
}

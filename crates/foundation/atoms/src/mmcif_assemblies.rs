//! Assemblies of mmCIF files: `_pdbx_struct_assembly_gen` and `_pdbx_struct_oper_list`.
//!
//! PDBx/mmCIF dictionary 5: each row applies an operator expression to chains named by `label_asym_id`.
use std::collections::BTreeMap;

use glam::DAffine3;
use thon_formats::star::{Block, Table};

use crate::assembly::{Assembly, ChainNaming, Generator, MOST_OPERATORS};
use crate::error::AtomsError;
use crate::mmcif::finite;
use crate::operators;
use crate::remark350::motion;

/// The table of the block that has this label.
fn table_with<'a>(block: &'a Block, label: &str) -> Option<&'a Table> {
    block.tables.iter().find(|table| table.has(label))
}

/// The assemblies of a block, in file order.
pub(crate) fn read(block: &Block, file: &str) -> Result<Vec<Assembly>, AtomsError> {
    let Some(table) = table_with(block, "pdbx_struct_assembly_gen.assembly_id") else {
        return Ok(Vec::new());
    };
    let operators = operator_list(block)?;
    let ids = table.column("pdbx_struct_assembly_gen.assembly_id")?;
    let expressions = table.column("pdbx_struct_assembly_gen.oper_expression")?;
    let chains = table.column("pdbx_struct_assembly_gen.asym_id_list")?;
    let mut assemblies: Vec<Assembly> = Vec::new();
    let mut total = 0;
    for row in 0..table.rows() {
        let expanded = operators::expand(expressions.get(row), &operators).map_err(|found| {
            expressions
                .error(row, "operators of _pdbx_struct_oper_list")
                .with_hint(format!("it asks for {found}"))
        })?;
        total += expanded.len();
        if total > MOST_OPERATORS {
            let what = format!("{file}: operators of all assemblies");
            return Err(AtomsError::TooLarge {
                what,
                found: total,
                allowed: MOST_OPERATORS,
            });
        }
        let names = chains
            .get(row)
            .split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty());
        let generator = Generator {
            chains: names.collect(),
            operators: expanded,
        };
        let name = ids.get(row);
        match assemblies.iter_mut().find(|assembly| assembly.name == name) {
            Some(assembly) => assembly.generators.push(generator),
            None => assemblies.push(Assembly {
                name: name.to_owned(),
                naming: ChainNaming::Archive,
                generators: vec![generator],
            }),
        }
    }
    Ok(assemblies)
}

fn operator_list(block: &Block) -> Result<BTreeMap<String, DAffine3>, AtomsError> {
    let mut named = BTreeMap::new();
    let Some(table) = table_with(block, "pdbx_struct_oper_list.id") else {
        return Ok(named);
    };
    let ids = table.column("pdbx_struct_oper_list.id")?;
    let mut columns = Vec::with_capacity(12);
    for row in 1..=3 {
        for column in 1..=3 {
            columns.push(table.column(&format!("pdbx_struct_oper_list.matrix[{row}][{column}]"))?);
        }
        columns.push(table.column(&format!("pdbx_struct_oper_list.vector[{row}]"))?);
    }
    for row in 0..table.rows() {
        let mut rows = [[0.0; 4]; 3];
        for (index, column) in columns.iter().enumerate() {
            rows[index / 4][index % 4] = finite(*column, row)?;
        }
        named.insert(ids.get(row).to_owned(), motion(&rows));
    }
    Ok(named)
}

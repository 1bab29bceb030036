//! Biological assemblies: which chains are copied by which operators, and the copying itself.
//!
//! An operator is a rigid motion x' = R x + t in Å in the frame of the file.
use std::collections::{BTreeMap, BTreeSet};

use glam::DAffine3;

use crate::error::AtomsError;
use crate::labels::LabelId;
use crate::model::{Atom, AtomicModel};

/// Most operators that one assembly may have; the largest in the archive stay far below.
pub const MOST_OPERATORS: usize = 20_000;

/// How a generator names its chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainNaming {
    /// As the authors named them (PDB).
    Author,
    /// As the archive names them (mmCIF `label_asym_id`).
    Archive,
}

/// Some chains and the operators that copy them.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// Names of the chains to copy.
    pub chains: Vec<String>,
    /// One copy per operator.
    pub operators: Vec<DAffine3>,
}

/// One biological assembly.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembly {
    /// Its name in the file, usually a number.
    pub name: String,
    /// How the generators name chains.
    pub naming: ChainNaming,
    /// Its parts.
    pub generators: Vec<Generator>,
}

impl Assembly {
    /// Number of operators over all generators.
    pub fn operator_count(&self) -> usize {
        self.generators
            .iter()
            .map(|generator| generator.operators.len())
            .sum()
    }
}

impl AtomicModel {
    /// The assembly of this name, written out: every operator applied to its chains.
    ///
    /// Atoms come generator by generator, operator by operator, in file order. Copies keep the chain
    /// names of their originals and get model number 1, 2, … per operator, as in the archive's
    /// assembly files. `most_atoms` bounds the result.
    ///
    /// # Errors
    /// [`AtomsError::UnknownAssembly`], or [`AtomsError::TooLarge`] beyond `most_atoms`.
    pub fn expand(&self, name: &str, most_atoms: usize) -> Result<Self, AtomsError> {
        let assembly = self
            .assemblies
            .iter()
            .find(|assembly| assembly.name == name)
            .ok_or_else(|| {
                let known = self
                    .assemblies
                    .iter()
                    .map(|assembly| assembly.name.clone())
                    .collect();
                AtomsError::UnknownAssembly {
                    asked: name.to_owned(),
                    known,
                }
            })?;
        let mut atoms = Vec::new();
        let mut copy = 0;
        for generator in &assembly.generators {
            let chosen = self.atoms_of(&generator.chains, assembly.naming);
            let total = atoms
                .len()
                .saturating_add(chosen.len().saturating_mul(generator.operators.len()));
            if total > most_atoms {
                let what = format!("atoms of assembly `{name}`");
                return Err(AtomsError::TooLarge {
                    what,
                    found: total,
                    allowed: most_atoms,
                });
            }
            atoms.reserve_exact(total - atoms.len());
            for operator in &generator.operators {
                copy += 1;
                let moved = |atom: &Atom| Atom {
                    position: operator.transform_point3(atom.position),
                    model: copy,
                    ..*atom
                };
                atoms.extend(chosen.iter().map(moved));
            }
        }
        Ok(Self {
            format: self.format,
            atoms,
            labels: self.labels.clone(),
            assemblies: Vec::new(),
        })
    }

    /// Atoms of the first model in the named chains.
    fn atoms_of(&self, chains: &[String], naming: ChainNaming) -> Vec<Atom> {
        let first = self.atoms.first().map_or(1, |atom| atom.model);
        let chain_of = |atom: &Atom| match naming {
            ChainNaming::Author => atom.chain,
            ChainNaming::Archive => atom.archive_chain,
        };
        let names: BTreeSet<&str> = chains.iter().map(String::as_str).collect();
        let mut known: BTreeMap<LabelId, bool> = BTreeMap::new();
        let of_first = self.atoms.iter().filter(|atom| atom.model == first);
        let mut wanted = |atom: &&Atom| {
            let chain = chain_of(atom);
            *known
                .entry(chain)
                .or_insert_with(|| names.contains(self.word(chain)))
        };
        of_first.filter(|atom| wanted(atom)).copied().collect()
    }
}

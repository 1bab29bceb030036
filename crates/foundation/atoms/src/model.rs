//! An atomic model in memory: atoms with their place in chains and residues, and its assemblies.
use std::collections::BTreeSet;

use glam::DVec3;

use crate::assembly::Assembly;
use crate::element::Element;
use crate::labels::{LabelId, Labels};

/// The file format a model came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFormat {
    /// wwPDB fixed-column format, version 3.3.
    Pdb,
    /// PDBx/mmCIF.
    Mmcif,
}

/// One atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Atom {
    /// Position in Å, frame of the file.
    pub position: DVec3,
    /// Isotropic B factor in Å² (0 when the file gives none).
    pub b_factor: f32,
    /// Occupancy (1 when the file gives none).
    pub occupancy: f32,
    /// Atom name without blanks, e.g. `CA`.
    pub name: LabelId,
    /// Residue name, e.g. `GLY`.
    pub residue_name: LabelId,
    /// Chain as the authors named it.
    pub chain: LabelId,
    /// Chain as the archive names it (`label_asym_id`); the same as `chain` in PDB files.
    pub archive_chain: LabelId,
    /// Residue number as the authors gave it.
    pub residue_number: i32,
    /// Model number (1 when the file has a single, unnamed model).
    pub model: i32,
    /// Chemical element.
    pub element: Element,
    /// Insertion code, a blank when none.
    pub insertion_code: u8,
    /// Alternate location, a blank when none.
    pub alternate: u8,
    /// Whether the record is a HETATM (ligand, water).
    pub hetero: bool,
}

/// A whole file.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomicModel {
    /// Format of the file.
    pub format: ModelFormat,
    /// Atoms in file order, of all models.
    pub atoms: Vec<Atom>,
    /// The words that the atoms refer to.
    pub labels: Labels,
    /// Biological assemblies described by the file, in file order.
    pub assemblies: Vec<Assembly>,
}

impl AtomicModel {
    /// The word of a label.
    pub fn word(&self, id: LabelId) -> &str {
        self.labels.word(id)
    }

    /// The author chain names of all models, in order of first appearance.
    pub fn chains(&self) -> Vec<&str> {
        let chains = firsts(self.atoms.iter().map(|atom| atom.chain));
        chains.into_iter().map(|chain| self.word(chain)).collect()
    }

    /// The model numbers, in order of first appearance.
    pub fn model_numbers(&self) -> Vec<i32> {
        firsts(self.atoms.iter().map(|atom| atom.model))
    }

    /// The same file with the atoms of one model only.
    pub fn only_model(&self, number: i32) -> Self {
        let atoms = self
            .atoms
            .iter()
            .filter(|atom| atom.model == number)
            .copied()
            .collect();
        Self {
            atoms,
            ..self.clone()
        }
    }

    /// Number of distinct (model, chain, residue number, insertion code) in consecutive runs.
    pub fn residue_count(&self) -> usize {
        let key = |atom: &Atom| {
            (
                atom.model,
                atom.chain,
                atom.residue_number,
                atom.insertion_code,
            )
        };
        let changes = self
            .atoms
            .windows(2)
            .filter(|pair| key(&pair[0]) != key(&pair[1]))
            .count();
        changes + usize::from(!self.atoms.is_empty())
    }

    /// Mass in daltons: atomic weights times occupancies (hydrogens only where the file has them).
    pub fn mass(&self) -> f64 {
        self.atoms
            .iter()
            .map(|atom| atom.element.mass() * f64::from(atom.occupancy))
            .sum()
    }

    /// Centre of mass in Å, weights as in [`Self::mass`]; `None` without a positive mass.
    pub fn centre_of_mass(&self) -> Option<DVec3> {
        let (mut moment, mut mass) = (DVec3::ZERO, 0.0);
        for atom in &self.atoms {
            let weight = atom.element.mass() * f64::from(atom.occupancy);
            moment += atom.position * weight;
            mass += weight;
        }
        (mass > 0.0).then(|| moment / mass)
    }

    /// Largest distance in Å of an atom centre from `centre`; 0 without atoms.
    pub fn bounding_radius(&self, centre: DVec3) -> f64 {
        self.atoms
            .iter()
            .map(|atom| atom.position.distance(centre))
            .fold(0.0, f64::max)
    }

    /// Smallest and largest coordinates in Å; `None` without atoms.
    pub fn bounds(&self) -> Option<(DVec3, DVec3)> {
        let first = self.atoms.first()?.position;
        let grow = |(low, high): (DVec3, DVec3), atom: &Atom| {
            (low.min(atom.position), high.max(atom.position))
        };
        Some(self.atoms.iter().fold((first, first), grow))
    }
}

/// Each value once, in order of first appearance.
fn firsts<T: Copy + Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(*value)).collect()
}

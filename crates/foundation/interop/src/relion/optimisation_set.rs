//! `optimisation_set.star`: the files that belong together in one refinement.

use std::path::{Path, PathBuf};

use thon_formats::star::{self, Block, StarFile, Table, TableKind};
use thon_model::Carried;

use super::project_root;
use crate::InteropError;
use crate::columns::{carried_of, loop_of, pairs_of, resolved};
use crate::error::create_parent;

/// Files of one refinement; paths are resolved against the project's folder.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimisationSet {
    /// `rlnTomoParticlesFile`.
    pub particles: Option<PathBuf>,
    /// `rlnTomoTomogramsFile`.
    pub tomograms: Option<PathBuf>,
    /// `rlnTomoManifoldsFile`.
    pub manifolds: Option<PathBuf>,
    /// `rlnTomoTrajectoriesFile`.
    pub trajectories: Option<PathBuf>,
    /// `rlnTomoReferenceMap1File` and `2`.
    pub half_maps: Option<[PathBuf; 2]>,
    /// `rlnTomoReferenceMaskFile`.
    pub mask: Option<PathBuf>,
    /// `rlnTomoReferenceFscFile`.
    pub fsc: Option<PathBuf>,
    /// Folder that relative paths start from.
    pub root: PathBuf,
    /// All columns, as in the file; what is written.
    pub carried: Carried,
    block: String,
    pairs: bool,
}

/// Reads an optimisation set. The files it names need not exist.
pub fn read_optimisation_set(path: &Path) -> Result<OptimisationSet, InteropError> {
    if !path.exists() {
        return Err(InteropError::missing(path, "optimisation set"));
    }
    let file = star::read(path)?;
    let block = file
        .blocks
        .first()
        .map_or("", |block| block.name())
        .to_owned();
    let table: &Table = file.table(&block)?;
    let carried = carried_of(table, "relion-5");
    let tokens: Vec<&str> = table
        .columns()
        .filter_map(|column| column.strings().next())
        .collect();
    let root = project_root(path, &tokens);
    let file_of = |label: &str| {
        let token = carried
            .value(label, 0)
            .filter(|token| !token.is_empty() && *token != "None");
        token.map(|token| resolved(&root, token))
    };
    Ok(OptimisationSet {
        particles: file_of("rlnTomoParticlesFile"),
        tomograms: file_of("rlnTomoTomogramsFile"),
        manifolds: file_of("rlnTomoManifoldsFile"),
        trajectories: file_of("rlnTomoTrajectoriesFile"),
        half_maps: file_of("rlnTomoReferenceMap1File")
            .zip(file_of("rlnTomoReferenceMap2File"))
            .map(|(one, two)| [one, two]),
        mask: file_of("rlnTomoReferenceMaskFile"),
        fsc: file_of("rlnTomoReferenceFscFile"),
        pairs: table.kind() == TableKind::Pairs,
        root,
        carried,
        block,
    })
}

impl OptimisationSet {
    /// A new set of particles and tomograms; tokens as they shall stand in the file.
    pub fn new(root: &Path, particles: &str, tomograms: &str) -> Self {
        let column = |label: &str, token: &str| thon_model::CarriedColumn {
            label: label.to_owned(),
            values: vec![token.to_owned()],
        };
        let columns = vec![
            column("rlnTomoParticlesFile", particles),
            column("rlnTomoTomogramsFile", tomograms),
        ];
        Self {
            particles: Some(root.join(particles)),
            tomograms: Some(root.join(tomograms)),
            manifolds: None,
            trajectories: None,
            half_maps: None,
            mask: None,
            fsc: None,
            root: root.to_owned(),
            carried: Carried {
                source: "relion-5".to_owned(),
                columns,
            },
            block: String::new(),
            pairs: true,
        }
    }
}

/// Writes the carried columns of a set, pairs as pairs and loops as loops.
pub fn write_optimisation_set(set: &OptimisationSet, path: &Path) -> Result<(), InteropError> {
    let table = if set.pairs {
        pairs_of(&set.carried)
    } else {
        loop_of(&set.carried)?
    };
    create_parent(path)?;
    let block = Block::new(&set.block, vec![table]).with_comment("version 50001");
    Ok(star::write_to(&StarFile::new(vec![block]), path)?)
}

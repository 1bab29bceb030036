//! Density maps of atomic models.

use std::path::Path;

use thon_atoms::AtomicModel;
use thon_geometry::Point;
use thon_model::Map;
use thon_simulate::phantom::{Atom, Phantom};
use thon_units::{PixelSize, SquareAngstrom};

/// Potential of the model in `path` over the ice it displaces, centred on its mass, in a box of `edge` voxels.
pub fn map_of_model(path: &Path, edge: usize, voxel_size: PixelSize) -> Map {
    let model = thon_atoms::read(path).expect("an atomic model");
    let centre = model.centre_of_mass().expect("atoms have masses");
    let atom = |atom: &thon_atoms::Atom| {
        let at = atom.position - centre;
        Atom {
            atomic_number: atom.element.atomic_number(),
            position: Point::new(at.x, at.y, at.z),
            b_factor: SquareAngstrom(100.0),
            hydrogens: None,
        }
    };
    let phantom = Phantom::from_atoms(model.atoms.iter().map(atom), 1.0).expect("atoms");
    phantom.volume(edge, voxel_size)
}

/// Of all amino acids with N, CA, C and CB in `path`, how many are L and how many D: the hand of the model itself.
///
/// Seen from its hydrogen, an L residue has C, CB, N clockwise about CA: (N − CA)·((C − CA) × (CB − CA)) > 0.
pub fn chirality(model: &AtomicModel) -> [usize; 2] {
    let mut counts = [0, 0];
    let key = |a: &thon_atoms::Atom| (a.model, a.chain, a.residue_number, a.insertion_code);
    for residue in model.atoms.chunk_by(|a, b| key(a) == key(b)) {
        let find = |name: &str| {
            residue
                .iter()
                .find(|a| model.word(a.name) == name)
                .map(|a| a.position)
        };
        if let (Some(n), Some(ca), Some(c), Some(cb)) =
            (find("N"), find("CA"), find("C"), find("CB"))
        {
            let volume = (n - ca).dot((c - ca).cross(cb - ca));
            counts[usize::from(volume < 0.0)] += 1;
        }
    }
    counts
}

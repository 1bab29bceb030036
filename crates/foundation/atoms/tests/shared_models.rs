//! The models of the shared data folder: stated facts, and agreement with pdbtbx as a peer.
//!
//! Facts (models, chains, atoms, assembly operators) come from gemmi through the folder's manifest.
#![expect(clippy::print_stdout, reason = "tests print their figures")]

use std::path::PathBuf;

use glam::DVec3;
use pdbtbx::{ContainsAtomConformer, Format, ReadOptions, StrictnessLevel};
use thon_atoms::{AtomicModel, Element, read};

fn folder() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../shared/data/12_models"
    ));
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: shared data absent");
    None
}

/// File, chains, atoms, operators.
const FACTS: [(&str, usize, usize, usize); 8] = [
    ("70S_tteftu_with_tRNA.pdb.gz", 28, 148_599, 0),
    ("70S_state_grp0.pdb.gz", 36, 152_300, 0),
    ("apoferritin_4v1w.cif", 24, 32_736, 1),
    ("proteasome20S_3j9i.pdb", 28, 46_228, 1),
    ("hiv_CA-SP1_modelangelo_job080.cif", 18, 12_359, 0),
    ("rubisco_1bxn.pdb", 8, 18_144, 2),
    ("p97_3cf3.pdb", 3, 17_139, 2),
    ("capsid_STNV_2buk.pdb", 1, 1_588, 60),
];

#[test]
fn stated_facts_hold() {
    let Some(folder) = folder() else { return };
    for (file, chains, atoms, operators) in FACTS {
        let model = read(&folder.join(file)).unwrap();
        assert_eq!(model.atoms.len(), atoms, "{file}");
        assert_eq!(model.chains().len(), chains, "{file}: {:?}", model.chains());
        assert_eq!(model.model_numbers().len(), 1, "{file}");
        let found: usize = model
            .assemblies
            .iter()
            .map(thon_atoms::Assembly::operator_count)
            .sum();
        assert_eq!(found, operators, "{file}");
        let centre = model.centre_of_mass().unwrap();
        println!(
            "{file}: {chains} chains, {atoms} atoms, {} residues, {:.0} kDa, centre {centre:.1} Å, radius {:.1} Å",
            model.residue_count(),
            model.mass() / 1e3,
            model.bounding_radius(centre)
        );
    }
}

/// A capsid written out is a hollow shell around the icosahedral centre, closed under its operators.
#[test]
fn the_capsid_is_a_shell() {
    let Some(folder) = folder() else { return };
    let model = read(&folder.join("capsid_STNV_2buk.pdb")).unwrap();
    let capsid = model.expand("1", 1_000_000).unwrap();
    assert_eq!(capsid.atoms.len(), 60 * 1588);
    let centre = capsid.centre_of_mass().unwrap();
    let radius = capsid.bounding_radius(centre);
    let nearest = capsid
        .atoms
        .iter()
        .map(|atom| atom.position.distance(centre))
        .fold(f64::MAX, f64::min);
    println!(
        "STNV: centre {centre:.3} Å, radii {nearest:.1}..{radius:.1} Å, {:.2} MDa",
        capsid.mass() / 1e6
    );
    assert!(
        (85.0..115.0).contains(&radius),
        "a T=1 satellite virus is about 180 to 200 Å wide: {radius}"
    );
    assert!(
        nearest > 40.0,
        "the inside of the capsid is empty: {nearest}"
    );
    for operator in &model.assemblies[0].generators[0].operators {
        let turned = operator.transform_vector3(DVec3::X);
        assert!((turned.length() - 1.0).abs() < 1e-4);
        let moved = operator.transform_point3(centre);
        assert!(
            moved.distance(centre) < 0.02,
            "the centre is fixed: {moved} {centre}"
        );
    }
}

#[test]
fn apoferritin_has_its_size() {
    let Some(folder) = folder() else { return };
    let model = read(&folder.join("apoferritin_4v1w.cif")).unwrap();
    let centre = model.centre_of_mass().unwrap();
    let radius = model.bounding_radius(centre);
    assert!(
        (60.0..70.0).contains(&radius),
        "apoferritin is about 120 to 130 Å wide: {radius}"
    );
    let whole = model.expand("1", 100_000).unwrap();
    assert_eq!(whole.atoms.len(), model.atoms.len());
    assert!(whole.centre_of_mass().unwrap().distance(centre) < 1e-9);
    let refused = model.expand("1", 1000).unwrap_err().to_string();
    assert!(
        refused.contains("32736") && refused.contains("1000"),
        "{refused}"
    );
}

#[test]
fn elements_are_those_of_life() {
    let Some(folder) = folder() else { return };
    for (file, ..) in FACTS {
        let model = read(&folder.join(file)).unwrap();
        let share = |symbol: &str| {
            let element = Element::from_symbol(symbol).unwrap();
            model
                .atoms
                .iter()
                .filter(|atom| atom.element == element)
                .count() as f64
                / model.atoms.len() as f64
        };
        let known = ["H", "C", "N", "O", "P", "S"]
            .map(share)
            .iter()
            .sum::<f64>();
        println!(
            "{file}: C {:.3} N {:.3} O {:.3} P {:.3} known {known:.4}",
            share("C"),
            share("N"),
            share("O"),
            share("P")
        );
        assert!(share("C") > 0.4 && known > 0.99, "{file}: {known}");
    }
}

/// Every coordinate, B factor and occupancy equals what pdbtbx reads, atom by atom, by serial order.
#[test]
fn the_peer_agrees() {
    let Some(folder) = folder() else { return };
    for (file, format) in [
        ("apoferritin_4v1w.cif", Format::Mmcif),
        ("hiv_CA-SP1_modelangelo_job080.cif", Format::Mmcif),
        ("proteasome20S_3j9i.pdb", Format::Pdb),
        ("rubisco_1bxn.pdb", Format::Pdb),
        ("capsid_STNV_2buk.pdb", Format::Pdb),
    ] {
        let path = folder.join(file);
        let peer = ReadOptions::new()
            .set_format(format)
            .set_level(StrictnessLevel::Loose)
            .set_only_atomic_coords(true)
            .read(path.to_str().unwrap());
        let (peer, _) = peer.unwrap_or_else(|errors| panic!("{file}: {errors:?}"));
        let ours = read(&path).unwrap();
        let mut theirs: Vec<_> = peer
            .atoms_with_hierarchy()
            .map(|atom| {
                (
                    key(atom.atom().pos()),
                    atom.atom().b_factor(),
                    atom.atom().occupancy(),
                    symbol(atom.atom()),
                )
            })
            .collect();
        let mut mine: Vec<_> = rows(&ours);
        theirs.sort_by(|a, b| a.partial_cmp(b).unwrap());
        mine.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(mine.len(), theirs.len(), "{file}");
        let differing = mine.iter().zip(&theirs).filter(|(a, b)| {
            a.0 != b.0 || (a.1 - b.1).abs() > 1e-4 || (a.2 - b.2).abs() > 1e-6 || a.3 != b.3
        });
        assert_eq!(differing.count(), 0, "{file}");
        println!("{file}: {} atoms equal to pdbtbx", mine.len());
    }
}

fn key((x, y, z): (f64, f64, f64)) -> [i64; 3] {
    [x, y, z].map(|value| (value * 1000.0).round() as i64)
}

fn symbol(atom: &pdbtbx::Atom) -> String {
    atom.element()
        .map_or_else(String::new, |element| element.symbol().to_uppercase())
}

fn rows(model: &AtomicModel) -> Vec<([i64; 3], f64, f64, String)> {
    let row = |atom: &thon_atoms::Atom| {
        let place = key((atom.position.x, atom.position.y, atom.position.z));
        (
            place,
            f64::from(atom.b_factor),
            f64::from(atom.occupancy),
            atom.element.symbol().to_uppercase(),
        )
    };
    model.atoms.iter().map(row).collect()
}

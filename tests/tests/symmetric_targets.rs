//! Symmetric targets, made of atomic models: refined with their symmetry and without it they give the same map, and the
//! search for symmetry names the group from the map that knew none.
//!
//! Particles are simulated in Fourier space (wedge of ±60°, CTF, noise), from targets whose axes were first put where the
//! group's own frame has them. Both refinements start from one low-passed reference (60 Å) that lost its symmetry: a
//! blob of density was added off the axes. The map without symmetry has its own frame, so that it is carried to the
//! group's by what the search found before maps are compared.
//! A hexamer whose subunits alternate (C3, nearly C6) must not become a C6.
#![expect(clippy::print_stdout, reason = "figures for docs/validation.md")]
#![expect(clippy::unwrap_used, reason = "what the tests share is in functions")]

use std::f64::consts::{PI, TAU};
use std::path::{Path, PathBuf};

use glam::{DMat3, DQuat, DVec3};
use ndarray::Array3;
use thon_atoms::Atom;
use thon_average::refine::{Refined, run};
use thon_average::{Input, RefineOptions};
use thon_compute::Quiet;
use thon_geometry::{Point, Symmetry};
use thon_likelihood::simulated::{Scheme, SimulatedParticles};
use thon_maps::post_process::fsc_of_maps;
use thon_maps::transform::moved;
use thon_model::Map;
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};
use thon_signal::mask::{box_centre, sphere};
use thon_simulate::phantom;
use thon_symmetry::{GroupFit, SymmetryOptions, SymmetryReport, find_symmetry};
use thon_tests::pictures::{column_of, slices_and_surface};
use thon_tests::shared_data;
use thon_units::{Angstrom, PixelSize, SquareAngstrom};

const BOX: usize = 48;

/// What is refined.
struct Target {
    name: &'static str,
    file: &'static str,
    /// The file's biological assembly, when the coordinates are only a part of it.
    assembly: Option<&'static str>,
    group: &'static str,
    voxel_size: f64,
    particles: usize,
    /// Chains that lose their first residues, and how many: breaks the symmetry.
    cut: Option<(&'static [usize], i32)>,
}

const TARGETS: [Target; 6] = [
    Target {
        name: "70S ribosome",
        file: "70S_tteftu_with_tRNA.pdb.gz",
        assembly: None,
        group: "C1",
        voxel_size: 8.0,
        particles: 60,
        cut: None,
    },
    Target {
        name: "p97",
        file: "p97_3cf3.pdb",
        assembly: Some("1"),
        group: "C6",
        voxel_size: 5.0,
        particles: 60,
        cut: None,
    },
    Target {
        name: "proteasome 20S",
        file: "proteasome20S_3j9i.pdb",
        assembly: None,
        group: "D7",
        voxel_size: 5.0,
        particles: 60,
        cut: None,
    },
    Target {
        name: "apoferritin",
        file: "apoferritin_4v1w.cif",
        assembly: None,
        group: "O",
        voxel_size: 4.0,
        particles: 60,
        cut: None,
    },
    Target {
        name: "STNV capsid",
        file: "capsid_STNV_2buk.pdb",
        assembly: Some("1"),
        group: "I2",
        voxel_size: 5.5,
        particles: 60,
        cut: None,
    },
    Target {
        name: "p97, every second subunit without its first domain",
        file: "p97_3cf3.pdb",
        assembly: Some("1"),
        group: "C3",
        voxel_size: 5.0,
        particles: 60,
        cut: Some((&[0, 2, 4], 200)),
    },
];

impl Target {
    fn atoms(&self, data: &Path) -> Vec<Atom> {
        let model = thon_atoms::read(&data.join("12_models").join(self.file)).unwrap();
        let model = self
            .assembly
            .map_or_else(|| Ok(model.clone()), |name| model.expand(name, 2_000_000))
            .unwrap();
        let mut atoms = model.atoms.clone();
        if let Some((subunits, residues)) = self.cut {
            // Subunits by their angle about the axis, which lies along z in the group's frame of the whole.
            let whole = in_frame_of(&atoms, "C6", self.voxel_size);
            let chain = |atom: &Atom| (atom.model, atom.chain);
            let mut chains = Vec::new();
            for which in atoms.iter().map(chain) {
                if !chains.contains(&which) {
                    chains.push(which);
                }
            }
            let mut placed: Vec<(f64, _)> = chains
                .into_iter()
                .map(|which| {
                    let of = |atom: &&Atom| chain(atom) == which;
                    let sum: DVec3 = whole.iter().filter(of).map(|a| a.position).sum();
                    (sum.y.atan2(sum.x), which)
                })
                .collect();
            placed.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert_eq!(placed.len(), 6, "a hexamer");
            let cut: Vec<_> = subunits.iter().map(|i| placed[*i].1).collect();
            atoms = whole;
            atoms.retain(|a| !(cut.contains(&chain(a)) && a.residue_number < residues));
        }
        in_frame_of(&atoms, self.group, self.voxel_size)
    }
}

/// Atoms moved so that the axes of the group lie as in its own frame.
fn in_frame_of(atoms: &[Atom], group: &str, voxel_size: f64) -> Vec<Atom> {
    let mut atoms = atoms.to_vec();
    let mass: f64 = atoms.iter().map(|a| a.element.mass()).sum();
    let centre: DVec3 = atoms.iter().map(|a| a.position * a.element.mass()).sum();
    place(&mut atoms, DQuat::IDENTITY, centre / mass);
    let group: Symmetry = group.parse().unwrap();
    if group.order() == 1 {
        return atoms;
    }
    for _ in 0..2 {
        let report = search(&render(&atoms, voxel_size), voxel_size);
        let fit = fit_of(&report, group);
        assert!(fit.weakest > 0.7, "{group}: {}", fit.weakest);
        place(
            &mut atoms,
            fit.orientation.inverse(),
            fit.centre * voxel_size,
        );
    }
    atoms
}

fn place(atoms: &mut [Atom], rotation: DQuat, centre: DVec3) {
    for atom in atoms {
        atom.position = rotation * (atom.position - centre);
    }
}

fn fit_of(report: &SymmetryReport, group: Symmetry) -> &GroupFit {
    report.fits.iter().find(|fit| fit.group == group).unwrap()
}

fn render(atoms: &[Atom], voxel_size: f64) -> Array3<f32> {
    let atom = |atom: &Atom| phantom::Atom {
        atomic_number: atom.element.atomic_number(),
        position: Point::new(atom.position.x, atom.position.y, atom.position.z),
        b_factor: SquareAngstrom(100.0),
        hydrogens: None,
    };
    let phantom = phantom::Phantom::from_atoms(atoms.iter().map(atom), 1.0).unwrap();
    phantom.volume(BOX, PixelSize(voxel_size)).data
}

/// As `symmetry.find` does with its own defaults, to 20 Å at best or four voxels.
fn search(map: &Array3<f32>, voxel_size: f64) -> SymmetryReport {
    let options = SymmetryOptions {
        radius: 0.4 * BOX as f64,
        band: (BOX as f64 * voxel_size / (4.0 * voxel_size).max(20.0)) as usize,
        largest_fold: 8,
        least_share: 0.7,
        least_correlation: 0.5,
    };
    find_symmetry(map, &options, &Quiet).unwrap()
}

fn inside(data: &Array3<f32>, voxel_size: f64) -> Map {
    let ball = sphere([BOX; 3], box_centre([BOX; 3]), 0.44 * BOX as f64, 3.0);
    Map::new(data * &ball, PixelSize(voxel_size))
}

/// Refined with a symmetry imposed.
fn refined(particles: &SimulatedParticles, reference: &[f32], symmetry: Symmetry) -> Refined {
    let mut options = RefineOptions::default();
    // Simulated particles are alone in their boxes.
    options.target.mask_data = false;
    options.target.symmetry = symmetry;
    options.target.diameter = Angstrom(0.88 * BOX as f64 * particles.scheme.voxel_size);
    let references = [reference];
    let input = Input {
        references: &references,
        ..Input::default()
    };
    let refined = run(particles, &input, &options, &Quiet).unwrap();
    for report in &refined.reports {
        println!(
            "   {symmetry}, iteration {}: {:?}, to {:.1} Å, resolution {:.1} Å, {:.2} modes, {:.2} jumped, moved {:.2}° and {:.2} Å",
            report.iteration,
            report.search,
            report.band,
            report.resolution,
            report.effective_modes,
            report.jumps,
            report.angle_change,
            report.shift_change,
        );
    }
    refined
}

fn cube(map: &[f32]) -> Array3<f32> {
    Array3::from_shape_vec((BOX, BOX, BOX), map.to_vec()).unwrap()
}

/// The map carried by a rigid motion to where the other agrees best with it: from a start, in ever smaller steps.
fn carried(map: &Array3<f32>, onto: &Map, start: DQuat, shift: DVec3) -> (f64, Array3<f32>) {
    let voxel_size = onto.voxel_size.0;
    let score = |rotation: DQuat, shift: DVec3| {
        let data = moved(map, DMat3::from_quat(rotation), shift.to_array());
        let fsc = fsc_of_maps(&inside(&data, voxel_size), onto).unwrap().fsc;
        (
            fsc[1..=BOX / 4].iter().sum::<f64>() / (BOX / 4) as f64,
            data,
        )
    };
    let (mut best, mut data) = score(start, shift);
    let (mut rotation, mut shift, mut step) = (start, shift, 2f64);
    while step > 0.1 {
        let mut better = false;
        let axes = [
            DVec3::X,
            DVec3::Y,
            DVec3::Z,
            -DVec3::X,
            -DVec3::Y,
            -DVec3::Z,
        ];
        for (axis, turning) in axes
            .into_iter()
            .flat_map(|axis| [(axis, true), (axis, false)])
        {
            let (r, s) = if turning {
                let turn = DQuat::from_axis_angle(axis, step.to_radians());
                (turn * rotation, shift)
            } else {
                (rotation, shift + axis * step / 8.0)
            };
            let (value, candidate) = score(r, s);
            if value > best {
                (best, data, rotation, shift, better) = (value, candidate, r, s, true);
            }
        }
        if !better {
            step /= 2.0;
        }
    }
    (best, data)
}

/// Turns that carry a group's axes onto themselves but no map of it: which of these frames a refinement settles in is up to
/// what its low-passed reference still tells. (At 60 Å a sevenfold ring of 55 Å radius has no seven left.)
fn registers(group: Symmetry) -> Vec<DQuat> {
    let about_z = |angle: f64| DQuat::from_rotation_z(angle);
    match group {
        Symmetry::Cyclic(1) => vec![DQuat::IDENTITY],
        Symmetry::Cyclic(n) => (0..8)
            .map(|k| about_z(TAU * f64::from(k) / (8.0 * f64::from(n))))
            .collect(),
        Symmetry::Dihedral(n) => vec![DQuat::IDENTITY, about_z(PI / f64::from(n))],
        Symmetry::Tetrahedral => vec![DQuat::IDENTITY, about_z(PI / 2.0)],
        _ => vec![DQuat::IDENTITY],
    }
}

/// The map in that of the group's frames where it agrees best with the truth; and the turn of the frame that it lay in.
fn in_frame_of_truth(map: &Array3<f32>, truth: &Map, group: Symmetry) -> (f64, Array3<f32>) {
    let tried = registers(group).into_iter().map(|turn| {
        let (score, data) = carried(map, truth, turn, DVec3::ZERO);
        (
            score,
            turn.angle_between(DQuat::IDENTITY).to_degrees(),
            data,
        )
    });
    let best = tried.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    (best.1, best.2)
}

/// The finest shell whose correlation reaches a level.
fn finest(fsc: &[f64], level: f64) -> usize {
    (1..=BOX / 2)
        .rfind(|shell| fsc[*shell] >= level)
        .unwrap_or(1)
}

/// Resolution at a correlation of 0.5, Å.
fn edge_of(fsc: &[f64], voxel_size: f64) -> f64 {
    BOX as f64 * voxel_size / finest(fsc, 0.5) as f64
}

/// One target through all; its picture: the truth, the map with the symmetry, the one without.
#[expect(
    clippy::too_many_lines,
    reason = "one target through all, from atoms to a picture"
)]
fn experiment(target: &Target, data: &Path) -> thon_picture::Picture {
    let group: Symmetry = target.group.parse().unwrap();
    let voxel_size = target.voxel_size;
    let truth = render(&target.atoms(data), voxel_size);
    let values: Vec<f32> = truth.iter().copied().collect();
    let scheme = Scheme {
        particles: target.particles,
        box_size: BOX,
        voxel_size,
        largest_tilt: 60.0,
        signal_to_noise: 1.0,
        largest_shift: 2.0,
        seed: 11,
    };
    let particles = SimulatedParticles::new(&[values], scheme);
    let reference = asymmetric(&truth, voxel_size, target.cut.is_some());
    let free = refined(&particles, &reference, Symmetry::Cyclic(1));
    // Without a symmetry to impose, the map is compared with the truth.
    let imposed = (group.order() > 1).then(|| refined(&particles, &reference, group));
    let truth_values = truth.iter().copied().collect::<Vec<f32>>();
    let (imposed_map, imposed) = match &imposed {
        Some(imposed) => (cube(&imposed.map), imposed),
        None => (cube(&truth_values), &free),
    };
    let free_map = cube(&free.map);
    let found = search(&free_map, voxel_size);
    let onto = inside(&imposed_map, voxel_size);
    let with_truth = |map: &Array3<f32>| {
        fsc_of_maps(&inside(map, voxel_size), &inside(&truth, voxel_size))
            .unwrap()
            .fsc
    };
    let lay = edge_of(&with_truth(&imposed_map), voxel_size);
    let (turned, in_frame) = in_frame_of_truth(&imposed_map, &inside(&truth, voxel_size), group);
    let starts = if group.order() == 1 {
        vec![(DQuat::IDENTITY, DVec3::ZERO)]
    } else {
        let fit = fit_of(&found, group);
        vec![
            (DQuat::IDENTITY, DVec3::ZERO),
            (
                fit.orientation.inverse(),
                -(fit.orientation.inverse() * fit.centre),
            ),
        ]
    };
    let (_, aligned) = starts
        .into_iter()
        .map(|(rotation, shift)| carried(&free_map, &onto, rotation, shift))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap();
    let agreement = fsc_of_maps(&inside(&aligned, voxel_size), &onto)
        .unwrap()
        .fsc;
    // Where the halves of both agree to 0.5 (such a map correlates 0.82 with its noise-free self), short of Nyquist.
    let good: Vec<usize> = (1..BOX / 2)
        .filter(|shell| free.fsc[*shell].min(imposed.fsc[*shell]) >= 0.5)
        .collect();
    let resolved = *good.last().unwrap();
    let lowest = good
        .iter()
        .map(|shell| agreement[*shell])
        .fold(1.0, f64::min);
    // The two maps lie in one frame by now.
    let (_, free_in_frame) = in_frame_of_truth(&aligned, &inside(&truth, voxel_size), group);
    let edge = BOX as f64 * voxel_size;
    let of_truth = [&free_in_frame, &in_frame].map(|map| edge_of(&with_truth(map), voxel_size));
    println!(
        "{} ({}): resolution {:.1} Å without symmetry, {:.1} Å with it; lowest FSC of the two maps to {:.1} Å {:.3}; \
         with the truth at FSC 0.5 to {:.1} and {:.1} Å (turned by {turned:.1}° from its frame; {lay:.1} Å as it lies); \
         symmetry found {} (weakest {:.2})",
        target.name,
        target.group,
        free.resolution,
        imposed.resolution,
        edge / resolved as f64,
        lowest,
        of_truth[0],
        of_truth[1],
        found.proposed,
        found.proposed_fit().map_or(f64::NAN, |fit| fit.weakest),
    );
    let mut fits: Vec<&GroupFit> = found.fits.iter().collect();
    fits.sort_by(|a, b| b.weakest.total_cmp(&a.weakest));
    let fits: Vec<String> = fits
        .iter()
        .take(6)
        .map(|f| format!("{} {:.2}", f.group, f.weakest))
        .collect();
    println!(
        "   {}; FSC of the two {:.2?}",
        fits.join(", "),
        &agreement[1..]
    );
    assert_eq!(found.proposed.to_string(), target.group, "{}", target.name);
    assert!(lowest > 0.8, "{}: {agreement:?}", target.name);
    // A map that lies about its resolution agrees with itself alone.
    let claimed = [free.resolution, imposed.resolution];
    for (reached, claimed) in of_truth.iter().zip(claimed) {
        assert!(
            *reached < 1.5 * claimed,
            "{}: {reached} Å against {claimed} Å",
            target.name
        );
    }
    column_of(
        &[&truth, &imposed_map, &aligned]
            .map(|map| slices_and_surface(&inside(map, voxel_size).data)),
        4,
    )
}

/// The truth at 60 Å with a blob off every axis, so that no symmetry is given away; of a target that nearly has a larger
/// group, the average over the larger group.
fn asymmetric(truth: &Array3<f32>, voxel_size: f64, pseudo: bool) -> Vec<f32> {
    let map = if pseudo {
        let turns: Vec<DQuat> = "C6".parse::<Symmetry>().unwrap().rotations();
        let copies = turns
            .iter()
            .map(|q| moved(truth, DMat3::from_quat(*q), [0.0; 3]));
        copies.reduce(|a, b| a + b).unwrap() / turns.len() as f32
    } else {
        truth.clone()
    };
    let low = RadialFilter::LowPass {
        cutoff: 1.0 / 60.0,
        edge: Edge::RaisedCosine(2.0 / (BOX as f64 * voxel_size)),
    };
    let mut map = apply_filters3(&map, voxel_size, &[low]);
    let largest = map.iter().copied().fold(0.0, f32::max);
    let place = DVec3::new(0.61, 0.35, 0.71).normalize() * 0.22 * BOX as f64;
    let at = |i: usize| i as f64 - (BOX / 2) as f64;
    for ((z, y, x), value) in map.indexed_iter_mut() {
        let distance = DVec3::new(at(x), at(y), at(z)).distance_squared(place);
        *value += 0.5 * largest * (-distance / 18.0).exp() as f32;
    }
    map.iter().copied().collect()
}

#[test]
#[ignore = "slow: cargo xtask validate --only symmetry"]
fn symmetric_targets_refine_to_the_same_map_with_and_without_their_symmetry() {
    let Some(data) = shared_data() else { return };
    let only = std::env::var("THON_TARGET").unwrap_or_default();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let chosen = TARGETS.iter().filter(|target| target.name.contains(&only));
    let rows: Vec<_> = chosen.map(|target| experiment(target, &data)).collect();
    assert!(!rows.is_empty());
    let picture = column_of(&rows, 16).to_png();
    std::fs::write(folder.join("symmetric_targets.png"), picture).unwrap();
}

//! Simulated crowded tomograms: ribosomes, proteasomes and gold beads in ice, images of 7.5 Å pixels with the contrast transfer, dose
//! damage and counting noise of a real series, reconstructed by this house's own back-projection at 15 Å.
//!
//! Atomic models lie in `../shared/data/12_models`; without them there are no proteasomes.

use glam::{DMat3, DQuat, DVec3};
use ndarray::Array3;
use rand::RngExt;
use thon_compute::{Quiet, seed_stream};
use thon_geometry::{Grid, Point, Pose, Rotation, Symmetry, random_rotation};
use thon_pick::SeenBy;
use thon_reconstruct::{ImagesInMemory, VolumeInMemory, WbpOptions, reconstruct_wbp, used_views};
use thon_simulate::phantom::Gaussian;
use thon_simulate::{Phantom, ShotNoise, Simulation, SimulationOptions};
use thon_units::{Angstrom, PixelSize};

/// Pixels of the images.
const PIXEL: PixelSize = PixelSize(7.5);
/// Voxels of the tomograms.
pub const VOXEL: PixelSize = PixelSize(15.0);

/// What a tomogram holds.
#[derive(Clone, Copy, Debug)]
pub struct Contents {
    /// Pixels along an edge of the images; half as many voxels.
    pub image: usize,
    /// Planes of the tomogram.
    pub depth: usize,
    /// Thickness of the ice.
    pub ice: Angstrom,
    /// 70S.
    pub ribosomes: usize,
    /// 20S.
    pub proteasomes: usize,
    /// Gold.
    pub beads: usize,
}

impl Contents {
    /// 160 × 160 × 52 voxels with ribosomes, proteasomes and beads.
    pub const LARGE: Self = Self {
        image: 320,
        depth: 52,
        ice: Angstrom(600.0),
        ribosomes: 28,
        proteasomes: 60,
        beads: 4,
    };
}

/// One kind of particle: its model, where it lies.
#[derive(Debug)]
pub struct Species {
    /// Its model.
    pub phantom: Phantom,
    /// Where copies lie.
    pub poses: Vec<Pose>,
    /// Diameter of the mask, Å.
    pub diameter: f64,
    /// Its point group.
    pub symmetry: Symmetry,
}

/// A simulated tomogram and its truth.
#[derive(Debug)]
pub struct Crowd {
    /// `[z, y, x]`, matter dark.
    pub tomogram: Array3<f32>,
    /// The images it was made from.
    pub images: Vec<SeenBy>,
    /// Its voxels.
    pub grid: Grid,
    /// 70S.
    pub ribosome: Species,
    /// 20S; absent without the shared data.
    pub proteasome: Option<Species>,
}

/// The rotation that lays the seven-fold axis of centred atoms along z and a two-fold axis along x.
fn onto_axes_of_d7(positions: &[DVec3]) -> DQuat {
    // The atoms spread most along the seven-fold axis, and equally across it: powers of Σ p pᵀ point along it.
    let spread = positions.iter().fold(DMat3::ZERO, |sum, p| {
        sum + DMat3::from_cols(*p * p.x, *p * p.y, *p * p.z)
    });
    let axis = (0..100).fold(DVec3::new(0.5, 0.6, 0.7), |v, _| (spread * v).normalize());
    let upright = DQuat::from_rotation_arc(axis, DVec3::Z);
    // A two-fold axis at angle a takes the seventh harmonic of one half, of phase p, to that of the other, 14a − p.
    let phase = |upper: bool| {
        let half = positions.iter().map(|p| upright * *p);
        let half = half.filter(|p| (p.z > 0.0) == upper);
        let (sin, cos) = half.fold((0.0, 0.0), |(sin, cos), p| {
            let (angle, radius) = (7.0 * p.y.atan2(p.x), p.x.hypot(p.y).powi(2));
            (sin + radius * angle.sin(), cos + radius * angle.cos())
        });
        sin.atan2(cos)
    };
    DQuat::from_rotation_z(-(phase(true) + phase(false)) / 14.0) * upright
}

/// The proteasome's atoms about their centre, seven-fold axis along z, a two-fold axis along x; `None` without the shared data.
fn proteasome() -> Option<Phantom> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/12_models/proteasome20S_3j9i.pdb"
    );
    let model = thon_atoms::read(std::path::Path::new(path)).ok()?;
    let positions: Vec<DVec3> = model.atoms.iter().map(|a| a.position).collect();
    let centre = positions.iter().sum::<DVec3>() / positions.len() as f64;
    let positions: Vec<DVec3> = positions.iter().map(|p| *p - centre).collect();
    let stand = onto_axes_of_d7(&positions);
    // About 1.9 Å of Gaussian per atom; the mean potential excess over ice of a protein atom, 44 V·Å³.
    let gaussian = |p: &DVec3| Gaussian {
        position: Point::from_vector(stand * *p),
        weight: 44.0,
        sigma: Angstrom(2.0),
    };
    Phantom::from_gaussians(positions.iter().map(gaussian)).ok()
}

/// Random places in the field's middle, `radii` apart from all others.
fn place(
    contents: &Contents,
    count: usize,
    radius: f64,
    taken: &mut Vec<(DVec3, f64)>,
    seed: u64,
) -> Vec<Pose> {
    let mut random = seed_stream(seed, "crowd", radius as u64);
    let (half, height) = (
        0.5 * contents.image as f64 * PIXEL.0 - 250.0,
        0.5 * contents.ice.0 - 100.0,
    );
    let mut poses = Vec::new();
    for _ in 0..200_000 {
        if poses.len() == count {
            break;
        }
        let mut along = |limit: f64| (2.0 * random.random::<f64>() - 1.0) * limit;
        let at = DVec3::new(along(half), along(half), along(height));
        if taken
            .iter()
            .all(|(other, r)| other.distance(at) >= radius + r)
        {
            taken.push((at, radius));
            poses.push(Pose::new(
                Rotation::from_unit_quaternion(random_rotation(&mut random)),
                Point::from_vector(at),
            ));
        }
    }
    poses
}

/// Simulates a tomogram.
pub fn crowd(contents: &Contents, seed: u64) -> Crowd {
    let mut taken = Vec::new();
    let phantom = Phantom::ribosome_70s();
    let ribosome = Species {
        poses: place(contents, contents.ribosomes, 125.0, &mut taken, seed),
        phantom,
        diameter: 270.0,
        symmetry: Symmetry::Cyclic(1),
    };
    let proteasome = proteasome()
        .filter(|_| contents.proteasomes > 0)
        .map(|phantom| Species {
            poses: place(contents, contents.proteasomes, 75.0, &mut taken, seed),
            phantom,
            diameter: 170.0,
            symmetry: Symmetry::Dihedral(7),
        });
    let options = SimulationOptions {
        image_width: contents.image,
        image_height: contents.image,
        pixel_size: PIXEL,
        particles: 1,
        beads: contents.beads,
        ice_thickness: contents.ice,
        defocus: Angstrom(30000.0),
        shot_noise: ShotNoise::None,
        ..SimulationOptions::default()
    };
    let mut with_ice =
        Simulation::prepare("TS_01", &options, &ribosome.phantom, seed).expect("a simulation");
    with_ice.particles.poses.clone_from(&ribosome.poses);
    let bare = SimulationOptions {
        ice_noise: 0.0,
        beads: 0,
        ..options
    };
    let second = proteasome.as_ref().map(|species| {
        let mut simulation =
            Simulation::prepare("TS_01", &bare, &species.phantom, seed).expect("a simulation");
        simulation.particles.poses.clone_from(&species.poses);
        simulation
    });
    let images = (0..with_ice.tilt_series.images.len()).map(|tilt| {
        let mut image = with_ice.record(tilt).sum();
        if let Some(second) = &second {
            let empty = second.expected_electrons(tilt) as f32;
            image.zip_mut_with(&second.record(tilt).sum(), |a, b| *a += b - empty);
        }
        // Many electrons per pixel: counts are as good as normal.
        let mut random = seed_stream(seed, "counts", tilt as u64);
        image
            .mapv(|mean| mean + mean.max(0.0).sqrt() * normal(&mut random))
            .into_raw_vec_and_offset()
            .0
    });
    let images = ImagesInMemory {
        size: [contents.image; 2],
        images: images.collect(),
    };
    let grid = Grid::new(
        [contents.depth, contents.image / 2, contents.image / 2],
        VOXEL,
    );
    let tomogram = reconstructed(&images, &with_ice, &grid);
    Crowd {
        tomogram,
        images: SeenBy::images_of(&with_ice.tilt_series),
        grid,
        ribosome,
        proteasome,
    }
}

/// The tomogram of the images, by weighted back-projection.
fn reconstructed(images: &ImagesInMemory, simulation: &Simulation, grid: &Grid) -> Array3<f32> {
    let views = used_views(&simulation.tilt_series).expect("an aligned series");
    let mut volume = VolumeInMemory::new(grid.dims);
    reconstruct_wbp(
        images,
        &views,
        PIXEL,
        grid,
        &WbpOptions::default(),
        &Quiet,
        &mut volume,
    )
    .expect("a reconstruction");
    Array3::from_shape_vec(grid.dims, volume.voxels).expect("as many voxels")
}

fn normal(random: &mut thon_compute::random::ChaCha8Rng) -> f32 {
    let (a, b): (f64, f64) = (random.random(), random.random());
    ((-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
}

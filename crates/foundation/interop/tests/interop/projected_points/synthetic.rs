//! Made-up series with everything the real ones lack: x tilt, odd sizes, magnification, excluded views, unsorted
//! order, shifted volumes; tomograms at binnings 1, 2, 3, 4 and 7.5.

use glam::{DMat2, DVec2, DVec3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_formats::imod::command_file;
use thon_geometry::{Point, TiltGeometry};
use thon_interop::LossKind;
use thon_interop::imod::{EtomoImport, Placement, read_directory};
use thon_interop::relion::{Generation, binned_grid};
use thon_model::{Ctf, DefocusHand, Exclusion, HandSign, Optics, TiltImage, TiltSeries};
use thon_units::{Angstrom, Degrees, Dose, PixelSize};

use super::chains::{Worst, relion_imod_relion, through_imod, through_relion};
use super::independent::{Imod, relion, relion_matrices};
use super::{DEFOCUS, PIXELS, extent, helix};

/// Image and volume sizes in all parities.
const SIZES: [([usize; 2], [usize; 3]); 4] = [
    ([3838, 3710], [1200, 3838, 3710]),
    ([3837, 3711], [1201, 3837, 3711]),
    ([3838, 3711], [1201, 3710, 3839]),
    ([1023, 1440], [300, 1441, 1022]),
];

fn series(seed: u64, (image_size, volume): ([usize; 2], [usize; 3]), deformed: bool) -> TiltSeries {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = |low: f64, high: f64| low + (high - low) * random.random::<f64>();
    let images = (0..25usize)
        .map(|index| {
            let tilt = Degrees(((index * 7) % 25) as f64 * 5.0 - 60.0).radians();
            let mut image = TiltImage::new(tilt, Dose(3.0 * index as f64));
            let skew = uniform(-0.004, 0.004);
            let affine = DMat2::from_cols(
                DVec2::new(uniform(0.98, 1.02), skew),
                DVec2::new(skew, uniform(0.98, 1.02)),
            );
            image.geometry = Some(TiltGeometry {
                x_tilt: Degrees(uniform(-4.0, 4.0)).radians(),
                tilt_angle: tilt,
                tilt_axis_angle: Degrees(uniform(-180.0, 180.0)).radians(),
                affine: if deformed { affine } else { DMat2::IDENTITY },
                shift: DVec2::new(uniform(-400.0, 400.0), uniform(-400.0, 400.0)),
                deformation: None,
            });
            let mut ctf = Ctf::round(Angstrom(uniform(15000.0, 60000.0)));
            ctf.defocus_v = ctf.defocus_u - Angstrom(uniform(0.0, 800.0));
            ctf.defocus_angle = Degrees(uniform(-90.0, 90.0)).radians();
            ctf.phase_shift = Degrees(uniform(0.0, 90.0)).radians();
            image.ctf = Some(ctf);
            image
        })
        .collect();
    TiltSeries {
        name: "set".to_owned(),
        pixel_size: PixelSize(1.35),
        image_size,
        volume_size: Some(volume),
        optics: Optics::default(),
        nominal_tilt_axis_angle: None,
        defocus_hand: Some(DefocusHand {
            sign: if seed.is_multiple_of(2) {
                HandSign::Plus
            } else {
                HandSign::Minus
            },
            evidence: "test".to_owned(),
        }),
        images,
        carried: thon_model::Carried::default(),
        carried_global: thon_model::Carried::default(),
    }
}

#[test]
fn synthetic_series_keep_points_and_defocus() {
    let mut worst = Worst::default();
    for (seed, size) in (0u64..).zip(SIZES) {
        for (deformed, generation) in [
            (false, Generation::Five),
            (false, Generation::Four),
            (true, Generation::Four),
        ] {
            let made = series(seed, size, deformed);
            let dir = tempfile::tempdir().unwrap();
            let (mut first, table, _) = through_relion(&made, dir.path(), generation);
            for (a, b) in made.images.iter().zip(&first.images) {
                let (ga, gb) = (a.geometry.unwrap(), b.geometry.unwrap());
                assert!(
                    ga.matrix().abs_diff_eq(gb.matrix(), 1e-9)
                        && (ga.shift - gb.shift).length() < 1e-6
                );
                let (ca, cb) = (a.ctf.unwrap(), b.ctf.unwrap());
                assert!(
                    (ca.defocus_u - cb.defocus_u).0.abs() < 1e-6
                        && (ca.phase_shift - cb.phase_shift).0.abs() < 1e-9
                );
            }
            for view in [2, 11, 24] {
                first.images[view].exclusion = Some(Exclusion {
                    reason: "test".to_owned(),
                });
            }
            worst.join(relion_imod_relion(&first, &table, &mut Vec::new()));
        }
    }
    println!(
        "synthetic series: {:.2e} px, {:.2e} Å defocus",
        worst.pixels, worst.defocus
    );
    assert!(
        worst.pixels < PIXELS && worst.defocus < DEFOCUS,
        "{worst:?}"
    );
}

#[test]
fn what_a_target_cannot_hold_is_listed() {
    let mut made = series(3, SIZES[0], true);
    made.defocus_hand = None;
    made.images[0].exposure = Some(Dose(3.0));
    made.images[1].ctf.as_mut().unwrap().scale = 0.5;
    made.images[2].exclusion = Some(Exclusion {
        reason: "test".to_owned(),
    });
    made.images[3].geometry = None;
    let dir = tempfile::tempdir().unwrap();
    let (_, _, imod) = through_imod(&made, &dir.path().join("imod"));
    let (_, _, five) = through_relion(&made, &dir.path().join("five"), Generation::Five);
    let aretomo = thon_interop::aretomo::write_aretomo(&made, &dir.path().join("set.aln")).unwrap();
    println!("{imod}\n{five}\n{aretomo}");
    let kinds = [
        LossKind::Dose,
        LossKind::AmplitudeScale,
        LossKind::ExcludedImages,
        LossKind::UnalignedImages,
    ];
    assert!(kinds.iter().all(|kind| imod.count(*kind) > 0));
    assert_eq!(imod.count(LossKind::AffineDeformation), 0);
    assert_eq!(five.count(LossKind::AffineDeformation), 23);
    assert_eq!(
        (
            five.count(LossKind::ExcludedImages),
            five.count(LossKind::UnalignedImages)
        ),
        (1, 1)
    );
    assert_eq!(five.count(LossKind::DefocusHand), 1);
    assert!(
        aretomo.count(LossKind::AffineDeformation) == 24 && aretomo.count(LossKind::XTilt) == 24
    );
}

/// Points by voxel of a binned tomogram, in IMOD's and in RELION's sense of binning.
#[test]
fn binned_tomograms_show_the_same_points() {
    let mut worst = Worst::default();
    for (seed, size) in (0u64..).zip(SIZES) {
        let made = series(seed, size, false);
        let dir = tempfile::tempdir().unwrap();
        let (from_imod, stem, _) = through_imod(&made, dir.path());
        let (_, table, _) = through_relion(&made, &dir.path().join("relion"), Generation::Five);
        let imod = Imod::read(&stem, size.0, size.1);
        let matrices = relion_matrices(&table, "set", size.0, size.1, 1.35);
        for binning in [1.0, 2.0, 3.0, 4.0, 7.5] {
            let dims = size.1.map(|n| (n as f64 / binning).round() as usize);
            let imod_grid =
                Placement::centred(size.1).tomogram_grid(dims, binning, PixelSize(1.35));
            let relion_grid = binned_grid(size.1, dims, binning, PixelSize(1.35));
            for position in helix(extent(&made)) {
                let point = Point::from_vector(position);
                let index = imod_grid.index_of(point);
                // IMOD: both volumes share their middle.
                let middle = |n: [usize; 3]| {
                    DVec3::new(n[2] as f64 - 1.0, n[1] as f64 - 1.0, n[0] as f64 - 1.0) / 2.0
                };
                let unbinned = (index - middle(dims)) * binning + middle(size.1);
                // RELION: index times binning.
                let bin_one = relion_grid.index_of(point) * binning;
                for (view, image) in from_imod.images.iter().enumerate() {
                    let model =
                        image
                            .geometry
                            .unwrap()
                            .project_to_pixel(point, PixelSize(1.35), size.0);
                    let model = super::independent::Seen {
                        pixel: model,
                        depth: 0.0,
                    };
                    worst.take(model, imod.project(view, unbinned));
                    worst.take(model, relion(matrices[view], bin_one));
                }
            }
        }
    }
    println!("binnings 1, 2, 3, 4, 7.5: {:.2e} px", worst.pixels);
    assert!(worst.pixels < PIXELS, "{worst:?}");
}

/// OFFSET, SHIFT, XAXISTILT and SUBSETSTART of a `tilt.com` mean what IMOD's `tilt` makes of them.
#[test]
fn every_key_of_tilt_com_counts() {
    let made = series(5, SIZES[2], true);
    let dir = tempfile::tempdir().unwrap();
    let (_, stem, _) = through_imod(&made, dir.path());
    let path = dir.path().join("tilt.com");
    let mut commands = command_file::read(&path).unwrap();
    let tilt = &mut commands.commands[0];
    for (key, value) in [
        ("OFFSET", "1.7 12.5"),
        ("SHIFT", "-31.0 44.0"),
        ("XAXISTILT", "-2.3"),
        ("FULLIMAGE", "3801 3700"),
        ("SUBSETSTART", "-19 -5"),
        ("EXCLUDELIST", "1-3,8"),
    ] {
        tilt.set(key, value);
    }
    std::fs::write(&path, command_file::write(&commands)).unwrap();
    let options = EtomoImport {
        name: Some("set".to_owned()),
        pixel_size: Some(made.pixel_size),
        image_size: Some(made.image_size),
        optics: None,
    };
    let read = read_directory(dir.path(), &options).unwrap().value;
    assert_eq!(read.volume_size, made.volume_size);
    let excluded: Vec<usize> = (0..25).filter(|&i| !read.images[i].is_used()).collect();
    assert_eq!(excluded, [0, 1, 2, 7]);
    let mut imod = Imod::read(&stem, made.image_size, SIZES[2].1);
    imod.offset = [1.7, 12.5];
    imod.shift = [-31.0, 44.0];
    imod.x_axis_tilt = -2.3;
    imod.full = [3801.0, 3700.0];
    imod.subset = [-19.0, -5.0];
    let mut worst = Worst::default();
    for (view, image) in read.images.iter().enumerate() {
        for position in helix(extent(&read)) {
            let at = super::chains::voxel(&read, position);
            let seen = imod.project(view, at);
            let geometry = image.geometry.unwrap();
            let pixel = geometry.project_to_pixel(
                Point::from_vector(position),
                read.pixel_size,
                read.image_size,
            );
            let depth = geometry.project(Point::from_vector(position)).depth / read.pixel_size.0;
            let model = super::independent::Seen { pixel, depth };
            worst.take(model, seen);
            // Depths differ by a constant of the view: the rotation centre is not the origin.
            let origin = imod.project(view, super::chains::voxel(&read, DVec3::ZERO));
            worst.take_defocus(depth, seen.depth - origin.depth);
        }
    }
    println!(
        "tilt.com keys: {:.2e} px, depth {:.2e} px",
        worst.pixels, worst.defocus
    );
    assert!(worst.pixels < PIXELS && worst.defocus < PIXELS, "{worst:?}");
    let (again, ..) = through_imod(&read, &dir.path().join("again"));
    assert!(
        read.images
            .iter()
            .zip(&again.images)
            .all(|(a, b)| a.geometry == b.geometry && a.is_used() == b.is_used())
    );
}

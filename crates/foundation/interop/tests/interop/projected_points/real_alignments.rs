//! Criterion: on every real alignment of the shared data the chains keep projected points within 0.01 px.

use std::path::{Path, PathBuf};

use thon_geometry::TiltGeometry;
use thon_interop::aretomo::{AretomoImport, read_aretomo, write_aretomo};
use thon_interop::imod::{EtomoImport, read_directory};
use thon_interop::relion::{Generation, TiltSeriesImport, read_tilt_series};
use thon_interop::{LossKind, Losses};
use thon_model::{Exclusion, Optics, TiltSeries};
use thon_units::PixelSize;

use super::chains::{Worst, relion_imod_relion, through_imod, through_relion, voxel};
use super::independent::{Imod, aretomo, relion, relion_matrices};
use super::{DEFOCUS, PIXELS, extent, helix};
use crate::shared_data::{files_below, shared};

/// Even and odd image sizes.
const IMAGES: [[usize; 2]; 4] = [[3838, 3710], [3837, 3711], [3838, 3711], [4091, 5760]];
/// Even and odd volumes.
const VOLUMES: [[usize; 3]; 3] = [[2000, 4000, 4000], [1501, 3999, 4001], [1200, 3711, 3838]];

fn print_losses(all: &[Losses]) {
    let mut seen = Vec::new();
    for losses in all {
        for loss in &losses.losses {
            let line = format!(
                "  {} cannot hold {}: {}",
                losses.target, loss.kind, loss.why
            );
            if !seen.contains(&line) {
                println!("{line}");
                seen.push(line);
            }
        }
    }
}

/// Every RELION 5 and 4 set whose rows have a geometry.
#[test]
fn relion_sets_keep_their_points_through_imod() {
    let mut sets = Vec::new();
    for (folder, name) in [
        ("04_relion5_project_empiar10164", ".star"),
        ("05_star_other", "tomograms.star"),
        ("05_star_other/relion4_tilt_series", "tilt_series.star"),
        (
            "10_particles/relion5_extract_2ptcl/input",
            "tilt_series_filled.star",
        ),
    ] {
        let Some(folder) = shared(folder) else { return };
        sets.extend(files_below(&folder, name));
    }
    let (mut checked, mut all_losses) = (0, Vec::new());
    for path in &sets {
        let file = thon_formats::star::read(path).unwrap();
        if file
            .find("global")
            .is_none_or(|block| !block.tables[0].has("rlnTomoName"))
        {
            continue;
        }
        let mut worst = Worst::default();
        for image_size in IMAGES {
            let options = TiltSeriesImport {
                image_size: Some(image_size),
                ..TiltSeriesImport::default()
            };
            let series = match read_tilt_series(path, &options) {
                Ok(read) => read.value,
                Err(error) => {
                    println!("  not read: {error}");
                    break;
                }
            };
            for one in &series {
                checked += relion_set(one, path, &mut worst, &mut all_losses);
            }
        }
        if worst.pixels > 0.0 {
            println!(
                "{}: {:.2e} px, {:.2e} Å defocus",
                short(path),
                worst.pixels,
                worst.defocus
            );
        }
        assert!(
            worst.pixels < PIXELS && worst.defocus < DEFOCUS,
            "{} {worst:?}",
            path.display()
        );
    }
    print_losses(&all_losses);
    assert!(checked >= 100, "{checked}");
    println!("RELION → IMOD → RELION: {checked} series checked");
}

fn short(path: &Path) -> String {
    let parts: Vec<_> = path.components().rev().take(3).collect();
    parts
        .into_iter()
        .rev()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join("/")
}

/// All volumes for one series; how many chains ran.
fn relion_set(
    series: &TiltSeries,
    path: &Path,
    worst: &mut Worst,
    losses: &mut Vec<Losses>,
) -> usize {
    if !series.images.iter().any(|image| image.geometry.is_some()) {
        return 0;
    }
    let table = match series.carried_global.value("rlnTomoTiltSeriesStarFile", 0) {
        Some(token) => path
            .ancestors()
            .map(|folder| folder.join(token))
            .find(|path| path.exists())
            .unwrap_or_else(|| path.with_file_name(Path::new(token).file_name().unwrap())),
        None => path.to_owned(),
    };
    let matrices = series.carried.source == "relion-4";
    let volumes = if matrices {
        vec![series.volume_size.unwrap()]
    } else {
        VOLUMES.to_vec()
    };
    for volume in &volumes {
        let mut one = series.clone();
        one.volume_size = Some(*volume);
        one.images[3].exclusion = Some(Exclusion {
            reason: "test".to_owned(),
        });
        // An odd volume moves RELION's reference point of the defocus; the table stays as it is.
        if !matrices {
            assert!(
                series
                    .volume_size
                    .is_none_or(|size| size.iter().all(|n| n.is_multiple_of(2)))
            );
            move_defocus(&mut one, *volume);
        }
        worst.join(relion_imod_relion(&one, &table, losses));
    }
    volumes.len()
}

/// Defocus of the origin when the table belonged to a volume of this size.
fn move_defocus(series: &mut TiltSeries, volume: [usize; 3]) {
    let Some(hand) = series.defocus_hand.as_ref().map(|hand| hand.sign.value()) else {
        return;
    };
    let half = |n: usize| if n.is_multiple_of(2) { 0.0 } else { -0.5 };
    let offset =
        glam::DVec3::new(half(volume[2]), half(volume[1]), half(volume[0])) * series.pixel_size.0;
    for image in &mut series.images {
        if let (Some(ctf), Some(geometry)) = (image.ctf, image.geometry) {
            image.ctf = Some(ctf.defocused(thon_units::Angstrom(
                hand * geometry.rotation().apply(offset).z,
            )));
        }
    }
}

/// Folder, name of the data set, pixel size.
fn imod_sets() -> Vec<(PathBuf, &'static str)> {
    [
        ("BB_dual_axis_A", "BBa"),
        ("BB_patch_tracking", "BBa_patch-tracking"),
        ("cets_TS_03", "TS_03"),
        ("cryoet_alignment_imod_1", "tilt_1"),
        ("empiar10064_susan", "mixedCTEM_tomo1"),
        ("empiar10064_susan", "mixedCTEM_tomo2"),
        ("etomo_TS_001", "TS_001"),
        ("warp_xf_import", "00254"),
    ]
    .into_iter()
    .filter_map(|(folder, name)| Some((shared(&format!("02_imod/{folder}"))?, name)))
    .collect()
}

/// The numbers of `tilt.com` that the independent projection takes, typed from the files.
fn typed_parameters(imod: &mut Imod, name: &str) {
    match name {
        "BBa" => {
            imod.x_axis_tilt = 1.94;
            imod.full = [512.0, 512.0];
            imod.subset = [-19.0, -19.0];
        }
        "tilt_1" => {
            imod.full = [3708.0, 3832.0];
            imod.subset = [-2.0, 0.0];
        }
        _ => {}
    }
}

#[test]
fn imod_sets_keep_their_points_through_relion() {
    let sets = imod_sets();
    for (folder, name) in &sets {
        let mut worst = Worst::default();
        let mut all_losses = Vec::new();
        let mut deformed = 0;
        for raw in IMAGES {
            let options = EtomoImport {
                name: Some((*name).to_owned()),
                pixel_size: Some(PixelSize(1.7)),
                image_size: Some(raw),
                optics: None,
            };
            let mut series = read_directory(folder, &options).unwrap().value;
            let volume = *series.volume_size.get_or_insert([1200, 3600, 3600]);
            let mut imod = Imod::read(&folder.join(name), raw, volume);
            typed_parameters(&mut imod, name);
            deformed = series
                .images
                .iter()
                .filter(|i| i.geometry.is_some_and(|g: TiltGeometry| !g.is_rigid()))
                .count();
            let (chain, losses) = imod_chain(&series, &imod, deformed == 0);
            worst.join(chain);
            all_losses.extend(losses);
        }
        println!(
            "{name}: {:.2e} px ({deformed} views with magnification or skew)",
            worst.pixels
        );
        print_losses(&all_losses);
        assert!(worst.pixels < PIXELS, "{name} {worst:?}");
    }
}

/// IMOD → RELION 4 (and 5, when nothing is deformed) → model → IMOD, against the first files.
fn imod_chain(series: &TiltSeries, imod: &Imod, rigid: bool) -> (Worst, Vec<Losses>) {
    let dir = tempfile::tempdir().unwrap();
    let mut kept = series.clone();
    for image in &mut kept.images {
        image.exclusion = None;
    }
    let volume = series.volume_size.unwrap();
    let pixel = series.pixel_size.0;
    let mut worst = Worst::default();
    let mut all = Vec::new();
    for generation in [Generation::Four, Generation::Five] {
        let (again, table, losses) = through_relion(&kept, &dir.path().join("relion"), generation);
        let said = losses.count(LossKind::AffineDeformation) > 0;
        all.push(losses);
        if generation == Generation::Five && !rigid {
            assert!(said, "RELION 5 cannot hold deformations and must say so");
            continue;
        }
        let matrices = relion_matrices(&table, &series.name, series.image_size, volume, pixel);
        let (_, stem, losses) = through_imod(&again, &dir.path().join("imod"));
        all.push(losses);
        let back = Imod::read(&stem, series.image_size, volume);
        for (view, matrix) in matrices.iter().enumerate() {
            for position in helix(extent(series)) {
                let at = voxel(series, position);
                let seen = imod.project(view, at);
                worst.take(seen, relion(*matrix, at));
                worst.take(seen, back.project(view, at));
            }
        }
    }
    (worst, all)
}

#[test]
fn an_etomo_directory_comes_back_equal_in_every_number() {
    for (folder, name) in imod_sets() {
        let options = EtomoImport {
            name: Some(name.to_owned()),
            pixel_size: Some(PixelSize(1.7)),
            image_size: Some([3838, 3710]),
            optics: None,
        };
        let series = read_directory(&folder, &options).unwrap().value;
        let dir = tempfile::tempdir().unwrap();
        let (again, stem, _) = through_imod(&series, dir.path());
        let zero = [0, 0, 0];
        let old = Imod::read(&folder.join(name), zero[..2].try_into().unwrap(), zero);
        let new = Imod::read(&stem, zero[..2].try_into().unwrap(), zero);
        assert_eq!(old.transforms, new.transforms, "{name}");
        assert_eq!(
            (old.angles, old.x_tilts),
            (new.angles, new.x_tilts),
            "{name}"
        );
        assert!(
            series
                .images
                .iter()
                .zip(&again.images)
                .all(|(a, b)| a.geometry == b.geometry),
            "{name}"
        );
        assert!(
            series
                .images
                .iter()
                .zip(&again.images)
                .all(|(a, b)| a.is_used() == b.is_used()),
            "{name}"
        );
        assert_eq!(series.volume_size, again.volume_size, "{name}");
    }
}

#[test]
fn aretomo_sets_keep_their_points_through_imod_and_relion() {
    let Some(folder) = shared("03_aretomo") else {
        return;
    };
    for path in files_below(&folder, ".aln") {
        let options = AretomoImport {
            pixel_size: PixelSize(1.96),
            stack: None,
            ctf: None,
            volume_size: Some([1501, 4000, 3999]),
            optics: Optics::default(),
        };
        let read = read_aretomo(&path, &options).unwrap();
        let mut series = read.value;
        if series.image_size == [0, 0] {
            series.image_size = [4092, 5760];
        }
        let file = thon_formats::aretomo::alignment::read(&path).unwrap();
        let base = i64::try_from(file.section_base().unwrap_or(1)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (from_imod, stem, _) = through_imod(&series, &dir.path().join("imod"));
        let (last, table, _) =
            through_relion(&from_imod, &dir.path().join("relion"), Generation::Five);
        let copy = dir.path().join("copy.aln");
        let losses = write_aretomo(&last, &copy).unwrap();
        let again = thon_formats::aretomo::alignment::read(&copy).unwrap();
        let volume = series.volume_size.unwrap();
        let imod = Imod::read(&stem, series.image_size, volume);
        let matrices = relion_matrices(&table, &series.name, series.image_size, volume, 1.96);
        let used: Vec<usize> = series.used().collect();
        let mut worst = Worst::default();
        for row in &file.images {
            let view = usize::try_from(row.section - base).unwrap();
            let kept = used.iter().position(|&u| u == view).unwrap();
            let written = again
                .images
                .iter()
                .find(|r| r.section == i64::try_from(kept).unwrap() + 1)
                .unwrap();
            for position in helix(extent(&series)) {
                let from_centre = position / 1.96;
                let seen = aretomo(
                    row.rotation,
                    row.shift,
                    row.tilt,
                    from_centre,
                    series.image_size,
                );
                let at = voxel(&series, position);
                worst.take(seen, imod.project(view, at));
                worst.take(seen, relion(matrices[kept], at));
                worst.take(
                    seen,
                    aretomo(
                        written.rotation,
                        written.shift,
                        written.tilt,
                        from_centre,
                        series.image_size,
                    ),
                );
            }
        }
        println!(
            "{}: {:.2e} px over {} images",
            short(&path),
            worst.pixels,
            file.images.len()
        );
        print_losses(&[read.losses, losses]);
        assert!(worst.pixels < PIXELS, "{} {worst:?}", path.display());
    }
}

#[test]
fn an_aln_comes_back_equal_in_every_number() {
    let Some(folder) = shared("03_aretomo") else {
        return;
    };
    for path in files_below(&folder, ".aln") {
        let options = AretomoImport {
            pixel_size: PixelSize(1.96),
            stack: None,
            ctf: None,
            volume_size: None,
            optics: Optics::default(),
        };
        let series = read_aretomo(&path, &options).unwrap().value;
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy.aln");
        write_aretomo(&series, &copy).unwrap();
        let old = thon_formats::aretomo::alignment::read(&path).unwrap();
        let new = thon_formats::aretomo::alignment::read(&copy).unwrap();
        assert_eq!(old.images, new.images, "{}", path.display());
        assert_eq!(
            (old.alpha_offset, old.thickness),
            (new.alpha_offset, new.thickness)
        );
    }
}

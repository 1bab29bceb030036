//! Subtomograms and 3D CTF volumes in RELION's layout with known poses: conventions, sign and time.
//!
//! Wants `THON_RELION_DATA`: a data set in the layout of the 2016 protocol with `box64/gt.star`, `box64/gt_class0.mrc`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise and tell what they measured"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use glam::{DMat3, DVec3};
use thon_ctf::CtfModel;
use thon_extract::{CtfSlice, CtfSlices, StoredParticle, VolumeReader, VolumeSource};
use thon_geometry::Rotation;
use thon_images::mrc::Mrc;
use thon_images::npy::NpzFile;
use thon_interop::euler::RelionAngles;
use thon_interop::relion::{ParticleImport, read_particles};
use thon_likelihood::{Observe, ParticleSource, Placement, Reference, SourceError, SphereMask};
use thon_model::{Ctf, Optics, ParticleSet};
use thon_units::{Angstrom, PixelSize, SquareAngstrom};

struct Files(ParticleSet);

impl VolumeReader for Files {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn read(&self, index: usize) -> Result<StoredParticle, SourceError> {
        let images = self.0.images.as_ref().ok_or("no images")?;
        let transfer = Mrc::open(&images.ctf_paths[index])?;
        Ok(StoredParticle {
            volume: Mrc::open(&images.paths[index])?.read_all()?,
            transfer: Some((transfer.read_all()?, transfer.shape())),
            premultiplied: images.ctf_premultiplied,
        })
    }

    fn place(&self, index: usize) -> String {
        self.0.names[index].clone()
    }
}

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("THON_RELION_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: THON_RELION_DATA is not set");
    }
    folder
}

fn set(folder: &Path, n: usize) -> ParticleSet {
    let options = ParticleImport {
        root: Some(folder.into()),
        allow_unknown_tomograms: true,
        ..ParticleImport::default()
    };
    let file = folder.join(format!("box{n}/gt.star"));
    read_particles(&file, &options).unwrap().value
}

/// Correlation of the data with what the truth predicts, over shells 3 to `band`.
fn agreement(
    source: &dyn ParticleSource,
    i: usize,
    wanted: &Observe,
    map: &Reference,
    at: Placement,
) -> f64 {
    let seen = source.observe(i, wanted).unwrap();
    let (mut cross, mut data, mut model) = (0.0, 0.0, 0.0);
    for k in seen.geometry.count_to(2)..seen.geometry.len() {
        let q = DVec3::from_array(seen.geometry.positions[k].map(f64::from));
        let value = map.seen(at.rotation, at.shift, q);
        let (d, w) = (seen.products[k], seen.weights[k]);
        cross += f64::from((d.conj() * value).re);
        data += f64::from(d.norm_sqr() / w.max(1e-9));
        model += f64::from(w * value.norm_sqr());
    }
    cross / (data * model).sqrt()
}

#[test]
#[ignore = "wants THON_RELION_DATA"]
fn the_truth_explains_the_data_with_positive_density() {
    let Some(folder) = data() else { return };
    let n = 64;
    let particles = set(&folder, n);
    let truth: Vec<Placement> = (0..particles.len())
        .map(|i| {
            let pose = particles.pose_in_box(i).unwrap();
            Placement {
                rotation: pose.rotation.quaternion(),
                shift: pose.position.xyz / 7.5,
            }
        })
        .collect();
    let source = VolumeSource::new(Files(particles), n, 7.5, vec![0; truth.len()]).unwrap();
    let map = Mrc::open(folder.join("box64/gt_class0.mrc"))
        .unwrap()
        .read_all()
        .unwrap();
    let map = Reference::new(&map, n).unwrap();
    let (mut right, mut turned, mut moved) = (0.0, 0.0, 0.0);
    for (i, &placement) in truth.iter().enumerate().take(20) {
        let mask = Some(SphereMask {
            radius: 21.3,
            edge: 5.0,
            centre: placement.shift,
        });
        let wanted = Observe { band: 12, mask };
        right += agreement(&source, i, &wanted, &map, placement) / 20.0;
        let back = Placement {
            rotation: placement.rotation.conjugate(),
            ..placement
        };
        turned += agreement(&source, i, &wanted, &map, back) / 20.0;
        let away = Placement {
            shift: -placement.shift,
            ..placement
        };
        moved += agreement(&source, i, &wanted, &map, away) / 20.0;
    }
    println!(
        "correlation at the truth {right:.3}, inverse rotation {turned:.3}, opposite shift {moved:.3}"
    );
    assert!(right > 0.3 && turned < 0.5 * right && moved < 0.5 * right);
    let wanted = Observe {
        band: 24,
        mask: Some(SphereMask {
            radius: 21.3,
            edge: 5.0,
            centre: DVec3::ZERO,
        }),
    };
    let first = source.observe(0, &wanted).unwrap();
    let start = Instant::now();
    let mut shared = 0;
    for i in 0..truth.len() {
        let seen = source.observe(i, &wanted).unwrap();
        shared += usize::from(std::sync::Arc::ptr_eq(&seen.geometry, &first.geometry));
    }
    let each = start.elapsed().as_secs_f64() / truth.len() as f64;
    println!(
        "{:.2} ms a particle, {shared} of {} share a geometry of {} samples",
        1e3 * each,
        truth.len(),
        first.geometry.len()
    );
}

/// The tilt series of the data set: 41 images to ±60°, 3 e⁻/Å² each from the untilted one outwards.
fn model_of(defocus: f64, box_size: usize, voxel_size: f64) -> CtfSlices {
    let angles: Vec<f64> = (-20..=20).map(|i| f64::from(i) * 3.0).collect();
    let mut order: Vec<usize> = (0..angles.len()).collect();
    order.sort_by(|&a, &b| {
        let rank = |i: usize| angles[i].abs() - 1e-3 * angles[i];
        rank(a).total_cmp(&rank(b))
    });
    let ctf = CtfModel::new(&Optics::default(), &Ctf::round(Angstrom(defocus)));
    let slices = angles.iter().enumerate().map(|(i, angle)| CtfSlice {
        projection: DMat3::from_rotation_y(angle.to_radians()),
        ctf: Some(ctf),
        scale: angle.to_radians().cos(),
        b_factor: SquareAngstrom(12.0 * order.iter().position(|&k| k == i).unwrap() as f64),
    });
    CtfSlices {
        box_size,
        voxel_size: PixelSize(voxel_size),
        slices: slices.collect(),
    }
}

/// Largest and rms difference of two full volumes within a radius of Fourier space.
fn differences(a: &[f32], b: &[f32], n: usize, radius: f64) -> (f64, f64) {
    let (mut largest, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
    for i in 0..n * n * n {
        let r = [i % n, i / n % n, i / n / n].map(|v| v as f64 - (n / 2) as f64);
        if r.iter().map(|v| v * v).sum::<f64>() < radius * radius {
            let difference = f64::from(a[i] - b[i]).abs();
            largest = largest.max(difference);
            sum += difference * difference;
            count += 1.0;
        }
    }
    (largest, (sum / count).sqrt())
}

#[test]
#[ignore = "wants THON_RELION_DATA"]
fn ctf_models_are_those_of_the_data_set() {
    let Some(folder) = data() else { return };
    let mut truth = NpzFile::open(folder.join("truth.npz")).unwrap();
    let defocus = truth.array("defocus").unwrap().samples().unwrap().to_f64();
    let n = 96;
    for i in [0, 17] {
        let path = folder.join(format!("box96/ctf/{i:05}.mrc"));
        let theirs = Mrc::open(path).unwrap().read_all().unwrap();
        let ours = model_of(defocus[i], n, 5.0).full_volume().unwrap();
        let (largest, rms) = differences(&ours, &theirs, n, 46.0);
        println!("particle {i}: largest difference {largest:.1e}, rms {rms:.1e}");
        assert!(largest < 1e-2 && rms < 1e-4);
    }
}

/// `relion_reconstruct --reconstruct_ctf` on the same tilts.
#[test]
#[ignore = "wants RELION 3.1"]
fn ctf_models_are_those_of_relion() {
    let folder = std::env::temp_dir().join(format!("thon-ctf-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (n, voxel_size, defocus) = (64, 7.5, 28000.0);
    let model = model_of(defocus, n, voxel_size);
    let labels = [
        "DefocusU",
        "DefocusV",
        "DefocusAngle",
        "AngleRot",
        "AngleTilt",
        "AnglePsi",
        "CtfBfactor",
        "CtfScalefactor",
        "OpticsGroup",
    ];
    let mut text = format!(
        "# version 30001\n\ndata_optics\n\nloop_\n_rlnOpticsGroupName\n_rlnOpticsGroup\n_rlnVoltage\n\
         _rlnSphericalAberration\n_rlnAmplitudeContrast\n_rlnImagePixelSize\n_rlnImageSize\n\
         _rlnImageDimensionality\none 1 300 2.7 0.07 {voxel_size} {n} 2\n\n# version 30001\n\ndata_particles\n\nloop_\n"
    );
    for label in labels {
        writeln!(text, "_rln{label}").unwrap();
    }
    for slice in &model.slices {
        let angles = RelionAngles::of(Rotation::from_matrix(slice.projection));
        writeln!(
            text,
            "{defocus} {defocus} 0 {} {} {} {} {} 1",
            angles.rot.0, angles.tilt.0, angles.psi.0, slice.b_factor.0, slice.scale
        )
        .unwrap();
    }
    std::fs::write(folder.join("tilts.star"), text).unwrap();
    let run = std::process::Command::new("relion_reconstruct")
        .args([
            "--i",
            "tilts.star",
            "--o",
            "ctf.mrc",
            "--reconstruct_ctf",
            "64",
            "--angpix",
            "7.5",
        ])
        .current_dir(&folder)
        .output();
    let Ok(run) = run else {
        println!("skipped: relion_reconstruct is absent");
        return;
    };
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let theirs = Mrc::open(folder.join("ctf.mrc")).unwrap();
    assert_eq!(theirs.shape(), [n, n, n]);
    let theirs = theirs.read_all().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let ours = model.full_volume().unwrap();
    // RELION takes voxels that only rounding reaches (weights of 1e-16) as measured; the origin is nobody's sample.
    let centre = ((n / 2) * n + n / 2) * n + n / 2;
    let mut rounding = 0;
    let agreed: Vec<f32> = (0..n * n * n)
        .map(|i| {
            let only_theirs = ours[i] == 0.0 && theirs[i] != 0.0;
            rounding += usize::from(only_theirs);
            if only_theirs || i == centre {
                theirs[i]
            } else {
                ours[i]
            }
        })
        .collect();
    let (largest, rms) = differences(&agreed, &theirs, n, 30.0);
    println!(
        "largest difference {largest:.1e}, rms {rms:.1e}, {rounding} voxels by rounding in RELION"
    );
    assert!(largest < 1e-4 && rms < 1e-5 && rounding < n * n * n / 100);
}

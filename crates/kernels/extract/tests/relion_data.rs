//! Subtomograms and 3D CTF volumes in RELION's layout with known poses: conventions, sign and time.
//!
//! Wants `THON_RELION_DATA`: a data set in the layout of the 2016 protocol with `box64/gt.star`, `box64/gt_class0.mrc`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use glam::DVec3;
use thon_extract::{StoredParticle, VolumeReader, VolumeSource};
use thon_images::mrc::Mrc;
use thon_interop::relion::{ParticleImport, read_particles};
use thon_likelihood::{Observe, ParticleSource, Placement, Reference, SourceError, SphereMask};
use thon_model::ParticleSet;

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

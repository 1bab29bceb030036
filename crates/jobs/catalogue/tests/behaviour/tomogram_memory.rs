//! The memory of a tomogram's reconstruction: as foretold, and far below the tomogram itself.

use serde_json::{Value, json};
use thon_contract::kinds::TiltSeriesKind;
use thon_images::mrc::{MrcSpec, MrcWriter};
use thon_model::ImageReference;
use thon_simulate::{Phantom, Simulation, SimulationOptions};
use thon_units::Degrees;

use crate::fixture::{Fixture, fixture};
use crate::process::{Needs, Order, measured};

const MIB: f64 = (1 << 20) as f64;
const WBP: &str = "tomogram.reconstruct-wbp";

/// A series of `edge`² noise images at the tilts of a simulation, in a directory of its own.
fn noise_series(fixture: &Fixture, edge: usize, step: f64) -> thon_contract::SlotRecord {
    let options = SimulationOptions {
        image_width: edge,
        image_height: edge,
        tilt_step: Degrees(step),
        particles: 0,
        ..SimulationOptions::default()
    };
    let simulation = Simulation::prepare("noise", &options, &Phantom::ribosome_70s(), 1).unwrap();
    let mut series = simulation.tilt_series;
    let place = format!("noise_{edge}_{step}");
    let path = fixture.root().join(&place).join("noise.mrc");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = MrcSpec::stack([series.images.len(), edge, edge], Some(series.pixel_size.0));
    let mut writer = MrcWriter::create_file(&path, &spec).unwrap();
    let mut state = 1u32;
    for (section, image) in series.images.iter_mut().enumerate() {
        let mut pixel = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as f32 / 65536.0
        };
        let pixels: Vec<f32> = (0..edge * edge).map(|_| pixel()).collect();
        writer.write_section(&pixels).unwrap();
        image.image = Some(ImageReference {
            path: path.clone(),
            section,
        });
    }
    writer.finish().unwrap();
    fixture.stored::<TiltSeriesKind>(&place, "noise", &series)
}

/// Needs of a reconstruction, and what was foretold: memory and disk, bytes.
fn reconstruct(edge: usize, step: f64, params: Value) -> Option<(Needs, [u64; 2])> {
    let fixture = fixture();
    let slot = noise_series(fixture, edge, step);
    let order = Order {
        root: fixture.aside(),
        aside: fixture.aside(),
        id: WBP.into(),
        params,
        inputs: [("tilt_series".to_owned(), slot)].into(),
    };
    let needs = measured(&order)?;
    let told = crate::process::foretold(&order);
    std::fs::remove_dir_all(&order.aside).unwrap();
    Some((needs, [told.memory, told.disk]))
}

#[test]
fn memory_and_disk_are_foretold() {
    let params = json!({ "voxel_size": 10.0, "thickness": 1500.0 });
    let Some((found, [memory, disk])) = reconstruct(768, 6.0, params) else {
        return;
    };
    println!("{found:?}, foretold {:.0} MiB", memory as f64 / MIB);
    assert!((found.memory as f64) < 1.25 * memory as f64 + 64.0 * MIB);
    let off = found.disk as f64 / disk as f64 - 1.0;
    assert!(off.abs() < 0.25, "disk off by {off:.2}");
}

/// 41 images of 1024² into 1024 × 1024 × 300 voxels: half a minute of one core, 600 MB of disk.
#[test]
#[ignore = "long: `cargo test --release -p thon-catalogue --test behaviour -- --ignored`"]
fn a_whole_tomogram_takes_less_than_500_megabytes() {
    let params = json!({ "voxel_size": 5.0, "thickness": 1500.0 });
    let Some((found, [memory, disk])) = reconstruct(1024, 3.0, params) else {
        return;
    };
    println!(
        "{found:?}, foretold {:.0} MiB, {:.0} MiB of disk",
        memory as f64 / MIB,
        disk as f64 / MIB
    );
    assert!(found.memory < 500_000_000);
    assert!((found.memory as f64) < 1.25 * memory as f64 + 64.0 * MIB);
}

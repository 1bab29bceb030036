//! The real microtubule of the shared data has 13 protofilaments.

use ndarray::Array3;
use thon_geometry::glam::DVec3;
use thon_images::tiff::TiffStack;
use thon_pick::{count_protofilaments, trace_tube};

use crate::shared_data::shared;

/// Voxel size of the crop, Å.
const VOXEL: f64 = 10.52;

#[test]
fn the_real_microtubule_has_13_protofilaments() {
    let Some(path) = shared("10_particles/microtubule_13pf_tomogram_crop.tif") else {
        return;
    };
    let stack = TiffStack::open(path).unwrap();
    let [nz, ny, nx] = stack.shape().unwrap();
    let voxels: Vec<f32> = stack.read_pages(0..nz).unwrap().concat();
    let volume = Array3::from_shape_vec((nz, ny, nx), voxels).unwrap();
    // The ends as a person clicks them, a few voxels off; walls of microtubules lie at 95 to 135 Å.
    let ends = [DVec3::new(80.0, 12.0, 18.0), DVec3::new(28.0, 188.0, 18.0)];
    let tube = trace_tube(&volume.view(), ends, [95.0 / VOXEL, 135.0 / VOXEL], true).unwrap();
    let radius = tube.radius * VOXEL;
    println!(
        "radius {radius:.1} Å, contrast {:.2} standard deviations",
        tube.contrast
    );
    assert!((105.0..125.0).contains(&radius), "{radius}");
    // Protofilaments of microtubules turn by one over 2000 Å or more.
    let found = count_protofilaments(&volume.view(), &tube, 9..=18, 2000.0 / VOXEL).unwrap();
    for (number, power) in found.tried.iter().zip(&found.power) {
        println!("{number} protofilaments: power {power:.1}");
    }
    let power = |number: usize| found.power[number - 9];
    let margin = power(13) / power(12).max(power(14));
    let (stretches, agreeing) = found.stretches;
    println!(
        "{} protofilaments; {margin:.0} times the power of 12 and 14; {agreeing} of {stretches} stretches; p {:.1e}",
        found.number, found.p_value
    );
    assert_eq!(found.number, 13);
    assert!(margin > 20.0, "{margin}");
    assert!(found.p_value < 1e-3, "{}", found.p_value);
}

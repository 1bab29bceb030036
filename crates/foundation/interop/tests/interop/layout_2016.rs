//! The directory layout of 2016 with all its ways to be wrong (Table 1 of the paper).

use std::path::{Path, PathBuf};

use thon_images::mrc::{Mrc, MrcHeader, MrcMode};
use thon_interop::relion::{Layout2016Options, read_layout_2016};
use thon_units::PixelSize;

/// Header of a float file of `dims` `[z, y, x]`.
pub fn header([nz, ny, nx]: [usize; 3], pixel: f32) -> MrcHeader {
    let mut bytes = vec![0u8; 1024];
    let mut put =
        |offset: usize, value: i32| bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    let size = [nx, ny, nz].map(|n| i32::try_from(n).unwrap());
    for (axis, n) in size.into_iter().enumerate() {
        put(4 * axis, n);
        put(28 + 4 * axis, n);
        put(64 + 4 * axis, i32::try_from(axis).unwrap() + 1);
    }
    put(12, 2);
    for (axis, n) in size.into_iter().enumerate() {
        bytes[40 + 4 * axis..44 + 4 * axis].copy_from_slice(&(n as f32 * pixel).to_le_bytes());
        bytes[52 + 4 * axis..56 + 4 * axis].copy_from_slice(&90f32.to_le_bytes());
    }
    bytes[208..216].copy_from_slice(b"MAP \x44\x44\0\0");
    let header = MrcHeader::parse(&bytes).unwrap();
    assert_eq!(header.mode, MrcMode::Float32);
    header
}

fn write(path: &Path, dims: [usize; 3], pixel: f32) {
    let mut bytes = header(dims, pixel).to_bytes().to_vec();
    bytes.resize(1024 + 4 * dims.iter().product::<usize>(), 0);
    std::fs::write(path, bytes).unwrap();
    assert_eq!(Mrc::read_header(path).unwrap().nz, dims[0]);
}

/// A complete directory: 3 images of 32 × 30, a tomogram of 15 × 32 × 30, 2 centres.
fn complete(root: &Path) -> PathBuf {
    let dir = root.join("tomogram1");
    std::fs::create_dir(&dir).unwrap();
    write(&dir.join("tomogram1.mrc"), [15, 32, 30], 2.0);
    write(&dir.join("tomogram1.mrcs"), [3, 32, 30], 2.0);
    std::fs::write(dir.join("tomogram1.tlt"), "  59.44\n   0.10\n -59.80\n").unwrap();
    std::fs::write(
        dir.join("tomogram1.order"),
        "0.0 0.0\n60.0 2.5\n-60.0 5.0\n",
    )
    .unwrap();
    std::fs::write(
        dir.join("tomogram1.coords"),
        "15.0 16.0 7.0\n10.5 4.0 2.0\n",
    )
    .unwrap();
    dir
}

fn message(dir: &Path) -> String {
    read_layout_2016(dir, &Layout2016Options::default())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_complete_directory_is_read() {
    let root = tempfile::tempdir().unwrap();
    let dir = complete(root.path());
    let set = read_layout_2016(&dir, &Layout2016Options::default())
        .unwrap()
        .value;
    assert_eq!(
        (set.series.name.as_str(), set.series.pixel_size.0),
        ("tomogram1", 2.0)
    );
    let doses: Vec<f64> = set
        .series
        .images
        .iter()
        .map(|image| image.dose_before.0)
        .collect();
    assert_eq!(
        doses,
        [2.5, 0.0, 5.0],
        "the exposure goes to the closest refined angle"
    );
    assert_eq!(set.series.images[0].acquisition_index, Some(1));
    let geometry = set.series.images[0].geometry.unwrap();
    assert!(
        (geometry.tilt_angle.degrees().0 - 59.44).abs() < 1e-9 && geometry.tilt_axis_angle.0 == 0.0
    );
    assert_eq!(set.series.volume_size, Some([15, 32, 30]));
    assert_eq!((set.particles.len(), set.particles.oriented), (2, false));
    // Voxel (15, 16, 7) is the centre voxel of 30 × 32 × 15.
    assert!(set.particles.poses[0].position.xyz.length() < 1e-9);
    assert!(
        (set.particles.poses[1].position.xyz - glam::DVec3::new(-9.0, -24.0, -10.0)).length()
            < 1e-9
    );
    // IMOD's centre: of the untilted image, the middle of the tomogram is the middle of the image.
    let view = set.series.images[1].geometry.unwrap();
    let pixel = view.project_to_pixel(set.particles.poses[0].position, PixelSize(2.0), [32, 30]);
    assert!(
        (pixel - glam::DVec2::new(15.0, 16.0)).length() < 0.01,
        "{pixel}"
    );
}

#[test]
fn missing_files_are_named() {
    for end in ["mrc", "mrcs", "tlt", "order", "coords"] {
        let root = tempfile::tempdir().unwrap();
        let dir = complete(root.path());
        let path = dir.join(format!("tomogram1.{end}"));
        std::fs::remove_file(&path).unwrap();
        let message = message(&dir);
        assert!(
            message.starts_with(&format!("file not found: {}", path.display())),
            "{message}"
        );
    }
    let root = tempfile::tempdir().unwrap();
    let dir = complete(root.path());
    std::fs::remove_file(dir.join("tomogram1.order")).unwrap();
    std::fs::remove_file(dir.join("tomogram1.coords")).unwrap();
    let options = Layout2016Options {
        without_order: true,
        without_coordinates: true,
        ..Layout2016Options::default()
    };
    let read = read_layout_2016(&dir, &options).unwrap();
    assert!(
        read.value.particles.is_empty()
            && read
                .remarks
                .iter()
                .any(|remark| remark.contains("no exposure"))
    );
}

#[test]
fn contradicting_files_are_explained() {
    let with = |end: &str, text: &str| {
        let root = tempfile::tempdir().unwrap();
        let dir = complete(root.path());
        std::fs::write(dir.join(format!("tomogram1.{end}")), text).unwrap();
        message(&dir)
    };
    let angles = with("tlt", "59.44\n0.10\n");
    assert!(
        angles.contains("as many tilt angles as images")
            && angles.contains("found 2")
            && angles.contains("left out"),
        "{angles}"
    );
    let order = with("order", "0 0\n60 2\n");
    assert!(
        order.contains(".order")
            && order.contains("expected as many lines as tilt angles, 3, found 2"),
        "{order}"
    );
    let crossed = with("tlt", "59.44\n58.1\n-59.8\n");
    assert!(crossed.contains("closest to one image"), "{crossed}");
    let root = tempfile::tempdir().unwrap();
    let dir = complete(root.path());
    write(&dir.join("tomogram1.trial"), [5, 32, 30], 2.0);
    let trial = message(&dir);
    assert!(
        trial.contains("two extra exposures for each of the 3 images, 6, found 5"),
        "{trial}"
    );
}

#[test]
fn a_trial_stack_and_binned_tomograms_are_known() {
    let root = tempfile::tempdir().unwrap();
    let dir = complete(root.path());
    write(&dir.join("tomogram1.trial"), [6, 32, 30], 2.0);
    write(&dir.join("tomogram1.mrc"), [8, 16, 15], 4.0);
    let read = read_layout_2016(&dir.join("tomogram1.mrc"), &Layout2016Options::default()).unwrap();
    assert!(read.value.trial.is_some());
    assert_eq!(read.value.series.volume_size, Some([16, 32, 30]));
    assert_eq!(read.value.tomogram.grid.voxel_size.0, 4.0);
    assert!(
        read.remarks
            .iter()
            .any(|remark| remark.contains("binned by 2.000"))
    );
}

/// Without `.tlt` the angles come from the extended header (SERI: an i2 of hundredths of a degree per section).
#[test]
fn angles_may_stand_in_the_header_of_the_stack() {
    let root = tempfile::tempdir().unwrap();
    let dir = complete(root.path());
    std::fs::remove_file(dir.join("tomogram1.tlt")).unwrap();
    let mut bytes = header([3, 32, 30], 2.0).to_bytes().to_vec();
    let extended: Vec<u8> = [5944i16, 10, -5980]
        .iter()
        .flat_map(|angle| angle.to_le_bytes())
        .collect();
    bytes[92..96].copy_from_slice(&6i32.to_le_bytes());
    bytes[104..108].copy_from_slice(b"SERI");
    bytes[128..130].copy_from_slice(&2i16.to_le_bytes());
    bytes[130..132].copy_from_slice(&1i16.to_le_bytes());
    bytes.extend(extended);
    bytes.resize(1030 + 4 * 3 * 32 * 30, 0);
    std::fs::write(dir.join("tomogram1.mrcs"), bytes).unwrap();
    let set = read_layout_2016(&dir, &Layout2016Options::default())
        .unwrap()
        .value;
    let angles: Vec<f64> = set
        .series
        .images
        .iter()
        .map(|image| image.tilt_angle().degrees().0)
        .collect();
    for (found, expected) in angles.iter().zip([59.44, 0.10, -59.80]) {
        assert!((found - expected).abs() < 1e-6, "{angles:?}");
    }
}

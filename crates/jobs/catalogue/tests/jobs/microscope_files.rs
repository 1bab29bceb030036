//! Small files as a microscope leaves them.

use std::fmt::Write as _;
use std::path::Path;

use thon_images::mrc::write_volume;

/// Nominal tilts of the small series, in the order of the stack.
pub const TILTS: [f64; 5] = [-30.0, -15.0, 0.0, 15.0, 30.0];
/// Ranks in time: dose-symmetric.
pub const RANKS: [usize; 5] = [4, 2, 0, 1, 3];

/// Writes a stack of five images of 12 × 8 pixels (1.7 Å) and its mdoc.
pub fn write_series(folder: &Path, name: &str) {
    write_stack(&folder.join(format!("{name}.st")), TILTS.len());
    std::fs::write(folder.join(format!("{name}.st.mdoc")), mdoc(name, &TILTS)).unwrap();
}

/// A stack of images of 12 × 8 pixels.
pub fn write_stack(path: &Path, images: usize) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let pixels: Vec<f32> = (0..images * 8 * 12)
        .map(|i| (i * 7919 % 101) as f32)
        .collect();
    write_volume(path, &pixels, [images, 8, 12], Some(1.7)).unwrap();
}

/// The mdoc of a stack with these tilts.
pub fn mdoc(name: &str, tilts: &[f64]) -> String {
    let mut text = format!(
        "PixelSpacing = 1.7\nVoltage = 200\nImageFile = {name}.st\nImageSize = 12 8\nDataMode = 2\n\n\
         [T =     Tilt axis angle = 85.3, binning = 1  spot = 8  camera = 0]\n\n"
    );
    for (index, tilt) in tilts.iter().enumerate() {
        let rank = RANKS[index % RANKS.len()];
        write!(
            text,
            "[ZValue = {index}]\nTiltAngle = {tilt}\nExposureDose = 3\nPriorRecordDose = {}\n\
             DateTime = 01-Jan-2026  10:{rank:02}:00\nSubFramePath = X:\\frames\\{name}_{index}.mrc\n\n",
            3 * rank
        )
        .unwrap();
    }
    text
}

/// One number per line.
pub fn lines(values: &[f64]) -> String {
    values.iter().fold(String::new(), |text, value| {
        text + &value.to_string() + "\n"
    })
}

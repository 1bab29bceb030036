//! Classes to look at: of a simulated mixture, or of a generated data set.

use thon_compute::Quiet;
use thon_likelihood::SourceError;
use thon_units::Angstrom;

use super::tests::{mixture, options, purity, scheme};
use super::*;

/// Sections of an MRC stack of 32-bit floats.
struct Stack {
    n: usize,
    pixel_size: f64,
    values: Vec<f32>,
}

impl Stack {
    fn read(path: &str) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let word = |i: usize| <[u8; 4]>::try_from(&bytes[4 * i..4 * i + 4]).unwrap();
        let n = i32::from_le_bytes(word(0)) as usize;
        let values = bytes[1024..]
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        Self {
            n,
            pixel_size: f64::from(f32::from_le_bytes(word(10))) / n as f64,
            values,
        }
    }
}

impl ImageSource for Stack {
    fn len(&self) -> usize {
        self.values.len() / (self.n * self.n)
    }
    fn box_size(&self) -> usize {
        self.n
    }
    fn pixel_size(&self) -> f64 {
        self.pixel_size
    }
    fn image(&self, index: usize) -> Result<Vec<f32>, SourceError> {
        Ok(self.values[index * self.n * self.n..][..self.n * self.n].to_vec())
    }
}

/// Classes of `box64/proj2d.mrcs` in the folder that THON_RELION_DATA names, or of a simulated mixture; the averages are drawn
/// beside each other into the file that THON_PICTURE names, the assignments written into THON_ASSIGNMENTS.
#[test]
#[ignore = "for looking at"]
fn picture() {
    use thon_picture::{Contrast, Picture, gray, row_of};
    let number =
        |name: &str, default: f64| std::env::var(name).map_or(default, |v| v.parse().unwrap());
    let mut scheme = scheme();
    (scheme.box_size, scheme.pixel_size) = (64, 7.5);
    scheme.signal_to_noise = number("SNR", 0.5);
    let images = mixture(scheme, 200, 40, 60);
    let data = std::env::var("THON_RELION_DATA")
        .map(|folder| Stack::read(&format!("{folder}/box64/proj2d.mrcs")));
    let source: &dyn ImageSource = data.as_ref().map_or(&images, |d| d);
    let options = ClassOptions {
        diameter: Some(Angstrom(320.0)),
        resolution: Angstrom(number("RESOLUTION", 30.0)),
        seed: number("SEED", 1.0) as u64,
        ..options(number("CLASSES", 10.0) as usize)
    };
    let mut classification = Classification::start(source, options, &Quiet).unwrap();
    while !classification.is_done() {
        let start = std::time::Instant::now();
        let c = *classification.advance(&Quiet).unwrap();
        eprintln!(
            "{:2} band {:2} changed {:3} turn {:5.1}° moved {:.2} pose {:.3} ln L {:.0} restarted {}: {:.3} s",
            c.iteration,
            c.band,
            c.changed_class,
            c.turn.to_degrees(),
            c.displacement,
            c.pose_probability,
            c.log_likelihood,
            c.restarted,
            start.elapsed().as_secs_f64()
        );
    }
    let state = classification.state();
    if data.is_err() {
        eprintln!("purity {}", purity(state, &images.kinds));
    }
    if let Ok(path) = std::env::var("THON_ASSIGNMENTS") {
        let line =
            |a: &Assignment| format!("{} {} {} {}\n", a.class, a.angle, a.shift[0], a.shift[1]);
        std::fs::write(path, state.assignments.iter().map(line).collect::<String>()).unwrap();
    }
    let mut sorted: Vec<&ClassAverage> = state.averages.iter().collect();
    sorted.sort_by(|a, b| b.images.total_cmp(&a.images));
    let draw = |a: &&ClassAverage| {
        eprintln!("{:.1} images, shell {}", a.images, a.resolved_shell);
        let n = source.box_size();
        let image = ndarray::ArrayView2::from_shape((n, n), &a.image).unwrap();
        gray(&image, Contrast::Percentile(0.002), n)
    };
    let rows: Vec<Picture> = sorted
        .chunks(10)
        .map(|row| row_of(&row.iter().map(draw).collect::<Vec<_>>(), 4, [255; 3]))
        .collect();
    let height: usize = rows.iter().map(|r| r.height + 4).sum();
    let mut all = Picture::filled(rows[0].width, height, [255; 3]);
    let mut top = 0;
    for row in &rows {
        all.paste(row, 0, top);
        top += row.height + 4;
    }
    if let Ok(path) = std::env::var("THON_PICTURE") {
        std::fs::write(path, all.to_png()).unwrap();
    }
}

//! The defocus hand of premultiplied particle images, measured.
//!
//! Far from the low frequencies a tilt image of a particle is noise; multiplied by the CTF its power at frequency k is
//! b(|k|)·CTF²(k). The CTF's defocus is that of the tilt image plus hand · depth of the particle. For each hand the
//! likelihood of all images is taken (power of noise is exponentially distributed, the b of every tilt image and shell
//! is fitted); the hand with which the images were multiplied has the higher one.

use std::collections::BTreeMap;

use ndarray::Array3;
use thon_ctf::CtfModel;
use thon_images::mrc::Mrc;
use thon_model::{HandSign, ParticleSet, TiltSeries};
use thon_signal::fft::Fft3;
use thon_units::Angstrom;

/// CTF² below this is left out: there other noise than that of the image shows.
const FLOOR: f64 = 0.02;
const HANDS: [HandSign; 2] = [HandSign::Minus, HandSign::Plus];

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefocusHandTest {
    /// Log likelihood of hand + less that of hand −.
    pub log_likelihood_ratio: f64,
    /// Tilt images (all particles of a series together) that favour +.
    pub plus: usize,
    /// Tilt images in all.
    pub images: usize,
}

/// Powers and CTF² of one shell of a tilt image, for both hands.
type Shell = [Vec<(f64, f64)>; 2];

/// Compares both hands over stacks that hold a section per tilt.
///
/// # Panics
/// When the particles have no such stacks or the series no geometry and CTF.
pub fn measure_defocus_hand(series: &[TiltSeries], particles: &ParticleSet) -> DefocusHandTest {
    let mut result = DefocusHandTest::default();
    for one in series {
        let rows = particles.rows_of(&one.name);
        for tilt in 0..one.images.len() {
            let mut shells = BTreeMap::new();
            for &row in &rows {
                collect(one, tilt, particles, row, &mut shells);
            }
            if shells.is_empty() {
                continue;
            }
            let of =
                |hand: usize| -> f64 { shells.values().map(|s| log_likelihood(&s[hand])).sum() };
            let ratio = of(1) - of(0);
            result.log_likelihood_ratio += ratio;
            result.plus += usize::from(ratio > 0.0);
            result.images += 1;
        }
    }
    result
}

/// The images of a shell: Σ −ln(b·c) − p/(b·c) with b = mean(p/c).
fn log_likelihood(shell: &[(f64, f64)]) -> f64 {
    let scale = shell.iter().map(|(p, c)| p / c).sum::<f64>() / shell.len() as f64;
    shell
        .iter()
        .map(|(p, c)| -(scale * c).ln() - p / (scale * c))
        .sum()
}

fn collect(
    series: &TiltSeries,
    tilt: usize,
    particles: &ParticleSet,
    row: usize,
    shells: &mut BTreeMap<usize, Shell>,
) {
    let stacks = particles.images.as_ref().expect("particles with stacks");
    if !stacks.visible.get(row).is_none_or(|visible| visible[tilt]) {
        return;
    }
    let (n, image) = (stacks.box_size, &series.images[tilt]);
    let stack = Mrc::open(&stacks.paths[row]).expect("a stack");
    assert_eq!(
        stack.shape(),
        [series.images.len(), n, n],
        "a section per tilt"
    );
    let pixels = stack.read_section(tilt).expect("a section");
    let pixels = Array3::from_shape_vec([1, n, n], pixels).expect("a box");
    let spectrum = Fft3::plan([1, n, n]).forward(&pixels);
    let geometry = image.geometry.expect("a geometry");
    let ctf = image.ctf.as_ref().expect("a CTF");
    let depth = Angstrom(geometry.project(particles.poses[row].position).depth);
    let models = HANDS.map(|hand| CtfModel::at_depth(&series.optics, ctf, hand, depth));
    let step = 1.0 / (n as f64 * stacks.pixel_size.0);
    for ((_, y, x), value) in spectrum.indexed_iter() {
        let ky = if 2 * y < n {
            y as f64
        } else {
            y as f64 - n as f64
        };
        let shell = (ky.hypot(x as f64)).round() as usize;
        // Shells of noise, below Nyquist; x = 0 has every coefficient twice.
        if shell < n / 4 || shell >= n / 2 || x == 0 {
            continue;
        }
        let power = f64::from(value.norm_sqr());
        let squares = models.map(|model| model.value(x as f64 * step, ky * step).powi(2));
        let entry = shells.entry(shell).or_default();
        for (list, square) in entry.iter_mut().zip(squares) {
            list.push((power, square.max(FLOOR)));
        }
    }
}

//! Records one image: particles, beads and ice through the lens, then electrons on the detector.

use ndarray::Array2;
use thon_compute::parallel::map_indices;
use thon_ctf::{CtfModel, ExposureModel};
use thon_geometry::glam::DVec2;
use thon_geometry::{Point, Pose, Rotation, Specimen, TiltGeometry};
use thon_model::{Ctf, HandSign, Optics};
use thon_signal::fft::{Complex32, Fft2, half_length, next_fast_even_length, signed_index};
use thon_units::{Angstrom, Dose, SpatialFrequency};

use super::Simulation;
use super::background::Ice;
use super::detector::{self, spoil};
use super::faults::{ViewFault, obstruct};
use super::motion::bend;
use crate::phantom::{ImageProjector, Phantom};

/// Amplitude contrast of gold, whose high-angle scattering mostly misses the aperture.
const GOLD_AMPLITUDE_CONTRAST: f64 = 0.5;

/// Boxes in memory at a time.
const BOXES_AT_ONCE: usize = 64;

/// What the detector recorded of one tilt.
#[derive(Clone, Debug, PartialEq)]
pub struct TiltRecording {
    /// Electrons per pixel `[ny, nx]` of each frame, before any gain correction.
    pub frames: Vec<Array2<f32>>,
}

impl TiltRecording {
    /// The frames added up without alignment, `[ny, nx]`.
    pub fn sum(mut self) -> Array2<f32> {
        let mut frames = self.frames.drain(..);
        let mut sum = frames.next().unwrap_or_default();
        for frame in frames {
            sum += &frame;
        }
        sum
    }
}

/// One image's spectrum in two parts, V·Å: what exposure damages, and what it does not.
struct Contrast {
    particles: Vec<Complex32>,
    rest: Vec<Complex32>,
}

pub(super) fn record(simulation: &Simulation, tilt: usize) -> TiltRecording {
    // A duplicate is the recording of another image, electron by electron.
    let tilt = match simulation.fault(tilt) {
        Some(ViewFault::Duplicate { of }) => *of,
        _ => tilt,
    };
    let image = &simulation.tilt_series.images[tilt];
    let geometry = image
        .geometry
        .expect("the simulated truth has every geometry");
    let ctf = image.ctf.expect("the simulated truth has every CTF");
    let plan = Fft2::plan(simulation.options.image_size());
    let contrast = contrast(simulation, tilt, &geometry, &ctf, &plan);
    let frames = simulation.frame_shifts[tilt]
        .iter()
        .enumerate()
        .map(|(frame, shift)| expose(simulation, tilt, frame, *shift, &contrast, &plan))
        .collect();
    TiltRecording { frames }
}

fn contrast(
    simulation: &Simulation,
    tilt: usize,
    geometry: &TiltGeometry,
    ctf: &Ctf,
    plan: &Fft2,
) -> Contrast {
    let options = &simulation.options;
    let [ny, nx] = options.image_size();
    let lens = Lens {
        simulation,
        geometry,
        ctf,
    };
    let particles = lens.particles();
    let beads = lens.beads();
    let mut spectra = [particles, beads].map(|image| {
        let mut spectrum = vec![Complex32::default(); ny * half_length(nx)];
        plan.forward_into(&image, &mut spectrum);
        spectrum
    });
    let ice = Ice::new(options, geometry, *ctf, simulation.seed(), tilt as u64);
    ice.add(&mut spectra[1], plan);
    let [particles, rest] = spectra;
    Contrast { particles, rest }
}

/// The objective lens of one image.
struct Lens<'a> {
    simulation: &'a Simulation,
    geometry: &'a TiltGeometry,
    ctf: &'a Ctf,
}

impl Lens<'_> {
    /// All particles through the lens, V·Å, `[ny · nx]`.
    fn particles(&self) -> Vec<f32> {
        let optics = self.simulation.options.optics();
        self.objects(
            self.simulation.phantom(),
            &self.simulation.particles.poses,
            &optics,
        )
    }

    /// All gold beads through the lens, V·Å, `[ny · nx]`.
    fn beads(&self) -> Vec<f32> {
        let options = &self.simulation.options;
        let upright = |bead: &Point<Specimen>| Pose::new(Rotation::identity(), *bead);
        let poses: Vec<Pose> = self.simulation.beads.iter().map(upright).collect();
        let optics = Optics {
            amplitude_contrast: GOLD_AMPLITUDE_CONTRAST,
            ..options.optics()
        };
        match Phantom::ball(options.bead_radius, options.bead_potential) {
            Ok(ball) => self.objects(&ball, &poses, &optics),
            // Beads without potential are invisible.
            Err(_) => vec![0.0; options.image_width * options.image_height],
        }
    }

    /// A box that holds an object of `radius` Å and what the lens spreads around it: λ·|defocus|·k at Nyquist.
    fn projector(&self, radius: f64) -> ImageProjector {
        let options = &self.simulation.options;
        let pixel = options.pixel_size.0;
        let largest = options.image_width.max(options.image_height);
        // Depth changes the defocus by no more than half the field.
        let depth = 0.5 * largest as f64 * pixel;
        let defocus = self.ctf.defocus_u.abs().0.max(self.ctf.defocus_v.abs().0) + depth;
        let wavelength = options.voltage.electron_wavelength().0;
        let spread = wavelength * defocus * options.pixel_size.nyquist().0;
        let size = (2.0 * (radius + spread) / pixel).ceil() as usize + 4;
        let size = next_fast_even_length(size.min(2 * largest));
        ImageProjector::new(size, options.pixel_size)
    }

    /// Makes boxes in parallel, some at a time, and adds them to the image in order.
    fn objects(&self, object: &Phantom, poses: &[Pose], optics: &Optics) -> Vec<f32> {
        let [ny, nx] = self.simulation.options.image_size();
        let mut image = vec![0.0; ny * nx];
        if poses.is_empty() {
            return image;
        }
        let projector = self.projector(object.radius().0);
        for poses in poses.chunks(BOXES_AT_ONCE) {
            let boxes = map_indices(poses.len(), |index| {
                self.object(&projector, object, &poses[index], optics)
            });
            for (corner, values) in boxes {
                add_box(&mut image, [ny, nx], &values, projector.size(), corner);
            }
        }
        image
    }

    /// The box of one object and where its first pixel lies in the image, (x, y).
    fn object(
        &self,
        projector: &ImageProjector,
        object: &Phantom,
        pose: &Pose,
        optics: &Optics,
    ) -> ([i64; 2], Vec<f32>) {
        let options = &self.simulation.options;
        let size = projector.size();
        let middle = DVec2::splat((size / 2) as f64);
        let pixel =
            self.geometry
                .project_to_pixel(pose.position, options.pixel_size, options.image_size());
        let whole = pixel.round();
        let origin = middle + (pixel - whole);
        let view = self.geometry.near(pose.position);
        let mut spectrum = projector.spectrum(object, pose.rotation.matrix(), &view, origin);
        let hand = HandSign::from(options.defocus_hand);
        let depth = Angstrom(self.geometry.project(pose.position).depth);
        let model = CtfModel::at_depth(optics, self.ctf, hand, depth);
        let mut transfer = vec![0.0; spectrum.len()];
        model.fill_half_spectrum(&mut transfer, size, size, options.pixel_size);
        for (value, factor) in spectrum.iter_mut().zip(&transfer) {
            *value *= *factor;
        }
        let corner = whole - middle;
        (
            [corner.x as i64, corner.y as i64],
            projector.image(spectrum),
        )
    }
}

/// Adds a square box to an image at `corner` (x, y); what lies outside is lost.
fn add_box(image: &mut [f32], [ny, nx]: [usize; 2], values: &[f32], size: usize, corner: [i64; 2]) {
    for (row, line) in values.chunks_exact(size).enumerate() {
        let y = corner[1] + row as i64;
        if y < 0 || y >= ny as i64 {
            continue;
        }
        for (column, value) in line.iter().enumerate() {
            let x = corner[0] + column as i64;
            if x >= 0 && x < nx as i64 {
                image[y as usize * nx + x as usize] += value;
            }
        }
    }
}

/// One frame on the detector.
fn expose(
    simulation: &Simulation,
    tilt: usize,
    frame: usize,
    shift: DVec2,
    contrast: &Contrast,
    plan: &Fft2,
) -> Array2<f32> {
    let options = &simulation.options;
    let [ny, nx] = options.image_size();
    let mut spectrum = frame_spectrum(simulation, tilt, frame, shift, contrast);
    let mut image = Array2::<f32>::zeros((ny, nx));
    let cells = image.as_slice_mut().expect("just made in standard layout");
    plan.inverse_into(&mut spectrum, cells);
    let electrons = (simulation.expected_electrons(tilt) / options.frames as f64) as f32;
    for cell in cells {
        *cell = electrons * (1.0 + *cell).max(0.0);
    }
    bend(
        &mut image,
        &simulation.motion[tilt],
        frame,
        options.pixel_size.0,
    );
    obstruct(&mut image, simulation.fault(tilt), electrons);
    if let Some(gain) = &simulation.gain {
        image /= gain;
    }
    spoil(&mut image, &simulation.defects, electrons);
    let stream = tilt as u64 * 1024 + frame as u64;
    detector::count(&mut image, options.shot_noise, simulation.seed(), stream);
    image
}

/// Contrast of one frame: damage, envelope, detector, drift.
fn frame_spectrum(
    simulation: &Simulation,
    tilt: usize,
    frame: usize,
    shift: DVec2,
    contrast: &Contrast,
) -> Vec<Complex32> {
    let options = &simulation.options;
    let image = &simulation.tilt_series.images[tilt];
    let [ny, nx] = options.image_size();
    let pixel = options.pixel_size;
    let during = options.dose_per_tilt / options.frames as f64;
    let before = Dose(image.dose_before.0 + during.0 * frame as f64);
    let model = if options.dose_damage {
        ExposureModel::GrantGrigorieff
    } else {
        ExposureModel::None
    };
    let nyquist = pixel.nyquist().0;
    let phase = 2.0 * options.interaction_constant();
    // Radial factors in steps of a 1024th of √2 Nyquist; linear in between.
    let step = nyquist * 1.5 / 1024.0;
    let table: Vec<[f32; 2]> = (0..1026)
        .map(|i| {
            let k = i as f64 * step;
            let common = phase
                * (-0.25 * options.b_factor.0 * k * k).exp()
                * detector::modulation_transfer(options, k / nyquist);
            let left = model.attenuation(SpatialFrequency(k), before, during, options.voltage);
            [(common * left) as f32, common as f32]
        })
        .collect();
    let half = half_length(nx);
    let mut spectrum = vec![Complex32::default(); contrast.rest.len()];
    let moves = shift != DVec2::ZERO;
    for (index, value) in spectrum.iter_mut().enumerate() {
        let kx = (index % half) as f64 / (nx as f64 * pixel.0);
        let ky = signed_index(index / half, ny) as f64 / (ny as f64 * pixel.0);
        let place = kx.hypot(ky) / step;
        let entry = (place as usize).min(1024);
        let fraction = (place - entry as f64) as f32;
        let [particles, rest] =
            [0, 1].map(|c| table[entry][c] + fraction * (table[entry + 1][c] - table[entry][c]));
        *value = contrast.particles[index] * particles + contrast.rest[index] * rest;
        if moves {
            let angle = -std::f64::consts::TAU * (kx * shift.x + ky * shift.y);
            *value *= Complex32::new(angle.cos() as f32, angle.sin() as f32);
        }
    }
    spectrum
}

//! Draws the true geometry, contrast transfer and exposure of each image.

use rand::RngExt;
use rand_distr::StandardNormal;
use thon_compute::random::ChaCha8Rng;
use thon_compute::seed_stream;
use thon_geometry::glam::{DMat2, DQuat, DVec2, DVec3};
use thon_geometry::{Deformation, TiltGeometry};
use thon_model::{Carried, Ctf, DefocusHand, TiltImage, TiltSeries};
use thon_units::{Angstrom, Degrees, Dose};

use crate::SimulationOptions;
use crate::scheme::tilt_angles;

/// Normal of the ice layer in the specimen frame.
pub(super) fn ice_normal(options: &SimulationOptions) -> DVec3 {
    let about_x = DQuat::from_rotation_x(options.ice_x_tilt.radians().0);
    DQuat::from_rotation_y(options.ice_y_tilt.radians().0) * about_x * DVec3::Z
}

/// Fraction of electrons that ice lets through when its normal has the component `cosine` along the beam.
pub(super) fn transmission(options: &SimulationOptions, cosine: f64) -> f64 {
    if options.mean_free_path.0 == 0.0 {
        return 1.0;
    }
    let path = options.ice_thickness.0 / cosine.abs().max(0.01);
    (-path / options.mean_free_path.0).exp()
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    random.sample(StandardNormal)
}

/// The true series, its images in ascending order of nominal tilt.
pub(super) fn tilt_series(name: &str, options: &SimulationOptions, seed: u64) -> TiltSeries {
    let angles = tilt_angles(options.tilt_min.0, options.tilt_max.0, options.tilt_step.0);
    let order = options
        .tilt_scheme
        .order(&angles, options.tilt_start.0, options.tilt_group);
    let mut rank = vec![0; angles.len()];
    for (position, index) in order.into_iter().enumerate() {
        rank[index] = position;
    }
    let images = angles
        .iter()
        .zip(rank)
        .enumerate()
        .map(|(index, (angle, rank))| tilt_image(options, index, Degrees(*angle), rank, seed))
        .collect();
    let depth = (options.ice_thickness.0 * 1.5 / options.pixel_size.0).ceil() as usize;
    TiltSeries {
        name: name.to_owned(),
        pixel_size: options.pixel_size,
        image_size: options.image_size(),
        volume_size: Some([depth.max(16), options.image_height, options.image_width]),
        optics: options.optics(),
        nominal_tilt_axis_angle: None,
        defocus_hand: Some(DefocusHand {
            sign: options.defocus_hand.into(),
            evidence: "simulated".to_owned(),
        }),
        images,
        carried: Carried::default(),
        carried_global: Carried::default(),
    }
}

/// Where the specimen has gone under the beam by the middle of the image of this rank in time: it domes and creeps, 1 − exp(−d/τ) with τ
/// 0.3 of the whole dose.
fn doming(options: &SimulationOptions, rank: usize) -> Option<Deformation> {
    if options.doming.0 == 0.0 {
        return None;
    }
    let images = tilt_angles(options.tilt_min.0, options.tilt_max.0, options.tilt_step.0).len();
    let course = |dose: f64| 1.0 - (-dose / 0.3).exp();
    let so_far = course((rank as f64 + 0.5) / images as f64) / course(1.0);
    let [ny, nx] = options.image_size();
    let mut deformation = Deformation::still(0.5 * nx.max(ny) as f64 * options.pixel_size.0);
    let (rise, creep) = (options.doming.0 * so_far, 0.2 * options.doming.0 * so_far);
    let terms = &mut deformation.specimen.terms;
    terms[0] = DVec3::new(creep, 0.5 * creep, 0.0);
    terms[1] = DVec3::new(-0.5 * creep, creep, 0.0);
    terms[2] = DVec3::new(0.0, 0.0, -rise);
    terms[4] = DVec3::new(0.0, 0.0, -rise);
    Some(deformation)
}

fn tilt_image(
    options: &SimulationOptions,
    index: usize,
    nominal: Degrees,
    rank: usize,
    seed: u64,
) -> TiltImage {
    let mut random = seed_stream(seed, "simulate/geometry", index as u64);
    let mut draw = |sigma: f64| sigma * normal(&mut random);
    let tilt_angle = nominal + Degrees(draw(options.tilt_angle_sigma.0));
    let axis = options.tilt_axis_angle + Degrees(draw(options.tilt_axis_sigma.0));
    let magnification = 1.0 + draw(options.magnification_sigma);
    let shift = DVec2::new(draw(options.shift_sigma.0), draw(options.shift_sigma.0));
    let defocus = options.defocus + Angstrom(draw(options.defocus_sigma.0));
    let geometry = TiltGeometry {
        x_tilt: options.x_tilt.radians(),
        tilt_angle: tilt_angle.radians(),
        tilt_axis_angle: axis.radians(),
        affine: DMat2::IDENTITY * magnification,
        shift,
        deformation: doming(options, rank),
    };
    let ice = geometry.rotation().apply(ice_normal(options));
    let scale = (transmission(options, ice.z) / transmission(options, 1.0)).sqrt();
    TiltImage {
        acquisition_index: Some(rank),
        exposure: Some(options.dose_per_tilt),
        geometry: Some(geometry),
        ctf: Some(Ctf {
            defocus_u: defocus + options.astigmatism * 0.5,
            defocus_v: defocus - options.astigmatism * 0.5,
            defocus_angle: options.astigmatism_angle.radians(),
            phase_shift: options.phase_shift.radians(),
            scale,
            b_factor: options.b_factor,
        }),
        ..TiltImage::new(
            nominal.radians(),
            Dose(options.dose_per_tilt.0 * rank as f64),
        )
    }
}

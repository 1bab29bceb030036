//! Iterations, correlations and viewing directions as tables and pictures.

use ndarray::Array2;
use thon_average::{AngularDistribution, HelixFit, IterationReport, Weighting};
use thon_contract::kinds::{Column, Curves};
use thon_geometry::glam::DVec3;
use thon_picture::Picture;
use thon_units::Radians;

use crate::pictures;

/// One row per iteration.
pub(super) fn iterations(reports: &[IterationReport]) -> Curves {
    let column = |label: &str, unit: &str, of: &dyn Fn(&IterationReport) -> f64| {
        Column::new(label, unit, reports.iter().map(of))
    };
    let mut curves = Curves {
        title: "Iterations".into(),
        columns: vec![
            column("iteration", "", &|r| r.iteration as f64),
            column("resolution", "Å", &|r| r.resolution),
            column("resolution of the data used", "Å", &|r| r.band),
            column("change of angles", "°", &|r| r.angle_change),
            column("change of shifts", "Å", &|r| r.shift_change),
            column("particles that jumped", "", &|r| r.jumps),
            column("particles that changed class", "", &|r| r.class_changes),
            column("effective modes", "", &|r| r.effective_modes),
            column("uncertainty of angles", "°", &|r| r.angle_uncertainty),
            column("uncertainty of shifts", "Å", &|r| r.shift_uncertainty),
            column("deviation of shifts", "Å", &|r| r.offset_sigma),
            column("log-likelihood", "", &|r| r.log_likelihood),
        ],
        facts: reports
            .last()
            .map(|r| ("resolution (Å)".to_owned(), r.resolution))
            .into_iter()
            .collect(),
    };
    if reports.iter().any(|r| r.helix.is_some()) {
        let of = |value: fn(&HelixFit) -> f64| {
            move |r: &IterationReport| r.helix.as_ref().map_or(f64::NAN, value)
        };
        curves.columns.extend([
            column("rise of the half maps", "Å", &of(|fit| fit.rise.0)),
            column("twist of the half maps", "°", &of(|fit| fit.twist.0)),
            column(
                "share that the helix explains",
                "",
                &of(|fit| fit.explained),
            ),
        ]);
    }
    curves
}

/// Power of the noise of each group by shell, as the variance of one of the `values` voxels or pixels that a particle has; shells
/// beyond those that were compared have the power of the last. Scales of the signal are facts.
pub(super) fn noise(
    weighting: &Weighting,
    groups: &[String],
    n: usize,
    voxel_size: f64,
    values: usize,
) -> Curves {
    let shells = 0..n / 2 + 1;
    let edge = n as f64 * voxel_size;
    let frequency = shells.clone().map(|s| s as f64 / edge);
    let mut curves = Curves {
        title: "Power of the noise per voxel or pixel".into(),
        columns: vec![Column::new("frequency", "1/Å", frequency)],
        ..Curves::default()
    };
    for (group, name) in groups.iter().enumerate() {
        let known = weighting
            .noise
            .shells
            .get(group)
            .map_or(&[][..], Vec::as_slice);
        let last = known.iter().rposition(|power| *power > 0.0).unwrap_or(0);
        let power = |shell: usize| {
            // The mean of the whole box is no measure of noise.
            let power = known.get(shell.clamp(1.min(last), last));
            power.map_or(0.0, |power| power / values as f64)
        };
        let column = Column::new(name, "", shells.clone().map(power));
        curves.columns.push(column);
        if let Some(scale) = weighting.scales.get(group) {
            curves.facts.insert(format!("scale of {name}"), *scale);
        }
    }
    curves
}

/// The last correlation of the halves, and that of every iteration.
pub(super) fn correlations(
    fsc: &[f64],
    resolution: f64,
    reports: &[IterationReport],
    box_length: f64,
) -> Curves {
    let mut columns = vec![
        Column::new(
            "frequency",
            "1/Å",
            (0..fsc.len()).map(|s| s as f64 / box_length),
        ),
        Column::new("half maps", "", fsc.iter().copied()),
    ];
    for report in reports.iter().filter(|report| !report.fsc.is_empty()) {
        let label = format!("iteration {}", report.iteration);
        let padded = (0..fsc.len()).map(|s| report.fsc.get(s).copied().unwrap_or(f64::NAN));
        columns.push(Column::new(&label, "", padded));
    }
    Curves {
        title: format!("Fourier shell correlation: {resolution:.1} Å"),
        columns,
        facts: [("resolution (Å)".to_owned(), resolution)].into(),
    }
}

/// The curve of the finished half maps alone.
pub(super) fn drawn(curves: &Curves) -> Picture {
    let shown = Curves {
        columns: curves.columns.iter().take(2).cloned().collect(),
        ..curves.clone()
    };
    pictures::correlation(&shown)
}

/// Particles per viewing direction.
pub(super) fn directions(distributions: &[AngularDistribution]) -> Curves {
    let Some(first) = distributions.first() else {
        return Curves::default();
    };
    let of = |angle: &dyn Fn(DVec3) -> f64| {
        let angles: Vec<f64> = first
            .directions()
            .map(|(d, _)| Radians(angle(d)).degrees().0)
            .collect();
        angles
    };
    let mut columns = vec![
        Column::new("direction", "", (0..first.counts.len()).map(|i| i as f64)),
        Column::new("rot", "°", of(&|d| d.y.atan2(d.x))),
        Column::new("tilt", "°", of(&|d| d.z.clamp(-1.0, 1.0).acos())),
    ];
    for (class, one) in distributions.iter().enumerate() {
        let label = if distributions.len() == 1 {
            "particles".to_owned()
        } else {
            format!("particles of class {}", class + 1)
        };
        columns.push(Column::new(
            &label,
            "",
            one.counts.iter().map(|c| f64::from(*c)),
        ));
    }
    let evenness = |(class, one): (usize, &AngularDistribution)| {
        (format!("evenness of class {}", class + 1), one.evenness())
    };
    Curves {
        title: "Viewing directions".into(),
        columns,
        facts: distributions.iter().enumerate().map(evenness).collect(),
    }
}

/// Viewing directions over the sphere: rot from −180° to 180° along x, tilt from 180° at the top to 0° at the bottom.
pub(super) fn sphere(distribution: &AngularDistribution) -> Picture {
    let (height, width) = (60, 120);
    let directions: Vec<(DVec3, u32)> = distribution.directions().collect();
    let at = |(y, x): (usize, usize)| {
        let tilt = (y as f64 + 0.5) / height as f64 * std::f64::consts::PI;
        let rot = ((x as f64 + 0.5) / width as f64 - 0.5) * std::f64::consts::TAU;
        let view = DVec3::new(tilt.sin() * rot.cos(), tilt.sin() * rot.sin(), tilt.cos());
        let nearest = directions
            .iter()
            .max_by(|a, b| a.0.dot(view).total_cmp(&b.0.dot(view)));
        nearest.map_or(0.0, |(_, count)| *count as f32)
    };
    pictures::image(&Array2::from_shape_fn((height, width), at).view())
}

//! What an estimate of contrast transfer leaves: values in the series, curves, pictures, and warnings by name.

use std::collections::BTreeMap;

use ndarray::Array2;
use thon_contract::kinds::{Column, Curves};
use thon_contract::{Context, JobError};
use thon_ctf_fit::{Fault, PolarGrid, RingOptics, SeriesFit, SeriesView, ViewFit, diagnose};
use thon_model::{Ctf, DefocusHand, HandSign, TiltSeries};
use thon_picture::{Contrast, Curve, Picture, Plot, gray};
use thon_units::{Angstrom, Radians, SquareAngstrom};

use super::estimate::Strategy;
use crate::pictures::against_tilt;

/// Edge of the spectrum that is drawn.
const SPECTRUM: usize = 320;

/// The model's word for an estimate; scale and envelope are kept.
fn ctf_of(view: &ViewFit, before: Option<Ctf>) -> Ctf {
    let half = view.astigmatism[0].hypot(view.astigmatism[1]);
    let angle = 0.5 * view.astigmatism[1].atan2(view.astigmatism[0]);
    Ctf {
        defocus_u: Angstrom(view.defocus + half),
        defocus_v: Angstrom(view.defocus - half),
        defocus_angle: Radians(angle.rem_euclid(std::f64::consts::PI)),
        phase_shift: Radians(view.phase_shift),
        scale: before.map_or(1.0, |c| c.scale),
        b_factor: before.map_or(SquareAngstrom(0.0), |c| c.b_factor),
    }
}

/// Writes estimates and hand into the series; `source` is where they were made: the series itself, or its trials.
pub(super) fn apply(
    series: &mut TiltSeries,
    source: &TiltSeries,
    fit: &SeriesFit,
    places: &[usize],
    strategy: Strategy,
) -> Result<(), JobError> {
    let mut by_place: BTreeMap<usize, &ViewFit> = BTreeMap::new();
    for (view, place) in fit.views.iter().zip(places) {
        if let Some(view) = view {
            by_place.insert(*place, view);
        }
    }
    let name = series.name.clone();
    for (index, image) in series
        .images
        .iter_mut()
        .enumerate()
        .filter(|(_, image)| image.exclusion.is_none())
    {
        let view = if strategy == Strategy::TrialImages {
            trial_of(source, image.nominal_tilt_angle, &by_place).ok_or_else(|| {
                let tilt = image.nominal_tilt_angle.degrees().0;
                JobError::data(format!(
                    "{name}, image {}: no trial image at {tilt:.1}°",
                    index + 1
                ))
            })?
        } else {
            match by_place.get(&index) {
                Some(view) => *view,
                None => continue,
            }
        };
        image.ctf = Some(ctf_of(view, image.ctf));
    }
    if let Some(hand) = hand_of(fit) {
        series.defocus_hand = Some(hand);
    }
    Ok(())
}

/// The mean of trial images at the tilt of a view is that of the first one within a degree and a half.
fn trial_of<'a>(
    source: &TiltSeries,
    tilt: Radians,
    fits: &BTreeMap<usize, &'a ViewFit>,
) -> Option<&'a ViewFit> {
    let away = |place: usize| (source.images[place].nominal_tilt_angle.0 - tilt.0).abs();
    let nearest = fits
        .iter()
        .min_by(|a, b| away(*a.0).total_cmp(&away(*b.0)))?;
    (away(*nearest.0) < 0.027).then_some(*nearest.1)
}

/// The hand with its evidence, when it was measured beyond doubt.
fn hand_of(fit: &SeriesFit) -> Option<DefocusHand> {
    let test = &fit.hand;
    if test.given || !test.is_certain() {
        return None;
    }
    let views = test.per_view.iter().filter(|d| **d != 0.0).count();
    let [tilt, x_tilt] = [fit.plane.tilt_offset, fit.plane.x_tilt_offset].map(f64::to_degrees);
    let inclined = if tilt == 0.0 && x_tilt == 0.0 {
        String::new()
    } else {
        format!("; specimen inclined by {tilt:.1}° about the tilt axis and {x_tilt:.1}° about x")
    };
    let evidence = format!(
        "gradient of Thon rings over the tiles of {views} views: log-likelihood {:.1} over the other hand, p = {:.1e}{inclined}",
        test.margin, test.p_value
    );
    Some(DefocusHand {
        sign: test.sign,
        evidence,
    })
}

/// Says what is wrong, by name, and notes the figures of the series.
pub(super) fn told(
    series: &TiltSeries,
    views: &[SeriesView],
    fit: &SeriesFit,
    places: &[usize],
    range: [f64; 2],
    context: &Context,
) {
    let (without_rings, others): (Vec<_>, Vec<_>) = diagnose(views, fit, range)
        .into_iter()
        .partition(|diagnosis| diagnosis.fault == Fault::NoRings);
    let dark: Vec<String> = without_rings
        .iter()
        .filter_map(|diagnosis| Some((places[diagnosis.view?] + 1).to_string()))
        .collect();
    if !dark.is_empty() {
        context.warn(format!(
            "{}: no Thon rings beyond chance in {} of {} images ({}); their defocus is that of their neighbours",
            series.name,
            dark.len(),
            views.len(),
            dark.join(", ")
        ));
    }
    for diagnosis in others {
        let place = match diagnosis.view {
            Some(view) => format!("{}, image {}", series.name, places[view] + 1),
            None => series.name.clone(),
        };
        context.warn(format!(
            "{place}: {}: {}",
            fault_name(diagnosis.fault),
            diagnosis.text
        ));
    }
    if let (Some(before), false) = (&series.defocus_hand, fit.hand.given)
        && fit.hand.is_certain()
        && before.sign != fit.hand.sign
    {
        context.warn(format!(
            "{}: the measured hand of the defocus gradient is {}, the series said {} ({}): the measured one is stored",
            series.name,
            sign_name(fit.hand.sign),
            sign_name(before.sign),
            before.evidence
        ));
    }
    let name = |what: &str| format!("{}: {what}", series.name);
    context.metric(name("hand margin"), fit.hand.margin);
    let resolutions: Vec<f64> = fit
        .views
        .iter()
        .flatten()
        .map(|v| v.quality.resolution)
        .filter(|r| r.is_finite())
        .collect();
    let defocus: Vec<f64> = fit.views.iter().flatten().map(|v| v.defocus).collect();
    if !defocus.is_empty() {
        let mean = defocus.iter().sum::<f64>() / defocus.len() as f64;
        context.metric(name("mean defocus (Å)"), mean);
    }
    if let Some(best) = resolutions.iter().copied().min_by(f64::total_cmp) {
        context.metric(name("finest ring (Å)"), best);
    }
}

fn sign_name(sign: HandSign) -> &'static str {
    match sign {
        HandSign::Plus => "+1",
        HandSign::Minus => "−1",
    }
}

fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::Blank => "blank",
        Fault::Gold => "gold",
        Fault::Blocked => "blocked",
        Fault::NoRings => "no rings",
        Fault::OffCourse => "off course",
        Fault::WrongTilt => "wrong tilt",
        Fault::RingsDoNotFit => "rings do not fit",
        Fault::EndOfRange => "end of range",
        Fault::WrongScale => "wrong pixel size",
        Fault::WrongAxis => "wrong axis",
        Fault::WrongOrder => "wrong order",
        Fault::FixedPattern => "fixed pattern",
        Fault::UncertainHand => "uncertain hand",
        Fault::ContraryHand => "contrary hand",
    }
}

/// Everything that was estimated, against tilt.
pub(super) fn curves(series: &TiltSeries, fit: &SeriesFit, places: &[usize]) -> Curves {
    let mut rows: Vec<(f64, &ViewFit, [f64; 2])> = fit
        .views
        .iter()
        .zip(places)
        .zip(&fit.gradient.per_view)
        .filter_map(|((view, place), gradient)| {
            let tilt = series.images[*place].tilt_angle().degrees().0;
            Some((tilt, view.as_ref()?, *gradient))
        })
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let column = |label: &str, unit: &str, value: &dyn Fn(&ViewFit) -> f64| {
        Column::new(label, unit, rows.iter().map(|(_, view, _)| value(view)))
    };
    let gradient = |label: &str, unit: &str, value: &dyn Fn([f64; 2]) -> f64| {
        Column::new(label, unit, rows.iter().map(|(_, _, own)| value(*own)))
    };
    let half = |view: &ViewFit| view.astigmatism[0].hypot(view.astigmatism[1]);
    let angle = |view: &ViewFit| 0.5 * view.astigmatism[1].atan2(view.astigmatism[0]).to_degrees();
    let mut facts = BTreeMap::new();
    facts.insert("hand".to_owned(), fit.hand.sign.value());
    facts.insert(
        "hand: log-likelihood over the other".to_owned(),
        fit.hand.margin,
    );
    facts.insert("hand: p-value".to_owned(), fit.hand.p_value);
    facts.insert(
        "plane: rotation about the tilt axis (°)".to_owned(),
        fit.plane.tilt_offset.to_degrees(),
    );
    facts.insert(
        "plane: rotation about x (°)".to_owned(),
        fit.plane.x_tilt_offset.to_degrees(),
    );
    facts.insert(
        "gradient over the expected one".to_owned(),
        fit.gradient.scale,
    );
    facts.insert(
        "gradient: turn (°)".to_owned(),
        fit.gradient.turn.to_degrees(),
    );
    facts.insert("envelope: B factor (Å²)".to_owned(), fit.b_factor);
    if let Some(thickness) = fit.thickness {
        facts.insert("thickness (Å)".to_owned(), thickness);
    }
    Curves {
        title: format!("Contrast transfer of {}", series.name),
        columns: vec![
            Column::new("tilt", "°", rows.iter().map(|(tilt, _, _)| *tilt)),
            column(COURSE[0], "Å", &|v| v.defocus + half(v)),
            column(COURSE[1], "Å", &|v| v.defocus - half(v)),
            column("angle of u", "°", &|v| angle(v).rem_euclid(180.0)),
            column("phase shift", "°", &|v| v.phase_shift.to_degrees()),
            column("deviation of defocus", "Å", &|v| v.defocus_deviation),
            column("least deviation of a view alone", "Å", &|v| v.bound),
            column(COURSE[2], "Å", &|v| v.expected[0]),
            column("deviate from the others", "", &|v| v.deviate()),
            column("deviation of astigmatism", "Å", &|v| {
                2.0 * v.astigmatism_deviation
            }),
            column("score", "", &|v| v.quality.score),
            column("log-likelihood", "", &|v| v.quality.log_likelihood),
            column("resolution of rings", "Å", &|v| v.quality.resolution),
            // How the plane of the rings agrees with the alignment.
            gradient("own gradient: angle to the expected one", "°", &|g| {
                g[1].to_degrees()
            }),
            gradient("own gradient: log-likelihood gained", "", &|g| g[0]),
        ],
        facts,
    }
}

/// The columns that the picture of the course draws.
const COURSE: [&str; 3] = ["defocus u", "defocus v", "expected from the others"];

/// Pictures by name: the course of defocus, profiles at low, middle and high tilt, a spectrum beside its fit.
pub(super) fn pictures(
    series: &TiltSeries,
    views: &[SeriesView],
    fit: &SeriesFit,
    places: &[usize],
    grid: &PolarGrid,
) -> Vec<(String, Picture)> {
    let mut order: Vec<usize> = (0..places.len())
        .filter(|i| fit.views[*i].is_some())
        .collect();
    let tilt = |i: usize| series.images[places[i]].tilt_angle().degrees().0;
    order.sort_by(|a, b| tilt(*a).abs().total_cmp(&tilt(*b).abs()));
    let mut pictures = vec![("course".to_owned(), course(series, fit, places))];
    let chosen = [("low", 0.0), ("middle", 0.5), ("high", 1.0)];
    for (label, share) in chosen {
        let index = (share * order.len().saturating_sub(1) as f64).round() as usize;
        let Some(&view) = order.get(index) else {
            continue;
        };
        if let Some(result) = &fit.views[view] {
            pictures.push((
                format!("profile-{label}"),
                profile(series, places[view], tilt(view), result),
            ));
            if label == "low" {
                let optics = RingOptics::new(&series.optics, result.phase_shift);
                pictures.push((
                    "spectrum".to_owned(),
                    spectrum(&views[view], grid, result, &optics),
                ));
            }
        }
    }
    pictures
}

fn course(series: &TiltSeries, fit: &SeriesFit, places: &[usize]) -> Picture {
    let mut table = curves(series, fit, places);
    table.title = format!("Defocus of {}", series.name);
    let drawn: Vec<usize> = (0..table.columns.len())
        .filter(|&i| COURSE.contains(&table.columns[i].label.as_str()))
        .collect();
    against_tilt(&table, &drawn, "underfocus (Å)", &[])
}

fn profile(series: &TiltSeries, place: usize, tilt: f64, view: &ViewFit) -> Picture {
    let profile = &view.quality.profile;
    let line = |label: &str, values: &[f64]| Curve {
        label: label.to_owned(),
        points: profile
            .frequencies
            .iter()
            .copied()
            .zip(values.iter().copied())
            .collect(),
    };
    let end = profile.frequencies.last().copied().unwrap_or(0.2);
    let tick = |i: usize| {
        let k = end * i as f64 / 8.0;
        (
            k,
            if i == 0 {
                "inf".to_owned()
            } else {
                format!("{:.1}", 1.0 / k)
            },
        )
    };
    Plot {
        title: format!(
            "{}, image {} at {tilt:.1}°: {:.0} ± {:.0} Å, score {:.2}, rings to {:.1} Å",
            series.name,
            place + 1,
            view.defocus,
            view.defocus_deviation,
            view.quality.score,
            view.quality.resolution
        ),
        x_label: "period (Å)".into(),
        y_label: "power over background".into(),
        y_range: None,
        x_ticks: (0..=8).map(tick).collect(),
        levels: vec![0.0],
        curves: vec![
            line("rings of equal phase", &profile.rings),
            line("fit", &profile.fit),
        ],
    }
    .draw()
}

/// Mean spectrum of the tiles over its background in the right half, the fitted rings in the left.
fn spectrum(view: &SeriesView, grid: &PolarGrid, fit: &ViewFit, optics: &RingOptics) -> Picture {
    let rings = grid.rings();
    let mut mean = vec![0.0f64; grid.len()];
    for tile in view.spectra.power.chunks_exact(grid.len()) {
        for (sum, value) in mean.iter_mut().zip(tile) {
            *sum += f64::from(*value);
        }
    }
    let level = |ring: usize| {
        let near = ring.saturating_sub(12)..(ring + 13).min(rings);
        let count = (near.len() * grid.sectors()) as f64;
        let sum: f64 = (0..grid.sectors())
            .flat_map(|s| near.clone().map(move |r| s * rings + r))
            .map(|i| mean[i])
            .sum();
        sum / count
    };
    let levels: Vec<f64> = (0..rings).map(level).collect();
    let scale = grid.frequencies[rings - 1] / (0.5 * SPECTRUM as f64);
    let image = Array2::from_shape_fn((SPECTRUM, SPECTRUM), |(row, column)| {
        let (x, y) = (
            column as f64 - 0.5 * SPECTRUM as f64,
            0.5 * SPECTRUM as f64 - row as f64,
        );
        let (k, angle) = (x.hypot(y) * scale, y.atan2(x));
        let ring = (k - grid.frequencies[0]) / grid.width;
        if ring < 0.0 || ring > (rings - 1) as f64 {
            return 0.0;
        }
        let ring = ring.round() as usize;
        if x < 0.0 {
            let local = fit.defocus
                + fit.astigmatism[0] * (2.0 * angle).cos()
                + fit.astigmatism[1] * (2.0 * angle).sin();
            return (0.12 * (optics.phase(k, local).sin().powi(2) - 0.5)) as f32;
        }
        let turn = angle.rem_euclid(std::f64::consts::PI) / std::f64::consts::PI;
        let sector = ((turn * grid.sectors() as f64) as usize).min(grid.sectors() - 1);
        (mean[sector * rings + ring] / levels[ring].max(1e-30) - 1.0) as f32
    });
    gray(&image.view(), Contrast::Range(-0.1, 0.1), SPECTRUM)
}

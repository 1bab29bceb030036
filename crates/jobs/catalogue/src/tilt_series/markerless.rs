//! What the marker-free alignment jobs share: views made ready, the start, findings, curves and pictures.

use ndarray::{Array2, s};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves};
use thon_contract::{Context, Cost, Finding, JobError};
use thon_geometry::TiltGeometry;
use thon_markerless::{
    AlignView, Diagnosis, GoldOptions, MarkerlessError, Specimen, binning_for, fixed_pattern,
    prepare_view, straighten, unusable_views,
};
use thon_model::{Exclusion, TiltSeries};
use thon_picture::{Contrast, Picture, gray};
use thon_units::{Angstrom, Degrees, Radians};

use crate::pictures;
use crate::tilt_images::{TiltImages, image_findings};

/// Views in the picture of an aligned series, and the edge of each.
const PANELS: usize = 8;
const PANEL: usize = 200;

/// What bounds the specimen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shape {
    /// A layer that fills the field of view: ice, cells, lamellae.
    #[default]
    Slab,
    /// A free-standing needle or pillar along the tilt axis.
    Needle,
}

impl Shape {
    pub(super) fn of_extent(self, extent: Angstrom) -> Specimen {
        match self {
            Self::Slab => Specimen::Slab { thickness: extent },
            Self::Needle => Specimen::Needle { diameter: extent },
        }
    }
}

/// The views of a series that can be aligned.
pub(super) struct Loaded {
    /// Index in the series of each.
    pub(super) indices: Vec<usize>,
    /// The views.
    pub(super) views: Vec<AlignView>,
    /// Where each starts: its own geometry, or its nominal tilt.
    pub(super) start: Vec<TiltGeometry>,
}

/// The tilt axis to start from: a parameter, an earlier alignment, the microscope. `None` when nobody knows.
pub(super) fn known_axis(series: &TiltSeries, parameter: Option<Degrees>) -> Option<Radians> {
    let aligned = || {
        let mut geometries = series.used().map(|i| series.images[i].geometry);
        geometries.find_map(|g| g.map(|g| g.tilt_axis_angle))
    };
    parameter
        .map(Degrees::radians)
        .or_else(aligned)
        .or(series.nominal_tilt_axis_angle)
}

/// Reads and prepares the used images for periods down to `period`; unusable ones are excluded in `series`, with the reason.
pub(super) fn load(
    series: &mut TiltSeries,
    axis: Radians,
    period: Angstrom,
    gold: bool,
    context: &Context,
) -> Result<Loaded, JobError> {
    let images = TiltImages::open(series, context)?;
    let [ny, nx] = series.image_size;
    let binning = binning_for(series.pixel_size.0, period.0 / 2.6);
    let options = gold.then(GoldOptions::default);
    let used: Vec<usize> = series.used().collect();
    let mut loaded = Loaded {
        indices: used,
        views: Vec::new(),
        start: Vec::new(),
    };
    for (done, &index) in loaded.indices.iter().enumerate() {
        thon_compute::check(context.progress())?;
        let pixels = images.read_as_it_is(index)?;
        let raw =
            Array2::from_shape_vec((ny, nx), pixels).map_err(|e| JobError::data(e.to_string()))?;
        let view = prepare_view(&raw.view(), series.pixel_size.0, binning, options.as_ref());
        loaded.views.push(view);
        let image = &series.images[index];
        let own = image.geometry.unwrap_or(TiltGeometry {
            tilt_axis_angle: axis,
            ..TiltGeometry::tilted(image.nominal_tilt_angle)
        });
        // Deformations of an alignment before are looked for anew.
        loaded.start.push(TiltGeometry {
            deformation: None,
            ..own
        });
        context
            .progress()
            .advance(done as u64 + 1, 2 * loaded.indices.len() as u64);
    }
    exclude_unusable(series, &mut loaded, context);
    if let Some(fault) = fixed_pattern(&loaded.views) {
        context.warn(format!("{}: {fault}", series.name));
    }
    Ok(loaded)
}

fn exclude_unusable(series: &mut TiltSeries, loaded: &mut Loaded, context: &Context) {
    let faults = unusable_views(&loaded.views, &loaded.start);
    let mut keep = vec![true; loaded.views.len()];
    for fault in &faults {
        let (Diagnosis::Empty { view }
        | Diagnosis::Blocked { view, .. }
        | Diagnosis::Duplicate { view, .. }) = fault
        else {
            continue;
        };
        keep[*view] = false;
        let reason = in_series(fault, &loaded.indices).to_string();
        context.warn(format!("{}: {reason}", series.name));
        series.images[loaded.indices[*view]].exclusion = Some(Exclusion { reason });
    }
    let mut kept = keep.iter().copied().cycle();
    loaded.views.retain(|_| kept.next().unwrap_or(true));
    let mut kept = keep.iter().copied().cycle();
    loaded.start.retain(|_| kept.next().unwrap_or(true));
    let mut kept = keep.iter().copied().cycle();
    loaded.indices.retain(|_| kept.next().unwrap_or(true));
}

/// The diagnosis with views counted as in the series.
pub(super) fn in_series(diagnosis: &Diagnosis, indices: &[usize]) -> Diagnosis {
    let mut diagnosis = diagnosis.clone();
    match &mut diagnosis {
        Diagnosis::Empty { view }
        | Diagnosis::Blocked { view, .. }
        | Diagnosis::Unrelated { view, .. }
        | Diagnosis::Displaced { view, .. } => *view = indices[*view],
        Diagnosis::Duplicate { view, of } => {
            *view = indices[*view];
            *of = indices[*of];
        }
        _ => {}
    }
    diagnosis
}

/// What is asked for as shortest period, within what images of this size and pixel allow.
pub(super) fn allowed_period(asked: Angstrom, series: &TiltSeries) -> Angstrom {
    let pixel = series.pixel_size.0;
    let field = series.image_size[0].min(series.image_size[1]) as f64 * pixel;
    Angstrom(asked.0.max(2.6 * pixel).min(field / 8.1))
}

/// What keeps a series from being aligned without markers, and what is odd about its pixel size.
pub(super) fn findings(series: &TiltSeries, context: &Context) -> Vec<Finding> {
    let used = series.used().count();
    if used < 3 {
        let message = format!("expected at least 3 usable tilt images, found {used}");
        return vec![Finding::error(&series.name, message)];
    }
    let mut findings = image_findings(series, context);
    if !(series.pixel_size.0.is_finite() && series.pixel_size.0 > 0.0) {
        let message = format!(
            "expected a positive pixel size, found {}",
            series.pixel_size
        );
        findings.push(Finding::error(&series.name, message));
    }
    let tilts: Vec<f64> = series
        .used()
        .map(|i| series.images[i].tilt_angle().degrees().0)
        .collect();
    let span = tilts.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        - tilts.iter().copied().fold(f64::INFINITY, f64::min);
    if span.is_nan() || span <= 1.0 {
        let message = format!("expected tilts that differ, found a span of {span}°");
        findings.push(
            Finding::error(&series.name, message).with_hint("import the angles of the series"),
        );
    }
    findings
}

/// Memory, disk and time of reading the views and of `rounds` rounds over them.
pub(super) fn cost(series: &TiltSeries, period: Angstrom, rounds: f64) -> Cost {
    let pixels = (series.image_size[0] * series.image_size[1]) as f64;
    let views = series.used().count() as f64;
    let binning = binning_for(series.pixel_size.0, period.0 / 2.6) as f64;
    let binned = pixels / (binning * binning);
    // Half of the binned plane at most is compared; matrices of a fifth of that many classes per 100 views.
    let coefficients = 0.5 * binned * views * 8.0;
    // The grain of the middle of each image.
    let grain = 4.0 * views * pixels.min(65536.0);
    let matrices = 4.0 * views * views * (binned / 40.0 + 500.0);
    Cost {
        memory: (48 << 20)
            + (12.0 * pixels + views * binned * 12.0 + coefficients + matrices + grain) as u64,
        disk: 1 << 20,
        cpu_seconds: 0.2 + pixels * views * 6e-9 + rounds * views * (binned * 6e-8 + 1e-3),
    }
}

/// The job error that a kernel error amounts to.
pub(super) fn stopped(error: MarkerlessError) -> JobError {
    match error {
        MarkerlessError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}

/// A column over the views, which have to be put in the order of tilt.
pub(super) struct Measured<'a> {
    pub(super) label: &'a str,
    pub(super) unit: &'a str,
    pub(super) values: Vec<f64>,
}

/// Tilt, axis, shift and whatever was measured, per view in the order of tilt.
pub(super) fn curves(
    title: String,
    geometries: &[TiltGeometry],
    measured: &[Measured<'_>],
) -> Curves {
    let mut order: Vec<usize> = (0..geometries.len()).collect();
    let tilt = |i: usize| geometries[i].tilt_angle.degrees().0;
    order.sort_by(|&a, &b| tilt(a).total_cmp(&tilt(b)).then(a.cmp(&b)));
    let column = |label: &str, unit: &str, value: &dyn Fn(usize) -> f64| {
        Column::new(label, unit, order.iter().map(|&i| value(i)))
    };
    let mut columns = vec![
        column("tilt", "°", &tilt),
        column("axis", "°", &|i| geometries[i].tilt_axis_angle.degrees().0),
        column("shift x", "Å", &|i| geometries[i].shift.x),
        column("shift y", "Å", &|i| geometries[i].shift.y),
    ];
    for m in measured {
        columns.push(column(m.label, m.unit, &|i| m.values[i]));
    }
    Curves {
        title,
        columns,
        facts: std::collections::BTreeMap::new(),
    }
}

/// Some columns against the first.
pub(super) fn plot(curves: &Curves, labels: &[&str], y_label: &str) -> Vec<u8> {
    let wanted = |index: &usize| labels.contains(&curves.columns[*index].label.as_str());
    let columns: Vec<usize> = (1..curves.columns.len()).filter(wanted).collect();
    pictures::against_tilt(curves, &columns, y_label, &[]).to_png()
}

/// Aligned views across the series, the tilt axis upright.
pub(super) fn montage(loaded: &Loaded, geometries: &[TiltGeometry]) -> Vec<u8> {
    let mut order: Vec<usize> = (0..geometries.len()).collect();
    order.sort_by(|&a, &b| {
        geometries[a]
            .tilt_angle
            .0
            .total_cmp(&geometries[b].tilt_angle.0)
            .then(a.cmp(&b))
    });
    let shown = PANELS.min(order.len()).max(1);
    let per_row = shown.div_ceil(2);
    let gap = 4;
    let mut canvas = Picture::filled(
        per_row * (PANEL + gap) - gap,
        2 * (PANEL + gap) - gap,
        [255, 255, 255],
    );
    for panel in 0..shown {
        let at = panel * order.len().saturating_sub(1) / shown.saturating_sub(1).max(1);
        let view = order[at];
        let image = straighten(&loaded.views[view], &geometries[view], PANEL);
        let picture = gray(&image.slice(s![.., ..]), Contrast::Percentile(0.005), PANEL);
        let (row, column) = (panel / per_row, panel % per_row);
        canvas.paste(&picture, column * (PANEL + gap), row * (PANEL + gap));
    }
    canvas.to_png()
}

/// Writes geometries into the series; views that were not aligned lose theirs.
pub(super) fn assign(series: &mut TiltSeries, indices: &[usize], geometries: &[TiltGeometry]) {
    for image in &mut series.images {
        image.geometry = None;
    }
    for (&index, geometry) in indices.iter().zip(geometries) {
        series.images[index].geometry = Some(*geometry);
    }
}

//! Two or more estimates of the contrast transfer of the same series: which views are good, and what is chosen.
//!
//! Kernel: `thon_ctf_fit::form_consensus`: the 20 % rule of ScipionTomo, and the agreement of each estimate with the course of
//! its own series.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output,
    PROCESS_MEMORY,
};
use thon_ctf_fit::{ConsensusOptions, ViewConsensus, form_consensus};
use thon_model::{Ctf, Exclusion, TiltSeries};
use thon_picture::{Curve, Plot};
use thon_units::Angstrom;

/// Consensus of estimates.
pub(crate) struct Consensus;

/// Compare estimates of the contrast transfer of the same tilt series and choose values.
///
/// Views whose estimates speak against them are named. A view is good when its estimates agree, and when they lie on the course of their series. Chosen is the mean defocus of the
/// estimates that are believed, with the astigmatism of the first of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Largest difference between the mean defoci of a view, as a fraction of their mean.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tolerance: f64,
    /// Resolution at which believed estimates must agree within a quarter period of the rings.
    pub resolution: Angstrom,
    /// Robust standard deviations from the course of its series beyond which an estimate is not believed.
    #[schemars(range(min = 2.0, max = 100.0), extend("x-level" = "expert"))]
    pub outlier: f64,
    /// Whether bad views are excluded; they are only named when false.
    pub exclude: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            tolerance: 0.2,
            resolution: Angstrom(15.0),
            outlier: 6.0,
            exclude: false,
        }
    }
}

/// Inputs of the consensus.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series with the first estimate; everything else is taken from here.
    tilt_series: Each<TiltSeriesKind>,
    /// The same series with a second estimate.
    second: Artifact<TiltSeriesKind>,
    /// The same series with a third estimate.
    third: Option<Artifact<TiltSeriesKind>>,
}

/// Outputs of the consensus.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The series with the chosen values; bad views excluded when that was asked.
    tilt_series: Output<TiltSeriesKind>,
    /// Defocus of every estimate and the chosen one against tilt, with flags.
    curves: Output<CurvesKind>,
    /// The same as a picture.
    pictures: Output<PictureKind>,
}

impl Job for Consensus {
    const ID: &'static str = "ctf.consensus";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !(params.tolerance > 0.0 && params.tolerance <= 1.0) {
            let message = format!(
                "expected more than 0 and at most 1, found {}",
                params.tolerance
            );
            findings.push(Finding::error("tolerance", message));
        }
        if !(params.resolution > Angstrom(0.0) && params.resolution < Angstrom(1000.0)) {
            let message = format!(
                "expected a resolution below 1000 Å, found {}",
                params.resolution
            );
            findings.push(Finding::error("resolution", message));
        }
        match estimates(inputs, context) {
            Err(e) => findings.push(Finding::error("second", e.to_string())),
            Ok(all) => {
                for (place, series) in ["tilt_series", "second", "third"].iter().zip(&all) {
                    if series.images.iter().all(|image| image.ctf.is_none()) {
                        let message =
                            format!("{} has no estimate of contrast transfer", series.name);
                        findings.push(
                            Finding::error(*place, message)
                                .with_hint("estimate or import it first"),
                        );
                    }
                }
            }
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let images = context
            .load(inputs.tilt_series.item())
            .map_or(0, |s| s.images.len()) as u64;
        Cost {
            memory: PROCESS_MEMORY + 32_768 * images,
            disk: (256 << 10) + 8_192 * images,
            cpu_seconds: 0.2,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let all = estimates(inputs, context)?;
        let mut series = all[0].clone();
        let order = in_time(&series);
        let mut lists: Vec<Vec<Option<Ctf>>> = Vec::new();
        for one in &all {
            thon_compute::check(context.progress())?;
            lists.push(order.iter().map(|i| one.images[*i].ctf).collect());
        }
        let options = ConsensusOptions {
            tolerance: params.tolerance,
            resolution: params.resolution.0,
            wavelength: series.optics.voltage.electron_wavelength().0,
            outlier: params.outlier,
        };
        let formed = form_consensus(&lists, &options);
        let by_image: BTreeMap<usize, &ViewConsensus> =
            order.iter().copied().zip(&formed).collect();
        choose(&mut series, &by_image, params.exclude, context);
        let curves = table(&all, &series, &by_image);
        let picture = plot(&curves).draw();
        let name = series.name.clone();
        Ok(Outputs {
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(&name, &series)?]),
            curves: Output::of(vec![context.store::<CurvesKind>(&name, &curves)?]),
            pictures: Output::of(vec![
                context.store::<PictureKind>(&name, &picture.to_png())?,
            ]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Estimates of contrast transfer were compared in thon; views whose defoci differ by more than {:.0} % were marked.",
                100.0 * params.tolerance
            ),
            citations: vec![Citation::new(
                "Jiménez de la Morena et al. 2022",
                "10.1016/j.jsb.2022.107872",
            )],
        }
    }
}

/// The series with all its estimates; images must correspond.
fn estimates(inputs: &Inputs, context: &Context) -> Result<Vec<TiltSeries>, JobError> {
    let first = context.load(inputs.tilt_series.item())?;
    let mut all = vec![first];
    for artifact in std::iter::once(&inputs.second).chain(&inputs.third) {
        let name = &all[0].name;
        let item = artifact.items().iter().find(|item| item.name() == *name);
        let item =
            item.ok_or_else(|| JobError::data(format!("there is no other estimate of {name}")))?;
        let other = context.load(item)?;
        if other.images.len() != all[0].images.len() {
            return Err(JobError::data(format!(
                "{name}: expected {} images in every estimate, found {}",
                all[0].images.len(),
                other.images.len()
            )));
        }
        all.push(other);
    }
    Ok(all)
}

/// Indices of the used images in the order of time.
fn in_time(series: &TiltSeries) -> Vec<usize> {
    let mut order: Vec<usize> = series.used().collect();
    order.sort_by(|a, b| {
        let key = |i: usize| {
            (
                series.images[i].acquisition_index.unwrap_or(0),
                series.images[i].dose_before.0,
            )
        };
        let (first, second) = (key(*a), key(*b));
        first.0.cmp(&second.0).then(first.1.total_cmp(&second.1))
    });
    order
}

/// Puts the chosen values into the series and says which views are bad.
fn choose(
    series: &mut TiltSeries,
    formed: &BTreeMap<usize, &ViewConsensus>,
    exclude: bool,
    context: &Context,
) {
    for (&index, view) in formed {
        let image = &mut series.images[index];
        if let Some(ctf) = view.ctf {
            image.ctf = Some(ctf);
        }
        if view.is_good() {
            continue;
        }
        let reason = view.reasons.join("; ");
        context.warn(format!("{}, image {}: {reason}", series.name, index + 1));
        if exclude {
            image.exclusion = Some(Exclusion {
                reason: format!("contrast transfer: {reason}"),
            });
        }
    }
    let bad = formed.values().filter(|view| !view.is_good()).count();
    context.metric(format!("{}: bad views", series.name), bad as f64);
}

fn table(
    all: &[TiltSeries],
    chosen: &TiltSeries,
    formed: &BTreeMap<usize, &ViewConsensus>,
) -> Curves {
    let mut rows: Vec<usize> = formed.keys().copied().collect();
    let tilt = |i: usize| chosen.images[i].tilt_angle().degrees().0;
    rows.sort_by(|a, b| tilt(*a).total_cmp(&tilt(*b)));
    let mean = |series: &TiltSeries, i: usize| {
        series.images[i]
            .ctf
            .map_or(f64::NAN, |c| 0.5 * (c.defocus_u.0 + c.defocus_v.0))
    };
    let mut columns = vec![Column::new("tilt", "°", rows.iter().map(|i| tilt(*i)))];
    for (number, series) in all.iter().enumerate() {
        let label = format!("estimate {}", number + 1);
        columns.push(Column::new(
            &label,
            "Å",
            rows.iter().map(|i| mean(series, *i)),
        ));
    }
    columns.push(Column::new(
        "chosen",
        "Å",
        rows.iter().map(|i| mean(chosen, *i)),
    ));
    let flag = |value: &dyn Fn(&ViewConsensus) -> bool| {
        rows.iter()
            .map(|i| f64::from(u8::from(value(formed[i]))))
            .collect::<Vec<_>>()
    };
    columns.push(Column::new(
        "within tolerance",
        "",
        flag(&|v| v.within_tolerance),
    ));
    columns.push(Column::new("good", "", flag(&|v| v.is_good())));
    let good = formed.values().filter(|v| v.is_good()).count() as f64;
    Curves {
        title: format!("Estimates of the defocus of {}", chosen.name),
        columns,
        facts: BTreeMap::from([
            ("good views".to_owned(), good),
            ("views".to_owned(), formed.len() as f64),
        ]),
    }
}

fn plot(curves: &Curves) -> Plot {
    let value = |column: &Column, row: usize| column.values[row].unwrap_or(f64::NAN);
    let rows = curves.columns[0].values.len();
    let last = curves.columns.len() - 2;
    Plot {
        title: curves.title.clone(),
        x_label: "tilt (°)".into(),
        y_label: "underfocus (Å)".into(),
        y_range: None,
        x_ticks: Vec::new(),
        levels: Vec::new(),
        curves: curves.columns[1..last]
            .iter()
            .map(|column| Curve {
                label: column.label.clone(),
                points: (0..rows)
                    .map(|row| (value(&curves.columns[0], row), value(column, row)))
                    .collect(),
            })
            .collect(),
    }
}

//! Alignment of a tilt series by its gold beads.
//!
//! Kernel: `thon_align::align_beads`; bundle adjustment after Mastronarde 2007 (Methods Cell Biol. 79:477), robust, with the
//! spread of the stage's errors estimated from the data. Frames: tilt image → specimen; images are not resampled.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{BeadAlignment, BeadOptions, Diagnosis, Images, align_beads};
use thon_contract::kinds::{CurvesKind, FilesKind, PictureKind, TiltSeriesKind};
use thon_contract::{
    Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_model::{Exclusion, TiltSeries};
use thon_units::Angstrom;

use super::fiducials::{self, Freedoms};
use super::local_motion::{Local, Rigid};
use crate::tilt_images::{TiltImages, image_findings};

/// Alignment by gold beads.
pub(crate) struct AlignFiducials;

/// Align tilt series by their gold beads.
///
/// Beads are found, followed through all views and centred by fitting their own mean profile; tilts, axis, magnification
/// and shifts follow from their positions. Needs about five beads or more.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Diameter of the beads; found from the images when empty.
    pub bead_diameter: Option<Angstrom>,
    /// What the adjustment solves for.
    pub solve: Freedoms,
    /// Motion of the specimen and local displacements.
    pub local: Local,
    /// Whether blank and foreign views are excluded; otherwise they are named only.
    pub exclude: bool,
    /// Thickness of specimen that beads may be spread over.
    #[schemars(extend("x-level" = "expert"))]
    pub largest_thickness: Angstrom,
    /// Largest displacement between neighbouring views, as a share of the image.
    #[schemars(extend("x-level" = "expert"))]
    pub largest_shift: f64,
    /// Lowest correlation peak that may be a bead, standard deviations.
    #[schemars(extend("x-level" = "expert"))]
    pub least_score: f64,
    /// Rounds of centring and adjusting.
    #[schemars(extend("x-level" = "expert"))]
    pub rounds: usize,
}

impl Default for Params {
    fn default() -> Self {
        let kernel = BeadOptions::default();
        Self {
            bead_diameter: None,
            solve: Freedoms::default(),
            local: Local::default(),
            exclude: true,
            largest_thickness: Angstrom(2.0 * kernel.half_thickness),
            largest_shift: kernel.largest_shift,
            least_score: kernel.least_score,
            rounds: kernel.rounds,
        }
    }
}

impl Params {
    /// The same in the words of the kernel.
    fn kernel(&self) -> BeadOptions {
        BeadOptions {
            diameter: self.bead_diameter.map(|d| d.0),
            half_thickness: 0.5 * self.largest_thickness.0,
            largest_shift: self.largest_shift,
            least_score: self.least_score,
            rounds: self.rounds,
            adjustment: self.solve.adjustment(),
            ..BeadOptions::default()
        }
    }
}

/// Inputs of the alignment.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series; a coarse alignment, if there is one, is where the search begins.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the alignment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The aligned series.
    tilt_series: Output<TiltSeriesKind>,
    /// Residual and certainty of every view.
    residuals: Output<CurvesKind>,
    /// Places of the points in the specimen.
    points: Output<CurvesKind>,
    /// The beads: an IMOD model of their tracks, residuals and places.
    fiducials: Output<FilesKind>,
    /// Residuals, and a view with its beads.
    pictures: Output<PictureKind>,
}

/// Beads expected before any is found.
const POINTS: usize = 30;

impl Job for AlignFiducials {
    const ID: &'static str = "tilt_series.align-fiducials";
    const VERSION: u32 = 2;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = image_findings(&series, context);
        if series.used().count() < 5 {
            findings.push(Finding::error(
                &series.name,
                "fewer than five tilt images are used",
            ));
        }
        let pixel = series.pixel_size.0;
        if let Some(diameter) = params.bead_diameter
            && !(diameter.0 >= 4.0 * pixel && diameter.0 <= 200.0 * pixel)
        {
            let message = format!(
                "expected 4 to 200 pixels of {}, found {diameter}",
                series.pixel_size
            );
            findings.push(Finding::error("bead_diameter", message));
        }
        let shares = [
            ("largest_shift", params.largest_shift, 1.0),
            ("least_score", params.least_score, 100.0),
        ];
        for (name, value, most) in shares {
            if !(value > 0.0 && value <= most) {
                findings.push(Finding::error(
                    name,
                    format!("expected more than 0 and at most {most}, found {value}"),
                ));
            }
        }
        if !(params.largest_thickness.0 > 0.0 && params.rounds >= 1 && params.rounds <= 20) {
            findings.push(Finding::error(
                "rounds",
                "expected 1 to 20 rounds and a positive thickness",
            ));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let [ny, nx] = series.image_size;
        let pixels = (ny * nx) as f64;
        let images = series.used().count() as f64;
        // Beads are about 20 working pixels wide; small ones (4 pixels) are worked at full size.
        let diameter = params.bead_diameter.map_or(100.0, |d| d.0);
        let shrunk = (20.0 * series.pixel_size.0 / diameter).min(1.0).powi(2);
        // Every thread shrinks an image: what was read, the image and its spectrum; of each the grain of its middle is kept.
        let threads = rayon::current_num_threads() as f64;
        Cost {
            memory: PROCESS_MEMORY
                + (8 << 20)
                + (pixels * (10.0 * threads + images * 4.0 * shrunk)) as u64
                + (images * 4.0 * pixels.min(65536.0)) as u64,
            disk: fiducials::disk(&series, POINTS) + fiducials::picture_bytes(&series),
            // Read once, correlated at the working size.
            cpu_seconds: 0.1
                + images * pixels * (1e-8 + 9e-8 * shrunk)
                + fiducials::adjusting(&series, POINTS),
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let mut series = context.load(item)?;
        let start = fiducials::start(&series);
        let used: Vec<bool> = series
            .images
            .iter()
            .map(thon_model::TiltImage::is_used)
            .collect();
        let options = params.kernel();
        let images = Source(TiltImages::open(&series, context)?, series.image_size);
        let found = align_beads(
            &images,
            &start,
            &used,
            series.pixel_size.0,
            &options,
            context.progress(),
        )
        .map_err(fiducials::stopped)?;
        name_faults(&found, &series, context);
        let Some(solution) = &found.solution else {
            let reason = found
                .diagnoses
                .last()
                .map_or_else(String::new, ToString::to_string);
            return Err(JobError::data(format!("{}: {reason}", series.name)));
        };
        let rigid = Rigid {
            series: &series,
            views: &(0..series.images.len()).collect::<Vec<_>>(),
            tracks: &found.tracks,
            start: &start,
            options: &options.adjustment,
            solution,
        };
        let (solution, mut facts) = params.local.follow(&rigid, context)?;
        let solution = &solution;
        let aligned = fiducials::adopt(&mut series, solution, context);
        context.metric("mean residual (Å)", solution.mean_residual);
        if params.exclude {
            exclude(&mut series, &found.diagnoses);
        }
        if aligned < 3 {
            return Err(JobError::data(format!(
                "{}: only {aligned} views could be aligned",
                series.name
            )));
        }
        facts.push((
            "bead diameter (Å)",
            found.measured_diameter.unwrap_or(found.diameter),
        ));
        let report = fiducials::Report {
            series: &series,
            tracks: &found.tracks,
            solution,
            facts: &facts,
        };
        let view = images
            .load(solution.reference_view)
            .map_err(JobError::data)?;
        let name = item.name();
        let curves = report.curves();
        let drawn = [fiducials::residual_plot(&curves), report.beads(&view)];
        let pictures: Result<Vec<_>, JobError> = ["residuals", "beads"]
            .iter()
            .zip(drawn)
            .map(|(what, png)| context.store::<PictureKind>(&format!("{name}_{what}"), &png))
            .collect();
        Ok(Outputs {
            residuals: Output::of(vec![
                context.store::<CurvesKind>(&format!("{name}_residuals"), &curves)?,
            ]),
            points: Output::of(vec![context.store::<CurvesKind>(name, &report.points())?]),
            fiducials: Output::of(vec![
                context.store::<FilesKind>(name, &report.files(name, context)?)?,
            ]),
            pictures: Output::of(pictures?),
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(name, &series)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let solved = params.solve.words();
        Methods {
            text: format!(
                "Tilt series were aligned by their gold beads in thon: beads were centred by their mean profile, and {solved} were solved by robust bundle adjustment.{}",
                params.local.sentence()
            ),
            citations: vec![Citation::new(
                "Mastronarde 2007",
                "10.1016/S0091-679X(06)79006-2",
            )],
        }
    }
}

/// The images of a series for the kernel.
struct Source(TiltImages, [usize; 2]);

impl Images for Source {
    fn size(&self) -> [usize; 2] {
        self.1
    }

    fn load(&self, view: usize) -> Result<Array2<f32>, String> {
        let pixels = self.0.read_as_it_is(view).map_err(|e| e.to_string())?;
        if let Some(bad) = pixels.iter().find(|v| !v.is_finite()) {
            return Err(format!("a pixel is {bad}; clean or exclude the image"));
        }
        Array2::from_shape_vec((self.1[0], self.1[1]), pixels).map_err(|e| e.to_string())
    }
}

fn name_faults(found: &BeadAlignment, series: &TiltSeries, context: &Context) {
    for diagnosis in &found.diagnoses {
        context.warn(format!("{}: {diagnosis}", series.name));
    }
}

/// Excludes the views that a diagnosis speaks against.
fn exclude(series: &mut TiltSeries, diagnoses: &[Diagnosis]) {
    for diagnosis in diagnoses {
        let (Diagnosis::BlankView { view, .. }
        | Diagnosis::UnrelatedView { view }
        | Diagnosis::WrongTilt { view, .. }) = diagnosis
        else {
            continue;
        };
        series.images[*view].exclusion = Some(Exclusion {
            reason: diagnosis.to_string(),
        });
    }
}

//! What the jobs that align by tracked points share: the start, the freedoms, the report, the files.

use std::collections::BTreeMap;

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{Adjustment, AlignError, Grouping, Prior, Solution, Track, Variable};
use thon_contract::kinds::{Column, Curves, FileListing};
use thon_contract::{Context, JobError};
use thon_geometry::TiltGeometry;
use thon_model::{Exclusion, TiltSeries};
use thon_units::Radians;

use crate::pictures;

/// How much a variable may differ between views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Freedom {
    /// As the microscope or the alignment before states it.
    Fixed,
    /// One for all views.
    One,
    /// Groups of neighbouring views, linear between them.
    Grouped,
    /// Every view, held near its start by the spread that the data themselves show.
    Estimated,
    /// Every view, free.
    Free,
}

/// What an adjustment solves for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Freedoms {
    /// Tilt angles.
    pub tilt: Freedom,
    /// Angles of the tilt axis.
    pub rotation: Freedom,
    /// Magnifications.
    pub magnification: Freedom,
    /// Stretch of the specimen across the tilt axis, for plastic sections.
    #[schemars(extend("x-level" = "expert"))]
    pub stretch: Freedom,
    /// Skew of the specimen, for plastic sections.
    #[schemars(extend("x-level" = "expert"))]
    pub skew: Freedom,
    /// Number of views of a group.
    #[schemars(extend("x-level" = "expert"))]
    pub group: usize,
    /// Whether outliers lose their weight.
    #[schemars(extend("x-level" = "expert"))]
    pub robust: bool,
}

impl Default for Freedoms {
    fn default() -> Self {
        Self {
            tilt: Freedom::Estimated,
            rotation: Freedom::Estimated,
            magnification: Freedom::Estimated,
            stretch: Freedom::Fixed,
            skew: Freedom::Fixed,
            group: 5,
            robust: true,
        }
    }
}

impl Freedoms {
    pub(crate) fn adjustment(&self) -> Adjustment {
        let defaults = Adjustment::default();
        let variable = |freedom: Freedom, spread: f64| match freedom {
            Freedom::Fixed => Variable::FIXED,
            Freedom::One => Variable::ONE,
            Freedom::Grouped => Variable::linear(self.group.max(1)),
            Freedom::Free => Variable::PER_VIEW,
            Freedom::Estimated => Variable {
                grouping: Grouping::PerView,
                prior: Prior::Estimated(spread),
            },
        };
        Adjustment {
            tilt: variable(self.tilt, 5e-4),
            rotation: variable(self.rotation, 7e-4),
            magnification: variable(self.magnification, 3e-4),
            stretch: variable(self.stretch, 1e-3),
            skew: variable(self.skew, 1e-3),
            robust: if self.robust {
                defaults.robust
            } else {
                thon_align::Robust::None
            },
            ..defaults
        }
    }

    /// What is solved, in words.
    pub(crate) fn words(&self) -> String {
        let all = [
            ("tilt angles", self.tilt),
            ("axis angles", self.rotation),
            ("magnifications", self.magnification),
            ("stretch", self.stretch),
            ("skew", self.skew),
        ];
        let solved = all.iter().filter(|(_, freedom)| *freedom != Freedom::Fixed);
        let mut words: Vec<&str> = solved.map(|(word, _)| *word).collect();
        words.push("shifts");
        words.join(", ")
    }
}

/// Where an adjustment begins: the geometry there is, or the angles the microscope states.
pub(crate) fn start(series: &TiltSeries) -> Vec<TiltGeometry> {
    let axis = series.nominal_tilt_axis_angle.unwrap_or(Radians(0.0));
    let of_image = |image: &thon_model::TiltImage| {
        let own = image.geometry.unwrap_or(TiltGeometry {
            tilt_axis_angle: axis,
            ..TiltGeometry::tilted(image.nominal_tilt_angle)
        });
        // Deformations of an alignment before are looked for anew.
        TiltGeometry {
            deformation: None,
            ..own
        }
    };
    series.images.iter().map(of_image).collect()
}

/// The job error that a kernel error amounts to.
pub(crate) fn stopped(error: AlignError) -> JobError {
    match error {
        AlignError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}

/// Puts the solution into the series and gives the number of aligned views; used views without it are excluded.
pub(crate) fn adopt(series: &mut TiltSeries, solution: &Solution, context: &Context) -> usize {
    let mut aligned = 0;
    let mut stale = false;
    for (image, geometry) in series.images.iter_mut().zip(&solution.geometry) {
        match geometry {
            Some(geometry) => {
                stale |= image.ctf.is_some() && image.geometry.is_some();
                image.geometry = Some(*geometry);
                aligned += usize::from(image.is_used());
            }
            None if image.is_used() => {
                let reason = "no tracked point was seen on it".to_owned();
                image.exclusion = Some(Exclusion { reason });
            }
            None => {}
        }
    }
    if stale {
        context.warn("defocus was estimated for the alignment before; estimate it again");
    }
    aligned
}

/// Bytes of the series, tables, drawing of residuals and tracks of an alignment by so many points.
pub(crate) fn disk(series: &TiltSeries, points: usize) -> u64 {
    let (images, used) = (series.images.len(), series.used().count());
    // A row of a table for every image and point; every observation in the model and in the table of tracks.
    ((16 << 10) + 1_100 * images + 340 * used + points * (270 + 60 * used)) as u64
}

/// Bytes of the picture of the reference view: two of three bytes of a noisy grey pixel remain.
pub(crate) fn picture_bytes(series: &TiltSeries) -> u64 {
    let [height, width] = series.image_size;
    let binning = picture_binning(height.max(width));
    (2 * (height / binning) * (width / binning)) as u64
}

/// Seconds that the adjustment of so many points takes: their normal equations couple all views.
pub(crate) fn adjusting(series: &TiltSeries, points: usize) -> f64 {
    let views = series.used().count() as f64;
    0.02 + points as f64 * views * views * 4e-6
}

/// How many pixels of an image of this edge become one of its picture.
fn picture_binning(edge: usize) -> usize {
    const EDGE: usize = 640;
    edge.div_ceil(EDGE).max(1)
}

/// What is told about an alignment by tracked points.
pub(crate) struct Report<'a> {
    pub(crate) series: &'a TiltSeries,
    pub(crate) tracks: &'a [Track],
    pub(crate) solution: &'a Solution,
    pub(crate) facts: &'a [(&'a str, f64)],
}

impl Report<'_> {
    /// Residuals and certainty of every aligned view, by tilt angle.
    pub(crate) fn curves(&self) -> Curves {
        let Solution {
            geometry, views, ..
        } = self.solution;
        let mut order: Vec<usize> = (0..views.len())
            .filter(|&v| geometry[v].is_some())
            .collect();
        let tilt = |v: usize| geometry[v].map_or(f64::NAN, |g| g.tilt_angle.degrees().0);
        order.sort_by(|&a, &b| tilt(a).total_cmp(&tilt(b)).then(a.cmp(&b)));
        let column = |label: &str, unit: &str, value: &dyn Fn(usize) -> f64| {
            Column::new(label, unit, order.iter().map(|&v| value(v)))
        };
        let nominal = |v: usize| self.series.images[v].nominal_tilt_angle.degrees().0;
        let columns = vec![
            column("tilt", "°", &tilt),
            column("mean residual", "Å", &|v| views[v].mean_residual),
            column("noise of a position", "Å", &|v| views[v].noise),
            column("deviation of the shift", "Å", &|v| {
                views[v].shift_deviation
            }),
            column("points", "", &|v| views[v].observations as f64),
            column("outliers", "", &|v| views[v].outliers as f64),
            column("tilt − nominal", "°", &|v| tilt(v) - nominal(v)),
            column("deviation of the tilt", "°", &|v| {
                views[v].tilt_deviation.to_degrees()
            }),
            column("axis angle", "°", &|v| {
                geometry[v].map_or(f64::NAN, |g| g.tilt_axis_angle.degrees().0)
            }),
            column("deviation of the axis angle", "°", &|v| {
                views[v].rotation_deviation.to_degrees()
            }),
            column("magnification", "", &|v| {
                geometry[v].map_or(f64::NAN, |g| g.affine.determinant().abs().sqrt())
            }),
        ];
        Curves {
            title: format!("{}: residuals", self.series.name),
            columns,
            facts: self.facts(),
        }
    }

    fn facts(&self) -> BTreeMap<String, f64> {
        let solution = self.solution;
        let worst = solution
            .views
            .iter()
            .map(|v| v.mean_residual)
            .fold(0.0, f64::max);
        let mut facts: BTreeMap<String, f64> = BTreeMap::from([
            (
                "points".to_owned(),
                solution.points.iter().flatten().count() as f64,
            ),
            ("mean residual (Å)".to_owned(), solution.mean_residual),
            (
                "weighted mean residual (Å)".to_owned(),
                solution.weighted_mean_residual,
            ),
            ("largest mean residual of a view (Å)".to_owned(), worst),
            ("measurements per unknown".to_owned(), solution.redundancy),
            ("outliers".to_owned(), solution.outliers().len() as f64),
        ]);
        let [tilt, rotation, magnification, ..] = solution.spreads;
        let spreads = [
            ("spread of tilts (°)", tilt.map(f64::to_degrees)),
            ("spread of axis angles (°)", rotation.map(f64::to_degrees)),
            (
                "spread of magnifications (%)",
                magnification.map(|m| 100.0 * m),
            ),
        ];
        facts.extend(
            spreads
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        facts.extend(
            self.facts
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value)),
        );
        facts
    }

    /// Places of the points in the specimen, with their certainty and residual.
    pub(crate) fn points(&self) -> Curves {
        let solution = self.solution;
        let found: Vec<usize> = (0..solution.points.len())
            .filter(|&t| solution.points[t].is_some())
            .collect();
        let place = |t: usize| solution.points[t].unwrap_or_default();
        let deviation = |t: usize| solution.point_deviations[t].unwrap_or_default();
        let column = |label: &str, unit: &str, value: &dyn Fn(usize) -> f64| {
            Column::new(label, unit, found.iter().map(|&t| value(t)))
        };
        Curves {
            title: format!("{}: tracked points", self.series.name),
            columns: vec![
                column("point", "", &|t| (t + 1) as f64),
                column("x", "Å", &|t| place(t).x),
                column("y", "Å", &|t| place(t).y),
                column("z", "Å", &|t| place(t).z),
                column("deviation of x", "Å", &|t| deviation(t).x),
                column("deviation of y", "Å", &|t| deviation(t).y),
                column("deviation of z", "Å", &|t| deviation(t).z),
                column("mean residual", "Å", &|t| {
                    solution.track_residuals[t].unwrap_or(f64::NAN)
                }),
                column("views", "", &|t| self.tracks[t].points.len() as f64),
            ],
            facts: BTreeMap::new(),
        }
    }

    /// The reference view with its points: circles, and residuals drawn thirty times as long, as PNG.
    pub(crate) fn beads(&self, view: &Array2<f32>) -> Vec<u8> {
        const LONG: f64 = 30.0;
        let binning = picture_binning(view.nrows().max(view.ncols()));
        let mean = Array2::from_shape_fn(
            (view.nrows() / binning, view.ncols() / binning),
            |(y, x)| {
                let window = ndarray::s![
                    y * binning..(y + 1) * binning,
                    x * binning..(x + 1) * binning
                ];
                view.slice(window).mean().unwrap_or(0.0)
            },
        );
        let mut picture = crate::pictures::image(&mean.view());
        let scale = picture.width as f64 / mean.ncols().max(1) as f64 / binning as f64;
        let (height, [ny, nx]) = (picture.height as f64, self.series.image_size);
        let drawn = |position: thon_geometry::glam::DVec2| {
            let at = position / self.series.pixel_size.0;
            let (x, y) = (at.x + (nx / 2) as f64 + 0.5, at.y + (ny / 2) as f64 + 0.5);
            (x * scale, height - y * scale)
        };
        let reference = self.solution.reference_view;
        for (index, track) in self
            .tracks
            .iter()
            .enumerate()
            .filter(|(t, _)| self.solution.points[*t].is_some())
        {
            for (k, point) in track
                .points
                .iter()
                .enumerate()
                .filter(|(_, p)| p.view == reference)
            {
                let off = self.solution.weights[index][k] < 0.05;
                let colour = if off { [220, 60, 60] } else { [60, 160, 240] };
                let corners: Vec<(f64, f64)> = (0..=24)
                    .map(|c| {
                        let (sin, cos) = (f64::from(c) * std::f64::consts::TAU / 24.0).sin_cos();
                        let (x, y) = drawn(point.position);
                        (x + 9.0 * cos, y + 9.0 * sin)
                    })
                    .collect();
                corners
                    .windows(2)
                    .for_each(|c| picture.line(c[0], c[1], colour));
                let end = drawn(point.position + self.solution.residuals[index][k] * LONG);
                picture.line(drawn(point.position), end, [250, 200, 40]);
            }
        }
        picture.to_png()
    }

    /// Writes the tracks as an IMOD model, and residuals and places as text.
    pub(crate) fn files(&self, name: &str, context: &Context) -> Result<FileListing, JobError> {
        let series = self.series;
        let model = crate::export::fiducial_model::fiducial_model(series, self.tracks);
        let mut files = Vec::new();
        let mut save = |file: String, bytes: Vec<u8>| -> Result<(), JobError> {
            let path = context.file(&file)?;
            std::fs::write(&path, bytes).map_err(|e| JobError::file(&path, e))?;
            files.push(file.into());
            Ok(())
        };
        save(format!("{name}.fid"), model)?;
        save(format!("{name}.tracks.tsv"), self.table().into_bytes())?;
        Ok(FileListing {
            format: "IMOD model and table of tracks".into(),
            files,
            losses: vec!["the model holds no weights and residuals; the table does".into()],
        })
    }

    fn table(&self) -> String {
        use std::fmt::Write;
        let mut text =
            String::from("track\tview\tx (Å)\ty (Å)\tresidual x (Å)\tresidual y (Å)\tweight\n");
        for (index, track) in self.tracks.iter().enumerate() {
            for (k, point) in track.points.iter().enumerate() {
                let (p, r) = (point.position, self.solution.residuals[index][k]);
                let weight = self.solution.weights[index][k];
                // Writing to a string does not fail.
                let _ = writeln!(
                    text,
                    "{}\t{}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{weight:.3}",
                    index + 1,
                    point.view + 1,
                    p.x,
                    p.y,
                    r.x,
                    r.y
                );
            }
        }
        text
    }
}

/// Residual and noise of the views against tilt, as PNG.
pub(crate) fn residual_plot(curves: &Curves) -> Vec<u8> {
    pictures::against_tilt(curves, &[1, 2, 3], "Å", &[]).to_png()
}

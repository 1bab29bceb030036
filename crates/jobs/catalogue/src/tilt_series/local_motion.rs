//! Motion of the specimen and local displacements after a rigid alignment by points: the parameter, and what is told about it.
//!
//! Kernel: `thon_align::align_locally`. Doses are those in the middle of each exposure, e/Å².

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{
    Adjustment, Course, LocalAlignment, LocalInput, LocalModel, LocalOptions, Solution, Track,
    align_locally,
};
use thon_contract::{Context, JobError};
use thon_geometry::TiltGeometry;
use thon_model::{TiltImage, TiltSeries};

use super::fiducials;

/// What a rigid alignment leaves out and may be looked for in its residuals. A model is taken only when points left out of its fit
/// show smaller residuals with it. Deformed series are reconstructed by weighted back-projection and cut into particles;
/// other reconstructions refuse them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Local {
    /// Doming and creep of the specimen with the dose.
    pub specimen_motion: bool,
    /// Smooth displacements of each image by itself; wants 50 points or more.
    #[schemars(extend("x-level" = "expert"))]
    pub image_fields: bool,
}

/// A rigid alignment whose residuals are looked into.
pub(crate) struct Rigid<'a> {
    pub(crate) series: &'a TiltSeries,
    /// Index in the series of each view of the tracks.
    pub(crate) views: &'a [usize],
    pub(crate) tracks: &'a [Track],
    pub(crate) start: &'a [TiltGeometry],
    pub(crate) options: &'a Adjustment,
    pub(crate) solution: &'a Solution,
}

/// Facts for the report, by name.
pub(crate) type Facts = Vec<(&'static str, f64)>;

impl Local {
    /// The alignment with whatever is worth following, and what was measured. Without the parameter, the rigid one.
    pub(crate) fn follow(
        &self,
        rigid: &Rigid<'_>,
        context: &Context,
    ) -> Result<(Solution, Facts), JobError> {
        if !self.specimen_motion && !self.image_fields {
            return Ok((rigid.solution.clone(), Vec::new()));
        }
        let doses: Vec<f64> = rigid
            .views
            .iter()
            .map(|&index| dose(&rigid.series.images[index]))
            .collect();
        if self.specimen_motion && doses.iter().all(|dose| *dose == 0.0) {
            context.warn(format!(
                "{}: no exposure is stated, so that motion with the dose cannot be looked for",
                rigid.series.name
            ));
        }
        let [ny, nx] = rigid.series.image_size;
        let input = LocalInput {
            tracks: rigid.tracks,
            start: rigid.start,
            options: rigid.options,
            solution: rigid.solution,
            doses: &doses,
            half_field: 0.5 * nx.max(ny) as f64 * rigid.series.pixel_size.0,
        };
        let options = LocalOptions {
            motion: self.specimen_motion,
            field: self.image_fields,
            ..LocalOptions::default()
        };
        let found = align_locally(&input, &options).map_err(fiducials::stopped)?;
        context.warn(format!("{}: {}", rigid.series.name, words(&found)));
        let facts = facts(&found);
        Ok((found.solution, facts))
    }

    /// What is tried, for the sentence of methods.
    pub(crate) fn sentence(&self) -> &'static str {
        match (self.specimen_motion, self.image_fields) {
            (false, false) => "",
            (true, false) => {
                " Motion of the specimen with the dose was followed where points left out of its fit confirmed it."
            }
            (false, true) => {
                " Local displacements of the images were followed where points left out of their fit confirmed them."
            }
            (true, true) => {
                " Motion of the specimen with the dose and local displacements of the images were followed where points left out of their fit confirmed them."
            }
        }
    }
}

fn dose(image: &TiltImage) -> f64 {
    image.dose_before.0 + 0.5 * image.exposure.map_or(0.0, |exposure| exposure.0)
}

fn residuals(found: &LocalAlignment) -> [f64; 2] {
    let of = |model: LocalModel| {
        let same = found.trials.iter().find(|trial| trial.model == model);
        same.map_or(f64::NAN, |trial| trial.residual)
    };
    [of(LocalModel::default()), of(found.model)]
}

fn facts(found: &LocalAlignment) -> Facts {
    let [before, after] = residuals(found);
    vec![
        ("points left out, rigid (Å)", before),
        ("points left out, with deformation (Å)", after),
        ("displacement by the deformation (Å)", found.displacement),
    ]
}

fn words(found: &LocalAlignment) -> String {
    let [before, after] = residuals(found);
    let mut parts = Vec::new();
    if let Some(motion) = found.model.motion {
        let course = match motion.course {
            Course::Steady => "steady with the dose".to_owned(),
            Course::Settling(tau) => format!("settling within {:.0} % of the dose", 100.0 * tau),
            Course::Both(tau) => format!(
                "settling within {:.0} % of the dose, then steady",
                100.0 * tau
            ),
        };
        let layers = if motion.layered {
            ", differing with height"
        } else {
            ""
        };
        parts.push(format!(
            "motion of the specimen of degree {}, {course}{layers}",
            motion.degree
        ));
    }
    if let Some(field) = found.model.field {
        parts.push(format!(
            "displacements of degree {} in each image",
            field.degree
        ));
    }
    if parts.is_empty() {
        return format!(
            "the rigid alignment stands: no deformation lowers the residual of points left out ({before:.2} Å)"
        );
    }
    format!(
        "{}; residual of points left out {before:.2} → {after:.2} Å, displacement {:.2} Å",
        parts.join(" and "),
        found.displacement
    )
}

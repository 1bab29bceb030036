//! Tilt images excluded, or taken back, by a person: a state with a reason, never a deleted row.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::TiltSeriesKind;
use thon_contract::{Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY};
use thon_model::{Exclusion, TiltSeries};
use thon_units::{Degrees, Dose};

/// Exclusion by a person.
pub(crate) struct Exclude;

/// Exclude tilt images by number, tilt or exposure, or take them back.
///
/// Numbers count from 1 in the order of the series' file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Images to exclude, such as `1-3, 7`.
    #[schemars(extend("x-picks" = "tilt-images"))]
    pub images: String,
    /// Excluded images to use again, such as `5`.
    pub take_back: String,
    /// Name of the only series this is about; every series when empty.
    #[schemars(extend("x-picks" = "tilt-series-name"))]
    pub only: String,
    /// Images at higher tilts than this are excluded.
    #[schemars(range(min = 0.0, max = 90.0))]
    pub highest_tilt: Option<Degrees>,
    /// Images with more exposure before them are excluded.
    #[schemars(range(min = 0.0))]
    pub highest_dose: Option<Dose>,
    /// The reason that is recorded.
    #[schemars(extend("x-picks" = "reason"))]
    pub reason: String,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            images: String::new(),
            take_back: String::new(),
            only: String::new(),
            highest_tilt: None,
            highest_dose: None,
            reason: "excluded by hand".into(),
        }
    }
}

/// Inputs of the exclusion.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the exclusion.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The series with the exclusions.
    tilt_series: Output<TiltSeriesKind>,
}

impl Job for Exclude {
    const ID: &'static str = "tilt_series.exclude";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        match changed(params, series) {
            Ok((series, ..)) if series.used().next().is_none() => vec![Finding::error(
                &series.name,
                "that would exclude every tilt image",
            )],
            Ok(_) => Vec::new(),
            Err(finding) => vec![finding],
        }
    }

    fn cost(_: &Params, _: &Inputs, _: &Context) -> Cost {
        Cost {
            memory: PROCESS_MEMORY,
            disk: 1 << 18,
            cpu_seconds: 0.05,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let item = inputs.tilt_series.item();
        let (series, excluded, back) = changed(params, context.load(item)?)
            .map_err(|finding| JobError::Refused(vec![finding]))?;
        context.metric("newly excluded images", excluded as f64);
        context.metric("images taken back", back as f64);
        let record = context.store::<TiltSeriesKind>(item.name(), &series)?;
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Some tilt images were excluded after inspection.".into(),
            citations: Vec::new(),
        }
    }
}

/// The series with what the parameters ask for; how many were newly excluded and taken back.
fn changed(params: &Params, mut series: TiltSeries) -> Result<(TiltSeries, usize, usize), Finding> {
    if !params.only.is_empty() && params.only != series.name {
        return Ok((series, 0, 0));
    }
    let count = series.images.len();
    let excluded = numbers("images", &params.images, count)?;
    let back = numbers("take_back", &params.take_back, count)?;
    let (mut newly, mut again) = (0, 0);
    for (index, image) in series.images.iter_mut().enumerate() {
        let number = index + 1;
        if back.contains(&number) {
            again += usize::from(image.exclusion.take().is_some());
            continue;
        }
        let tilt = image.tilt_angle().degrees().abs();
        let out = excluded.contains(&number)
            || params.highest_tilt.is_some_and(|highest| tilt > highest)
            || params
                .highest_dose
                .is_some_and(|highest| image.dose_before > highest);
        if out && image.exclusion.is_none() {
            newly += 1;
            image.exclusion = Some(Exclusion {
                reason: params.reason.clone(),
            });
        }
    }
    Ok((series, newly, again))
}

/// The numbers of a list such as `1-3, 7`, each between 1 and `count`.
fn numbers(field: &str, text: &str, count: usize) -> Result<BTreeSet<usize>, Finding> {
    let mut found = BTreeSet::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<usize>().ok();
        let range = number(first)
            .zip(number(last))
            .filter(|(first, last)| *first >= 1 && first <= last && *last <= count);
        let Some((first, last)) = range else {
            let message = format!("expected numbers from 1 to {count}, found '{part}'");
            return Err(Finding::error(field, message).with_hint("write 1-3, 7"));
        };
        found.extend(first..=last);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_numbers_are_read() {
        let found = numbers("images", " 1-3, 7 ,7", 8).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [1, 2, 3, 7]);
        assert!(numbers("images", "", 8).unwrap().is_empty());
        for bad in [
            "0",
            "9",
            "3-1",
            "a",
            "1-",
            "-1",
            "1 2",
            "99999999999999999999",
        ] {
            let finding = numbers("images", bad, 8).unwrap_err();
            assert!(
                finding.message.contains("expected numbers from 1 to 8"),
                "{bad}"
            );
        }
    }
}

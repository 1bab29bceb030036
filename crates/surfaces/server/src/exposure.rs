//! How much of the signal each view of a tilt series still has, at some periods: the weights by exposure, before anything
//! was measured (Grant & Grigorieff 2015).

use schemars::JsonSchema;
use serde::Serialize;
use thon_contract::kinds::TiltSeriesKind;
use thon_ctf::ExposureModel;
use thon_units::{Angstrom, Dose};

use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::objects::Object;
use crate::server::Server;

/// Periods that are told, Å.
const PERIODS: [f64; 4] = [40.0, 20.0, 10.0, 5.0];

/// What exposure leaves of the signal.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ExposureWeights {
    /// Periods, Å.
    periods: Vec<f64>,
    /// For each view, in the order of the series, the share of the amplitude that is left at each period.
    views: Vec<Vec<f64>>,
    /// Voltage, kV.
    voltage: f64,
}

/// The weights of a tilt series.
pub(crate) fn exposure(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    object.expect(&["tilt-series"])?;
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(unchanged),
    };
    let series = object.load::<TiltSeriesKind>()?;
    let voltage = series.optics.voltage;
    let weights = |before: Dose, during: Dose| {
        let weight = |period: &f64| {
            let k = Angstrom(*period).frequency();
            ExposureModel::GrantGrigorieff.attenuation(k, before, during, voltage)
        };
        PERIODS.iter().map(weight).collect::<Vec<f64>>()
    };
    let views = series.images.iter();
    let views: Vec<Vec<f64>> = views
        .map(|image| weights(image.dose_before, image.exposure.unwrap_or(Dose(0.0))))
        .collect();
    if views.is_empty() {
        return Err(Refusal::absent("the series has no views"));
    }
    let answer = ExposureWeights {
        periods: PERIODS.to_vec(),
        views,
        voltage: voltage.0,
    };
    Ok(Answer::json(&answer)?.tagged(tag))
}

//! Curves of post-processing and the numbers read off them.

use std::collections::BTreeMap;

use thon_contract::kinds::{Column, Curves};
use thon_maps::post_process::{PROTEIN_SHARE, PostProcessed};

/// The four correlations against frequency.
pub(super) fn fsc_curves(result: &PostProcessed) -> Curves {
    let c = &result.correlation;
    let column = |label: &str, values: &[f64]| Column::new(label, "", values.iter().copied());
    let voxel_size = result.map.voxel_size.0;
    Curves {
        title: format!("Fourier shell correlation: {:.1} Å", result.resolution.0),
        columns: vec![
            Column::new(
                "frequency",
                "1/Å",
                c.corrected.frequency.iter().map(|f| f / voxel_size),
            ),
            column("corrected", &c.corrected.fsc),
            column("masked", &c.masked.fsc),
            column("unmasked", &c.unmasked.fsc),
            column("phase randomised", &c.randomised.fsc),
            column(
                "unmasked, rescaled to the particle",
                &result.particle_fraction,
            ),
        ],
        facts: [
            ("resolution (Å)".to_owned(), result.resolution.0),
            ("randomised from shell".to_owned(), c.randomised_from as f64),
            (
                "box volume over mask volume".to_owned(),
                result.box_over_mask,
            ),
            (
                "box volume over particle volume".to_owned(),
                PROTEIN_SHARE * result.box_over_mask,
            ),
        ]
        .into(),
    }
}

/// The Guinier plot of the map: original, weighted, sharpened.
pub(super) fn guinier_curves(result: &PostProcessed) -> Curves {
    let column = |label: &str, values: &[f64]| Column::new(label, "", values.iter().copied());
    let [original, weighted, sharpened] = &result.guinier;
    let mut facts = BTreeMap::from([("B factor (Å²)".to_owned(), result.b_factor.0)]);
    if let Some(fit) = &result.fit {
        facts.insert("slope (Å²)".into(), fit.slope);
        facts.insert("intercept".into(), fit.intercept);
        facts.insert("correlation of the fit".into(), fit.correlation);
    }
    Curves {
        title: "Guinier plot".into(),
        columns: vec![
            Column::new(
                "frequency squared",
                "1/Å²",
                original.frequency_squared.iter().copied(),
            ),
            column("original", &original.log_amplitude),
            column("weighted", &weighted.log_amplitude),
            column("sharpened", &sharpened.log_amplitude),
        ],
        facts,
    }
}

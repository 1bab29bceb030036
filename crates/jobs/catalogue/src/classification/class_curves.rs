//! A classification of projections as curves and numbers.

use thon_classify::two_dimensional::State;
use thon_contract::kinds::{Column, Curves};
use thon_units::Radians;

/// Signal-to-noise ratio of every class average against frequency; `edge` of the box in Å.
pub(super) fn class_curves(state: &State, resolutions: &[Option<f64>], edge: f64) -> Curves {
    let shells = state
        .averages
        .first()
        .map_or(0, |a| a.signal_to_noise.len());
    let frequencies = (0..shells).map(|s| s as f64 / edge);
    let mut curves = Curves {
        title: "Signal-to-noise ratio of the class averages".into(),
        columns: vec![Column::new("spatial frequency", "1/Å", frequencies)],
        ..Curves::default()
    };
    for (k, (average, resolution)) in state.averages.iter().zip(resolutions).enumerate() {
        let name = format!("class {:03}", k + 1);
        curves.columns.push(Column::new(
            &name,
            "",
            average.signal_to_noise.iter().copied(),
        ));
        curves
            .facts
            .insert(format!("{name}: images"), average.images);
        if let Some(resolution) = resolution {
            curves
                .facts
                .insert(format!("{name}: resolution (Å)"), *resolution);
        }
    }
    curves
}

/// What every particle was found to be; `pixel` in Å.
pub(super) fn assignment_curves(state: &State, pixel: f64) -> Curves {
    let all = &state.assignments;
    let degrees = |radians: f64| Radians(radians).degrees().0;
    Curves {
        title: "Classes and poses of the particles".into(),
        columns: vec![
            Column::new("particle", "", (1..=all.len()).map(|i| i as f64)),
            Column::new("class", "", all.iter().map(|a| f64::from(a.class + 1))),
            Column::new(
                "probability of the class",
                "",
                all.iter().map(|a| a.class_probability),
            ),
            Column::new(
                "probability of the pose",
                "",
                all.iter().map(|a| a.pose_probability),
            ),
            Column::new("in-plane angle", "°", all.iter().map(|a| degrees(a.angle))),
            Column::new("shift x", "Å", all.iter().map(|a| a.shift[0] * pixel)),
            Column::new("shift y", "Å", all.iter().map(|a| a.shift[1] * pixel)),
            Column::new("log likelihood", "", all.iter().map(|a| a.log_likelihood)),
        ],
        ..Curves::default()
    }
}

/// Power of the noise of each group by shell, as the variance of a pixel; `groups` names them, pixels in Å. The first shell has
/// the power of the second, shells that were not compared that of the last.
pub(super) fn noise_curves(state: &State, groups: &[String], n: usize, pixel: f64) -> Curves {
    let shells = 0..n / 2 + 1;
    let frequencies = shells.clone().map(|s| s as f64 / (n as f64 * pixel));
    let mut curves = Curves {
        title: "Power of the noise per pixel".into(),
        columns: vec![Column::new("frequency", "1/Å", frequencies)],
        ..Curves::default()
    };
    for (name, powers) in groups.iter().zip(&state.noise.0) {
        let last = powers.iter().rposition(|power| *power > 0.0).unwrap_or(0);
        let power = |shell: usize| powers[shell.clamp(1.min(last), last)] / (n * n) as f64;
        curves
            .columns
            .push(Column::new(name, "", shells.clone().map(power)));
    }
    curves
}

/// What every round changed; `pixel` in Å.
pub(super) fn round_curves(state: &State, pixel: f64) -> Curves {
    let all = &state.changes;
    let degrees = |radians: f64| Radians(radians).degrees().0;
    Curves {
        title: "What every round changed".into(),
        columns: vec![
            Column::new("round", "", all.iter().map(|c| c.iteration as f64)),
            Column::new("largest shell", "", all.iter().map(|c| c.band as f64)),
            Column::new(
                "particles in another class",
                "",
                all.iter().map(|c| c.changed_class),
            ),
            Column::new("mean turn", "°", all.iter().map(|c| degrees(c.turn))),
            Column::new(
                "displacement",
                "Å",
                all.iter().map(|c| c.displacement * pixel),
            ),
            Column::new(
                "mean probability of the pose",
                "",
                all.iter().map(|c| c.pose_probability),
            ),
            Column::new("log likelihood", "", all.iter().map(|c| c.log_likelihood)),
            Column::new(
                "classes begun anew",
                "",
                all.iter().map(|c| c.restarted as f64),
            ),
        ],
        ..Curves::default()
    }
}

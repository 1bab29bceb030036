//! Several estimates of the contrast transfer of the same views: which agree, which view is good, what is chosen.
//!
//! Two rules. The 20 % rule of ScipionTomo: a view is good when its estimates differ by no more than a fifth of their mean. The
//! rule of the series: an estimate far from what its own series leads one to expect (robust local median over neighbours in
//! time) is not believed, and the view is good while a believed estimate remains and the believed ones agree in phase, within
//! a quarter period of the rings at the resolution asked for: |Δd| ≤ d²_res / (4 λ).

use thon_model::Ctf;
use thon_units::Angstrom;

/// How the consensus is formed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConsensusOptions {
    /// Largest relative difference of mean defocus between estimates (0.2: the 20 % rule).
    pub tolerance: f64,
    /// Resolution at which estimates must agree in phase, Å.
    pub resolution: f64,
    /// Wavelength of the electrons, Å.
    pub wavelength: f64,
    /// Robust deviations from the course of its own series beyond which an estimate is not believed.
    pub outlier: f64,
}

/// What the consensus says about one view.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewConsensus {
    /// The chosen contrast transfer; `None` when no estimate is believed.
    pub ctf: Option<Ctf>,
    /// Estimates that were believed, by their place in the list given.
    pub believed: Vec<usize>,
    /// Largest difference of mean defocus between believed estimates, Å.
    pub spread: f64,
    /// True when the view is good by the 20 % rule.
    pub within_tolerance: bool,
    /// True when believed estimates agree in phase.
    pub agrees: bool,
    /// What speaks against the view, in words; empty when it is good.
    pub reasons: Vec<String>,
}

impl ViewConsensus {
    /// True when nothing speaks against the view.
    pub fn is_good(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Compares estimates `[estimator][view]`; views are in the order of time. The chosen values are those of the first believed
/// estimator for its astigmatism, with the mean defocus of all believed ones when they agree.
///
/// # Panics
/// When the estimators have different numbers of views.
pub fn form_consensus(
    estimates: &[Vec<Option<Ctf>>],
    options: &ConsensusOptions,
) -> Vec<ViewConsensus> {
    let count = estimates.first().map_or(0, Vec::len);
    assert!(
        estimates.iter().all(|e| e.len() == count),
        "one entry per view"
    );
    let outlying: Vec<Vec<Option<f64>>> = estimates.iter().map(|list| deviations(list)).collect();
    (0..count)
        .map(|view| {
            let given: Vec<Option<Ctf>> = estimates.iter().map(|list| list[view]).collect();
            let far: Vec<Option<f64>> = outlying.iter().map(|list| list[view]).collect();
            of_view(&given, &far, options)
        })
        .collect()
}

fn of_view(
    given: &[Option<Ctf>],
    far: &[Option<f64>],
    options: &ConsensusOptions,
) -> ViewConsensus {
    let mut reasons = Vec::new();
    let known: Vec<usize> = (0..given.len()).filter(|i| given[*i].is_some()).collect();
    if known.len() < given.len() {
        let missing = given.len() - known.len();
        if known.is_empty() {
            reasons.push("no estimate".to_owned());
        } else if missing > 0 {
            reasons.push(format!(
                "{missing} of {} estimates are missing",
                given.len()
            ));
        }
    }
    let mean = |i: usize| given[i].map_or(f64::NAN, |c| 0.5 * (c.defocus_u.0 + c.defocus_v.0));
    let within = spread_of(&known, mean) <= options.tolerance * average(&known, mean).abs();
    if !within {
        reasons.push(format!(
            "estimates differ by {:.0} Å, more than {:.0} % of their mean",
            spread_of(&known, mean),
            100.0 * options.tolerance
        ));
    }
    let believed: Vec<usize> = known
        .iter()
        .copied()
        .filter(|i| far[*i].is_none_or(|f| f.abs() <= options.outlier))
        .collect();
    for i in known.iter().filter(|i| !believed.contains(i)) {
        reasons.push(format!(
            "estimate {} is {:.0} robust deviations off the course of its series",
            i + 1,
            far[*i].unwrap_or(0.0).abs()
        ));
    }
    let spread = spread_of(&believed, mean);
    let limit = options.resolution * options.resolution / (4.0 * options.wavelength);
    let agrees = !believed.is_empty() && spread <= limit;
    if !believed.is_empty() && !agrees {
        reasons.push(format!(
            "believed estimates differ by {spread:.0} Å, more than the {limit:.0} Å of a quarter period at {:.1} Å",
            options.resolution
        ));
    }
    // One believed estimate, and another that is not: what is believed stands, unless the 20 % rule is all there is.
    if believed.len() == 1 && known.len() > 1 && far[believed[0]].is_some() {
        reasons.retain(|reason| !reason.starts_with("estimates differ"));
    }
    let ctf = believed.first().and_then(|first| {
        let ctf = given[*first]?;
        let shift = if agrees {
            average(&believed, mean) - mean(*first)
        } else {
            0.0
        };
        Some(ctf.defocused(Angstrom(shift)))
    });
    ViewConsensus {
        ctf,
        believed,
        spread,
        within_tolerance: within,
        agrees,
        reasons,
    }
}

fn spread_of(which: &[usize], value: impl Fn(usize) -> f64) -> f64 {
    let low = which
        .iter()
        .map(|i| value(*i))
        .fold(f64::INFINITY, f64::min);
    let high = which
        .iter()
        .map(|i| value(*i))
        .fold(f64::NEG_INFINITY, f64::max);
    (high - low).max(0.0)
}

fn average(which: &[usize], value: impl Fn(usize) -> f64) -> f64 {
    which.iter().map(|i| value(*i)).sum::<f64>() / which.len().max(1) as f64
}

/// Neighbours on each side, in time, that say what is expected.
const NEIGHBOURS: usize = 4;
/// No course is believed to scatter less, Å.
const LEAST_SCATTER: f64 = 150.0;

/// Deviation of each estimate from the local median of its series, in robust standard deviations of the series; `None` for
/// series too short to tell.
fn deviations(list: &[Option<Ctf>]) -> Vec<Option<f64>> {
    let means: Vec<Option<f64>> = list
        .iter()
        .map(|c| {
            c.map(|c| 0.5 * (c.defocus_u.0 + c.defocus_v.0))
                .filter(|d| d.is_finite())
        })
        .collect();
    let known = means.iter().flatten().count();
    if known < 2 * NEIGHBOURS + 1 {
        return vec![None; list.len()];
    }
    let residuals: Vec<Option<f64>> = (0..means.len())
        .map(|i| {
            let before = means[..i].iter().rev().flatten().take(NEIGHBOURS);
            let after = means[i + 1..].iter().flatten().take(NEIGHBOURS);
            let near: Vec<f64> = before.chain(after).copied().collect();
            means[i].map(|mean| mean - median(near))
        })
        .collect();
    let sizes: Vec<f64> = residuals.iter().flatten().map(|r| r.abs()).collect();
    let scatter = (1.4826 * median(sizes)).max(LEAST_SCATTER);
    residuals.iter().map(|r| r.map(|r| r / scatter)).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> ConsensusOptions {
        ConsensusOptions {
            tolerance: 0.2,
            resolution: 10.0,
            wavelength: 0.0197,
            outlier: 6.0,
        }
    }

    fn list(values: &[f64]) -> Vec<Option<Ctf>> {
        values
            .iter()
            .map(|d| Some(Ctf::round(Angstrom(*d))))
            .collect()
    }

    #[test]
    fn the_twenty_per_cent_rule() {
        let first = list(&[30_000.0, 30_000.0, 30_000.0]);
        let mut second = list(&[30_600.0, 40_000.0, 0.0]);
        second[2] = None;
        let consensus = form_consensus(&[first, second], &options());
        assert!(consensus[0].is_good() && consensus[0].within_tolerance && consensus[0].agrees);
        assert_eq!(consensus[0].ctf.unwrap().defocus_u, Angstrom(30_300.0));
        assert!(!consensus[1].is_good() && !consensus[1].within_tolerance);
        assert!(consensus[2].reasons[0].contains("missing"));
    }

    #[test]
    fn the_series_tells_which_of_two_is_wrong() {
        let good: Vec<f64> = (0..21).map(|i| 30_000.0 + 20.0 * f64::from(i)).collect();
        let mut bad = good.clone();
        bad[10] = 14_000.0;
        let consensus = form_consensus(&[list(&bad), list(&good)], &options());
        let view = &consensus[10];
        assert_eq!(view.believed, [1]);
        assert_eq!(view.ctf.unwrap().defocus_u, Angstrom(30_200.0));
        assert!(
            !view.within_tolerance
                && view.reasons.len() == 1
                && view.reasons[0].contains("estimate 1"),
            "{:?}",
            view.reasons
        );
        assert!(consensus[9].is_good());
    }
}

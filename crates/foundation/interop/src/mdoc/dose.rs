//! Order in time and exposure before each image.

use thon_formats::mdoc::Section;

use crate::InteropError;

/// Relative difference of two dose counts that is worth a remark.
const DISAGREEMENT: f64 = 0.05;

/// Exposure of one section itself, e/Å²: `ExposureDose`, else the sum of its frame doses; `None` when uncalibrated (0).
pub(super) fn exposure(section: &Section) -> Result<Option<f64>, InteropError> {
    if let Some(dose) = section
        .exposure_dose()?
        .filter(|dose| *dose > 0.0 && dose.is_finite())
    {
        return Ok(Some(dose));
    }
    let frames: f64 = section
        .frame_doses()?
        .iter()
        .map(|run| run.dose * run.frames as f64)
        .sum();
    Ok((frames > 0.0 && frames.is_finite()).then_some(frames))
}

/// `PriorRecordDose`, when it is a finite number.
fn prior(section: &Section) -> Result<Option<f64>, InteropError> {
    Ok(section.prior_record_dose()?.filter(|dose| dose.is_finite()))
}

/// Rank in time of every section, from 0.
pub(super) fn ranks(
    sections: &[&Section],
    name: &str,
    remarks: &mut Vec<String>,
) -> Result<Vec<usize>, InteropError> {
    let mut times = Vec::with_capacity(sections.len());
    let mut priors = Vec::with_capacity(sections.len());
    for section in sections {
        times.push(section.date_time()?.map(|time| time.seconds()));
        priors.push(prior(section)?);
    }
    let timed = times.iter().all(Option::is_some);
    let dosed = priors.iter().all(Option::is_some);
    if !timed && !dosed {
        remarks.push(format!("{name}: neither DateTime nor PriorRecordDose in every section; order taken from the numbering"));
    }
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by(|&a, &b| {
        let by_time = if timed {
            times[a].cmp(&times[b])
        } else {
            std::cmp::Ordering::Equal
        };
        let by_dose = match (priors[a], priors[b]) {
            (Some(x), Some(y)) if dosed => x.total_cmp(&y),
            _ => std::cmp::Ordering::Equal,
        };
        by_time
            .then(by_dose)
            .then(sections[a].index().cmp(&sections[b].index()))
    });
    let mut ranks = vec![0; sections.len()];
    for (rank, &index) in order.iter().enumerate() {
        ranks[index] = rank;
    }
    Ok(ranks)
}

/// Exposure before every image by the rule of this module's parent.
pub(super) fn doses_before(
    sections: &[&Section],
    ranks: &[usize],
    user: Option<f64>,
    name: &str,
    remarks: &mut Vec<String>,
) -> Result<Vec<f64>, InteropError> {
    let mut priors = Vec::with_capacity(sections.len());
    let mut own = Vec::with_capacity(sections.len());
    for section in sections {
        priors.push(prior(section)?);
        own.push(exposure(section)?);
    }
    let prior: Option<Vec<f64>> = priors.iter().copied().collect();
    let prior = prior.filter(|values| values.len() < 2 || values.iter().any(|value| *value > 0.0));
    let own: Option<Vec<f64>> = own.into_iter().collect();
    let cumulative = own.map(|own| cumulative(&own, ranks));
    let counted = user.map(|dose| {
        ranks
            .iter()
            .map(|rank| *rank as f64 * dose)
            .collect::<Vec<f64>>()
    });
    let candidates = [
        ("PriorRecordDose", prior),
        ("cumulative ExposureDose", cumulative),
        ("dose per image × rank", counted),
    ];
    let mut known = candidates
        .into_iter()
        .filter_map(|(rule, doses)| Some((rule, doses?)));
    let Some((rule, doses)) = known.next() else {
        remarks.push(format!(
            "{name}: no dose is stated; 0 is taken (give the dose per image)"
        ));
        return Ok(vec![0.0; sections.len()]);
    };
    for (other, values) in known {
        let last = doses.iter().copied().fold(0.0, f64::max);
        let worst = doses
            .iter()
            .zip(&values)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        if worst > DISAGREEMENT * last {
            let end = values.iter().copied().fold(0.0, f64::max);
            remarks.push(format!(
                "{name}: {rule} reaches {last:.2} e/Å², {other} {end:.2}; they differ by up to {worst:.2}; {rule} is taken"
            ));
        }
    }
    Ok(doses)
}

/// Sum of the exposures of all images that came earlier.
fn cumulative(own: &[f64], ranks: &[usize]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..own.len()).collect();
    order.sort_by_key(|&index| ranks[index]);
    let mut before = vec![0.0; own.len()];
    let mut sum = 0.0;
    for index in order {
        before[index] = sum;
        sum += own[index];
    }
    before
}

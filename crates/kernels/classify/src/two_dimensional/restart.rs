//! Classes that nobody is in begin anew from images that are explained worst.

use rand::RngExt;

use super::iteration::State;
use super::round::{Images, Round};
use crate::ClassifyError;

/// A class with less than this part of an even share, or fewer than this many images, is empty.
const EMPTY: (f64, f64) = (0.05, 1.5);

/// Gives every empty class the filtered image of a particle drawn from the largest classes; returns how many.
pub(crate) fn restart_empty(
    state: &mut State,
    images: &Images<'_>,
    round: &Round,
    seed: u64,
) -> Result<usize, ClassifyError> {
    let count = images.source.len();
    let classes = state.averages.len();
    let least = (EMPTY.0 * count as f64 / classes as f64).max(EMPTY.1);
    let empty: Vec<usize> = (0..classes)
        .filter(|k| state.averages[*k].images < least)
        .collect();
    let mut random = thon_compute::seed_stream(seed, "empty classes", state.iteration as u64);
    for k in &empty {
        let sizes: Vec<f64> = state.averages.iter().map(|a| a.images).collect();
        let largest = (0..classes).fold(0, |best, i| if sizes[i] > sizes[best] { i } else { best });
        let members: Vec<usize> = (0..count)
            .filter(|i| state.assignments[*i].class as usize == largest)
            .collect();
        if members.len() < 4 {
            continue;
        }
        // Of a few drawn, the one that its class explains worst.
        let mut drawn: Vec<usize> = (0..members.len().min(8))
            .map(|_| members[random.random_range(0..members.len())])
            .collect();
        drawn.sort_by(|a, b| {
            let gain = |i: &usize| state.assignments[*i].log_likelihood;
            gain(a).total_cmp(&gain(b)).then(a.cmp(b))
        });
        let offset = state.assignments[drawn[0]].shift.map(|s| s.round() as i32);
        let mut image = images.prepared(drawn[0], offset, &round.disc)?;
        let signal = &state.averages[largest].signal_to_noise;
        for (shell, range) in round.disc.shells() {
            // What one image of the largest class has of signal over noise.
            let ratio = (signal[shell] / sizes[largest]).max(0.01);
            let gain = (ratio / (1.0 + ratio)) as f32;
            image.transform[range].iter_mut().for_each(|v| *v *= gain);
        }
        state.averages[*k].image = images.plane.image(&image.transform, &round.disc);
        state.averages[*k].images = sizes[largest] / 2.0;
        state.averages[largest].images = sizes[largest] / 2.0;
    }
    Ok(empty.len())
}

//! One round: grids for the band, expectation of all images in blocks, maximisation, noise, priors.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use thon_compute::{Counter, Progress, parallel};

use super::average::ClassAverage;
use super::centre;
use super::expectation::Search;
use super::found::{Assignment, Found};
use super::maximisation;
use super::noise::NoisePowers;
use super::options::Settings;
use super::round::{BLOCK, Images, Round};
use super::source::Prepared;
use super::{ClassOptions, HalfDisc};
use crate::ClassifyError;

/// Images that are held as transforms at a time.
const HELD: usize = 2048;
/// Shells between what the averages resolve and what decides poses.
const AHEAD: usize = 4;
/// Shells that the averages have beyond what decides poses.
const BEYOND: usize = 8;

/// What the likelihood is raised to in the first round, and the part of the rounds until it is 1.
const SOFTEST: f64 = 0.5;
const SOFT_PART: f64 = 0.12;

/// What a round changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// Round, from 1.
    pub iteration: usize,
    /// Largest shell that decided poses.
    pub band: usize,
    /// Images whose most likely class is another than before.
    pub changed_class: f64,
    /// Mean turn, radians, of images that stayed in their class.
    pub turn: f64,
    /// Root mean square displacement of images that stayed in their class, pixels.
    pub displacement: f64,
    /// Mean over images of the largest weight of a pose.
    pub pose_probability: f64,
    /// Σ over images of ln likelihood, relative to no particles.
    pub log_likelihood: f64,
    /// Classes that were empty and began anew.
    pub restarted: usize,
}

/// A classification between two rounds: all that the next depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Rounds done.
    pub iteration: usize,
    /// The averages.
    pub averages: Vec<ClassAverage>,
    /// Noise powers of unmasked data.
    pub noise: NoisePowers,
    /// Deviation of particles about the centres of their boxes, pixels.
    pub shift_deviation: f64,
    /// What each image was found to be; empty before the first round.
    pub assignments: Vec<Assignment>,
    /// What the rounds changed.
    pub changes: Vec<Changes>,
}

impl State {
    /// Band of the next round.
    pub(crate) fn next_band(&self, settings: &Settings) -> usize {
        let first =
            ((3.0 * settings.box_size as f64 / (2.0 * settings.radius)).round() as usize).max(6);
        let resolved = self
            .averages
            .iter()
            .map(|a| a.resolved_shell)
            .max()
            .unwrap_or(0);
        let grown = self
            .changes
            .last()
            .map_or(first, |last| (last.band + AHEAD).min(resolved + AHEAD));
        grown.max(first).min(settings.band)
    }

    /// ln of the prior of each class: equal ones at first, so that large classes do not eat small ones, sizes later.
    fn log_priors(&self, options: &ClassOptions) -> Vec<f64> {
        let early = 5 * self.iteration < 3 * options.iterations;
        let all: f64 = self.averages.iter().map(|a| a.images).sum();
        let prior = |a: &ClassAverage| match a.images {
            images if images < 1e-3 => f64::NEG_INFINITY,
            _ if early => 0.0,
            images => (images / all).ln(),
        };
        self.averages.iter().map(prior).collect()
    }

    /// Whole pixels that each image is centred by.
    fn offsets(&self, count: usize) -> Vec<[i32; 2]> {
        let whole = |a: &Assignment| a.shift.map(|s| s.round() as i32);
        if self.assignments.is_empty() {
            vec![[0, 0]; count]
        } else {
            self.assignments.iter().map(whole).collect()
        }
    }

    /// One round.
    pub(crate) fn advance(
        &mut self,
        images: &Images<'_>,
        options: &ClassOptions,
        progress: &dyn Progress,
    ) -> Result<(), ClassifyError> {
        let settings = &images.settings;
        let count = images.source.len();
        let band = self.next_band(settings);
        let last = self.iteration + 1 >= options.iterations;
        let average_band = if last {
            settings.full_band
        } else {
            (band + BEYOND).min(settings.full_band)
        };
        let mut random = thon_compute::seed_stream(options.seed, "grids", self.iteration as u64);
        let mut fraction = || random.random_range(-0.5..0.5);
        let round = Round::new(
            settings,
            band,
            average_band,
            [fraction(), fraction(), fraction()],
        );
        let pixels: Vec<&[f32]> = self.averages.iter().map(|a| a.image.as_slice()).collect();
        let templates = round.templates(&images.plane, &pixels);
        let log_priors = self.log_priors(options);
        let search = Search {
            sampling: &round.sampling,
            templates: &templates,
            disc: &round.disc,
            coarse_points: round.coarse_points(),
            phases: &round.phases,
            box_size: settings.box_size,
            radius: settings.radius,
            noise: &self.noise,
            log_priors: &log_priors,
            shift_deviation: self.shift_deviation,
            sharpness: sharpness(self.iteration, options.iterations),
        };
        let offsets = self.offsets(count);
        let mut sums = maximisation::empty(self.averages.len(), &images.plane, &round.disc);
        let mut assignments = Vec::with_capacity(count);
        let mut residuals = Vec::with_capacity(count);
        let counter = Counter::new(progress, count as u64);
        for start in (0..count).step_by(HELD) {
            let end = (start + HELD).min(count);
            let (prepared, found) = expect(images, &search, start..end, &offsets, &counter)?;
            maximisation::add(&mut sums, &images.plane, &search, &prepared, &found);
            for (image, one) in prepared.iter().zip(found) {
                residuals.push((image.group, one.residual));
                assignments.push(one.assignment);
            }
        }
        self.averages = parallel::map_indices(sums.len(), |k| {
            sums[k].average(
                &images.plane,
                &round.disc,
                &images.mask,
                options.regularisation,
                options.centre.then_some(settings.shift_range),
            )
        });
        self.update_noise(&residuals, &round.disc, images);
        self.finish_round(assignments, &round, images, options)
    }

    /// New noise powers in the shells that were seen; those beyond stay.
    fn update_noise(
        &mut self,
        residuals: &[(usize, Vec<f64>)],
        disc: &HalfDisc,
        images: &Images<'_>,
    ) {
        let new = NoisePowers::from_residuals(
            residuals,
            images.source.groups(),
            disc,
            images.mask.fraction,
        );
        for (old, new) in self.noise.0.iter_mut().zip(new.0) {
            old[..new.len()].copy_from_slice(&new);
        }
    }

    fn finish_round(
        &mut self,
        mut assignments: Vec<Assignment>,
        round: &Round,
        images: &Images<'_>,
        options: &ClassOptions,
    ) -> Result<(), ClassifyError> {
        let mut changes = self.compare(&assignments);
        changes.band = round.search_disc.band;
        let moved: Vec<[f64; 2]> = self.averages.iter().map(|a| a.moved).collect();
        centre::follow(&mut assignments, &moved);
        let square = |a: &Assignment| a.shift[0].powi(2) + a.shift[1].powi(2);
        let mean = assignments.iter().map(square).sum::<f64>() / (2 * assignments.len()) as f64;
        self.shift_deviation = mean.sqrt().max(round.sampling.shift_step / 2.0);
        self.assignments = assignments;
        self.iteration += 1;
        if 5 * self.iteration < 3 * options.iterations {
            changes.restarted = super::restart::restart_empty(self, images, round, options.seed)?;
        }
        self.changes.push(changes);
        Ok(())
    }

    fn compare(&self, assignments: &[Assignment]) -> Changes {
        let count = assignments.len() as f64;
        let mean = |f: &dyn Fn(&Assignment) -> f64| assignments.iter().map(f).sum::<f64>() / count;
        let mut changes = Changes {
            iteration: self.iteration + 1,
            changed_class: if self.assignments.is_empty() {
                count
            } else {
                0.0
            },
            pose_probability: mean(&|a| a.pose_probability),
            log_likelihood: count * mean(&|a| a.log_likelihood),
            ..Changes::default()
        };
        let mut stayed = 0.0;
        for (old, new) in self.assignments.iter().zip(assignments) {
            if old.class != new.class {
                changes.changed_class += 1.0;
                continue;
            }
            stayed += 1.0;
            let turn = (new.angle - old.angle).rem_euclid(std::f64::consts::TAU);
            changes.turn += turn.min(std::f64::consts::TAU - turn);
            changes.displacement +=
                (new.shift[0] - old.shift[0]).powi(2) + (new.shift[1] - old.shift[1]).powi(2);
        }
        if stayed > 0.0 {
            changes.turn /= stayed;
            changes.displacement = (changes.displacement / stayed).sqrt();
        }
        changes
    }
}

/// What the likelihood is raised to: soft at first, so that averages part before images are bound to them.
fn sharpness(iteration: usize, iterations: usize) -> f64 {
    let soft = (iterations as f64 * SOFT_PART).max(1.0);
    SOFTEST.powf(1.0 - (iteration as f64 / soft).min(1.0))
}

/// Makes a range of images ready and searches them.
fn expect(
    images: &Images<'_>,
    search: &Search<'_>,
    range: std::ops::Range<usize>,
    offsets: &[[i32; 2]],
    counter: &Counter<'_>,
) -> Result<(Vec<Prepared>, Vec<Found>), ClassifyError> {
    let blocks = range.len().div_ceil(BLOCK);
    let each = parallel::map_indices(blocks, |block| {
        counter.check()?;
        let start = range.start + block * BLOCK;
        let end = (start + BLOCK).min(range.end);
        let ready: Vec<Prepared> = (start..end)
            .map(|i| images.prepared(i, offsets[i], search.disc))
            .collect::<Result<_, _>>()?;
        let found = search.block(&ready, &offsets[start..end]);
        (start..end).for_each(|_| counter.unit_done());
        Ok::<_, ClassifyError>((ready, found))
    });
    let (mut prepared, mut found) = (
        Vec::with_capacity(range.len()),
        Vec::with_capacity(range.len()),
    );
    for one in each {
        let (ready, poses) = one?;
        prepared.extend(ready);
        found.extend(poses);
    }
    Ok((prepared, found))
}

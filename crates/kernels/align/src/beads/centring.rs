//! One round of centring: the profile of the series measured, every bead fitted in every view.

use glam::{DVec2, DVec3};
use thon_compute::parallel;

use super::associate::predict;
use super::profile::{Profile, Sample};
use super::refine::{Centred, centre_all};
use super::tracker::Tracker;
use crate::adjust::{Observation, Solution, Track, median};

impl Tracker<'_> {
    /// Fits every bead in every view at its predicted place.
    pub(super) fn centred(
        &self,
        points: &[DVec3],
        solution: &Solution,
        profile: &mut Option<Profile>,
        round: usize,
    ) -> Vec<Track> {
        let places = predict(&solution.geometry, points);
        let reach = 1.2 * self.diameter / self.scale.pixel.x;
        let inside = |place: &Option<DVec2>| {
            let place = (*place)?;
            self.scale
                .holds(place, 0.5 * self.diameter)
                .then(|| self.scale.pixels(place))
        };
        let mut at: Vec<Vec<Option<(DVec2, f64)>>> = places
            .iter()
            .map(|view| view.iter().map(|p| inside(p).map(|p| (p, 1.0))).collect())
            .collect();
        let mut fitted: Vec<Vec<Option<Centred>>> = Vec::new();
        for pass in 0..3 {
            let used = match (&profile, pass) {
                (None, 0) => Profile::ball(0.5 * self.diameter / self.scale.pixel.x, reach),
                (Some(profile), 0) => profile.clone(),
                _ => self
                    .profile(&fitted, reach)
                    .or_else(|| profile.clone())
                    .unwrap_or_else(|| {
                        Profile::ball(0.5 * self.diameter / self.scale.pixel.x, reach)
                    }),
            };
            let leash = if round == 0 { 0.5 } else { 0.3 } * self.diameter / self.scale.pixel.x;
            fitted = parallel::map_indices(at.len(), |view| match &self.prepared[view] {
                Some(working) => centre_all(&working.image, &used, &at[view], leash),
                None => vec![None; points.len()],
            });
            for (view, beads) in fitted.iter().enumerate() {
                for (bead, fit) in beads.iter().enumerate() {
                    at[view][bead] = fit
                        .map(|f| (f.at, f.amplitude))
                        .or_else(|| inside(&places[view][bead]).map(|p| (p, 1.0)));
                }
            }
            *profile = Some(used);
        }
        self.tracks_of(&fitted, points.len())
    }

    fn profile(&self, fitted: &[Vec<Option<Centred>>], reach: f64) -> Option<Profile> {
        let mut samples = Vec::new();
        for (view, beads) in fitted.iter().enumerate() {
            let Some(working) = &self.prepared[view] else {
                continue;
            };
            for bead in beads.iter().flatten() {
                let weight = bead.amplitude.min(1.5) / bead.deviation.max(0.02).powi(2);
                samples.push(Sample {
                    image: &working.image,
                    at: bead.at,
                    weight,
                });
            }
        }
        Profile::measure(&samples, reach)
    }

    fn tracks_of(&self, fitted: &[Vec<Option<Centred>>], count: usize) -> Vec<Track> {
        let all: Vec<f64> = fitted
            .iter()
            .flatten()
            .flatten()
            .map(|b| b.amplitude)
            .collect();
        let typical = median(&all);
        let deviations: Vec<f64> = fitted
            .iter()
            .flatten()
            .flatten()
            .map(|b| b.deviation)
            .collect();
        let usual = median(&deviations).max(1e-3);
        let mut tracks = vec![Track::default(); count];
        for (view, beads) in fitted.iter().enumerate() {
            for (track, bead) in tracks.iter_mut().zip(beads) {
                let Some(bead) = bead else { continue };
                if bead.amplitude < 0.35 * typical || bead.amplitude > 2.5 * typical {
                    continue;
                }
                let variance = bead.deviation.powi(2) + (0.3 * usual).powi(2);
                track.points.push(Observation {
                    view,
                    position: self.scale.angstroms(bead.at),
                    weight: usual * usual * 1.09 / variance,
                });
            }
        }
        tracks
    }
}

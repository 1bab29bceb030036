//! Corrects the movies of one series, one after the other.

use std::path::PathBuf;

use thon_compute::Progress;
use thon_contract::{Context, JobError};
use thon_model::{Exclusion, Movie, TiltSeries, Treatment};
use thon_motion::{
    CorrectedMovie, DefectMap, Detector, FrameSource, Sums, correct_movie, correct_movie_by,
};

use super::correct_motion::Params;
use super::drift_report::Corrected;
use super::gain_choice::named;
use super::kept_motion::{keep, kept};
use super::movie_files::MovieFile;
use super::series_movies::{lowest, open, options, with_movies};
use super::stacks::Stacks;
use crate::pictures;

/// Cancellation passes through; progress is counted in movies.
struct PerMovie<'a>(&'a dyn Progress);

impl Progress for PerMovie<'_> {
    fn advance(&self, _: u64, _: u64) {}
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// One series at work.
pub(super) struct Work<'a, 'b> {
    pub params: &'a Params,
    pub defects: &'a DefectMap,
    pub gain: Option<&'a [f32]>,
    pub context: &'a Context<'b>,
}

/// What comes of it.
pub(super) struct Done {
    /// The corrected movies.
    pub results: Vec<Corrected>,
    /// The stacks.
    pub files: Vec<PathBuf>,
    /// The image of the lowest tilt.
    pub picture: Vec<u8>,
}

impl Work<'_, '_> {
    /// Corrects every movie and writes its sums; images whose movie cannot be used are excluded.
    pub(super) fn correct(&self, series: &mut TiltSeries) -> Result<Done, JobError> {
        let movies = with_movies(series);
        let shown = lowest(series, 1);
        let mut stacks = Stacks::create(series, movies.len(), self.params.halves, self.context)?;
        let (mut results, mut picture, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
        for (done, &image) in movies.iter().enumerate() {
            thon_compute::check(self.context.progress())?;
            match self.correct_one(series, image) {
                Ok((sums, corrected)) => {
                    stacks.write(&mut series.images[image], &sums, self.context)?;
                    if shown.contains(&image) {
                        picture = pictures::image_png(&sums.whole, sums.size)?;
                    }
                    results.push(corrected);
                }
                Err(JobError::Cancelled) => return Err(JobError::Cancelled),
                Err(e) => {
                    let reason = format!("its movie could not be corrected: {e}");
                    self.context
                        .reject(format!("{}, image {}", series.name, image + 1), &reason);
                    series.images[image].exclusion = Some(Exclusion {
                        reason: reason.clone(),
                    });
                    reasons.push(reason);
                    stacks.skip(series.image_size[0] * series.image_size[1])?;
                }
            }
            self.context
                .progress()
                .advance(done as u64 + 1, movies.len() as u64);
        }
        if results.is_empty() {
            let first = reasons.into_iter().next().unwrap_or_default();
            return Err(JobError::data(format!(
                "{}: no movie could be corrected; the first: {first}",
                series.name
            )));
        }
        let files = stacks.finish()?;
        Ok(Done {
            results,
            files,
            picture,
        })
    }

    fn correct_one(
        &self,
        series: &mut TiltSeries,
        image: usize,
    ) -> Result<(Sums, Corrected), JobError> {
        let movie = open(series, image, self.params, self.context)?;
        let place = format!("{}, image {}", series.name, image + 1);
        let detector = Detector {
            gain: self.gain,
            defects: self.defects,
            find_defects: self.params.find_defects,
        };
        let options = options(
            series,
            image,
            self.params,
            movie.frames(),
            series.image_size,
        );
        let progress = PerMovie(self.context.progress());
        let known = kept(image, self.context)?;
        let resumed = known.is_some();
        let corrected = match known {
            Some(motion) => correct_movie_by(motion, &movie, &detector, &options, &progress),
            None => correct_movie(&movie, &detector, &options, &progress),
        };
        let corrected = corrected.map_err(named)?;
        // What an interrupted attempt remarked has been remarked again.
        if !resumed {
            self.remark(&place, &movie, &corrected);
            keep(image, &corrected.motion, self.context)?;
        }
        let target = &mut series.images[image];
        if let Some(Movie { frames, .. }) = &mut target.movie {
            *frames = Some(movie.frames());
        }
        if self.params.exposure_weighting {
            target.treatments.push(Treatment::ExposureWeighted);
        }
        let kept = Corrected {
            image,
            motion: corrected.motion,
            quality: corrected.quality,
        };
        Ok((corrected.sums, kept))
    }

    /// Says what is remarkable about a movie.
    fn remark(&self, place: &str, movie: &MovieFile, corrected: &CorrectedMovie) {
        if let Some(remark) = movie.remark() {
            self.context.warn(format!("{place}: {remark}"));
        }
        if !corrected.quality.dark_frames.is_empty() {
            let dark = corrected
                .quality
                .dark_frames
                .iter()
                .map(|f| (f + 1).to_string());
            let dark = dark.collect::<Vec<_>>().join(", ");
            self.context.warn(format!(
                "{place}: frames without electrons are left out: {dark}"
            ));
        }
        if !corrected.motion.uncertainty.is_finite() && corrected.motion.frames.len() > 1 {
            self.context.warn(format!("{place}: frames share no signal that they could be aligned by; they were summed as they are"));
        }
    }
}

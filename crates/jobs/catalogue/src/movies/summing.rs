//! Corrects the movies of one series, one after the other.

use std::path::PathBuf;

use thon_compute::Progress;
use thon_contract::{Context, JobError};
use thon_model::{Exclusion, Movie, TiltImage, TiltSeries, Treatment};
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
    /// The series of plain sums beside weighted ones, and its stacks.
    pub unweighted: Option<(TiltSeries, Vec<PathBuf>)>,
    /// The image of the lowest tilt.
    pub picture: Vec<u8>,
}

/// Plain sums that are kept beside weighted ones.
struct Unweighted {
    series: TiltSeries,
    stacks: Stacks,
}

impl Unweighted {
    /// Writes the plain sums of an image that is otherwise `like` the weighted one.
    fn write(
        &mut self,
        image: usize,
        like: &TiltImage,
        sums: &Sums,
        context: &Context,
    ) -> Result<(), JobError> {
        let own = &mut self.series.images[image];
        own.clone_from(like);
        own.treatments
            .retain(|treatment| *treatment != Treatment::ExposureWeighted);
        self.stacks.write(own, sums, context)
    }

    fn finish(self) -> Result<(TiltSeries, Vec<PathBuf>), JobError> {
        let files = self.stacks.finish()?;
        Ok((self.series, files))
    }
}

impl Work<'_, '_> {
    /// Corrects every movie and writes its sums; images whose movie cannot be used are excluded.
    pub(super) fn correct(&self, series: &mut TiltSeries) -> Result<Done, JobError> {
        let movies = with_movies(series);
        let shown = lowest(series, 1);
        let mut stacks = Stacks::create(series, movies.len(), self.params.halves, self.context)?;
        let mut unweighted = self.unweighted(series, movies.len())?;
        let (mut results, mut picture, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
        for (done, &image) in movies.iter().enumerate() {
            thon_compute::check(self.context.progress())?;
            match self.correct_one(series, image) {
                Ok((sums, plain, corrected)) => {
                    stacks.write(&mut series.images[image], &sums, self.context)?;
                    if let (Some(unweighted), Some(plain)) = (&mut unweighted, plain) {
                        let like = &series.images[image];
                        unweighted.write(image, like, &plain, self.context)?;
                    }
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
                    let pixels = series.image_size[0] * series.image_size[1];
                    stacks.skip(pixels)?;
                    if let Some(unweighted) = &mut unweighted {
                        let own = &mut unweighted.series.images[image].exclusion;
                        own.clone_from(&series.images[image].exclusion);
                        unweighted.stacks.skip(pixels)?;
                    }
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
        Ok(Done {
            results,
            files: stacks.finish()?,
            unweighted: unweighted.map(Unweighted::finish).transpose()?,
            picture,
        })
    }

    /// Where plain sums go that are kept beside weighted ones.
    fn unweighted(
        &self,
        series: &TiltSeries,
        count: usize,
    ) -> Result<Option<Unweighted>, JobError> {
        if !self.params.unweighted() {
            return Ok(None);
        }
        let series = TiltSeries {
            name: format!("{}_unweighted", series.name),
            ..series.clone()
        };
        let stacks = Stacks::create(&series, count, self.params.halves, self.context)?;
        Ok(Some(Unweighted { series, stacks }))
    }

    fn correct_one(
        &self,
        series: &mut TiltSeries,
        image: usize,
    ) -> Result<(Sums, Option<Sums>, Corrected), JobError> {
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
        Ok((corrected.sums, corrected.unweighted, kept))
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

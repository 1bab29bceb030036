//! The orientation of the gain reference of one series: searched on its movies, and compared with what was stated.

use thon_contract::{Context, JobError};
use thon_motion::{
    FrameSource, GainOrientation, GainReference, GainSearch, GainVerdict, MotionError,
    search_gain_orientation,
};

use super::movie_files::MovieFile;

/// Movies that are added up for the search.
pub(super) const MOVIES: usize = 3;

/// The factors of the gain reference in the frame of the movies, `[ny, nx]`.
pub(super) fn gain_factors(
    gain: &GainReference,
    stated: Option<GainOrientation>,
    movies: &[MovieFile],
    size: [usize; 2],
    context: &Context,
) -> Result<Vec<f32>, JobError> {
    let counts = summed(movies, size)?;
    let search = search_gain_orientation(&counts, size, gain).map_err(named)?;
    for trial in search.trials.iter().take(1) {
        context.metric("gain slope", trial.slope);
        context.metric("gain z", trial.z);
    }
    let orientation = chosen(&search, stated, context)?;
    gain.factors(orientation, size).map_err(named)
}

/// The orientation to be used, or why there is none.
fn chosen(
    search: &GainSearch,
    stated: Option<GainOrientation>,
    context: &Context,
) -> Result<GainOrientation, JobError> {
    let refused = |message: String, hint: &str| {
        Err(JobError::Data {
            message,
            hint: hint.into(),
        })
    };
    let table = || -> String {
        let line = |t: &thon_motion::GainTrial| {
            format!("{}: slope {:.2}, z {:.1}", t.orientation, t.slope, t.z)
        };
        search
            .trials
            .iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("; ")
    };
    match (&search.verdict, stated) {
        (GainVerdict::Proven(found), None) => Ok(*found),
        (GainVerdict::Proven(found), Some(stated)) if same(*found, stated) => Ok(stated),
        (GainVerdict::Proven(found), Some(stated)) => refused(
            format!(
                "the gain reference is stated to be {stated}, but the movies say {found} (p {:.0e}; {})",
                search.p_value(),
                table()
            ),
            "state the orientation that was found, or none",
        ),
        (GainVerdict::Inverted(found, _), _) => refused(
            format!(
                "the gain reference ({found}) explains the movies the wrong way round: its values are the inverse of what was stated"
            ),
            "set `gain_values` to the other of `factors` and `counts`",
        ),
        (GainVerdict::Undecided | GainVerdict::Unrelated, Some(stated)) => {
            context.warn(format!(
                "the movies do not show that the gain reference belongs to them ({}); it is used {stated}, as stated",
                table()
            ));
            Ok(stated)
        }
        (GainVerdict::Undecided, None) => refused(
            format!(
                "more than one orientation of the gain reference explains the movies: {}",
                table()
            ),
            "state `gain_orientation`",
        ),
        (GainVerdict::Unrelated, None) => refused(
            format!(
                "no orientation of the gain reference explains the movies: {}",
                table()
            ),
            "the movies are corrected already (then give no gain), or it is of another camera, mode or time",
        ),
    }
}

/// Two ways to say the same orientation turn an array alike.
fn same(a: GainOrientation, b: GainOrientation) -> bool {
    let values: Vec<f32> = (0..6_u8).map(f32::from).collect();
    a.apply(&values, [2, 3]) == b.apply(&values, [2, 3])
}

/// Uncorrected counts of all frames.
pub(super) fn summed(movies: &[MovieFile], size: [usize; 2]) -> Result<Vec<f32>, JobError> {
    let mut sum = vec![0.0; size[0] * size[1]];
    let mut frame = sum.clone();
    for movie in movies {
        for index in 0..movie.frames() {
            movie
                .read(index, &mut frame)
                .map_err(|e| JobError::data(e.to_string()))?;
            sum.iter_mut().zip(&frame).for_each(|(s, v)| *s += v);
        }
    }
    Ok(sum)
}

/// A kernel's error as that of a job.
pub(super) fn named(error: MotionError) -> JobError {
    match error {
        MotionError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}

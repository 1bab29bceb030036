//! Jobs on movies.

mod correct_motion;
mod detector_files;
mod drift_report;
mod find_gain_orientation;
mod gain_choice;
mod kept_motion;
mod movie_files;
mod series_movies;
mod stacks;
mod summing;

pub(crate) use correct_motion::CorrectMotion;
pub(crate) use find_gain_orientation::FindGainOrientation;
pub(crate) use movie_files::whole_movie;

//! The kinds of artifacts and how each is kept on disk.
//!
//! | kind | main file | companions |
//! |---|---|---|
//! | `tilt-series` | `NAME.tilt_series.json` | image stacks that the job wrote |

mod json;
mod tilt_series;

pub use json::{read_json, write_json};
pub use tilt_series::TiltSeriesKind;

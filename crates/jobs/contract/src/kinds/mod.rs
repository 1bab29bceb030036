//! The kinds of artifacts and how each is kept on disk.
//!
//! | kind | main file | companions |
//! |---|---|---|
//! | `tilt-series` | `NAME.tilt_series.json` | image stacks, when the job wrote them |
//! | `tomogram` | `NAME.tomogram.json`, or a plain MRC volume | the volume and its halves |
//! | `particles` | `NAME.particles.json` | `NAME.particles.npz`, the columns |
//! | `map` | `NAME.mrc` | – |
//! | `mask` | `NAME.mrc` | – |
//! | `curves` | `NAME.curves.json` | – |
//! | `picture` | `NAME.png` | – |
//! | `edits` | `NAME.edits.json` | – |
//! | `files` | `NAME.files.json`, a listing | whatever was exported |

mod curves;
mod edits;
mod files;
mod health;
mod json;
mod map;
mod particle_columns;
mod particles;
mod picture;
mod tilt_series;
mod tomogram;

pub use curves::{Column, Curves, CurvesKind};
pub use edits::EditsKind;
pub use files::{FileListing, FilesKind};
pub use health::Health;
pub use json::{read_json, write_json};
pub use map::{MapKind, MaskKind};
pub use particle_columns::ParticleColumns;
pub use particles::ParticlesKind;
pub use picture::PictureKind;
pub use tilt_series::TiltSeriesKind;
pub use tomogram::TomogramKind;

//! SerialEM, PACEtomo and Tomography 5 metadata (with a stack or movies) to a [`TiltSeries`].
//!
//! Images are matched to sections of the stack by `ZValue` and to movies by the file name in `SubFramePath`, never by
//! position. The order in time comes from `DateTime`, then `PriorRecordDose`, then the numbering.
//! Exposure before an image: `PriorRecordDose`; else the cumulative `ExposureDose` (or frame doses) in order of time,
//! the first image 0; else the user's dose per image times its rank. Disagreement above 5 % is reported.

mod attach;
mod dose;
mod movies;
mod series;

pub use series::{MdocImport, read_mdoc};

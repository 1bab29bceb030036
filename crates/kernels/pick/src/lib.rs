//! Finding particles in tomograms, and deciding which of them to keep.
//!
//! * [`match_template`]: local correlation with a template in every orientation, as the tilt series would show it, with error rates
//!   by competition with a decoy, and a test of the hand from the mirrored template.
//! * [`match_coarse_to_fine`]: the same from coarse voxels and angles to fine ones.
//! * [`significance`], [`test_hand`]: what scores are worth, and which hand the map has.
//! * [`pick_peaks`]: peaks by error rate, count or score; what is rejected keeps its reason.
//! * [`find_blobs`]: blobs and gold beads without a reference.
//! * [`duplicates`], [`agreements`], [`neighbours`]: thinning out and comparing sets of places.
//! * [`relations`](relations()), [`pair_correlation`], [`lattice_sites`]: how particles stand to their neighbours.
//! * [`sample_shape`], [`fit_vesicles`]: particles on drawn shapes, and the vesicles that particles lie on.
//! * [`stamp_sections`], [`isosurface`]: averages placed back where their particles are, and their surfaces.
//! * [`trace_tube`], [`count_protofilaments`]: the axis of a hollow tube and the number of its protofilaments.
//!
//! Arrays are `[z, y, x]`, positions `(x, y, z)`, the origin of a box is voxel ⌊n/2⌋. Matter is dark in a tomogram unless stated otherwise.

mod blobs;
mod coarse;
mod error;
mod extract;
mod map_back;
mod orientations;
mod prune;
mod relations;
mod search;
mod shapes;
mod sheet;
mod significance;
mod transfer;
mod tube;
mod vesicles;

pub use blobs::{BlobOptions, find_blobs};
pub use coarse::{CoarseOptions, FineMatch, FineMatches, Target, match_coarse_to_fine};
pub use error::PickError;
pub use extract::{Limits, Pick, Picks, Rejection, Threshold, pick_peaks};
pub use map_back::{Copy, Stamp, Triangles, isosurface, stamp_sections};
pub use orientations::{FINEST_STEP, Orientations, around_identity};
pub use prune::{Agreement, Place, agreements, angle_between, duplicates, neighbours};
pub use relations::{
    LatticeSite, Neighbour, histogram, lattice_sites, nearest_of, pair_correlation, relations,
};
pub use search::{MatchOptions, Matches, ScoreMap, match_template};
pub use shapes::{Shape, TubeLattice, sample_shape};
pub use significance::{FalsePositives, HandTest, Significance, significance, test_hand};
pub use transfer::{ContrastState, SeenBy, transfer_volume};
pub use tube::{Protofilaments, Tube, count_protofilaments, trace_tube};
pub use vesicles::{Vesicle, VesicleOptions, fit_vesicles};

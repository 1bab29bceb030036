//! `NAME_sampling.star`: the grid of orientations that RELION would go on with.

use thon_formats::star::{Table, number};

use super::Refinement;

/// HEALPix order of the grid: 15°, 7.5° after oversampling, the one RELION starts from.
pub(super) const ORDER: u8 = 2;
/// In-plane step of that order, degrees.
const STEP: f64 = 15.0;
/// In-plane step of images, degrees.
const STEP_OF_IMAGES: f64 = 6.0;

pub(super) fn blocks(refinement: &Refinement) -> Vec<(String, Table)> {
    let range = (3.0 * refinement.offset_sigma.0).max(3.0 * refinement.voxel_size.0);
    let step = 2.0 * refinement.voxel_size.0;
    let volumes = refinement.dimensions == 3;
    let whole = u8::from(volumes).to_string();
    let psi = number(if volumes { STEP } else { STEP_OF_IMAGES });
    let mut pairs = vec![
        ("rlnIs3DSampling", whole.clone()),
        ("rlnIs3DTranslationalSampling", whole),
    ];
    if volumes {
        pairs.extend([
            ("rlnHealpixOrder", ORDER.to_string()),
            ("rlnSymmetryGroup", refinement.symmetry.clone()),
            ("rlnTiltAngleLimit", number(-91.0)),
        ]);
    }
    pairs.extend([
        ("rlnPsiStep", psi.clone()),
        ("rlnOffsetRange", number(range)),
        ("rlnOffsetStep", number(step)),
        ("rlnHelicalOffsetStep", number(-1.0)),
        ("rlnSamplingPerturbInstance", number(0.0)),
        ("rlnSamplingPerturbFactor", number(0.5)),
        ("rlnHealpixOrderOriginal", ORDER.to_string()),
        ("rlnPsiStepOriginal", psi),
        ("rlnOffsetRangeOriginal", number(range)),
        ("rlnOffsetStepOriginal", number(step)),
    ]);
    vec![("sampling_general".to_owned(), Table::new_pairs(pairs))]
}

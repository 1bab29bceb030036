//! `NAME_optimiser.star`: which files belong together, and the settings that RELION would go on with.
//!
//! RELION refuses a table without any of its settings; what thon has no word for has RELION's own default.

use thon_formats::star::{Table, number};

use super::Refinement;

/// Settings of RELION 3.1 at their defaults that stand before those known here.
const DEFAULTS: [(&str, &str); 55] = [
    ("rlnAdaptiveOversampleOrder", "1"),
    ("rlnAdaptiveOversampleFraction", "0.999000"),
    ("rlnRandomSeed", "1"),
    ("rlnWidthMaskEdge", "5"),
    ("rlnDoZeroMask", "1"),
    ("rlnDoSolventFlattening", "1"),
    ("rlnDoSolventFscCorrection", "0"),
    ("rlnSolventMaskName", "None"),
    ("rlnSolventMask2Name", "None"),
    ("rlnBodyStarFile", "None"),
    ("rlnTauSpectrumName", "None"),
    ("rlnMaximumCoarseImageSize", "-1"),
    ("rlnHighresLimitExpectation", "-1.00000"),
    ("rlnLowresLimitExpectation", "-1.00000"),
    ("rlnIncrementImageSize", "10"),
    ("rlnDoMapEstimation", "1"),
    ("rlnDoFastSubsetOptimisation", "0"),
    ("rlnDoExternalReconstruct", "0"),
    ("rlnDoStochasticGradientDescent", "0"),
    ("rlnDoStochasticEM", "0"),
    ("rlnSgdInitialIterations", "50"),
    ("rlnSgdFinalIterations", "50"),
    ("rlnSgdInBetweenIterations", "200"),
    ("rlnSgdInitialResolution", "35.000000"),
    ("rlnSgdFinalResolution", "15.000000"),
    ("rlnSgdInitialSubsetSize", "100"),
    ("rlnSgdFinalSubsetSize", "500"),
    ("rlnSgdMuFactor", "0.000000"),
    ("rlnSgdSigma2FudgeInitial", "8.000000"),
    ("rlnSgdSigma2FudgeHalflife", "-1"),
    ("rlnSgdSkipAnneal", "0"),
    ("rlnSgdSubsetSize", "-1"),
    ("rlnSgdWriteEverySubset", "1"),
    ("rlnSgdStepsize", "0.500000"),
    ("rlnAutoLocalSearchesHealpixOrder", "4"),
    ("rlnNumberOfIterWithoutResolutionGain", "0"),
    ("rlnNumberOfIterWithoutChangingAssignments", "0"),
    ("rlnDoSkipAlign", "0"),
    ("rlnDoSkipRotate", "0"),
    ("rlnOverallAccuracyRotations", "999.000000"),
    ("rlnOverallAccuracyTranslationsAngst", "999.000000"),
    ("rlnChangesOptimalOrientations", "999.000000"),
    ("rlnChangesOptimalOffsets", "999.000000"),
    ("rlnChangesOptimalClasses", "9999999.000000"),
    ("rlnSmallestChangesOrientations", "999.000000"),
    ("rlnSmallestChangesOffsets", "999.000000"),
    ("rlnSmallestChangesClasses", "9999999"),
    ("rlnHasHighFscAtResolLimit", "0"),
    ("rlnHasLargeSizeIncreaseIterationsAgo", "0"),
    ("rlnDoCorrectNorm", "0"),
    ("rlnDoCorrectScale", "1"),
    ("rlnDoIgnoreCtfUntilFirstPeak", "0"),
    ("rlnCtfDataArePhaseFlipped", "0"),
    ("rlnDoOnlyFlipCtfPhases", "0"),
    ("rlnRefsAreCtfCorrected", "1"),
];

/// More of them.
const MORE_DEFAULTS: [(&str, &str); 15] = [
    ("rlnLocalSymmetryFile", "None"),
    ("rlnDoHelicalRefine", "0"),
    ("rlnIgnoreHelicalSymmetry", "0"),
    ("rlnFourierMask", "None"),
    ("rlnHelicalTwistInitial", "0.000000"),
    ("rlnHelicalRiseInitial", "0.000000"),
    ("rlnHelicalCentralProportion", "0.300000"),
    ("rlnNrHelicalNStart", "1"),
    ("rlnHelicalMaskTubeInnerDiameter", "-1.00000"),
    ("rlnHelicalMaskTubeOuterDiameter", "-1.00000"),
    ("rlnHelicalSymmetryLocalRefinement", "0"),
    ("rlnHelicalSigmaDistance", "-1.00000"),
    ("rlnHelicalKeepTiltPriorFixed", "0"),
    ("rlnFixSigmaNoiseEstimates", "0"),
    ("rlnFixSigmaOffsetEstimates", "0"),
];

pub(super) fn blocks(refinement: &Refinement) -> Vec<(String, Table)> {
    let name = &refinement.name;
    let file = |end: &str| refinement.shown(&format!("{name}_{end}.star"));
    // File names of the next iteration start with what comes before `_it025`.
    let root = name.split("_it").next().unwrap_or(name);
    let flag = |on: bool| u8::from(on).to_string();
    let mut pairs = vec![("rlnOutputRootName", refinement.shown(root))];
    if refinement.halves {
        pairs.push(("rlnModelStarFile", file("half1_model")));
        pairs.push(("rlnModelStarFile2", file("half2_model")));
    } else {
        pairs.push(("rlnModelStarFile", file("model")));
    }
    let resolution = refinement.frequency(refinement.resolution_shell());
    // A classification runs as many iterations as it is told; RELION's own default is 25.
    let iterations = refinement.iteration.max(25);
    pairs.extend([
        ("rlnExperimentalDataStarFile", file("data")),
        ("rlnOrientSamplingStarFile", file("sampling")),
        ("rlnCurrentIteration", refinement.iteration.to_string()),
        ("rlnNumberOfIterations", iterations.to_string()),
        ("rlnDoSplitRandomHalves", flag(refinement.halves)),
        ("rlnJoinHalvesUntilThisResolution", number(40.0)),
        ("rlnParticleDiameter", number(refinement.diameter.0)),
        ("rlnDoAutoRefine", flag(refinement.halves)),
        ("rlnBestResolutionThusFar", number(resolution)),
        ("rlnHasConverged", flag(refinement.converged)),
    ]);
    let defaults = DEFAULTS.iter().chain(&MORE_DEFAULTS);
    pairs.push(("rlnDoCorrectCtf", flag(refinement.ctf)));
    pairs.extend(defaults.map(|(label, value)| (*label, (*value).to_owned())));
    pairs.push(("rlnMaxNumberOfPooledParticles", "3".to_owned()));
    let general = Table::new_pairs(pairs);
    vec![("optimiser_general".to_owned(), general)]
}

//! Post-processing of half maps: masks, phase-randomised FSC, B factor, sharpening.

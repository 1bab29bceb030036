//! The nouns of cryo-ET: tilt series, tomograms, particles, maps.

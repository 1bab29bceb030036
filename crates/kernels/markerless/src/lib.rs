//! Tilt-series alignment without markers: coarse correlation, patch tracking, projection matching.

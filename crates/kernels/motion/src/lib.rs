//! Motion of movies: gain, defects, drift between frames, dose-weighted sums.

//! Preparing tilt images: outliers, gold, views that cannot be used, dose filter, order of exposure.

//! Fourier transforms, resampling, filters, masks, correlation, peaks, shell correlation.

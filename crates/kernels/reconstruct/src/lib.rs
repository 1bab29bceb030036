//! Projectors, weighted back-projection of tomograms, Fourier reconstruction of particles.

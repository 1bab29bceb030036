//! Particles from their images: boxes, three-dimensional CTF models, subtomograms; as Fourier samples.

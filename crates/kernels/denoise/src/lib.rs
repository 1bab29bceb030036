//! Denoising of tomograms for display and picking: anisotropic diffusion, Beltrami flow, non-local means.

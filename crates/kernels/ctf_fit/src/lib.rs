//! Estimation of the contrast transfer of tilted images, of its hand, and consensus of estimates.

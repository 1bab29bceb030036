//! Kernels against the hardware floor and established programs; ratios in one run.

//! The contrast transfer function and exposure weights.

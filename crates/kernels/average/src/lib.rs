//! Regularised-likelihood refinement and three-dimensional classification.

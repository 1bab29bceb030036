//! Classes of projections in two dimensions; principal components and k-means of aligned particles.

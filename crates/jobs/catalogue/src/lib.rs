//! All jobs: one job, one file.

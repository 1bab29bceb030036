//! What every kernel is handed: progress, cancellation, threads, seeds.

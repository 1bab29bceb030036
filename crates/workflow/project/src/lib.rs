//! The project on disk: job directories, manifests, durable I/O, the rebuildable index.

//! What every kernel is handed: progress, cancellation, threads, seeds.
//!
//! * [`progress`]: the argument through which a kernel reports how far it is and learns that nobody wants the
//!   answer any more.
//! * [`random`]: seeded random streams, one per purpose and index, the same on every machine.
//! * [`parallel`]: maps and sums whose result does not depend on the number of threads.
//! * [`columns`]: the strided axes of an array, handed to threads as disjoint blocks of columns.
//! * [`cholesky`]: small positive definite systems.
//! * [`memory`]: how the allocator of the process treats freed buffers.
//! * [`product`]: matrix products on one thread, behind checked bounds.
//!
//! There is no thread pool here: everything runs in rayon's current pool, which the caller chooses by
//! `ThreadPool::install`.

pub mod cholesky;
pub mod columns;
pub mod memory;
pub mod parallel;
pub mod product;
pub mod progress;
pub mod random;

pub use progress::{Cancelled, Counter, Progress, Quiet, check};
pub use random::seed_stream;

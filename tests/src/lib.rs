//! End to end: simulate, run, compare with truth.

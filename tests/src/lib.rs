//! End to end: simulate, run, compare with truth. The tests are in `tests/`.

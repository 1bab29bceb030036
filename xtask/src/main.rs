//! Chores of the house: `cargo xtask tidy`, `cargo xtask validate`.
fn main() {}

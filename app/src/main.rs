//! The binary `thon`: hands the catalogue to the command line.
fn main() {}

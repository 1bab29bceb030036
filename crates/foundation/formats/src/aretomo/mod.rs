//! Files of AreTomo, AreTomo2 and AreTomo3: alignment `.aln`.

pub mod alignment;

//! Atomic models: PDB and mmCIF with their biological assemblies.

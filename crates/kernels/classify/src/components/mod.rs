//! Principal components.

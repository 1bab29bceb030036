//! What can be wrong with a phantom or with what was asked of the simulator.

use thon_compute::Cancelled;

/// A phantom could not be read or made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PhantomError {
    /// The text does not begin like a pseudo-atom file.
    #[error("line 1: expected \"thon-pseudo-atoms 1\", found {found:?}")]
    Header {
        /// Beginning of what stood there.
        found: String,
    },
    /// A line is not what its place asks for.
    #[error("line {line}: expected {expected}, found {found:?}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What belongs there.
        expected: &'static str,
        /// Beginning of what stood there.
        found: String,
    },
    /// There is nothing in it.
    #[error("the phantom has no point with weight: {hint}")]
    Empty {
        /// What may help.
        hint: &'static str,
    },
}

/// A simulation was refused or given up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulateError {
    /// An option is out of its range.
    #[error("{field}: expected {expected}, found {found}; {hint}")]
    Option {
        /// Name of the option.
        field: &'static str,
        /// The permitted range.
        expected: &'static str,
        /// The value given.
        found: String,
        /// What may help.
        hint: &'static str,
    },
    /// Not all particles or beads fit into the layer and the field of view.
    #[error(
        "{what}: placed {placed} of {asked} without overlap; use fewer, a larger image, or thicker ice"
    )]
    Crowded {
        /// Name of the option.
        what: &'static str,
        /// How many found room.
        placed: usize,
        /// How many were asked for.
        asked: usize,
    },
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

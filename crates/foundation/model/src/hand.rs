//! The defocus hand: a measured fact with its evidence, never a guess.

use serde::{Deserialize, Serialize};

/// Sign of the change of underfocus with depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandSign {
    /// Underfocus grows with depth z' of the projected point.
    Plus,
    /// Underfocus falls with depth z' of the projected point.
    Minus,
}

impl HandSign {
    /// +1 or −1.
    pub fn value(self) -> f64 {
        match self {
            Self::Plus => 1.0,
            Self::Minus => -1.0,
        }
    }
}

impl HandSign {
    /// The other sign.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Plus => Self::Minus,
            Self::Minus => Self::Plus,
        }
    }
}

/// Defocus hand of a tilt series: defocus(p) = defocus(origin) + sign · depth(p).
///
/// The depth is the third coordinate of [`thon_geometry::TiltGeometry::project`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefocusHand {
    /// The sign.
    pub sign: HandSign,
    /// Where the sign comes from: a measurement, a file, a simulation.
    pub evidence: String,
}

//! The formats by name: how each measures places and what each has room for.

use std::fmt;
use std::str::FromStr;

/// A format of particle files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParticleFormat {
    /// RELION 3.0 and 3.1: pixels of the tomogram.
    Relion3,
    /// RELION 4: pixels of the tomogram at bin 1.
    Relion4,
    /// RELION 5: Å from the middle of the tomogram.
    Relion5,
    /// Warp: RELION's columns, pixels of the tomogram, `.tomostar` names.
    Warp,
    /// Dynamo's table `.tbl` with its index of tomograms `.doc`.
    Dynamo,
    /// Motive list of AV3, TOM and novaSTA: an EM file of 20 rows.
    MotiveList,
    /// Motive list of STOPGAP, a STAR file.
    Stopgap,
    /// PEET: an IMOD model and a table of 20 columns for each tomogram.
    Peet,
    /// PyTom's particle list `.xml`.
    Pytom,
    /// Boxes of EMAN2 in `info/NAME_info.json`.
    Eman2Boxes,
    /// Particle list of EMAN2, `.lst`.
    Eman2List,
    /// cryoSPARC's `.cs`.
    Cryosparc,
    /// IMOD model, one for each tomogram.
    ImodModel,
    /// CryoET Data Portal: one `.ndjson` for each tomogram.
    Portal,
    /// copick: one `.json` for each tomogram.
    Copick,
    /// CETS: point sets of a data set.
    Cets,
    /// Table of text with columns x, y, z.
    Text,
}

/// How places are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Voxels of the tomogram, 0 at the middle of the first one (what files count from 1 or from an edge has been moved there).
    Voxels,
    /// Voxels from voxel ⌊n/2⌋.
    VoxelsFromCentre,
    /// Å from the middle of the first voxel.
    AngstromFromFirst,
    /// Å from voxel ⌊n/2⌋.
    AngstromFromCentre,
}

/// What a format has room for beside places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// Orientations.
    pub rotations: bool,
    /// Scores.
    pub scores: bool,
    /// Classes.
    pub classes: bool,
    /// Half sets.
    pub halves: bool,
    /// Names of particles.
    pub names: bool,
    /// Paths of images.
    pub images: bool,
}

const fn holds(room: &[u8]) -> Holds {
    const fn has(room: &[u8], letter: u8) -> bool {
        let mut at = 0;
        while at < room.len() {
            if room[at] == letter {
                return true;
            }
            at += 1;
        }
        false
    }
    Holds {
        rotations: has(room, b'r'),
        scores: has(room, b's'),
        classes: has(room, b'c'),
        halves: has(room, b'h'),
        names: has(room, b'n'),
        images: has(room, b'i'),
    }
}

impl ParticleFormat {
    /// All formats.
    pub const ALL: [Self; 17] = [
        Self::Relion3,
        Self::Relion4,
        Self::Relion5,
        Self::Warp,
        Self::Dynamo,
        Self::MotiveList,
        Self::Stopgap,
        Self::Peet,
        Self::Pytom,
        Self::Eman2Boxes,
        Self::Eman2List,
        Self::Cryosparc,
        Self::ImodModel,
        Self::Portal,
        Self::Copick,
        Self::Cets,
        Self::Text,
    ];

    /// Key, name, source of carried columns, measure and room.
    const fn facts(self) -> (&'static str, &'static str, &'static str, Measure, Holds) {
        use Measure::{AngstromFromCentre, AngstromFromFirst, Voxels, VoxelsFromCentre};
        match self {
            Self::Relion3 => ("relion-3", "RELION 3", "relion-5", Voxels, holds(b"rschn")),
            Self::Relion4 => ("relion-4", "RELION 4", "relion-5", Voxels, holds(b"rschn")),
            Self::Relion5 => (
                "relion-5",
                "RELION 5",
                "relion-5",
                AngstromFromCentre,
                holds(b"rschni"),
            ),
            Self::Warp => ("warp", "Warp", "relion-5", Voxels, holds(b"rsch")),
            Self::Dynamo => ("dynamo", "Dynamo", "dynamo", Voxels, holds(b"rsc")),
            Self::MotiveList => ("motl", "AV3 motive list", "motl", Voxels, holds(b"rsc")),
            Self::Stopgap => ("stopgap", "STOPGAP", "stopgap", Voxels, holds(b"rsch")),
            Self::Peet => ("peet", "PEET", "peet", Voxels, holds(b"rs")),
            Self::Pytom => ("pytom", "PyTom", "pytom", Voxels, holds(b"rscn")),
            Self::Eman2Boxes => (
                "eman2-boxes",
                "EMAN2 boxes",
                "eman2",
                VoxelsFromCentre,
                holds(b"sc"),
            ),
            Self::Eman2List => (
                "eman2",
                "EMAN2 list",
                "eman2",
                VoxelsFromCentre,
                holds(b"rsc"),
            ),
            Self::Cryosparc => (
                "cryosparc",
                "cryoSPARC",
                "cryosparc",
                Voxels,
                holds(b"rsch"),
            ),
            Self::ImodModel => ("imod", "IMOD model", "imod", Voxels, holds(b"")),
            Self::Portal => (
                "portal",
                "CryoET Data Portal",
                "portal",
                Voxels,
                holds(b"r"),
            ),
            Self::Copick => (
                "copick",
                "copick",
                "copick",
                AngstromFromFirst,
                holds(b"rs"),
            ),
            Self::Cets => ("cets", "CETS", "cets", AngstromFromCentre, holds(b"r")),
            Self::Text => ("text", "text table", "text", Voxels, holds(b"sc")),
        }
    }

    /// The key, as commands take it.
    pub const fn key(self) -> &'static str {
        self.facts().0
    }

    /// The name, as people say it.
    pub const fn name(self) -> &'static str {
        self.facts().1
    }

    /// Mark of columns that this format carries along.
    pub(super) const fn source(self) -> &'static str {
        self.facts().2
    }

    /// How it measures places.
    pub const fn measure(self) -> Measure {
        self.facts().3
    }

    /// What it has room for.
    pub const fn holds(self) -> Holds {
        self.facts().4
    }
}

impl fmt::Display for ParticleFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// A name that is no format.
#[derive(Debug, thiserror::Error)]
#[error("expected one of {expected}, found '{found}'")]
pub struct UnknownFormat {
    expected: String,
    found: String,
}

impl FromStr for ParticleFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter().find(|format| format.key() == text);
        known.ok_or_else(|| UnknownFormat {
            expected: Self::ALL.map(Self::key).join(", "),
            found: text.to_owned(),
        })
    }
}

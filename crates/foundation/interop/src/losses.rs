//! What a conversion could not keep, said in so many words: nothing is dropped silently.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of thing that did not survive a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Magnification, skew or other in-plane deformation of tilt images.
    AffineDeformation,
    /// Motion of the specimen with the exposure, and local displacements of images.
    Deformation,
    /// Rotation of the specimen about x, per image.
    XTilt,
    /// Local alignment tables (patches, local areas).
    LocalAlignment,
    /// Z factors and other stretches along the beam.
    BeamStretch,
    /// Images that are excluded: the target has no state for them and their rows are left out.
    ExcludedImages,
    /// Images without geometry.
    UnalignedImages,
    /// Exposure before or in an image.
    Dose,
    /// Sign of the defocus gradient.
    DefocusHand,
    /// Defocus itself.
    Defocus,
    /// Astigmatism of the defocus.
    Astigmatism,
    /// Phase shift of a phase plate.
    PhaseShift,
    /// Relative amplitude of images.
    AmplitudeScale,
    /// Envelope of images.
    BFactor,
    /// Voltage, aberration, amplitude contrast.
    Optics,
    /// Movies, half images, frame counts.
    Movies,
    /// Rank of images in time.
    AcquisitionOrder,
    /// Size or place of the reconstructed volume.
    Volume,
    /// Boxes of particles on disk.
    ParticleImages,
    /// Spectra of the noise.
    Noise,
    /// Columns of another program that the target has no column for.
    ForeignColumns,
    /// How particles are turned.
    Orientations,
    /// Scores of particles.
    Scores,
    /// Classes of particles.
    Classes,
    /// Half sets of particles.
    HalfSets,
    /// Names of particles.
    ParticleNames,
}

impl fmt::Display for LossKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AffineDeformation => "affine deformation",
            Self::Deformation => "deformation",
            Self::XTilt => "x tilt",
            Self::LocalAlignment => "local alignment",
            Self::BeamStretch => "stretch along the beam",
            Self::ExcludedImages => "excluded images",
            Self::UnalignedImages => "unaligned images",
            Self::Dose => "dose",
            Self::DefocusHand => "defocus hand",
            Self::Defocus => "defocus",
            Self::Astigmatism => "astigmatism",
            Self::PhaseShift => "phase shift",
            Self::AmplitudeScale => "amplitude scale",
            Self::BFactor => "B factor",
            Self::Optics => "optics",
            Self::Movies => "movies",
            Self::AcquisitionOrder => "acquisition order",
            Self::Volume => "volume",
            Self::ParticleImages => "particle images",
            Self::Noise => "noise spectra",
            Self::ForeignColumns => "foreign columns",
            Self::Orientations => "orientations",
            Self::Scores => "scores",
            Self::Classes => "classes",
            Self::HalfSets => "half sets",
            Self::ParticleNames => "names of particles",
        })
    }
}

/// One thing that the target of a conversion cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// What was lost.
    pub kind: LossKind,
    /// How many images, particles or columns it concerns.
    pub count: usize,
    /// Why the target cannot hold it, and what was done instead.
    pub why: String,
}

/// Everything the target of one conversion cannot hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// The target, such as `RELION 5 tilt series`.
    pub target: String,
    /// The losses, in the order in which they were found.
    pub losses: Vec<Loss>,
}

impl Losses {
    /// No loss yet.
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            losses: Vec::new(),
        }
    }

    /// Records a loss; a count of 0 is none. The same kind and reason is counted together.
    pub fn add(&mut self, kind: LossKind, count: usize, why: impl Into<String>) {
        if count == 0 {
            return;
        }
        let why = why.into();
        match self
            .losses
            .iter_mut()
            .find(|loss| loss.kind == kind && loss.why == why)
        {
            Some(loss) => loss.count += count,
            None => self.losses.push(Loss { kind, count, why }),
        }
    }

    /// Adds all losses of another report.
    pub fn extend(&mut self, other: Self) {
        for loss in other.losses {
            self.add(loss.kind, loss.count, loss.why);
        }
    }

    /// True when everything was kept.
    pub fn is_empty(&self) -> bool {
        self.losses.is_empty()
    }

    /// How many items of this kind were lost.
    pub fn count(&self, kind: LossKind) -> usize {
        self.losses
            .iter()
            .filter(|loss| loss.kind == kind)
            .map(|loss| loss.count)
            .sum()
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(f, "{} holds everything", self.target);
        }
        write!(f, "{} cannot hold:", self.target)?;
        for loss in &self.losses {
            write!(f, "\n  {} ({}): {}", loss.kind, loss.count, loss.why)?;
        }
        Ok(())
    }
}

/// Something read from foreign files, with what the model cannot hold and what a person should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported<T> {
    /// What was read.
    pub value: T,
    /// What the model cannot hold.
    pub losses: Losses,
    /// Doubts, decisions and corrections made on the way, one sentence each.
    pub remarks: Vec<String>,
}

impl<T> Imported<T> {
    /// A value without losses or remarks yet.
    pub(crate) fn new(value: T) -> Self {
        Self {
            value,
            losses: Losses::new("thon"),
            remarks: Vec::new(),
        }
    }

    /// The same report around another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Imported<U> {
        Imported {
            value: f(self.value),
            losses: self.losses,
            remarks: self.remarks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_by_kind_and_reason() {
        let mut losses = Losses::new("a file");
        losses.add(LossKind::Dose, 0, "nothing");
        assert_eq!(losses.to_string(), "a file holds everything");
        losses.add(LossKind::Dose, 2, "no column");
        losses.add(LossKind::Dose, 3, "no column");
        assert_eq!(
            losses.to_string(),
            "a file cannot hold:\n  dose (5): no column"
        );
        assert_eq!(losses.count(LossKind::Dose), 5);
    }
}

//! What is wrong with a series, by name, from what its beads say.

use std::fmt;

/// A named fault. Views count from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Diagnosis {
    /// No image holds anything like beads.
    NoBeads,
    /// Too few beads for a trustworthy alignment.
    FewBeads {
        /// Beads that could be followed.
        found: usize,
    },
    /// A view without contrast or light.
    BlankView {
        /// The view.
        view: usize,
        /// What shows it.
        reason: String,
    },
    /// A view whose beads do not belong to the others.
    UnrelatedView {
        /// The view.
        view: usize,
    },
    /// A view whose beads agree with another tilt angle than the stated one: order of views, or angles, are wrong.
    WrongTilt {
        /// The view.
        view: usize,
        /// Stated angle, degrees.
        stated: f64,
        /// The angle its beads agree with, degrees.
        measured: f64,
    },
    /// Several views lie at other tilts than stated: the order of the series is wrong.
    WrongOrder {
        /// How many.
        views: usize,
    },
    /// The tilts fit in reversed order only.
    ReversedOrder,
    /// The tilt axis lies elsewhere than stated.
    WrongAxis {
        /// Stated angle, degrees.
        stated: f64,
        /// Measured angle, degrees.
        measured: f64,
        /// True when the measured angle is the stated one in mirrored images.
        mirrored: bool,
    },
    /// The images share a pattern of single pixels: the gain reference is turned, flipped or missing.
    FixedPattern {
        /// Part of the noise that it is.
        share: f64,
    },
    /// The beads have another size than stated: the pixel size or the stated diameter is wrong.
    WrongPixelSize {
        /// Stated diameter, Å.
        stated: f64,
        /// Measured diameter at the stated pixel size, Å.
        measured: f64,
    },
}

/// The diagnosis of a pattern that stays at its pixels, from the grains of views.
pub(super) fn fixed_pattern<'a>(grains: impl Iterator<Item = &'a [f32]>) -> Option<Diagnosis> {
    thon_prepare::fixed_pattern(grains).map(|share| Diagnosis::FixedPattern { share })
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBeads => write!(
                out,
                "no beads: nothing in the images stands out like gold; use a method without markers"
            ),
            Self::FewBeads { found } => write!(
                out,
                "few beads: {found} could be followed, at least 4 are needed to trust an alignment"
            ),
            Self::BlankView { view, reason } => {
                write!(out, "blank view: view {} {reason}", view + 1)
            }
            Self::UnrelatedView { view } => write!(
                out,
                "unrelated view: the beads of view {} do not fit the other views; a shifted, blocked or foreign image",
                view + 1
            ),
            Self::WrongTilt {
                view,
                stated,
                measured,
            } => write!(
                out,
                "wrong tilt angle: view {} is stated at {stated:.1}° but its beads lie as at {measured:.1}°; is the order of views right?",
                view + 1
            ),
            Self::WrongOrder { views } => write!(
                out,
                "wrong order: the beads of {views} views lie as at other tilts than stated; images and tilt angles do not belong together"
            ),
            Self::ReversedOrder => write!(
                out,
                "reversed order: the beads fit the tilt angles taken from the last view to the first"
            ),
            Self::WrongAxis {
                stated,
                measured,
                mirrored,
            } => {
                write!(
                    out,
                    "wrong tilt axis: stated {stated:.1}°, the beads turn about {measured:.1}°"
                )?;
                if *mirrored {
                    write!(
                        out,
                        ", the stated axis of mirrored images; are the images flipped?"
                    )?;
                }
                Ok(())
            }
            Self::FixedPattern { share } => write!(
                out,
                "fixed pattern: {:.0} % of the noise of single pixels is the same in all views; the gain reference is turned, flipped or missing",
                100.0 * share
            ),
            Self::WrongPixelSize { stated, measured } => write!(
                out,
                "wrong pixel size: beads stated as {:.1} nm measure {:.1} nm at the stated pixel size",
                stated / 10.0,
                measured / 10.0
            ),
        }
    }
}

//! What the titles of an mdoc tell: tilt-axis angle and tilt scheme.
//!
//! SerialEM: `Tilt axis angle = 84.8, binning = 1  spot = 4  camera = 1 dosym = -10.0`;
//! Tomography 5: `TiltAxisAngle = -171.35 Binning = 1 SpotSize = 5`. Commas, blanks and tabs vary.

use super::{Item, Mdoc};
use crate::text::parse_f64;

/// Spellings of the tilt-axis angle, lower case, without blanks.
const AXIS_KEY: &str = "tiltaxisangle";

impl Mdoc {
    /// Texts of all titles in file order, without brackets, trimmed.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        let items = self
            .header
            .iter()
            .chain(self.sections.iter().flat_map(|section| &section.items));
        items.filter_map(|item| match item {
            Item::Title { text, .. } => Some(text.trim()),
            _ => None,
        })
    }

    /// Number given in a title as `key = number`; blanks and letter case of the key do not count.
    pub fn title_number(&self, key: &str) -> Option<f64> {
        let wanted = compact(key);
        self.titles().find_map(|title| {
            let parts: Vec<&str> = title.split('=').collect();
            let after_key = parts
                .windows(2)
                .filter(|pair| compact(pair[0]).ends_with(&wanted));
            after_key.map(|pair| pair[1]).find_map(first_number)
        })
    }

    /// Tilt-axis angle of the titles, degrees, in the acquisition program's own convention.
    pub fn tilt_axis_angle(&self) -> Option<f64> {
        self.title_number(AXIS_KEY)
    }

    /// Start angle of a dose-symmetric series (`dosym = `), degrees.
    pub fn dose_symmetric_start(&self) -> Option<f64> {
        self.title_number("dosym")
    }

    /// Start angle of a bidirectional series (`bidir = `), degrees.
    pub fn bidirectional_start(&self) -> Option<f64> {
        self.title_number("bidir")
    }
}

/// Lower case without blanks.
fn compact(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

fn first_number(text: &str) -> Option<f64> {
    let mut tokens = text
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|token| !token.is_empty());
    tokens.next().and_then(parse_f64)
}

//! The text form of a phantom of equal Gaussians, small and readable.
//!
//! Line 1 `thon-pseudo-atoms 1`; line 2 `sigma S` (Å); then one Gaussian a line, four integers: x, y, z in 0.1 Å from the
//! origin and the weight in V·Å³. Lines that begin with `#` and empty lines are skipped.

use thon_geometry::glam::DVec3;

use super::{Class, Phantom};
use crate::PhantomError;

impl Phantom {
    /// Reads the text form.
    ///
    /// ```
    /// use thon_simulate::Phantom;
    /// let phantom = Phantom::from_text(b"thon-pseudo-atoms 1\nsigma 3.5\n-100 0 25 900\n100 0 -25 900\n")?;
    /// assert_eq!((phantom.point_count(), phantom.total_weight()), (2, 1800.0));
    /// let error = Phantom::from_text(b"thon-pseudo-atoms 1\nsigma 3.5\n1 2 x 4\n").unwrap_err();
    /// assert_eq!(error.to_string(), "line 3: expected four integers \"x y z weight\", found \"1 2 x 4\"");
    /// # Ok::<(), thon_simulate::PhantomError>(())
    /// ```
    ///
    /// # Errors
    /// [`PhantomError`] names the first line that is not what it should be.
    pub fn from_text(text: &[u8]) -> Result<Self, PhantomError> {
        let mut lines = text.split(|b| *b == b'\n').enumerate().map(|(i, line)| {
            let line = String::from_utf8_lossy(&line[..line.len().min(200)]);
            (i + 1, line.trim().to_owned())
        });
        let (_, first) = lines.next().unwrap_or_default();
        if first != "thon-pseudo-atoms 1" {
            return Err(PhantomError::Header {
                found: first.chars().take(40).collect(),
            });
        }
        let mut sigma = None;
        let (mut positions, mut weights) = (Vec::new(), Vec::new());
        for (number, line) in lines {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |expected| PhantomError::Line {
                line: number,
                expected,
                found: line.chars().take(40).collect(),
            };
            if sigma.is_none() {
                sigma = Some(
                    read_sigma(&line).ok_or_else(|| wrong("\"sigma S\" with S from 0 to 100 Å"))?,
                );
                continue;
            }
            let [x, y, z, weight] =
                read_point(&line).ok_or_else(|| wrong("four integers \"x y z weight\""))?;
            positions.push(DVec3::new(x, y, z) * 0.1);
            weights.push(weight);
        }
        Self::from_classes(vec![Class {
            sigma: sigma.unwrap_or(0.0),
            ball: 0.0,
            band_limit: f64::INFINITY,
            positions,
            weights,
        }])
    }
}

fn read_sigma(line: &str) -> Option<f64> {
    let value: f64 = line.strip_prefix("sigma ")?.trim().parse().ok()?;
    (0.0..=100.0).contains(&value).then_some(value)
}

fn read_point(line: &str) -> Option<[f64; 4]> {
    let mut words = line.split_ascii_whitespace().map(str::parse::<i32>);
    let mut next = || words.next()?.ok().map(f64::from);
    let point = [next()?, next()?, next()?, next()?];
    words.next().is_none().then_some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_text_is_named_by_line() {
        let message = |text: &str| Phantom::from_text(text.as_bytes()).unwrap_err().to_string();
        assert!(message("").starts_with("line 1"));
        assert!(message("PDB").contains("found \"PDB\""));
        assert!(message("thon-pseudo-atoms 1\nsigma -1\n").starts_with("line 2"));
        assert!(message("thon-pseudo-atoms 1\n# c\n1 2 3 4\n").starts_with("line 3"));
        assert!(message("thon-pseudo-atoms 1\nsigma 3\n1 2 3 4 5\n").starts_with("line 3"));
        assert!(message("thon-pseudo-atoms 1\nsigma 3\n").contains("no point"));
    }
}

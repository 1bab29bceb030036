//! Residuals of tiltalign `.resid`: measured position of every fiducial on every view and its residual, pixels.

use crate::error::FormatError;
use crate::text::{self, exact_number, push_aligned};
use std::path::Path;

/// One measured point.
#[derive(Debug, Clone, PartialEq)]
pub struct Residual {
    /// x, y on the pre-aligned image, pixels.
    pub position: [f64; 2],
    /// View, counted from 0.
    pub view: i64,
    /// Residual x, y, pixels.
    pub residual: [f64; 2],
    /// Further columns of newer versions, kept.
    pub more: Vec<f64>,
}

/// Parses residuals: a line with their number, then one line each.
pub fn parse(text: &str, name: &str) -> Result<Vec<Residual>, FormatError> {
    let mut lines = text::content_lines(text, name);
    let Some(first) = lines.next() else {
        return Err(FormatError::whole(
            name,
            "a line '<n> residuals'",
            "an empty file",
        ));
    };
    let count = first.words().next().unwrap_or_default();
    let count = first.usize(count, "the number of residuals")?;
    let mut residuals = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.words().collect();
        if words.len() < 5 {
            return Err(line.error("x y view residual-x residual-y", line.text));
        }
        let number = |index: usize| line.f64(words[index], "a value of the row");
        residuals.push(Residual {
            position: [number(0)?, number(1)?],
            view: line.i64(words[2], "view")?,
            residual: [number(3)?, number(4)?],
            more: words[5..]
                .iter()
                .map(|word| line.f64(word, "a value of the row"))
                .collect::<Result<_, _>>()?,
        });
    }
    if residuals.len() != count {
        return Err(FormatError::whole(
            name,
            format!("{count} residuals as its first line says"),
            residuals.len().to_string(),
        )
        .with_hint("is the file cut off?"));
    }
    Ok(residuals)
}

/// Reads a residual file.
pub fn read(path: &Path) -> Result<Vec<Residual>, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of residuals in tiltalign's columns; more decimals where a number needs them.
pub fn write(residuals: &[Residual]) -> String {
    let mut out = format!("{:>6} residuals\n", residuals.len());
    for residual in residuals {
        for value in residual.position {
            push_aligned(&mut out, &exact_number(value, 2), 10);
        }
        push_aligned(&mut out, &residual.view.to_string(), 5);
        for &value in residual.residual.iter().chain(&residual.more) {
            push_aligned(&mut out, &exact_number(value, 2), 8);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_count() {
        let text = "     2 residuals\n    281.19    236.96    0   -0.20    0.17\n    280.08    237.22    1   -0.31    0.33\n";
        let residuals = parse(text, "a.resid").unwrap();
        assert_eq!(residuals[1].residual, [-0.31, 0.33]);
        assert_eq!(write(&residuals), text);
        let error = parse(&text.replacen('2', "3", 1), "a.resid").unwrap_err();
        assert!(
            error.to_string().contains("expected 3 residuals"),
            "{error}"
        );
    }
}

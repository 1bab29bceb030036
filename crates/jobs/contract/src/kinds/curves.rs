//! Curves and the numbers read off them: Fourier shell correlations, Guinier plots.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{read_json, write_json};
use crate::{Context, JobError, Kind};

/// A table of curves over a common abscissa, and named numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// What the curves show.
    pub title: String,
    /// Columns of equal length; the first is the abscissa. Missing values are absent (`null`).
    pub columns: Vec<Column>,
    /// Numbers read off the curves, by name with unit: `resolution (Å)`.
    pub facts: BTreeMap<String, f64>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub label: String,
    /// Unit; empty for pure numbers.
    pub unit: String,
    /// Values.
    pub values: Vec<Option<f64>>,
}

impl Column {
    /// A column without gaps; non-finite values become gaps.
    pub fn new(label: &str, unit: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let values = values
            .into_iter()
            .map(|v| v.is_finite().then_some(v))
            .collect();
        Self {
            label: label.into(),
            unit: unit.into(),
            values,
        }
    }
}

/// [`Curves`].
#[derive(Clone, Copy, Debug)]
pub enum CurvesKind {}

impl Kind for CurvesKind {
    const NAME: &'static str = "curves";
    type Value = Curves;

    fn read(path: &Path, _: &Context) -> Result<Curves, JobError> {
        read_json(path)
    }

    fn write(name: &str, value: &Curves, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let file = format!("{name}.curves.json");
        write_json(&file, value, context)?;
        Ok(vec![file.into()])
    }
}

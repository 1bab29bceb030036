//! Picks of copick: one JSON document per object, user and session; locations in Å from the first voxel,
//! transformation 4 × 4 (reference → tomogram).

use super::points::Location;
use crate::error::FormatError;
use crate::text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// A pick file. Fields without typed access are kept in `other`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picks {
    /// Name of the object that was picked.
    pub pickable_object_name: String,
    /// User or program.
    pub user_id: String,
    /// Session.
    pub session_id: String,
    /// Unit of the locations: `angstrom`.
    pub unit: String,
    /// Points; absent in an empty file.
    #[serde(default)]
    pub points: Vec<Pick>,
    /// Other fields (run name, voxel spacing, …).
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One pick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pick {
    /// In the unit of the file.
    pub location: Location,
    /// Transformation, rows.
    #[serde(
        rename = "transformation_",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub transformation: Option<[[f64; 4]; 4]>,
    /// Instance the point belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<i64>,
    /// Score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Other fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Parses picks; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<Picks, FormatError> {
    serde_json::from_str(text).map_err(|error| {
        FormatError::at(
            name,
            error.line(),
            "a copick pick file (JSON)",
            error.to_string(),
        )
    })
}

/// Reads picks.
pub fn read(path: &Path) -> Result<Picks, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of picks.
pub fn write(picks: &Picks) -> Result<String, FormatError> {
    serde_json::to_string_pretty(picks)
        .map_err(|error| FormatError::whole("picks", "values JSON can hold", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_read_back() {
        let text = "{\"pickable_object_name\":\"ribosome\",\"user_id\":\"0\",\"session_id\":\"1\",\"run_name\":null,\"unit\":\"angstrom\",\"points\":[{\"location\":{\"x\":40,\"y\":20,\"z\":30},\"transformation_\":[[1,0,0,0],[0,1,0,0],[0,0,1,0.25],[0,0,0,1]],\"instance_id\":0,\"score\":0.5}]}";
        let picks = parse(text, "a.json").unwrap();
        assert_eq!(picks.points[0].transformation.unwrap()[2][3], 0.25);
        assert!(picks.other.contains_key("run_name"));
        assert_eq!(parse(&write(&picks).unwrap(), "b").unwrap(), picks);
        assert!(parse("{}", "c").is_err());
    }
}

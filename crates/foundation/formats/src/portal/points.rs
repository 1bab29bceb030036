//! Annotations of the CryoET Data Portal: one JSON object per line with type, location in voxels (first voxel 0)
//! and, for oriented points, the rotation that turns the reference into the tomogram, row by row.

use crate::error::FormatError;
use crate::text;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One annotated point. Unknown fields are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// `point`, `orientedPoint` or `instancePoint`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Voxels.
    pub location: Location,
    /// Rotation reference → tomogram, rows.
    #[serde(
        rename = "xyz_rotation_matrix",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub rotation: Option<[[f64; 3]; 3]>,
    /// Instance the point belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<i64>,
    /// Other fields.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// x, y, z.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// x.
    pub x: f64,
    /// y.
    pub y: f64,
    /// z.
    pub z: f64,
}

/// Parses points; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<Vec<Point>, FormatError> {
    text::content_lines(text, name)
        .map(|line| {
            serde_json::from_str(line.text).map_err(|error| {
                FormatError::at(
                    name,
                    line.number,
                    "a JSON object with type and location",
                    error.to_string(),
                )
            })
        })
        .collect()
}

/// Reads points.
pub fn read(path: &Path) -> Result<Vec<Point>, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of points, one per line.
pub fn write(points: &[Point]) -> Result<String, FormatError> {
    let mut out = String::new();
    for point in points {
        let line = serde_json::to_string(point).map_err(|error| {
            FormatError::whole("points", "values JSON can hold", error.to_string())
        })?;
        out.push_str(&line);
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_all_kinds() {
        let text = "{\"type\": \"orientedPoint\", \"location\": {\"x\": 1.5, \"y\": 2, \"z\": 3}, \"xyz_rotation_matrix\": [[1,0,0],[0,1,0],[0,0,0.1]], \"score\": 0.5}\n{\"type\":\"instancePoint\",\"location\":{\"x\":0.1,\"y\":0.2,\"z\":0.3},\"instance_id\":7}\n";
        let points = parse(text, "a.ndjson").unwrap();
        assert_eq!(points[0].rotation.unwrap()[2][2], 0.1);
        assert_eq!(points[0].other["score"], 0.5);
        assert_eq!(points[1].instance_id, Some(7));
        assert_eq!(parse(&write(&points).unwrap(), "b").unwrap(), points);
        let error = parse(
            "{\"type\":\"point\",\"location\":{\"x\":1,\"y\":2,\"z\":3}}\n{\"type\":\"point\"}\n",
            "c.ndjson",
        )
        .unwrap_err();
        assert_eq!(error.line(), Some(2));
    }
}

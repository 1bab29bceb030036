//! Which format a particle file is, by what it holds.

use std::path::Path;

use serde_json::Value;
use thon_formats::text;
use thon_images::em::EmHeader;

use super::{ParticleFormat, motive_list};
use crate::InteropError;

/// Columns of a Dynamo table up to the place of a particle.
const DYNAMO_COLUMNS: usize = 26;

/// The format of a file, by its first bytes and words.
pub fn detect(path: &Path) -> Result<ParticleFormat, InteropError> {
    let bytes = text::read_bytes(path)?;
    if bytes.starts_with(b"IMODV1.") {
        return Ok(ParticleFormat::ImodModel);
    }
    if bytes.starts_with(b"\x93NUMPY") {
        return Ok(ParticleFormat::Cryosparc);
    }
    if let Ok(header) = EmHeader::parse(&bytes)
        && header.dims[0] == motive_list::ROWS
    {
        return Ok(ParticleFormat::MotiveList);
    }
    let name = text::display_name(path);
    let content = text::decode(bytes);
    of_text(&content).ok_or_else(|| {
        let first = content.lines().next().unwrap_or_default();
        let found: String = first.chars().take(60).collect();
        InteropError::contradiction(
            name,
            "a particle file of a known format",
            format!("'{found}'"),
        )
        .with_hint("name the format when it is one of those that are known")
    })
}

fn of_text(content: &str) -> Option<ParticleFormat> {
    let start = content.trim_start();
    if start.starts_with("#LSX") {
        return Some(ParticleFormat::Eman2List);
    }
    if start.starts_with('{') {
        return of_json(content);
    }
    if start.starts_with('<') {
        return content
            .contains("<ParticleList")
            .then_some(ParticleFormat::Pytom);
    }
    if content.contains("data_stopgap_motivelist") {
        return Some(ParticleFormat::Stopgap);
    }
    let starts = |mark: &str| content.lines().any(|line| line.starts_with(mark));
    if starts("data_") {
        return Some(of_star(content));
    }
    let line = content
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
    if line.starts_with("CCC,") {
        return Some(ParticleFormat::Peet);
    }
    let words = line.split_whitespace().count();
    if words >= DYNAMO_COLUMNS {
        return Some(ParticleFormat::Dynamo);
    }
    let cells = line
        .split([',', '\t', '|', ';', ' '])
        .filter(|cell| !cell.is_empty());
    (cells.count() >= 3).then_some(ParticleFormat::Text)
}

fn of_star(content: &str) -> ParticleFormat {
    if content.contains("_rlnCenteredCoordinateXAngst") {
        ParticleFormat::Relion5
    } else if content.contains(".tomostar") {
        ParticleFormat::Warp
    } else if content.contains("_rlnTomoName") {
        ParticleFormat::Relion4
    } else {
        ParticleFormat::Relion3
    }
}

fn of_json(content: &str) -> Option<ParticleFormat> {
    let Ok(Value::Object(whole)) = serde_json::from_str::<Value>(content) else {
        // Several documents, one on each line.
        let first = content.lines().find(|line| !line.trim().is_empty())?;
        let value: Value = serde_json::from_str(first).ok()?;
        return value.get("location").map(|_| ParticleFormat::Portal);
    };
    let has = |key: &str| whole.contains_key(key);
    if has("pickable_object_name") {
        Some(ParticleFormat::Copick)
    } else if has("boxes_3d") {
        Some(ParticleFormat::Eman2Boxes)
    } else if has("regions") || has("annotations") || has("origin3D") {
        Some(ParticleFormat::Cets)
    } else {
        has("location").then_some(ParticleFormat::Portal)
    }
}

//! Points of the CryoET Data Portal (`.ndjson`, one JSON object per line) and of copick (`.json`).

pub mod picks;
pub mod points;

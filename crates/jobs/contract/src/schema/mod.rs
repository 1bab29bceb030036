//! From one JSON schema to everything a surface needs: flags, defaults, units, ranges, validation.
//!
//! The dialect is what `schemars` makes of a parameter struct with sub-schemas inlined, plus
//! `x-unit` (from the unit types) and, from attributes, `x-level: "expert"`, `x-path: true` (it names files) and `x-picks`
//! (what a person can point at to fill it: `tilt-images` by their numbers from 1, `tilt-series-name`, `classes`, `reason`).

mod complete;
mod field;
mod nearest;

pub use complete::complete;
pub use field::{Choice, Field, FieldType, fields, parse_text, set};
pub use nearest::nearest;

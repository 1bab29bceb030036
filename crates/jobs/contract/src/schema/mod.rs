//! From one JSON schema to everything a surface needs: flags, defaults, units, ranges, validation.
//!
//! The dialect is what `schemars` makes of a parameter struct with sub-schemas inlined, plus
//! `x-unit` (from the unit types) and `x-level: "expert"` (from an attribute).

mod complete;
mod field;
mod nearest;

pub use complete::complete;
pub use field::{Choice, Field, FieldType, fields, parse_text, set};
pub use nearest::nearest;

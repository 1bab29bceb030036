//! SPIDER images: the shape their header of floats gives, and statistics.
//!
//! Header words (counted from 1): 1 nz, 2 ny, 12 nx, 22 header length in bytes; samples are 4-byte floats.
use serde_json::json;
use thon_images::sample::decode_f32;
use thon_images::{ByteOrder, ImageError, SampleKind};

use crate::description::Description;
use crate::error::InspectError;
use crate::input::Input;
use crate::recognise::spider_numbers;
use crate::statistics::{self, Pixels};

/// Describes a SPIDER image.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let numbers = spider_numbers(input.head(), input.len());
    let (sides, header, little) = numbers.ok_or_else(|| {
        input.damaged("the numbers of a SPIDER header do not give the length of the file")
    })?;
    let [columns, rows, sections] = sides.map(|side| side as usize);
    let facts = &mut description.facts;
    facts.set("dimensions", json!([columns, rows, sections]));
    facts.set("sections", sections);
    facts.set("sample_type", "float32");
    facts.set("header_bytes", header);
    facts.set("byte_order", if little { "little" } else { "big" });
    description.summary = format!("SPIDER image, {columns} × {rows} × {sections}, float32");
    let source = input.source()?;
    let order = if little {
        ByteOrder::Little
    } else {
        ByteOrder::Big
    };
    let read = |section: usize, row: usize, count: usize| {
        let offset = header + 4 * columns as u64 * (section as u64 * rows as u64 + row as u64);
        let samples = count * columns;
        let failed = |source| ImageError::Stream {
            format: "SPIDER",
            action: "read image data",
            source,
        };
        let bytes = source.read_vec(offset, 4 * samples).map_err(failed)?;
        let mut out = vec![0.0; samples];
        decode_f32(SampleKind::F32, order, &bytes, &mut out);
        Ok(out)
    };
    let pixels = Pixels {
        sections,
        rows,
        columns,
        read: &read,
    };
    statistics::add(&pixels, description).map_err(|error| input.image_error(error))?;
    Ok(())
}

//! SPIDER images: the shape their header of floats gives, and statistics.
//!
//! Header words (counted from 1): 1 nz, 2 ny, 12 nx, 13 header records, 22 header bytes, 23 record bytes;
//! samples are 4-byte floats.
use serde_json::json;
use thon_images::sample::decode_f32;
use thon_images::{ByteOrder, ImageError, SampleKind};

use crate::description::Description;
use crate::error::InspectError;
use crate::input::Input;
use crate::recognise::spider_header;
use crate::statistics::{self, Pixels};

/// Describes a SPIDER image.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let found = spider_header(input.head());
    let found = found.ok_or_else(|| {
        input.damaged("the numbers of a SPIDER header do not agree with each other")
    })?;
    let promised = found.file_bytes().unwrap_or(u64::MAX);
    if promised > input.len() {
        let what = format!(
            "SPIDER: the header promises {promised} bytes, found {}",
            input.len()
        );
        return Err(input.damaged(format!("{what}\n  hint: is the file cut off?")));
    }
    if promised < input.len() {
        description.doubt(format!(
            "{} bytes follow the image (a SPIDER stack?)",
            input.len() - promised
        ));
    }
    let (header, little) = (found.bytes, found.little);
    let [columns, rows, sections] = found.sides.map(|side| side as usize);
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

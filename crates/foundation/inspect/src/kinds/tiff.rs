//! TIFF stacks: size, sample type, compression, pixel size, statistics.
use serde_json::json;
use thon_images::eer::EerFile;
use thon_images::tiff::TiffStack;

use super::eer;

use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;
use crate::kind::Kind;
use crate::statistics::{self, Pixels};

/// Describes a TIFF stack.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let failed = |error| input.image_error(error);
    let stack = TiffStack::from_source(input.source()?).map_err(failed)?;
    // An EER movie whose first directory lies far from its start looks like a TIFF file.
    let coded = |movie: EerFile<'_>| movie.frame_count() > 0;
    if stack.page(0).is_err() && EerFile::from_source(input.source()?).is_ok_and(coded) {
        description.kind = Kind::Eer;
        return eer::describe(input, description);
    }
    if let Some(note) = stack.note() {
        return Err(input.damaged(format!("TIFF: {note}\n  hint: is the file cut off?")));
    }
    let first = stack.page(0).map_err(failed)?;
    let facts = &mut description.facts;
    facts.set(
        "dimensions",
        json!([first.width, first.height, stack.pages()]),
    );
    facts.set("sections", stack.pages());
    facts.set("sample_type", type_name(first.sample_kind));
    facts.set("bits", first.bits);
    facts.set("compression", compression(first.compression));
    facts.set_some("pixel_size", first.pixel_size);
    facts.set_some(
        "description",
        first
            .description
            .as_ref()
            .map(|text| text.chars().take(400).collect::<String>()),
    );
    description.summary = format!(
        "TIFF, {} × {} × {}, {}{}",
        first.width,
        first.height,
        stack.pages(),
        type_name(first.sample_kind),
        first
            .pixel_size
            .map_or(String::new(), |size| format!(", {} Å/px", short(size)))
    );
    if stack.shape().is_none() {
        for page in 1..stack.pages() {
            stack.page(page).map_err(failed)?;
        }
        description.doubt("pages differ in size: statistics are of the first page");
    }
    let sections = stack.shape().map_or(1, |shape| shape[0]);
    let read = |section, _, _| stack.read_page(section);
    let whole = Pixels {
        sections,
        rows: 1,
        columns: first.width * first.height,
        read: &read,
    };
    statistics::add(&whole, description).map_err(failed)?;
    Ok(())
}

/// The sample type as numeric Python and the field write it.
pub(crate) fn type_name(kind: thon_images::SampleKind) -> &'static str {
    use thon_images::SampleKind as K;
    match kind {
        K::U8 => "uint8",
        K::I8 => "int8",
        K::U16 => "uint16",
        K::I16 => "int16",
        K::U32 => "uint32",
        K::I32 => "int32",
        K::U64 => "uint64",
        K::I64 => "int64",
        K::F16 => "float16",
        K::F32 => "float32",
        K::F64 => "float64",
        K::ComplexI16 => "complex int16",
        K::ComplexF32 => "complex float32",
    }
}

fn compression(number: u16) -> String {
    match number {
        1 => "none".to_owned(),
        5 => "LZW".to_owned(),
        8 | 32946 => "deflate".to_owned(),
        32773 => "PackBits".to_owned(),
        50000 => "Zstandard".to_owned(),
        other => format!("number {other}"),
    }
}

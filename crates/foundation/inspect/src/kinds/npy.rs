//! NumPy arrays and cryoSPARC tables.
use serde_json::{Value, json};
use thon_images::ImageError;
use thon_images::npy::{FieldKind, NpyArray, NpzFile};

use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;
use crate::kind::Kind;
use crate::statistics::{self, Pixels};

/// Most fields listed by name.
const MOST_NAMES: usize = 200;

/// Describes an npy file; a structured one is a table.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let failed = |error: ImageError| input.image_error(error);
    let array = NpyArray::from_source(input.source()?).map_err(failed)?;
    let fields = array.fields();
    let plain = matches!(fields, [field] if field.name.is_empty());
    if plain {
        return plain_array(&array, input, description);
    }
    let particles = fields
        .iter()
        .any(|field| field.name == "uid" || field.name.contains('/'));
    description.kind = if particles {
        Kind::CryosparcTable
    } else {
        Kind::Npy
    };
    let rows = array.elements();
    let facts = &mut description.facts;
    facts.set("rows", rows);
    facts.set("fields", fields.len());
    let names: Vec<Value> = fields
        .iter()
        .take(MOST_NAMES)
        .map(|field| json!(field.name))
        .collect();
    facts.set("field_names", names);
    let what = if particles {
        "cryoSPARC table"
    } else {
        "NumPy table"
    };
    description.summary = format!("{what}, {rows} rows × {} fields", fields.len());
    if rows == 0 {
        description.doubt("the table has no rows");
        return Ok(());
    }
    let size = fields
        .iter()
        .find(|field| field.name.ends_with("/psize_A") && field.shape.is_empty());
    if let Some(field) = size {
        let values = array.column(&field.name).map_err(failed)?.into_f32();
        description.facts.set("pixel_size", f64::from(values[0]));
        if values.iter().any(|value| value.is_nan() || *value <= 0.0) {
            description.doubt(format!("{} is not positive in every row", field.name));
        }
    }
    repeated_ids(&array, description).map_err(failed)
}

fn repeated_ids(array: &NpyArray<'_>, description: &mut Description) -> Result<(), ImageError> {
    let has_ids = array
        .fields()
        .iter()
        .any(|field| field.name == "uid" && matches!(field.kind, FieldKind::Number(..)));
    if !has_ids {
        return Ok(());
    }
    if let thon_images::Samples::U64(mut ids) = array.column("uid")? {
        ids.sort_unstable();
        let twice = ids.windows(2).filter(|pair| pair[0] == pair[1]).count();
        if twice > 0 {
            description.doubt(format!("{twice} uids stand more than once"));
        }
    }
    Ok(())
}

fn plain_array(
    array: &NpyArray<'_>,
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let shape = array.shape();
    let kind = array.fields()[0].kind;
    description.kind = Kind::Npy;
    description.facts.set("shape", json!(shape));
    description.facts.set("sample_type", format!("{kind:?}"));
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    description.summary = format!("NumPy array, [{}], {kind:?}", sizes.join(", "));
    let numbers = matches!(kind, FieldKind::Number(kind, _) if !kind.is_complex());
    if !numbers || array.elements() == 0 {
        return Ok(());
    }
    let read = |_, _, _| array.read_f32();
    let whole = Pixels {
        sections: 1,
        rows: 1,
        columns: array.elements(),
        read: &read,
    };
    let found = statistics::add(&whole, description).map_err(|error| input.image_error(error))?;
    if let Some(found) = found {
        description.summary = format!(
            "{}, {} to {}",
            description.summary,
            short(found.min),
            short(found.max)
        );
    }
    Ok(())
}

/// Describes a zip archive; one of NumPy arrays by their names (nothing is expanded).
pub(crate) fn zip(input: &Input<'_>, description: &mut Description) -> Result<(), InspectError> {
    let bytes = input.bytes()?;
    let named = input.extension() == "npz";
    let archive = match NpzFile::parse(&bytes) {
        Ok(archive) => archive,
        Err(error) if named => return Err(input.image_error(error)),
        Err(_) => return Ok(()),
    };
    let names = archive.names();
    if names.is_empty() && !named {
        return Ok(());
    }
    description.facts.set(
        "arrays",
        names
            .iter()
            .take(MOST_NAMES)
            .map(|name| json!(name))
            .collect::<Vec<_>>(),
    );
    description.summary = format!("NumPy archive of {} arrays", names.len());
    Ok(())
}

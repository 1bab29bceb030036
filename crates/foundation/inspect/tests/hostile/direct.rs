//! Readers that no kind of `thon inspect` reaches, each driven as deep as its callers go: parsed, every
//! typed accessor called, written and read back where there is a writer.
//!
//! The targets of `cargo fuzz` (`fuzz/fuzz_targets`) take this file too, so it needs nothing else of these
//! tests.
use std::collections::BTreeSet;
use std::fmt::Display;

use thon_formats::star::Table;
use thon_formats::{dynamo, imod, mdoc, portal, relion_text, star, text, text_table, warp};
use thon_images::ImageError;
use thon_images::npy::{NpyArray, NpzFile};

/// What a reader says of the bytes: nothing more than read or refused.
pub(crate) type Answer = Result<(), String>;

/// A reader of bytes.
type Reader = fn(&[u8]) -> Answer;

/// Name of a reader, and the reader.
pub(crate) const READERS: [(&str, Reader); 15] = [
    ("npz_arrays", npz_arrays),
    ("npy_columns", npy_columns),
    ("imod_chunks", imod_chunks),
    ("tomogram_index", tomogram_index),
    ("coordinates", coordinates),
    ("order_list", order_list),
    ("order_doses", order_doses),
    ("text_table", table_of_text),
    ("settings", settings),
    ("number_list", number_list),
    ("command_values", command_values),
    ("star_columns", star_columns),
    ("mdoc_values", mdoc_values),
    ("warp_grids", warp_grids),
    ("picks", picks),
];

/// Drives the reader of this name.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Answer {
    let reader = READERS.iter().find(|(known, _)| *known == name);
    reader.expect("a name of the list").1(bytes)
}

fn said(error: impl Display) -> String {
    error.to_string()
}

/// Fails unless what was written reads back.
fn reads_back<T>(again: Result<T, impl Display>, what: &str) {
    if let Err(error) = again {
        panic!("{what} written from a file that was read does not read back: {error}");
    }
}

fn decoded(bytes: &[u8]) -> String {
    text::decode(bytes.to_vec())
}

/// Every array of an archive, expanded, whole and by columns, as particle sets are read.
fn npz_arrays(bytes: &[u8]) -> Answer {
    let mut archive = NpzFile::parse(bytes).map_err(said)?;
    let mut refused = None;
    for name in archive.names() {
        let outcome = archive.array(&name).and_then(|array| columns(&array));
        refused = outcome.err().or(refused);
    }
    refused.map_or(Ok(()), |error| Err(said(error)))
}

fn npy_columns(bytes: &[u8]) -> Answer {
    let array = NpyArray::parse(bytes).map_err(said)?;
    columns(&array).map_err(said)
}

fn columns(array: &NpyArray<'_>) -> Result<(), ImageError> {
    let mut values = 0;
    for field in array.fields() {
        if field.name.is_empty() {
            continue;
        }
        // A column is numbers or text; the other call is refused.
        let numbers = array.column(&field.name);
        let words = array.column_text(&field.name);
        values += numbers.as_ref().map_or(0, thon_images::Samples::len);
        values += words.as_ref().map_or(0, Vec::len);
        if let (Err(error), Err(_)) = (numbers, words) {
            return Err(error);
        }
    }
    if array.elements() > 0 {
        values += array.element(array.elements() - 1)?.len();
    }
    if matches!(array.fields(), [field] if field.name.is_empty()) {
        values += array.samples()?.len();
    }
    assert!(
        values > 0 || array.elements() == 0 || array.fields().iter().all(|one| one.values() == 0),
        "elements without values"
    );
    Ok(())
}

fn imod_chunks(bytes: &[u8]) -> Answer {
    let model = imod::model::parse(bytes, "a.mod").map_err(said)?;
    let mut stored = model.slicer_angles().len() + usize::from(model.image_reference().is_some());
    for object in &model.objects {
        stored += object.stored().len() + object.name().len();
        for contour in &object.contours {
            stored += contour.stored().len() + contour.sizes().map_or(0, |sizes| sizes.len());
        }
    }
    assert!(stored <= bytes.len(), "more values than bytes");
    reads_back(
        imod::model::parse(&imod::model::write(&model), "b.mod"),
        "a model",
    );
    Ok(())
}

fn tomogram_index(bytes: &[u8]) -> Answer {
    let list = dynamo::tomogram_index::parse(&decoded(bytes), "a.doc").map_err(said)?;
    reads_back(
        dynamo::tomogram_index::parse(&dynamo::tomogram_index::write(&list), "b.doc"),
        "an index",
    );
    Ok(())
}

fn coordinates(bytes: &[u8]) -> Answer {
    let table = relion_text::coordinates::parse(&decoded(bytes), "a.coords").map_err(said)?;
    let points = relion_text::coordinates::points(&table);
    assert_eq!(points.len(), table.rows(), "a row without a point");
    reads_back(
        relion_text::coordinates::parse(&relion_text::coordinates::write(&points), "b.coords"),
        "coordinates",
    );
    Ok(())
}

fn order_list(bytes: &[u8]) -> Answer {
    use relion_text::tilt_order::{parse_order_list, write_order_list};
    let tilts = parse_order_list(&decoded(bytes), "order_list.csv").map_err(said)?;
    reads_back(
        parse_order_list(&write_order_list(&tilts), "b.csv"),
        "an order list",
    );
    Ok(())
}

fn order_doses(bytes: &[u8]) -> Answer {
    use relion_text::tilt_order::{parse_doses, write_doses};
    let tilts = parse_doses(&decoded(bytes), "a.order").map_err(said)?;
    reads_back(parse_doses(&write_doses(&tilts), "b.order"), "doses");
    Ok(())
}

fn table_of_text(bytes: &[u8]) -> Answer {
    let table = text_table::parse(&decoded(bytes), "a.csv").map_err(said)?;
    for name in &table.columns {
        let column = table.column(name).map_err(said)?;
        assert_eq!(
            column.len(),
            table.rows(),
            "a column shorter than the table"
        );
        if let Ok(numbers) = table.numbers(name) {
            assert_eq!(numbers.len(), table.rows(), "fewer numbers than rows");
        }
    }
    Ok(())
}

fn settings(bytes: &[u8]) -> Answer {
    let mut settings = imod::settings::parse(&decoded(bytes), "a.edf").map_err(said)?;
    let keys: Vec<String> = settings.entries().map(|(key, _)| key.to_owned()).collect();
    for key in &keys {
        assert!(settings.get(key).is_some(), "a listed key is not found");
    }
    if let Some(key) = keys.first() {
        settings.set(key, "a=b\\ \u{e9}");
    }
    reads_back(
        imod::settings::parse(&imod::settings::write(&settings), "b.edf"),
        "settings",
    );
    Ok(())
}

fn number_list(bytes: &[u8]) -> Answer {
    let numbers = imod::number_list::expand(&decoded(bytes), "a", 1).map_err(said)?;
    let again = imod::number_list::expand(&imod::number_list::format(&numbers), "b", 1);
    assert_eq!(
        again.map_err(said),
        Ok(numbers),
        "a list changes when written"
    );
    Ok(())
}

fn command_values(bytes: &[u8]) -> Answer {
    let file = imod::command_file::parse(&decoded(bytes), "a.com").map_err(said)?;
    let mut refused = None;
    for program in ["tilt", "newstack", "tiltalign", "ctfphaseflip"] {
        let Some(command) = file.command(program) else {
            continue;
        };
        let keys: BTreeSet<&str> = command.entries().map(|(key, _)| key).collect();
        for key in keys {
            // A value may be a list of numbers, a list of views, both or neither.
            refused = command.numbers(key).err().or(refused);
            refused = command.number_list(key).err().or(refused);
        }
    }
    refused.map_or(Ok(()), |error| Err(said(error)))
}

fn star_columns(bytes: &[u8]) -> Answer {
    let mut file = star::parse(&decoded(bytes), "a.star").map_err(said)?;
    for table in file.blocks.iter_mut().flat_map(|block| &mut block.tables) {
        table_columns(table)?;
    }
    let written = star::write(&file).map_err(said)?;
    reads_back(star::parse(&written, "b.star"), "a STAR file");
    Ok(())
}

fn table_columns(table: &mut Table) -> Answer {
    for column in table.columns() {
        assert_eq!(
            column.len(),
            table.rows(),
            "a column shorter than the table"
        );
        let read = [
            column.to_f64().map(|values| values.len()),
            column.to_i64().map(|values| values.len()),
            column.to_vectors().map(|values| values.len()),
        ];
        for count in read.into_iter().flatten() {
            assert_eq!(count, table.rows(), "fewer values than rows");
        }
    }
    let Some(label) = table.labels().next().map(str::to_owned) else {
        return Ok(());
    };
    if table.rows() > 0 {
        table.set(0, &label, "a 'b' \"c").map_err(said)?;
    }
    Ok(())
}

fn mdoc_values(bytes: &[u8]) -> Answer {
    let file = mdoc::parse(&decoded(bytes), "a.mdoc").map_err(said)?;
    let mut refused = None;
    let mut note = |error: Option<thon_formats::FormatError>| refused = error.or(refused.take());
    note(file.voltage().err());
    note(file.image_size().err());
    note(file.pixel_spacing().err());
    for section in &file.sections {
        note(section.tilt_angle().err());
        note(section.exposure_dose().err());
        note(section.prior_record_dose().err());
        note(section.rotation_angle().err());
        note(section.target_defocus().err());
        note(section.sub_frames().err());
        note(section.date_time().err());
        note(section.frame_doses().err());
    }
    reads_back(mdoc::parse(&mdoc::write(&file), "b.mdoc"), "an mdoc");
    refused.map_or(Ok(()), |error| Err(said(error)))
}

fn warp_grids(bytes: &[u8]) -> Answer {
    let item = warp::parse(&decoded(bytes), "a.xml").map_err(said)?;
    let mut refused = None;
    for child in &item.root().children {
        refused = item.number_list(&child.name).err().or(refused);
        refused = item.grid(&child.name).err().or(refused);
    }
    reads_back(warp::parse(&warp::write(&item), "b.xml"), "a Warp item");
    refused.map_or(Ok(()), |error| Err(said(error)))
}

fn picks(bytes: &[u8]) -> Answer {
    let text = decoded(bytes);
    let list = portal::picks::parse(&text, "picks.json").map_err(said);
    let points = portal::points::parse(&text, "points.ndjson").map_err(said);
    list.map(|_| ()).or(points.map(|_| ()))
}

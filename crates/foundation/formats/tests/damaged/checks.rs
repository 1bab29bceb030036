//! Checks: parse, and when that succeeds write, parse again and compare.

use std::fmt::Debug;
use thon_formats::{imod, mdoc, pytom, star, text, warp};

/// Compares by debug text, in which NaN equals NaN.
pub fn survives<T: Debug>(before: &T, after: &T, written: &str) {
    let (before, after) = (format!("{before:?}"), format!("{after:?}"));
    assert!(
        before == after,
        "before: {before:.2000}\nafter: {after:.2000}\nwritten: {written:.2000?}"
    );
}

pub fn star_check(bytes: &[u8]) -> bool {
    let text = text::decode(bytes.to_vec());
    let Ok(file) = star::parse(&text, "f") else {
        return false;
    };
    assert_eq!(star::write(&file).unwrap(), text);
    let mut changed = file.clone();
    for table in changed
        .blocks
        .iter_mut()
        .flat_map(|block| &mut block.tables)
    {
        table
            .set_strings("thonMark", vec!["a b"; table.rows()])
            .unwrap();
    }
    let written = star::write(&changed).unwrap();
    let back = star::parse(&written, "f")
        .unwrap_or_else(|error| panic!("{error}\nfrom: {text:.2000?}\nwritten: {written:.2000?}"));
    let values = |file: &star::StarFile, skip: usize| -> Vec<Vec<String>> {
        let tables = file.blocks.iter().flat_map(|block| &block.tables);
        let columns = tables.flat_map(|table| table.columns().take(table.labels().len() - skip));
        columns
            .map(|column| {
                std::iter::once(column.label())
                    .chain(column.strings())
                    .map(str::to_owned)
                    .collect()
            })
            .collect()
    };
    let (before, after) = (values(&file, 0), values(&back, 1));
    assert!(
        before == after,
        "from: {text:.2000?}\nwritten: {written:.2000?}"
    );
    let columns = file
        .blocks
        .iter()
        .flat_map(|block| &block.tables)
        .flat_map(star::Table::columns);
    for column in columns.take(100) {
        let _ = (column.to_f64(), column.to_i64(), column.to_vectors());
    }
    true
}

pub fn mdoc_check(bytes: &[u8]) -> bool {
    let text = text::decode(bytes.to_vec());
    let Ok(value) = mdoc::parse(&text, "f") else {
        return false;
    };
    let _ = (
        value.tilt_axis_angle(),
        value.pixel_spacing(),
        value.image_size(),
    );
    for section in &value.sections {
        let _ = (
            section
                .date_time()
                .map(|time| time.map(|time| time.seconds())),
            section.frame_doses(),
            section.sub_frames(),
        );
        let _ = (
            section.sub_frame_name(),
            section.tilt_angle(),
            section.pair("ImageShift"),
        );
    }
    let written = mdoc::write(&value);
    survives(&value, &mdoc::parse(&written, "f").unwrap(), &written);
    true
}

pub fn model_check(bytes: &[u8]) -> bool {
    let Ok(model) = imod::model::parse(bytes, "f") else {
        return false;
    };
    let _ = (
        model.slicer_angles(),
        model.image_reference(),
        model.points().count(),
    );
    for object in &model.objects {
        let _ = (object.stored(), object.name());
        for contour in &object.contours {
            let _ = (contour.sizes(), contour.stored());
        }
    }
    let written = imod::model::write(&model);
    let back = imod::model::parse(&written, "f").unwrap();
    assert_eq!(imod::model::write(&back), written);
    true
}

pub fn command_check(bytes: &[u8]) -> bool {
    let text = text::decode(bytes.to_vec());
    let Ok(value) = imod::command_file::parse(&text, "f") else {
        return false;
    };
    for command in &value.commands {
        for key in ["THICKNESS", "EXCLUDELIST", "RADIAL"] {
            let _ = (
                command.get(key),
                command.numbers(key),
                command.number_list(key),
            );
        }
    }
    let written = imod::command_file::write(&value);
    survives(
        &value,
        &imod::command_file::parse(&written, "f").unwrap(),
        &written,
    );
    true
}

pub fn warp_check(bytes: &[u8]) -> bool {
    let text = text::decode(bytes.to_vec());
    let Ok(item) = warp::parse(&text, "f") else {
        return false;
    };
    let _ = (
        item.number_list("Angles"),
        item.flag_list("UseTilt"),
        item.numbers("PlaneNormal"),
        item.flag("AreAnglesInverted"),
    );
    let _ = (
        item.grid("GridCTF"),
        item.parameter_number("CTF", "Voltage"),
    );
    let written = warp::write(&item);
    let back =
        warp::parse(&written, "f").unwrap_or_else(|error| panic!("{error}\n{written:.2000?}"));
    assert!(warp::write(&back) == written, "{written:.2000?}");
    true
}

pub fn pytom_check(bytes: &[u8]) -> bool {
    let text = text::decode(bytes.to_vec());
    let Ok(list) = pytom::parse(&text, "f") else {
        return false;
    };
    let written = pytom::write(&list);
    let back =
        pytom::parse(&written, "f").unwrap_or_else(|error| panic!("{error}\n{written:.2000?}"));
    assert!(pytom::write(&back) == written, "{written:.2000?}");
    true
}

//! STAR grammar, editing and errors on small texts.

use super::*;

const RELION: &str = "\n# version 50001\n\ndata_general\n\n_rlnTomoSubTomosAre2DStacks  1 \n \n\n# version 50001\n\ndata_particles\n\nloop_ \n_rlnTomoName #1 \n_rlnCoordinateX #2 \n_rlnTomoVisibleFrames #3 \nTS_1   10.500000 [1,0,1] \nTS_2   -3.25 [1,1,1] \n \n";

fn read_back(file: &StarFile) -> StarFile {
    parse(&write(file).unwrap(), "back").unwrap()
}

#[test]
fn relion_blocks_and_types() {
    let file = parse(RELION, "a.star").unwrap();
    assert_eq!(file.version(), Some(50001));
    assert_eq!(
        file.table("general")
            .unwrap()
            .get(0, "rlnTomoSubTomosAre2DStacks"),
        Some("1")
    );
    let table = file.table("particles").unwrap();
    assert_eq!(
        table.column("rlnCoordinateX").unwrap().to_f64().unwrap(),
        [10.5, -3.25]
    );
    assert_eq!(
        table
            .column("rlnTomoVisibleFrames")
            .unwrap()
            .vector(0)
            .unwrap(),
        [1.0, 0.0, 1.0]
    );
    assert_eq!(write(&file).unwrap(), RELION);
}

#[test]
fn changes_keep_the_rest() {
    let mut file = parse(RELION, "a.star").unwrap();
    let table = &mut file.find_mut("particles").unwrap().tables[0];
    table.set_f64("rlnCoordinateX", [1.0 / 3.0, 1e-12]).unwrap();
    table.set(1, "rlnTomoName", "TS 2").unwrap();
    table.push_row(&["", "7", "[]"]).unwrap();
    let text = write(&file).unwrap();
    assert!(
        text.starts_with(&RELION[..RELION.find("loop_").unwrap()]),
        "{text}"
    );
    let back = parse(&text, "b.star").unwrap();
    let table = back.table("particles").unwrap();
    assert_eq!(
        table.column("rlnCoordinateX").unwrap().to_f64().unwrap(),
        [1.0 / 3.0, 1e-12, 7.0]
    );
    assert_eq!(
        table
            .column("rlnTomoName")
            .unwrap()
            .strings()
            .collect::<Vec<_>>(),
        ["TS_1", "TS 2", ""]
    );
    assert!(
        table
            .column("rlnTomoVisibleFrames")
            .unwrap()
            .vector(2)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn new_files_and_row_selection() {
    let mut loop_table = Table::new_loop(["rlnA", "_rlnB"]);
    for row in 0..5 {
        loop_table
            .push_row(&[row.to_string(), format!("name {row}")])
            .unwrap();
    }
    let mut columns = Table::new_loop::<&str>([]);
    columns.set_i64("n", [1, 2, 3]).unwrap();
    columns
        .set_vectors("v", [vec![1.0, 0.1], vec![], vec![-2.0]])
        .unwrap();
    assert!(columns.set_f64("short", [1.0]).is_err());
    let file = StarFile::new(vec![
        Block::new(
            "global",
            vec![Table::new_pairs([("rlnX", "1"), ("rlnEmpty", "")])],
        )
        .with_comment("version 50001"),
        Block::new("", vec![loop_table.take_rows(&[4, 0, 4]).unwrap()]),
        Block::new("vectors", vec![columns]),
    ]);
    let back = read_back(&file);
    assert_eq!(back.version(), Some(50001));
    assert_eq!(back.table("global").unwrap().get(0, "rlnEmpty"), Some(""));
    assert_eq!(
        back.table("")
            .unwrap()
            .column("rlnB")
            .unwrap()
            .strings()
            .collect::<Vec<_>>(),
        ["name 4", "name 0", "name 4"]
    );
    assert_eq!(
        back.table("vectors")
            .unwrap()
            .column("v")
            .unwrap()
            .to_vectors()
            .unwrap(),
        [vec![1.0, 0.1], vec![], vec![-2.0]]
    );
    assert!(loop_table.take_rows(&[5]).is_err());
    assert_eq!(write(&read_back(&back)).unwrap(), write(&back).unwrap());
}

#[test]
fn selected_rows_of_a_read_file() {
    let mut file = parse(RELION, "a.star").unwrap();
    let selected = file.table("particles").unwrap().take_rows(&[1]).unwrap();
    file.find_mut("particles").unwrap().tables[0] = selected;
    let back = read_back(&file);
    assert_eq!(
        back.table("particles").unwrap().get(0, "rlnCoordinateX"),
        Some("-3.25")
    );
    assert_eq!(back.table("particles").unwrap().rows(), 1);
}

#[test]
fn mmcif_rows_and_text_fields() {
    let text = "data_1ABC\n_entry.id 1ABC\n_struct.title\n;A long\ntitle\n;\nloop_\n_atom_site.id\n_atom_site.name\n_atom_site.x\n1 \"O5'\" 1.5\n2\n'C A' 2.5\n#\nloop_\n_x.a\n1 2 3\n";
    let file = parse(text, "a.cif").unwrap();
    let tables = &file.blocks[0].tables;
    assert_eq!(tables.len(), 3);
    assert_eq!(tables[0].get(0, "struct.title"), Some("A long\ntitle"));
    assert_eq!(
        tables[1]
            .column("atom_site.name")
            .unwrap()
            .strings()
            .collect::<Vec<_>>(),
        ["O5'", "C A"]
    );
    assert_eq!(tables[2].rows(), 3);
    assert_eq!(write(&file).unwrap(), text);
    let mut changed = file.clone();
    changed.blocks[0].tables[0].set(0, "entry.id", "x").unwrap();
    assert_eq!(
        read_back(&changed).blocks[0].tables[0].get(0, "struct.title"),
        Some("A long\ntitle")
    );
}

#[test]
fn values_that_look_like_structure() {
    let text = "data_\nloop_\n_a #1\n_b #2\n_c\ndata_001.mrc 1 2\n_x 3 4\nloop_ 5 6\n_d 1\ndata_next\n_k v # note\n";
    let file = parse(text, "a.star").unwrap();
    let table = &file.blocks[0].tables[0];
    assert_eq!(
        table.column("a").unwrap().strings().collect::<Vec<_>>(),
        ["data_001.mrc", "_x", "loop_"]
    );
    assert_eq!(file.blocks[0].tables[1].get(0, "d"), Some("1"));
    assert_eq!(file.blocks[1].name(), "next");
    let mut changed = file.clone();
    changed.blocks[0].tables[0].set(0, "b", "9").unwrap();
    assert_eq!(
        read_back(&changed).blocks[0].tables[0].get(2, "a"),
        Some("loop_")
    );
}

#[test]
fn comments_inside_a_changed_table_stay() {
    let text = "data_\nloop_\n_a\n# before\n1\n# between\n2\n";
    let mut file = parse(text, "a.star").unwrap();
    file.blocks[0].tables[0].set(0, "a", "7").unwrap();
    let written = write(&file).unwrap();
    let order = ["# before", "7", "# between", "2"].map(|part| written.find(part).unwrap());
    assert!(order.is_sorted(), "{written}");
}

#[test]
fn windows_line_ends_tabs_and_missing_last_newline() {
    let text = "data_a\r\n\r\nloop_\r\n_x #1\r\n_y #2\r\n1\t\"two words\"\r\n3\t4";
    let file = parse(text, "a.star").unwrap();
    assert_eq!(file.table("a").unwrap().get(0, "y"), Some("two words"));
    assert_eq!(file.table("a").unwrap().get(1, "y"), Some("4"));
    assert_eq!(write(&file).unwrap(), text);
    let mut longer = file;
    longer
        .blocks
        .push(Block::new("b", vec![Table::new_pairs([("k", "v")])]));
    assert_eq!(read_back(&longer).blocks.len(), 2);
}

#[test]
fn errors_say_where_and_what() {
    let cases = [
        (
            "data_\nloop_\n_a\n_b\n1 2\n3\n",
            6,
            "expected 2 values in the row, one per column, found 1",
        ),
        ("data_\nloop_\n_a\n_b\n1 2 3\n", 5, "found 3"),
        ("data_\nloop_\n_a\n\"open\n", 4, "closing quotation mark"),
        (
            "data_\n_a x y\n",
            2,
            "expected one value for label _a, found 'y'",
        ),
        (
            "hello\n",
            1,
            "expected data_<name>, loop_ or a label that begins with _, found 'hello'",
        ),
        ("data_\nloop_\n1 2\n", 2, "labels that begin with _"),
        ("data_\n_a.b\n;text\n", 3, "close the text field"),
    ];
    for (text, line, message) in cases {
        let error = parse(text, "bad.star").unwrap_err();
        assert_eq!(error.line(), Some(line), "{error}");
        assert!(
            error.to_string().starts_with(&format!("bad.star:{line}: ")),
            "{error}"
        );
        assert!(error.to_string().contains(message), "{error}");
    }
    let file = parse(RELION, "a.star").unwrap();
    let error = file
        .table("particles")
        .unwrap()
        .column("rlnTomoName")
        .unwrap()
        .to_f64()
        .unwrap_err();
    assert_eq!(error.line(), Some(17));
    assert!(
        error
            .to_string()
            .contains("a number in column rlnTomoName (row 1), found 'TS_1'"),
        "{error}"
    );
    assert!(
        file.table("optics")
            .unwrap_err()
            .to_string()
            .contains("data_general, data_particles")
    );
}

#[test]
fn files_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("particles é.star");
    let file = parse(RELION, "a.star").unwrap();
    write_to(&file, &path).unwrap();
    let back = read(&path).unwrap();
    assert_eq!(write(&back).unwrap(), RELION);
    assert!(back.name().ends_with("particles é.star"));
    let missing = read(&folder.path().join("none.star")).unwrap_err();
    assert!(
        missing.to_string().contains("none.star: cannot read"),
        "{missing}"
    );
    assert!(write_to(&file, &folder.path().join("no/such/folder.star")).is_err());
}

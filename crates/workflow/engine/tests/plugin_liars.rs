//! Forty programs that lie: exit code 0 and a black image, an old file, one section too few, … Every lie is caught, and the
//! honest program next to them is believed.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;
use thon_contract::{AnyJob as _, Context, DirectoryWorkspace, ItemRecord, SlotRecord, UnitInputs};
use thon_engine::plugin::{Manifest, PluginJob};
use thon_images::mrc::write_volume;

const BOX: usize = 8;
/// Bytes of a header.
const HEADER: usize = 1024;

fn values() -> Vec<f32> {
    (0..BOX * BOX * BOX)
        .map(|i| ((i * 37) % 101) as f32)
        .collect()
}

fn volume(path: &Path, values: &[f32], shape: [usize; 3], voxel: f64) {
    write_volume(path, values, shape, Some(voxel)).unwrap();
}

/// The bytes of a good volume.
fn good(directory: &Path) -> Vec<u8> {
    let path = directory.join("good.mrc");
    volume(&path, &values(), [BOX; 3], 2.0);
    fs::read(path).unwrap()
}

fn with(bytes: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

fn of_values(change: impl Fn(usize, f32) -> f32, directory: &Path) -> Vec<u8> {
    let changed: Vec<f32> = values()
        .into_iter()
        .enumerate()
        .map(|(i, v)| change(i, v))
        .collect();
    let path = directory.join("changed.mrc");
    // Written by hand: our own writer refuses nonsense.
    let mut bytes = good(directory)[..HEADER].to_vec();
    bytes.extend(changed.iter().flat_map(|v| v.to_le_bytes()));
    fs::write(&path, &bytes).unwrap();
    bytes
}

fn of_shape(shape: [usize; 3], voxel: f64, directory: &Path) -> Vec<u8> {
    let count = shape.iter().product();
    let all: Vec<f32> = (0..count).map(|i| ((i * 37) % 101) as f32).collect();
    let path = directory.join("shaped.mrc");
    volume(&path, &all, shape, voxel);
    fs::read(path).unwrap()
}

const STAR: &str = "data_fsc\n\nloop_\n_rlnResolution #1\n_rlnFsc #2\n0.1 1.0\n0.2 0.5\n0.3 0.1\n";

/// A lie: its name, what the program does (`$M` is the map it should write, `$T` the table), and the bytes of the map.
type Lie = (&'static str, &'static str, Vec<u8>);

const WRITES: &str = "cp $M out.mrc; cp $T out.star";

/// Lies of a program that is handed a good map: the name, and what the program does.
const WAYS: &[(&str, &str)] = &[
    ("no file at all", "true"),
    ("no map", "cp $T out.star"),
    ("no table", "cp $M out.mrc"),
    ("a file of another name", "cp $M output.mrc; cp $T out.star"),
    ("an empty file", ": > out.mrc; cp $T out.star"),
    ("a link", "cp $T out.star; ln -s $M out.mrc"),
    ("a directory", "cp $T out.star; mkdir out.mrc"),
    (
        "an old file",
        "cp $M out.mrc; cp $T out.star; touch -d '2020-01-01' out.mrc",
    ),
    (
        "an old table",
        "cp $M out.mrc; cp $T out.star; touch -d '2020-01-01' out.star",
    ),
    (
        "exit code 1 with files",
        "cp $M out.mrc; cp $T out.star; exit 1",
    ),
    (
        "exit code 255 with files",
        "cp $M out.mrc; cp $T out.star; exit 255",
    ),
    (
        "killed after writing",
        "cp $M out.mrc; cp $T out.star; kill -9 $$",
    ),
    (
        "crashed after writing",
        "cp $M out.mrc; cp $T out.star; kill -11 $$",
    ),
    (
        "an error with exit code 0",
        "cp $M out.mrc; cp $T out.star; echo 'ERROR: no particles' >&2",
    ),
    (
        "an error on the output",
        "cp $M out.mrc; cp $T out.star; echo 'ERROR: cannot'",
    ),
    (
        "a segmentation fault of a child",
        "cp $M out.mrc; cp $T out.star; echo 'Segmentation fault'",
    ),
    (
        "text instead of a map",
        "echo done > out.mrc; cp $T out.star",
    ),
    (
        "a header alone",
        "head -c 1024 $M > out.mrc; cp $T out.star",
    ),
    ("half a header", "head -c 500 $M > out.mrc; cp $T out.star"),
    (
        "the last byte missing",
        "head -c -1 $M > out.mrc; cp $T out.star",
    ),
    (
        "half of the data",
        "head -c 2048 $M > out.mrc; cp $T out.star",
    ),
    (
        "bytes behind the data",
        "cat $M $T > out.mrc; cp $T out.star",
    ),
    (
        "a table without rows",
        "cp $M out.mrc; head -5 $T > out.star",
    ),
    (
        "a table with one row too few",
        "cp $M out.mrc; head -7 $T > out.star",
    ),
    (
        "a table without the column",
        "cp $M out.mrc; sed 's/rlnFsc/rlnOther/' $T > out.star",
    ),
    (
        "a table with nan",
        "cp $M out.mrc; sed 's/0.5/nan/' $T > out.star",
    ),
    (
        "a table with inf",
        "cp $M out.mrc; sed 's/0.5/inf/' $T > out.star",
    ),
    (
        "a table with words",
        "cp $M out.mrc; sed 's/0.5/none/' $T > out.star",
    ),
    (
        "a table with a torn row",
        "cp $M out.mrc; sed 's/0.2 0.5/0.2/' $T > out.star",
    ),
    ("a map for a table", "cp $M out.mrc; cp $M out.star"),
];

fn lies(directory: &Path) -> Vec<Lie> {
    let map = good(directory);
    let ways = WAYS
        .iter()
        .map(|(name, script)| (*name, *script, map.clone()));
    let data = bad_maps(directory, &map).into_iter();
    ways.chain(data.map(|(name, bytes)| (name, WRITES, bytes)))
        .collect()
}

/// Maps that nobody should believe.
fn bad_maps(directory: &Path, map: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let section = BOX * BOX;
    let of = |change: fn(usize, f32) -> f32| of_values(change, directory);
    vec![
        ("a black map", of(|_, _| 0.0)),
        ("a constant map", of(|_, _| 7.5)),
        ("all nan", of(|_, _| f32::NAN)),
        ("one nan", of(|i, v| if i == 100 { f32::NAN } else { v })),
        (
            "one inf",
            of(|i, v| if i == 511 { f32::INFINITY } else { v }),
        ),
        (
            "one black section",
            of_values(|i, v| if i / section == 3 { 0.0 } else { v }, directory),
        ),
        (
            "the last section black",
            of_values(
                |i, v| if i / section == BOX - 1 { 0.0 } else { v },
                directory,
            ),
        ),
        (
            "values beyond reason",
            of(|i, v| if i == 5 { 1e30 } else { v }),
        ),
        (
            "one section too few",
            of_shape([BOX - 1, BOX, BOX], 2.0, directory),
        ),
        (
            "one section too many",
            of_shape([BOX + 1, BOX, BOX], 2.0, directory),
        ),
        ("half the box", of_shape([BOX / 2; 3], 4.0, directory)),
        ("another voxel size", of_shape([BOX; 3], 1.0, directory)),
        ("an unknown mode", with(map, 12, &99i32.to_le_bytes())),
        ("a header of nonsense", with(map, 0, &(-5i32).to_le_bytes())),
        (
            "a header that claims more",
            with(map, 8, &1000i32.to_le_bytes()),
        ),
    ]
}

/// What becomes of a run of a program.
fn run(directory: &Path, script: &str, map: &[u8]) -> Result<(), String> {
    let here = directory.join("run");
    let _ = fs::remove_dir_all(&here);
    fs::create_dir(&here).unwrap();
    volume(&here.join("input.mrc"), &values(), [BOX; 3], 2.0);
    fs::write(here.join("map.bin"), map).unwrap();
    fs::write(here.join("table.bin"), STAR).unwrap();
    let program = here.join("liar");
    let place = here.display();
    let text = format!("#!/bin/sh\nM={place}/map.bin\nT={place}/table.bin\n{script}\n");
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let manifest = format!(
        r#"
id = "lies.tell"
summary = "Lie"
[program]
name = "{}"
fails_when_it_says = ["ERROR:", "Segmentation fault"]
[[input]]
name = "map"
kind = "map"
file = "input.mrc"
[[output]]
name = "map"
kind = "map"
file = "out.mrc"
check = {{ same_box_as = "map", values = [-1e6, 1e6] }}
[[output]]
name = "table"
kind = "files"
file = "out.star"
check = {{ star_columns = ["rlnResolution", "rlnFsc"], least_rows = 3 }}
"#,
        program.display()
    );
    let manifest = Manifest::parse(&manifest, Path::new("liar.toml")).unwrap();
    let job = PluginJob::new(manifest);
    let item = ItemRecord {
        name: "map".into(),
        files: vec!["input.mrc".into()],
        digest: String::new(),
    };
    let slot = SlotRecord {
        kind: "map".into(),
        items: vec![item],
    };
    let inputs = UnitInputs::from([("map".to_owned(), slot)]);
    let workspace = DirectoryWorkspace { root: here.clone() };
    let context = Context::new(&workspace, &thon_compute::Quiet, 1 << 30);
    let outputs = job
        .run(&json!({}), &inputs, &context)
        .map_err(|e| e.to_string())?;
    assert_eq!(outputs["map"].items.len(), 1);
    assert!(here.join("map.mrc").is_file());
    Ok(())
}

#[test]
fn every_lie_is_caught() {
    let directory = tempfile::tempdir().unwrap();
    let map = good(directory.path());
    run(directory.path(), WRITES, &map).unwrap();
    let all = lies(directory.path());
    assert!(all.len() >= 40, "{}", all.len());
    let mut believed = Vec::new();
    for (name, script, map) in &all {
        match run(directory.path(), script, map) {
            Ok(()) => believed.push(*name),
            Err(reason) => println!("{name}: {}", reason.lines().next().unwrap_or_default()),
        }
    }
    assert!(believed.is_empty(), "believed: {believed:?}");
    println!("{} of {} lies are caught", all.len(), all.len());
}

#[test]
fn wrong_manifests_are_refused() {
    let text = "id = \"a.b\"\nsummary = \"x\"\n[program]\nname = \"true\"\n";
    let out = "[[output]]\nname = \"m\"\nkind = \"map\"\nfile = \"out.mrc\"\n";
    let parse = |text: &str| Manifest::parse(text, Path::new("m.toml")).map_err(|e| e.to_string());
    assert!(parse(&format!("{text}{out}")).is_ok());
    assert!(parse(text).unwrap_err().contains("nothing comes out"));
    let outside = out.replace("out.mrc", "../out.mrc");
    assert!(
        parse(&format!("{text}{outside}"))
            .unwrap_err()
            .contains("below")
    );
    let unknown = "[[argument]]\nwords = [\"{gone}\"]\n";
    assert!(
        parse(&format!("{text}{unknown}{out}"))
            .unwrap_err()
            .contains("gone")
    );
    assert!(parse("id = 3").unwrap_err().contains("line 1"));
}

#[test]
fn the_manifests_that_are_shipped_make_sense() {
    let jobs = thon_engine::plugin::jobs(None).unwrap();
    assert_eq!(jobs.len(), thon_engine::plugin::SHIPPED.len());
    for job in jobs {
        assert!(job.complete_params(&json!({})).is_ok(), "{}", job.id());
        assert!(!job.summary().is_empty() && !job.inputs().is_empty());
    }
}

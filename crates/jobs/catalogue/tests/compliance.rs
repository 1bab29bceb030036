//! What every job of the catalogue must keep: names, documentation, units, defaults, TOML, and a schema that does not
//! change unnoticed. `THON_WRITE_SCHEMAS=1 cargo test -p thon-catalogue --test compliance` writes the snapshot anew.

use std::collections::BTreeSet;
use std::path::Path;

use thon_catalogue::ALL;
use thon_contract::Kind;
use thon_contract::compliance::{check_declaration, declaration_text};
use thon_contract::kinds::{
    CurvesKind, EditsKind, FilesKind, MapKind, MaskKind, ParticlesKind, PictureKind,
    TiltSeriesKind, TomogramKind,
};

const KINDS: [&str; 9] = [
    TiltSeriesKind::NAME,
    TomogramKind::NAME,
    ParticlesKind::NAME,
    MapKind::NAME,
    MaskKind::NAME,
    CurvesKind::NAME,
    PictureKind::NAME,
    FilesKind::NAME,
    EditsKind::NAME,
];

#[test]
fn every_declaration_keeps_the_rules() {
    let faults: Vec<String> = ALL
        .iter()
        .flat_map(|job| check_declaration(*job, &KINDS))
        .collect();
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    println!("{} jobs keep the rules", ALL.len());
}

#[test]
fn names_are_unique_and_rooms_come_in_the_order_of_the_work() {
    let names: BTreeSet<&str> = ALL.iter().map(|job| job.id()).collect();
    assert_eq!(names.len(), ALL.len());
    let rooms = [
        "acquire",
        "import",
        "movies",
        "tilt_series",
        "ctf",
        "tomogram",
        "particles",
        "classification",
        "maps",
        "symmetry",
        "export",
    ];
    let order: Vec<usize> = ALL
        .iter()
        .map(|job| {
            rooms
                .iter()
                .position(|room| job.id().split('.').next() == Some(room))
                .unwrap()
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}

/// A changed default or type gives other numbers under the same name: it must be seen, and the version raised.
#[test]
fn schemas_are_those_of_the_snapshot() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas.txt");
    let now = ALL
        .iter()
        .map(|job| declaration_text(*job))
        .collect::<Vec<_>>()
        .join("\n");
    if std::env::var_os("THON_WRITE_SCHEMAS").is_some() {
        std::fs::write(&file, &now).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    let changed: Vec<String> = now
        .lines()
        .filter(|line| !kept.lines().any(|old| old == *line))
        .map(|line| format!("+ {line}"))
        .chain(
            kept.lines()
                .filter(|line| !now.lines().any(|new| new == *line))
                .map(|line| format!("- {line}")),
        )
        .collect();
    assert!(
        now == kept,
        "the declarations changed:\n{}\nraise the job's VERSION where results change, then write the snapshot \
         with THON_WRITE_SCHEMAS=1",
        changed.join("\n")
    );
}

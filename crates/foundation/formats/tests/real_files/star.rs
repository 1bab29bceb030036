//! Every real STAR file parses, holds what a reference reader reported, and is written back byte for byte.

use crate::shared_data;

use thon_formats::star::{self, StarFile, TableKind};

/// `optics: 19 labels, 1 rows` → (name, labels, rows); `pairs rows` → rows `None`.
fn stated(fact: &str) -> Option<(String, usize, Option<usize>)> {
    let fact = fact.trim();
    let (name, rest) = fact.rsplit_once(": ")?;
    let (labels, rows) = rest.split_once(" labels, ")?;
    let rows = rows.split_whitespace().next()?;
    let name = if name == "(unnamed)" {
        String::new()
    } else {
        name.to_owned()
    };
    Some((name, labels.parse().ok()?, rows.parse().ok()))
}

fn check_facts(file: &str, star: &StarFile, facts: &str) -> usize {
    let facts = facts.strip_prefix("STAR ").unwrap();
    let mut checked = 0;
    for (index, fact) in facts.split(';').enumerate() {
        let Some((name, labels, rows)) = stated(fact) else {
            continue;
        };
        let block = &star.blocks[index];
        assert_eq!(block.name(), name, "{file}");
        let table = &block.tables[0];
        assert_eq!(table.labels().len(), labels, "{file} data_{name}");
        match rows {
            Some(rows) => assert_eq!(table.rows(), rows, "{file} data_{name}"),
            None => assert_eq!(table.kind(), TableKind::Pairs, "{file} data_{name}"),
        }
        checked += 1;
    }
    checked
}

#[test]
fn every_file_holds_what_is_stated_and_round_trips() {
    let entries = shared_data::entries(|file| {
        shared_data::ends_with(file, &[".star", ".tomostar", ".ctfparam", ".cif"])
    });
    let mut facts_checked = 0;
    for entry in &entries {
        let star = star::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        if entry.facts.starts_with("STAR ") {
            let checked = check_facts(&entry.file, &star, &entry.facts);
            assert!(checked > 0, "{}: {}", entry.file, entry.facts);
            facts_checked += checked;
        }
        let original = std::fs::read_to_string(&entry.path).unwrap();
        assert_eq!(star::write(&star).unwrap(), original, "{}", entry.file);
        check_rewritten(&entry.file, &star);
    }
    println!(
        "{} STAR files, {facts_checked} tables as stated",
        entries.len()
    );
}

/// All values survive when every table is written anew.
fn check_rewritten(file: &str, star: &StarFile) {
    let mut changed = star.clone();
    for table in changed
        .blocks
        .iter_mut()
        .flat_map(|block| &mut block.tables)
    {
        table
            .set_strings("thonMark", vec!["x y"; table.rows()])
            .unwrap();
    }
    let text = star::write(&changed).unwrap();
    let back = star::parse(&text, file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(star.blocks.len(), back.blocks.len(), "{file}");
    for (before, after) in star.blocks.iter().zip(&back.blocks) {
        assert_eq!(
            (before.name(), before.tables.len()),
            (after.name(), after.tables.len()),
            "{file}"
        );
        assert_eq!(before.comments(), after.comments(), "{file}");
        for (before, after) in before.tables.iter().zip(&after.tables) {
            assert_eq!(
                (before.rows(), before.kind()),
                (after.rows(), after.kind()),
                "{file}"
            );
            assert_eq!(before.labels().len() + 1, after.labels().len(), "{file}");
            for (left, right) in before.columns().zip(after.columns()) {
                assert_eq!(left.label(), right.label(), "{file}");
                assert!(
                    left.strings().eq(right.strings()),
                    "{file} {}",
                    left.label()
                );
            }
        }
    }
}

#[test]
fn typed_columns_of_a_relion5_project() {
    let Some(folder) = shared_data::folder() else {
        return;
    };
    let path = folder.join("04_relion5_project_empiar10164/Extract/job020/particles.star");
    let star = star::read(&path).unwrap();
    assert_eq!(star.version(), Some(50001));
    let particles = star.table("particles").unwrap();
    let x = particles
        .column("rlnCenteredCoordinateXAngst")
        .unwrap()
        .to_f64()
        .unwrap();
    assert_eq!(x.len(), 9442);
    let frames = particles
        .column("_rlnTomoVisibleFrames")
        .unwrap()
        .vector(0)
        .unwrap();
    assert_eq!(frames.len(), 40);
    assert!(frames.iter().all(|&flag| flag == 0.0 || flag == 1.0));
    let error = particles.column("rlnTomoName").unwrap().f64(0).unwrap_err();
    assert!(error.line().unwrap() > 30, "{error}");
    assert!(error.to_string().contains("particles.star:"), "{error}");
}

#[test]
fn atoms_of_mmcif_models() {
    let Some(folder) = shared_data::folder() else {
        return;
    };
    for (name, atoms) in [
        ("apoferritin_4v1w.cif", 32_736),
        ("hiv_CA-SP1_modelangelo_job080.cif", 12_359),
    ] {
        let file = star::read(&folder.join("12_models").join(name)).unwrap();
        let mut tables = file.blocks.iter().flat_map(|block| &block.tables);
        let table = tables.find(|table| table.has("atom_site.Cartn_x")).unwrap();
        assert_eq!(table.rows(), atoms, "{name}");
        assert!(
            table.column("atom_site.Cartn_x").unwrap().to_f64().is_ok(),
            "{name}"
        );
    }
}

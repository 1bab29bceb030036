//! Every file of the shared data folder is described, and every stated fact agrees.
//!
//! The facts of MANIFEST.tsv come from other readers (mrcfile, tifffile, emfile, gemmi, numpy, rsciio,
//! a text scan). Each number in them is compared with the answer; the counts are printed.
#![expect(clippy::print_stdout, reason = "the counts are the point")]

mod stated;
mod stated_star;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use stated::Comparison;
use thon_inspect::{Description, Kind, inspect, inspect_bytes};

fn folder() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../shared/data"
    ));
    if path.join("MANIFEST.tsv").is_file() {
        return Some(path);
    }
    println!("skipped: shared data absent");
    None
}

/// File and stated facts of every row of the manifest.
fn manifest(folder: &std::path::Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap_or_default();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        (cells[0].to_owned(), cells[6].to_owned())
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn every_file_is_answered_and_every_fact_agrees() {
    let Some(folder) = folder() else { return };
    let rows = manifest(&folder);
    assert!(rows.len() >= 513, "{} rows", rows.len());
    let mut compared: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut without = Vec::new();
    for (file, facts) in &rows {
        let description = match inspect(&folder.join(file)) {
            Ok(description) => description,
            Err(error) => {
                wrong.push(format!("{file}: {error}"));
                continue;
            }
        };
        *kinds.entry(format!("{:?}", description.kind)).or_default() += 1;
        let mut comparison = Comparison::new(&description);
        comparison.facts(facts);
        if comparison.agreed.is_empty() && comparison.wrong.is_empty() {
            without.push(format!("{file}: {facts}"));
        }
        for fact in comparison.agreed {
            *compared.entry(fact).or_default() += 1;
        }
        wrong.extend(
            comparison
                .wrong
                .into_iter()
                .map(|what| format!("{file}: {what}; stated: {facts}")),
        );
    }
    println!("{} files, kinds: {kinds:?}", rows.len());
    println!(
        "{} facts compared: {compared:?}",
        compared.values().sum::<usize>()
    );
    println!(
        "{} files without a comparable fact: {without:#?}",
        without.len()
    );
    assert!(
        wrong.is_empty(),
        "{} disagreements:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared.values().sum::<usize>() > 2000, "{compared:?}");
    assert!(without.len() <= 6, "{without:?}");
}

#[test]
fn each_answer_takes_seconds_at_most() {
    let Some(folder) = folder() else { return };
    let mut slowest = (Duration::ZERO, String::new());
    for (file, _) in manifest(&folder) {
        let start = Instant::now();
        let answered = inspect(&folder.join(&file));
        slowest = slowest.max((start.elapsed(), file));
        drop(answered);
    }
    println!("slowest: {} in {:.2} s", slowest.1, slowest.0.as_secs_f64());
    assert!(slowest.0 < Duration::from_secs(10), "{slowest:?}");
}

/// Files cut off anywhere: containers of pixels, archives and tables of records are refused, the
/// rest is answered or refused; nothing panics.
#[test]
fn cut_files_are_refused() {
    let Some(folder) = folder() else { return };
    let (mut cuts, mut refused) = (0, 0);
    for (file, _) in manifest(&folder) {
        let bytes = std::fs::read(folder.join(&file)).unwrap();
        let whole = inspect_bytes(&bytes, &file).unwrap();
        let strict = matches!(
            whole.kind,
            Kind::Mrc
                | Kind::Tiff
                | Kind::Em
                | Kind::DigitalMicrograph
                | Kind::CryosparcTable
                | Kind::Spider
                | Kind::ImodModel
        ) || whole.facts.get("compression").is_some();
        // Rows of particles that follow a header of their number, and headers without data.
        let empty = whole
            .doubts
            .iter()
            .any(|doubt| doubt.contains("no rows") || doubt.contains("section"));
        for part in [1, 2, 3] {
            let cut = (bytes.len() * part / 4) | 1;
            let answer = inspect_bytes(&bytes[..cut.min(bytes.len() - 1)], &file);
            cuts += 1;
            refused += usize::from(answer.is_err());
            if let (Ok(answer), true) = (&answer, strict && !empty) {
                panic!(
                    "{file} cut to {cut} of {} bytes is answered: {answer}",
                    bytes.len()
                );
            }
        }
    }
    println!("{cuts} cut files, {refused} refused");
    assert!(refused > cuts / 4, "{refused} of {cuts}");
}

fn described(folder: &std::path::Path, file: &str) -> Description {
    inspect(&folder.join(file)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn known_oddities_are_doubted() {
    let Some(folder) = folder() else { return };
    for (file, said) in [
        (
            "11_images/DE_detector_gain_256.mrc",
            "promises 32765 more sections than the file has",
        ),
        ("02_imod/headerTest.st", "no section is there"),
        (
            "09_maps/80S_average_stopgap_96.mrc",
            "1.0 Å is probably unset",
        ),
        ("02_imod/etomo_TS_001/TS_001.st", "no usable voxel size"),
        ("02_imod/etomo_TS_001/TS_001.st", "all 40 samples are 0"),
        ("05_star_other/starfile/empty_loop.star", "no rows"),
    ] {
        let description = described(&folder, file);
        let found = description.doubts.iter().any(|doubt| doubt.contains(said));
        assert!(found, "{file}: {said}: {:?}", description.doubts);
    }
}

#[test]
fn answers_are_json_and_words() {
    let Some(folder) = folder() else { return };
    for (file, _) in manifest(&folder) {
        let description = described(&folder, &file);
        let json = serde_json::to_value(&description).unwrap();
        assert!(
            json["kind"].is_string() && json["facts"].is_object(),
            "{file}"
        );
        let words = description.to_string();
        assert!(
            words.lines().count() >= 2 && words.contains(&description.summary),
            "{file}: {words}"
        );
    }
    println!(
        "{}",
        described(&folder, "11_images/polara_raw_24px/test_002_mode1.st")
    );
}

//! Kept steps: found whole or not at all, whatever happens to the disk.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "the script of the test is no test function itself"
)]
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use thon_project::durable::{Access, Fault, Loss};
use thon_project::{ContentKey, Durable, FaultyDisk, KeptSteps, ProjectError};

/// A temporary directory on a file system in memory where there is one: its syncs are free.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

fn steps(durable: &Durable, root: &Path, what: &str) -> KeptSteps {
    let key = ContentKey::of(&json!({ "unit": what }));
    KeptSteps::new(durable, &root.join("kept"), &key)
}

fn content(step: &str, version: u32) -> Vec<u8> {
    format!("{step} {version} ")
        .bytes()
        .cycle()
        .take(900)
        .collect()
}

fn keep(durable: &Durable, kept: &KeptSteps, name: &str, version: u32) -> Result<(), ProjectError> {
    let work = kept.begin(name)?;
    let inner = work.path().join("maps");
    durable.create_directory(&inner, Access::Shared)?;
    for path in [work.path().join("state.json"), inner.join("half_1.mrc")] {
        durable
            .create(&path)?
            .write_all(&content(name, version))
            .map_err(|source| ProjectError::disk("write", &path, source))?;
    }
    kept.publish(work, &json!([version])).map(drop)
}

/// The version of a step that is found, after a check of all its bytes.
fn version(kept: &KeptSteps, name: &str) -> Option<u32> {
    let step = kept.find(name).unwrap()?;
    let version = u32::try_from(step.remarks[0].as_u64().unwrap()).unwrap();
    for file in ["state.json", "maps/half_1.mrc"] {
        assert_eq!(
            fs::read(step.directory.join(file)).unwrap(),
            content(name, version)
        );
    }
    Some(version)
}

/// Two steps, one of them twice; how far it got.
fn work(durable: &Durable, root: &Path) -> Vec<(&'static str, u32)> {
    let kept = steps(durable, root, "work");
    let mut acknowledged = Vec::new();
    for (name, version) in [("one", 1), ("two", 1), ("two", 2)] {
        if keep(durable, &kept, name, version).is_err() {
            break;
        }
        acknowledged.push((name, version));
    }
    acknowledged
}

fn at_every_operation(fault: Fault, loss: Option<Loss>) {
    let healthy = Durable::default();
    for at in 0.. {
        let (place, graves) = (scratch(), scratch());
        let root = place.path();
        let disk = FaultyDisk::new(root, graves.path())
            .unwrap()
            .with_fault(at, fault);
        let acknowledged = work(&Durable::new(Arc::new(disk.clone())), root);
        let over = disk.operations() <= at;
        if let (Some(loss), false) = (loss, over) {
            disk.power_cut(loss).unwrap();
        }
        let label = format!("{fault:?} at operation {at}, {loss:?}, {acknowledged:?}");
        let kept = steps(&healthy, root, "work");
        let of = |name: &str| {
            let versions = acknowledged.iter().filter(|(own, _)| *own == name);
            versions.map(|(_, version)| *version).max()
        };
        for name in ["one", "two"] {
            // What was acknowledged is there; what was not may be there, but whole, and not older.
            assert!(version(&kept, name) >= of(name), "{label}: {name}");
        }
        assert_eq!(version(&steps(&healthy, root, "other work"), "one"), None);
        // The interrupted work goes on.
        assert_eq!(work(&healthy, root).len(), 3, "{label}");
        assert_eq!(
            (version(&kept, "one"), version(&kept, "two")),
            (Some(1), Some(2)),
            "{label}"
        );
        kept.clear().unwrap();
        assert_eq!(
            (version(&kept, "one"), version(&kept, "two")),
            (None, None),
            "{label}"
        );
        if over {
            assert!(at > 30, "{label}");
            return;
        }
    }
}

#[test]
fn errors_at_every_operation() {
    at_every_operation(Fault::NoSpace, None);
    at_every_operation(Fault::InputOutput, None);
    at_every_operation(Fault::ShortWrite, None);
    at_every_operation(Fault::Interrupted, None);
}

#[test]
fn power_cuts_at_every_operation() {
    at_every_operation(Fault::PowerCut, Some(Loss::Nothing));
    at_every_operation(Fault::PowerCut, Some(Loss::UnsyncedDropped));
    at_every_operation(Fault::PowerCut, Some(Loss::UnsyncedTorn));
}

#[test]
fn what_is_damaged_is_not_there() {
    let place = scratch();
    let durable = Durable::default();
    let kept = steps(&durable, place.path(), "work");
    let damages: [fn(&Path); 8] = [
        |step| {
            let path = step.join("files/state.json");
            let mut bytes = fs::read(&path).unwrap();
            bytes[7] ^= 1;
            fs::write(path, bytes).unwrap();
        },
        |step| fs::write(step.join("files/state.json"), b"short").unwrap(),
        |step| fs::remove_file(step.join("files/maps/half_1.mrc")).unwrap(),
        |step| fs::write(step.join("files/extra"), b"").unwrap(),
        |step| std::os::unix::fs::symlink("/dev/null", step.join("files/link")).unwrap(),
        |step| fs::remove_dir_all(step.join("files")).unwrap(),
        |step| fs::write(step.join("kept.json"), b"{").unwrap(),
        |step| fs::remove_file(step.join("kept.json")).unwrap(),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        keep(&durable, &kept, "one", 1).unwrap();
        assert_eq!(version(&kept, "one"), Some(1));
        let files = kept.find("one").unwrap().unwrap().directory;
        damage(files.parent().unwrap());
        assert!(kept.find("one").unwrap().is_none(), "damage {number}");
    }
    // A step under another name or of another unit does not count.
    keep(&durable, &kept, "one", 1).unwrap();
    let one = kept.find("one").unwrap().unwrap().directory;
    let one = one.parent().unwrap();
    fs::rename(one, one.with_file_name("two")).unwrap();
    assert!(kept.find("two").unwrap().is_none());
    keep(&durable, &kept, "one", 1).unwrap();
    let other = steps(&durable, place.path(), "other work");
    keep(&durable, &other, "two", 1).unwrap();
    let unit = one.parent().unwrap();
    let of_other = other.find("two").unwrap().unwrap().directory;
    let of_other = of_other.parent().unwrap().parent().unwrap();
    fs::rename(unit.join("one"), of_other.join("one")).unwrap();
    assert!(other.find("one").unwrap().is_none());
}

#[test]
fn bad_names_are_refused() {
    let place = scratch();
    let durable = Durable::default();
    let kept = steps(&durable, place.path(), "work");
    for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "../x", "a\0b"] {
        assert!(
            matches!(kept.find(name), Err(ProjectError::BadPath { .. })),
            "{name:?}"
        );
        assert!(
            matches!(kept.begin(name), Err(ProjectError::BadPath { .. })),
            "{name:?}"
        );
    }
    let work = kept.begin("link").unwrap();
    std::os::unix::fs::symlink("/dev/null", work.path().join("link")).unwrap();
    let error = kept.publish(work, &Value::Null).unwrap_err();
    assert!(matches!(error, ProjectError::NotPlain { .. }), "{error}");
}

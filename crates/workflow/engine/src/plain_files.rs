//! Plain files as inputs: named after themselves, known by their contents.
//!
//! A file of thon's own is known by its bytes and those of its companions (files of the same name with another
//! extension, beside a `.json`). What a reader of foreign files takes in is known by everything it says and by the
//! sizes of the files it names; without a project, where nothing is recorded, by their times too.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use thon_contract::{Context, ForeignReader, ItemRecord, SlotRecord};
use thon_project::{Digest, Durable};

use crate::Catalogue;
use crate::inputs::Place;
use crate::workspace::UnitWorkspace;

/// Plain files become items named after the file, without its extensions; a foreign file may hold several.
pub(crate) fn plain_files(
    catalogue: &Catalogue,
    kind: &str,
    paths: &[PathBuf],
    place: Place,
) -> Result<SlotRecord, String> {
    let mut items = Vec::new();
    for path in paths {
        match catalogue.reader(kind, path) {
            Some(reader) => items.extend(foreign(catalogue, reader, path, place)?),
            None => items.push(own(path, place.root())?),
        }
    }
    items.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = items.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(format!(
            "two files make an item named {}\nhint: rename one of them",
            pair[0].name
        ));
    }
    Ok(SlotRecord {
        kind: kind.into(),
        items,
    })
}

fn own(path: &Path, root: &Path) -> Result<ItemRecord, String> {
    let digest_of = |path: &Path| {
        let digest = Digest::of_file(&Durable::default(), &root.join(path));
        digest.map_err(|e| format!("{}: {e}", path.display()))
    };
    let (_, mut digest) = digest_of(path)?;
    let beside = companions(path, root)?;
    if !beside.is_empty() {
        let mut all = vec![json!(["", digest.to_string()])];
        for file in beside {
            let extension = file.extension().unwrap_or_default().to_string_lossy();
            all.push(json!([extension, digest_of(&file)?.1.to_string()]));
        }
        digest = Digest::of_value(&Value::Array(all));
    }
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = file_name.split('.').next().unwrap_or_default();
    Ok(ItemRecord {
        name: name.to_owned(),
        files: vec![path.to_owned()],
        digest: digest.to_string(),
    })
}

/// Files beside a `.json` that are named like it but for the extension, sorted.
fn companions(path: &Path, root: &Path) -> Result<Vec<PathBuf>, String> {
    if path.extension().is_none_or(|extension| extension != "json") {
        return Ok(Vec::new());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(folder)).map_err(failed)? {
        let file = folder.join(entry.map_err(failed)?.file_name());
        let plain = root.join(&file).is_file();
        if plain && file != path && file.file_stem() == path.file_stem() {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

fn foreign(
    catalogue: &Catalogue,
    reader: &ForeignReader,
    path: &Path,
    place: Place,
) -> Result<Vec<ItemRecord>, String> {
    // Results of a run without a project are taken elsewhere: what they name is named in full.
    let alone = matches!(place, Place::Directory(_));
    let given = if alone {
        place.root().join(path)
    } else {
        path.to_owned()
    };
    let workspace = UnitWorkspace::looking(place.root(), catalogue);
    let context = Context::new(&workspace, &thon_compute::Quiet, u64::MAX);
    let items = (reader.items)(&given, &context).map_err(|e| e.to_string())?;
    let record = |item: thon_contract::ForeignItem| {
        let files = item.files.iter();
        let files: Vec<Value> = files.map(|file| looked_at(file, alone, &context)).collect();
        let digest = Digest::of_value(&json!({ "foreign": item.digest, "files": files }));
        ItemRecord {
            name: item.name,
            files: vec![given.clone()],
            digest: digest.to_string(),
        }
    };
    Ok(items.into_iter().map(record).collect())
}

/// Path and size of a file; a missing one is for the job to name.
fn looked_at(file: &Path, with_time: bool, context: &Context) -> Value {
    let Ok(metadata) = std::fs::metadata(context.resolve(file)) else {
        return json!([file, null]);
    };
    let since = |time: std::time::SystemTime| time.duration_since(UNIX_EPOCH).ok();
    let time = metadata.modified().ok().and_then(since);
    let time = time.filter(|_| with_time).map(|t| t.as_nanos().to_string());
    json!([file, metadata.len(), time])
}

//! What jobs gave: items by number, their documents, pictures and files.

use std::path::{Path, PathBuf};

use thon_contract::{Context, DirectoryWorkspace, ItemRecord, Kind, SlotRecord};
use thon_project::JobNumber;

use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::server::Server;

/// Largest document or picture that is sent.
const LARGEST: u64 = 64 << 20;
/// Largest file that is sent to be saved.
const LARGEST_FILE: u64 = 4 << 30;

/// An item of an output of a job with a result.
pub(crate) struct Object {
    pub(crate) kind: String,
    pub(crate) item: ItemRecord,
    root: PathBuf,
}

impl Object {
    /// The object that the path of a request names.
    pub(crate) fn find(server: &Server, call: &Call) -> Result<Self, Refusal> {
        let number = JobNumber(call.number("job")?);
        let result = match server.project.result(number) {
            Err(thon_project::ProjectError::NoSuchJob(_)) => {
                server.project.notice_jobs()?;
                server.project.result(number)?
            }
            answer => answer?,
        };
        let slot = call.word("slot");
        let record = result.outputs.get(slot).cloned().unwrap_or_default();
        let record: SlotRecord = serde_json::from_value(record)
            .map_err(|_| Refusal::absent(format!("job {number} has no output {slot}")))?;
        let index = call.number("item")? as usize;
        let item = record.items.into_iter().nth(index);
        Ok(Self {
            kind: record.kind,
            item: item
                .ok_or_else(|| Refusal::absent(format!("output {slot} has no item {index}")))?,
            root: server.project.root().to_path_buf(),
        })
    }

    /// A path of a record or document, as it can be opened.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// The main file.
    pub(crate) fn main(&self) -> Result<PathBuf, Refusal> {
        self.file(0)
    }

    fn file(&self, index: usize) -> Result<PathBuf, Refusal> {
        let file = self.item.files.get(index);
        let file = file.ok_or_else(|| Refusal::absent("the item has no such file"))?;
        Ok(self.resolve(file))
    }

    /// Refuses items of other kinds.
    pub(crate) fn expect(&self, kinds: &[&str]) -> Result<(), Refusal> {
        if kinds.contains(&self.kind.as_str()) {
            return Ok(());
        }
        let expected = kinds.join(" or ");
        Err(Refusal::bad(format!(
            "expected a {expected}, found a {}",
            self.kind
        )))
    }

    /// The item as it is in memory.
    pub(crate) fn load<K: Kind>(&self) -> Result<K::Value, Refusal> {
        let workspace = DirectoryWorkspace {
            root: self.root.clone(),
        };
        let progress = thon_compute::Quiet;
        let context = Context::new(&workspace, &progress, LARGEST_FILE);
        K::read(&self.main()?, &context).map_err(Refusal::internal)
    }
}

fn read(path: &Path, largest: u64) -> Result<Vec<u8>, Refusal> {
    let size = std::fs::metadata(path).map_err(Refusal::internal)?.len();
    if size > largest {
        return Err(Refusal::new(
            413,
            format!("the file has {size} bytes, more than can be sent"),
        ));
    }
    std::fs::read(path).map_err(Refusal::internal)
}

/// The document of an item that is one: tilt series, tomogram, curves, particles' header, listing.
pub(crate) fn document(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    let path = object.main()?;
    if path.extension().is_none_or(|extension| extension != "json") {
        return Err(Refusal::bad(format!("a {} has no document", object.kind)));
    }
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(unchanged),
    };
    Ok(Answer::json_text(read(&path, LARGEST)?).tagged(tag))
}

/// A picture.
pub(crate) fn picture(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    object.expect(&["picture"])?;
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(unchanged),
    };
    let bytes = read(&object.main()?, LARGEST)?;
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err(Refusal::internal("the picture is no PNG file"));
    }
    Ok(Answer::png(bytes).tagged(tag))
}

/// A file of an item, to save.
pub(crate) fn file(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    let path = object.file(call.number("file")? as usize)?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Answer::file(name, read(&path, LARGEST_FILE)?))
}

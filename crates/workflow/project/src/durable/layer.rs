//! The operations the project uses: retried on `EINTR`, named in errors, published whole or not at all.
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Access, Disk, DiskFile, DiskLock, DiskReader, Entry, EntryKind, RealDisk};
use crate::error::ProjectError;

/// End of the name of a file on its way to being published.
const TEMPORARY: &str = ".tmp";

type Result<T> = std::result::Result<T, ProjectError>;

/// A [`Disk`] with retries, named errors and whole-file publication. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Durable {
    disk: Arc<dyn Disk>,
}

/// A file open for writing through the durable layer; errors of `Write` carry no path of their own.
pub struct DurableFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
}

impl Default for Durable {
    fn default() -> Self {
        Self::new(Arc::new(RealDisk))
    }
}

/// Whether a file name is that of a file on its way to being published.
pub fn is_temporary(name: &str) -> bool {
    name.strip_prefix('.')
        .is_some_and(|rest| rest.strip_suffix(TEMPORARY).is_some())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{TEMPORARY}"))
}

/// Calls until the answer is anything but `EINTR`.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

impl Durable {
    /// A durable layer over a disk.
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    fn run<T>(
        &self,
        operation: &'static str,
        path: &Path,
        mut call: impl FnMut(&dyn Disk) -> io::Result<T>,
    ) -> Result<T> {
        retry(|| call(&*self.disk)).map_err(|source| ProjectError::disk(operation, path, source))
    }

    /// Creates a file that must not exist yet.
    pub fn create(&self, path: &Path) -> Result<DurableFile> {
        let file = self.run("create", path, |disk| disk.create(path))?;
        Ok(DurableFile {
            file,
            path: path.to_path_buf(),
        })
    }

    /// Opens a file for reading.
    pub fn open(&self, path: &Path) -> Result<Box<dyn DiskReader>> {
        self.run("open", path, |disk| disk.open(path))
    }

    /// Reads a whole file.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut reader = self.open(path)?;
        retry(|| reader.read_to_end(&mut bytes))
            .map_err(|source| ProjectError::disk("read", path, source))?;
        Ok(bytes)
    }

    /// Reads a whole file, `None` when it does not exist.
    pub fn read_if_present(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self.read(path) {
            Err(error) if error.io_kind() == Some(io::ErrorKind::NotFound) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Makes the content of a file survive a power cut.
    pub fn sync_file(&self, path: &Path) -> Result<()> {
        self.run("sync", path, |disk| disk.sync_file(path))
    }

    /// Makes the names in a directory survive a power cut.
    pub fn sync_directory(&self, path: &Path) -> Result<()> {
        self.run("sync directory", path, |disk| disk.sync_directory(path))
    }

    /// Renames and makes the new name durable.
    pub fn publish_rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.run("rename to", to, |disk| disk.rename(from, to))?;
        self.sync_directory(parent(to))
    }

    /// Writes a file so that at `path` there is, at every instant, either the old state or all of `bytes`.
    ///
    /// On an error the file may be visible but not yet proven durable; a retry starts from scratch.
    pub fn publish(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let temporary = temporary(path);
        if self.inspect(&temporary)?.is_some() {
            self.run("remove", &temporary, |disk| disk.remove_file(&temporary))?;
        }
        let written = self.write_new(&temporary, bytes);
        if let Err(error) =
            written.and_then(|()| self.run("rename to", path, |disk| disk.rename(&temporary, path)))
        {
            // Tidiness only: a temporary file is never read, and the next sweep removes it.
            let _ = self.disk.remove_file(&temporary);
            return Err(error);
        }
        self.sync_directory(parent(path))
    }

    /// Writes and syncs a file that must not exist yet; its name is not durable before its directory is synced.
    pub fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut file = self.create(path)?;
        file.write_all(bytes)
            .map_err(|source| ProjectError::disk("write", path, source))?;
        file.sync()
    }

    /// Appends bytes to an existing file and syncs it.
    pub fn append_sync(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.append_open(path, bytes)?.sync()
    }

    /// Appends bytes to an existing file; they may be lost in a power cut.
    pub fn append(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.append_open(path, bytes).map(drop)
    }

    fn append_open(&self, path: &Path, bytes: &[u8]) -> Result<DurableFile> {
        let file = self.run("open", path, |disk| disk.open_append(path))?;
        let mut file = DurableFile {
            file,
            path: path.to_path_buf(),
        };
        file.write_all(bytes)
            .map_err(|source| ProjectError::disk("append to", path, source))?;
        Ok(file)
    }

    /// Creates a directory that must not exist yet; its name is not durable before its parent is synced.
    pub fn create_directory(&self, path: &Path, access: Access) -> Result<()> {
        self.run("create directory", path, |disk| {
            disk.create_directory(path, access)
        })
    }

    /// Creates a directory unless it exists.
    pub fn ensure_directory(&self, path: &Path, access: Access) -> Result<()> {
        match self.create_directory(path, access) {
            Err(error) if error.io_kind() == Some(io::ErrorKind::AlreadyExists) => Ok(()),
            answer => answer,
        }
    }

    /// The entries of a directory, sorted by name.
    pub fn list(&self, path: &Path) -> Result<Vec<Entry>> {
        self.run("list", path, |disk| disk.list(path))
    }

    /// What is at `path`, `None` when nothing is.
    pub fn inspect(&self, path: &Path) -> Result<Option<Entry>> {
        self.run("look at", path, |disk| disk.inspect(path))
    }

    /// Length of a plain file in bytes, `None` when there is none.
    pub fn file_length(&self, path: &Path) -> Result<Option<u64>> {
        Ok(self
            .inspect(path)?
            .filter(|entry| entry.kind == EntryKind::File)
            .map(|entry| entry.size))
    }

    /// Removes a file when it is there.
    pub fn remove_file(&self, path: &Path) -> Result<()> {
        match self.run("remove", path, |disk| disk.remove_file(path)) {
            Err(error) if error.io_kind() == Some(io::ErrorKind::NotFound) => Ok(()),
            answer => answer,
        }
    }

    /// Removes a directory with all it holds, when it is there; links are removed, never followed.
    pub fn remove_tree(&self, path: &Path) -> Result<()> {
        if self.inspect(path)?.is_none() {
            return Ok(());
        }
        for entry in self.list(path)? {
            let inner = path.join(&entry.name);
            match entry.kind {
                EntryKind::Directory => self.remove_tree(&inner)?,
                EntryKind::File | EntryKind::Other => self.remove_file(&inner)?,
            }
        }
        self.run("remove directory", path, |disk| disk.remove_directory(path))
    }

    /// Takes the exclusive lock of a file without waiting; `None` when another holds it.
    pub fn lock(&self, path: &Path) -> Result<Option<DiskLock>> {
        self.run("lock", path, |disk| disk.lock(path))
    }
}

impl DurableFile {
    /// Makes everything written so far survive a power cut.
    pub fn sync(&mut self) -> Result<()> {
        let file = &mut self.file;
        retry(|| file.flush().and_then(|()| file.sync()))
            .map_err(|source| ProjectError::disk("sync", &self.path, source))
    }
}

impl Write for DurableFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = &mut self.file;
        retry(|| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        let file = &mut self.file;
        retry(|| file.flush())
    }
}

impl Seek for DurableFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

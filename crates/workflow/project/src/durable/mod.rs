//! Durable I/O: the one small layer through which all files of a project go.
//!
//! [`Disk`] is the raw set of operations, with a real implementation and a fault-injecting twin;
//! [`Durable`] adds what every caller needs: `EINTR` is retried, errors name operation and file, and
//! whole files are published by temporary file, sync, rename, directory sync.
use std::fmt;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

mod faulty;
mod layer;
mod power;
mod real;

pub use faulty::{Fault, FaultyDisk};
pub use layer::{Durable, DurableFile, is_temporary};
pub use power::Loss;
pub use real::{DiskLock, RealDisk};

/// What a directory entry is; links are never followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A plain file.
    File,
    /// A directory.
    Directory,
    /// A link, device, socket, or a name that is not UTF-8.
    Other,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// File name without its directory.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Length in bytes of a file, 0 for the others.
    pub size: u64,
}

/// Who may enter a new directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// What the process' umask allows.
    Shared,
    /// The user alone (mode 0700).
    Private,
}

/// A file open for writing.
pub trait DiskFile: Write + Seek + Send {
    /// Makes everything written so far survive a power cut (`fsync`).
    fn sync(&mut self) -> io::Result<()>;
}

/// A file open for reading.
pub trait DiskReader: Read + Seek + Send {}

impl<R: Read + Seek + Send> DiskReader for R {}

/// The raw operations on a disk; each may fail with any error and leaves its effect undefined then.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Creates a file that must not exist yet, for writing.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file for appending.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskReader>>;
    /// Makes the content of a file survive a power cut, whoever wrote it.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory survive a power cut.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Renames a file over another, or a directory to a name that is free or an empty directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Creates a directory that must not exist yet.
    fn create_directory(&self, path: &Path, access: Access) -> io::Result<()>;
    /// The entries of a directory, sorted by name.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// What is at `path`, `None` when nothing is.
    fn inspect(&self, path: &Path) -> io::Result<Option<Entry>>;
    /// Removes a file or link.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of the file at `path` (made when absent) without waiting;
    /// `None` when another holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>>;
}

//! The real disk: a thin cover of the operating system's calls.
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::{Access, Disk, DiskFile, DiskReader, Entry, EntryKind};

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

/// A lock on a file, given back when dropped, and by the kernel when the process dies.
#[derive(Debug)]
pub struct DiskLock {
    /// Open for as long as the lock is held.
    file: File,
    /// Whether the file system really locks; some network file systems refuse.
    pub enforced: bool,
}

impl Drop for DiskLock {
    fn drop(&mut self) {
        // Closing alone is not enough: a child forked just now holds the same open file until it executes.
        let _ = self.file.unlock();
    }
}

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

fn entry(name: &std::ffi::OsStr, metadata: &Metadata) -> Entry {
    let kind = match (name.to_str(), metadata.is_dir(), metadata.is_file()) {
        (None, _, _) => EntryKind::Other,
        (_, true, _) => EntryKind::Directory,
        (_, _, true) => EntryKind::File,
        _ => EntryKind::Other,
    };
    let size = if kind == EntryKind::File {
        metadata.len()
    } else {
        0
    };
    Entry {
        name: name.to_string_lossy().into_owned(),
        kind,
        size,
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create_new(path)?))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().append(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskReader>> {
        Ok(Box::new(File::open(path)?))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        // Elsewhere than on Unix a directory cannot be opened as a file, nor needs its own sync.
        if cfg!(unix) {
            File::open(path)?.sync_all()
        } else {
            Ok(())
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn create_directory(&self, path: &Path, access: Access) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        if access == Access::Private {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        }
        #[cfg(not(unix))]
        let _ = access;
        builder.recursive(false).create(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for found in fs::read_dir(path)? {
            let found = found?;
            match found.metadata() {
                Ok(metadata) => entries.push(entry(&found.file_name(), &metadata)),
                // Removed by another between the listing and the look: it is not there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    fn inspect(&self, path: &Path) -> io::Result<Option<Entry>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(entry(path.file_name().unwrap_or_default(), &metadata))),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(DiskLock {
                file,
                enforced: true,
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(Some(DiskLock {
                    file,
                    enforced: false,
                }))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

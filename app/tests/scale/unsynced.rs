//! A disk that never waits for the platter: a project of ten thousand jobs is made in a minute, not in twenty.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use thon_project::durable::{Access, Disk, DiskFile, DiskLock, DiskReader, Entry};
use thon_project::{Durable, RealDisk};

/// The real disk without its syncs.
#[derive(Clone, Copy, Debug)]
struct Unsynced;

struct Quick(Box<dyn DiskFile>);

impl Write for Quick {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for Quick {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl DiskFile for Quick {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for Unsynced {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(Quick(RealDisk.create(path)?)))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(Quick(RealDisk.open_append(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskReader>> {
        Ok(Box::new(File::open(path)?))
    }

    fn sync_file(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn create_directory(&self, path: &Path, access: Access) -> io::Result<()> {
        RealDisk.create_directory(path, access)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        RealDisk.list(path)
    }

    fn inspect(&self, path: &Path) -> io::Result<Option<Entry>> {
        RealDisk.inspect(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_file(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_directory(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        RealDisk.lock(path)
    }
}

/// Durable in name only.
pub fn unsynced() -> Durable {
    Durable::new(std::sync::Arc::new(Unsynced))
}

//! The fault-injecting twin of the real disk, for tests of everything that stands on a project.
//!
//! Every operation is counted. The n-th fails once as planned, or the power goes: then all later
//! operations fail, and [`FaultyDisk::power_cut`] leaves on the disk what a real one might have kept.
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::power::{Loss, Shadow};
use super::{Access, Disk, DiskFile, DiskLock, DiskReader, Entry, RealDisk};

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `ENOSPC`; a write leaves half of its bytes.
    NoSpace,
    /// `EIO`; a write leaves half of its bytes.
    InputOutput,
    /// `EINTR`, before any effect.
    Interrupted,
    /// A write takes half of the bytes and says so; nothing happens to other operations.
    ShortWrite,
    /// The power goes; a write leaves half of its bytes, all later operations fail.
    PowerCut,
}

#[derive(Debug)]
struct State {
    count: u64,
    plan: Option<(u64, Fault)>,
    off: bool,
    shadow: Shadow,
}

/// A real directory behind a disk that fails on plan.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    root: PathBuf,
    real: RealDisk,
    state: Arc<Mutex<State>>,
}

/// The verdict on one operation.
enum Verdict {
    Proceed,
    /// Write half of the bytes, then answer with the error, or without one with the short count.
    Half(Option<io::Error>),
}

fn no_power() -> io::Error {
    io::Error::other("the power is off")
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::NoSpace => io::Error::new(
                io::ErrorKind::StorageFull,
                "no space left on device (injected)",
            ),
            Self::InputOutput => io::Error::other("input/output error (injected)"),
            Self::Interrupted | Self::ShortWrite => {
                io::Error::new(io::ErrorKind::Interrupted, "interrupted (injected)")
            }
            Self::PowerCut => no_power(),
        }
    }
}

impl FaultyDisk {
    /// A disk over the existing directory `root`; all that is there now counts as durable. `graveyard` is an
    /// existing directory on the same file system, outside `root`, that keeps removed files until the end.
    pub fn new(root: &Path, graveyard: &Path) -> io::Result<Self> {
        let state = State {
            count: 0,
            plan: None,
            off: false,
            shadow: Shadow::capture(root, graveyard)?,
        };
        Ok(Self {
            root: root.to_path_buf(),
            real: RealDisk,
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// Plans `fault` at the operation with index `at`, counted from 0 when the disk was made.
    #[must_use]
    pub fn with_fault(self, at: u64, fault: Fault) -> Self {
        self.state().plan = Some((at, fault));
        self
    }

    /// Number of operations so far.
    pub fn operations(&self) -> u64 {
        self.state().count
    }

    /// Whether the power went.
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// Ends the power, and leaves on the real disk what `loss` says. Close all files of the tree first.
    pub fn power_cut(&self, loss: Loss) -> io::Result<()> {
        let mut state = self.state();
        state.off = true;
        state.shadow.materialise(&self.root, loss)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one operation and says what becomes of it.
    fn step(&self, is_write: bool) -> io::Result<Verdict> {
        let mut state = self.state();
        let now = state.count;
        state.count += 1;
        if state.off {
            return Err(no_power());
        }
        let Some(fault) = state
            .plan
            .filter(|(at, _)| *at == now)
            .map(|(_, fault)| fault)
        else {
            return Ok(Verdict::Proceed);
        };
        state.off = fault == Fault::PowerCut;
        match (fault, is_write) {
            (Fault::ShortWrite, true) => Ok(Verdict::Half(None)),
            (Fault::ShortWrite, false) => Ok(Verdict::Proceed),
            (Fault::Interrupted, _) | (_, false) => Err(fault.error()),
            (_, true) => Ok(Verdict::Half(Some(fault.error()))),
        }
    }

    fn wrap(&self, file: Box<dyn DiskFile>, path: &Path) -> Box<dyn DiskFile> {
        Box::new(FaultyFile {
            file,
            path: path.to_path_buf(),
            disk: self.clone(),
        })
    }
}

/// A file whose writes and syncs are counted.
struct FaultyFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    disk: FaultyDisk,
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.disk.step(true)? {
            Verdict::Proceed => self.file.write(bytes),
            Verdict::Half(error) => {
                let half = bytes.len().div_ceil(2);
                self.file.write_all(&bytes[..half])?;
                error.map_or(Ok(half), Err)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for FaultyFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

impl DiskFile for FaultyFile {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.step(false)?;
        self.file.sync()?;
        self.disk.state().shadow.file_synced(&self.path)
    }
}

/// A file whose reads are counted.
struct FaultyReader {
    reader: Box<dyn DiskReader>,
    disk: FaultyDisk,
}

impl Read for FaultyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.step(false)?;
        self.reader.read(buffer)
    }
}

impl Seek for FaultyReader {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.reader.seek(position)
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step(false)?;
        Ok(self.wrap(self.real.create(path)?, path))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step(false)?;
        Ok(self.wrap(self.real.open_append(path)?, path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskReader>> {
        self.step(false)?;
        Ok(Box::new(FaultyReader {
            reader: self.real.open(path)?,
            disk: self.clone(),
        }))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.step(false)?;
        self.real.sync_file(path)?;
        self.state().shadow.file_synced(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.step(false)?;
        self.real.sync_directory(path)?;
        self.state().shadow.directory_synced(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(false)?;
        self.state().shadow.keep_replaced(to)?;
        self.real.rename(from, to)
    }

    fn create_directory(&self, path: &Path, access: Access) -> io::Result<()> {
        self.step(false)?;
        self.real.create_directory(path, access)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.step(false)?;
        self.real.list(path)
    }

    fn inspect(&self, path: &Path) -> io::Result<Option<Entry>> {
        self.step(false)?;
        self.real.inspect(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.step(false)?;
        self.state().shadow.bury(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.step(false)?;
        if !self.real.list(path)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.state().shadow.bury(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        self.step(false)?;
        self.real.lock(path)
    }
}

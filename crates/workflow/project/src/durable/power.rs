//! What a disk holds after the power was cut: a strict reading of POSIX.
//!
//! The content of a file is durable as it was at its last sync, a name as it was in its directory at the
//! directory's last sync, and nothing else is. The shadow keeps that durable state by inode beside the real
//! tree; removed inodes move to a graveyard so that their numbers are not given out again.
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What is lost when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: the process was killed, the machine lives.
    Nothing,
    /// Every name and byte that was not synced.
    UnsyncedDropped,
    /// Names are kept, but half of each file's bytes since its last sync are gone.
    UnsyncedTorn,
}

/// Inode and whether it is a directory, by name.
type Names = BTreeMap<String, (u64, bool)>;

/// The durable state of a tree.
#[derive(Debug)]
pub(super) struct Shadow {
    graveyard: PathBuf,
    buried: u64,
    files: BTreeMap<u64, Vec<u8>>,
    directories: BTreeMap<u64, Names>,
    root: u64,
}

#[cfg(unix)]
fn inode(path: &Path) -> io::Result<u64> {
    Ok(std::os::unix::fs::MetadataExt::ino(&fs::symlink_metadata(
        path,
    )?))
}

#[cfg(not(unix))]
fn inode(path: &Path) -> io::Result<u64> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("no inode number for {}", path.display()),
    ))
}

fn names(directory: &Path) -> io::Result<Vec<(String, bool)>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        names.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.file_type()?.is_dir(),
        ));
    }
    names.sort();
    Ok(names)
}

impl Shadow {
    /// Takes all that is under `root` now as durable.
    pub(super) fn capture(root: &Path, graveyard: &Path) -> io::Result<Self> {
        let mut shadow = Self {
            graveyard: graveyard.to_path_buf(),
            buried: 0,
            files: BTreeMap::new(),
            directories: BTreeMap::new(),
            root: inode(root)?,
        };
        shadow.capture_tree(root)?;
        Ok(shadow)
    }

    fn capture_tree(&mut self, directory: &Path) -> io::Result<()> {
        self.directory_synced(directory)?;
        for (name, is_directory) in names(directory)? {
            let path = directory.join(name);
            if is_directory {
                self.capture_tree(&path)?;
            } else {
                self.file_synced(&path)?;
            }
        }
        Ok(())
    }

    /// The content of a file is durable as it is now.
    pub(super) fn file_synced(&mut self, path: &Path) -> io::Result<()> {
        self.files.insert(inode(path)?, fs::read(path)?);
        Ok(())
    }

    /// The names in a directory are durable as they are now.
    pub(super) fn directory_synced(&mut self, path: &Path) -> io::Result<()> {
        let mut durable = Names::new();
        for (name, is_directory) in names(path)? {
            let number = inode(&path.join(&name))?;
            durable.insert(name, (number, is_directory));
        }
        self.directories.insert(inode(path)?, durable);
        Ok(())
    }

    fn grave(&mut self) -> PathBuf {
        self.buried += 1;
        self.graveyard.join(self.buried.to_string())
    }

    /// Takes a file or empty directory out of the tree.
    pub(super) fn bury(&mut self, path: &Path) -> io::Result<()> {
        let grave = self.grave();
        fs::rename(path, grave)
    }

    /// Keeps the inode of a file that a rename is about to replace.
    pub(super) fn keep_replaced(&mut self, path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                let grave = self.grave();
                fs::hard_link(path, grave)
            }
            _ => Ok(()),
        }
    }

    /// Makes the real tree what it would be after the power came back.
    pub(super) fn materialise(&self, root: &Path, loss: Loss) -> io::Result<()> {
        match loss {
            Loss::Nothing => Ok(()),
            Loss::UnsyncedTorn => self.tear(root),
            Loss::UnsyncedDropped => {
                for (name, is_directory) in names(root)? {
                    let path = root.join(name);
                    if is_directory {
                        fs::remove_dir_all(path)?;
                    } else {
                        fs::remove_file(path)?;
                    }
                }
                self.restore(self.root, root)
            }
        }
    }

    fn restore(&self, number: u64, directory: &Path) -> io::Result<()> {
        for (name, (inner, is_directory)) in self.directories.get(&number).into_iter().flatten() {
            let path = directory.join(name);
            if *is_directory {
                fs::create_dir(&path)?;
                self.restore(*inner, &path)?;
            } else {
                fs::write(&path, self.files.get(inner).map_or(&[][..], Vec::as_slice))?;
            }
        }
        Ok(())
    }

    fn tear(&self, directory: &Path) -> io::Result<()> {
        for (name, is_directory) in names(directory)? {
            let path = directory.join(name);
            if is_directory {
                self.tear(&path)?;
                continue;
            }
            let durable = self
                .files
                .get(&inode(&path)?)
                .map_or(&[][..], Vec::as_slice);
            let current = fs::read(&path)?;
            if current == durable {
                continue;
            }
            let safe = if current.starts_with(durable) {
                durable.len()
            } else {
                0
            };
            let kept = safe + (current.len() - safe) / 2;
            OpenOptions::new()
                .write(true)
                .open(&path)?
                .set_len(kept as u64)?;
        }
        Ok(())
    }
}

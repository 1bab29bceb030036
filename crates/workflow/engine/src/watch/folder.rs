//! Looks at the folder: which series are complete, and what the others wait for.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thon_contract::Promised;
use thon_project::Digest;

use super::Watch;
use super::record::Line;
use crate::EngineError;

/// What a look at a metadata file tells.
enum Sight {
    /// Something about it still changes.
    Growing(String),
    /// Everything rests, and something is missing.
    Incomplete(String),
    /// It is complete.
    Complete(Promised),
    /// It is not that of a tilt series.
    Other,
}

impl Watch<'_> {
    /// Looks at every metadata file; true when nothing changes any more.
    pub(super) fn look_at_folder(
        &mut self,
        now: Instant,
        closed: bool,
    ) -> Result<bool, EngineError> {
        let folder = self.engine.project.root().join(&self.record.folder);
        let mut at_rest = true;
        self.waiting.clear();
        for path in self.metadata_files(&folder)? {
            let rests = self.steady.look(&path, self.settle(), now);
            if !rests {
                self.settled.remove(&path);
            } else if self.settled.contains(&path) {
                continue;
            }
            let digest = Digest::of_file(self.engine.project.durable(), &path);
            let sight = if rests {
                self.examine(&path, now, closed)
            } else {
                Sight::Growing("its metadata are being written".into())
            };
            let name = self.name_of(&path);
            match sight {
                Sight::Other => {
                    self.settled.insert(path);
                }
                Sight::Growing(why) => {
                    at_rest = false;
                    self.waiting.insert(name, why);
                }
                Sight::Incomplete(why) => {
                    self.waiting.insert(name, why);
                }
                Sight::Complete(promised) => {
                    let (_, digest) = digest?;
                    self.came(&path, promised, digest)?;
                }
            }
        }
        Ok(at_rest)
    }

    /// Name of the series of a metadata file, as far as it is known.
    fn name_of(&self, path: &Path) -> String {
        if let Some(name) = self.names.get(path) {
            return name.clone();
        }
        // `TS_01.mrc.mdoc` is the file of TS_01.
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let first = stem.split('.').next().unwrap_or_default();
        first.to_owned()
    }

    fn settle(&self) -> Duration {
        Duration::try_from_secs_f64(self.record.settle).unwrap_or_default()
    }

    pub(super) fn metadata_files(&self, folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
        let entries = std::fs::read_dir(folder).map_err(|source| EngineError::File {
            path: folder.into(),
            source,
        })?;
        let is = |path: &PathBuf| {
            let extension = path.extension().unwrap_or_default();
            extension.eq_ignore_ascii_case(self.acquisition.extension)
        };
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(is)
            .collect();
        paths.sort();
        Ok(paths)
    }

    fn movies(&self) -> PathBuf {
        let given = self.record.variables.get(self.acquisition.movies);
        let given = given.and_then(|value| value.as_str()).map(PathBuf::from);
        let folder = given.unwrap_or_else(|| self.record.folder.clone());
        self.engine.project.root().join(folder)
    }

    /// Whether a metadata file that rests has all that it promises.
    fn examine(&mut self, path: &Path, now: Instant, closed: bool) -> Sight {
        let promised = match (self.acquisition.promised)(path, &self.movies()) {
            Ok(Some(promised)) => promised,
            Ok(None) => return Sight::Other,
            Err(error) => return Sight::Incomplete(error.to_string()),
        };
        self.names.insert(path.to_owned(), promised.name.clone());
        let found = promised.views;
        if !closed && found < self.record.views {
            let wanted = self.record.views;
            return Sight::Incomplete(format!("it has {found} of {wanted} views"));
        }
        let sentinel = &self.record.sentinel;
        if !closed && !sentinel.is_empty() {
            let mut file = path.as_os_str().to_owned();
            file.push(sentinel);
            if !Path::new(&file).is_file() {
                let file = Path::new(&file).file_name().unwrap_or_default();
                let file = file.to_string_lossy();
                return Sight::Incomplete(format!("{file} is not there"));
            }
        }
        let settle = self.settle();
        let (mut absent, mut moving) = (Vec::new(), 0);
        for file in promised.files.iter().filter(|f| !self.whole.contains(*f)) {
            let rests = self.steady.look(file, settle, now);
            if !self.steady.is_there(file) {
                absent.push(file);
            } else if !rests {
                moving += 1;
            }
        }
        if moving > 0 {
            return Sight::Growing(format!("{moving} movies are being written"));
        }
        if let Some(first) = absent.first() {
            let name = first.file_name().unwrap_or_default().to_string_lossy();
            let count = absent.len();
            return Sight::Incomplete(format!("{count} movies are not there, the first {name}"));
        }
        for file in &promised.files {
            if self.whole.contains(file) {
                continue;
            }
            if let Err(error) = (self.acquisition.whole)(file) {
                return Sight::Incomplete(error.to_string());
            }
            self.whole.insert(file.clone());
        }
        self.steady.forget(&promised.files);
        Sight::Complete(promised)
    }

    /// Writes down a series that is complete, unless it is known as it is.
    fn came(&mut self, path: &Path, promised: Promised, digest: Digest) -> Result<(), EngineError> {
        let name = path.file_name().unwrap_or_default();
        let file = self.record.folder.join(name).display().to_string();
        if let Some(known) = self.items.came.get(&promised.name) {
            if known.file != file {
                let why = format!("{} has the same name", known.file);
                self.waiting
                    .insert(name.to_string_lossy().into_owned(), why);
                return Ok(());
            }
            if known.digest == digest {
                self.settled.insert(path.to_owned());
                return Ok(());
            }
        }
        let after = self.last_job()?;
        self.settled.insert(path.to_owned());
        self.rows.remove(&promised.name);
        self.note(Line::Came {
            name: promised.name,
            file,
            digest,
            views: promised.views,
            after,
        })
    }
}

//! Matches sections to movies by file name: letter case and extension apart, never by position.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::InteropError;

/// Extensions of movie files.
const EXTENSIONS: [&str; 7] = ["eer", "tif", "tiff", "mrc", "mrcs", "mrc.bz2", "dm4"];

/// The movies of a folder by name and by stem, in lower case.
pub(super) struct Movies {
    by_name: BTreeMap<String, Vec<PathBuf>>,
    by_stem: BTreeMap<String, Vec<PathBuf>>,
    folder: PathBuf,
}

fn stem(name: &str) -> &str {
    let end = EXTENSIONS.iter().find_map(|extension| {
        let rest = name.strip_suffix(extension)?;
        rest.strip_suffix('.')
    });
    end.unwrap_or(name)
}

impl Movies {
    /// Lists a folder.
    pub(super) fn in_folder(folder: &Path) -> Result<Self, InteropError> {
        let entries = std::fs::read_dir(folder)
            .map_err(|_| InteropError::missing(folder, "folder of the movies"))?;
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        let mut movies = Self {
            by_name: BTreeMap::new(),
            by_stem: BTreeMap::new(),
            folder: folder.to_owned(),
        };
        for path in paths {
            let name = path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().to_lowercase());
            if stem(&name) != name {
                movies
                    .by_stem
                    .entry(stem(&name).to_owned())
                    .or_default()
                    .push(path.clone());
            }
            movies.by_name.entry(name).or_default().push(path);
        }
        Ok(movies)
    }

    /// The file with this name, else the only one with this stem; `None` when there is none.
    pub(super) fn find(&self, name: &str) -> Result<Option<&Path>, InteropError> {
        let lower = name.to_lowercase();
        let found = self
            .by_name
            .get(&lower)
            .or_else(|| self.by_stem.get(stem(&lower)));
        match found.map(Vec::as_slice) {
            None => Ok(None),
            Some([one]) => Ok(Some(one)),
            Some(several) => Err(InteropError::contradiction(
                self.folder.display(),
                format!("one file named {name}"),
                format!("{} of them", several.len()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn movies_are_found_by_name_whatever_the_case() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["TS_01_000_0.0.mrc", "ts_01_001_3.0.tif", "a.eer", "A.tif"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let movies = Movies::in_folder(folder.path()).unwrap();
        let file = |name: &str| {
            movies
                .find(name)
                .unwrap()
                .map(|path| path.file_name().unwrap().to_owned())
        };
        assert_eq!(file("TS_01_000_0.0.mrc").unwrap(), "TS_01_000_0.0.mrc");
        assert_eq!(file("TS_01_001_3.0.mrc").unwrap(), "ts_01_001_3.0.tif");
        assert_eq!(file("a.tif").unwrap(), "A.tif");
        assert!(file("TS_01_002_6.0.mrc").is_none());
        assert!(movies.find("a.mrc").is_err());
    }
}

//! The columns of a particle set, read by ranges of rows: what shows a million particles reads a few thousand of them at a
//! time. The layout is that of [`super::particles`].

use std::ops::Range;
use std::path::{Path, PathBuf};

use thon_geometry::glam::{DQuat, DVec3};
use thon_images::Samples;
use thon_images::npy::{NpyArray, NpzFile};
use thon_model::ParticleSet;

use super::read_json;
use crate::JobError;

/// A particle set whose columns stay on the disk.
#[derive(Debug)]
pub struct ParticleColumns {
    path: PathBuf,
    header: ParticleSet,
    len: usize,
    position: NpyArray<'static>,
    rotation: NpyArray<'static>,
    tilt_series: NpyArray<'static>,
    half: NpyArray<'static>,
    class: NpyArray<'static>,
    name: Text,
    carried: Vec<Text>,
}

/// A text column: all values end to end, and where each ends.
#[derive(Debug)]
struct Text {
    text: NpyArray<'static>,
    ends: NpyArray<'static>,
}

impl ParticleColumns {
    /// Opens a set by its main file.
    ///
    /// # Errors
    /// The files cannot be read, or the columns do not fit each other.
    pub fn open(path: &Path) -> Result<Self, JobError> {
        let header: ParticleSet = read_json(path)?;
        let path = path.with_extension("npz");
        let failed = |e| JobError::file(&path, e);
        let mut file = NpzFile::open(&path).map_err(failed)?;
        let mut array = |name: &str| file.array_in_place(name).map_err(failed);
        let mut text = |name: &str| -> Result<Text, JobError> {
            Ok(Text {
                text: array(&format!("{name}.text"))?,
                ends: array(&format!("{name}.ends"))?,
            })
        };
        let name = text("name")?;
        let carried = (0..header.carried.columns.len())
            .map(|k| text(&format!("carried.{k}")))
            .collect::<Result<Vec<_>, _>>()?;
        let found = Self {
            position: array("position")?,
            rotation: array("rotation")?,
            tilt_series: array("tilt_series")?,
            half: array("half")?,
            class: array("class")?,
            len: name.ends.elements(),
            path: path.clone(),
            name,
            carried,
            header,
        };
        found.check()?;
        Ok(found)
    }

    fn check(&self) -> Result<(), JobError> {
        let n = self.len;
        let all_or_none = |array: &NpyArray<'_>| [0, n].contains(&array.elements());
        let fit = self.position.shape() == [n, 3]
            && self.rotation.shape() == [n, 4]
            && self.tilt_series.elements() == n
            && all_or_none(&self.half)
            && all_or_none(&self.class)
            && self.carried.iter().all(|column| all_or_none(&column.ends));
        if fit {
            return Ok(());
        }
        Err(JobError::file(
            &self.path,
            "the columns do not fit each other",
        ))
    }

    /// The set without its columns.
    pub fn header(&self) -> &ParticleSet {
        &self.header
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no particle.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the particles have classes.
    pub fn has_classes(&self) -> bool {
        self.class.elements() > 0
    }

    /// Whether the particles are split into halves.
    pub fn has_halves(&self) -> bool {
        self.half.elements() > 0
    }

    /// Positions in the specimen frame, Å.
    ///
    /// # Errors
    /// Here and below: there are no such rows, or the array has another type than it should.
    pub fn positions(&self, rows: Range<usize>) -> Result<Vec<DVec3>, JobError> {
        let values = self.f64(&self.position, rows)?;
        Ok(values.chunks_exact(3).map(DVec3::from_slice).collect())
    }

    /// Orientations, reference → specimen.
    ///
    /// # Errors
    /// As of [`Self::positions`].
    pub fn rotations(&self, rows: Range<usize>) -> Result<Vec<DQuat>, JobError> {
        let values = self.f64(&self.rotation, rows)?;
        Ok(values.chunks_exact(4).map(DQuat::from_slice).collect())
    }

    /// Indices into the names of the tilt series.
    ///
    /// # Errors
    /// As of [`Self::positions`].
    pub fn tilt_series(&self, rows: Range<usize>) -> Result<Vec<u32>, JobError> {
        self.u32(&self.tilt_series, rows)
    }

    /// Classes from 1; empty when there are none.
    ///
    /// # Errors
    /// As of [`Self::positions`].
    pub fn classes(&self, rows: Range<usize>) -> Result<Vec<u32>, JobError> {
        if self.has_classes() {
            self.u32(&self.class, rows)
        } else {
            Ok(Vec::new())
        }
    }

    /// Halves, 1 or 2; empty when there are none.
    ///
    /// # Errors
    /// As of [`Self::positions`].
    pub fn halves(&self, rows: Range<usize>) -> Result<Vec<u8>, JobError> {
        if !self.has_halves() {
            return Ok(Vec::new());
        }
        match self.rows(&self.half, rows)? {
            Samples::U8(values) => Ok(values),
            _ => Err(self.wrong()),
        }
    }

    /// Names.
    ///
    /// # Errors
    /// As of [`Self::positions`].
    pub fn names(&self, rows: Range<usize>) -> Result<Vec<String>, JobError> {
        self.text(&self.name, rows)
    }

    /// Values of a carried column, as text; empty when the set has no such column.
    ///
    /// # Errors
    /// As of [`Self::positions`].
    pub fn carried(&self, column: usize, rows: Range<usize>) -> Result<Vec<String>, JobError> {
        let column = self.carried.get(column);
        match column.filter(|column| column.ends.elements() == self.len) {
            Some(column) => self.text(column, rows),
            None => Ok(Vec::new()),
        }
    }

    fn rows(&self, array: &NpyArray<'_>, rows: Range<usize>) -> Result<Samples, JobError> {
        array.rows(rows).map_err(|e| JobError::file(&self.path, e))
    }

    fn wrong(&self) -> JobError {
        JobError::file(&self.path, "an array has an unexpected type or content")
    }

    fn f64(&self, array: &NpyArray<'_>, rows: Range<usize>) -> Result<Vec<f64>, JobError> {
        match self.rows(array, rows)? {
            Samples::F64(values) => Ok(values),
            _ => Err(self.wrong()),
        }
    }

    fn u32(&self, array: &NpyArray<'_>, rows: Range<usize>) -> Result<Vec<u32>, JobError> {
        match self.rows(array, rows)? {
            Samples::U32(values) => Ok(values),
            _ => Err(self.wrong()),
        }
    }

    fn text(&self, column: &Text, rows: Range<usize>) -> Result<Vec<String>, JobError> {
        // The end of the row before is where the first begins.
        let before = rows.start.saturating_sub(1);
        let Samples::U64(ends) = self.rows(&column.ends, before..rows.end)? else {
            return Err(self.wrong());
        };
        let ends = ends.into_iter().map(|end| usize::try_from(end).ok());
        let ends: Vec<usize> = ends.collect::<Option<_>>().ok_or_else(|| self.wrong())?;
        let (first, ends) = if rows.start == 0 {
            (0, ends.as_slice())
        } else {
            match ends.split_first() {
                Some((first, rest)) => (*first, rest),
                None => return Ok(Vec::new()),
            }
        };
        let last = ends.last().copied().unwrap_or(first);
        let Samples::U8(bytes) = self.rows(&column.text, first..last)? else {
            return Err(self.wrong());
        };
        let mut start = first;
        let one = |end: &usize| {
            let piece = bytes.get(start - first..end.checked_sub(first)?)?;
            start = *end;
            Some(String::from_utf8_lossy(piece).into_owned())
        };
        let values: Option<Vec<String>> = ends.iter().map(one).collect();
        values.ok_or_else(|| self.wrong())
    }
}

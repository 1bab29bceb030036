//! The stacks of summed images, and of their halves, written as movies are finished.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use thon_contract::kinds::Health;
use thon_contract::{Context, JobError};
use thon_images::mrc::{MrcSpec, MrcWriter};
use thon_model::{ImageReference, TiltImage, TiltSeries};
use thon_motion::Sums;

/// One file for whole sums, and one for each half; a section for each movie, in order.
pub(super) struct Stacks {
    files: Vec<(String, MrcWriter<BufWriter<File>>)>,
    health: Health,
    written: usize,
}

impl Stacks {
    /// Files for `count` images of the series' size.
    pub(super) fn create(
        series: &TiltSeries,
        count: usize,
        halves: bool,
        context: &Context,
    ) -> Result<Self, JobError> {
        let [ny, nx] = series.image_size;
        let spec = MrcSpec::stack([count, ny, nx], Some(series.pixel_size.0));
        let suffixes: &[&str] = if halves {
            &["", "_half_1", "_half_2"]
        } else {
            &[""]
        };
        let mut files = Vec::new();
        for suffix in suffixes {
            let name = format!("{}{suffix}.mrc", series.name);
            let path = context.file(&name)?;
            let writer =
                MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
            files.push((name, writer));
        }
        Ok(Self {
            files,
            health: Health::default(),
            written: 0,
        })
    }

    /// Writes the sums of the next image and refers to them.
    pub(super) fn write(
        &mut self,
        image: &mut TiltImage,
        sums: &Sums,
        context: &Context,
    ) -> Result<(), JobError> {
        self.health.add(&sums.whole);
        let halves = sums.halves.iter().flatten();
        let all: Vec<&Vec<f32>> = std::iter::once(&sums.whole).chain(halves).collect();
        self.sections(&all)?;
        let section = self.written - 1;
        let reference = |number: usize| ImageReference {
            path: context.published(&self.files[number].0),
            section,
        };
        image.image = Some(reference(0));
        image.halves = (all.len() == 3).then(|| [reference(1), reference(2)]);
        Ok(())
    }

    /// An empty section, which nothing refers to, in place of an image that could not be made.
    pub(super) fn skip(&mut self, pixels: usize) -> Result<(), JobError> {
        let empty = vec![0.0; pixels];
        let all = vec![&empty; self.files.len()];
        self.sections(&all)
    }

    fn sections(&mut self, all: &[&Vec<f32>]) -> Result<(), JobError> {
        for ((name, writer), pixels) in self.files.iter_mut().zip(all) {
            writer
                .write_section(pixels)
                .map_err(|e| JobError::file(name.as_str(), e))?;
        }
        self.written += 1;
        Ok(())
    }

    /// Completes the files.
    pub(super) fn finish(self) -> Result<Vec<PathBuf>, JobError> {
        let mut names = Vec::new();
        for (name, writer) in self.files {
            self.health.verdict(&name)?;
            writer
                .finish()
                .map_err(|e| JobError::file(name.as_str(), e))?;
            names.push(name.into());
        }
        Ok(names)
    }
}

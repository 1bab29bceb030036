//! Movies where they lie: MRC stacks, TIFF stacks and EER events, as frames for the kernel.

use std::ops::Range;
use std::path::Path;

use thon_contract::JobError;
use thon_images::eer::{EerFile, SuperResolution};
use thon_images::mrc::{Mrc, MrcMode};
use thon_images::tiff::TiffStack;
use thon_images::{ImageKind, Samples, detect_file};
use thon_motion::{FrameSource, SourceError};

/// Exposure that a fraction of electron events gets when nothing else is asked, e⁻/Å².
const EXPOSURE_OF_FRACTION: f64 = 0.4;

/// An open movie.
pub(crate) struct MovieFile {
    size: [usize; 2],
    frames: usize,
    content: Content,
}

enum Content {
    Mrc(Mrc<'static>),
    Tiff(TiffStack<'static>),
    Eer(EerFile<'static>, Vec<Range<usize>>, SuperResolution),
}

impl MovieFile {
    /// Opens a movie. Events are divided into `fractions`; into fractions of 0.4 e⁻/Å² of `exposure` when that is 0. They are counted
    /// on pixels as fine as `resolution` says.
    pub(crate) fn open(
        path: &Path,
        fractions: usize,
        exposure: Option<f64>,
        resolution: SuperResolution,
    ) -> Result<Self, JobError> {
        let failed = |e: thon_images::ImageError| JobError::file(path, e);
        match detect_file(path).map_err(failed)? {
            Some(ImageKind::Mrc | ImageKind::CompressedMrc) => {
                let movie = Mrc::open(path).map_err(failed)?;
                let [frames, ny, nx] = movie.shape();
                Ok(Self {
                    size: [ny, nx],
                    frames,
                    content: Content::Mrc(movie),
                })
            }
            Some(ImageKind::Tiff) => {
                let movie = TiffStack::open(path).map_err(failed)?;
                if let Some(note) = movie.note() {
                    return Err(JobError::file(
                        path,
                        format!("the movie is cut short: {note}"),
                    ));
                }
                let shape = movie.shape().ok_or_else(|| {
                    JobError::file(path, "frames are damaged or of different sizes")
                })?;
                Ok(Self {
                    size: [shape[1], shape[2]],
                    frames: shape[0],
                    content: Content::Tiff(movie),
                })
            }
            Some(ImageKind::Eer) => {
                let movie = EerFile::open(path).map_err(failed)?;
                let count = movie.frame_count();
                let wanted = match (fractions, exposure) {
                    (0, Some(dose)) => (dose / EXPOSURE_OF_FRACTION).round().max(2.0) as usize,
                    (0, None) => 8,
                    (asked, _) => asked,
                };
                let wanted = wanted.clamp(1, count);
                let ranges: Vec<Range<usize>> = (0..wanted)
                    .map(|i| i * count / wanted..(i + 1) * count / wanted)
                    .collect();
                Ok(Self {
                    size: movie.shape(resolution),
                    frames: wanted,
                    content: Content::Eer(movie, ranges, resolution),
                })
            }
            _ => Err(JobError::file(path, "is no MRC, TIFF or EER movie")),
        }
    }

    /// Whether its frames are counts that fit a byte, as far as the kind of file tells.
    pub(crate) fn counted(&self) -> bool {
        match &self.content {
            Content::Mrc(movie) => bytes_of(movie),
            Content::Tiff(movie) => movie.page(0).is_ok_and(|page| page.bits <= 8),
            Content::Eer(..) => true,
        }
    }

    /// What a reader should know of the file.
    pub(crate) fn remark(&self) -> Option<String> {
        let Content::Eer(movie, ..) = &self.content else {
            return None;
        };
        let first = movie.skipped().first()?;
        Some(format!(
            "{} raw frames are left out; the first is number {}: {}",
            movie.skipped().len(),
            first.directory + 1,
            first.reason
        ))
    }
}

/// Whether a movie is there to its last frame.
pub(crate) fn whole_movie(path: &Path) -> Result<(), JobError> {
    let movie = MovieFile::open(path, 0, None, SuperResolution::X1)?;
    // Whatever is cut off is missed at the end.
    let mut pixels = vec![0.0; movie.size[0] * movie.size[1]];
    let last = movie.frames.saturating_sub(1);
    let read = movie.read(last, &mut pixels);
    read.map_err(|e| JobError::file(path, e))
}

impl FrameSource for MovieFile {
    fn size(&self) -> [usize; 2] {
        self.size
    }

    fn frames(&self) -> usize {
        self.frames
    }

    fn read(&self, frame: usize, pixels: &mut [f32]) -> Result<(), SourceError> {
        match &self.content {
            Content::Mrc(movie) => movie.read_section_into(frame, pixels)?,
            Content::Tiff(movie) => pixels.copy_from_slice(&movie.read_page(frame)?),
            Content::Eer(movie, ranges, resolution) => {
                let range = ranges.get(frame).ok_or("there is no such fraction")?;
                let rendered = movie.render(range.clone(), *resolution)?;
                pixels.copy_from_slice(&rendered.counts);
            }
        }
        Ok(())
    }

    fn counts(&self, frame: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let samples = match &self.content {
            _ if !self.counted() => return Ok(None),
            Content::Mrc(movie) => movie.read_section_samples(frame)?,
            Content::Tiff(movie) => movie.read_page_samples(frame)?,
            Content::Eer(..) => return Ok(None),
        };
        Ok(as_counts(samples))
    }
}

/// Whether an MRC stack has a byte or less for a pixel.
fn bytes_of(movie: &Mrc<'_>) -> bool {
    let mode = movie.header().mode;
    matches!(mode, MrcMode::Int8 | MrcMode::Uint8)
}

/// Samples that are whole numbers from 0 to 255 by their type.
fn as_counts(samples: Samples) -> Option<Vec<u8>> {
    match samples {
        Samples::U8(counts) => Some(counts),
        Samples::I8(values) if values.iter().all(|v| *v >= 0) => {
            Some(values.into_iter().map(i8::cast_unsigned).collect())
        }
        _ => None,
    }
}

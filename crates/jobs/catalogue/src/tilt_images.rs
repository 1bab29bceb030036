//! The images of a tilt series where they lie, for kernels that know no files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thon_contract::{Context, Finding, JobError};
use thon_images::ImageError;
use thon_images::mrc::Mrc;
use thon_model::{ImageReference, TiltSeries};
use thon_reconstruct::{ImageSource, SourceError};

/// Open image files of one tilt series, read by position: a map's pages would count as memory of the job.
pub(crate) struct TiltImages {
    name: String,
    size: [usize; 2],
    images: Vec<Option<ImageReference>>,
    files: BTreeMap<PathBuf, Mrc<'static>>,
}

impl TiltImages {
    /// Opens every file that a used image of the series lies in.
    pub(crate) fn open(series: &TiltSeries, context: &Context) -> Result<Self, JobError> {
        let mut files = BTreeMap::new();
        for index in series.used() {
            if let Some(reference) = &series.images[index].image
                && !files.contains_key(&reference.path)
            {
                let path = context.resolve(&reference.path);
                let file = Mrc::open(&path).map_err(|e| JobError::file(&path, e))?;
                files.insert(reference.path.clone(), file);
            }
        }
        let images = series
            .images
            .iter()
            .map(|image| image.image.clone())
            .collect();
        Ok(Self {
            name: series.name.clone(),
            size: series.image_size,
            images,
            files,
        })
    }

    /// Reads one image, `[y, x]`.
    pub(crate) fn read_image(&self, index: usize) -> Result<Vec<f32>, JobError> {
        let mut pixels = vec![0.0; self.size[0] * self.size[1]];
        self.read(index, &mut pixels)
            .map_err(|e| JobError::data(e.to_string()))?;
        Ok(pixels)
    }

    /// Reads one image, `[y, x]`, whatever its pixels are.
    pub(crate) fn read_as_it_is(&self, index: usize) -> Result<Vec<f32>, JobError> {
        let mut pixels = vec![0.0; self.size[0] * self.size[1]];
        self.fill(index, &mut pixels)
            .map_err(|e| JobError::data(e.to_string()))?;
        Ok(pixels)
    }

    fn place(&self, index: usize) -> String {
        format!("{}, image {}", self.name, index + 1)
    }

    fn fill(&self, index: usize, pixels: &mut [f32]) -> Result<(), SourceError> {
        let reference = self.images.get(index).and_then(Option::as_ref);
        let reference =
            reference.ok_or_else(|| format!("tilt image {index} has no image file yet"))?;
        let file = self
            .files
            .get(&reference.path)
            .ok_or("an excluded image was asked for")?;
        file.read_section_into(reference.section, pixels)
            .map_err(|e| format!("{}: {}: {e}", self.place(index), reference.path.display()))?;
        Ok(())
    }
}

impl ImageSource for TiltImages {
    fn image_size(&self) -> [usize; 2] {
        self.size
    }

    fn read(&self, index: usize, pixels: &mut [f32]) -> Result<(), SourceError> {
        self.fill(index, pixels)?;
        match pixel_fault(pixels) {
            None => Ok(()),
            Some(fault) => {
                let hint = "exclude it from the series";
                Err(format!("{}: {fault}\nhint: {hint}", self.place(index)).into())
            }
        }
    }
}

/// What makes an image worthless: no contrast at all, or values that are no numbers.
fn pixel_fault(pixels: &[f32]) -> Option<String> {
    let bad = pixels.iter().filter(|v| !v.is_finite()).count();
    if bad > 0 {
        return Some(format!("{bad} pixels are infinite or not a number"));
    }
    let first = pixels.first()?;
    let constant = pixels.iter().all(|v| v == first);
    constant.then(|| format!("the image is constant, every pixel is {first}"))
}

/// What is wrong with the images of a series: files that are absent, too short or of another size.
pub(crate) fn image_findings(series: &TiltSeries, context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut checked: BTreeMap<&Path, [usize; 3]> = BTreeMap::new();
    for index in series.used() {
        let place = format!("{}, image {}", series.name, index + 1);
        let Some(reference) = &series.images[index].image else {
            findings.push(
                Finding::error(place, "there is no image, only a movie")
                    .with_hint("sum the movies first, or import the stack"),
            );
            continue;
        };
        let shape = match checked.get(reference.path.as_path()) {
            Some(shape) => *shape,
            None => match complete_shape(&context.resolve(&reference.path)) {
                Ok(shape) => shape,
                Err(e) => {
                    let path = reference.path.display().to_string();
                    let mut message = e.to_string();
                    if !message.contains(&path) {
                        message = format!("{path}: {message}");
                    }
                    findings.push(Finding::error(&series.name, message));
                    return findings;
                }
            },
        };
        checked.insert(&reference.path, shape);
        findings.extend(
            image_fault(series, reference, shape).map(|fault| Finding::error(place, fault)),
        );
    }
    findings
}

/// Shape of a stack that is as long as its header promises; how long a compressed one is, only reading it tells.
fn complete_shape(path: &Path) -> Result<[usize; 3], ImageError> {
    let compressed = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("gz") || e.eq_ignore_ascii_case("bz2"));
    if compressed {
        Ok(Mrc::read_header(path)?.shape())
    } else {
        Ok(Mrc::open(path)?.shape())
    }
}

fn image_fault(
    series: &TiltSeries,
    reference: &ImageReference,
    [nz, ny, nx]: [usize; 3],
) -> Option<String> {
    let path = reference.path.display();
    if [ny, nx] != series.image_size {
        let [sy, sx] = series.image_size;
        return Some(format!(
            "{path}: expected images of {sx} × {sy} pixels, found {nx} × {ny}"
        ));
    }
    (reference.section >= nz).then(|| {
        format!(
            "{path}: expected section {}, found only {nz} sections",
            reference.section + 1
        )
    })
}

/// Refuses a series with deformed images where the method follows straight chains only.
pub(crate) fn straight_findings(series: &TiltSeries) -> Option<Finding> {
    let deformed = series
        .used()
        .filter(|&i| {
            series.images[i]
                .geometry
                .is_some_and(|g| g.deformation.is_some())
        })
        .count();
    let message = format!(
        "{deformed} tilt images carry a deformation (specimen motion or local alignment), which this method cannot follow"
    );
    (deformed > 0).then(|| {
        Finding::error(&series.name, message)
            .with_hint("reconstruct with tomogram.reconstruct-wbp, or align without local motion")
    })
}

/// What keeps a series from being reconstructed.
pub(crate) fn alignment_findings(series: &TiltSeries) -> Vec<Finding> {
    let used = series.used().count();
    if used == 0 {
        return vec![Finding::error(&series.name, "every tilt image is excluded")];
    }
    let without = series
        .used()
        .filter(|&i| series.images[i].geometry.is_none())
        .count();
    if without == 0 {
        return Vec::new();
    }
    let message = format!("{without} of {used} used tilt images have no geometry");
    vec![
        Finding::error(&series.name, message)
            .with_hint("align the series first, or adopt an alignment"),
    ]
}

//! What all reconstructions share: the grid, how voxels are stored, halves, the file, pictures of three planes.

use std::path::PathBuf;

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Health, PictureKind, TomogramKind};
use thon_contract::{Context, Finding, ItemRecord, JobError, PROCESS_MEMORY};
use thon_geometry::{Grid, Point};
use thon_images::mrc::{Mrc, MrcMode, MrcSlabWriter, MrcSpec};
use thon_model::{TiltSeries, Tomogram, Weighting};
use thon_picture::row_of;
use thon_reconstruct::{Slab, SlabSink, SourceError, View, used_views};
use thon_units::{Angstrom, PixelSize};

use crate::kernel_errors::stopped;
use crate::pictures;
use crate::tilt_images::TiltImages;
use crate::tilt_series::treated::{has_halves, summed};

/// Depth of the slabs that are drawn.
const SLAB: Angstrom = Angstrom(100.0);
/// No specimen that electrons pass is thicker.
const THICKEST: Angstrom = Angstrom(100_000.0);

/// How voxels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Storage {
    /// 16-bit floats: half the disk, eleven bits of precision.
    Float16,
    /// 32-bit floats.
    Float32,
}

/// Whether two more tomograms are made of half of the data each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Halves {
    /// No.
    #[default]
    None,
    /// Of even and odd frames: for local resolution and denoising by comparison.
    Frames,
    /// Of every other tilt.
    Tilts,
}

/// A part of the specimen instead of the whole field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Region {
    /// Extent along x (across the tilt axis); the field of view when empty.
    #[schemars(range(min = 1.0))]
    pub width: Option<Angstrom>,
    /// Extent along y (along the tilt axis); the field of view when empty.
    #[schemars(range(min = 1.0))]
    pub height: Option<Angstrom>,
    /// Centre from the specimen's origin along x.
    pub centre_x: Angstrom,
    /// Centre from the specimen's origin along y.
    pub centre_y: Angstrom,
    /// Centre from the specimen's origin along z.
    pub centre_z: Angstrom,
}

/// The volume that a job makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VolumeOptions {
    pub voxel_size: Option<PixelSize>,
    pub thickness: Option<Angstrom>,
    pub region: Region,
    pub storage: Storage,
    pub halves: Halves,
}

impl VolumeOptions {
    pub(crate) fn voxel_size(&self, series: &TiltSeries) -> PixelSize {
        self.voxel_size
            .unwrap_or(PixelSize(4.0 * series.pixel_size.0))
    }

    /// The grid: the series' volume, or the field of view, at the asked voxel size.
    pub(crate) fn grid(&self, series: &TiltSeries) -> Grid {
        let voxel = self.voxel_size(series);
        let [ny, nx] = series.image_size;
        let full = series.volume_size.unwrap_or([0, ny, nx]);
        let length = |pixels: usize| Angstrom(pixels as f64 * series.pixel_size.0);
        let thickness = self.thickness.unwrap_or(if full[0] == 0 {
            Angstrom(2000.0)
        } else {
            length(full[0])
        });
        let height = self.region.height.unwrap_or(length(full[1]));
        let width = self.region.width.unwrap_or(length(full[2]));
        let even = |length: Angstrom| (((length / voxel).0 / 2.0).round() as usize * 2).max(2);
        let Region {
            centre_x,
            centre_y,
            centre_z,
            ..
        } = self.region;
        Grid {
            centre: Point::new(centre_x.0, centre_y.0, centre_z.0),
            ..Grid::new([even(thickness), even(height), even(width)], voxel)
        }
    }

    /// What is wrong with the parameters for this series.
    pub(crate) fn findings(&self, series: &TiltSeries) -> Vec<Finding> {
        let mut findings = Vec::new();
        let voxel_size = self.voxel_size(series);
        if !(voxel_size.0 >= 0.999 * series.pixel_size.0
            && voxel_size.0 <= 64.0 * series.pixel_size.0)
        {
            let message = format!(
                "expected 1 to 64 times the pixel size {}, found {voxel_size}",
                series.pixel_size
            );
            findings.push(Finding::error("voxel_size", message));
        }
        let lengths = [
            ("thickness", self.thickness),
            ("region.width", self.region.width),
            ("region.height", self.region.height),
        ];
        for (field, length) in lengths {
            if let Some(length) = length
                && !(length > Angstrom(0.0) && length <= THICKEST)
            {
                let message =
                    format!("expected more than 0 and at most {THICKEST}, found {length}");
                findings.push(Finding::error(field, message));
            }
        }
        let Region {
            centre_x,
            centre_y,
            centre_z,
            ..
        } = self.region;
        if [centre_x, centre_y, centre_z]
            .iter()
            .any(|c| c.0.is_nan() || c.abs() > THICKEST)
        {
            let message = format!("expected coordinates within {THICKEST} of the origin");
            findings.push(Finding::error("region", message));
        }
        if self.halves == Halves::Frames && !has_halves(series) {
            findings.push(
                Finding::error(
                    "halves",
                    format!("{} has no sums of half of the frames", series.name),
                )
                .with_hint("align its movies with half sums, or take every other tilt"),
            );
        }
        if self.halves == Halves::Tilts && series.used().count() < 4 {
            let message = format!("{} has fewer than four used images", series.name);
            findings.push(Finding::error("halves", message));
        }
        findings
    }

    /// Voxels of all volumes, and their bytes on disk.
    pub(crate) fn volumes(&self, series: &TiltSeries) -> (f64, u64) {
        let count = if self.halves == Halves::None {
            1.0
        } else {
            3.0
        };
        let voxels = self.grid(series).len() as f64 * count;
        let bytes = if self.storage == Storage::Float16 {
            2.0
        } else {
            4.0
        };
        (voxels, (voxels * bytes) as u64 + (1 << 19))
    }

    /// Views back-projected, the halves' included, over those of the whole.
    pub(crate) fn work(&self) -> f64 {
        match self.halves {
            Halves::None => 1.0,
            Halves::Frames => 3.0,
            Halves::Tilts => 2.0,
        }
    }
}

/// One volume to be made: a series whose images are its own, or those of a half.
pub(crate) struct Part<'a> {
    pub series: &'a TiltSeries,
    pub images: TiltImages,
    pub views: Vec<View>,
}

/// Makes the tomogram and its halves by `reconstruct`, stores them with a picture.
pub(crate) fn make(
    series: &TiltSeries,
    options: &VolumeOptions,
    weighting: Weighting,
    context: &Context,
    mut reconstruct: impl FnMut(&Part<'_>, &Grid, &mut dyn SlabSink) -> Result<(), JobError>,
) -> Result<(ItemRecord, ItemRecord), JobError> {
    let grid = options.grid(series);
    let mut files: Vec<PathBuf> = Vec::new();
    let count = if options.halves == Halves::None { 1 } else { 3 };
    for part in 0..count {
        let suffix = ["", "_half_1", "_half_2"][part];
        let file = format!("{}{suffix}.mrc", series.name);
        let source = match options.halves {
            Halves::Frames => summed(series, part),
            Halves::Tilts if part > 0 => every_other(series, part - 1),
            _ => series.clone(),
        };
        let part = Part {
            images: TiltImages::open(&source, context)?,
            views: used_views(&source).map_err(stopped)?,
            series: &source,
        };
        let mut sink = FileSink::create(&file, &grid, options.storage, context)?;
        reconstruct(&part, &grid, &mut sink)?;
        sink.finish(&file, context)?;
        files.push(file.into());
    }
    let tomogram = Tomogram {
        name: series.name.clone(),
        tilt_series: series.name.clone(),
        grid,
        path: context.published(&files[0]),
        halves: (count == 3).then(|| [1, 2].map(|half| context.published(&files[half]))),
        weighting,
    };
    let picture = pictures_of(&files[0], grid.voxel_size, &series.name, context)?;
    let mut record = context.store::<TomogramKind>(&series.name, &tomogram)?;
    record.files.extend(files);
    Ok((record, picture))
}

/// The series with every other used image excluded.
fn every_other(series: &TiltSeries, keep: usize) -> TiltSeries {
    let mut half = series.clone();
    let mut order: Vec<usize> = series.used().collect();
    order.sort_by(|&a, &b| {
        let tilt = |index: usize| series.images[index].tilt_angle().0;
        tilt(a).total_cmp(&tilt(b)).then(a.cmp(&b))
    });
    for (rank, index) in order.into_iter().enumerate() {
        if rank % 2 != keep {
            half.images[index].exclusion = Some(thon_model::Exclusion {
                reason: "in the other half".into(),
            });
        }
    }
    half
}

/// Draws and stores the three planes through the middle of a volume that the unit has written.
pub(crate) fn pictures_of(
    file: &std::path::Path,
    voxel_size: PixelSize,
    name: &str,
    context: &Context,
) -> Result<ItemRecord, JobError> {
    let path = context.file(file)?;
    let volume = Mrc::open(&path).map_err(|e| JobError::file(&path, e))?;
    let failed = |e: thon_images::ImageError| JobError::file(&path, e);
    let [nz, ny, nx] = volume.shape();
    let deep = |length: usize| ((SLAB / voxel_size).0.round() as usize).clamp(1, length.max(1));
    let (rows, columns) = (deep(ny), deep(nx));
    let (first_row, first_column) = ((ny - rows) / 2, (nx - columns) / 2);
    let mut front = Array2::<f32>::zeros((nz, nx));
    let mut side = Array2::<f32>::zeros((nz, ny));
    for z in 0..nz {
        let window = volume
            .read_window(z, first_row, 0, rows, nx)
            .map_err(failed)?;
        for (i, value) in window.iter().enumerate() {
            front[[z, i % nx]] += value / rows as f32;
        }
        let window = volume
            .read_window(z, 0, first_column, ny, columns)
            .map_err(failed)?;
        for (i, value) in window.iter().enumerate() {
            side[[z, i / columns]] += value / columns as f32;
        }
    }
    let panels = [
        pictures::middle_slab(&volume, voxel_size, SLAB)?,
        pictures::image(&front.view()),
        pictures::image(&side.view()),
    ];
    let picture = row_of(&panels, 8, [255, 255, 255]);
    context.store::<PictureKind>(name, &picture.to_png())
}

/// Writes slabs into a volume and looks at every voxel on the way.
pub(crate) struct FileSink {
    writer: MrcSlabWriter,
    health: Health,
}

impl FileSink {
    pub(crate) fn create(
        file: &str,
        grid: &Grid,
        storage: Storage,
        context: &Context,
    ) -> Result<Self, JobError> {
        let path = context.file(file)?;
        let mode = match storage {
            Storage::Float16 => MrcMode::Float16,
            Storage::Float32 => MrcMode::Float32,
        };
        let spec = MrcSpec::volume(grid.dims, Some(grid.voxel_size.0)).with_mode(mode);
        Ok(Self {
            writer: MrcSlabWriter::create_file(&path, &spec)
                .map_err(|e| JobError::file(&path, e))?,
            health: Health::default(),
        })
    }

    /// Rows of all sections, `[nz, rows, nx]`.
    pub(crate) fn write_rows(
        &mut self,
        first_row: usize,
        voxels: &[f32],
    ) -> Result<(), SourceError> {
        self.health.add(voxels);
        Ok(self.writer.write_slab(first_row, voxels)?)
    }

    pub(crate) fn finish(self, file: &str, context: &Context) -> Result<(), JobError> {
        self.health.verdict(file)?;
        let summary = self.writer.finish().map_err(|e| JobError::file(file, e))?;
        if summary.clamped > 0 {
            context.warn(format!(
                "{file}: {} voxels overflow 16-bit floats; store 32-bit floats",
                summary.clamped
            ));
        }
        Ok(())
    }
}

impl SlabSink for FileSink {
    fn write(&mut self, slab: &Slab<'_>) -> Result<(), SourceError> {
        self.write_rows(slab.first_row, slab.voxels)
    }
}

/// Records a volume that the job has written as `file`: the tomogram with it, and the pictures of its planes.
pub(crate) fn recorded(
    file: &str,
    tomogram: &Tomogram,
    context: &Context,
) -> Result<[ItemRecord; 2], JobError> {
    let voxel_size = tomogram.grid.voxel_size;
    let pictures = pictures_of(file.as_ref(), voxel_size, &tomogram.name, context)?;
    let mut record = context.store::<TomogramKind>(&tomogram.name, tomogram)?;
    record.files.push(file.into());
    Ok([record, pictures])
}

/// Peak memory of a process that reconstructs with buffers of `kernel` bytes, writes the volume by slabs and draws its planes.
pub(crate) fn process_memory(options: &VolumeOptions, series: &TiltSeries, kernel: usize) -> u64 {
    let [nz, ny, nx] = options.grid(series).dims;
    // Sums of the three planes, a section with its bytes, and what pictures are sorted by.
    let drawn = 4 * (4 * ny * nx + 2 * nz * (nx + ny));
    PROCESS_MEMORY + (2 << 20) + kernel.max(drawn) as u64
}

/// Views whose geometry is known, as a plan of memory needs them.
pub(crate) fn planned_views(series: &TiltSeries) -> Vec<View> {
    used_views(series).unwrap_or_default()
}

/// Buffers of a reconstruction in MiB: what holds every prepared image, so that each is read once, and some rows; at most half of
/// what the unit may use.
pub(crate) fn kernel_memory(
    options: &VolumeOptions,
    series: &TiltSeries,
    context: &Context,
) -> usize {
    let pixels = (series.image_size[0] * series.image_size[1]) as f64;
    let crop = (series.pixel_size / options.voxel_size(series)).min(1.0);
    let prepared = 4.0 * pixels * crop * crop * series.used().count() as f64;
    let wanted = ((1.5 * prepared + 16.0 * pixels) / f64::from(1 << 20)) as usize;
    let allowed = (context.memory >> 21) as usize;
    wanted.min(allowed).max(64)
}

//! Where tilt images come from and where the rows of the tomogram go: kernels know no files.

use thon_geometry::TiltGeometry;
use thon_model::TiltSeries;

use crate::{ReconstructError, SourceError};

/// Delivers tilt images one at a time. An image may be asked for more than once.
pub trait ImageSource {
    /// Size of every image, `[ny, nx]`.
    fn image_size(&self) -> [usize; 2];

    /// Reads image `index` (its position in the series, counted from 0) into `pixels`, `[y, x]`.
    ///
    /// # Errors
    /// Whatever the reader fails with.
    fn read(&self, index: usize, pixels: &mut [f32]) -> Result<(), SourceError>;
}

/// Tilt images held in memory, one `[y, x]` image after the other.
#[derive(Clone, Debug)]
pub struct ImagesInMemory {
    /// Size of every image, `[ny, nx]`.
    pub size: [usize; 2],
    /// The images, by their position in the series.
    pub images: Vec<Vec<f32>>,
}

impl ImageSource for ImagesInMemory {
    fn image_size(&self) -> [usize; 2] {
        self.size
    }

    fn read(&self, index: usize, pixels: &mut [f32]) -> Result<(), SourceError> {
        let image = self
            .images
            .get(index)
            .filter(|image| image.len() == pixels.len())
            .ok_or_else(|| format!("no image {index} of {} pixels in memory", pixels.len()))?;
        pixels.copy_from_slice(image);
        Ok(())
    }
}

/// One used tilt image and its geometry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Position of the image in its series, counted from 0.
    pub image: usize,
    /// How the specimen is projected into it.
    pub geometry: TiltGeometry,
}

/// The used views of a series, in the series' order.
///
/// # Errors
/// [`ReconstructError::NotAligned`] for the first used image without geometry.
pub fn used_views(series: &TiltSeries) -> Result<Vec<View>, ReconstructError> {
    series
        .used()
        .map(|image| match series.images[image].geometry {
            Some(geometry) => Ok(View { image, geometry }),
            None => Err(ReconstructError::NotAligned {
                series: series.name.clone(),
                index: image,
            }),
        })
        .collect()
}

/// Some rows of every section of the tomogram.
#[derive(Clone, Copy, Debug)]
pub struct Slab<'a> {
    /// y of the first row.
    pub first_row: usize,
    /// Number of rows.
    pub rows: usize,
    /// Density, `[nz, rows, nx]`: section z of the tomogram holds `voxels[z · rows · nx ..][.. rows · nx]` from element
    /// `first_row · nx` on, without a gap.
    pub voxels: &'a [f32],
}

impl Slab<'_> {
    /// Hands the slab to `sink`, whose failure then says from which row on.
    pub(super) fn hand_to(&self, sink: &mut dyn SlabSink) -> Result<(), ReconstructError> {
        sink.write(self).map_err(|source| ReconstructError::Write {
            first_row: self.first_row,
            source,
        })
    }
}

/// Takes the tomogram, slab after slab, in ascending y. Every row comes once.
pub trait SlabSink {
    /// Takes one slab.
    ///
    /// # Errors
    /// Whatever the writer fails with.
    fn write(&mut self, slab: &Slab<'_>) -> Result<(), SourceError>;
}

/// A tomogram collected in memory.
#[derive(Clone, Debug)]
pub struct VolumeInMemory {
    /// Size, `[nz, ny, nx]`.
    pub dims: [usize; 3],
    /// Density, `[z, y, x]`.
    pub voxels: Vec<f32>,
}

impl VolumeInMemory {
    /// An empty volume of this size.
    pub fn new(dims: [usize; 3]) -> Self {
        Self {
            dims,
            voxels: vec![0.0; dims.iter().product()],
        }
    }
}

impl SlabSink for VolumeInMemory {
    fn write(&mut self, slab: &Slab<'_>) -> Result<(), SourceError> {
        let [_, ny, nx] = self.dims;
        let length = slab.rows * nx;
        for (section, rows) in self
            .voxels
            .chunks_mut(ny * nx)
            .zip(slab.voxels.chunks(length))
        {
            section[slab.first_row * nx..][..length].copy_from_slice(rows);
        }
        Ok(())
    }
}

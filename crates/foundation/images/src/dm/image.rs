//! Images of a DM file: which array, which type, which dimensions, which calibration.

use std::path::Path;

use serde::Serialize;

use super::walker::Walker;
use super::{FORMAT, Tag, TagArray};
use crate::{ByteOrder, ByteSource, ImageError, SampleKind, Samples, sample};

/// Calibration of one axis: value = (index − origin) · scale, in `units`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Units per pixel.
    pub scale: f64,
    /// Index of the value zero.
    pub origin: f64,
    /// Units as written ("nm", "µm", "1/nm", "deg", …); empty when uncalibrated.
    pub units: String,
}

impl Calibration {
    /// Pixel size in Å when the units are a length.
    pub fn pixel_size(&self) -> Option<f64> {
        let unit = match self.units.as_str() {
            "Å" | "A" => 1.0,
            "pm" => 0.01,
            "nm" => 10.0,
            "µm" | "μm" | "um" => 1e4,
            "mm" => 1e7,
            "m" => 1e10,
            _ => return None,
        };
        Some(self.scale * unit).filter(|size| *size > 0.0 && size.is_finite())
    }
}

/// One image (stack, volume) of a DM file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DmImage {
    /// Sample type.
    pub sample_kind: SampleKind,
    /// Dimensions, the fastest first (columns, rows, sections, …).
    pub dims: Vec<usize>,
    /// Calibration of each dimension, in the same order.
    pub calibrations: Vec<Calibration>,
    array: TagArray,
}

impl DmImage {
    /// `[sections, rows, columns]`; dimensions beyond the third are folded into the sections.
    pub fn shape(&self) -> [usize; 3] {
        let size = |axis: usize| self.dims.get(axis).copied().unwrap_or(1);
        [self.dims.iter().skip(2).product(), size(1), size(0)]
    }

    /// Pixel size along the columns in Å, when calibrated as a length.
    pub fn pixel_size(&self) -> Option<f64> {
        self.calibrations.first()?.pixel_size()
    }
}

/// An open DM3 or DM4 file.
#[derive(Debug)]
pub struct DmFile<'a> {
    source: ByteSource<'a>,
    version: u32,
    order: ByteOrder,
    root: Tag,
}

impl DmFile<'static> {
    /// Opens a file; the tag tree is read, image data stay in the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::open(path.as_ref())?)
    }
}

impl<'a> DmFile<'a> {
    /// A file in memory.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::Borrowed(bytes))
    }

    /// A file from any source of bytes.
    pub fn from_source(source: ByteSource<'a>) -> Result<Self, ImageError> {
        let (mut walker, version) = Walker::start(&source)?;
        let root = walker.group(0)?;
        let order = walker.order;
        Ok(Self {
            source,
            version,
            order,
            root,
        })
    }

    /// 3 or 4.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The whole tag tree.
    pub fn tags(&self) -> &Tag {
        &self.root
    }

    /// All images that hold grey or complex samples, in file order; colour images such as thumbnails are left out.
    pub fn images(&self) -> Vec<DmImage> {
        let list = self.root.find("ImageList").map_or(&[][..], Tag::children);
        list.iter()
            .filter_map(|(_, image)| dm_image(image))
            .collect()
    }

    /// The image that the file is about: the last one (the ones before are thumbnails).
    pub fn image(&self) -> Result<DmImage, ImageError> {
        let no_image = || ImageError::damaged(FORMAT, "there is no image of a known type");
        self.images().pop().ok_or_else(no_image)
    }

    /// All samples of an image as `f32`, `[section][row][column]`.
    pub fn read_all(&self, image: &DmImage) -> Result<Vec<f32>, ImageError> {
        self.read_samples(image).map(Samples::into_f32)
    }

    /// Section `z` of an image as `[row][column]`.
    pub fn read_section(&self, image: &DmImage, z: usize) -> Result<Vec<f32>, ImageError> {
        let [sections, rows, columns] = image.shape();
        if z >= sections {
            return Err(ImageError::out_of_range(FORMAT, "section", z, sections));
        }
        let bytes = rows * columns * image.sample_kind.bytes();
        let raw = self.bytes(image.array.offset + (z * bytes) as u64, bytes)?;
        Ok(sample::decode_samples(image.sample_kind, self.order, &raw).into_f32())
    }

    /// All samples of an image in their stored type.
    pub fn read_samples(&self, image: &DmImage) -> Result<Samples, ImageError> {
        let samples: usize = image.dims.iter().product();
        let raw = self.bytes(image.array.offset, samples * image.sample_kind.bytes())?;
        Ok(sample::decode_samples(image.sample_kind, self.order, &raw))
    }

    fn bytes(&self, offset: u64, len: usize) -> Result<Vec<u8>, ImageError> {
        self.source
            .read_vec(offset, len)
            .map_err(ImageError::stream(FORMAT, "read image data"))
    }
}

/// The image under one entry of the image list, if its type is known and its array is as large as its dimensions.
fn dm_image(entry: &Tag) -> Option<DmImage> {
    let data = entry.find("ImageData")?;
    let sample_kind = match data.find("DataType")?.size()? {
        1 => SampleKind::I16,
        2 => SampleKind::F32,
        3 => SampleKind::ComplexF32,
        6 | 14 => SampleKind::U8,
        7 => SampleKind::I32,
        9 => SampleKind::I8,
        10 => SampleKind::U16,
        11 => SampleKind::U32,
        12 => SampleKind::F64,
        39 => SampleKind::I64,
        40 => SampleKind::U64,
        _ => return None,
    };
    let dims = data.find("Dimensions")?.children().iter();
    let dims: Option<Vec<usize>> = dims
        .map(|(_, tag)| usize::try_from(tag.size()?).ok())
        .collect();
    let dims = dims.filter(|d| !d.is_empty() && !d.contains(&0))?;
    let array = match data.find("Data")? {
        Tag::Array(array) => *array,
        _ => return None,
    };
    let samples = dims
        .iter()
        .try_fold(1u64, |all, &n| all.checked_mul(n as u64))?;
    let needed = samples.checked_mul(sample_kind.bytes() as u64)?;
    if array.count.checked_mul(array.kind.bytes() as u64)? < needed {
        return None;
    }
    let axes = data
        .find("Calibrations/Dimension")
        .map_or(&[][..], Tag::children);
    let calibrations = axes.iter().map(|(_, axis)| Calibration {
        scale: axis.find("Scale").and_then(Tag::number).unwrap_or(1.0),
        origin: axis.find("Origin").and_then(Tag::number).unwrap_or(0.0),
        units: axis
            .find("Units")
            .and_then(Tag::text)
            .unwrap_or("")
            .to_owned(),
    });
    Some(DmImage {
        sample_kind,
        dims,
        calibrations: calibrations.collect(),
        array,
    })
}

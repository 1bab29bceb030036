//! Reads `.aln` and `_CTF.txt`.

use std::path::{Path, PathBuf};

use glam::DVec2;
use thon_formats::aretomo::alignment::{self, AlignedImage, Alignment, DarkFrame};
use thon_formats::ctffind::{self};
use thon_geometry::TiltGeometry;
use thon_model::{
    Carried, CarriedColumn, Exclusion, ImageReference, Optics, TiltImage, TiltSeries,
};
use thon_units::{Degrees, Dose, PixelSize};

use super::defocus::apply_ctf;
use super::{DARK, SOURCE};
use crate::columns::set;
use crate::{Imported, InteropError, LossKind};

/// What an `.aln` does not say.
#[derive(Clone, Debug)]
pub struct AretomoImport {
    /// Pixel size of the raw stack.
    pub pixel_size: PixelSize,
    /// The raw stack.
    pub stack: Option<PathBuf>,
    /// `_CTF.txt`, when there is one.
    pub ctf: Option<PathBuf>,
    /// Size of the volume `[z, y, x]` in pixels of the raw stack (VolZ and the aligned image).
    pub volume_size: Option<[usize; 3]>,
    /// Microscope constants.
    pub optics: Optics,
}

/// Reads an alignment. Images come in the order of the stack; the name is that of the file.
pub fn read_aretomo(
    path: &Path,
    options: &AretomoImport,
) -> Result<Imported<TiltSeries>, InteropError> {
    if !path.exists() {
        return Err(InteropError::missing(path, "AreTomo alignment"));
    }
    let file = alignment::read(path)?;
    let name = path
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let mut imported = Imported::new(());
    let base = file.section_base().unwrap_or(1);
    let slots = slots(&file, base, path, &mut imported)?;
    let images = slots
        .iter()
        .enumerate()
        .map(|(index, slot)| tilt_image(index, slot, options))
        .collect();
    let kept = slots.iter().filter_map(|slot| slot.aligned());
    let scaled = kept.filter(|row| row.magnification != 1.0).count();
    imported.losses.add(
        LossKind::AffineDeformation,
        scaled,
        "the sense of GMAG is not documented; it is kept in the carried columns only",
    );
    imported.losses.add(
        LossKind::LocalAlignment,
        file.local.len(),
        "which way the local shifts of patches point, and in which frame, is not documented; the global alignment is kept",
    );
    let mut series = TiltSeries {
        name,
        pixel_size: options.pixel_size,
        image_size: file.raw_size.map_or([0, 0], |[nx, ny, _]| [ny, nx]),
        volume_size: options.volume_size,
        optics: options.optics,
        nominal_tilt_axis_angle: None,
        defocus_hand: None,
        images,
        carried: carried(&slots),
        carried_global: carried_global(&file, base),
    };
    if let Some(path) = &options.ctf {
        let results = ctffind::read(path)?;
        apply_ctf(&results, path, &slots, &mut series)?;
    }
    Ok(imported.map(|()| series))
}

/// What the alignment says of one section of the stack.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    Aligned(AlignedImage),
    Dark(DarkFrame),
}

impl Slot {
    pub(super) fn aligned(&self) -> Option<&AlignedImage> {
        match self {
            Self::Aligned(row) => Some(row),
            Self::Dark(_) => None,
        }
    }
}

/// Puts every row and dark frame at its section; a section without either is an error, never a guess.
fn slots(
    file: &Alignment,
    base: usize,
    path: &Path,
    imported: &mut Imported<()>,
) -> Result<Vec<Slot>, InteropError> {
    let limit = file.images.len() + file.dark_frames.len();
    let index = |section: i64| {
        usize::try_from(section)
            .ok()
            .and_then(|s| s.checked_sub(base))
            .filter(|i| *i < limit.max(1))
    };
    let mut slots: Vec<Option<Slot>> = vec![None; limit];
    for row in &file.images {
        let slot = index(row.section)
            .and_then(|i| slots.get_mut(i))
            .filter(|slot| slot.is_none());
        let Some(slot) = slot else {
            let place = format!("{}: SEC {}", path.display(), row.section);
            let expected = format!("every section once, from {base} to {}", limit + base - 1);
            return Err(InteropError::contradiction(place, expected, row.section));
        };
        *slot = Some(Slot::Aligned(*row));
    }
    let mut lost = 0;
    for dark in &file.dark_frames {
        let slot = index(dark.section)
            .and_then(|i| slots.get_mut(i))
            .filter(|slot| slot.is_none());
        match slot {
            Some(slot) => *slot = Some(Slot::Dark(*dark)),
            None => lost += 1,
        }
    }
    imported.losses.add(
        LossKind::ExcludedImages,
        lost,
        "dark frames whose section the file does not tell",
    );
    let told = slots
        .iter()
        .rposition(Option::is_some)
        .map_or(0, |last| last + 1);
    slots.truncate(told);
    if let Some([_, _, images]) = file.raw_size.filter(|size| size[2] != told) {
        imported.remarks.push(format!(
            "{}: RawSize says {images} images, the rows tell of {told}",
            path.display()
        ));
    }
    let missing = slots.iter().position(Option::is_none);
    if let Some(missing) = missing {
        let place = format!("{}: section {}", path.display(), missing + base);
        return Err(InteropError::contradiction(
            place,
            "an aligned row or a dark frame",
            "neither",
        ));
    }
    Ok(slots.into_iter().flatten().collect())
}

fn tilt_image(index: usize, slot: &Slot, options: &AretomoImport) -> TiltImage {
    let tilt = match slot {
        Slot::Aligned(row) => row.tilt,
        Slot::Dark(dark) => dark.tilt,
    };
    let mut image = TiltImage::new(Degrees(tilt).radians(), Dose(0.0));
    image.image = options.stack.as_ref().map(|path| ImageReference {
        path: path.clone(),
        section: index,
    });
    match slot {
        Slot::Aligned(row) => {
            image.geometry = Some(TiltGeometry {
                tilt_axis_angle: Degrees(row.rotation).radians(),
                shift: DVec2::from_array(row.shift) * options.pixel_size.0,
                ..TiltGeometry::tilted(Degrees(row.tilt).radians())
            });
        }
        Slot::Dark(_) => {
            image.exclusion = Some(Exclusion {
                reason: DARK.to_owned(),
            });
        }
    }
    image
}

/// GMAG, SMEAN, SFIT, SCALE, BASE and the numbers of the chain, one row per image.
fn carried(slots: &[Slot]) -> Carried {
    let labels = [
        "ROT", "GMAG", "TX", "TY", "SMEAN", "SFIT", "SCALE", "BASE", "TILT",
    ];
    let values = |slot: &Slot| match slot {
        Slot::Aligned(row) => {
            let [mean, fit, scale, base] = row.intensity;
            let [x, y] = row.shift;
            [
                row.rotation,
                row.magnification,
                x,
                y,
                mean,
                fit,
                scale,
                base,
                row.tilt,
            ]
            .map(|v| v.to_string())
        }
        Slot::Dark(dark) => {
            let mut row: [String; 9] = std::array::from_fn(|_| "None".to_owned());
            row[8] = dark.tilt.to_string();
            row
        }
    };
    let rows: Vec<[String; 9]> = slots.iter().map(values).collect();
    let column = |(index, label): (usize, &&str)| CarriedColumn {
        label: (*label).to_owned(),
        values: rows.iter().map(|row| row[index].clone()).collect(),
    };
    Carried {
        source: SOURCE.to_owned(),
        columns: labels.iter().enumerate().map(column).collect(),
    }
}

fn carried_global(file: &Alignment, base: usize) -> Carried {
    let mut carried = Carried {
        source: SOURCE.to_owned(),
        columns: Vec::new(),
    };
    let mut put = |label: &str, value: Option<f64>| {
        if let Some(value) = value {
            set(&mut carried, 1, label, 0, value.to_string(), "");
        }
    };
    put("SectionBase", Some(base as f64));
    put("AlphaOffset", file.alpha_offset);
    put("BetaOffset", file.beta_offset);
    put("Thickness", file.thickness);
    carried
}

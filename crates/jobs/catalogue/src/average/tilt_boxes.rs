//! Particles cut virtually from their tilt series.
//!
//! Every used tilt image is read once, brought to mean 0 and unit noise, and all boxes of its particles are cut from it, multiplied
//! by their CTF in boxes twice as large (unless that is not wanted) and kept at half precision: in memory while they take no more
//! than half of what the job may use, else in one unnamed scratch file that vanishes with the process.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use half::f16;
use half::slice::HalfFloatSliceExt;
use thon_contract::{Context, JobError};
use thon_extract::{
    BoxPlace, BoxReader, CutBox, CutSettings, TiltParticle, TiltScheme, TiltSource, TiltView,
};
use thon_geometry::glam::DVec2;
use thon_likelihood::SourceError;
use thon_model::{ParticleSet, TiltSeries};
use thon_units::{Angstrom, Dose, PixelSize};

use crate::particles::{SeriesByName, ViewSettings, normalise, tilts, transfer};
use crate::tilt_images::TiltImages;

/// Boxes of all particles at half precision.
pub(crate) struct HeldBoxes {
    area: usize,
    /// First box of each particle; one more at the end.
    starts: Vec<usize>,
    names: Vec<String>,
    held: Held,
}

enum Held {
    Memory(Vec<f16>),
    Scratch(File),
}

impl HeldBoxes {
    fn new(
        area: usize,
        counts: &[usize],
        names: &[String],
        context: &Context,
    ) -> Result<Self, JobError> {
        let mut starts = vec![0];
        for count in counts {
            starts.push(starts[starts.len() - 1] + count);
        }
        let values = starts[starts.len() - 1] * area;
        let held = if 2 * values as u64 <= context.memory / 2 {
            Held::Memory(vec![f16::ZERO; values])
        } else {
            let beside = context.file("boxes")?;
            let folder = beside.parent().unwrap_or(&beside);
            Held::Scratch(tempfile::tempfile_in(folder).map_err(|e| JobError::file(folder, e))?)
        };
        Ok(Self {
            area,
            starts,
            names: names.to_vec(),
            held,
        })
    }

    fn put(&mut self, particle: usize, which: usize, image: &[f32]) -> Result<(), JobError> {
        let first = (self.starts[particle] + which) * self.area;
        match &mut self.held {
            Held::Memory(values) => values[first..first + self.area].convert_from_f32_slice(image),
            Held::Scratch(file) => {
                let mut values = vec![f16::ZERO; self.area];
                values.convert_from_f32_slice(image);
                let bytes = bytemuck::cast_slice(&values);
                file.write_all_at(bytes, 2 * first as u64)
                    .map_err(|e| JobError::data(format!("scratch file of boxes: {e}")))?;
            }
        }
        Ok(())
    }
}

impl BoxReader for HeldBoxes {
    fn read(&self, index: usize, boxes: &mut [f32]) -> Result<(), SourceError> {
        let first = self.starts[index] * self.area;
        match &self.held {
            Held::Memory(values) => values[first..first + boxes.len()].convert_to_f32_slice(boxes),
            Held::Scratch(file) => {
                let mut values = vec![f16::ZERO; boxes.len()];
                file.read_exact_at(bytemuck::cast_slice_mut(&mut values), 2 * first as u64)?;
                values.convert_to_f32_slice(boxes);
            }
        }
        Ok(())
    }

    fn place(&self, index: usize) -> String {
        self.names[index].clone()
    }
}

/// The views of one series, and which of its images each is.
pub(crate) struct SeriesViews {
    /// The views.
    pub(crate) scheme: TiltScheme,
    /// Index of each view's image in the series.
    pub(crate) images: Vec<usize>,
}

/// The used images of a series as a scheme. Where a particle lies follows its whole chain, deformation included; how the
/// deformation turns it (a slope of 1 % at most, as a rule) is left out, for all particles of a series share their directions.
pub(super) fn series_views(
    series: &TiltSeries,
    settings: &ViewSettings,
) -> Result<SeriesViews, JobError> {
    let images: Vec<usize> = tilts(series, settings).collect();
    let view = |&index: &usize| {
        let image = &series.images[index];
        image.geometry.map(|geometry| TiltView {
            projection: geometry.matrix(),
            dose_before: image.dose_before,
            dose_during: image.exposure.unwrap_or(Dose(0.0)),
        })
    };
    let views = images.iter().filter_map(view).collect();
    let scheme = TiltScheme::new(views, settings.exposure, series.optics.voltage)
        .map_err(|e| JobError::data(format!("{}: {e}", series.name)))?;
    Ok(SeriesViews { scheme, images })
}

/// Where each view of a particle is to be cut, of those that show it.
fn places_of(
    series: &TiltSeries,
    views: &SeriesViews,
    set: &ParticleSet,
    row: usize,
    (settings, cut): (&ViewSettings, &CutSettings),
) -> Places {
    let position = set.poses[row].position;
    let place = |(view, &index): (usize, &usize)| {
        let image = &series.images[index];
        let geometry = image.geometry?;
        let centre = geometry.project_to_pixel(position, series.pixel_size, series.image_size);
        let depth = Angstrom(geometry.project(position).depth);
        let place = BoxPlace {
            centre,
            transfer: transfer(series, image, depth, settings),
        };
        (cut.inside(centre, series.image_size) > 0.5).then_some((view as u16, place))
    };
    views.images.iter().enumerate().filter_map(place).collect()
}

/// The box of a particle in each view that shows it.
pub(crate) type Places = Vec<(u16, BoxPlace)>;

/// Particles cut from their tilt series.
pub(crate) struct CutParticles {
    /// The boxes.
    pub(crate) held: HeldBoxes,
    /// Rows of the set that at least one image shows; the others were rejected by name.
    pub(crate) rows: Vec<usize>,
    /// For each of them, which series, and the places of its boxes.
    pub(crate) places: Vec<(u32, Places)>,
    /// Each series, by its index in the set.
    pub(crate) series: Vec<(u32, SeriesViews)>,
    /// Where each particle's centre lies in its boxes; empty for premultiplied ones.
    offsets: Vec<Vec<DVec2>>,
}

/// Cuts all particles of a set.
pub(crate) fn cut_particles(
    series: &SeriesByName,
    set: &ParticleSet,
    settings: &ViewSettings,
    cut: &CutSettings,
    context: &Context,
) -> Result<CutParticles, JobError> {
    let mut by_series: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, index) in set.tilt_series.iter().enumerate() {
        by_series.entry(*index).or_default().push(row);
    }
    let (mut schemes, mut kept) = (Vec::new(), BTreeMap::new());
    for (index, rows) in &by_series {
        let one = series_of(series, set, *index)?;
        let views = series_views(one, settings)?;
        for &row in rows {
            let places = places_of(one, &views, set, row, (settings, cut));
            if places.is_empty() {
                context.reject(&set.names[row], "no tilt image shows it whole");
            } else {
                kept.insert(row, (schemes.len() as u32, places));
            }
        }
        schemes.push((*index, views));
    }
    if kept.is_empty() {
        return Err(JobError::data(
            "no tilt image shows any of the particles whole",
        ));
    }
    let rows: Vec<usize> = kept.keys().copied().collect();
    let places: Vec<(u32, Places)> = kept.into_values().collect();
    let counts: Vec<usize> = places.iter().map(|(_, places)| places.len()).collect();
    let names: Vec<String> = rows.iter().map(|row| set.names[*row].clone()).collect();
    let mut offsets = Vec::new();
    if !cut.premultiply {
        offsets = counts
            .iter()
            .map(|count| vec![DVec2::ZERO; *count])
            .collect();
    }
    let mut made = CutParticles {
        held: HeldBoxes::new(cut.box_size.pow(2), &counts, &names, context)?,
        rows,
        places,
        series: schemes,
        offsets,
    };
    made.fill(series, set, cut, context)?;
    Ok(made)
}

impl CutParticles {
    /// Reads every image once and cuts all boxes from it.
    fn fill(
        &mut self,
        series: &SeriesByName,
        set: &ParticleSet,
        cut: &CutSettings,
        context: &Context,
    ) -> Result<(), JobError> {
        for (which, (index, views)) in self.series.iter().enumerate() {
            let one = series_of(series, set, *index)?;
            let images = TiltImages::open(one, context)?;
            for (view, image) in views.images.iter().enumerate() {
                thon_compute::check(context.progress())?;
                let place = format!("{}, image {}", one.name, image + 1);
                let mut pixels = images.read_image(*image)?;
                normalise(&mut pixels, &place)?;
                let wanted = shown(&self.places, which as u32, view as u16);
                let places: Vec<BoxPlace> = wanted
                    .iter()
                    .map(|(particle, slot)| self.places[*particle].1[*slot].1)
                    .collect();
                let boxes = cut
                    .cut(&pixels, one.image_size, &places)
                    .map_err(|e| JobError::data(format!("{place}: {e}")))?;
                for ((particle, slot), cut) in wanted.into_iter().zip(boxes) {
                    keep(&mut self.held, &mut self.offsets, (particle, slot), &cut)?;
                }
            }
        }
        Ok(())
    }
}

fn keep(
    held: &mut HeldBoxes,
    offsets: &mut [Vec<DVec2>],
    (particle, slot): (usize, usize),
    cut: &CutBox,
) -> Result<(), JobError> {
    held.put(particle, slot, &cut.image)?;
    if let Some(own) = offsets.get_mut(particle) {
        own[slot] = cut.offset;
    }
    Ok(())
}

/// Particles cut from their tilt series as a source; also the rows that at least one image shows.
pub(super) fn source(
    series: &SeriesByName,
    set: &ParticleSet,
    settings: &ViewSettings,
    pixel_size: PixelSize,
    context: &Context,
) -> Result<(TiltSource<HeldBoxes>, Vec<usize>), JobError> {
    let cut = CutSettings {
        box_size: settings.box_size,
        pixel_size,
        premultiply: settings.recover_delocalised,
    };
    let made = cut_particles(series, set, settings, &cut, context)?;
    let mut offsets = made.offsets.into_iter();
    let particle = |(scheme, places): &(u32, Places)| TiltParticle {
        scheme: *scheme,
        tilts: places.iter().map(|(view, _)| *view).collect(),
        ctfs: places.iter().map(|(_, place)| place.transfer.ctf).collect(),
        offsets: offsets.next().unwrap_or_default(),
        premultiplied: cut.premultiply,
    };
    let particles = made.places.iter().map(particle).collect();
    let schemes = made
        .series
        .into_iter()
        .map(|(_, views)| views.scheme)
        .collect();
    let source = TiltSource::new(made.held, cut.box_size, pixel_size, schemes, particles);
    let source = source.map_err(|e| JobError::data(e.to_string()))?;
    Ok((source, made.rows))
}

/// Particles that a view shows: which, and which of their boxes it is.
fn shown(chosen: &[(u32, Places)], scheme: u32, view: u16) -> Vec<(usize, usize)> {
    let of = |(particle, (own, places)): (usize, &(u32, Places))| {
        let slot = places.iter().position(|(v, _)| *v == view)?;
        (*own == scheme).then_some((particle, slot))
    };
    chosen.iter().enumerate().filter_map(of).collect()
}

/// The tilt series of an index of a set.
pub(crate) fn series_of<'a>(
    series: &'a SeriesByName,
    set: &ParticleSet,
    index: u32,
) -> Result<&'a TiltSeries, JobError> {
    let name = &set.tilt_series_names[index as usize];
    series.get(name).ok_or_else(|| {
        JobError::data(format!(
            "particles of {name}, but no tilt series of this name"
        ))
    })
}

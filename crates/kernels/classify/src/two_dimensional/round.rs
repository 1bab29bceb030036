//! Images with all that making them ready needs, and the grids of a round.

use num_complex::Complex32;
use thon_compute::parallel;

use super::options::Settings;
use super::plane::Plane;
use super::sampling::Sampling;
use super::source::{ImageSource, Mask, Prepared, prepare, read_image};
use super::templates::Templates;
use super::{ClassOptions, HalfDisc};
use crate::ClassifyError;

/// Images whose coarse search is one matrix product.
pub(crate) const BLOCK: usize = 8;

/// Images with all that making them ready needs.
pub(crate) struct Images<'a> {
    pub source: &'a dyn ImageSource,
    pub settings: Settings,
    pub mask: Mask,
    pub plane: Plane,
    pub normalise: bool,
}

impl<'a> Images<'a> {
    pub fn new(source: &'a dyn ImageSource, options: &ClassOptions) -> Result<Self, ClassifyError> {
        let settings = options.settings(source.box_size(), source.pixel_size())?;
        Ok(Self {
            source,
            settings,
            mask: Mask::new(&settings),
            plane: Plane::new(settings.box_size),
            normalise: options.normalise,
        })
    }

    /// One image, centred by whole pixels, masked and transformed.
    pub fn prepared(
        &self,
        index: usize,
        offset: [i32; 2],
        disc: &HalfDisc,
    ) -> Result<Prepared, ClassifyError> {
        let image = read_image(self.source, index, &self.mask, self.normalise)?;
        Ok(prepare(
            self.source,
            index,
            &image,
            offset,
            &self.mask,
            &self.plane,
            disc,
        ))
    }
}

/// Grids and bands of a round.
pub(crate) struct Round {
    pub sampling: Sampling,
    /// Half disc of the averages.
    pub disc: HalfDisc,
    /// Half disc that decides poses.
    pub search_disc: HalfDisc,
    /// Rows of shifts over `disc`.
    pub phases: Vec<Complex32>,
}

impl Round {
    /// Grids for a band; averages of `average_band` shells.
    pub fn new(settings: &Settings, band: usize, average_band: usize, displaced: [f64; 3]) -> Self {
        let sampling = Sampling::new(
            settings.box_size,
            band,
            settings.radius,
            settings.shift_range,
            displaced,
        );
        let disc = HalfDisc::new(average_band);
        Self {
            phases: sampling.phases(settings.box_size, &disc),
            search_disc: HalfDisc::new(band),
            sampling,
            disc,
        }
    }

    /// Points of the coarse search: half the band, and no fewer than four shells.
    pub fn coarse_points(&self) -> usize {
        self.search_disc
            .count_to(self.search_disc.band.div_ceil(2).max(4))
    }

    /// Averages turned to all angles.
    pub fn templates(&self, plane: &Plane, averages: &[&[f32]]) -> Templates {
        let padded = parallel::map_indices(averages.len(), |k| plane.pad(averages[k]));
        Templates::new(plane, &padded, &self.sampling.angles, &self.search_disc)
    }
}

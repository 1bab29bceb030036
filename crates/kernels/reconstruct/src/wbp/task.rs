//! A reconstruction checked and worked out, ready to read its images.

use std::ops::Range;

use thon_compute::Counter;
use thon_geometry::Grid;
use thon_units::{PixelSize, Radians};

use super::axes::Axes;
use super::filter::ViewWeights;
use super::prepare::Preparer;
use super::rows::RowLayout;
use super::{ImageSource, View, WbpOptions};
use crate::ReconstructError;

/// Everything checked and worked out before the first image is read.
pub(super) struct Task<'a> {
    images: &'a dyn ImageSource,
    pub(super) views: &'a [View],
    axes: Vec<Axes>,
    weights: Vec<ViewWeights>,
    pub(super) grid: &'a Grid,
    pub(super) preparer: Preparer,
}

impl<'a> Task<'a> {
    pub(super) fn new(
        images: &'a dyn ImageSource,
        views: &'a [View],
        pixel_size: PixelSize,
        grid: &'a Grid,
        options: &WbpOptions,
    ) -> Result<Self, ReconstructError> {
        options.filter.check()?;
        if views.is_empty() {
            return Err(ReconstructError::NoViews);
        }
        for (field, size) in [("pixel size", pixel_size), ("voxel size", grid.voxel_size)] {
            if !(size.0.is_finite() && size.0 > 0.0) {
                return Err(ReconstructError::parameter(
                    field,
                    &size,
                    "a positive number of Å",
                ));
            }
        }
        let size = images.image_size();
        if size.contains(&0) || grid.dims.contains(&0) {
            let found = format!("images {size:?}, tomogram {:?}", grid.dims);
            return Err(ReconstructError::parameter("size", &found, "no empty axis"));
        }
        let axes = views.iter().map(Axes::new).collect::<Result<Vec<_>, _>>()?;
        let angles: Vec<Radians> = views.iter().map(|view| view.geometry.tilt_angle).collect();
        let weights = (0..views.len())
            .map(|view| {
                options
                    .filter
                    .for_view(view, &angles, grid.voxel_size.0, grid.dims[0])
            })
            .collect();
        let preparer = Preparer::new(size, pixel_size.0, grid.voxel_size.0, options.background);
        Ok(Self {
            images,
            views,
            axes,
            weights,
            grid,
            preparer,
        })
    }

    /// The same with projections as they are, a sample per voxel: what a projector is compared with.
    pub(super) fn unweighted(mut self, options: &WbpOptions) -> Self {
        let voxel_size = self.grid.voxel_size.0;
        self.weights = (0..self.views.len())
            .map(|_| options.filter.unweighted(voxel_size))
            .collect();
        self.axes = self.axes.into_iter().map(Axes::plain).collect();
        self
    }

    /// Fails on views of which a slice perpendicular to the tilt axis does not see one row.
    pub(super) fn refuse_tilted_slices(&self) -> Result<(), ReconstructError> {
        for (axes, view) in self.axes.iter().zip(self.views) {
            let problem = if !axes.is_level() {
                "x-tilt: slices perpendicular to the tilt axis do not see one row of it; hint: back-projection takes x-tilts"
            } else if axes.is_steep() {
                "tilted by more than 80°; hint: exclude it, or use back-projection"
            } else {
                continue;
            };
            return Err(ReconstructError::Geometry {
                index: view.image,
                problem,
            });
        }
        Ok(())
    }

    pub(super) fn axes(&self) -> &[Axes] {
        &self.axes
    }

    pub(super) fn weights(&self, view: usize) -> &ViewWeights {
        &self.weights[view]
    }

    /// The raw image of one view.
    pub(super) fn raw(&self, view: usize) -> Result<Vec<f32>, ReconstructError> {
        let [ny, nx] = self.images.image_size();
        let index = self.views[view].image;
        let mut pixels = vec![0.0; ny * nx];
        self.images
            .read(index, &mut pixels)
            .map_err(|source| ReconstructError::Read { index, source })?;
        Ok(pixels)
    }

    pub(super) fn image_size(&self) -> [usize; 2] {
        self.images.image_size()
    }

    pub(super) fn layout(&self, band: &Range<usize>) -> RowLayout {
        RowLayout::plan(&self.axes, self.grid, band.clone())
    }

    /// Reads and prepares the image of one view.
    pub(super) fn prepared(
        &self,
        view: usize,
        counter: &Counter,
    ) -> Result<Vec<f32>, ReconstructError> {
        counter.check()?;
        let index = self.views[view].image;
        let pixels = self.raw(view)?;
        let prepared =
            self.preparer
                .prepare(index, &pixels, &self.axes[view], &self.weights[view])?;
        counter.unit_done();
        Ok(prepared)
    }
}

//! Back-projection of images whose chain is deformed (a specimen that moved under the beam, local image displacements).
//!
//! The tomogram is cut into tiles; in each, every view is seen through the straight chain that touches its own at the
//! tile's centre ([`thon_geometry::TiltGeometry::near`]), so that position and slope are exact there and only the curvature over
//! half a tile is left out: ½ |u″| h², 0.8 Å where a field of 4000 Å sags by 50 Å and h is 256 Å. The images are prepared once, with the
//! chain at the centre of the tomogram, and still interpolated once. Costs two to four times plain back-projection,
//! because neighbouring tiles sample the same rows.

use std::ops::Range;

use thon_compute::{Counter, Progress, Quiet};
use thon_geometry::{Grid, Point};
use thon_units::PixelSize;

use super::axes::Axes;
use super::back_project::back_project;
use super::filter::Weighting;
use super::rows::RowLayout;
use super::task::Task;
use super::{ImageSource, Slab, SlabSink, View, VolumeInMemory, WbpOptions, WbpReport};
use crate::ReconstructError;

/// Edges of a tile in voxels, `[z, y, x]`.
const TILE: [usize; 3] = [64, 32, 64];

/// True when some view's chain is deformed.
pub(super) fn any(views: &[View]) -> bool {
    views.iter().any(|view| view.geometry.deformation.is_some())
}

/// One tile of a band.
struct Tile {
    /// First voxel in the tomogram, `[z, y, x]`.
    first: [usize; 3],
    grid: Grid,
    layout: RowLayout,
}

/// As [`super::reconstruct_wbp`], tile by tile.
pub(super) fn reconstruct(
    images: &dyn ImageSource,
    views: &[View],
    pixel_size: PixelSize,
    grid: &Grid,
    options: &WbpOptions,
    progress: &dyn Progress,
    sink: &mut dyn SlabSink,
) -> Result<WbpReport, ReconstructError> {
    for view in views {
        if view.geometry.deformation.is_some_and(|d| !d.is_usable()) {
            return Err(ReconstructError::Geometry {
                index: view.image,
                problem: "its deformation has a term that is not a finite number, or no scale",
            });
        }
    }
    if options.filter.weighting == Weighting::Fourier {
        return Err(ReconstructError::Parameter {
            field: "filter weighting",
            found: "fourier, of images with a deformation".into(),
            expected: "a back-projection: ramp, exact or SIRT-like",
        });
    }
    let straight = near(views, grid.centre);
    let task = Task::new(images, &straight, pixel_size, grid, options)?;
    let bands = bands(grid);
    let (keep, buffer_bytes) = plan(&task, views, options.memory)?;
    let passes = if keep { 1 } else { bands.len() };
    let counter = Counter::new(progress, (passes * views.len() + grid.dims[1]) as u64);
    let kept = keep
        .then(|| {
            (0..views.len())
                .map(|v| task.prepared(v, &counter))
                .collect()
        })
        .transpose()?;
    let mut work = Work {
        task: &task,
        kept,
        counter,
        voxels: vec![0.0; band_bytes(grid) / 4],
    };
    for band in &bands {
        work.band(&tiles(views, grid, band)?, band, sink)?;
    }
    Ok(WbpReport {
        bands: bands.len(),
        reads_per_image: passes,
        buffer_bytes,
    })
}

/// Rows of the tomogram that are worked on together.
fn bands(grid: &Grid) -> Vec<Range<usize>> {
    let ny = grid.dims[1];
    (0..ny)
        .step_by(TILE[1])
        .map(|first| first..(first + TILE[1]).min(ny))
        .collect()
}

/// Bytes of one of them.
fn band_bytes(grid: &Grid) -> usize {
    let [nz, ny, nx] = grid.dims;
    4 * nz * TILE[1].min(ny) * nx
}

/// Whether the prepared images are kept, and the bytes of all buffers at their height.
fn plan(task: &Task<'_>, views: &[View], memory: usize) -> Result<(bool, usize), ReconstructError> {
    let [height, width] = task.preparer.frame().size;
    let prepared = 4 * height * width * views.len();
    let first = tiles(views, task.grid, &bands(task.grid)[0])?;
    let planes: usize = first.iter().map(|tile| 4 * tile.layout.len()).sum();
    let rest = planes + band_bytes(task.grid) + task.preparer.working_bytes();
    let keep = prepared + rest <= memory.saturating_mul(1 << 20);
    Ok((keep, rest + if keep { prepared } else { 0 }))
}

/// Bytes of the buffers of a reconstruction.
pub(super) fn bytes(
    images: &dyn ImageSource,
    views: &[View],
    pixel_size: PixelSize,
    grid: &Grid,
    options: &WbpOptions,
) -> Result<usize, ReconstructError> {
    let straight = near(views, grid.centre);
    let task = Task::new(images, &straight, pixel_size, grid, options)?;
    Ok(plan(&task, views, options.memory)?.1)
}

/// The straight chains that touch those of the views at a point.
fn near(views: &[View], point: Point<thon_geometry::Specimen>) -> Vec<View> {
    let straight = |view: &View| View {
        image: view.image,
        geometry: view.geometry.near(point),
    };
    views.iter().map(straight).collect()
}

/// The tiles of a band of rows.
fn tiles(views: &[View], grid: &Grid, band: &Range<usize>) -> Result<Vec<Tile>, ReconstructError> {
    let [nz, _, nx] = grid.dims;
    let mut tiles = Vec::new();
    for z in (0..nz).step_by(TILE[0]) {
        for x in (0..nx).step_by(TILE[2]) {
            let dims = [TILE[0].min(nz - z), band.len(), TILE[2].min(nx - x)];
            let first = [z, band.start, x];
            let centre = grid.point_at([0, 1, 2].map(|axis| first[axis] + dims[axis] / 2));
            let own = Grid {
                dims,
                voxel_size: grid.voxel_size,
                centre,
            };
            let axes = near(views, centre)
                .iter()
                .map(Axes::new)
                .collect::<Result<Vec<_>, _>>()?;
            tiles.push(Tile {
                first,
                layout: RowLayout::plan(&axes, &own, 0..dims[1]),
                grid: own,
            });
        }
    }
    Ok(tiles)
}

/// What is held from band to band.
struct Work<'a> {
    task: &'a Task<'a>,
    /// The prepared images, when memory allows.
    kept: Option<Vec<Vec<f32>>>,
    counter: Counter<'a>,
    /// The voxels of a band, `[nz, rows, nx]`.
    voxels: Vec<f32>,
}

impl Work<'_> {
    fn band(
        &mut self,
        tiles: &[Tile],
        band: &Range<usize>,
        sink: &mut dyn SlabSink,
    ) -> Result<(), ReconstructError> {
        let frame = self.task.preparer.frame();
        let mut planes: Vec<Vec<f32>> = tiles
            .iter()
            .map(|tile| vec![0.0; tile.layout.len()])
            .collect();
        for view in 0..self.task.views.len() {
            let own;
            let image = if let Some(kept) = &self.kept {
                &kept[view]
            } else {
                own = self.task.prepared(view, &self.counter)?;
                &own
            };
            for (tile, planes) in tiles.iter().zip(&mut planes) {
                tile.layout.fill(view, image, &frame, planes);
            }
            self.counter.check()?;
        }
        let [nz, _, nx] = self.task.grid.dims;
        let rows = band.len();
        let voxels = &mut self.voxels[..nz * rows * nx];
        for (tile, planes) in tiles.iter().zip(&planes) {
            let mut out = VolumeInMemory::new(tile.grid.dims);
            let silent = Counter::new(&Quiet, rows as u64);
            back_project(
                &tile.grid,
                &tile.layout,
                planes,
                &(0..rows),
                rows,
                &silent,
                &mut out,
            )?;
            let [first_z, _, first_x] = tile.first;
            let length = tile.grid.dims[2];
            for (row, values) in out.voxels.chunks(length).enumerate() {
                let (z, y) = (first_z + row / rows, row % rows);
                voxels[(z * rows + y) * nx + first_x..][..length].copy_from_slice(values);
            }
            self.counter.check()?;
        }
        let slab = Slab {
            first_row: band.start,
            rows,
            voxels,
        };
        slab.hand_to(sink)?;
        for _ in 0..rows {
            self.counter.unit_done();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use thon_geometry::Deformation;
    use thon_geometry::glam::DVec3;

    use super::super::tests::{images, series};
    use super::*;
    use crate::{Background, reconstruct_wbp};

    /// Views of a specimen that sinks by up to 60 Å in the middle while it is exposed.
    fn sinking() -> Vec<View> {
        series((-12..=12).map(|i| f64::from(i) * 5.0), |image, geometry| {
            let mut deformation = Deformation::still(600.0);
            let sag = 60.0 * (image * 11 % 25) as f64 / 24.0;
            deformation.specimen.terms[2] = DVec3::new(0.0, 0.0, sag);
            deformation.specimen.terms[4] = DVec3::new(0.0, 0.0, sag);
            deformation.specimen.terms[0] = DVec3::new(0.3 * sag, 0.0, 0.0);
            thon_geometry::TiltGeometry {
                deformation: Some(deformation),
                ..geometry
            }
        })
    }

    fn volume(
        views: &[View],
        source: &super::super::ImagesInMemory,
        grid: &Grid,
        memory: usize,
    ) -> Vec<f32> {
        let options = WbpOptions {
            background: Background::Zero,
            memory,
            ..WbpOptions::default()
        };
        let mut sink = VolumeInMemory::new(grid.dims);
        reconstruct_wbp(
            source,
            views,
            PixelSize(8.0),
            grid,
            &options,
            &Quiet,
            &mut sink,
        )
        .unwrap();
        sink.voxels
    }

    #[test]
    fn blobs_of_a_sinking_specimen_are_sharp_where_they_were_before_it_sank() {
        let blobs = [
            DVec3::new(420.0, -360.0, 56.0),
            DVec3::new(-440.0, 200.0, -40.0),
            DVec3::new(0.0, 0.0, 0.0),
        ];
        let views = sinking();
        let source = images(&views, &blobs, 16.0, [160, 160], 8.0);
        let grid = Grid::new([40, 140, 140], PixelSize(8.0));
        let found = volume(&views, &source, &grid, 320);
        let straight: Vec<View> = views
            .iter()
            .map(|view| View {
                geometry: thon_geometry::TiltGeometry {
                    deformation: None,
                    ..view.geometry
                },
                ..*view
            })
            .collect();
        let ignored = volume(&straight, &source, &grid, 320);
        let still = images(&straight, &blobs, 16.0, [160, 160], 8.0);
        let ideal = volume(&straight, &still, &grid, 320);
        for blob in blobs {
            let at = grid.index_of(Point::from_vector(blob)).round();
            let index = (at.z as usize * 140 + at.y as usize) * 140 + at.x as usize;
            let (own, wanted) = (found[index], ideal[index]);
            assert!(
                (own / wanted - 1.0).abs() < 0.03,
                "{blob}: {own} against {wanted}"
            );
            // The rim sinks most: what is blurred there without the deformation has lost its height.
            if blob.length() > 400.0 {
                assert!(
                    ignored[index] < 0.75 * wanted,
                    "{} of {wanted}",
                    ignored[index]
                );
            }
        }
    }

    #[test]
    fn little_memory_gives_the_same_tomogram() {
        let views = sinking();
        let source = images(
            &views,
            &[DVec3::new(100.0, 50.0, 0.0)],
            16.0,
            [160, 160],
            8.0,
        );
        let grid = Grid::new([20, 70, 60], PixelSize(8.0));
        assert!(volume(&views, &source, &grid, 320) == volume(&views, &source, &grid, 1));
    }

    #[test]
    fn a_deformation_is_refused_by_the_inversion() {
        let views = sinking();
        let source = images(&views, &[DVec3::ZERO], 16.0, [32, 32], 8.0);
        let grid = Grid::new([8, 16, 16], PixelSize(8.0));
        let mut options = WbpOptions::default();
        options.filter.weighting = Weighting::Fourier;
        let mut sink = VolumeInMemory::new(grid.dims);
        let refused = reconstruct_wbp(
            &source,
            &views,
            PixelSize(8.0),
            &grid,
            &options,
            &Quiet,
            &mut sink,
        );
        assert!(matches!(refused, Err(ReconstructError::Parameter { .. })));
    }

    #[test]
    fn a_deformation_that_is_not_a_number_is_refused() {
        let mut views = sinking();
        if let Some(deformation) = &mut views[3].geometry.deformation {
            deformation.image.terms[0].x = f64::INFINITY;
        }
        let source = images(&sinking(), &[DVec3::ZERO], 16.0, [32, 32], 8.0);
        let grid = Grid::new([8, 16, 16], PixelSize(8.0));
        let mut sink = VolumeInMemory::new(grid.dims);
        let refused = reconstruct_wbp(
            &source,
            &views,
            PixelSize(8.0),
            &grid,
            &WbpOptions::default(),
            &Quiet,
            &mut sink,
        );
        assert!(matches!(
            refused,
            Err(ReconstructError::Geometry { index: 3, .. })
        ));
    }
}

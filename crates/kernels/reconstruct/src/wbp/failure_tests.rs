//! What weighted back-projection does when it cannot go on: bad input, cancellation, a sink that refuses.

use glam::{DMat2, DVec3};
use thon_compute::Quiet;

use super::tests::{images, series};
use super::*;

#[test]
fn what_cannot_be_used_is_refused() {
    let mut views = series([0.0, 10.0].into_iter(), |_, g| g);
    let grid = Grid::new([4, 4, 4], PixelSize(4.0));
    let mut images = images(&views, &[DVec3::ZERO], 6.0, [8, 8], 4.0);
    let run = |images: &ImagesInMemory, views: &[View]| {
        let mut sink = VolumeInMemory::new(grid.dims);
        reconstruct_wbp(
            images,
            views,
            PixelSize(4.0),
            &grid,
            &WbpOptions::default(),
            &Quiet,
            &mut sink,
        )
        .unwrap_err()
        .to_string()
    };
    assert!(run(&images, &[]).contains("no view"));
    images.images[1][3] = f32::NAN;
    assert!(run(&images, &views).contains("image 1 (counted from 0) holds 1 pixels"));
    views[0].geometry.affine = DMat2::ZERO;
    assert!(run(&images, &views).contains("geometry of tilt image 0"));
}

/// Loses interest after some units.
struct Impatient(std::sync::atomic::AtomicU64, u64);

impl thon_compute::Progress for Impatient {
    fn advance(&self, done: u64, total: u64) {
        assert!(done <= total, "{done} of {total}");
        self.0.fetch_max(done, std::sync::atomic::Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed) >= self.1
    }
}

#[test]
fn cancelling_stops_between_images_and_between_slabs() {
    let views = series([-20.0, 0.0, 10.0, 30.0].into_iter(), |_, g| g);
    let grid = Grid::new([8, 40, 16], PixelSize(4.0));
    let images = images(&views, &[DVec3::ZERO], 8.0, [40, 24], 4.0);
    for (limit, expected) in [(2, 0), (5, 16), (1000, 40)] {
        let progress = Impatient(0.into(), limit);
        let mut rows = CountRows(0);
        let result = reconstruct_wbp(
            &images,
            &views,
            PixelSize(4.0),
            &grid,
            &WbpOptions::default(),
            &progress,
            &mut rows,
        );
        assert_eq!(rows.0, expected, "limit {limit}");
        assert_eq!(
            matches!(result, Err(ReconstructError::Cancelled(_))),
            expected < 40,
            "limit {limit}"
        );
    }
}

struct CountRows(usize);

impl SlabSink for CountRows {
    fn write(&mut self, slab: &Slab<'_>) -> Result<(), crate::SourceError> {
        assert_eq!(slab.first_row, self.0, "rows come in order");
        self.0 += slab.rows;
        Ok(())
    }
}

#[test]
fn a_sink_that_refuses_is_heard() {
    struct Full;
    impl SlabSink for Full {
        fn write(&mut self, _: &Slab<'_>) -> Result<(), crate::SourceError> {
            Err("no space left".into())
        }
    }
    let views = series([-20.0, 0.0].into_iter(), |_, g| g);
    let grid = Grid::new([8, 8, 8], PixelSize(4.0));
    let images = images(&views, &[DVec3::ZERO], 8.0, [16, 16], 4.0);
    let result = reconstruct_wbp(
        &images,
        &views,
        PixelSize(4.0),
        &grid,
        &WbpOptions::default(),
        &Quiet,
        &mut Full,
    );
    let error = result.unwrap_err();
    assert!(error.to_string().contains("rows from y = 0"), "{error}");
    assert!(std::error::Error::source(&error).is_some_and(|s| s.to_string() == "no space left"));
}

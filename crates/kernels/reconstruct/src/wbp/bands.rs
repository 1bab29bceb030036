//! The loop over bands of rows: images are prepared, sampled into the rows of a band, and the band is worked on.

use std::ops::Range;

use thon_compute::{Counter, Progress};

use super::WbpReport;
use super::plan::MemoryPlan;
use super::rows::RowLayout;
use super::task::Task;
use crate::ReconstructError;

/// The bands of a task within a budget of memory.
pub(super) struct Bands<'a> {
    task: &'a Task<'a>,
    pub(super) plan: MemoryPlan,
    ranges: Vec<Range<usize>>,
}

impl<'a> Bands<'a> {
    /// For a budget of `memory` MiB.
    pub(super) fn new(task: &'a Task<'a>, memory: usize) -> Self {
        let plan = MemoryPlan::new(task, memory);
        let ny = task.grid.dims[1];
        let ranges = (0..ny)
            .step_by(plan.band_rows.max(1))
            .map(|first| first..(first + plan.band_rows).min(ny))
            .collect();
        Self { task, plan, ranges }
    }

    /// How often each image is read.
    fn passes(&self) -> usize {
        if self.plan.keep_images {
            1
        } else {
            self.ranges.len()
        }
    }

    /// Calls `work` with every band in ascending y: its layout, its samples and its rows. `work` counts the rows it has done.
    pub(super) fn for_each(
        &self,
        progress: &dyn Progress,
        mut work: impl FnMut(
            &RowLayout,
            &mut [f32],
            &Range<usize>,
            &Counter,
        ) -> Result<(), ReconstructError>,
    ) -> Result<(), ReconstructError> {
        let task = self.task;
        let views = task.views.len();
        let total = self.passes() * views + task.grid.dims[1];
        let counter = Counter::new(progress, total as u64);
        let kept = if self.plan.keep_images {
            Some(
                (0..views)
                    .map(|view| task.prepared(view, &counter))
                    .collect::<Result<Vec<_>, _>>()?,
            )
        } else {
            None
        };
        let longest = self.ranges.iter().map(|band| task.layout(band).len()).max();
        let mut planes = vec![0.0_f32; longest.unwrap_or(0)];
        for band in &self.ranges {
            let layout = task.layout(band);
            let planes = &mut planes[..layout.len()];
            for view in 0..views {
                let own;
                let image = if let Some(images) = &kept {
                    &images[view]
                } else {
                    own = task.prepared(view, &counter)?;
                    &own
                };
                layout.fill(view, image, &task.preparer.frame(), planes);
                counter.check()?;
            }
            work(&layout, planes, band, &counter)?;
        }
        Ok(())
    }

    pub(super) fn report(&self) -> WbpReport {
        WbpReport {
            bands: self.ranges.len(),
            reads_per_image: self.passes(),
            buffer_bytes: self.plan.bytes,
        }
    }
}

//! What the next iteration does: bands, global or local search, and when there is none.
//!
//! The band of the poses follows the resolution with a margin; sums reach further, so that a jump in resolution is seen at
//! once. Poses are searched for everywhere until nearly every particle has one sharp mode and stays in it. A run ends when
//! the resolution stands still and poses will move little against how well they are known, or move no less than before.

use super::maximise::Maximised;
use crate::options::{Alignment, StartingPoses};
use crate::report::{IterationReport, Search};
use crate::state::{Head, Status, Task};

/// Mean number of modes above which poses are searched for everywhere.
pub(super) const SHARP: f64 = 1.3;
/// Poses that will move less than this share of how well they are known stand still; the last iteration moves them, too.
const STILL: f64 = 0.25;
/// Share of particles that may jump for poses to be called settled.
const FEW_JUMPS: f64 = 0.1;
/// Share of class changes below which classes are called settled.
const FEW_CHANGES: f64 = 0.005;

/// Largest shell that poses are compared at and maps of iterations hold.
pub(crate) fn largest_band(head: &Head) -> usize {
    limited(head, (head.box_size / 2).saturating_sub(1).max(1))
}

/// Largest shell of the last iteration's maps: that of Nyquist.
pub(crate) fn whole_band(head: &Head) -> usize {
    limited(head, (head.box_size / 2).max(1))
}

fn limited(head: &Head, limit: usize) -> usize {
    let edge = head.box_size as f64 * head.voxel_size;
    let finest = match &head.task {
        Task::Refine(options) => options.highest_resolution.0,
        Task::Classify(options) => options.resolution.0,
    };
    if finest > 0.0 {
        limit.min(((edge / finest).round() as usize).max(2))
    } else {
        limit
    }
}

/// Largest shell that is summed.
pub(super) fn sums_band(head: &Head) -> usize {
    let largest = if head.last {
        whole_band(head)
    } else {
        largest_band(head)
    };
    largest.min(2 * head.band + 8)
}

/// Largest shell that scales are fitted to.
pub(super) fn overlap_shell(head: &Head) -> usize {
    (head.resolution_shell * 2 / 3).max(3)
}

/// Band of the first iteration: the resolution the reference is filtered to, and two shells.
pub(crate) fn first_band(box_size: usize, voxel_size: f64, low_pass: f64) -> usize {
    let shell = (box_size as f64 * voxel_size / low_pass).round() as usize;
    (shell + 2).clamp(4.min(box_size / 2 - 1), box_size / 2 - 1)
}

fn next_band(head: &Head, useful_shell: usize) -> usize {
    let margin = (head.box_size / 20).max(3);
    (useful_shell.max(3) + margin).min(largest_band(head))
}

/// How far poses moved at the rim of the particle, and how far that is known, voxels.
fn moves(head: &Head, report: &IterationReport) -> (f64, f64) {
    let radius = head.task.target().radius(head.box_size, head.voxel_size);
    let rim = |angle: f64, shift: f64| {
        let turned = angle.to_radians() * radius * 0.6;
        turned.hypot(shift / head.voxel_size)
    };
    (
        rim(report.angle_change, report.shift_change),
        rim(report.angle_uncertainty, report.shift_uncertainty),
    )
}

/// Whether another iteration is worth its while for the poses: they still settle, and far enough.
fn improving(head: &Head, report: &IterationReport, moved: f64, known: f64) -> bool {
    let jumped = head.reports.last().map_or(1.0, |before| before.jumps);
    if report.jumps > FEW_JUMPS && (report.jumps < 0.95 * jumped || report.jumps > 0.5) {
        return true;
    }
    head.smallest_change.is_none_or(|least| {
        let still = moved < 1.5 * known && to_come(moved, least) < STILL * known;
        moved < 0.9 * least && !still
    })
}

/// How far poses will move yet if each iteration moves them less than the last by the same factor.
fn to_come(moved: f64, before: f64) -> f64 {
    let ratio = moved / before;
    moved * ratio / (1.0 - ratio).max(0.05)
}

/// The head of the next iteration. `fresh`: there were no poses before this one.
pub(super) fn advance(
    head: &Head,
    made: &Maximised,
    report: &IterationReport,
    fresh: bool,
) -> Head {
    let mut next = head.clone();
    next.iteration += 1;
    next.random_classes = false;
    next.helix = made.helix;
    next.information.clone_from(&made.information);
    next.data_share.clone_from(&made.data_share);
    next.shared_shell = made.shared_shell;
    next.summed_band = head.band.min(largest_band(head));
    next.resolution_shell = made.resolution_shell;
    next.reports.push(report.clone());
    next.stalled_resolution = if made.resolution_shell > head.best_shell {
        0
    } else {
        head.stalled_resolution + 1
    };
    next.best_shell = head.best_shell.max(made.resolution_shell);
    let random = head.task.poses().start == StartingPoses::Random;
    if !(fresh && random && head.search == Search::Fixed) {
        // The average of random poses has no resolution; the first band stays.
        next.band = next_band(&next, made.useful_shell);
    }
    let (moved, known) = moves(head, report);
    if fresh {
        next.smallest_change = None;
        next.stalled_poses = 0;
    } else if improving(head, report, moved, known) {
        next.smallest_change = Some(moved);
        next.stalled_poses = 0;
    } else {
        next.stalled_poses += 1;
    }
    next.search = next_search(head, report, fresh);
    if ended(&next, report) {
        next.status = Status::Converged;
    }
    next
}

fn next_search(head: &Head, report: &IterationReport, fresh: bool) -> Search {
    match &head.task {
        Task::Classify(options) => match options.alignment {
            Alignment::Fixed => Search::Fixed,
            Alignment::Local => Search::Local,
            Alignment::Global => Search::Global,
        },
        Task::Refine(options) => {
            let given = options.poses.start == StartingPoses::Given;
            if head.search == Search::Local || (given && options.poses.local_sigma.is_none()) {
                return Search::Local;
            }
            let settled = report.effective_modes < SHARP && report.jumps < FEW_JUMPS;
            if !fresh && settled {
                Search::Local
            } else {
                Search::Global
            }
        }
    }
}

fn ended(next: &Head, report: &IterationReport) -> bool {
    let (most, settled) = match &next.task {
        Task::Refine(options) => (
            options.maximum_iterations,
            next.iteration >= options.minimum_iterations,
        ),
        Task::Classify(options) if options.alignment == Alignment::Fixed => return true,
        Task::Classify(options) => (options.iterations, report.class_changes < FEW_CHANGES),
    };
    let enough = next.stalled_resolution >= 1 && next.stalled_poses >= 1 && settled;
    enough || next.iteration >= most
}

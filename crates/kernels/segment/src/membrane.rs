//! Membranes of a tomogram: ridges, their votes, the sheets they make.
//!
//! 1. The density is smoothed by half the thickness, at which two leaflets become one ridge, and its ridges are found
//!    ([`crate::ridge`]). Ridges of the opposite contrast are found in the same way: noise has as many of either, membranes do not,
//!    so these, without the halos beside membranes, say what chance does.
//! 2. Ridges vote for each other ([`crate::vote`]). ln(saliency) of the opposite ones has a median and a deviation; a point's
//!    z-score is measured in these. Points above the low threshold that hang together with one above the high threshold stay.
//! 3. These vote once more, each for the area it stands for, for every voxel around ([`crate::field`]). The saliency is divided by
//!    that of an endless plane, 2πσ²(1 − e⁻²): about ½ at the rim of a sheet, so that what reaches [`COMPLETE`] closes gaps and
//!    hardly grows. Its ridges are the sheets, with normals from one more vote among themselves. This is
//!    done twice: the second time sheets vote, not pieces.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::{Progress, check};
use thon_denoise::RowSource;
use thon_geometry::glam::Vec3;
use thon_units::{Angstrom, Degrees};

use crate::SegmentError;
use crate::band::{Band, around, bands, reach};
use crate::field::Voters;
use crate::neighbours::Cells;
use crate::ridge::{SheetPoint, ridge_points};
use crate::sheets::{Sheets, group};
use crate::vote::{AGREEMENT, REACH, smooth_normals, sparse_vote};

/// Least saliency of a sheet over that of an endless plane.
const COMPLETE: f32 = 0.4;
/// σ of the votes for the normals of sheets over σ.
const SMOOTH_NORMALS: f32 = 1.25;
/// Sheets seen only within the last 5° of tilt are where membranes flare out along the edge of the missing wedge.
const FLARE: f64 = 5.0;
/// How far beside a halo, voxels, its membrane may be met.
const BESIDE: f32 = 1.5;
/// Bytes that a ridge point takes while it votes.
const POINT_BYTES: usize = 3 * size_of::<SheetPoint>() + 8;

/// How membranes look in a tomogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Contrast {
    /// Darker than what is around them, as recorded.
    #[default]
    Dark,
    /// Brighter than what is around them, as in inverted tomograms and in masks.
    Bright,
}

/// Options of the segmentation of membranes. Lengths in Å.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MembraneOptions {
    /// Thickness of a membrane, from head groups to head groups.
    #[schemars(range(min = 10.0, max = 500.0))]
    pub thickness: Angstrom,
    /// σ of the votes: over which distance a membrane is nearly flat. Below the radius of the smallest vesicle.
    #[schemars(range(min = 20.0, max = 2000.0))]
    pub scale: Angstrom,
    /// How membranes look.
    pub contrast: Contrast,
    /// Deviations above chance that some point of a membrane reaches.
    #[schemars(range(min = 0.0, max = 20.0))]
    pub threshold: f64,
    /// Deviations above chance that every point of a membrane reaches.
    #[schemars(range(min = 0.0, max = 20.0))]
    pub low_threshold: f64,
    /// Membranes of a smaller area are left out, Å².
    #[schemars(range(min = 0.0))]
    pub least_area: f64,
    /// The strongest ridges that are looked at, as a part of all voxels.
    #[schemars(range(min = 0.001, max = 0.3), extend("x-level" = "expert"))]
    pub ridges: f64,
    /// Highest tilt of the series: sheets seen at no tilt, or in the last 5° only, do not vote. Absent: all vote.
    #[schemars(range(min = 10.0, max = 90.0), extend("x-level" = "expert"))]
    pub highest_tilt: Option<Degrees>,
}

impl Default for MembraneOptions {
    /// 40 Å thick, votes over 100 Å, dark, 3.5 and 2.5 deviations, 200,000 Å² (a vesicle of 250 Å across), 3 % of all voxels.
    fn default() -> Self {
        Self {
            thickness: Angstrom(40.0),
            scale: Angstrom(100.0),
            contrast: Contrast::Dark,
            threshold: 3.5,
            low_threshold: 2.5,
            least_area: 200_000.0,
            ridges: 0.03,
            highest_tilt: None,
        }
    }
}

impl MembraneOptions {
    /// Whether the options fit voxels of `voxel_size` Å.
    ///
    /// # Errors
    /// [`SegmentError::Parameter`], the first that is out of its range.
    pub fn check(&self, voxel_size: f64) -> Result<(), SegmentError> {
        let check = SegmentError::check;
        check("voxel size", voxel_size, 0.1..=100.0, "Å")?;
        check("thickness", self.thickness.0, 10.0..=500.0, "Å")?;
        check("scale", self.scale.0, 20.0..=2000.0, "Å")?;
        check(
            "scale over the voxel size",
            self.scale.0 / voxel_size,
            2.0..=40.0,
            "voxels",
        )?;
        check("threshold", self.threshold, 0.0..=20.0, "deviations")?;
        check(
            "low_threshold",
            self.low_threshold,
            0.0..=self.threshold,
            "deviations, not above threshold",
        )?;
        check("least_area", self.least_area, 0.0..=f64::MAX, "Å²")?;
        check("ridges", self.ridges, 0.001..=0.3, "of all voxels")?;
        check(
            "highest_tilt",
            self.highest_tilt.map_or(60.0, |t| t.0),
            10.0..=90.0,
            "degrees",
        )
    }
}

/// What was found on the way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MembraneReport {
    /// Ridge voxels that voted.
    pub ridges: usize,
    /// Ridge voxels of the opposite contrast, the measure of chance; halos of stronger ridges are left out.
    pub opposite: usize,
    /// Median of ln(saliency) of these.
    pub median: f64,
    /// Its deviation: how far above the median 84 % of them end.
    pub deviation: f64,
    /// Ridge voxels on membranes.
    pub on_membranes: usize,
    /// z-scores of the ridges: number in bins of ½ from −5 to 15, outer bins open.
    pub scores: Vec<u64>,
    /// The same of the opposite contrast.
    pub opposite_scores: Vec<u64>,
}

/// Finds the membranes of a volume `[z, y, x]` of `voxel_size` Å within `memory` MiB.
///
/// # Errors
/// [`SegmentError`]: options out of range, voxels that are not numbers, no contrast, too many ridges for the memory, the source's.
pub fn find_membranes(
    source: &dyn RowSource,
    voxel_size: f64,
    options: &MembraneOptions,
    memory: usize,
    progress: &dyn Progress,
) -> Result<(Sheets, MembraneReport), SegmentError> {
    options.check(voxel_size)?;
    let search = Search {
        source,
        smoothing: 0.5 * options.thickness.0 / voxel_size,
        wedge: options
            .highest_tilt
            .map(|t| (t.0 - FLARE).to_radians().tan() as f32),
        rows: rows_of_a_band(source.dims(), memory),
        memory,
        progress,
    };
    let sigma = (options.scale.0 / voxel_size) as f32;
    let sign = match options.contrast {
        Contrast::Bright => 1.0,
        Contrast::Dark => -1.0,
    };
    let limit = search.limit([sign, -sign], options.ridges)?;
    let ridges = search.points(sign, limit)?;
    let opposite = search.points(-sign, limit)?;
    if ridges.is_empty() {
        return Err(SegmentError::Flat);
    }
    let mut report = MembraneReport {
        ridges: ridges.len(),
        ..MembraneReport::default()
    };
    let mut voted = sparse_vote(&ridges, sigma, progress)?;
    let halo = (2.5 * options.thickness.0 / voxel_size) as f32;
    let mut chance = without_halos(&sparse_vote(&opposite, sigma, progress)?, &voted, halo);
    report.opposite = chance.len();
    (report.median, report.deviation) = score(&mut voted, &mut chance);
    report.scores = histogram(&voted);
    report.opposite_scores = histogram(&chance);
    voted.retain(|p| f64::from(p.strength) >= options.low_threshold);
    let least = options.least_area / (voxel_size * voxel_size);
    // A membrane may still be in pieces: a tenth of the area will do for now.
    let pieces = group(&voted, options.threshold as f32, 0.1 * least);
    report.on_membranes = pieces.points.len();
    let sheets = close_gaps(pieces.points, sigma, &search)?;
    let sheets = close_gaps(sheets, sigma, &search)?;
    Ok((group(&sheets, 0.0, least), report))
}

/// Rows of a band that, with three buffers, take a third of the memory.
fn rows_of_a_band([nz, ny, nx]: [usize; 3], memory: usize) -> usize {
    (memory.saturating_mul(1 << 20) / 3 / (12 * nz * nx).max(1)).clamp(16, ny.max(16))
}

/// Looks for ridges band by band.
struct Search<'a> {
    source: &'a dyn RowSource,
    smoothing: f64,
    /// Tangent of the highest tilt.
    wedge: Option<f32>,
    rows: usize,
    memory: usize,
    progress: &'a dyn Progress,
}

impl Search<'_> {
    /// Calls `take` with the ridge points of each band.
    fn each(
        &self,
        signs: &[f32],
        mut take: impl FnMut(Vec<SheetPoint>) -> Result<(), SegmentError>,
    ) -> Result<(), SegmentError> {
        let ny = self.source.dims()[1];
        for rows in bands(ny, self.rows) {
            check(self.progress)?;
            let mut band = Band::read(self.source, around(&rows, reach(self.smoothing), ny))?;
            band.smooth(self.smoothing);
            for &sign in signs {
                let mut points = ridge_points(&band, rows.clone(), sign);
                points.retain(|p| self.is_seen(p));
                take(points)?;
            }
        }
        Ok(())
    }

    /// False for sheets whose normal lies in the missing wedge around z (tilt axis y).
    fn is_seen(&self, point: &SheetPoint) -> bool {
        let n = point.normal.abs();
        self.wedge
            .is_none_or(|tangent| n.z <= 0.5 || n.z <= tangent * n.x)
    }

    /// The strength that a part of all voxels reaches, ridges of both signs taken together and halved.
    fn limit(&self, signs: [f32; 2], part: f64) -> Result<f32, SegmentError> {
        let voxels: usize = self.source.dims().iter().product();
        // Positive floats sort as their bits do: 8 bits of exponent and 4 of mantissa.
        let mut counts = vec![0_u64; 1 << 12];
        self.each(&signs, |points| {
            for p in points {
                counts[(p.strength.to_bits() >> 19) as usize] += 1;
            }
            Ok(())
        })?;
        let wanted = (2.0 * part * voxels as f64) as u64;
        let mut total = 0;
        for (bin, count) in counts.iter().enumerate().rev() {
            total += count;
            if total > wanted {
                return Ok(f32::from_bits(((bin + 1) as u32) << 19));
            }
        }
        Ok(0.0)
    }

    /// Ridge points of at least a strength.
    fn points(&self, sign: f32, limit: f32) -> Result<Vec<SheetPoint>, SegmentError> {
        let mut all = Vec::new();
        self.each(&[sign], |points| {
            all.extend(points.into_iter().filter(|p| p.strength >= limit));
            let needed = (2 * all.len() * POINT_BYTES) >> 20;
            if 3 * needed > 2 * self.memory {
                return Err(SegmentError::TooMany {
                    found: all.len(),
                    needed: 3 * needed / 2,
                    allowed: self.memory,
                });
            }
            Ok(())
        })?;
        Ok(all)
    }
}

/// Ridges of the opposite contrast without the halos of membranes: those beside which, within `reach` voxels across them, a stronger
/// ridge of the contrast that is looked for runs along.
fn without_halos(opposite: &[SheetPoint], ridges: &[SheetPoint], reach: f32) -> Vec<SheetPoint> {
    let positions: Vec<Vec3> = ridges.iter().map(|p| p.position).collect();
    let cells = Cells::new(&positions, reach / 2.0);
    let is_halo = |point: &SheetPoint| {
        cells.near(point.position, reach).any(|i| {
            let beside = &ridges[i];
            let d = beside.position - point.position;
            let across = d.dot(point.normal);
            beside.strength > point.strength
                && across.abs() <= reach
                && d.length_squared() - across * across <= BESIDE * BESIDE
                && beside.normal.dot(point.normal).abs() >= AGREEMENT
        })
    };
    opposite
        .par_iter()
        .filter(|p| !is_halo(p))
        .copied()
        .collect()
}

/// Turns saliencies into z-scores of their logarithm against those of chance; returns the median and deviation of these.
fn score(voted: &mut [SheetPoint], chance: &mut [SheetPoint]) -> (f64, f64) {
    let logarithm = |p: &SheetPoint| p.strength.max(f32::MIN_POSITIVE).ln();
    let measure = if chance.is_empty() { &*voted } else { &*chance };
    let mut logs: Vec<f32> = measure.iter().map(logarithm).collect();
    let median = quantile(&mut logs, 0.5);
    let deviation = (quantile(&mut logs, 0.8413) - median).max(1e-3);
    for point in voted.iter_mut().chain(chance) {
        point.strength = (logarithm(point) - median) / deviation;
    }
    (f64::from(median), f64::from(deviation))
}

fn quantile(values: &mut [f32], part: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() as f64 * part) as usize).min(values.len() - 1);
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

fn histogram(points: &[SheetPoint]) -> Vec<u64> {
    let mut bins = vec![0; 40];
    for p in points {
        bins[((p.strength + 5.0) * 2.0).clamp(0.0, 39.0) as usize] += 1;
    }
    bins
}

/// Votes of the points on membranes for every voxel, and the ridges of those.
fn close_gaps(
    mut points: Vec<SheetPoint>,
    sigma: f32,
    search: &Search,
) -> Result<Vec<SheetPoint>, SegmentError> {
    let dims = search.source.dims();
    for p in &mut points {
        p.strength = p.area() as f32;
    }
    let plane = 2.0 * std::f32::consts::PI * sigma * sigma * (1.0 - (-0.5 * REACH * REACH).exp());
    let voters = Voters::new(points, sigma, dims);
    let mut sheets = Vec::new();
    let tasks = rayon::current_num_threads() * Voters::bytes_per_task(dims);
    let bytes = (search.memory << 20).saturating_sub(tasks) / 3;
    let rows = (bytes / (2 * Voters::bytes_per_row(dims)).max(1)).clamp(16, dims[1].max(16));
    for rows in bands(dims[1], rows) {
        check(search.progress)?;
        let band = voters.saliency(around(&rows, 2, dims[1]));
        sheets.extend(ridge_points(&band, rows, 1.0).into_iter().filter_map(|p| {
            let voxel = (p.position - band.offset()).round();
            let complete = band.at(voxel.z as usize, voxel.y as usize, voxel.x as usize) / plane;
            (complete >= COMPLETE).then_some(SheetPoint {
                strength: complete,
                ..p
            })
        }));
    }
    smooth_normals(&sheets, SMOOTH_NORMALS * sigma, search.progress)
}

//! The likelihood of two planes, and the search for the best ones.
//!
//! Heights are measured from a plane of the trial's slope. With k of n places of a range occupied, its log likelihood is
//! k ln(k/n) + (n − k) ln(1 − k/n); a slab is the sum of that inside and outside, less that of all together.

use rayon::prelude::*;

use super::SlabOptions;
use super::texture::Places;

/// Step of the slope in the first search.
const STEP: f64 = 0.05;
/// The step at which the climb ends.
const LAST_STEP: f64 = 0.002;
/// Layers per place.
const FINER: f64 = 2.0;
/// Layers that fewer places reach than this share of the fullest say nothing.
const LEAST_SEEN: f64 = 0.3;
/// Least share of all places that must lie outside.
const LEAST_OUTSIDE: f64 = 0.1;

/// Two planes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    pub likelihood: f64,
    pub slope: [f64; 2],
    /// Heights of the planes over the origin, Å.
    pub heights: [f64; 2],
    /// Share of places that are occupied.
    pub inside: f64,
    pub outside: f64,
    /// Whether a plane lies at the end of what is seen.
    pub at_rim: bool,
}

/// Places by columns, ready to be sorted into layers.
pub(super) struct Layers<'a> {
    places: &'a Places,
    /// Which columns count.
    used: Vec<bool>,
}

/// Places of each layer, and how many of them are occupied.
struct Counts {
    /// Height of the lower side of the first layer, Å.
    first: f64,
    step: f64,
    all: Vec<f64>,
    occupied: Vec<f64>,
}

impl<'a> Layers<'a> {
    /// All columns, or without part number `left_out.0` of `left_out.1`² parts of the field.
    pub(super) fn of(places: &'a Places, left_out: Option<(usize, usize)>) -> Self {
        let rows = places.columns.len() / places.row.max(1);
        let part = |i: usize, count: usize, parts: usize| i * parts / count.max(1);
        let used = (0..places.columns.len())
            .map(|column| {
                left_out.is_none_or(|(which, parts)| {
                    let [x, y] = [column % places.row, column / places.row];
                    part(y, rows, parts) * parts + part(x, places.row, parts) != which
                })
            })
            .collect();
        Self { places, used }
    }

    /// The best planes over all slopes; `None` when no range of heights is fuller than the rest.
    pub(super) fn search(&self, options: &SlabOptions) -> Option<Fit> {
        let steps = (options.steepest / STEP).ceil() as i32;
        let trials: Vec<[f64; 2]> = (-steps..=steps)
            .flat_map(|a| (-steps..=steps).map(move |b| [f64::from(a) * STEP, f64::from(b) * STEP]))
            .collect();
        let fits: Vec<Option<Fit>> = trials
            .par_iter()
            .map(|slope| self.fit(*slope, options))
            .collect();
        let best = fits
            .into_iter()
            .flatten()
            .max_by(|a, b| a.likelihood.total_cmp(&b.likelihood))?;
        self.climb(best.slope, options)
    }

    /// The best planes uphill from a slope, by ever shorter steps to eight sides.
    pub(super) fn climb(&self, slope: [f64; 2], options: &SlabOptions) -> Option<Fit> {
        let mut best = self.fit(slope, options)?;
        let mut step = 0.5 * STEP;
        while step > LAST_STEP {
            let sides: Vec<[f64; 2]> = (0..9)
                .filter(|side| *side != 4)
                .map(|side| {
                    [
                        f64::from(side % 3 - 1) * step,
                        f64::from(side / 3 - 1) * step,
                    ]
                })
                .collect();
            let fits: Vec<Option<Fit>> = sides
                .par_iter()
                .map(|[a, b]| self.fit([best.slope[0] + a, best.slope[1] + b], options))
                .collect();
            let there = fits
                .into_iter()
                .flatten()
                .max_by(|a, b| a.likelihood.total_cmp(&b.likelihood));
            match there {
                Some(fit) if fit.likelihood > best.likelihood => best = fit,
                _ => step *= 0.5,
            }
        }
        Some(best)
    }

    /// Height over the origin and share of occupied places of each layer that enough places reach.
    pub(super) fn profile(&self, slope: [f64; 2]) -> Vec<(f64, f64)> {
        let counts = self.counts(slope);
        (0..counts.all.len())
            .filter(|layer| counts.all[*layer] > 0.0)
            .map(|layer| {
                let height = counts.first + (layer as f64 + 0.5) * counts.step;
                (height, counts.occupied[layer] / counts.all[layer])
            })
            .collect()
    }

    fn counts(&self, [a, b]: [f64; 2]) -> Counts {
        let places = self.places;
        let step = places.edge / FINER;
        let rise = |[x, y]: [f64; 2]| a * x + b * y;
        let rises = places.columns.iter().map(|column| rise(*column));
        let (lowest, highest) = rises.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), r| {
            (low.min(r), high.max(r))
        });
        let half = 0.5 * places.edge;
        let first = places.ends[0] - half - highest - step;
        let layers = ((places.ends[1] + half - lowest - first) / step).ceil() as usize + 2;
        let mut counts = Counts {
            first,
            step,
            all: vec![0.0; layers],
            occupied: vec![0.0; layers],
        };
        let mut change = vec![0.0; layers + 1];
        for (column, used) in places.columns.iter().zip(&self.used) {
            if *used {
                let layer =
                    |height: f64| ((height - rise(*column) - first) / step).round() as usize;
                change[layer(places.ends[0] - half)] += 1.0 / FINER;
                change[layer(places.ends[1] + half)] -= 1.0 / FINER;
            }
        }
        let mut sum = 0.0;
        for (all, change) in counts.all.iter_mut().zip(&change) {
            sum += change;
            *all = sum;
        }
        for (column, height) in &places.occupied {
            let column = *column as usize;
            if self.used[column] {
                counts.add(height - half - rise(places.columns[column]), places.edge);
            }
        }
        counts.without_rare_layers()
    }

    /// The best pair of planes of a slope.
    fn fit(&self, slope: [f64; 2], options: &SlabOptions) -> Option<Fit> {
        let counts = self.counts(slope);
        let across = (1.0 + slope[0] * slope[0] + slope[1] * slope[1]).sqrt();
        let thinnest = (options.thinnest * across / counts.step).ceil().max(1.0) as usize;
        let (all, occupied) = (sums(&counts.all), sums(&counts.occupied));
        let (whole, hits) = (*all.last()?, *occupied.last()?);
        let seen = |layer: usize| counts.all[layer] > 0.0;
        let lowest = (0..counts.all.len()).find(|layer| seen(*layer))?;
        let highest = (0..counts.all.len()).rfind(|layer| seen(*layer))?;
        let mut best: Option<(f64, usize, usize)> = None;
        for from in lowest..=highest {
            for to in from + thinnest..=highest + 1 {
                let (n, k) = (all[to] - all[from], occupied[to] - occupied[from]);
                let (rest, missed) = (whole - n, hits - k);
                if rest < LEAST_OUTSIDE * whole || k * rest <= missed * n {
                    continue;
                }
                let value = binomial(k, n) + binomial(missed, rest);
                if best.is_none_or(|(least, ..)| value > least) {
                    best = Some((value, from, to));
                }
            }
        }
        let (value, from, to) = best?;
        let (n, k) = (all[to] - all[from], occupied[to] - occupied[from]);
        let height = |layer: usize| counts.first + layer as f64 * counts.step;
        Some(Fit {
            likelihood: value - binomial(hits, whole),
            slope,
            heights: [height(from), height(to)],
            inside: k / n,
            outside: (hits - k) / (whole - n),
            at_rim: from == lowest || to == highest + 1,
        })
    }
}

impl Counts {
    /// An occupied place from `bottom` (Å, over the plane) up, of height `edge`, shared out among the layers it reaches.
    fn add(&mut self, bottom: f64, edge: f64) {
        let place = (bottom - self.first) / self.step;
        let (lower, upper) = (place, place + edge / self.step);
        let mut layer = lower.floor();
        while layer < upper {
            let share = (layer + 1.0).min(upper) - layer.max(lower);
            if let Some(count) = self.occupied.get_mut(layer as usize) {
                *count += share / FINER;
            }
            layer += 1.0;
        }
    }

    fn without_rare_layers(mut self) -> Self {
        let most = self.all.iter().copied().fold(0.0, f64::max);
        for (all, occupied) in self.all.iter_mut().zip(&mut self.occupied) {
            if *all < LEAST_SEEN * most {
                (*all, *occupied) = (0.0, 0.0);
            }
            *occupied = occupied.min(*all);
        }
        self
    }
}

fn sums(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let running = values.iter().map(|value| {
        sum += value;
        sum
    });
    std::iter::once(0.0).chain(running).collect()
}

/// k ln(k/n) + (n − k) ln(1 − k/n), 0 where either share is none.
fn binomial(k: f64, n: f64) -> f64 {
    let share = k / n;
    if k <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    k * share.ln() + (n - k) * (-share).ln_1p()
}

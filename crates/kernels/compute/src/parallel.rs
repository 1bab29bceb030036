//! Maps and sums in a fixed order: the same bytes for any number of threads.
//!
//! Work is cut by size alone, never by thread count; results come back in index order; sums follow a fixed binary
//! tree. Everything runs in rayon's current pool.

use std::ops::Range;

use rayon::prelude::*;

use crate::progress::{Cancelled, Counter, Progress};

/// Elements a float sum adds one after the other before the tree starts.
const SUM_CHUNK: usize = 4096;

/// `f(0), f(1), …, f(count − 1)` computed in parallel, returned in order.
pub fn map_indices<R: Send>(count: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    (0..count).into_par_iter().map(&f).collect()
}

/// As [`map_indices`], reporting each finished index and stopping early once cancelled.
///
/// # Errors
/// [`Cancelled`], or whatever `f` fails with (the failure of the lowest index that ran and failed).
pub fn try_map_indices<R: Send, E: Send + From<Cancelled>>(
    count: usize,
    progress: &dyn Progress,
    f: impl Fn(usize) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let counter = Counter::new(progress, count as u64);
    let results: Vec<Result<R, E>> = (0..count)
        .into_par_iter()
        .map(|index| {
            counter.check()?;
            let result = f(index)?;
            counter.unit_done();
            Ok(result)
        })
        .collect();
    results.into_iter().collect()
}

/// Cuts `items` into pieces of `chunk` (the last may be shorter), maps each with its position in the sequence of
/// chunks, and returns the results in order.
pub fn map_chunks<T: Sync, R: Send>(
    items: &[T],
    chunk: usize,
    f: impl Fn(usize, &[T]) -> R + Sync,
) -> Vec<R> {
    items
        .par_chunks(chunk.max(1))
        .enumerate()
        .map(|(index, piece)| f(index, piece))
        .collect()
}

/// As [`map_chunks`] with exclusive access to each piece.
pub fn map_chunks_mut<T: Send, R: Send>(
    items: &mut [T],
    chunk: usize,
    f: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    items
        .par_chunks_mut(chunk.max(1))
        .enumerate()
        .map(|(index, piece)| f(index, piece))
        .collect()
}

/// Combines neighbours, then neighbours of those, until one is left: the order depends on the length alone.
/// `None` for an empty list.
pub fn reduce_tree<T>(mut items: Vec<T>, combine: impl Fn(T, T) -> T) -> Option<T> {
    while items.len() > 1 {
        let mut next = Vec::with_capacity(items.len().div_ceil(2));
        let mut pairs = items.into_iter();
        while let Some(left) = pairs.next() {
            next.push(match pairs.next() {
                Some(right) => combine(left, right),
                None => left,
            });
        }
        items = next;
    }
    items.pop()
}

/// Σ over `0..length`, where `sum_range` adds one range of at most 4096 indices in order; ranges are summed in parallel and
/// joined by [`reduce_tree`].
pub fn sum_ranges(length: usize, sum_range: impl Fn(Range<usize>) -> f64 + Sync) -> f64 {
    let parts = map_indices(length.div_ceil(SUM_CHUNK), |part| {
        sum_range(part * SUM_CHUNK..length.min((part + 1) * SUM_CHUNK))
    });
    reduce_tree(parts, |a, b| a + b).unwrap_or(0.0)
}

/// Σ f(item) in f64.
pub fn sum_by<T: Sync>(items: &[T], f: impl Fn(&T) -> f64 + Sync) -> f64 {
    sum_ranges(items.len(), |range| items[range].iter().map(&f).sum())
}

/// Σ f(a, b) in f64 over two lists of the same length (the excess of the longer one is left out).
pub fn sum_pairs<A: Sync, B: Sync>(a: &[A], b: &[B], f: impl Fn(&A, &B) -> f64 + Sync) -> f64 {
    sum_ranges(a.len().min(b.len()), |range| {
        a[range.clone()]
            .iter()
            .zip(&b[range])
            .map(|(x, y)| f(x, y))
            .sum()
    })
}

/// Element-wise Σ of equally long lists of partial sums, in the order of [`reduce_tree`]; empty for no lists.
pub fn sum_lists(lists: Vec<Vec<f64>>) -> Vec<f64> {
    reduce_tree(lists, |mut left, right| {
        for (a, b) in left.iter_mut().zip(&right) {
            *a += b;
        }
        left
    })
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Quiet;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    fn in_pool<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(f)
    }

    #[test]
    fn sums_have_the_same_bits_for_any_number_of_threads() {
        let values: Vec<f32> = (0..100_003)
            .map(|i| ((i * 7919) % 104_729) as f32 * 1e-3 - 37.0)
            .collect();
        let sums: Vec<u64> = [1, 2, 4, 7]
            .iter()
            .map(|&n| in_pool(n, || sum_by(&values, |&v| f64::from(v).sin())).to_bits())
            .collect();
        assert!(sums.iter().all(|s| *s == sums[0]), "{sums:?}");
        let plain: f64 = values.iter().map(|&v| f64::from(v).sin()).sum();
        assert!((f64::from_bits(sums[0]) - plain).abs() < 1e-7);
        assert_eq!(sum_by(&[] as &[f32], |_| 1.0), 0.0);
    }

    #[test]
    fn maps_keep_their_order() {
        let items: Vec<usize> = (0..1000).collect();
        let firsts = map_chunks(&items, 64, |index, piece| (index, piece[0], piece.len()));
        assert_eq!(firsts.len(), 16);
        assert_eq!(firsts[15], (15, 960, 40));
        assert_eq!(map_indices(5, |i| i * i), [0, 1, 4, 9, 16]);
        let mut changed = items.clone();
        map_chunks_mut(&mut changed, 7, |index, piece| piece.fill(index));
        assert!(changed.iter().zip(&items).all(|(c, i)| *c == i / 7));
    }

    #[test]
    fn the_tree_joins_neighbours() {
        let letters: Vec<String> = "abcde".chars().map(String::from).collect();
        let joined = reduce_tree(letters, |a, b| format!("({a}{b})")).unwrap();
        assert_eq!(joined, "(((ab)(cd))e)");
        assert_eq!(
            sum_lists(vec![vec![1.0, 2.0], vec![3.0, 4.0], vec![5.0, 6.0]]),
            [9.0, 12.0]
        );
    }

    #[test]
    fn a_cancelled_map_stops_and_says_so() {
        struct Stop(AtomicBool);
        impl Progress for Stop {
            fn advance(&self, done: u64, _: u64) {
                if done >= 5 {
                    self.0.store(true, Ordering::Relaxed);
                }
            }
            fn cancelled(&self) -> bool {
                self.0.load(Ordering::Relaxed)
            }
        }
        let ran = AtomicUsize::new(0);
        let work = |_| {
            ran.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Cancelled>(())
        };
        let result = in_pool(2, || {
            try_map_indices(10_000, &Stop(AtomicBool::new(false)), work)
        });
        assert_eq!(result, Err(Cancelled));
        assert!(ran.load(Ordering::Relaxed) < 100);
        assert_eq!(
            try_map_indices(3, &Quiet, Ok::<_, Cancelled>),
            Ok(vec![0, 1, 2])
        );
    }
}

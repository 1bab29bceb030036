//! k-means with spread starts (Arthur & Vassilvitskii 2007) and many of them; the least sum of squares wins.

use rand::RngExt;
use thon_compute::parallel;

/// Rounds of one start; it ends when nothing changes.
const ROUNDS: usize = 100;

/// Classes of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouping {
    /// Class of each point, from 0, the largest class first.
    pub classes: Vec<usize>,
    /// Σ of squared distances to the means over that to the mean of all: 0 to 1.
    pub scatter: f64,
}

/// Sorts points `[count, dimensions]` into `classes` classes.
///
/// The starts are independent; the same seed gives the same classes for any number of threads.
pub fn k_means(
    points: &[f64],
    dimensions: usize,
    classes: usize,
    restarts: usize,
    seed: u64,
) -> Grouping {
    let rows: Vec<&[f64]> = points.chunks_exact(dimensions).collect();
    let classes = classes.clamp(1, rows.len().max(1));
    let runs = parallel::map_indices(restarts.max(1), |run| {
        one_start(&rows, classes, seed, run as u64)
    });
    let best = runs
        .into_iter()
        .reduce(|a, b| if b.1 < a.1 { b } else { a });
    let (labels, sum) = best.unwrap_or_default();
    let mean = mean_of(&rows, &vec![0; rows.len()], 0);
    let all: f64 = rows.iter().map(|r| distance(r, &mean)).sum();
    let mut order: Vec<usize> = (0..classes).collect();
    let size = |k: &usize| labels.iter().filter(|l| *l == k).count();
    order.sort_by_key(|k| std::cmp::Reverse(size(k)));
    let mut rank = vec![0; classes];
    order
        .iter()
        .enumerate()
        .for_each(|(place, k)| rank[*k] = place);
    Grouping {
        classes: labels.iter().map(|l| rank[*l]).collect(),
        scatter: if all > 0.0 { sum / all } else { 0.0 },
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

fn mean_of(rows: &[&[f64]], labels: &[usize], class: usize) -> Vec<f64> {
    let mut mean = vec![0.0; rows.first().map_or(0, |r| r.len())];
    let mut count = 0.0;
    for (row, _) in rows.iter().zip(labels).filter(|(_, l)| **l == class) {
        count += 1.0;
        mean.iter_mut().zip(*row).for_each(|(m, v)| *m += v);
    }
    for m in &mut mean {
        *m /= f64::max(count, 1.0);
    }
    mean
}

/// One start: classes and the sum of squares.
fn one_start(rows: &[&[f64]], classes: usize, seed: u64, run: u64) -> (Vec<usize>, f64) {
    let mut random = thon_compute::seed_stream(seed, "k-means", run);
    if rows.is_empty() {
        return (Vec::new(), 0.0);
    }
    let mut means: Vec<Vec<f64>> = vec![rows[random.random_range(0..rows.len())].to_vec()];
    let mut nearest: Vec<f64> = rows.iter().map(|r| distance(r, &means[0])).collect();
    while means.len() < classes {
        let mut mark = random.random_range(0.0..1.0) * nearest.iter().sum::<f64>();
        let next = nearest.iter().position(|d| {
            mark -= d;
            mark < 0.0
        });
        let next = rows[next.unwrap_or(rows.len() - 1)].to_vec();
        for (near, row) in nearest.iter_mut().zip(rows) {
            *near = near.min(distance(row, &next));
        }
        means.push(next);
    }
    let mut labels = vec![usize::MAX; rows.len()];
    for _ in 0..ROUNDS {
        let closest = |row: &&[f64]| {
            (0..classes).fold(0, |best, k| {
                if distance(row, &means[k]) < distance(row, &means[best]) {
                    k
                } else {
                    best
                }
            })
        };
        let new: Vec<usize> = rows.iter().map(closest).collect();
        if new == labels {
            break;
        }
        labels = new;
        for (k, mean) in means.iter_mut().enumerate() {
            if labels.contains(&k) {
                *mean = mean_of(rows, &labels, k);
            }
        }
    }
    let sum = rows
        .iter()
        .zip(&labels)
        .map(|(r, l)| distance(r, &means[*l]))
        .sum();
    (labels, sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_are_found_and_the_largest_comes_first() {
        let cloud = |count: usize, x: f64, y: f64| {
            (0..count).flat_map(move |i| [x + (i as f64 * 0.7).sin(), y + (i as f64 * 1.3).cos()])
        };
        let points: Vec<f64> = cloud(10, 0.0, 8.0)
            .chain(cloud(30, 9.0, 0.0))
            .chain(cloud(20, -9.0, 0.0))
            .collect();
        let found = k_means(&points, 2, 3, 20, 1);
        let expected: Vec<usize> = [2; 10].into_iter().chain([0; 30]).chain([1; 20]).collect();
        assert_eq!(found.classes, expected);
        assert!(found.scatter < 0.05);
        assert_eq!(found, k_means(&points, 2, 3, 20, 1));
        assert_eq!(k_means(&points, 2, 1, 1, 1).scatter, 1.0);
    }

    #[test]
    fn equal_points_and_more_classes_than_points_do_no_harm() {
        assert_eq!(k_means(&[1.0; 8], 2, 3, 2, 1).classes.len(), 4);
        assert_eq!(k_means(&[1.0, 2.0], 1, 5, 2, 1).classes, [0, 1]);
        assert!(k_means(&[], 2, 2, 2, 1).classes.is_empty());
    }
}

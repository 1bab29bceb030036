//! The views of each update: as far apart in tilt as can be, so that updates do not repeat each other.

use super::IterativeMethod;

/// Lists of views, one per update; every view once. `angles` are tilts, rad.
pub(super) fn subsets(method: IterativeMethod, angles: &[f64]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..angles.len()).collect();
    order.sort_by(|&a, &b| angles[a].total_cmp(&angles[b]).then(a.cmp(&b)));
    let IterativeMethod::Sart { views } = method else {
        return vec![order];
    };
    let count = order.len().div_ceil(views.max(1)).max(1);
    // Update i takes every count-th view from i on; updates follow each other by the golden section of their number.
    let step = coprime_near(count, 0.618);
    (0..count)
        .map(|i| i * step % count)
        .map(|start| order.iter().copied().skip(start).step_by(count).collect())
        .collect()
}

/// A number near `part · count` without common factor with `count`.
fn coprime_near(count: usize, part: f64) -> usize {
    let divisor = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let wanted = ((count as f64 * part) as usize).max(1);
    (0..count)
        .flat_map(|d| [wanted + d, wanted.saturating_sub(d)])
        .find(|&step| step > 0 && divisor(step, count) == 1)
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_comes_once_and_subsets_span_the_range() {
        let angles: Vec<f64> = (0..41).map(|i| f64::from((i * 17) % 41)).collect();
        for views in [1, 3, 8, 41, 100] {
            let lists = subsets(IterativeMethod::Sart { views }, &angles);
            let mut all: Vec<usize> = lists.concat();
            all.sort_unstable();
            assert_eq!(all, (0..41).collect::<Vec<_>>());
            assert!(lists.iter().all(|list| list.len() <= views));
        }
        assert_eq!(subsets(IterativeMethod::Sirt, &angles).len(), 1);
        let wide = &subsets(IterativeMethod::Sart { views: 4 }, &angles)[0];
        let tilts: Vec<f64> = wide.iter().map(|&view| angles[view]).collect();
        assert!(tilts[tilts.len() - 1] - tilts[0] > 25.0, "{tilts:?}");
    }
}

//! Gaussian smoothing of planes and across planes, edges mirrored. Loops run with the widest vectors of the processor.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

/// Weights of a sampled Gaussian, from the middle outwards; one weight for no smoothing.
pub fn weights(sigma: f64) -> Vec<f32> {
    if sigma < 0.05 {
        return vec![1.0];
    }
    let reach = (2.5 * sigma).ceil() as usize;
    let values: Vec<f64> = (0..=reach)
        .map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp())
        .collect();
    let sum = values[0] + 2.0 * values[1..].iter().sum::<f64>();
    values.iter().map(|v| (v / sum) as f32).collect()
}

/// An index mirrored at the ends of an axis, the end itself not repeated twice in a row more than once.
pub fn mirrored(index: isize, length: usize) -> usize {
    let last = length as isize - 1;
    let mut index = index;
    // Twice is enough for any reach below the length; clamping covers the rest.
    for _ in 0..2 {
        if index < 0 {
            index = -index - 1;
        }
        if index > last {
            index = 2 * last + 1 - index;
        }
    }
    index.clamp(0, last) as usize
}

/// Smooths a plane `[ny, nx]` along x and y.
pub fn smooth_plane(plane: &mut [f32], size: [usize; 2], weights: &[f32], spare: &mut Vec<f32>) {
    pulp::Arch::new().dispatch(|| smooth_rows_and_columns(plane, size, weights, spare));
}

#[inline(always)]
fn smooth_rows_and_columns(
    plane: &mut [f32],
    [ny, nx]: [usize; 2],
    weights: &[f32],
    spare: &mut Vec<f32>,
) {
    let reach = weights.len() as isize - 1;
    if reach == 0 {
        return;
    }
    spare.clear();
    spare.extend_from_slice(plane);
    for y in 0..ny {
        let out = &mut plane[y * nx..][..nx];
        for value in out.iter_mut() {
            *value *= weights[0];
        }
        for step in 1..=reach {
            let weight = weights[step as usize];
            for side in [-step, step] {
                let row = &spare[mirrored(y as isize + side, ny) * nx..][..nx];
                for (out, value) in out.iter_mut().zip(row) {
                    *out += weight * value;
                }
            }
        }
    }
    spare.clear();
    spare.extend_from_slice(plane);
    let inner = (reach as usize).min(nx)
        ..nx.saturating_sub(reach as usize)
            .max((reach as usize).min(nx));
    for y in 0..ny {
        let row = &spare[y * nx..][..nx];
        let out = &mut plane[y * nx..][..nx];
        for (x, value) in out.iter_mut().enumerate() {
            if !inner.contains(&x) {
                *value = (-reach..=reach)
                    .map(|d| weights[d.unsigned_abs()] * row[mirrored(x as isize + d, nx)])
                    .sum();
            }
        }
        if inner.is_empty() {
            continue;
        }
        let out = &mut out[inner.clone()];
        for value in out.iter_mut() {
            *value *= weights[0];
        }
        for step in 1..weights.len() {
            let weight = weights[step];
            let (left, right) = (&row[inner.start - step..], &row[inner.start + step..]);
            for ((out, a), b) in out.iter_mut().zip(left).zip(right) {
                *out += weight * (a + b);
            }
        }
    }
}

/// Σ of planes with the weights of their distances.
pub fn combine<'a>(out: &mut [f32], weights: &[f32], plane: impl Fn(isize) -> &'a [f32]) {
    scale(out, plane(0), weights[0]);
    for (step, &weight) in weights.iter().enumerate().skip(1) {
        let (below, above) = (plane(-(step as isize)), plane(step as isize));
        pulp::Arch::new().dispatch(|| add_pair(out, below, above, weight));
    }
}

#[inline(always)]
fn scale(out: &mut [f32], values: &[f32], weight: f32) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = weight * value;
    }
}

#[inline(always)]
fn add_pair(out: &mut [f32], below: &[f32], above: &[f32], weight: f32) {
    for ((out, a), b) in out.iter_mut().zip(below).zip(above) {
        *out += weight * (a + b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_constants_and_spreads_points() {
        let weights = weights(0.8);
        let mut flat = vec![3.0; 35];
        smooth_plane(&mut flat, [5, 7], &weights, &mut Vec::new());
        assert!(flat.iter().all(|v| (v - 3.0).abs() < 1e-5), "{flat:?}");
        let mut point = vec![0.0; 11 * 13];
        point[5 * 13 + 6] = 1.0;
        smooth_plane(&mut point, [11, 13], &weights, &mut Vec::new());
        assert!((point.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!((point[5 * 13 + 7] - point[6 * 13 + 6]).abs() < 1e-7);
        assert!((point[5 * 13 + 7] / point[5 * 13 + 6] - (-0.5f32 / 0.64).exp()).abs() < 1e-5);
        for (index, expected) in [(-1, 0), (-2, 1), (5, 4), (6, 3), (3, 3), (-20, 0)] {
            assert!(mirrored(index, 5) == expected || index == -20, "{index}");
        }
        smooth_plane(&mut [1.0, 2.0], [1, 2], &weights, &mut Vec::new());
    }
}

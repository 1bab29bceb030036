//! Products of matrices given as slices, row after row, on one thread.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

/// Aᵀ·B for A `[rows][a]`, B `[rows][b]`: `[a][b]`.
pub(super) fn product_transposed(
    a: &[f32],
    a_width: usize,
    b: &[f32],
    b_width: usize,
    rows: usize,
) -> Vec<f32> {
    let (a, b) = (matrix(a, rows, a_width), matrix(b, rows, b_width));
    a.t().dot(&b).into_raw_vec_and_offset().0
}

/// `out` += `factor`·A·Bᵀ for A `[rows][width]`, B `[classes][width]`.
pub(super) fn product_of_rows(
    a: &[f32],
    b: &[f32],
    width: usize,
    classes: usize,
    factor: f32,
    out: &mut [f32],
) {
    let rows = out.len() / classes;
    let (a, b) = (matrix(a, rows, width), matrix(b, classes, width));
    let mut out = ArrayViewMut2::from_shape((rows, classes), out).expect("rows of classes");
    general_mat_mul(factor, &a, &b.t(), 1.0, &mut out);
}

fn matrix(values: &[f32], rows: usize, columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns), values).expect("a matrix of its shape")
}

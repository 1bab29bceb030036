//! Matrix products of rows: C = α · A Bᵀ.

use gemm::Parallelism;

/// `out[i, j] = factor · Σ_k a[i, k] · b[j, k]` for `a` of `rows` × `inner`, `b` of `columns` × `inner`, `out` with
/// `columns` values per row; all row after row. On one thread.
///
/// # Panics
/// When a length does not fit.
pub(super) fn rows_times_rows(
    out: &mut [f32],
    a: &[f32],
    b: &[f32],
    [rows, columns, inner]: [usize; 3],
    factor: f32,
) {
    assert_eq!(a.len(), rows * inner, "rows of the left matrix");
    assert_eq!(b.len(), columns * inner, "rows of the right matrix");
    assert_eq!(out.len(), rows * columns, "product");
    // SAFETY: the three matrices lie within the slices with the strides given, as asserted, and do not overlap.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            columns as isize,
            false,
            a.as_ptr(),
            1,
            inner as isize,
            b.as_ptr(),
            inner as isize,
            1,
            0.0,
            factor,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_sums_of_products() {
        for [rows, columns, inner] in [[1, 1, 1], [5, 7, 3], [33, 130, 77]] {
            let value = |i: usize| ((i * 37 + 11) % 19) as f32 - 9.0;
            let a: Vec<f32> = (0..rows * inner).map(value).collect();
            let b: Vec<f32> = (0..columns * inner).map(|i| value(i + 5)).collect();
            let mut out = vec![1.0; rows * columns];
            rows_times_rows(&mut out, &a, &b, [rows, columns, inner], 2.0);
            for i in 0..rows {
                for j in 0..columns {
                    let sum: f32 = (0..inner)
                        .map(|k| a[i * inner + k] * b[j * inner + k])
                        .sum();
                    assert_eq!(out[i * columns + j], 2.0 * sum);
                }
            }
        }
    }
}

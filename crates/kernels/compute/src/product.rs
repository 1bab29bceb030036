//! Products of real matrices: `gemm` behind checked bounds.
//!
//! One call runs on one thread, so that its sums do not depend on how many there are; callers spread calls over threads.

/// A matrix inside a slice: element (i, j) at `i · row_stride + j · column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// The slice.
    pub values: &'a [f32],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// From a row to the next, values.
    pub row_stride: usize,
    /// From a column to the next, values.
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows one after the other, the first `columns` of every `stride` values.
    pub fn rows(values: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        Self {
            values,
            rows,
            columns,
            row_stride: stride,
            column_stride: 1,
        }
    }

    /// The transposed matrix.
    pub fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Values needed for the last element to lie inside the slice.
    fn reach(&self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride + 1
    }
}

/// `out = a · b`, or `out += a · b`; `out` is `[a.rows, b.columns]`, rows one after the other.
///
/// # Panics
/// When the extents do not fit each other or the slices.
pub fn multiply(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], add: bool) {
    multiply_by(1.0, a, b, out, add);
}

/// `out = factor · a · b`, or `out += factor · a · b`; see [`multiply`].
///
/// # Panics
/// When the extents do not fit each other or the slices.
pub fn multiply_by(factor: f32, a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], add: bool) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "inner extents");
    assert_eq!(out.len(), m * n, "extents of the product");
    assert!(
        a.reach() <= a.values.len() && b.reach() <= b.values.len(),
        "matrices inside their slices"
    );
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if !add {
            out.fill(0.0);
        }
        return;
    }
    // SAFETY: every element (i, j) of a and b that is read lies inside its slice (`reach`, checked above), `out` holds m · n
    // values with rows of n, is borrowed exclusively and overlaps neither; strides are far below isize::MAX.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            factor,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The safe twin.
    fn plainly(factor: f32, a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], add: bool) {
        for i in 0..a.rows {
            for j in 0..b.columns {
                let at = |m: &Matrix<'_>, i: usize, j: usize| {
                    f64::from(m.values[i * m.row_stride + j * m.column_stride])
                };
                let sum: f64 = (0..a.columns).map(|k| at(&a, i, k) * at(&b, k, j)).sum();
                let old = if add { out[i * b.columns + j] } else { 0.0 };
                out[i * b.columns + j] = old + factor * sum as f32;
            }
        }
    }

    #[test]
    fn products_equal_those_of_the_safe_twin() {
        let values: Vec<f32> = (0..4000)
            .map(|i| ((i * 7919) % 1009) as f32 * 1e-3 - 0.5)
            .collect();
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (17, 9, 33), (40, 1, 20), (2, 31, 0)] {
            let a = Matrix::rows(&values, m, k, k + 3);
            let b = Matrix::rows(&values[100..], n, k, k + 1).transposed();
            for (add, factor) in [(false, 1.0), (true, 1.0), (false, -2.0)] {
                let (mut fast, mut plain) = (vec![0.5; m * n], vec![0.5; m * n]);
                multiply_by(factor, a, b, &mut fast, add);
                plainly(factor, a, b, &mut plain, add);
                let close = fast.iter().zip(&plain).all(|(f, p)| (f - p).abs() < 1e-4);
                assert!(close, "{m} {n} {k} {add} {factor}: {fast:?} {plain:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "inside their slices")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let values = [0.0; 10];
        let a = Matrix::rows(&values, 3, 4, 4);
        multiply(a, a.transposed(), &mut [0.0; 9], false);
    }
}

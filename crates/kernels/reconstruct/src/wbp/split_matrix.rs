//! Square complex matrices with real and imaginary parts apart, column after column, so that products are sums of vectors.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

/// A complex matrix of a few dozen rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SplitMatrix {
    size: usize,
    width: usize,
    /// `[column, part, row]`; rows from `size` to `width` are zero.
    values: Vec<f32>,
}

impl SplitMatrix {
    /// Rows with what fills the last vector.
    pub(super) fn width(size: usize) -> usize {
        size.next_multiple_of(16)
    }

    pub(super) fn bytes(size: usize) -> usize {
        8 * size * Self::width(size)
    }

    pub(super) fn zeros(size: usize) -> Self {
        let width = Self::width(size);
        Self {
            size,
            width,
            values: vec![0.0; 2 * size * width],
        }
    }

    fn column(&self, column: usize) -> (&[f32], &[f32]) {
        self.values[2 * column * self.width..][..2 * self.width].split_at(self.width)
    }

    fn column_mut(&mut self, column: usize) -> (&mut [f32], &mut [f32]) {
        self.values[2 * column * self.width..][..2 * self.width].split_at_mut(self.width)
    }

    /// Adds a* aᵀ.
    pub(super) fn add_outer(&mut self, a: &[[f32; 2]]) {
        let mut parts = vec![0.0_f32; 2 * self.width];
        for (row, value) in a.iter().enumerate() {
            (parts[row], parts[self.width + row]) = (value[0], -value[1]);
        }
        for (column, &factor) in a.iter().enumerate() {
            let (real, imaginary) = parts.split_at(self.width);
            let to = self.column_mut(column);
            pulp::Arch::new().dispatch(|| add_scaled(to, (real, imaginary), factor));
        }
    }

    pub(super) fn add_identity(&mut self, value: f32) {
        for i in 0..self.size {
            self.column_mut(i).0[i] += value;
        }
    }

    pub(super) fn scale_row(&mut self, row: usize, factor: f32) {
        for column in 0..self.size {
            let (real, imaginary) = self.column_mut(column);
            real[row] *= factor;
            imaginary[row] *= factor;
        }
    }

    pub(super) fn scale(&mut self, factor: f32) {
        self.values.iter_mut().for_each(|value| *value *= factor);
    }

    pub(super) fn plus(mut self, other: &Self) -> Self {
        for (to, from) in self.values.iter_mut().zip(&other.values) {
            *to += from;
        }
        self
    }
}

/// to += factor · from, complex.
#[inline(always)]
fn add_scaled(to: (&mut [f32], &mut [f32]), from: (&[f32], &[f32]), factor: [f32; 2]) {
    let [re, im] = factor;
    let rows = to.0.iter_mut().zip(to.1).zip(from.0.iter().zip(from.1));
    for ((to_re, to_im), (a, b)) in rows {
        *to_re += re * a - im * b;
        *to_im += re * b + im * a;
    }
}

/// a b.
pub(super) fn multiply(a: &SplitMatrix, b: &SplitMatrix) -> SplitMatrix {
    let mut product = SplitMatrix::zeros(a.size);
    pulp::Arch::new().dispatch(|| {
        for column in 0..a.size {
            let (real, imaginary) = b.column(column);
            for inner in 0..a.size {
                let to = product.column_mut(column);
                add_scaled(to, a.column(inner), [real[inner], imaginary[inner]]);
            }
        }
    });
    product
}

/// a v, vectors as real parts and then imaginary parts, each of the matrix's width.
pub(super) fn multiply_vector(a: &SplitMatrix, vector: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    let (real, imaginary) = vector.split_at(a.width);
    let (out_re, out_im) = out.split_at_mut(a.width);
    pulp::Arch::new().dispatch(|| {
        for column in 0..a.size {
            let factor = [real[column], imaginary[column]];
            add_scaled((&mut *out_re, &mut *out_im), a.column(column), factor);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_complex_numbers() {
        // i² = −1 in the first row and column; (1 + 2i)(3 − i) = 5 + 5i.
        let mut a = SplitMatrix::zeros(2);
        (a.column_mut(0).1[0], a.column_mut(1).0[1]) = (1.0, 1.0);
        a.column_mut(1).1[1] = 2.0;
        let square = multiply(&a, &a);
        assert_eq!((square.column(0).0[0], square.column(0).1[0]), (-1.0, 0.0));
        let mut v = vec![0.0; 2 * a.width];
        (v[1], v[a.width + 1]) = (3.0, -1.0);
        let mut out = vec![0.0; 2 * a.width];
        multiply_vector(&a, &v, &mut out);
        assert_eq!((out[1], out[a.width + 1]), (5.0, 5.0));
        let mut outer = SplitMatrix::zeros(2);
        outer.add_outer(&[[1.0, 2.0], [3.0, -1.0]]);
        // Row 0, column 1: (1 + 2i)* (3 − i) = 1 − 7i.
        assert_eq!((outer.column(1).0[0], outer.column(1).1[0]), (1.0, -7.0));
    }
}

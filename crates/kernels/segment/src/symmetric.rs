//! Eigenvalues and eigenvectors of real symmetric 3 × 3 matrices, in closed form.
//!
//! Eigenvalues are the roots of the characteristic polynomial by its trigonometric solution (Smith 1961, Commun. ACM 4:168);
//! the eigenvector of a single root is the largest cross product of two rows of A − λI.

use thon_geometry::glam::Vec3;

/// The six different elements of a symmetric matrix: xx, yy, zz, xy, xz, yz.
pub(crate) type Symmetric = [f32; 6];

/// Eigenvalues, smallest first.
pub(crate) fn eigenvalues(a: &Symmetric) -> [f32; 3] {
    let [xx, yy, zz, xy, xz, yz] = a.map(f64::from);
    let mean = (xx + yy + zz) / 3.0;
    let (dx, dy, dz) = (xx - mean, yy - mean, zz - mean);
    let off = xy * xy + xz * xz + yz * yz;
    let p = ((dx * dx + dy * dy + dz * dz + 2.0 * off) / 6.0).sqrt();
    if p <= f64::MIN_POSITIVE {
        return [mean as f32; 3];
    }
    let determinant =
        dx * (dy * dz - yz * yz) - xy * (xy * dz - yz * xz) + xz * (xy * yz - dy * xz);
    let angle = (determinant / (2.0 * p * p * p)).clamp(-1.0, 1.0).acos() / 3.0;
    let largest = mean + 2.0 * p * angle.cos();
    let smallest = mean + 2.0 * p * (angle + 2.0 * std::f64::consts::FRAC_PI_3).cos();
    let middle = 3.0 * mean - largest - smallest;
    [smallest as f32, middle as f32, largest as f32]
}

/// A unit eigenvector of an eigenvalue; its sign is arbitrary but the same each time. Where the eigenvalue is a double or triple
/// one, some unit vector.
pub(crate) fn eigenvector(a: &Symmetric, value: f32) -> Vec3 {
    let [xx, yy, zz, xy, xz, yz] = *a;
    let rows = [
        Vec3::new(xx - value, xy, xz),
        Vec3::new(xy, yy - value, yz),
        Vec3::new(xz, yz, zz - value),
    ];
    let products = [
        rows[0].cross(rows[1]),
        rows[0].cross(rows[2]),
        rows[1].cross(rows[2]),
    ];
    let mut best = products[0];
    for product in &products[1..] {
        if product.length_squared() > best.length_squared() {
            best = *product;
        }
    }
    // Rows are scaled to the matrix, so that its size does not decide what counts as nothing.
    let size = rows.iter().map(|r| r.length_squared()).fold(0.0, f32::max);
    if best.length_squared() > 1e-10 * size * size {
        return best.normalize();
    }
    // A double root: anything perpendicular to the one row that is left.
    let row = rows.into_iter().fold(Vec3::ZERO, |m, r| {
        if r.length_squared() > m.length_squared() {
            r
        } else {
            m
        }
    });
    if row.length_squared() > 0.0 {
        row.normalize().any_orthonormal_vector()
    } else {
        Vec3::Z
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times(a: &Symmetric, v: Vec3) -> Vec3 {
        let [xx, yy, zz, xy, xz, yz] = *a;
        Vec3::new(
            xx * v.x + xy * v.y + xz * v.z,
            xy * v.x + yy * v.y + yz * v.z,
            xz * v.x + yz * v.y + zz * v.z,
        )
    }

    proptest! {
        #[test]
        fn a_matrix_only_stretches_its_eigenvectors(
            a in prop::array::uniform6(-10.0_f32..10.0),
            scale in prop::sample::select(vec![1e-6_f32, 1.0, 1e6]),
        ) {
            let a = a.map(|v| v * scale);
            let values = eigenvalues(&a);
            let size = values.iter().map(|v| v.abs()).fold(0.0, f32::max);
            prop_assert!(values[0] <= values[1] && values[1] <= values[2]);
            for value in [values[0], values[2]] {
                let vector = eigenvector(&a, value);
                prop_assert!((vector.length() - 1.0).abs() < 1e-5);
                let gap = (values[1] - value).abs();
                if gap > 1e-2 * size {
                    let rest = (times(&a, vector) - value * vector).length();
                    prop_assert!(rest < 1e-3 * size, "{rest} of {size}");
                }
            }
        }
    }

    #[test]
    fn sheets_rods_and_balls_have_unit_vectors() {
        let sheet = [0.0, 0.0, -2.0, 0.0, 0.0, 0.0];
        let values = eigenvalues(&sheet);
        assert!((values[0] + 2.0).abs() < 1e-6 && values[1].abs() < 1e-6 && values[2].abs() < 1e-6);
        assert!((eigenvector(&sheet, -2.0).z.abs() - 1.0).abs() < 1e-6);
        assert!(eigenvector(&sheet, 0.0).z.abs() < 1e-3);
        let ball = [3.0, 3.0, 3.0, 0.0, 0.0, 0.0];
        assert_eq!(eigenvalues(&ball), [3.0; 3]);
        assert_eq!(eigenvector(&ball, 3.0), Vec3::Z);
    }
}

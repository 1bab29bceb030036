//! What a rigid chain cannot say about one image: the specimen's own deformation and the image's local displacements.
//!
//! ```text
//!   specimen x ──▶ x + u(x) ──rigid chain──▶ v ──▶ v + w(v)
//!   u(x) = M Σ c_k m_k(q),  q = Mᵀ (x − origin) / scale        m = x, y, x², xy, y², x³, x²y, xy², y³, z, xz, yz
//!   w(v) = Σ d_k m_k(v / scale)                                m = the first nine
//! ```
//!
//! u is the motion of the specimen under the beam since the exposure began (doming: Brilot et al. 2012, J. Struct.
//! Biol. 177:630), w what is left in an image after a global alignment. Both are cubic polynomials, Å, without a constant term:
//! shifts belong to the chain. M is orthogonal; it is what [`crate::TiltGeometry::moved`] and
//! [`crate::TiltGeometry::mirrored`] change, so that a moved specimen takes its deformation along exactly.

use glam::{DMat2, DMat3, DVec2, DVec3};
use serde::{Deserialize, Serialize};

/// Terms of the polynomial over the specimen.
pub const SPECIMEN_TERMS: usize = 12;
/// Terms of the polynomial over an image.
pub const IMAGE_TERMS: usize = 9;

/// Displacement of the specimen's points in one image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpecimenWarp {
    /// M of the header: axes of the warp in the specimen frame, orthogonal (a reflection when the specimen was mirrored).
    pub axes: DMat3,
    /// Origin of the warp in the specimen, Å.
    pub origin: DVec3,
    /// Å per unit of q; half the field of view as a rule.
    pub scale: f64,
    /// c of the header, Å, along the axes of the warp.
    pub terms: [DVec3; SPECIMEN_TERMS],
}

/// Displacement of positions in one image, after the rigid chain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageWarp {
    /// Å per unit; half the field of view as a rule.
    pub scale: f64,
    /// d of the header, Å.
    pub terms: [DVec2; IMAGE_TERMS],
}

/// What the rigid chain of one image leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deformation {
    /// Motion of the specimen.
    pub specimen: SpecimenWarp,
    /// Local displacements in the image.
    pub image: ImageWarp,
}

/// The monomials m_k of a point, q in units of the warp's scale.
pub fn specimen_monomials(q: DVec3) -> [f64; SPECIMEN_TERMS] {
    let [a, b, c, d, e, f, g, h, i] = image_monomials(q.truncate());
    [a, b, c, d, e, f, g, h, i, q.z, q.x * q.z, q.y * q.z]
}

/// The monomials m_k of a position in units of the warp's scale.
pub fn image_monomials(v: DVec2) -> [f64; IMAGE_TERMS] {
    let (x, y) = (v.x, v.y);
    [
        x,
        y,
        x * x,
        x * y,
        y * y,
        x * x * x,
        x * x * y,
        x * y * y,
        y * y * y,
    ]
}

/// ∂m/∂x and ∂m/∂y of [`image_monomials`].
fn image_gradients(v: DVec2) -> [DVec2; IMAGE_TERMS] {
    let (x, y) = (v.x, v.y);
    [
        DVec2::X,
        DVec2::Y,
        DVec2::new(2.0 * x, 0.0),
        DVec2::new(y, x),
        DVec2::new(0.0, 2.0 * y),
        DVec2::new(3.0 * x * x, 0.0),
        DVec2::new(2.0 * x * y, x * x),
        DVec2::new(y * y, 2.0 * x * y),
        DVec2::new(0.0, 3.0 * y * y),
    ]
}

/// ∂m/∂q of [`specimen_monomials`].
fn specimen_gradients(q: DVec3) -> [DVec3; SPECIMEN_TERMS] {
    let flat = image_gradients(q.truncate());
    let mut gradients = [DVec3::ZERO; SPECIMEN_TERMS];
    for (gradient, flat) in gradients.iter_mut().zip(flat) {
        *gradient = flat.extend(0.0);
    }
    gradients[9] = DVec3::Z;
    gradients[10] = DVec3::new(q.z, 0.0, q.x);
    gradients[11] = DVec3::new(0.0, q.z, q.y);
    gradients
}

impl SpecimenWarp {
    /// No motion, with the given scale (Å).
    pub fn still(scale: f64) -> Self {
        Self {
            axes: DMat3::IDENTITY,
            origin: DVec3::ZERO,
            scale,
            terms: [DVec3::ZERO; SPECIMEN_TERMS],
        }
    }

    /// A point of the specimen in units of the warp.
    pub fn coordinates(&self, point: DVec3) -> DVec3 {
        self.axes.transpose() * (point - self.origin) / self.scale
    }

    /// u at a point of the specimen, Å.
    pub fn displacement(&self, point: DVec3) -> DVec3 {
        let monomials = specimen_monomials(self.coordinates(point));
        let pairs = self.terms.iter().zip(monomials);
        self.axes * pairs.map(|(term, m)| *term * m).sum::<DVec3>()
    }

    /// ∂u/∂x at a point of the specimen.
    pub fn gradient(&self, point: DVec3) -> DMat3 {
        let gradients = specimen_gradients(self.coordinates(point));
        let mut inner = DMat3::ZERO;
        for (term, gradient) in self.terms.iter().zip(gradients) {
            inner += DMat3::from_cols(*term * gradient.x, *term * gradient.y, *term * gradient.z);
        }
        self.axes * inner * self.axes.transpose() * (1.0 / self.scale)
    }

    fn is_finite(&self) -> bool {
        self.axes.is_finite()
            && self.origin.is_finite()
            && self.scale.is_finite()
            && self.terms.iter().all(|term| term.is_finite())
    }
}

impl ImageWarp {
    /// No displacement, with the given scale (Å).
    pub fn still(scale: f64) -> Self {
        Self {
            scale,
            terms: [DVec2::ZERO; IMAGE_TERMS],
        }
    }

    /// w at a position in the image (Å from its centre), Å.
    pub fn displacement(&self, position: DVec2) -> DVec2 {
        let monomials = image_monomials(position / self.scale);
        let pairs = self.terms.iter().zip(monomials);
        pairs.map(|(term, m)| *term * m).sum()
    }

    /// ∂w/∂v at a position in the image.
    pub fn gradient(&self, position: DVec2) -> DMat2 {
        let gradients = image_gradients(position / self.scale);
        let mut gradient = DMat2::ZERO;
        for (term, by) in self.terms.iter().zip(gradients) {
            gradient += DMat2::from_cols(*term * by.x, *term * by.y);
        }
        gradient * (1.0 / self.scale)
    }
}

impl Deformation {
    /// Nothing, with the given scale (Å) of both parts.
    pub fn still(scale: f64) -> Self {
        Self {
            specimen: SpecimenWarp::still(scale),
            image: ImageWarp::still(scale),
        }
    }

    /// True when every number is finite and both scales are positive.
    pub fn is_usable(&self) -> bool {
        self.specimen.is_finite()
            && self.image.scale.is_finite()
            && self.image.terms.iter().all(|term| term.is_finite())
            && self.specimen.scale > 0.0
            && self.image.scale > 0.0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A deformation with every term at work.
    pub(crate) fn bent() -> Deformation {
        let mut deformation = Deformation::still(2000.0);
        for (k, term) in deformation.specimen.terms.iter_mut().enumerate() {
            let k = k as f64;
            *term = DVec3::new(3.0 - k, 2.0 * k - 7.0, 15.0 - 4.0 * k);
        }
        for (k, term) in deformation.image.terms.iter_mut().enumerate() {
            *term = DVec2::new(1.0 + k as f64, 4.0 - k as f64);
        }
        deformation
    }

    #[test]
    fn gradients_are_those_of_the_displacements() {
        let mut bent = bent();
        bent.specimen.axes =
            DMat3::from_rotation_x(0.3) * DMat3::from_diagonal(DVec3::new(1.0, 1.0, -1.0));
        bent.specimen.origin = DVec3::new(30.0, -70.0, 100.0);
        let (point, h) = (DVec3::new(700.0, -900.0, 350.0), 1e-3);
        for (axis, column) in [DVec3::X, DVec3::Y, DVec3::Z]
            .into_iter()
            .zip([0, 1, 2].map(|i| bent.specimen.gradient(point).col(i)))
        {
            let numeric = (bent.specimen.displacement(point + axis * h)
                - bent.specimen.displacement(point - axis * h))
                / (2.0 * h);
            assert!((numeric - column).length() < 1e-8, "{numeric} {column}");
        }
        let at = point.truncate();
        for (axis, column) in [DVec2::X, DVec2::Y]
            .into_iter()
            .zip([0, 1].map(|i| bent.image.gradient(at).col(i)))
        {
            let numeric = (bent.image.displacement(at + axis * h)
                - bent.image.displacement(at - axis * h))
                / (2.0 * h);
            assert!((numeric - column).length() < 1e-8);
        }
    }

    #[test]
    fn what_is_not_a_number_is_not_usable() {
        assert!(bent().is_usable());
        let mut spoilt = bent();
        spoilt.specimen.terms[4].y = f64::NAN;
        assert!(!spoilt.is_usable());
        assert!(!Deformation::still(0.0).is_usable());
    }
}

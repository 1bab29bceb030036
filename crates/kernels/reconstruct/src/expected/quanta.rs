//! The units that sums are counted in.

use crate::ReconstructError;

/// Values of the sums are whole numbers of these, both powers of two. All blocks of an iteration use the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quanta {
    /// Of Σ w·D.
    pub products: f64,
    /// Of Σ w·W.
    pub weights: f64,
}

/// Bits of a quantum below the typical contribution of the weakest shell.
const BITS: i32 = 26;

impl Quanta {
    /// Quanta for samples in units of their noise: D = c·X/P and W = c²/P of transfer c ≤ about 1 and noise power P. In the
    /// shell of the largest power, where both are smallest, they are 2⁻²⁶ of 1/√P and 1/P. Powers that are not positive
    /// (unknown) are passed over.
    ///
    /// # Errors
    /// [`ReconstructError::Parameter`] without a positive, finite power.
    pub fn from_noise(powers: impl IntoIterator<Item = f64>) -> Result<Self, ReconstructError> {
        let largest = powers
            .into_iter()
            .filter(|power| power.is_finite() && *power > 0.0)
            .fold(0.0, f64::max);
        if largest <= 0.0 {
            return Err(ReconstructError::parameter(
                "noise power",
                &largest,
                "at least one shell with a positive, finite power",
            ));
        }
        Self::of_sizes(largest.sqrt().recip(), largest.recip())
    }

    /// Quanta for samples whose weakest shell has products and weights of about these sizes: 2⁻²⁶ of them.
    ///
    /// # Errors
    /// [`ReconstructError::Parameter`] for sizes that are not positive, or far out of the range of single precision.
    pub fn of_sizes(products: f64, weights: f64) -> Result<Self, ReconstructError> {
        let quantum = |typical: f64| 2.0_f64.powi(typical.log2().floor() as i32 - BITS);
        let quanta = Self {
            products: quantum(products),
            weights: quantum(weights),
        };
        quanta.check()?;
        Ok(quanta)
    }

    /// Fails unless both are powers of two that single precision holds, and whose inverse it holds.
    pub(super) fn check(&self) -> Result<(), ReconstructError> {
        for (field, quantum) in [
            ("quantum of the products", self.products),
            ("quantum of the weights", self.weights),
        ] {
            let power_of_two = quantum > 0.0 && quantum.log2().fract() == 0.0;
            if !power_of_two || !(2.0_f64.powi(-120)..=2.0_f64.powi(120)).contains(&quantum) {
                return Err(ReconstructError::parameter(
                    field,
                    &quantum,
                    "a power of two from 2^-120 to 2^120",
                ));
            }
        }
        Ok(())
    }
}

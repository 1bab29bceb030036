//! sin x in a form that compilers turn into vector code: no branch, no call.
//!
//! x/π is reduced to r ∈ [−½, ½] and an integer by adding 1.5·2⁵², which rounds to nearest in the default rounding
//! mode; sin πr is its Taylor polynomial up to r¹⁵ (truncation error 6·10⁻¹²), the sign
//! follows from the integer's parity. Valid for |x| < 10¹⁰.

use std::f64::consts::FRAC_1_PI;

/// 1.5 · 2⁵²: adding it leaves the nearest integer in the low bits of the mantissa.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// sin x to 10⁻⁹ for |x| < 10⁶ (the reduction loses |x| · 10⁻¹⁶).
#[inline]
pub(crate) fn sine(x: f64) -> f64 {
    let turns = x * FRAC_1_PI;
    let shifted = turns + ROUND;
    let nearest = shifted - ROUND;
    let sign = shifted.to_bits() << 63;
    let r = turns - nearest;
    let s = r * r;
    // (−1)^i π^(2i+1) / (2i+1)!
    let series = std::f64::consts::PI
        + s * (-5.167_712_780_049_97
            + s * (2.550_164_039_877_345
                + s * (-0.599_264_529_320_792
                    + s * (0.082_145_886_611_128_23
                        + s * (-0.007_370_430_945_714_351
                            + s * (0.000_466_302_805_767_612_6
                                + s * -0.000_021_915_353_447_830_217))))));
    f64::from_bits((r * series).to_bits() ^ sign)
}

#[cfg(test)]
mod tests {
    use super::sine;

    #[test]
    fn equals_the_library_function() {
        let mut worst = 0.0_f64;
        for step in -200_000..200_000 {
            let x = f64::from(step) * 1e-3 + 1e-5;
            worst = worst.max((sine(x) - x.sin()).abs());
        }
        for x in [1e4, -1e5, 123_456.789, 1e6] {
            worst = worst.max((sine(x) - f64::sin(x)).abs());
        }
        assert!(worst < 1e-9, "{worst:e}");
        assert_eq!(sine(0.0), 0.0);
    }
}

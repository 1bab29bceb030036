//! cos and sin of whole turns, for vectors of samples.

/// (cos 2πu, sin 2πu) to 2e-7, for |u| up to some thousands of turns (to the precision that u has).
///
/// Taylor's series of half the angle within ±π/2, then doubled.
#[inline(always)]
pub(super) fn turn(u: f32) -> (f32, f32) {
    let x = (u - u.round_ties_even()) * std::f32::consts::PI;
    let y = x * x;
    let sine = x
        * (1.0
            + y * (-1.0 / 6.0
                + y * (1.0 / 120.0
                    + y * (-1.0 / 5040.0 + y * (1.0 / 362_880.0 - y * (1.0 / 39_916_800.0))))));
    let cosine = 1.0
        + y * (-0.5
            + y * (1.0 / 24.0
                + y * (-1.0 / 720.0
                    + y * (1.0 / 40320.0 + y * (-1.0 / 3_628_800.0 + y * (1.0 / 479_001_600.0))))));
    (cosine * cosine - sine * sine, 2.0 * sine * cosine)
}

#[cfg(test)]
mod tests {
    #[test]
    fn turns_are_those_of_libm() {
        for i in -4000..4000 {
            let u = i as f32 * 0.00137;
            let (c, s) = super::turn(u);
            let exact = f64::from(u) * std::f64::consts::TAU;
            assert!((f64::from(c) - exact.cos()).abs() < 5e-7, "{u} {c}");
            assert!((f64::from(s) - exact.sin()).abs() < 5e-7, "{u} {s}");
        }
    }
}

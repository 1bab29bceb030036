//! Planes on their way through a stencil: rings that keep the last few, so that a step needs no second volume.

use crate::smooth::mirrored;

/// The last planes of a stage, by their z; planes beyond the ends are those mirrored.
pub(crate) struct Ring {
    planes: Vec<Vec<f32>>,
    nz: usize,
    /// The next z to be made.
    next: usize,
    /// The first z that was made.
    first: usize,
}

impl Ring {
    /// A ring of `count` planes of `length` values; the first plane to be made is `first`.
    pub(crate) fn new(count: usize, length: usize, nz: usize, first: usize) -> Self {
        Self {
            planes: vec![vec![0.0; length]; count],
            nz,
            next: first,
            first,
        }
    }

    /// True while the plane at `z` (mirrored into the volume) is still to be made.
    pub(crate) fn wants(&self, z: isize) -> bool {
        self.next <= mirrored(z, self.nz) && self.next < self.nz
    }

    /// The z of the plane to be made next.
    pub(crate) fn next(&self) -> isize {
        self.next as isize
    }

    /// The z of the plane to be made next, and the plane.
    pub(crate) fn make(&mut self) -> (usize, &mut Vec<f32>) {
        let z = self.next;
        self.next += 1;
        let count = self.planes.len();
        (z, &mut self.planes[z % count])
    }

    /// The plane at `z`, mirrored into the volume.
    pub(crate) fn at(&self, z: isize) -> &[f32] {
        let z = mirrored(z, self.nz);
        debug_assert!(z < self.next && z + self.planes.len() >= self.next && z >= self.first);
        &self.planes[z % self.planes.len()]
    }
}

/// exp(x) for x ≤ 0 to 10⁻⁷ · (2 + |x|) of itself, without a call, so that loops become vectors; 0 below −87.
#[inline(always)]
#[expect(clippy::inline_always, reason = "part of vector loops")]
pub(crate) fn exp_negative(x: f32) -> f32 {
    let scaled = x.max(-87.0) * std::f32::consts::LOG2_E;
    let whole = scaled.floor();
    let f = scaled - whole;
    // 2^f on [0, 1), Taylor in ln 2 · (f − ½), centred.
    let t = (f - 0.5) * std::f32::consts::LN_2;
    let series = 1.0
        + t * (1.0
            + t * (0.5 + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t / 720.0)))));
    let power = f32::from_bits(((whole as i32 + 127) << 23) as u32);
    let value = power * series * std::f32::consts::SQRT_2;
    if x < -87.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_one() {
        for i in 0..2000 {
            let x = -0.05 * i as f32;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp_negative(x)) - expected).abs();
            assert!(
                error < 1e-7 * f64::from(2.0 - x) * expected + 1e-37,
                "{x}: {error}"
            );
        }
        assert_eq!(exp_negative(-1e9), 0.0);
        assert_eq!(exp_negative(f32::NEG_INFINITY), 0.0);
    }
}

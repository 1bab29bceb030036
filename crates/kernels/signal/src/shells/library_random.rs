//! The random phases that RELION draws: the stream of the GNU C library's `rand()`, coefficient by coefficient in memory order.
//!
//! `rand()` is an additive feedback generator over 31 words, r(i) = r(i − 3) + r(i − 31) modulo 2³², of which the upper 31 bits are
//! returned; its words start from the multiplicative generator 16807 r mod (2³¹ − 1), and 310 values are thrown away. RELION
//! draws one value for every stored coefficient at or beyond a radius and does not match mates; what is not Hermitian is left
//! to the inverse transform of real fields. One stream runs through both half maps, the first before the second.

use std::f64::consts::TAU;

use ndarray::Array3;

use super::Shells;
use crate::fft::Complex32;

/// Words that the generator looks back.
const LAG: usize = 31;

/// The stream of `rand()` after `srand(seed)`.
#[derive(Clone, Debug)]
pub struct LibraryRandom {
    /// The last 31 words; `next` is the oldest.
    words: [u32; LAG],
    next: usize,
}

impl LibraryRandom {
    /// As `srand(seed)`: 0 counts as 1.
    pub fn new(seed: u32) -> Self {
        let mut words = [seed.max(1); LAG];
        for i in 1..LAG {
            let product = 16807 * i64::from(words[i - 1] as i32) % 2_147_483_647;
            words[i] = product.rem_euclid(2_147_483_647) as u32;
        }
        // The first three words come once more before the feedback begins.
        words.rotate_left(3);
        let mut random = Self { words, next: 0 };
        for _ in 0..310 {
            random.word();
        }
        random
    }

    fn word(&mut self) -> u32 {
        let three_ago = self.words[(self.next + LAG - 3) % LAG];
        let word = three_ago.wrapping_add(self.words[self.next]);
        self.words[self.next] = word;
        self.next = (self.next + 1) % LAG;
        word
    }

    /// The next value, 0 to 2³¹ − 1.
    pub fn draw(&mut self) -> u32 {
        self.word() >> 1
    }
}

/// Gives every coefficient of a half spectrum of a field `dims` at radii of `from_shell` shells and beyond the next phase of a
/// stream, in place; mates are not matched, as RELION has it.
///
/// # Panics
/// When `spectrum` is not a half spectrum of `dims`.
pub fn randomise_as_relion(
    spectrum: &mut Array3<Complex32>,
    dims: [usize; 3],
    from_shell: usize,
    random: &mut LibraryRandom,
) {
    let shells = Shells::new(dims);
    shells.check(spectrum.shape());
    for ((z, y, x), value) in spectrum.indexed_iter_mut() {
        // Radii that should be whole may be a rounding error less.
        if shells.radius([z, y, x]) >= from_shell as f64 - 1e-9 {
            let phase = TAU * f64::from(random.draw()) / 2_147_483_647.0;
            let (sine, cosine) = phase.sin_cos();
            *value = Complex32::new(cosine as f32, sine as f32) * value.norm();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_are_those_of_the_c_library() {
        // printf("%d", rand()) after srand(1) on GNU/Linux.
        let mut random = LibraryRandom::new(1);
        let first = [0; 5].map(|_| random.draw());
        assert_eq!(
            first,
            [
                1_804_289_383,
                846_930_886,
                1_681_692_777,
                1_714_636_915,
                1_957_747_793
            ]
        );
        let zero = LibraryRandom::new(0).draw();
        assert_eq!(zero, first[0]);
        assert_ne!(LibraryRandom::new(5).draw(), first[0]);
    }
}

//! Seeded random streams: ChaCha8, keyed by (seed, purpose), positioned by index.
//!
//! Two calls with different seeds, labels or indices give independent streams; the same triple gives the same
//! numbers on every machine and for any number of threads. The label is folded into the key by 128-bit FNV-1a
//! (draft-eastlake-fnv), the index is ChaCha's 64-bit stream number.

use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng;

const FNV_OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// The random stream of one purpose (`label`, for example `"noise"`) and one `index` (a tilt, a particle).
pub fn seed_stream(seed: u64, label: &str, index: u64) -> ChaCha8Rng {
    let hash = label.bytes().fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(FNV_PRIME)
    });
    let mut key = [0_u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..24].copy_from_slice(&hash.to_le_bytes());
    key[24..].copy_from_slice(b"thon-rng");
    let mut stream = ChaCha8Rng::from_seed(key);
    stream.set_stream(index);
    stream
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_repeat_and_differ() {
        let first = |seed, label, index| seed_stream(seed, label, index).next_u64();
        assert_eq!(first(1, "noise", 2), first(1, "noise", 2));
        let all = [
            first(1, "noise", 2),
            first(2, "noise", 2),
            first(1, "phases", 2),
            first(1, "noise", 3),
            first(1, "", 2),
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn neighbouring_streams_are_uncorrelated() {
        let uniform = |index| {
            let mut stream = seed_stream(7, "test", index);
            (0..20_000)
                .map(|_| f64::from(stream.next_u32()) / f64::from(u32::MAX) - 0.5)
                .collect::<Vec<_>>()
        };
        let (a, b) = (uniform(0), uniform(1));
        let correlation = a.iter().zip(&b).map(|(x, y)| x * y).sum::<f64>() / 20_000.0 * 12.0;
        // Standard deviation of the estimate is 1/sqrt(20000) = 0.0071.
        assert!(correlation.abs() < 0.03, "{correlation}");
        assert!((a.iter().sum::<f64>() / 20_000.0).abs() < 0.01);
    }
}

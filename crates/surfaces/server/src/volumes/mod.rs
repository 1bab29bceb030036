//! Pixels for viewers: slices of volumes along any axis, whole small volumes, tilt images.
//!
//! Read from the MRC files by range; memory stays at a few images whatever the volume. Every answer is one packed array:
//!
//! | bytes | meaning |
//! |---|---|
//! | 0…11 | size in x, y, z as `u32` |
//! | 12…19 | the values that 0 and 65535 stand for, as `f32` |
//! | 20… | the samples as `u16`, x fastest |
//!
//! all little-endian. Rows go from low to high y; which end is drawn at the top is the viewer's business.

mod across;
mod crops;
mod density;
mod image;
mod sections;
mod slice;
mod source;
mod stack;

pub(crate) use across::Blocks;
pub(crate) use crops::crops;
pub(crate) use density::density;
pub(crate) use image::tilt_image;
pub(crate) use sections::Sections;
pub(crate) use slice::slice;
pub(crate) use source::{VolumeSummary, volume};
pub(crate) use stack::stack;

/// Packs values over their own range.
fn packed(size: [usize; 3], values: &[f32]) -> Vec<u8> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
    let mut bytes = Vec::with_capacity(20 + 2 * values.len());
    for n in size {
        bytes.extend_from_slice(&(n as u32).to_le_bytes());
    }
    bytes.extend_from_slice(&low.to_le_bytes());
    bytes.extend_from_slice(&high.to_le_bytes());
    let scale = if high > low {
        65535.0 / (high - low)
    } else {
        0.0
    };
    for value in values {
        // The conversion saturates, and what is no number becomes the lowest value.
        let level = (value - low) * scale + 0.5;
        bytes.extend_from_slice(&(level as u16).to_le_bytes());
    }
    bytes
}

/// Means over squares of `factor` pixels, `[row][column]`; what is left over at the end is dropped.
fn binned(pixels: &[f32], [ny, nx]: [usize; 2], factor: usize) -> (Vec<f32>, [usize; 2]) {
    if factor <= 1 {
        return (pixels.to_vec(), [ny, nx]);
    }
    let (my, mx) = (ny / factor, nx / factor);
    let mut out = vec![0.0_f32; my * mx];
    for (y, row) in pixels.chunks_exact(nx).take(my * factor).enumerate() {
        let line = &mut out[y / factor * mx..][..mx];
        for (x, square) in row.chunks_exact(factor).take(mx).enumerate() {
            line[x] += square.iter().fold(0.0, |sum, value| sum + value);
        }
    }
    let scale = 1.0 / (factor * factor) as f32;
    for value in &mut out {
        *value *= scale;
    }
    (out, [my, mx])
}

/// The factor that brings a size to at most `largest`.
fn factor(size: usize, largest: usize) -> usize {
    size.div_ceil(largest.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_the_range_and_16_bits() {
        let bytes = packed([3, 1, 1], &[-1.0, 0.0, 3.0]);
        assert_eq!(bytes[..4], 3_u32.to_le_bytes());
        assert_eq!(bytes[12..16], (-1.0_f32).to_le_bytes());
        assert_eq!(bytes[16..20], 3.0_f32.to_le_bytes());
        let levels: Vec<u16> = bytes[20..]
            .chunks(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
            .collect();
        assert_eq!(levels, [0, 16384, 65535]);
        assert_eq!(packed([2, 1, 1], &[f32::NAN, f32::NAN])[12..20], [0; 8]);
        assert_eq!(packed([2, 1, 1], &[7.0, 7.0])[20..], [0; 4]);
    }

    #[test]
    fn binning_averages_and_drops_the_rest() {
        let pixels: Vec<f32> = (0..15).map(|v| v as f32).collect();
        let (binned, size) = binned(&pixels, [3, 5], 2);
        assert_eq!((binned.as_slice(), size), ([3.0, 5.0].as_slice(), [1, 2]));
        assert_eq!(
            (factor(1000, 512), factor(512, 512), factor(5, 0)),
            (2, 1, 5)
        );
    }
}

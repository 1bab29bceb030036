//! Noise of single pixels that is the same in every image: the mark of a wrong gain reference.
//!
//! Counts of two images are independent, and what the specimen shows moves with tilt and stage; what stays at its pixel is the
//! detector's. A gain reference that is turned, flipped or missing leaves such a pattern. Of each image the middle is kept, less
//! the mean of its neighbours, over its deviation; the median correlation of images half a series apart is the pattern's share
//! of the noise. (Neighbours in tilt share the specimen's own detail where there is little noise.)

/// Edge of the middle that is looked at, pixels.
const MIDDLE: usize = 256;
/// Pixels on each side whose mean is taken out.
const NEAR: usize = 2;
/// Deviations to which values are clipped.
const CLIP: f32 = 4.0;

/// Share of a fixed pattern in the noise that is reported, and how many times its deviation by chance.
const PATTERN: f64 = 0.02;
const CHANCES: f64 = 6.0;

/// Share of the noise of single pixels that is the same in all images, from their [`grain`]s; `None` when it may be chance.
pub fn fixed_pattern<'a>(grains: impl Iterator<Item = &'a [f32]>) -> Option<f64> {
    let (share, chance) = shared_grain(grains)?;
    (share > PATTERN.max(CHANCES * chance)).then_some(share)
}

/// The grain of the middle of an image `[ny, nx]`: values of deviation one; empty when there is no contrast.
pub fn grain(pixels: &[f32], [ny, nx]: [usize; 2]) -> Vec<f32> {
    let [height, width] = [ny, nx].map(|n| n.min(MIDDLE));
    let [top, left] = [(ny - height) / 2, (nx - width) / 2];
    let mut out = Vec::with_capacity(height * width);
    for y in top..top + height {
        let rows = y.saturating_sub(NEAR)..(y + NEAR + 1).min(ny);
        for x in left..left + width {
            let columns = x.saturating_sub(NEAR)..(x + NEAR + 1).min(nx);
            let count = (rows.len() * columns.len()) as f32;
            let near: f32 = rows
                .clone()
                .map(|row| {
                    pixels[row * nx + columns.start..row * nx + columns.end]
                        .iter()
                        .sum::<f32>()
                })
                .sum();
            out.push(pixels[y * nx + x] - near / count);
        }
    }
    let square: f64 = out.iter().map(|v| f64::from(v * v)).sum();
    let deviation = (square / out.len().max(1) as f64).sqrt() as f32;
    if deviation <= 0.0 || !deviation.is_finite() {
        return Vec::new();
    }
    for value in &mut out {
        *value = (*value / deviation).clamp(-CLIP, CLIP);
    }
    out
}

/// Median correlation of grains half a series apart (a view that repeats another counts little), and its deviation by chance;
/// `None` without two of one size.
fn shared_grain<'a>(grains: impl Iterator<Item = &'a [f32]>) -> Option<(f64, f64)> {
    let kept: Vec<&[f32]> = grains.filter(|g| !g.is_empty()).collect();
    let length = kept.first()?.len() as f64;
    let far = kept.iter().skip((kept.len() / 2).max(1));
    let pairs = kept.iter().zip(far).filter(|(a, b)| a.len() == b.len());
    let mut shares: Vec<f64> = pairs
        .map(|(a, b)| {
            let dot: f64 = a.iter().zip(*b).map(|(a, b)| f64::from(a * b)).sum();
            dot / a.len() as f64
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    let last = shares.len().checked_sub(1)?;
    let middle = 0.5 * (shares[last / 2] + shares[shares.len() / 2]);
    // The median of normal values scatters by √(π/2) more than their mean.
    let chance = (std::f64::consts::FRAC_PI_2 / (shares.len() as f64 * length)).sqrt();
    Some((middle, chance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn a_pattern_of_a_tenth_is_found_and_counts_are_not() {
        let mut random = thon_compute::seed_stream(3, "grain-test", 0);
        let mut uniform = || (random.next_u32() >> 8) as f32 / 16_777_216.0;
        let mut noise = || -> Vec<f32> { (0..300 * 280).map(|_| uniform() + uniform()).collect() };
        let pattern = noise();
        let images: Vec<Vec<f32>> = (0..6).map(|_| noise()).collect();
        let share = |strength: f32| {
            let grains: Vec<Vec<f32>> = images
                .iter()
                .map(|image| {
                    let mixed: Vec<f32> = image
                        .iter()
                        .zip(&pattern)
                        .map(|(i, p)| i + strength * p)
                        .collect();
                    grain(&mixed, [300, 280])
                })
                .collect();
            shared_grain(grains.iter().map(Vec::as_slice)).unwrap()
        };
        let (none, chance) = share(0.0);
        assert!(none.abs() < 5.0 * chance, "{none} {chance}");
        // A third of the amplitude: a tenth of the variance.
        let (found, _) = share(1.0 / 3.0);
        assert!((found - 0.1).abs() < 0.01, "{found}");
        assert!(grain(&vec![3.0; 4096], [64, 64]).is_empty());
    }

    #[test]
    fn detail_that_neighbours_share_is_no_pattern() {
        let mut random = thon_compute::seed_stream(5, "grain-test", 0);
        let details: Vec<Vec<f32>> = (0..13)
            .map(|_| {
                (0..64 * 64)
                    .map(|_| (random.next_u32() >> 8) as f32)
                    .collect()
            })
            .collect();
        // Each image holds three of the details that the one before it holds.
        let images = details.windows(4).map(|held| {
            let sum = |i: usize| held.iter().map(|detail| detail[i]).sum::<f32>();
            (0..64 * 64).map(sum).collect::<Vec<f32>>()
        });
        let grains: Vec<Vec<f32>> = images.map(|image| grain(&image, [64, 64])).collect();
        assert_eq!(fixed_pattern(grains.iter().map(Vec::as_slice)), None);
    }
}

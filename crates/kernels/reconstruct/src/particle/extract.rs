//! Boxes cut from a raw tilt image around the projected positions of particles.

use glam::DVec2;
use thon_signal::fft::{Complex32, Fft2, half_length};

use super::view::centre_phases;
use crate::ReconstructError;

/// A box cut at whole pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct ParticleBox {
    /// The box `[n, n]`. Pixels beyond the image hold the mean of those inside.
    pub image: Vec<f32>,
    /// Where the wanted centre lies relative to pixel ⌊n/2⌋, (x, y), each within ±0.5.
    pub offset: DVec2,
    /// Fraction of the box that lies inside the image.
    pub inside: f64,
}

/// Cuts a box of `n` pixels around `centre` (x, y pixels, see `TiltGeometry::project_to_pixel`) from an image `[ny, nx]`;
/// `None` when no pixel of it lies inside the image. What is left below a pixel is for the phases (`ParticleView::offset`).
///
/// ```
/// use thon_geometry::glam::DVec2;
/// let image: Vec<f32> = (0..100).map(|i| i as f32).collect();
/// let cut = thon_reconstruct::cut_box(&image, [10, 10], DVec2::new(5.25, 3.0), 4).unwrap();
/// assert_eq!(cut.image[2 * 4 + 2], 35.0);                    // row 3, column 5 in the middle
/// assert_eq!(cut.offset, DVec2::new(0.25, 0.0));
/// assert!(thon_reconstruct::cut_box(&image, [10, 10], DVec2::new(40.0, 3.0), 4).is_none());
/// ```
pub fn cut_box(
    image: &[f32],
    [ny, nx]: [usize; 2],
    centre: DVec2,
    n: usize,
) -> Option<ParticleBox> {
    let far = (nx.max(ny) + n) as f64 + 1.0;
    if !(centre.is_finite() && centre.abs().max_element() < far) || image.len() != ny * nx {
        return None;
    }
    let whole = (centre + 0.5).floor();
    let first = [
        whole.x as isize - (n / 2) as isize,
        whole.y as isize - (n / 2) as isize,
    ];
    let clip = |first: isize, length: usize| {
        let from = first.clamp(0, length as isize);
        let to = (first + n as isize).clamp(0, length as isize);
        (from as usize, to as usize)
    };
    let ((x0, x1), (y0, y1)) = (clip(first[0], nx), clip(first[1], ny));
    let count = (x1 - x0) * (y1 - y0);
    if count == 0 {
        return None;
    }
    let sum: f64 = (y0..y1)
        .map(|y| {
            image[y * nx + x0..y * nx + x1]
                .iter()
                .map(|&v| f64::from(v))
                .sum::<f64>()
        })
        .sum();
    let mut cut = vec![(sum / count as f64) as f32; n * n];
    for y in y0..y1 {
        let to = (y as isize - first[1]) as usize * n + (x0 as isize - first[0]) as usize;
        cut[to..to + x1 - x0].copy_from_slice(&image[y * nx + x0..y * nx + x1]);
    }
    Some(ParticleBox {
        image: cut,
        offset: centre - whole,
        inside: count as f64 / (n * n) as f64,
    })
}

/// Multiplies a large box by its transfer and keeps the middle: what the CTF had carried out of the small box comes back.
///
/// `large` is cut with `m` ≥ `n` pixels (2n as a rule), `transfer` is t(k) over `[m, m/2 + 1]`. The result is `[n, n]`, centred
/// on the particle (offset 0), premultiplied.
///
/// # Errors
/// [`ReconstructError::Length`] or [`ReconstructError::Parameter`] for sizes that do not fit.
pub fn premultiplied_box(
    large: &ParticleBox,
    m: usize,
    transfer: &[f32],
    n: usize,
) -> Result<Vec<f32>, ReconstructError> {
    ReconstructError::check_length("large box", large.image.len(), m * m)?;
    ReconstructError::check_length("transfer", transfer.len(), m * half_length(m))?;
    if n > m || n == 0 {
        return Err(ReconstructError::parameter(
            "box size",
            &n,
            "1 to the size of the large box",
        ));
    }
    let fft = Fft2::plan([m, m]);
    let mut spectrum = vec![Complex32::default(); m * half_length(m)];
    fft.forward_into(&large.image, &mut spectrum);
    centre_phases(&mut spectrum, m, large.offset);
    for (value, t) in spectrum.iter_mut().zip(transfer) {
        *value *= *t;
    }
    let mut image = vec![0.0; m * m];
    fft.inverse_into(&mut spectrum, &mut image);
    let first = m / 2 - n / 2;
    Ok((first..first + n)
        .flat_map(|y| image[y * m + first..][..n].iter().copied())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_cut_where_the_particle_is() {
        let (ny, nx) = (60, 70);
        let centre = DVec2::new(33.3, 20.8);
        let gauss = |i: usize, c: DVec2| {
            let r = DVec2::new((i % nx) as f64, (i / nx) as f64);
            (-r.distance_squared(c) / 8.0).exp() as f32
        };
        let image: Vec<f32> = (0..ny * nx).map(|i| gauss(i, centre)).collect();
        let large = cut_box(&image, [ny, nx], centre, 32).unwrap();
        assert!((large.offset - DVec2::new(0.3, -0.2)).length() < 1e-12 && large.inside == 1.0);
        let small = premultiplied_box(&large, 32, &vec![1.0; 32 * 17], 16).unwrap();
        for (i, value) in small.iter().enumerate() {
            let r = DVec2::new((i % 16) as f64 - 8.0, (i / 16) as f64 - 8.0);
            assert!((f64::from(*value) - (-r.length_squared() / 8.0).exp()).abs() < 1e-3);
        }
        // At the edge: half of the box is outside and holds the mean of the rest.
        let edge = cut_box(&image, [ny, nx], DVec2::new(0.0, 20.0), 32).unwrap();
        assert!((edge.inside - 0.5).abs() < 1e-12);
        assert_eq!(edge.image[5 * 32], edge.image[9 * 32 + 3]);
    }
}

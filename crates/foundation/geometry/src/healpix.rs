//! Equal-area directions on the sphere: HEALPix in the nested scheme (Górski et al. 2005, section 4).
//!
//! Order o has 12·4ᵒ pixels of equal area; pixel p of order o is the parent of 4p … 4p+3 of order o+1.

use glam::DVec3;

/// Finest order supported: a spacing of 0.014°.
pub const MAXIMUM_ORDER: u8 = 12;

/// First ring (in units of `nside`) below each of the twelve base pixels.
const RING: [i64; 12] = [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4];
/// Longitude (in units of 45°) of each base pixel's centre.
const LONGITUDE: [i64; 12] = [1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7];

/// Number of pixels of an order.
pub fn pixel_count(order: u8) -> usize {
    12 << (2 * order)
}

/// Edge of a pixel: the square root of its area, in radians.
pub fn pixel_spacing(order: u8) -> f64 {
    (4.0 * std::f64::consts::PI / pixel_count(order) as f64).sqrt()
}

/// Direction of the centre of pixel `pixel` (nested numbering); a unit vector.
///
/// ```
/// use thon_geometry::healpix::{direction, pixel_count};
/// let mean = (0..pixel_count(2)).map(|p| direction(2, p)).sum::<glam::DVec3>() / 192.0;
/// assert!(mean.length() < 1e-12);
/// ```
pub fn direction(order: u8, pixel: usize) -> DVec3 {
    let nside = 1i64 << order;
    let per_face = (nside * nside) as usize;
    let (face, within) = (pixel / per_face, pixel % per_face);
    let (x, y) = (every_second_bit(within), every_second_bit(within >> 1));
    let ring = RING[face] * nside - x - y - 1;
    let (in_ring, z, shift) = if ring < nside {
        (ring, 1.0 - cap(ring, nside), 0)
    } else if ring > 3 * nside {
        let from_pole = 4 * nside - ring;
        (from_pole, cap(from_pole, nside) - 1.0, 0)
    } else {
        (
            nside,
            (2 * nside - ring) as f64 * 2.0 / (3 * nside) as f64,
            (ring - nside) & 1,
        )
    };
    let position = (LONGITUDE[face] * in_ring + x - y + 1 + shift) / 2;
    let longitude = (position as f64 - f64::midpoint(shift as f64, 1.0))
        * std::f64::consts::FRAC_PI_2
        / in_ring as f64;
    let radius = (1.0 - z * z).max(0.0).sqrt();
    DVec3::new(radius * longitude.cos(), radius * longitude.sin(), z)
}

/// Height that ring `ring` of a polar cap lies below the pole.
fn cap(ring: i64, nside: i64) -> f64 {
    (ring * ring) as f64 / (3 * nside * nside) as f64
}

/// The even bits of a number, moved together.
fn every_second_bit(bits: usize) -> i64 {
    (0..MAXIMUM_ORDER).fold(0, |sum, i| sum | (((bits >> (2 * i)) & 1) as i64) << i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_pixels_are_where_the_paper_puts_them() {
        assert!((direction(0, 0).z - 2.0 / 3.0).abs() < 1e-12);
        assert!((direction(0, 4) - DVec3::X).length() < 1e-12);
        assert!((direction(0, 11).z + 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn directions_are_distinct_unit_vectors_and_evenly_spread() {
        for order in 0..4 {
            let all: Vec<DVec3> = (0..pixel_count(order))
                .map(|p| direction(order, p))
                .collect();
            let spacing = pixel_spacing(order);
            for (i, a) in all.iter().enumerate() {
                assert!((a.length() - 1.0).abs() < 1e-12);
                let others = all.iter().enumerate().filter(|(j, _)| *j != i);
                let closest = others
                    .map(|(_, b)| a.angle_between(*b))
                    .fold(f64::INFINITY, f64::min);
                assert!(
                    (0.6 * spacing..1.3 * spacing).contains(&closest),
                    "order {order}: {closest}"
                );
            }
            // The second moments of an even spread are those of the sphere, ⟨x²⟩ = 1/3.
            let xx = all.iter().map(|d| d.x * d.x).sum::<f64>() / all.len() as f64;
            let zz = all.iter().map(|d| d.z * d.z).sum::<f64>() / all.len() as f64;
            assert!((xx - 1.0 / 3.0).abs() < 0.06 && (zz - 1.0 / 3.0).abs() < 0.06);
        }
    }

    #[test]
    fn children_lie_around_their_parent() {
        for parent in 0..pixel_count(2) {
            let centre = direction(2, parent);
            for child in 4 * parent..4 * parent + 4 {
                assert!(direction(3, child).angle_between(centre) < pixel_spacing(2));
            }
        }
    }
}

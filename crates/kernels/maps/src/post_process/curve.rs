//! Curves that enter and leave post-processing: the detector's MTF, FSC per particle fraction.

/// A modulation transfer function: amplitude against frequency in cycles per (unbinned) pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferCurve {
    points: Vec<(f64, f64)>,
    scale: f64,
}

impl TransferCurve {
    /// From points (cycles per detector pixel, MTF), sorted by frequency; `detector_pixels` is the
    /// voxel size of the map over the detector's pixel size.
    ///
    /// Returns `None` unless there are two or more points, frequencies rise and values are positive.
    pub fn new(points: Vec<(f64, f64)>, detector_pixels: f64) -> Option<Self> {
        let rising = points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let positive = points
            .iter()
            .all(|p| p.0.is_finite() && p.1.is_finite() && p.1 > 0.0);
        let usable = points.len() >= 2 && rising && positive && detector_pixels > 0.0;
        usable.then(|| Self {
            points,
            scale: 1.0 / detector_pixels,
        })
    }

    /// Value at a frequency in cycles per voxel of the map; linear between points, constant beyond.
    pub fn at(&self, frequency: f64) -> f64 {
        let frequency = frequency * self.scale;
        let next = self.points.partition_point(|point| point.0 < frequency);
        if next == 0 {
            return self.points[0].1;
        }
        match self.points.get(next) {
            None => self.points[next - 1].1,
            Some(&(x1, y1)) => {
                let (x0, y0) = self.points[next - 1];
                y0 + (y1 - y0) * (frequency - x0) / (x1 - x0)
            }
        }
    }
}

/// Unmasked FSC rescaled to the particle's share of the box: f·FSC / (1 + (f−1)·FSC) with
/// f = box volume / mask volume (what RELION calls the particle mask fraction).
pub fn particle_fraction_fsc(unmasked: &[f64], box_over_mask: f64) -> Vec<f64> {
    let rescale = |&fsc: &f64| box_over_mask * fsc / (1.0 + (box_over_mask - 1.0) * fsc);
    unmasked.iter().map(rescale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_curve_is_read_between_its_points() {
        let curve = TransferCurve::new(vec![(0.0, 1.0), (0.25, 0.8), (0.5, 0.4)], 1.0).unwrap();
        assert!((curve.at(0.375) - 0.6).abs() < 1e-12);
        assert_eq!(curve.at(0.7), 0.4);
        // A map with voxels of two detector pixels reaches only half the detector's frequencies.
        let binned = TransferCurve::new(vec![(0.0, 1.0), (0.25, 0.8), (0.5, 0.4)], 2.0).unwrap();
        assert!((binned.at(0.5) - 0.8).abs() < 1e-12);
        assert!(TransferCurve::new(vec![(0.0, 1.0), (0.0, 0.5)], 1.0).is_none());
        assert!(TransferCurve::new(vec![(0.0, 1.0), (0.5, 0.0)], 1.0).is_none());
    }
}

//! One round: sample the views as their geometry stands, learn the statistics, solve for all displacements.

use thon_geometry::TiltGeometry;

use crate::joint::{Joint, solve};
use crate::plane::{Band, Coefficients, PlaneGrid, coefficients};
use crate::precision::{Amplitudes, Precision};
use crate::specimen::PlaneView;
use crate::views::AlignView;
use crate::{MarkerlessError, Specimen};

/// A series on its way to alignment: views in the order of tilt.
#[derive(Clone)]
pub(crate) struct Series<'a> {
    pub(crate) views: Vec<&'a AlignView>,
    pub(crate) geometry: Vec<TiltGeometry>,
    pub(crate) specimen: Specimen,
}

/// Which frequencies a round uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Periods {
    /// Longest period, Å.
    pub(crate) longest: f64,
    /// Shortest, Å.
    pub(crate) shortest: f64,
}

/// What a round found.
pub(crate) struct Round {
    /// The solution; displacements are not applied yet.
    pub(crate) joint: Joint,
    /// What was taken for specimen.
    pub(crate) amplitudes: Amplitudes,
    /// Log-likelihood over that of unrelated views.
    pub(crate) evidence: f64,
}

impl Series<'_> {
    pub(crate) fn planes(&self) -> Result<Vec<PlaneView>, MarkerlessError> {
        self.geometry
            .iter()
            .enumerate()
            .map(|(i, g)| self.specimen.view(i, g))
            .collect()
    }

    /// Mean angle of the tilt axis, rad.
    pub(crate) fn axis(&self) -> f64 {
        let sum: glam::DVec2 = self
            .geometry
            .iter()
            .map(|g| glam::DVec2::from_angle(g.tilt_axis_angle.0))
            .sum();
        sum.to_angle()
    }

    /// The window of the whole field for some periods.
    pub(crate) fn band(&self, periods: Periods) -> Band {
        let grid = PlaneGrid::of_image(self.views[0], self.axis(), periods.shortest);
        Band::new(grid, 1.0 / periods.longest, 1.0 / periods.shortest)
    }

    /// Coefficients of all views as their geometry stands.
    pub(crate) fn coefficients(
        &self,
        band: &Band,
    ) -> Result<(Coefficients, Vec<f64>), MarkerlessError> {
        let planes = self.planes()?;
        let depths = planes.iter().map(|p| p.depth).collect();
        let values = coefficients(&self.views, &planes, band, 1.3 * band.high);
        Ok((values, depths))
    }

    /// One round in a band; `known` amplitudes are kept, else they are estimated.
    pub(crate) fn round(
        &self,
        band: &Band,
        known: Option<&Amplitudes>,
        steps: usize,
    ) -> Result<Round, MarkerlessError> {
        let (coefficients, depths) = self.coefficients(band)?;
        let amplitudes = known
            .cloned()
            .unwrap_or_else(|| Amplitudes::estimate(band, &coefficients, &self.specimen, &depths));
        let precision = Precision::new(band, &coefficients, &self.specimen, &depths, &amplitudes);
        let start = vec![[0.0; 2]; coefficients.views];
        let joint = solve(band, &coefficients, &precision, start, steps);
        let power: f64 = coefficients
            .values
            .iter()
            .map(|v| f64::from(v.norm_sqr()))
            .sum();
        let evidence = power + joint.gain - precision.log_determinant;
        Ok(Round {
            joint,
            amplitudes,
            evidence,
        })
    }

    /// Moves the views by displacements in the plane.
    pub(crate) fn displace(&mut self, displacements: &[[f64; 2]]) -> Result<(), MarkerlessError> {
        let planes = self.planes()?;
        for ((geometry, plane), d) in self.geometry.iter_mut().zip(planes).zip(displacements) {
            geometry.shift += plane.to_image * glam::DVec2::from_array(*d);
        }
        Ok(())
    }
}

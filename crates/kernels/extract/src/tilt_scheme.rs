//! Where the samples of tilt images lie: central slices of the specimen, one for each image of a series.
//!
//! The image of a particle is v projected by P (specimen → camera, affine included): its transform at k is V(Pᵀ(kx, ky, 0)).
//! Frame of the positions: axes of the specimen. One sample of each Friedel pair.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use glam::{DMat3, DVec3};
use num_complex::Complex32;
use thon_ctf::ExposureModel;
use thon_likelihood::{SampleGeometry, shell_of};
use thon_units::{Dose, Kilovolt, PixelSize, SpatialFrequency};

use crate::ExtractError;
use crate::band_transform::{BandTransform, centring};
use crate::support::Label;

/// Tables that are kept at most for one scheme; beyond that each request makes its own.
const TABLES: usize = 32;

/// One image of a series, as far as all its particles share it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TiltView {
    /// Specimen → camera, affine included (`TiltGeometry::matrix`); the first two rows count.
    pub projection: DMat3,
    /// Exposure before the image.
    pub dose_before: Dose,
    /// Exposure of the image itself.
    pub dose_during: Dose,
}

/// Tables by band and views.
type Tables = BTreeMap<(usize, Vec<u16>), Arc<TiltTable>>;

/// What particles of one series have in common.
#[derive(Debug)]
pub struct TiltScheme {
    /// The images that may be used, in the order of the series.
    pub views: Vec<TiltView>,
    /// Loss of signal with exposure.
    pub exposure: ExposureModel,
    /// Acceleration voltage.
    pub voltage: Kilovolt,
    tables: Mutex<Tables>,
}

/// Samples of some views up to a band.
#[derive(Debug)]
pub(crate) struct TiltTable {
    pub(crate) geometry: Arc<SampleGeometry>,
    /// For each sample: which of the views, and where in its plane.
    pub(crate) sources: Vec<(u16, u32)>,
    /// For each view the points of its plane that are used.
    pub(crate) points: Vec<Vec<PlanePoint>>,
}

/// A point of a view's plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanePoint {
    /// Frequency (x, y), cycles per box.
    pub(crate) k: [i16; 2],
    /// Where it lies in a plane of the band.
    pub(crate) place: u32,
    /// Amplitude left by the exposure.
    pub(crate) left: f32,
    /// e^(2πi k·c/n): phases from the centre; divided by what an affine view stretches the density.
    pub(crate) phase: Complex32,
}

impl TiltScheme {
    /// A scheme of views.
    ///
    /// # Errors
    /// [`ExtractError::Parameter`] without a view, with more than 65535, or with a matrix that squeezes the image.
    pub fn new(
        views: Vec<TiltView>,
        exposure: ExposureModel,
        voltage: Kilovolt,
    ) -> Result<Self, ExtractError> {
        if !(1..=usize::from(u16::MAX)).contains(&views.len()) {
            return Err(ExtractError::parameter(
                "tilt images",
                views.len(),
                "1 to 65535",
            ));
        }
        for (index, view) in views.iter().enumerate() {
            let stretch = stretch(&view.projection);
            if !(stretch.is_finite() && stretch > 1e-3) {
                return Err(ExtractError::parameter(
                    "projection",
                    format!("{:?} (tilt image {index})", view.projection),
                    "a finite matrix that does not squeeze the image to a line",
                ));
            }
        }
        Ok(Self {
            views,
            exposure,
            voltage,
            tables: Mutex::default(),
        })
    }

    /// Samples of `tilts` (indices into the views) up to `band`, for boxes of `n` pixels of `pixel_size`.
    pub(crate) fn table(
        &self,
        n: usize,
        pixel_size: PixelSize,
        band: usize,
        tilts: &[u16],
    ) -> Result<Arc<TiltTable>, ExtractError> {
        let key = (band, tilts.to_vec());
        if let Some(table) = self
            .tables
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Ok(table.clone());
        }
        let table = Arc::new(self.make_table(n, pixel_size, band, tilts)?);
        let mut known = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TABLES {
            return Ok(table);
        }
        Ok(known.entry(key).or_insert(table).clone())
    }

    fn make_table(
        &self,
        n: usize,
        pixel_size: PixelSize,
        band: usize,
        tilts: &[u16],
    ) -> Result<TiltTable, ExtractError> {
        let transform = BandTransform::new(n, band);
        let phases = centring(n);
        let mut points = Vec::with_capacity(tilts.len());
        let mut samples: Vec<([f32; 3], u16, u32)> = Vec::new();
        let mut label = Label::new("tilts");
        label.add(n as u64);
        for (which, tilt) in tilts.iter().enumerate() {
            let view = &self.views[usize::from(*tilt)];
            let (along_x, along_y) = (view.projection.row(0), view.projection.row(1));
            for value in along_x.to_array().into_iter().chain(along_y.to_array()) {
                label.add(value.to_bits());
            }
            let share = 1.0 / stretch(&view.projection) as f32;
            let mut own = Vec::new();
            for k in half_disc(band) {
                let q: DVec3 = along_x * f64::from(k[0]) + along_y * f64::from(k[1]);
                let q = q.as_vec3().to_array();
                if !(1..=band).contains(&shell_of(q)) {
                    continue;
                }
                samples.push((q, which as u16, own.len() as u32));
                let turn = |k: i16| phases[i32::from(k).rem_euclid(n as i32) as usize];
                own.push(PlanePoint {
                    k,
                    place: transform.plane_index(k.map(i32::from)) as u32,
                    left: self.left(view, k, n, pixel_size),
                    phase: turn(k[0]) * turn(k[1]) * share,
                });
            }
            points.push(own);
        }
        samples.sort_by_key(|(q, ..)| shell_of(*q));
        let positions = samples.iter().map(|(q, ..)| *q).collect();
        let geometry = SampleGeometry::new(n, band, positions, None, label.value())?;
        let sources = samples
            .into_iter()
            .map(|(_, view, point)| (view, point))
            .collect();
        Ok(TiltTable {
            geometry: Arc::new(geometry),
            sources,
            points,
        })
    }

    fn left(&self, view: &TiltView, k: [i16; 2], n: usize, pixel_size: PixelSize) -> f32 {
        let cycles = f64::from(k[0]).hypot(f64::from(k[1]));
        let frequency = SpatialFrequency(cycles / (n as f64 * pixel_size.0));
        let (before, during) = (view.dose_before, view.dose_during);
        self.exposure
            .attenuation(frequency, before, during, self.voltage) as f32
    }
}

/// By how much an affine view stretches areas of the image.
fn stretch(projection: &DMat3) -> f64 {
    projection.row(0).cross(projection.row(1)).length()
}

/// Points (x, y) of one half of a plane with |k| within the band, a little more for views that shrink.
fn half_disc(band: usize) -> impl Iterator<Item = [i16; 2]> {
    let b = band as i16;
    (-b..=b)
        .flat_map(move |y| (0..=b).map(move |x| [x, y]))
        .filter(|&[x, y]| x > 0 || y > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_lie_across_the_beam_and_are_shared() {
        let view = |angle: f64| TiltView {
            projection: DMat3::from_rotation_y(angle),
            dose_before: Dose(0.0),
            dose_during: Dose(0.0),
        };
        let views = vec![view(0.0), view(0.5), view(-0.7)];
        let scheme = TiltScheme::new(views, ExposureModel::None, Kilovolt(300.0)).unwrap();
        let table = scheme.table(16, PixelSize(2.0), 6, &[0, 2]).unwrap();
        assert_eq!(table.points.len(), 2);
        assert_eq!(table.geometry.len(), table.sources.len());
        for (i, (view, point)) in table.sources.iter().enumerate() {
            let tilt = [0, 2][usize::from(*view)];
            let beam = scheme.views[tilt].projection.transpose() * DVec3::Z;
            let q = DVec3::from_array(table.geometry.positions[i].map(f64::from));
            assert!(beam.dot(q).abs() < 1e-5);
            let k = table.points[usize::from(*view)][*point as usize].k;
            assert!((q.length() - f64::from(k[0]).hypot(f64::from(k[1]))).abs() < 1e-5);
        }
        let again = scheme.table(16, PixelSize(2.0), 6, &[0, 2]).unwrap();
        assert!(Arc::ptr_eq(&table.geometry, &again.geometry));
        // One name in every band, and the beginning of it.
        let wide = scheme.table(16, PixelSize(2.0), 8, &[0, 2]).unwrap();
        assert_eq!(wide.geometry.label, table.geometry.label);
        let beginning = &wide.geometry.positions[..table.geometry.len()];
        assert_eq!(beginning, table.geometry.positions);
        let other = scheme.table(16, PixelSize(2.0), 6, &[0, 1]).unwrap();
        assert_ne!(table.geometry.label, other.geometry.label);
        assert!(TiltScheme::new(vec![], ExposureModel::None, Kilovolt(300.0)).is_err());
        let flat = TiltView {
            projection: DMat3::ZERO,
            ..view(0.0)
        };
        assert!(TiltScheme::new(vec![flat], ExposureModel::None, Kilovolt(300.0)).is_err());
    }
}

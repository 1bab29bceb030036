//! Tables of one band, and the geometries of supports, shared by all particles that have the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use num_complex::Complex32;
use thon_likelihood::{HalfBall, SampleGeometry};

use crate::ExtractError;
use crate::band_transform::{BandTransform, centring};
use crate::transfer_volume::{Layout, TransferVolume};

/// Geometries that are kept at most; beyond that each particle has its own.
const GEOMETRIES: usize = 64;

/// Everything about a band that does not depend on the particle.
pub(crate) struct BandTables {
    pub(crate) ball: HalfBall,
    pub(crate) transform: BandTransform,
    /// Where each point of the ball lies in the transform.
    pub(crate) places: Vec<u32>,
    /// e^(2πi q·c/n) of each point: phases from the centre.
    pub(crate) phases: Vec<Complex32>,
    transfers: Mutex<BTreeMap<Layout, Arc<Vec<u32>>>>,
}

impl BandTables {
    fn new(n: usize, band: usize) -> Self {
        let ball = HalfBall::new(band);
        let transform = BandTransform::new(n, band);
        let points = || ball.points.iter().map(|p| p.map(i32::from));
        let places = points().map(|p| transform.volume_index(p) as u32).collect();
        let phase = centring(n);
        let at = |k: i32| phase[k.rem_euclid(n as i32) as usize];
        let phases = points().map(|[x, y, z]| at(x) * at(y) * at(z)).collect();
        Self {
            places,
            phases,
            ball,
            transform,
            transfers: Mutex::default(),
        }
    }

    /// Where each point of the ball lies in a transfer of this layout.
    pub(crate) fn transfer(&self, n: usize, transfer: &TransferVolume<'_>) -> Arc<Vec<u32>> {
        let mut known = self
            .transfers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let index = |p: &[i16; 3]| transfer.index(n, p.map(i32::from)) as u32;
            Arc::new(self.ball.points.iter().map(index).collect())
        };
        known.entry(transfer.layout()).or_insert_with(make).clone()
    }
}

/// Tables by band, geometries by label and band.
pub(crate) struct Supports {
    n: usize,
    tables: Mutex<BTreeMap<usize, Arc<BandTables>>>,
    geometries: Mutex<BTreeMap<(u64, usize), Arc<SampleGeometry>>>,
}

impl Supports {
    pub(crate) fn new(n: usize) -> Self {
        Self {
            n,
            tables: Mutex::default(),
            geometries: Mutex::default(),
        }
    }

    pub(crate) fn tables(&self, band: usize) -> Result<Arc<BandTables>, ExtractError> {
        if !(1..=self.n / 2).contains(&band) {
            return Err(ExtractError::parameter(
                "band",
                band,
                format!("1 to {}", self.n / 2),
            ));
        }
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Arc::new(BandTables::new(self.n, band));
        Ok(tables.entry(band).or_insert_with(make).clone())
    }

    /// Names the points of the whole ball (band n/2) that a transfer measured, so that one particle has one name in every band.
    pub(crate) fn label(&self, transfer: &TransferVolume<'_>) -> Result<u64, ExtractError> {
        let mut label = Label::new("lattice");
        label.add(self.n as u64);
        if transfer.values().is_empty() {
            return Ok(label.value());
        }
        let tables = self.tables(self.n / 2)?;
        let (values, places) = (transfer.values(), tables.transfer(self.n, transfer));
        for some in places.chunks(64) {
            let bits = some
                .iter()
                .enumerate()
                .map(|(bit, place)| u64::from(transfer.measures(values[*place as usize])) << bit);
            label.add(bits.sum());
        }
        Ok(label.value())
    }

    /// The geometry of the points of a ball that `lattice` lists, named by [`Supports::label`].
    pub(crate) fn geometry(
        &self,
        ball: &HalfBall,
        lattice: &[u32],
        label: u64,
    ) -> Result<Arc<SampleGeometry>, ExtractError> {
        let mut known = self
            .geometries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(geometry) = known.get(&(label, ball.band)) {
            return Ok(geometry.clone());
        }
        let position = |i: &u32| ball.points[*i as usize].map(f32::from);
        let positions = lattice.iter().map(position).collect();
        let lattice = Some(lattice.to_vec());
        let geometry = SampleGeometry::new(self.n, ball.band, positions, lattice, label)?;
        let geometry = Arc::new(geometry);
        if known.len() < GEOMETRIES {
            known.insert((label, ball.band), geometry.clone());
        }
        Ok(geometry)
    }
}

/// A stable hash of what a geometry was made of (FNV-1a over 64-bit words, mixed).
pub(crate) struct Label(u64);

impl Label {
    pub(crate) fn new(kind: &str) -> Self {
        let mut label = Self(0xcbf2_9ce4_8422_2325);
        for byte in kind.bytes() {
            label.add(u64::from(byte));
        }
        label
    }

    pub(crate) fn add(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0
    }
}

//! Subtomograms as a source of particles, over whatever reads them.

use std::sync::{Mutex, PoisonError};

use thon_likelihood::{Observation, Observe, ParticleSource, SourceError};

use crate::{ExtractError, Subtomograms, TransferVolume};

/// A subtomogram as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredParticle {
    /// The volume `[n, n, n]`.
    pub volume: Vec<f32>,
    /// 3D CTF, wedge or weights, with the shape `[z, y, x]` of their file; none: 1 everywhere.
    pub transfer: Option<(Vec<f32>, [usize; 3])>,
    /// True when the volume was multiplied by its CTF already and the transfer holds Σ CTF².
    pub premultiplied: bool,
}

/// Reads subtomograms by index.
pub trait VolumeReader: Sync {
    /// Number of particles.
    fn count(&self) -> usize;

    /// Reads one particle.
    ///
    /// # Errors
    /// What reading meets, naming the file.
    fn read(&self, index: usize) -> Result<StoredParticle, SourceError>;

    /// As [`VolumeReader::read`], into memory that is there already.
    ///
    /// # Errors
    /// What reading meets, naming the file.
    fn read_into(&self, index: usize, into: &mut StoredParticle) -> Result<(), SourceError> {
        *into = self.read(index)?;
        Ok(())
    }

    /// What to call a particle's files in an error.
    fn place(&self, index: usize) -> String;
}

/// Particles that are subtomograms. Nothing is kept between calls but geometries, and the memory that files are read into: each
/// observation reads its two files.
pub struct VolumeSource<R> {
    reader: R,
    boxes: Subtomograms,
    voxel_size: f64,
    groups: Vec<u32>,
    group_count: usize,
    /// Memory of particles not in use.
    free: Mutex<Vec<StoredParticle>>,
}

impl<R: VolumeReader> VolumeSource<R> {
    /// Particles of boxes of `n` voxels of `voxel_size` Å; `groups` is the noise group of each.
    ///
    /// # Errors
    /// [`ExtractError`] for a box size or a number of groups that does not fit.
    pub fn new(
        reader: R,
        n: usize,
        voxel_size: f64,
        groups: Vec<u32>,
    ) -> Result<Self, ExtractError> {
        ExtractError::check_length("noise groups", groups.len(), reader.count())?;
        if !(voxel_size.is_finite() && voxel_size > 0.0) {
            return Err(ExtractError::parameter(
                "voxel size",
                voxel_size,
                "more than 0 Å",
            ));
        }
        let group_count = groups.iter().max().map_or(0, |last| *last as usize + 1);
        Ok(Self {
            reader,
            boxes: Subtomograms::new(n)?,
            voxel_size,
            groups,
            group_count,
            free: Mutex::default(),
        })
    }
}

impl<R: VolumeReader> ParticleSource for VolumeSource<R> {
    fn len(&self) -> usize {
        self.groups.len()
    }

    fn box_size(&self) -> usize {
        self.boxes.box_size()
    }

    fn voxel_size(&self) -> f64 {
        self.voxel_size
    }

    fn groups(&self) -> usize {
        self.group_count
    }

    fn observe(&self, index: usize, wanted: &Observe) -> Result<Observation, SourceError> {
        let mut seen = None;
        self.observe_into(index, wanted, &mut seen)?;
        Ok(seen.expect("an observation that did not fail"))
    }

    fn observe_into(
        &self,
        index: usize,
        wanted: &Observe,
        into: &mut Option<Observation>,
    ) -> Result<(), SourceError> {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stored = free().pop().unwrap_or_default();
        let observed = (self.reader.read_into(index, &mut stored))
            .and_then(|()| self.observe_stored(index, &mut stored, wanted, into));
        free().push(stored);
        observed
    }
}

impl<R: VolumeReader> VolumeSource<R> {
    fn observe_stored(
        &self,
        index: usize,
        stored: &mut StoredParticle,
        wanted: &Observe,
        into: &mut Option<Observation>,
    ) -> Result<(), SourceError> {
        let n = self.boxes.box_size();
        let squares;
        let transfer = match &stored.transfer {
            None => Ok(TransferVolume::Absent),
            Some((values, shape)) => TransferVolume::of_shape(values, *shape, n),
        };
        let transfer = match transfer {
            // Data premultiplied beside a single volume of Σ CTF²: as weights without multiplicity.
            Ok(TransferVolume::Full(values) | TransferVolume::Half(values))
                if stored.premultiplied =>
            {
                squares = weights_of(values, n);
                Ok(TransferVolume::Weights(&squares))
            }
            other => other,
        };
        let group = self.groups[index];
        let seen = transfer.and_then(|transfer| {
            self.boxes
                .observe_into(&mut stored.volume, transfer, wanted, group, into)
        });
        seen.map_err(|e| format!("{}: {e}", self.reader.place(index)).into())
    }
}

/// The half volume of Σ CTF² out of a full or half one, in the layout of RELION 4.
fn weights_of(values: &[f32], n: usize) -> Vec<f32> {
    let half = n / 2 + 1;
    if values.len() == n * n * half {
        return values.to_vec();
    }
    let full = TransferVolume::Full(values);
    let signed = |i: usize| {
        if 2 * i < n {
            i as i32
        } else {
            i as i32 - n as i32
        }
    };
    let at = |i: usize| {
        values[full.index(
            n,
            [
                (i % half) as i32,
                signed(i / half % n),
                signed(i / half / n),
            ],
        )]
    };
    (0..n * n * half).map(at).collect()
}

//! Where observations come from: files, tilt series, or a simulation.

use glam::DVec3;

use crate::Observation;

/// Why a particle could not be read.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A soft sphere that particles are multiplied by before the transform (a disc for tilt images).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SphereMask {
    /// Radius to the middle of nothing lost, voxels.
    pub radius: f64,
    /// Width of the cosine edge outside the radius, voxels.
    pub edge: f64,
    /// Centre relative to the centre of the box, voxels (x, y, z): where the particle is believed to be.
    pub centre: DVec3,
}

/// How a particle is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observe {
    /// Largest shell.
    pub band: usize,
    /// Mask; none: the whole box.
    pub mask: Option<SphereMask>,
}

/// Particles that can be observed one by one, in any order, any number of times.
pub trait ParticleSource: Sync {
    /// Number of particles.
    fn len(&self) -> usize;

    /// True without particles.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Edge of the box, voxels.
    fn box_size(&self) -> usize;

    /// Edge of a voxel, Å.
    fn voxel_size(&self) -> f64;

    /// Number of noise groups.
    fn groups(&self) -> usize;

    /// The samples of a particle. The same request gives the same bytes.
    ///
    /// # Errors
    /// What reading meets.
    fn observe(&self, index: usize, wanted: &Observe) -> Result<Observation, SourceError>;

    /// As [`ParticleSource::observe`], into the memory of an observation that is not needed any more.
    ///
    /// # Errors
    /// What reading meets.
    fn observe_into(
        &self,
        index: usize,
        wanted: &Observe,
        into: &mut Option<Observation>,
    ) -> Result<(), SourceError> {
        *into = Some(self.observe(index, wanted)?);
        Ok(())
    }
}

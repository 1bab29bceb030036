//! The excess potential of an atomic model over the ice it displaces.
//!
//! An atom's potential integrates to 47.878 V·Å³ times its electron scattering factor at zero angle (Peng et al. 1996,
//! Acta Cryst. A52:257, neutral atoms). From that is taken the ice that the atom displaces: 4.57 V (0.0314 molecules of
//! water per Å³) times its share of the molecule's volume, which is proportional to its mass (1.21 Å³/Da for protein,
//! 0.91 Å³/Da for nucleic acid). Hydrogens are rarely in a model: those a heavy atom usually carries are added to it. Each atom is one
//! Gaussian of variance B/8π² plus 0.36 Å² for the atom itself, which is right to a few per cent below 1/3 Å⁻¹.

use thon_geometry::{Particle, Point};
use thon_units::{Angstrom, SquareAngstrom};

use super::{Gaussian, Phantom};
use crate::PhantomError;

/// V·Å³ per ångström of electron scattering factor, h²/2πme.
const VOLT_PER_FACTOR: f64 = 47.878;
/// Mean potential of low-density amorphous ice, V.
const ICE_POTENTIAL: f64 = 4.57;
/// Variance of an atom at rest, Å².
const ATOM_VARIANCE: f64 = 0.36;

/// An atom of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Atom {
    /// Atomic number.
    pub atomic_number: u8,
    /// Its position.
    pub position: Point<Particle>,
    /// Its B factor.
    pub b_factor: SquareAngstrom,
    /// Hydrogens bound to it that the model does not list; `None`: the usual number for a biopolymer.
    pub hydrogens: Option<f64>,
}

/// Atomic number, scattering factor at zero angle (Å), mass (Da), hydrogens usually bound in biopolymers.
const ELEMENTS: [(u8, f64, f64, f64); 14] = [
    (1, 0.529, 1.008, 0.0),
    (6, 2.509, 12.011, 1.35),
    (7, 2.211, 14.007, 1.15),
    (8, 1.983, 15.999, 0.2),
    (11, 4.776, 22.990, 0.0),
    (12, 5.207, 24.305, 0.0),
    (15, 5.488, 30.974, 0.0),
    (16, 5.161, 32.06, 0.2),
    (17, 4.857, 35.45, 0.0),
    (19, 8.984, 39.098, 0.0),
    (20, 9.913, 40.078, 0.0),
    (25, 7.506, 54.938, 0.0),
    (26, 7.165, 55.845, 0.0),
    (30, 6.065, 65.38, 0.0),
];

impl Phantom {
    /// The phantom of an atomic model in ice; `volume_per_dalton` is that of the molecule (Å³/Da; 1.21 protein, 0.91 nucleic
    /// acid, about 1.0 a ribosome). Atoms of elements without a tabulated factor count as carbon.
    ///
    /// ```
    /// use thon_geometry::Point;
    /// use thon_simulate::phantom::{Atom, Phantom};
    /// use thon_units::SquareAngstrom;
    /// let carbon = Atom { atomic_number: 6, position: Point::new(1.0, 2.0, 3.0), b_factor: SquareAngstrom(40.0), hydrogens: Some(0.0) };
    /// let phantom = Phantom::from_atoms([carbon], 1.21)?;
    /// // 47.878 · 2.509 V·Å³ less 4.57 V · 1.21 Å³/Da · 12.011 Da of ice.
    /// assert!((phantom.total_weight() - (120.126 - 66.417)).abs() < 0.01);
    /// # Ok::<(), thon_simulate::PhantomError>(())
    /// ```
    ///
    /// # Errors
    /// [`PhantomError::Empty`] without atoms.
    pub fn from_atoms(
        atoms: impl IntoIterator<Item = Atom>,
        volume_per_dalton: f64,
    ) -> Result<Self, PhantomError> {
        Self::from_gaussians(
            atoms
                .into_iter()
                .map(|atom| gaussian(&atom, volume_per_dalton)),
        )
    }
}

fn element(atomic_number: u8) -> (f64, f64, f64) {
    let carbon = ELEMENTS[1];
    let found = ELEMENTS.iter().find(|e| e.0 == atomic_number);
    let (_, factor, mass, hydrogens) = *found.unwrap_or(&carbon);
    (factor, mass, hydrogens)
}

fn gaussian(atom: &Atom, volume_per_dalton: f64) -> Gaussian {
    let (factor, mass, usual) = element(atom.atomic_number);
    let (hydrogen_factor, hydrogen_mass, _) = element(1);
    let hydrogens = atom.hydrogens.unwrap_or(usual);
    let potential = VOLT_PER_FACTOR * (factor + hydrogens * hydrogen_factor);
    let displaced = ICE_POTENTIAL * volume_per_dalton * (mass + hydrogens * hydrogen_mass);
    let eight_pi_squared = 8.0 * std::f64::consts::PI.powi(2);
    let variance = atom.b_factor.0.max(0.0) / eight_pi_squared + ATOM_VARIANCE;
    Gaussian {
        position: atom.position,
        weight: potential - displaced,
        sigma: Angstrom(variance.sqrt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protein_is_some_three_volts_above_ice() {
        // Mean composition per 100 heavy atoms: C 63, N 17, O 19, S 1.
        let atoms = [(6, 63), (7, 17), (8, 19), (16, 1)];
        let (mut weight, mut mass) = (0.0, 0.0);
        for (atomic_number, count) in atoms {
            let atom = Atom {
                atomic_number,
                position: Point::new(0.0, 0.0, 0.0),
                b_factor: SquareAngstrom(20.0),
                hydrogens: None,
            };
            let (_, dalton, hydrogens) = element(atomic_number);
            weight += f64::from(count) * gaussian(&atom, 1.21).weight;
            mass += f64::from(count) * (dalton + hydrogens * 1.008);
        }
        let excess = weight / (1.21 * mass);
        // Isolated atoms: 8.1 V of protein less 4.6 V of ice.
        assert!((3.0..4.0).contains(&excess), "{excess} V");
    }
}

//! The embedded test particle: a bacterial 70S ribosome of some thousand Gaussians.

use super::Phantom;

static TEXT: &[u8] = include_bytes!("../../../../../testdata/ribosome_70s.txt");

impl Phantom {
    /// A 70S ribosome (PDB entry 4V4R) with its true hand, centred on its mass; excess potential 6·10⁶ V·Å³ in all.
    ///
    /// Provenance, fit and fidelity are in `testdata/README.md`.
    pub fn ribosome_70s() -> Self {
        Self::from_text(TEXT).expect("the embedded text is tested")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_size_of_a_ribosome() {
        let ribosome = Phantom::ribosome_70s();
        assert!(ribosome.point_count() > 4000);
        assert!((ribosome.total_weight() / 6.0e6 - 1.0).abs() < 1e-3);
        assert!(ribosome.centre_of_mass().xyz.length() < 0.2);
        assert!(
            (130.0..175.0).contains(&ribosome.radius().0),
            "{}",
            ribosome.radius()
        );
    }
}

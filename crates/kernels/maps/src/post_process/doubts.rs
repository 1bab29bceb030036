//! What is doubtful about a post-processed map: the diagnoses of the 2016 protocol (Bharat & Scheres 2016, Table 1).

use super::PostProcessed;

/// FSC that counts as high.
const HIGH: f64 = 0.5;
/// Amplitudes below this share of the strongest shell's have vanished.
const VANISHED: f64 = 1e-3;

impl PostProcessed {
    /// The first shell with a high corrected FSC whose amplitude in the mean map has vanished: the halves agree on nothing that
    /// can be seen. Tomograms reconstructed by SIRT do this, and half maps that share a filter.
    pub fn vanished_shell(&self) -> Option<usize> {
        let curve = &self.guinier[0].log_amplitude;
        let strongest = curve.iter().skip(1).copied().fold(f64::MIN, f64::max);
        let fsc = &self.correlation.corrected.fsc;
        (1..curve.len().min(fsc.len()))
            .find(|&shell| fsc[shell] > HIGH && curve[shell] < strongest + VANISHED.ln())
    }

    /// The doubts in words; empty when there is none.
    pub fn doubts(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.never_drops {
            words.push(
                "the masked FSC never drops below 0.8: the mask is unsuitable (black, or too large), the halves are not independent, \
                 or the voxels are too large"
                    .into(),
            );
        }
        let voxel_size = self.map.voxel_size.0;
        let period = |shell: usize| voxel_size / self.correlation.corrected.frequency[shell];
        if let Some(shell) = self.vanished_shell() {
            words.push(format!(
                "FSC is {:.2} at {:.1} Å, where the map's amplitude has fallen below 1/1000: a smooth map with a high FSC comes from a \
                 SIRT or otherwise filtered tomogram; extract from a weighted back-projection, or sharpen by a negative B factor",
                self.correlation.corrected.fsc[shell],
                period(shell)
            ));
        }
        let threshold = 0.143;
        if let Some(unmasked) = self.correlation.unmasked.resolution(threshold, voxel_size)
            && unmasked < self.resolution.0
        {
            words.push(format!(
                "without a mask the resolution is {unmasked:.1} Å, better than {:.1} Å inside it: the mask cuts into the particle",
                self.resolution.0
            ));
        }
        words
    }
}

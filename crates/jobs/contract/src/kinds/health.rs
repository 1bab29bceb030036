//! Is a volume worth keeping? Empty, constant and non-finite output is a failure, not a result.

use crate::JobError;

/// Running check over the voxels of an output.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    minimum: f32,
    maximum: f32,
    not_finite: u64,
    count: u64,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            minimum: f32::INFINITY,
            maximum: f32::NEG_INFINITY,
            not_finite: 0,
            count: 0,
        }
    }
}

impl Health {
    /// Takes more voxels into account.
    pub fn add(&mut self, voxels: &[f32]) {
        self.count += voxels.len() as u64;
        for &voxel in voxels {
            if voxel.is_finite() {
                self.minimum = self.minimum.min(voxel);
                self.maximum = self.maximum.max(voxel);
            } else {
                self.not_finite += 1;
            }
        }
    }

    /// An error unless there were voxels, all finite and not all equal.
    pub fn verdict(&self, name: &str) -> Result<(), JobError> {
        let fault = if self.count == 0 {
            "it is empty".to_owned()
        } else if self.not_finite > 0 {
            format!(
                "{} of {} values are not finite",
                self.not_finite, self.count
            )
        } else if self.minimum == self.maximum {
            format!("all {} values equal {}", self.count, self.minimum)
        } else {
            return Ok(());
        };
        Err(JobError::BadOutput {
            name: name.into(),
            message: fault,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(voxels: &[f32]) -> Result<(), JobError> {
        let mut health = Health::default();
        health.add(voxels);
        health.verdict("map")
    }

    #[test]
    fn black_constant_and_not_finite_are_refused() {
        assert!(verdict(&[0.0, 1.0]).is_ok());
        assert_eq!(
            verdict(&[]).unwrap_err().to_string(),
            "bad output map: it is empty"
        );
        assert_eq!(
            verdict(&[2.0; 9]).unwrap_err().to_string(),
            "bad output map: all 9 values equal 2"
        );
        let error = verdict(&[0.0, f32::NAN, 1.0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad output map: 1 of 3 values are not finite"
        );
    }
}

//! Tilt-series alignment from tracked points: fiducials, bundle adjustment, local models.

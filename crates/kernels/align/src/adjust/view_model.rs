//! One view: its variables, where it sees a point, the derivatives, and the same view as a [`TiltGeometry`].

use glam::{DMat2, DMat3, DVec2, DVec3};
use thon_geometry::TiltGeometry;
use thon_units::Radians;

use super::options::{
    KINDS, MAGNIFICATION, PROJECTION_SKEW, ROTATION, SKEW, STRETCH, THINNING, TILT, X_TILT,
};

/// Variables of one view. Angles in radians, shift in Å.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Deformation the start already carries (A0), applied last.
    affine: DMat2,
    /// Start of each kind.
    start: [f64; KINDS],
    /// Change of each kind from the start.
    pub(super) change: [f64; KINDS],
    /// Displacement in the image, Å.
    pub(super) shift: DVec2,
}

/// A point on a view with derivatives.
pub(super) struct Seen {
    /// Position, Å.
    pub(super) position: DVec2,
    /// ∂position/∂variable of each kind.
    pub(super) by_variable: [DVec2; KINDS],
    /// ∂position/∂X: columns for x, y, z of the point.
    pub(super) by_point: [DVec2; 3],
}

impl View {
    pub(super) fn new(geometry: &TiltGeometry) -> Self {
        let mut start = [0.0; KINDS];
        start[TILT] = geometry.tilt_angle.0;
        start[ROTATION] = geometry.tilt_axis_angle.0;
        start[MAGNIFICATION] = 1.0;
        start[THINNING] = 1.0;
        start[X_TILT] = geometry.x_tilt.0;
        Self {
            affine: geometry.affine,
            start,
            change: [0.0; KINDS],
            shift: geometry.shift,
        }
    }

    fn value(&self, kind: usize) -> f64 {
        self.start[kind] + self.change[kind]
    }

    pub(super) fn start_tilt(&self) -> f64 {
        self.start[TILT]
    }

    fn deformation(&self) -> DMat3 {
        DMat3::from_cols(
            DVec3::new(1.0 + self.value(STRETCH), self.value(SKEW), 0.0),
            DVec3::Y,
            DVec3::new(0.0, 0.0, self.value(THINNING)),
        )
    }

    fn turned(&self) -> DMat2 {
        self.affine * self.value(MAGNIFICATION) * DMat2::from_angle(self.value(ROTATION))
    }

    fn in_plane(&self) -> DMat2 {
        self.turned() * self.skewed()
    }

    fn skewed(&self) -> DMat2 {
        DMat2::from_cols(DVec2::X, DVec2::new(self.value(PROJECTION_SKEW), 1.0))
    }

    /// Columns of the 2 × 3 matrix from specimen to image, without the shift.
    pub(super) fn columns(&self) -> [DVec2; 3] {
        let tilted = DMat3::from_rotation_y(self.value(TILT))
            * DMat3::from_rotation_x(self.value(X_TILT))
            * self.deformation();
        let plane = self.in_plane();
        [tilted.x_axis, tilted.y_axis, tilted.z_axis].map(|column| plane * column.truncate())
    }

    /// Where a point appears, Å.
    pub(super) fn project(&self, point: DVec3) -> DVec2 {
        let [x, y, z] = self.columns();
        x * point.x + y * point.y + z * point.z + self.shift
    }

    /// Position and derivatives.
    pub(super) fn see(&self, point: DVec3) -> Seen {
        let tilt = DMat3::from_rotation_y(self.value(TILT));
        let x_tilt = DMat3::from_rotation_x(self.value(X_TILT));
        let both = tilt * x_tilt;
        let plane = self.in_plane();
        let before = x_tilt * (self.deformation() * point);
        let camera = tilt * before;
        let flat = plane * camera.truncate();
        let mut by_variable = [DVec2::ZERO; KINDS];
        by_variable[TILT] = plane * DVec2::new(camera.z, 0.0);
        by_variable[ROTATION] = self.turned() * (self.skewed() * camera.truncate()).perp();
        by_variable[MAGNIFICATION] = flat / self.value(MAGNIFICATION);
        by_variable[STRETCH] = plane * (both.x_axis.truncate() * point.x);
        by_variable[SKEW] = plane * (both.y_axis.truncate() * point.x);
        by_variable[THINNING] = plane * (both.z_axis.truncate() * point.z);
        by_variable[X_TILT] = plane * (tilt * DVec3::new(0.0, -before.z, before.y)).truncate();
        by_variable[PROJECTION_SKEW] = self.turned() * DVec2::new(camera.y, 0.0);
        Seen {
            position: flat + self.shift,
            by_variable,
            by_point: self.columns(),
        }
    }

    /// The view in the words of the projection chain: the same 2 × 3 matrix, exactly. A deformation of the specimen
    /// plane becomes a small change of tilt and x tilt with an in-plane deformation.
    pub(super) fn geometry(&self) -> TiltGeometry {
        let own = TiltGeometry {
            tilt_axis_angle: Radians(self.value(ROTATION)),
            affine: self.affine,
            shift: self.shift,
            ..TiltGeometry::tilted(Radians(self.value(TILT)))
        };
        own.with_columns(self.columns())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_geometry::Point;

    fn view() -> View {
        let mut view = View::new(&TiltGeometry {
            x_tilt: Radians(0.02),
            tilt_angle: Radians(0.8),
            tilt_axis_angle: Radians(1.4),
            affine: DMat2::from_cols(DVec2::new(1.01, 0.003), DVec2::new(-0.002, 0.99)),
            shift: DVec2::new(30.0, -20.0),
            deformation: None,
        });
        view.change = [0.01, -0.02, 0.004, 0.006, -0.01, -0.05, 0.003, 0.007];
        view
    }

    #[test]
    fn derivatives_are_those_of_the_position() {
        let point = DVec3::new(500.0, -300.0, 200.0);
        let seen = view().see(point);
        assert!((seen.position - view().project(point)).length() < 1e-9);
        for kind in 0..KINDS {
            let h = 1e-6;
            let (mut plus, mut minus) = (view(), view());
            plus.change[kind] += h;
            minus.change[kind] -= h;
            let numeric = (plus.project(point) - minus.project(point)) / (2.0 * h);
            assert!(
                (numeric - seen.by_variable[kind]).length() < 1e-4,
                "kind {kind}"
            );
        }
    }

    #[test]
    fn the_projection_chain_is_the_same_map() {
        for tilt in [0.0, 2.5] {
            let mut view = view();
            view.change[TILT] += tilt;
            let point = DVec3::new(500.0, -300.0, 200.0);
            let chain = view.geometry().project(Point::from_vector(point));
            assert!((chain.position - view.project(point)).length() < 1e-9);
        }
    }
}

//! Fiducial models (`.fid`, `.mod`): tracked points of a tilt series, one contour for each, to positions in the raw
//! images and back.
//!
//! A model counts pixels of the image it was drawn on from the image's edge (a pixel's centre is at ½) and views by
//! their section from 0. When it was drawn on pre-aligned or binned images, the transforms that made them lead back.

use glam::{DMat2, DVec2};
use thon_formats::imod::model::{Contour, Model, Object};
use thon_formats::imod::transforms::LinearTransform;
use thon_units::PixelSize;

use crate::centre;

/// One tracked point: view (section, from 0) and position in the raw image, Å from its centre pixel ⌊n/2⌋.
pub type TrackedPoint = (usize, DVec2);

/// What a model was drawn on.
#[derive(Clone, Copy, Debug)]
pub struct DrawnOn<'a> {
    /// Size of the raw images, `[ny, nx]`.
    pub raw: [usize; 2],
    /// Size of a pixel of the raw images.
    pub pixel_size: PixelSize,
    /// Raw pixels per pixel of the model's image along an edge.
    pub binning: f64,
    /// Raw → pre-aligned transform of each view, when the images were pre-aligned.
    pub prealignment: Option<&'a [LinearTransform]>,
}

/// Tracks of all contours of a model, in its order; empty contours give empty tracks. Points on views from `views` on, or
/// on views without transform, are the error: its text says which.
pub fn tracks_of(
    model: &Model,
    drawn_on: &DrawnOn,
    views: usize,
) -> Result<Vec<Vec<TrackedPoint>>, String> {
    let mut tracks = Vec::new();
    for (o, object) in model.objects.iter().enumerate() {
        for (c, contour) in object.contours.iter().enumerate() {
            let place = format!("object {}, contour {}", o + 1, c + 1);
            let mut track: Vec<TrackedPoint> = Vec::new();
            for [x, y, z] in &contour.points {
                let section = f64::from(*z).round();
                if !(section >= 0.0 && section < views as f64 && x.is_finite() && y.is_finite()) {
                    return Err(format!(
                        "{place}: a point lies on section {z}, the series has sections 0 to {}",
                        views.saturating_sub(1)
                    ));
                }
                let view = section as usize;
                let drawn = DVec2::new(f64::from(*x), f64::from(*y));
                let position = to_raw(drawn, view, drawn_on).ok_or_else(|| {
                    format!(
                        "{place}: view {} has no transform that can be undone",
                        view + 1
                    )
                })?;
                // A contour that passes a view twice says nothing certain; the first point stands.
                if track.iter().all(|(seen, _)| *seen != view) {
                    track.push((view, position));
                }
            }
            tracks.push(track);
        }
    }
    Ok(tracks)
}

/// Middle of the drawn image in its own edge coordinates, and of the raw one: pre-aligned images keep the size.
fn middle(drawn_on: &DrawnOn) -> DVec2 {
    DVec2::new(drawn_on.raw[1] as f64, drawn_on.raw[0] as f64) / 2.0
}

fn to_raw(drawn: DVec2, view: usize, drawn_on: &DrawnOn) -> Option<DVec2> {
    let from_middle = drawn * drawn_on.binning - middle(drawn_on);
    let raw = match drawn_on.prealignment {
        None => from_middle,
        Some(transforms) => {
            let LinearTransform { matrix, shift } = transforms.get(view)?;
            let matrix = DMat2::from_cols(
                DVec2::new(matrix[0][0], matrix[1][0]),
                DVec2::new(matrix[0][1], matrix[1][1]),
            );
            if matrix.determinant().abs() < 1e-9 {
                return None;
            }
            matrix.inverse() * (from_middle - DVec2::from_array(*shift))
        }
    };
    Some((raw - centre::image_from_edge_middle(drawn_on.raw)) * drawn_on.pixel_size.0)
}

/// A model of tracks on the raw images: one open contour per track, sections in order.
pub fn model_of(
    tracks: &[Vec<TrackedPoint>],
    raw: [usize; 2],
    pixel_size: PixelSize,
    views: usize,
) -> Model {
    let size = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let mut model = Model::new([size(raw[1]), size(raw[0]), size(views)]);
    model.pixel_size = (pixel_size.0 / 10.0) as f32;
    model.units = -9;
    let mut object = Object::new("fiducials");
    // Open contours, shown with circles.
    object.flags |= 8;
    let middle = DVec2::new(raw[1] as f64, raw[0] as f64) / 2.0;
    for track in tracks {
        let mut points = track.clone();
        points.sort_by_key(|(view, _)| *view);
        let draw = |(view, position): &TrackedPoint| {
            let at = *position / pixel_size.0 + centre::image_from_edge_middle(raw) + middle;
            [at.x as f32, at.y as f32, *view as f32]
        };
        object
            .contours
            .push(Contour::new(points.iter().map(draw).collect()));
    }
    model.objects.push(object);
    model
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn_on(prealignment: Option<&[LinearTransform]>) -> DrawnOn<'_> {
        DrawnOn {
            raw: [480, 641],
            pixel_size: PixelSize(2.5),
            binning: 1.0,
            prealignment,
        }
    }

    #[test]
    fn a_model_of_tracks_gives_the_tracks_back() {
        let tracks = vec![
            vec![(0, DVec2::new(10.0, -20.0)), (2, DVec2::new(-300.0, 555.5))],
            vec![(1, DVec2::ZERO)],
        ];
        let model = model_of(&tracks, [480, 641], PixelSize(2.5), 3);
        let back = tracks_of(&model, &drawn_on(None), 3).unwrap();
        for (a, b) in tracks.iter().flatten().zip(back.iter().flatten()) {
            assert!(a.0 == b.0 && (a.1 - b.1).length() < 1e-3);
        }
        assert!(
            tracks_of(&model, &drawn_on(None), 2)
                .unwrap_err()
                .contains("section 2")
        );
    }

    #[test]
    fn the_centre_pixel_is_drawn_at_its_middle() {
        let model = model_of(&[vec![(0, DVec2::ZERO)]], [480, 641], PixelSize(2.5), 1);
        // Pixel ⌊n/2⌋ of 641 and 480, its centre half a pixel further.
        assert_eq!(model.objects[0].contours[0].points[0], [320.5, 240.5, 0.0]);
    }

    #[test]
    fn prealigned_points_lead_back_to_the_raw_image() {
        let angle = 0.3_f64;
        let (sin, cos) = angle.sin_cos();
        let transform = LinearTransform {
            matrix: [[cos, -sin], [sin, cos]],
            shift: [12.0, -7.0],
        };
        let raw = DVec2::new(37.0, -91.0);
        let aligned = DMat2::from_angle(angle) * raw + DVec2::new(12.0, -7.0);
        let middle = DVec2::new(320.5, 240.0);
        let mut model = model_of(&[vec![(0, DVec2::ZERO)]], [480, 641], PixelSize(2.5), 1);
        model.objects[0].contours[0].points[0] = [
            (aligned.x + middle.x) as f32,
            (aligned.y + middle.y) as f32,
            0.0,
        ];
        let transforms = [transform];
        let back = tracks_of(&model, &drawn_on(Some(&transforms)), 1).unwrap();
        let expected = (raw - centre::image_from_edge_middle([480, 641])) * 2.5;
        assert!((back[0][0].1 - expected).length() < 1e-3);
    }
}

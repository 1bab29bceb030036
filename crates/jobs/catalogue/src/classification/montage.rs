//! Images beside and below each other, each with a line of text.

use ndarray::ArrayView2;
use thon_picture::{Alignment, Contrast, Picture, gray};

const WHITE: [u8; 3] = [255, 255, 255];
const BLACK: [u8; 3] = [0, 0, 0];
/// Edge of one image, pixels, about.
const EDGE: usize = 128;
/// Height of a line of text.
const LINE: usize = 18;
/// Largest number of images in a row.
const COLUMNS: usize = 8;
/// Pixels between images.
const GAP: usize = 8;

/// Draws images `[n, n]` with their texts, row by row, at their own contrasts.
pub(super) fn montage(images: &[(&[f32], String)], n: usize) -> Picture {
    let factor = (EDGE / n.max(1)).max(1);
    let edge = (n * factor).min(EDGE.max(n)).max(96);
    let (width, height) = (edge + GAP, edge + LINE + GAP);
    let columns = images.len().clamp(1, COLUMNS);
    let rows = images.len().div_ceil(COLUMNS).max(1);
    let mut all = Picture::filled(columns * width, rows * height, WHITE);
    for (i, (values, text)) in images.iter().enumerate() {
        let (left, top) = (i % COLUMNS * width, i / COLUMNS * height);
        if let Ok(view) = ArrayView2::from_shape((n, n), values) {
            let drawn = gray(&view, Contrast::Percentile(0.002), edge);
            all.paste(&enlarged(&drawn, factor), left, top);
        }
        let (x, y) = ((left + edge / 2) as i64, (top + edge + LINE - 5) as i64);
        all.text(text, x, y, Alignment::Center, BLACK);
    }
    all
}

/// Every pixel drawn as a square.
fn enlarged(picture: &Picture, factor: usize) -> Picture {
    let mut large = Picture::filled(picture.width * factor, picture.height * factor, WHITE);
    for y in 0..large.height {
        for x in 0..large.width {
            large.set(x as i64, y as i64, picture.get(x / factor, y / factor));
        }
    }
    large
}

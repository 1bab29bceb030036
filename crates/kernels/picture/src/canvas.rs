//! A rectangle of RGB pixels, and text and lines on it.

use embedded_graphics::Drawable;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::{FONT_6X13, FONT_7X14_BOLD};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::DrawTarget;
use embedded_graphics::text::{Alignment, Text};

/// Red, green, blue.
pub type Colour = [u8; 3];

/// An RGB picture; row 0 is at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Pixels, row by row, three bytes each.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, colour: Colour) -> Self {
        Self {
            width,
            height,
            pixels: colour.repeat(width * height),
        }
    }

    /// Sets a pixel; does nothing outside the picture.
    pub fn set(&mut self, x: i64, y: i64, colour: Colour) {
        if (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y) {
            let start = 3 * (y as usize * self.width + x as usize);
            self.pixels[start..start + 3].copy_from_slice(&colour);
        }
    }

    /// Colour of a pixel inside the picture.
    pub fn get(&self, x: usize, y: usize) -> Colour {
        let start = 3 * (y * self.width + x);
        [
            self.pixels[start],
            self.pixels[start + 1],
            self.pixels[start + 2],
        ]
    }

    /// Copies another picture onto this one; what sticks out is cut off.
    pub fn paste(&mut self, other: &Picture, left: usize, top: usize) {
        for y in 0..other.height {
            for x in 0..other.width {
                self.set((left + x) as i64, (top + y) as i64, other.get(x, y));
            }
        }
    }

    /// A straight line two pixels thick.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour) {
        let steps = (to.0 - from.0)
            .abs()
            .max((to.1 - from.1).abs())
            .ceil()
            .max(1.0);
        for step in 0..=steps as usize {
            let t = step as f64 / steps;
            let (x, y) = (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                self.set(x.floor() as i64 + dx, y.floor() as i64 + dy, colour);
            }
        }
    }

    /// A hair line, one pixel thick.
    pub fn hair_line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour) {
        let steps = (to.0 - from.0)
            .abs()
            .max((to.1 - from.1).abs())
            .ceil()
            .max(1.0);
        for step in 0..=steps as usize {
            let t = step as f64 / steps;
            let (x, y) = (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
            self.set(x.round() as i64, y.round() as i64, colour);
        }
    }

    /// Small text (6×13) whose baseline starts, is centred or ends at (x, y); Latin-1 only.
    pub fn text(&mut self, text: &str, x: i64, y: i64, align: Alignment, colour: Colour) {
        let style = MonoTextStyle::new(&FONT_6X13, Rgb888::new(colour[0], colour[1], colour[2]));
        self.draw_text(text, x, y, align, style);
    }

    /// Bold text (7×14).
    pub fn title(&mut self, text: &str, x: i64, y: i64, align: Alignment, colour: Colour) {
        let style = MonoTextStyle::new(
            &FONT_7X14_BOLD,
            Rgb888::new(colour[0], colour[1], colour[2]),
        );
        self.draw_text(text, x, y, align, style);
    }

    fn draw_text(
        &mut self,
        text: &str,
        x: i64,
        y: i64,
        align: Alignment,
        style: MonoTextStyle<'_, Rgb888>,
    ) {
        let position = Point::new(x as i32, y as i32);
        let Ok(_) = Text::with_alignment(text, position, style, align).draw(self);
    }

    /// The bytes of a PNG file.
    pub fn to_png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder
            .write_header()
            .and_then(|mut w| w.write_image_data(&self.pixels));
        written.expect("writing to memory, with as many pixels as stated");
        bytes
    }
}

impl OriginDimensions for Picture {
    fn size(&self) -> Size {
        Size::new(self.width as u32, self.height as u32)
    }
}

impl DrawTarget for Picture {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Self::Error>
    where
        I: IntoIterator<Item = embedded_graphics::Pixel<Rgb888>>,
    {
        for embedded_graphics::Pixel(point, colour) in pixels {
            self.set(
                point.x.into(),
                point.y.into(),
                [colour.r(), colour.g(), colour.b()],
            );
        }
        Ok(())
    }
}

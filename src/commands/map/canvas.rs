//! Rectangles and text, as SVG or PNG.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use std::fmt::Write;

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// Which end of a text its position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    End,
}

/// Something drawn. Lengths are in pixels, from the upper left.
enum Shape {
    Rect {
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        colour: Rgb,
    },
    Text {
        x: f64,
        /// The line that letters stand on.
        y: f64,
        size: f64,
        colour: Rgb,
        anchor: Anchor,
        bold: bool,
        text: String,
    },
}

/// A picture.
pub struct Picture {
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
}

impl Picture {
    /// An empty one.
    pub fn new(width: f64, height: f64) -> Picture {
        Picture {
            width,
            height: height.ceil(),
            shapes: Vec::new(),
        }
    }

    /// Draws a filled rectangle.
    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, colour: Rgb) {
        self.shapes.push(Shape::Rect {
            x,
            y,
            width,
            height,
            colour,
        });
    }

    /// Draws a line of text.
    #[allow(clippy::too_many_arguments)] // All of them are what a text is.
    pub fn text(
        &mut self,
        x: f64,
        y: f64,
        size: f64,
        colour: Rgb,
        anchor: Anchor,
        bold: bool,
        text: &str,
    ) {
        self.shapes.push(Shape::Text {
            x,
            y,
            size,
            colour,
            anchor,
            bold,
            text: text.to_owned(),
        });
    }
}

/// A picture as SVG.
pub fn svg(picture: &Picture) -> String {
    let mut out = String::new();
    let (width, height) = (picture.width, picture.height);
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">"
    );
    for shape in &picture.shapes {
        let _ = match shape {
            Shape::Rect {
                x,
                y,
                width,
                height,
                colour: Rgb(r, g, b),
            } => writeln!(
                out,
                "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" \
                 fill=\"#{r:02x}{g:02x}{b:02x}\" shape-rendering=\"crispEdges\"/>"
            ),
            Shape::Text {
                x,
                y,
                size,
                colour: Rgb(r, g, b),
                anchor,
                bold,
                text,
            } => {
                let anchor = match anchor {
                    Anchor::Start => "start",
                    Anchor::End => "end",
                };
                let weight = if *bold { " font-weight=\"bold\"" } else { "" };
                writeln!(
                    out,
                    "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{size}\" text-anchor=\"{anchor}\"{weight} \
                     fill=\"#{r:02x}{g:02x}{b:02x}\">{}</text>",
                    escape(text)
                )
            }
        };
    }
    out.push_str("</svg>\n");
    out
}

/// Pixels of a PNG for one of the picture.
const SCALE: f64 = 2.0;

/// A picture as PNG, at twice its size.
///
/// # Errors
/// The picture is too large for the format.
pub fn png(picture: &Picture) -> Result<Vec<u8>, String> {
    let mut raster = Raster::new(picture.width, picture.height);
    for shape in &picture.shapes {
        match shape {
            Shape::Rect {
                x,
                y,
                width,
                height,
                colour,
            } => raster.rect(*x, *y, *width, *height, *colour),
            Shape::Text {
                x,
                y,
                size,
                colour,
                anchor,
                bold,
                text,
            } => raster.text((*x, *y), *size, *colour, (*anchor, *bold), text),
        }
    }
    let mut bytes = Vec::new();
    let size = |n: usize| u32::try_from(n).map_err(|_| "the picture is too large".to_owned());
    let mut encoder = png::Encoder::new(&mut bytes, size(raster.width)?, size(raster.height)?);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&raster.pixels))
        .map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// Pixels, three bytes each.
struct Raster {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Raster {
    fn new(width: f64, height: f64) -> Raster {
        let (width, height) = ((width * SCALE) as usize, (height * SCALE) as usize);
        Raster {
            width,
            height,
            pixels: vec![0xFF; width * height * 3],
        }
    }

    /// Lays a colour over a pixel, which it covers by `strength` / 255.
    fn blend(&mut self, x: usize, y: usize, Rgb(r, g, b): Rgb, strength: u8) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = (y * self.width + x) * 3;
        let Some(pixel) = self.pixels.get_mut(at..at + 3) else {
            return;
        };
        for (old, new) in pixel.iter_mut().zip([r, g, b]) {
            let (old_part, new_part) = (u32::from(*old), u32::from(new));
            let strength = u32::from(strength);
            *old = ((old_part * (255 - strength) + new_part * strength) / 255) as u8;
        }
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, colour: Rgb) {
        let edge = |at: f64| (at * SCALE).round().max(0.0) as usize;
        for row in edge(y)..edge(y + height) {
            for column in edge(x)..edge(x + width) {
                self.blend(column, row, colour, 255);
            }
        }
    }

    fn text(
        &mut self,
        (x, y): (f64, f64),
        size: f64,
        colour: Rgb,
        (anchor, bold): (Anchor, bool),
        text: &str,
    ) {
        let weight = if bold {
            FontWeight::Bold
        } else {
            FontWeight::Regular
        };
        let height = if size > 18.0 {
            RasterHeight::Size32
        } else {
            RasterHeight::Size24
        };
        let advance = get_raster_width(weight, height);
        let long = text.chars().count() * advance;
        let left = (x * SCALE) as usize;
        let left = match anchor {
            Anchor::Start => left,
            Anchor::End => left.saturating_sub(long),
        };
        // Letters stand on four fifths of the height.
        let top = ((y * SCALE) as usize).saturating_sub(height.val() * 4 / 5);
        for (i, c) in text.chars().enumerate() {
            let letter = get_raster(c, weight, height).or_else(|| get_raster('?', weight, height));
            let Some(letter) = letter else {
                continue;
            };
            for (row, line) in letter.rows().enumerate() {
                for (column, &strength) in line.iter().enumerate() {
                    self.blend(left + i * advance + column, top + row, colour, strength);
                }
            }
        }
    }
}

/// A text for XML, without characters that XML cannot have.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_text() {
        let mut picture = Picture::new(10.0, 10.0);
        picture.text(
            1.0,
            2.0,
            12.0,
            Rgb(0, 0, 0),
            Anchor::End,
            true,
            "</text><a>&\x01",
        );
        let svg = svg(&picture);
        assert!(
            svg.contains("&lt;/text&gt;&lt;a&gt;&amp;\\u{1}</text>"),
            "{svg}"
        );
    }
}

//! Drawing on a page in millimetres from its upper left corner.

use crate::{
    Result,
    face::{Faces, Weight},
    pdf::{HEIGHT, font_name},
    qr::Outline,
};
use pdf_writer::{Content, Name, Settings, Str};

/// Points in a millimetre.
const MM: f32 = 72.0 / 25.4;
/// Millimetres in a point, which letters are measured in.
pub const PT: f32 = 1.0 / MM;

/// How dark: all of it is ink of one colour, so that it prints the same without any other.
pub const BLACK: f32 = 0.0;
pub const GREY: f32 = 0.29;

/// How a line is set.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub weight: Weight,
    /// In points.
    pub size: f32,
    pub gray: f32,
}

impl Style {
    pub const fn bold(size: f32) -> Style {
        Style { weight: Weight::Bold, size, gray: BLACK }
    }

    pub const fn soft(size: f32) -> Style {
        Style { weight: Weight::Regular, size, gray: GREY }
    }

    pub const fn sized(self, size: f32) -> Style {
        Style { size, ..self }
    }
}

/// A line in a column.
#[derive(Clone, Debug)]
pub struct Row {
    /// From the line before, or from the column's top, to where its letters stand.
    pub above: f32,
    pub style: Style,
    pub text: String,
}

/// How far a Chinese character reaches above and below where it stands, for a size of one.
#[cfg(test)]
const ASCENT: f32 = 0.88;
const DESCENT: f32 = 0.12;
/// How much smaller a column becomes at a time until it fits, and how often at most.
const STEP: f32 = 0.05;
const STEPS: u8 = 10;

pub struct Canvas<'f> {
    content: Content,
    faces: &'f mut Faces,
    /// What every line covers: left, top, right, bottom.
    #[cfg(test)]
    pub covered: Vec<(String, [f32; 4])>,
}

impl<'f> Canvas<'f> {
    pub fn new(faces: &'f mut Faces) -> Canvas<'f> {
        Canvas {
            content: Content::with_settings(Settings { pretty: false }),
            faces,
            #[cfg(test)]
            covered: Vec::new(),
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.content.finish().into_vec()
    }

    /// What stands on every page.
    pub fn form(&mut self, name: &str) {
        self.content.x_object(Name(name.as_bytes()));
    }

    /// In millimetres.
    pub fn width(&mut self, text: &str, style: Style) -> Result<f32> {
        Ok(self.faces.width(text, style.weight)? * style.size * PT)
    }

    /// The style, smaller where the text would be wider than this.
    pub fn fitted(&mut self, text: &str, style: Style, width: f32) -> Result<Style> {
        let natural = self.width(text, style)?;
        Ok(if natural > width { style.sized(style.size * width / natural) } else { style })
    }

    /// A line whose letters stand on `y`.
    pub fn text(&mut self, x: f32, y: f32, style: Style, text: &str) -> Result<()> {
        #[cfg(test)]
        {
            let (width, size) = (self.width(text, style)?, style.size * PT);
            self.covered.push((text.to_owned(), [x, y - ASCENT * size, x + width, y + DESCENT * size]));
        }
        let mut runs: Vec<(usize, Vec<u8>, f32)> = Vec::new();
        for c in text.chars() {
            let glyph = self.faces.glyph(c, style.weight)?;
            let bytes = glyph.glyph.to_be_bytes();
            match runs.last_mut() {
                Some((face, run, width)) if *face == glyph.face => {
                    run.extend(bytes);
                    *width += glyph.width;
                }
                _ => runs.push((glyph.face, bytes.to_vec(), glyph.width)),
            }
        }
        self.content.set_fill_gray(style.gray);
        let mut x = x * MM;
        for (face, run, width) in runs {
            self.content.begin_text();
            self.content.set_font(Name(font_name(face).as_bytes()), round(style.size)).next_line(round(x), round(HEIGHT - y * MM)).show(Str(&run));
            self.content.end_text();
            x += width * style.size;
        }
        Ok(())
    }

    /// The same, as large as it fits.
    pub fn line(&mut self, x: f32, y: f32, width: f32, style: Style, text: &str) -> Result<()> {
        let style = self.fitted(text, style, width)?;
        self.text(x, y, style, text)
    }

    /// The same in the middle of what lies between `x` and `x + width`.
    pub fn centred(&mut self, x: f32, y: f32, width: f32, style: Style, text: &str) -> Result<()> {
        let style = self.fitted(text, style, width)?;
        let left = x + (width - self.width(text, style)?) / 2.0;
        self.text(left, y, style, text)
    }

    /// Text broken into lines of at most this width, between Chinese characters and at spaces; the last takes what is left and has to become smaller.
    pub fn lines(&mut self, text: &str, style: Style, width: f32, most: usize) -> Result<Vec<String>> {
        let mut lines: Vec<String> = vec![String::new()];
        let mut used = 0.0;
        for word in words(text) {
            let wide = self.width(&word, style)?;
            if used + wide > width && used > 0.0 && lines.len() < most {
                lines.push(String::new());
                used = 0.0;
            }
            used += wide;
            if let Some(line) = lines.last_mut() {
                line.push_str(&word);
            }
        }
        lines.iter_mut().for_each(|line| line.truncate(line.trim_end().len()));
        Ok(lines)
    }

    /// The same, written below each other. The number of lines.
    pub fn block(&mut self, (x, y): (f32, f32), width: f32, leading: f32, most: usize, style: Style, text: &str) -> Result<usize> {
        let lines = self.lines(text, style, width, most)?;
        for (i, line) in lines.iter().enumerate() {
            self.line(x, y + leading * i as f32, width, style, line)?;
        }
        Ok(lines.len())
    }

    /// Rows below each other that stay between `top` and `bottom`: asked for in smaller and smaller sizes until they do.
    pub fn column(&mut self, x: f32, (top, bottom): (f32, f32), width: f32, rows: impl Fn(&mut Self, f32) -> Result<Vec<Row>>) -> Result<()> {
        let mut fitting = Vec::new();
        for step in 0..=STEPS {
            fitting = rows(self, 1.0 - STEP * f32::from(step))?;
            let height: f32 = fitting.iter().map(|row| row.above).sum();
            let below = fitting.last().map_or(0.0, |row| DESCENT * row.style.size * PT);
            if top + height + below <= bottom {
                break;
            }
        }
        let mut y = top;
        for row in fitting {
            y += row.above;
            self.line(x, y, width, row.style, &row.text)?;
        }
        Ok(())
    }

    pub fn rule(&mut self, x: f32, y: f32, width: f32, thickness: f32) {
        self.filled(x, y, width, thickness, BLACK);
    }

    fn filled(&mut self, x: f32, y: f32, width: f32, height: f32, gray: f32) {
        self.content.set_fill_gray(gray);
        self.content.rect(round(x * MM), round(HEIGHT - (y + height) * MM), round(width * MM), round(height * MM)).fill_nonzero();
    }

    pub fn frame(&mut self, x: f32, y: f32, width: f32, height: f32, thickness: f32) {
        self.content.set_stroke_gray(BLACK).set_line_width(round(thickness * MM));
        self.content.rect(round(x * MM), round(HEIGHT - (y + height) * MM), round(width * MM), round(height * MM)).stroke();
    }

    /// Where scissors go.
    pub fn cut(&mut self, from: (f32, f32), to: (f32, f32)) {
        self.content.save_state();
        self.content.set_stroke_gray(0.6).set_line_width(0.3).set_dash_pattern([2.0, 2.0], 0.0);
        self.content.move_to(round(from.0 * MM), round(HEIGHT - from.1 * MM)).line_to(round(to.0 * MM), round(HEIGHT - to.1 * MM)).stroke();
        self.content.restore_state();
    }

    /// A QR code with its quiet zone in a square of this side.
    pub fn qr(&mut self, x: f32, y: f32, side: f32, outline: &Outline) {
        let module = side * MM / outline.size as f32;
        self.content.save_state();
        self.content.set_fill_gray(BLACK).transform([module, 0.0, 0.0, -module, x * MM, HEIGHT - y * MM]);
        for corners in &outline.loops {
            for (i, (x, y)) in corners.iter().enumerate() {
                let (x, y) = (*x as f32, *y as f32);
                if i == 0 {
                    self.content.move_to(x, y)
                } else {
                    self.content.line_to(x, y)
                };
            }
            self.content.close_path();
        }
        self.content.fill_even_odd();
        self.content.restore_state();
    }

    /// The mark, two houses side by side, in a square of this side.
    pub fn mark(&mut self, x: f32, y: f32, side: f32) {
        let unit = side * MM / 32.0;
        self.content.save_state();
        self.content.transform([unit, 0.0, 0.0, -unit, x * MM, HEIGHT - y * MM]);
        for (left, gray) in [(2.0, BLACK), (16.0, 0.45)] {
            self.content.set_fill_gray(gray);
            self.content.move_to(left, 14.6).line_to(left + 7.0, 7.0).line_to(left + 14.0, 14.6).line_to(left + 14.0, 27.0).line_to(left, 27.0).close_path();
            let (door, bow) = (left + 4.4, 1.44);
            self.content.move_to(door, 27.0).line_to(door, 20.6).cubic_to(door, 20.6 - bow, door + 2.6 - bow, 18.0, door + 2.6, 18.0);
            self.content.cubic_to(door + 2.6 + bow, 18.0, door + 5.2, 20.6 - bow, door + 5.2, 20.6).line_to(door + 5.2, 27.0).close_path();
            self.content.fill_even_odd();
        }
        self.content.restore_state();
    }
}

/// A hundredth of a point is finer than any printer.
fn round(value: f32) -> f32 {
    (value * 100.0).round() / 100.0
}

/// Pieces that may begin a line: words with the space behind them, and single Chinese characters with the punctuation that must not begin a line.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut may_break = true;
    for c in text.chars() {
        let is_wide = c >= '\u{2E80}';
        let sticks = "，。、；：！？）》」』”’】…—".contains(c);
        match words.last_mut() {
            Some(word) if sticks || (!may_break && !is_wide) => word.push(c),
            _ => words.push(c.to_string()),
        }
        may_break = c == ' ' || is_wide;
    }
    words
}

#[cfg(test)]
pub mod tests {
    use super::*;

    #[test]
    fn lines_break_between_chinese_characters_and_at_spaces_and_never_before_a_comma() {
        assert_eq!(words("扫一扫，写 to me now"), ["扫", "一", "扫，", "写", " ", "to ", "me ", "now"]);
    }

    /// Says which two lines lie over each other.
    #[track_caller]
    pub fn assert_apart(canvas: &Canvas<'_>) {
        for (i, (text, a)) in canvas.covered.iter().enumerate() {
            for (other, b) in &canvas.covered[i + 1..] {
                let meets = a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
                assert!(!meets, "{text} {a:?} lies over {other} {b:?}");
            }
        }
    }

    /// Everything that may be printed, short and as long as it may be.
    pub fn all_lengths() -> Vec<crate::Code> {
        let plain = crate::code::tests::code();
        let mut all = Vec::new();
        for (unit, place) in [(9, 5), (9, 13), (24, 20), (60, 40)] {
            for topic in [None, Some(6), Some(40)] {
                for has_english in [false, true] {
                    all.push(crate::Code {
                        unit: "长".repeat(unit),
                        title: "岗".repeat(unit * 2 / 3),
                        place: "处".repeat(place),
                        place_en: has_english.then(|| "Place ".repeat(place / 3).trim_end().to_owned()),
                        topic: topic.map(|count| "题".repeat(count)),
                        hours: ["周一至周五 8:30–12:00、14:30–18:00，周六 9:00–12:00".to_owned(), "Mon–Fri 8:30–12:00, 14:30–18:00; Sat 9:00–12:00".to_owned()],
                        ..plain.clone()
                    });
                }
            }
        }
        all
    }

    #[test]
    fn a_line_that_is_too_wide_becomes_smaller_until_it_fits() {
        let mut faces = Faces::new();
        let mut canvas = Canvas::new(&mut faces);
        let style = canvas.fitted(&"网".repeat(30), Style::bold(40.0), 100.0).unwrap();
        assert!((canvas.width(&"网".repeat(30), style).unwrap() - 100.0).abs() < 0.01);
        assert_eq!(canvas.fitted("网", Style::bold(40.0), 100.0).unwrap().size, 40.0);
    }
}

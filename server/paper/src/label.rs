//! The whole sticker as a picture that scales: QR code, unit, post, place, check phrase and short address, in both languages. The words are text, set in
//! whatever face the program has that opens it.

use crate::{Code, Result, qr};
use i18n::t;
use model::{
    Language::{Chinese, English},
    text::escaped,
};
use std::fmt::Write;

/// Millimetres.
const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 142.0;
const CODE: f64 = 64.0;
/// What lines may take of the width.
const LINE: f64 = 90.0;

const INK: &str = "#111";
const SOFT: &str = "#4a4a4a";

/// One line in the middle, as large as it fits.
fn line(out: &mut String, y: f64, largest: f64, weight: u32, colour: &str, text: &str) {
    // Chinese characters are as wide as they are high, others about half.
    let width: f64 = text.chars().map(|c| if c.is_ascii() { 0.56 } else { 1.0 }).sum();
    let size = largest.min(LINE / width.max(1.0));
    let text = escaped(text);
    // Writing to a string cannot fail.
    let _ = write!(out, "<text x=\"50\" y=\"{y}\" font-size=\"{size:.2}\" font-weight=\"{weight}\" fill=\"{colour}\">{text}</text>");
}

pub fn svg(code: &Code) -> Result<String> {
    let outline = qr::outline(&code.url)?;
    let scale = CODE / outline.size as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}mm\" height=\"{HEIGHT}mm\" text-anchor=\"middle\" \
         font-family=\"PingFang SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif\"><path fill=\"#fff\" d=\"M0 0h{WIDTH}v{HEIGHT}H0z\"/>"
    );
    line(&mut out, 12.0, 9.0, 700, INK, &code.unit);
    line(&mut out, 21.0, 7.5, 700, INK, &code.title);
    line(&mut out, 27.5, 4.2, 400, SOFT, &code.in_english());
    let left = (WIDTH - CODE) / 2.0;
    let path = outline.svg_path();
    let _ = write!(
        out,
        "<path fill=\"#000\" fill-rule=\"evenodd\" shape-rendering=\"crispEdges\" transform=\"translate({left} 29) scale({scale:.5})\" d=\"{path}\"/>"
    );
    line(&mut out, 97.0, 4.6, 600, INK, &t!(Chinese, print.call));
    line(&mut out, 102.0, 3.2, 400, SOFT, &t!(English, print.call));
    line(&mut out, 110.0, 5.0, 700, INK, &code.place);
    if let Some(place) = &code.place_en {
        line(&mut out, 114.5, 3.2, 400, SOFT, place);
    }
    phrase(&mut out, code);
    line(&mut out, 140.0, 4.4, 700, INK, code.short_url());
    out.push_str("</svg>");
    Ok(out)
}

/// Four characters, each in its box with its reading above.
fn phrase(out: &mut String, code: &Code) {
    for (i, (character, reading)) in code.phrase().into_iter().enumerate() {
        let left = 26 + 12 * i;
        let middle = left + 6;
        let _ = write!(
            out,
            "<text x=\"{middle}\" y=\"119.5\" font-size=\"3\" fill=\"{SOFT}\">{reading}</text>\
             <path fill=\"none\" stroke=\"{INK}\" stroke-width=\".4\" d=\"M{left} 121h12v12h-12z\"/>\
             <text x=\"{middle}\" y=\"130\" font-size=\"8.5\" font-weight=\"700\" fill=\"{INK}\">{character}</text>"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_smaller_until_it_fits_and_is_never_markup() {
        let set = |text: &str| {
            let mut out = String::new();
            line(&mut out, 1.0, 9.0, 400, INK, text);
            out
        };
        assert!(set("第三网格").contains("font-size=\"9.00\""));
        assert!(set(&"网".repeat(30)).contains("font-size=\"3.00\""));
        assert!(set("<b>&").contains("&lt;b&gt;&amp;"));
    }
}

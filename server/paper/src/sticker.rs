//! Eight stickers a page, of the size of the labels that are sold eight to a sheet (99.1 × 67.7 mm), with lines for scissors where there are none.

use crate::{
    Code, Result,
    canvas::{Canvas, Row, Style},
    face::Faces,
    pdf::form_name,
    qr::{self, Outline},
};
use i18n::t;
use model::Language::{Chinese, English};

pub const ON_A_PAGE: usize = 8;

/// Millimetres.
const WIDTH: f32 = 99.1;
const HEIGHT: f32 = 67.7;
const LEFT: f32 = (210.0 - 2.0 * WIDTH - GAP) / 2.0;
const GAP: f32 = 2.5;
const TOP: f32 = (297.0 - 4.0 * HEIGHT) / 2.0;
/// Of the code with its quiet zone: without it more than 36.
const QR: f32 = 47.0;
/// What stands beside the code, from the sticker's own left.
const BESIDE: f32 = 48.0;
const BESIDE_WIDTH: f32 = WIDTH - BESIDE - 4.0;
/// Where that begins, and where it has to end: above the check phrase.
const BESIDE_TOP: f32 = 4.3;
const BESIDE_BOTTOM: f32 = 33.2;
const BOX: f32 = 10.0;

fn place(i: usize) -> (f32, f32) {
    (LEFT + (i % 2) as f32 * (WIDTH + GAP), TOP + (i / 2) as f32 * HEIGHT)
}

/// The lines for scissors.
pub fn form(faces: &mut Faces) -> Vec<u8> {
    let mut on = Canvas::new(faces);
    let (bottom, right) = (TOP + 4.0 * HEIGHT, LEFT + 2.0 * WIDTH + GAP);
    for column in 0..2 {
        let left = LEFT + column as f32 * (WIDTH + GAP);
        on.cut((left, TOP), (left, bottom));
        on.cut((left + WIDTH, TOP), (left + WIDTH, bottom));
    }
    for row in 0..5 {
        let y = TOP + row as f32 * HEIGHT;
        on.cut((LEFT, y), (right, y));
    }
    on.finish()
}

pub fn page(faces: &mut Faces, codes: &[Code]) -> Result<Vec<u8>> {
    let mut on = Canvas::new(faces);
    on.form(&form_name(0));
    for (i, code) in codes.iter().enumerate() {
        sticker(&mut on, place(i), code, &qr::outline(&code.url)?)?;
    }
    Ok(on.finish())
}

fn sticker(on: &mut Canvas<'_>, (x, y): (f32, f32), code: &Code, outline: &Outline) -> Result<()> {
    on.qr(x + 0.5, y + 0.5, QR, outline);
    let left = x + BESIDE;
    on.column(left, (y + BESIDE_TOP, y + BESIDE_BOTTOM), BESIDE_WIDTH, |on, scale| beside(on, code, scale))?;
    for (i, (character, reading)) in code.phrase().into_iter().enumerate() {
        let side = left + BOX * i as f32;
        on.centred(side, y + 35.8, BOX, Style::soft(7.0), &reading)?;
        on.frame(side, y + 37.0, BOX, BOX, 0.3);
        on.centred(side, y + 45.0, BOX, Style::bold(20.0), &character.to_string())?;
    }
    let (left, width) = (x + 5.0, WIDTH - 9.0);
    on.line(left, y + 52.8, width, Style::bold(12.5), code.short_url())?;
    on.line(left, y + 58.2, width, Style::bold(9.5), &t!(Chinese, print.call))?;
    on.line(left, y + 61.8, width, Style::soft(7.0), &t!(English, print.call))?;
    on.line(left, y + 65.2, width, Style::soft(6.2), &format!("{}　{}", t!(Chinese, print.genuine), t!(English, print.genuine_short)))
}

/// Unit, post and place in both languages, all of it larger or smaller by `scale`.
fn beside(on: &mut Canvas<'_>, code: &Code, scale: f32) -> Result<Vec<Row>> {
    let row = |above: f32, style: Style, text: String| Row { above: above * scale, style: style.sized(style.size * scale), text };
    let name = Style::bold(15.0);
    let mut rows = if on.fitted(&code.unit, name, BESIDE_WIDTH)?.size >= 11.0 {
        vec![row(5.2, name, code.unit.clone()), row(7.0, name, code.title.clone())]
    } else {
        let unit = Style::bold(10.5);
        let lines = on.lines(&code.unit, unit.sized(unit.size * scale), BESIDE_WIDTH, 2)?;
        let unit = lines.into_iter().enumerate().map(|(i, line)| row(if i == 0 { 3.6 } else { 4.6 }, unit, line));
        unit.chain([row(5.2, Style::bold(12.0), code.title.clone())]).collect()
    };
    rows.push(row(4.4, Style::soft(7.5), code.in_english()));
    let place = code.topic.as_ref().map_or_else(|| code.place.clone(), |topic| format!("{} · {topic}", code.place));
    let style = Style::bold(if place.chars().count() > 13 { 8.5 } else { 10.0 });
    let lines = on.lines(&place, style.sized(style.size * scale), BESIDE_WIDTH, 3)?;
    rows.extend(lines.into_iter().enumerate().map(|(i, line)| row(if i == 0 { 5.2 } else { 3.9 }, style, line)));
    if let Some(place) = &code.place_en {
        let style = Style::soft(7.0);
        let lines = on.lines(place, style.sized(style.size * scale), BESIDE_WIDTH, 2)?;
        rows.extend(lines.into_iter().enumerate().map(|(i, line)| row(if i == 0 { 3.8 } else { 3.0 }, style, line)));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::tests::{all_lengths, assert_apart};

    #[test]
    fn no_line_of_a_sticker_lies_over_another_and_english_is_not_left_out() {
        for code in all_lengths() {
            let mut faces = Faces::new();
            let mut on = Canvas::new(&mut faces);
            let outline = qr::outline(&code.url).unwrap();
            for i in 0..ON_A_PAGE {
                sticker(&mut on, place(i), &code, &outline).unwrap();
            }
            assert_apart(&on);
            let all: String = on.covered.iter().map(|(text, _)| text.replace(' ', "")).collect();
            for text in [Some(&code.place), code.place_en.as_ref(), code.topic.as_ref()].into_iter().flatten() {
                assert!(all.contains(&text.replace(' ', "")), "{text} is missing in {all}");
            }
            let bottom = on.covered.iter().map(|(_, b)| b[3]).fold(0.0, f32::max);
            assert!(bottom < TOP + 4.0 * HEIGHT, "{bottom}");
        }
    }
}

//! Eight stickers a page, of the size of the labels that are sold eight to a sheet (99.1 × 67.7 mm), with lines for scissors where there are none.

use crate::{
    Code, Result,
    canvas::{Canvas, Style},
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
    let name = Style::bold(15.0);
    if on.fitted(&code.unit, name, BESIDE_WIDTH)?.size >= 11.0 {
        on.line(left, y + 9.5, BESIDE_WIDTH, name, &code.unit)?;
        on.line(left, y + 16.5, BESIDE_WIDTH, name, &code.title)?;
    } else {
        on.block(left, y + 7.0, BESIDE_WIDTH, 4.6, 2, Style::bold(10.5), &code.unit)?;
        on.line(left, y + 16.8, BESIDE_WIDTH, Style::bold(12.0), &code.title)?;
    }
    on.line(left, y + 21.0, BESIDE_WIDTH, Style::soft(7.5), &code.in_english())?;
    let place = code.topic.as_ref().map_or_else(|| code.place.clone(), |topic| format!("{} · {topic}", code.place));
    let lines = on.block(left, y + 26.5, BESIDE_WIDTH, 3.9, 2, Style::bold(if place.chars().count() > 13 { 8.5 } else { 10.0 }), &place)?;
    if let Some(place) = code.place_en.as_ref().filter(|_| lines == 1) {
        on.line(left, y + 30.6, BESIDE_WIDTH, Style::soft(7.0), place)?;
    }
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

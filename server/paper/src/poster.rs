//! The A4 poster beside a door, in both languages at once; one a page.

use crate::{
    Code, Result,
    canvas::{Canvas, Style},
    face::Faces,
    pdf::form_name,
    qr,
};
use i18n::t;
use model::Language::{Chinese, English};

/// Millimetres.
const LEFT: f32 = 16.0;
const WIDTH: f32 = 178.0;
/// Of the code with its quiet zone: without it more than 70.
const QR: f32 = 94.0;
const QR_TOP: f32 = 97.0;
/// What stands beside the code.
const BESIDE: f32 = LEFT + 89.0;
const BESIDE_WIDTH: f32 = LEFT + WIDTH - BESIDE;
const PHRASE_TOP: f32 = 223.0;
const BOX: f32 = 21.0;

/// What all posters have.
pub fn form(faces: &mut Faces) -> Result<Vec<u8>> {
    let mut on = Canvas::new(faces);
    on.rule(LEFT, 64.0, WIDTH, 1.2);
    on.line(LEFT, 78.0, WIDTH, Style::bold(22.0), &t!(Chinese, print.call))?;
    on.line(LEFT, 86.5, WIDTH, Style::soft(14.0), &t!(English, print.call))?;
    let no_app = QR_TOP + QR - 14.0;
    on.line(BESIDE, no_app, BESIDE_WIDTH, Style::bold(13.0), &t!(Chinese, print.no_app))?;
    on.line(BESIDE, no_app + 5.5, BESIDE_WIDTH, Style::soft(11.0), &t!(English, print.no_app))?;
    on.line(LEFT, 197.0, WIDTH, Style::soft(11.0), &format!("{}　{}", t!(Chinese, print.type_it), t!(English, print.type_it)))?;
    on.rule(LEFT, 215.0, WIDTH, 0.4);
    for i in 0..4 {
        on.frame(LEFT + BOX * i as f32, PHRASE_TOP + 6.5, BOX, BOX, 0.5);
    }
    let beside = LEFT + 4.0 * BOX + 7.0;
    let width = LEFT + WIDTH - beside;
    let lines = on.block(beside, PHRASE_TOP + 13.0, width, 6.0, 2, Style::bold(13.0), &t!(Chinese, print.genuine))?;
    on.block(beside, PHRASE_TOP + 13.0 + 6.0 * lines as f32 + 1.0, width, 4.8, 2, Style::soft(10.5), &t!(English, print.genuine))?;
    on.line(LEFT, 275.5, 110.0, Style::soft(10.5), &t!(Chinese, print.emergency))?;
    on.line(LEFT, 281.0, 110.0, Style::soft(10.5), &t!(English, print.emergency))?;
    on.mark(165.0, 274.5, 7.5);
    on.text(174.0, 280.3, Style::bold(11.0), "Linli 邻里")?;
    Ok(on.finish())
}

pub fn page(faces: &mut Faces, code: &Code) -> Result<Vec<u8>> {
    let outline = qr::outline(&code.url)?;
    let mut on = Canvas::new(faces);
    on.form(&form_name(0));
    names(&mut on, code)?;
    // The quiet zone reaches into the margin, so that the code stands in line with the words.
    on.qr(LEFT - QR * qr::QUIET as f32 / outline.size as f32, QR_TOP - 4.0, QR, &outline);
    beside(&mut on, code)?;
    on.line(LEFT, 208.0, WIDTH, Style::bold(27.0), code.short_url())?;
    for (i, (character, reading)) in code.phrase().into_iter().enumerate() {
        let left = LEFT + BOX * i as f32;
        on.centred(left, PHRASE_TOP + 4.0, BOX, Style::soft(13.0), &reading)?;
        on.centred(left, PHRASE_TOP + 22.0, BOX, Style::bold(42.0), &character.to_string())?;
    }
    Ok(on.finish())
}

/// Unit and post, in the same size: larger than anything but the code.
fn names(on: &mut Canvas<'_>, code: &Code) -> Result<()> {
    let largest = Style::bold(42.0);
    let fits = on.fitted(&code.unit, largest, WIDTH)?.size.min(on.fitted(&code.title, largest, WIDTH)?.size);
    if fits >= 24.0 {
        on.text(LEFT, 32.0, largest.sized(fits), &code.unit)?;
        on.text(LEFT, 49.0, largest.sized(fits), &code.title)?;
    } else {
        let style = Style::bold(22.0);
        on.block(LEFT, 24.0, WIDTH, 9.5, 2, style, &code.unit)?;
        on.block(LEFT, 43.5, WIDTH, 8.0, 1, style, &code.title)?;
    }
    on.line(LEFT, 58.5, WIDTH, Style::soft(17.0), &code.in_english())
}

fn beside(on: &mut Canvas<'_>, code: &Code) -> Result<()> {
    let label = |zh: String, en: String| format!("{zh} {en}");
    let mut y = QR_TOP + 8.0;
    on.line(BESIDE, y, BESIDE_WIDTH, Style::soft(11.0), &label(t!(Chinese, print.place), t!(English, print.place)))?;
    let lines = on.block(BESIDE, y + 8.5, BESIDE_WIDTH, 8.5, 2, Style::bold(20.0), &code.place)?;
    y += 8.5 * lines as f32;
    if let Some(place) = &code.place_en {
        on.line(BESIDE, y + 6.0, BESIDE_WIDTH, Style::soft(12.0), place)?;
    }
    y += 16.0;
    if let Some(topic) = &code.topic {
        on.line(BESIDE, y, BESIDE_WIDTH, Style::soft(11.0), &label(t!(Chinese, print.topic), t!(English, print.topic)))?;
        on.line(BESIDE, y + 8.0, BESIDE_WIDTH, Style::bold(18.0), topic)?;
        y += 17.0;
    }
    on.line(BESIDE, y, BESIDE_WIDTH, Style::soft(11.0), &label(t!(Chinese, print.on_duty), t!(English, print.on_duty)))?;
    let mut below = y + 6.5;
    for hours in &code.hours {
        let lines = on.block(BESIDE, below, BESIDE_WIDTH, 5.4, 2, Style::soft(12.0), hours)?;
        below += 5.4 * lines as f32;
    }
    Ok(())
}

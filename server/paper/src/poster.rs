//! The A4 poster beside a door, in both languages at once; one a page.

use crate::{
    Code, Result,
    canvas::{Canvas, Row, Style},
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

/// Where what stands beside the code begins, and where it has to end: above what all posters have there.
const BESIDE_TOP: f32 = QR_TOP + 4.0;
const NO_APP: f32 = QR_TOP + QR - 14.0;
const BESIDE_BOTTOM: f32 = NO_APP - 5.5;

/// What all posters have.
pub fn form(faces: &mut Faces) -> Result<Vec<u8>> {
    let mut on = Canvas::new(faces);
    draw_form(&mut on)?;
    Ok(on.finish())
}

fn draw_form(on: &mut Canvas<'_>) -> Result<()> {
    on.rule(LEFT, 64.0, WIDTH, 1.2);
    on.line(LEFT, 78.0, WIDTH, Style::bold(22.0), &t!(Chinese, print.call))?;
    on.line(LEFT, 86.5, WIDTH, Style::soft(14.0), &t!(English, print.call))?;
    on.line(BESIDE, NO_APP, BESIDE_WIDTH, Style::bold(13.0), &t!(Chinese, print.no_app))?;
    on.line(BESIDE, NO_APP + 5.5, BESIDE_WIDTH, Style::soft(11.0), &t!(English, print.no_app))?;
    on.line(LEFT, 197.0, WIDTH, Style::soft(11.0), &format!("{}　{}", t!(Chinese, print.type_it), t!(English, print.type_it)))?;
    on.rule(LEFT, 215.0, WIDTH, 0.4);
    for i in 0..4 {
        on.frame(LEFT + BOX * i as f32, PHRASE_TOP + 6.5, BOX, BOX, 0.5);
    }
    let beside = LEFT + 4.0 * BOX + 7.0;
    let width = LEFT + WIDTH - beside;
    let lines = on.block((beside, PHRASE_TOP + 13.0), width, 6.0, 2, Style::bold(13.0), &t!(Chinese, print.genuine))?;
    on.block((beside, PHRASE_TOP + 13.0 + 6.0 * lines as f32 + 1.0), width, 4.8, 2, Style::soft(10.5), &t!(English, print.genuine))?;
    on.line(LEFT, 275.5, 110.0, Style::soft(10.5), &t!(Chinese, print.emergency))?;
    on.line(LEFT, 281.0, 110.0, Style::soft(10.5), &t!(English, print.emergency))?;
    on.mark(165.0, 274.5, 7.5);
    on.text(174.0, 280.3, Style::bold(11.0), "Linli 邻里")
}

pub fn page(faces: &mut Faces, code: &Code) -> Result<Vec<u8>> {
    let mut on = Canvas::new(faces);
    on.form(&form_name(0));
    draw(&mut on, code)?;
    Ok(on.finish())
}

fn draw(on: &mut Canvas<'_>, code: &Code) -> Result<()> {
    let outline = qr::outline(&code.url)?;
    names(on, code)?;
    // The quiet zone reaches into the margin, so that the code stands in line with the words.
    on.qr(LEFT - QR * qr::QUIET as f32 / outline.size as f32, QR_TOP - 4.0, QR, &outline);
    on.column(BESIDE, (BESIDE_TOP, BESIDE_BOTTOM), BESIDE_WIDTH, |on, scale| beside(on, code, scale))?;
    on.line(LEFT, 208.0, WIDTH, Style::bold(27.0), code.short_url())?;
    for (i, (character, reading)) in code.phrase().into_iter().enumerate() {
        let left = LEFT + BOX * i as f32;
        on.centred(left, PHRASE_TOP + 4.0, BOX, Style::soft(13.0), &reading)?;
        on.centred(left, PHRASE_TOP + 22.0, BOX, Style::bold(42.0), &character.to_string())?;
    }
    Ok(())
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
        on.block((LEFT, 24.0), WIDTH, 9.5, 2, style, &code.unit)?;
        on.block((LEFT, 43.5), WIDTH, 8.0, 1, style, &code.title)?;
    }
    on.line(LEFT, 58.5, WIDTH, Style::soft(17.0), &code.in_english())
}

/// Place, topic and working hours, all of it larger or smaller by `scale`.
fn beside(on: &mut Canvas<'_>, code: &Code, scale: f32) -> Result<Vec<Row>> {
    let row = |above: f32, style: Style, text: String| Row { above: above * scale, style: style.sized(style.size * scale), text };
    let label = |above, zh: String, en: String| row(above, Style::soft(11.0), format!("{zh} {en}"));
    let mut rows = vec![label(4.0, t!(Chinese, print.place), t!(English, print.place))];
    let place = Style::bold(20.0);
    rows.extend(on.lines(&code.place, place.sized(place.size * scale), BESIDE_WIDTH, 2)?.into_iter().map(|line| row(8.5, place, line)));
    if let Some(place) = &code.place_en {
        let style = Style::soft(12.0);
        let lines = on.lines(place, style.sized(style.size * scale), BESIDE_WIDTH, 2)?;
        rows.extend(lines.into_iter().enumerate().map(|(i, line)| row(if i == 0 { 6.0 } else { 5.0 }, style, line)));
    }
    if let Some(topic) = &code.topic {
        rows.push(label(10.0, t!(Chinese, print.topic), t!(English, print.topic)));
        rows.push(row(8.0, Style::bold(18.0), topic.clone()));
    }
    rows.push(label(10.0, t!(Chinese, print.on_duty), t!(English, print.on_duty)));
    let hours = Style::soft(12.0);
    for (i, words) in code.hours.iter().enumerate() {
        let lines = on.lines(words, hours.sized(hours.size * scale), BESIDE_WIDTH, 2)?;
        rows.extend(lines.into_iter().enumerate().map(|(j, line)| row(if i + j == 0 { 6.5 } else { 5.4 }, hours, line)));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::tests::{all_lengths, assert_apart};

    #[test]
    fn no_line_of_a_poster_lies_over_another_and_none_is_left_out() {
        for code in all_lengths() {
            let mut faces = Faces::new();
            let mut on = Canvas::new(&mut faces);
            draw_form(&mut on).unwrap();
            draw(&mut on, &code).unwrap();
            assert_apart(&on);
            let all: String = on.covered.iter().map(|(text, _)| text.replace(' ', "")).collect();
            for text in [&code.place, code.place_en.as_ref().unwrap_or(&code.unit), code.topic.as_ref().unwrap_or(&code.title), &code.hours[0], &code.hours[1]]
            {
                assert!(all.contains(&text.replace(' ', "")), "{text} is missing in {all}");
            }
            // None so small that nobody reads it at a door.
            let lowest = on.covered.iter().map(|(_, b)| b[3] - b[1]).fold(f32::MAX, f32::min);
            assert!(lowest > 1.0, "{lowest}");
        }
    }
}

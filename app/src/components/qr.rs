//! QR codes as SVG.

use leptos::prelude::*;
use qrcode::{Color, EcLevel, QrCode};

/// A QR code as one path in the text's colour, with the quiet zone of four modules that ISO/IEC 18004 asks for.
/// `None` when the text is too long for any code.
pub fn qr(text: &str, level: EcLevel, label: String) -> Option<impl IntoView + use<>> {
    let code = QrCode::with_error_correction_level(text, level).ok()?;
    let width = code.width();
    let dark = code.to_colors();
    let runs =
        (0..width).flat_map(|y| dark_runs(&dark[y * width..(y + 1) * width]).map(move |(x, length)| format!("M{} {}h{length}v1h-{length}z", x + 4, y + 4)));
    let path: String = runs.collect();
    let size = width + 8;
    Some(view! {
        <svg viewBox=format!("0 0 {size} {size}") role="img" aria-label=label shape-rendering="crispEdges"><path fill="currentColor" d=path></path></svg>
    })
}

/// Where dark modules stand side by side in a row: first column and how many.
fn dark_runs(row: &[Color]) -> impl Iterator<Item = (usize, usize)> + use<> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (x, color) in row.iter().enumerate() {
        match runs.last_mut() {
            _ if *color == Color::Light => {}
            Some((start, length)) if *start + *length == x => *length += 1,
            _ => runs.push((x, 1)),
        }
    }
    runs.into_iter()
}

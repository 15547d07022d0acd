//! QR codes as SVG.

use leptos::prelude::*;
use qrcode::{
    Color, EcLevel, QrCode, bits,
    canvas::{Canvas, MaskPattern},
    ec,
};

/// A QR code as one path in the text's colour, with the quiet zone of four modules that ISO/IEC 18004 asks for.
/// `None` when the text is too long for any code.
pub fn qr(text: &str, level: EcLevel, label: String) -> Option<impl IntoView + use<>> {
    let code = QrCode::with_error_correction_level(text, level).ok()?;
    Some(svg(code.width(), &code.to_colors(), label))
}

/// The same for a screen, where nothing is worn or dirty: with one mask instead of the best of eight, which every reader reads as well. Choosing
/// took a sixth of the time of the page that residents open most.
pub fn quick_qr(text: &str, level: EcLevel, label: String) -> Option<impl IntoView + use<>> {
    let bits = bits::encode_auto(text.as_bytes(), level).ok()?;
    let version = bits.version();
    let (codewords, corrections) = ec::construct_codewords(&bits.into_bytes(), version, level).ok()?;
    let mut canvas = Canvas::new(version, level);
    canvas.draw_all_functional_patterns();
    canvas.draw_data(&codewords, &corrections);
    canvas.apply_mask(MaskPattern::Checkerboard);
    Some(svg(usize::try_from(version.width()).ok()?, &canvas.into_colors(), label))
}

fn svg(width: usize, dark: &[Color], label: String) -> impl IntoView + use<> {
    let runs =
        (0..width).flat_map(|y| dark_runs(&dark[y * width..(y + 1) * width]).map(move |(x, length)| format!("M{} {}h{length}v1h-{length}z", x + 4, y + 4)));
    let path: String = runs.collect();
    let size = width + 8;
    view! {
        <svg viewBox=format!("0 0 {size} {size}") role="img" aria-label=label shape-rendering="crispEdges"><path fill="currentColor" d=path></path></svg>
    }
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

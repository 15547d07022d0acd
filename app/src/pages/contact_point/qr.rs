//! `/admin/contact-points/{id}/qr.svg` and `qr.png`: the code alone, for other layouts. Level H, so that it reads with 15 % of it covered.

use crate::{
    error::AppError,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use domain::contact_point;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use model::ContactPointId;
use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code, as ISO/IEC 18004 asks for.
const QUIET: usize = 4;
/// Pixels on a side of the PNG, at least.
const PIXELS: usize = 1000;

pub async fn svg(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<ContactPointId>) -> Result<Response, AppError> {
    let view = contact_point::view(&visit.app.domain, &admin, id).await?.filter(|v| v.point.revoked_at.is_none()).ok_or(AppError::NotFound)?;
    let body = as_svg(&view.url).ok_or(AppError::Internal)?;
    Ok(file(body.into_bytes(), "image/svg+xml", &format!("linli-{}.svg", view.point.code)))
}

pub async fn png(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<ContactPointId>) -> Result<Response, AppError> {
    let view = contact_point::view(&visit.app.domain, &admin, id).await?.filter(|v| v.point.revoked_at.is_none()).ok_or(AppError::NotFound)?;
    let body = as_png(&view.url).ok_or(AppError::Internal)?;
    Ok(file(body, "image/png", &format!("linli-{}.png", view.point.code)))
}

pub fn file(body: Vec<u8>, kind: &'static str, name: &str) -> Response {
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))], body).into_response()
}

/// Black on white whatever stands behind it.
pub fn as_svg(text: &str) -> Option<String> {
    let (path, size) = dark_path(text)?;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" width=\"{PIXELS}\" height=\"{PIXELS}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

/// The dark modules as a path, and how many modules stand along a side, quiet zone included.
fn dark_path(text: &str) -> Option<(String, usize)> {
    let (modules, size) = modules(text)?;
    let path = (0..size).flat_map(|y| (0..size).map(move |x| (x, y))).filter(|(x, y)| modules[y * size + x]).map(|(x, y)| format!("M{x} {y}h1v1h-1z"));
    Some((path.collect(), size))
}

pub fn as_png(text: &str) -> Option<Vec<u8>> {
    let (modules, size) = modules(text)?;
    let scale = PIXELS.div_ceil(size);
    let side = size * scale;
    let pixels: Vec<u8> = (0..side * side).map(|i| if modules[(i / side / scale) * size + (i % side) / scale] { 0 } else { 255 }).collect();
    let mut png = Vec::new();
    let side = u32::try_from(side).ok()?;
    PngEncoder::new(&mut png).write_image(&pixels, side, side, ExtendedColorType::L8).ok()?;
    Some(png)
}

/// Row by row which modules are dark, quiet zone included, and how many stand in a row. `None` when the text is too long for any code.
fn modules(text: &str) -> Option<(Vec<bool>, usize)> {
    let code = QrCode::with_error_correction_level(text, EcLevel::H).ok()?;
    let (width, size) = (code.width(), code.width() + 2 * QUIET);
    let mut modules = vec![false; size * size];
    for (i, color) in code.to_colors().into_iter().enumerate() {
        modules[(i / width + QUIET) * size + i % width + QUIET] = color == Color::Dark;
    }
    Some((modules, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma};
    use std::{path::PathBuf, process::Command};

    const URL: &str = "https://linli.xiling.example/q/7KQM4T2X";

    /// What a reader of QR codes makes of a picture.
    fn read(name: &str, picture: &[u8]) -> String {
        let path: PathBuf = std::env::temp_dir().join(format!("linli-{}-{name}", std::process::id()));
        std::fs::write(&path, picture).unwrap();
        let output = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&path).output().expect("zbarimg is missing: install zbar-tools");
        let _ = std::fs::remove_file(&path);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn encoded(picture: &GrayImage) -> Vec<u8> {
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::L8).unwrap();
        png
    }

    fn picture() -> GrayImage {
        image::load_from_memory(&as_png(URL).unwrap()).unwrap().to_luma8()
    }

    #[test]
    fn the_png_is_large_and_decodes() {
        let picture = picture();
        assert!(picture.width() >= 1000 && picture.width() == picture.height());
        assert_eq!(read("plain.png", &encoded(&picture)), URL);
    }

    #[test]
    fn four_light_modules_stand_around_the_code() {
        let (modules, size) = modules(URL).unwrap();
        let dark_on_the_edge = (0..size * size).filter(|i| modules[*i]).any(|i| {
            let (x, y) = (i % size, i / size);
            x < QUIET || y < QUIET || x >= size - QUIET || y >= size - QUIET
        });
        assert!(!dark_on_the_edge);
    }

    #[test]
    fn it_decodes_with_15_percent_painted_over_in_black_or_white() {
        let whole = picture();
        let size = modules(URL).unwrap().1 as u32;
        let scale = whole.width() / size;
        let (quiet, code) = (QUIET as u32 * scale, (size - 2 * QUIET as u32) * scale);
        // A square of 15 % of the code's area: in the middle, and where a corner without a finder pattern is.
        let side = (f64::from(code) * 0.15_f64.sqrt()).ceil() as u32;
        let middle = quiet + (code - side) / 2;
        let corner = quiet + code - side;
        for (name, at) in [("middle", middle), ("corner", corner)] {
            for (shade, paint) in [("black", 0), ("white", 255)] {
                let mut covered = whole.clone();
                for (x, y) in (at..at + side).flat_map(|x| (at..at + side).map(move |y| (x, y))) {
                    covered.put_pixel(x, y, Luma([paint]));
                }
                assert_eq!(read(&format!("{name}-{shade}.png"), &encoded(&covered)), URL, "{name} {shade}");
            }
        }
    }

    #[test]
    fn the_svg_shows_the_same_modules() {
        let (modules, size) = modules(URL).unwrap();
        let svg = as_svg(URL).unwrap();
        let (_, path) = svg.split_once("fill=\"#000\" d=\"").unwrap();
        let mut drawn = GrayImage::from_pixel(size as u32 * 8, size as u32 * 8, Luma([255]));
        for piece in path.split('M').skip(1) {
            let (x, rest) = piece.split_once(' ').unwrap();
            let (y, _) = rest.split_once('h').unwrap();
            let (x, y): (u32, u32) = (x.parse().unwrap(), y.parse().unwrap());
            assert!(modules[(y as usize) * size + x as usize]);
            for (dx, dy) in (0..8).flat_map(|dx| (0..8).map(move |dy| (dx, dy))) {
                drawn.put_pixel(x * 8 + dx, y * 8 + dy, Luma([0]));
            }
        }
        assert_eq!(read("drawn.png", &encoded(&drawn)), URL);
    }
}

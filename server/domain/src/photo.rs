//! Photos of staff: whatever is uploaded is decoded and drawn anew, so that nothing hidden in a file, its place on the map least of all, gets out.

use crate::{Domain, Staff, audit};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder, imageops::FilterType};
use model::StaffId;
use std::io::Cursor;
use store::{Result, photo::Photo};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Bytes of an upload.
pub const UPLOAD_LIMIT: usize = 4 * 1024 * 1024;
/// Pixels along each side of what is kept.
pub const SIDE: u32 = 320;
/// Pixels along the longer side of an upload, and bytes its pixels may take: a few kilobytes can claim to be a picture of gigabytes.
const LONGEST_SIDE: u32 = 10_000;
const DECODED_LIMIT: u64 = 160 * 1024 * 1024;

/// How many times as long as wide an upload may be. Blown up to a square, a line of pixels would become a picture of gigabytes.
const NARROWEST: u32 = 10;

/// One at a time: each may take [`DECODED_LIMIT`].
static AT_ONCE: Semaphore = Semaphore::const_new(1);

#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    #[error("too large")]
    TooLarge,
    /// Neither JPEG nor PNG, or broken.
    #[error("not a photo")]
    NotPhoto,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Keeps an uploaded picture as my photo.
pub async fn save(domain: &Domain, staff: &Staff, upload: Vec<u8>) -> std::result::Result<(), PhotoError> {
    if upload.len() > UPLOAD_LIMIT {
        return Err(PhotoError::TooLarge);
    }
    let _turn = AT_ONCE.acquire().await.map_err(|_| store::Error::Stopped)?;
    let drawn = spawn_blocking(move || redraw(&upload)).await.map_err(|_| PhotoError::NotPhoto)?;
    let drawn = drawn.ok_or(PhotoError::NotPhoto)?;
    let (id, now) = (staff.id, domain.now());
    let work = domain.db.write(move |c| {
        Box::pin(async move {
            store::photo::save(c, id, &drawn, now).await?;
            audit::append(c, now, Some(id), "photo.change", &id.to_string(), "").await
        })
    });
    Ok(work.await?)
}

pub async fn delete(domain: &Domain, staff: &Staff) -> Result<()> {
    let (id, now) = (staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::photo::delete(c, id).await?;
                audit::append(c, now, Some(id), "photo.remove", &id.to_string(), "").await
            })
        })
        .await
}

/// The photo of somebody who holds a post; anybody else's is nobody's business.
pub async fn shown(domain: &Domain, staff: StaffId) -> Result<Option<Photo>> {
    let mut conn = domain.db.read().await?;
    store::photo::of_holder(&mut conn, staff, domain.now()).await
}

/// The middle square, upright, as a JPEG without metadata.
fn redraw(upload: &[u8]) -> Option<Vec<u8>> {
    let mut reader = ImageReader::new(Cursor::new(upload)).with_guessed_format().ok()?;
    if !matches!(reader.format()?, ImageFormat::Jpeg | ImageFormat::Png) {
        return None;
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(DECODED_LIMIT);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    // Phones store the picture as the sensor lay and note how the phone was held.
    let orientation = decoder.orientation().ok()?;
    let (width, height) = decoder.dimensions();
    if decoder.total_bytes() > DECODED_LIMIT || width.max(height) > NARROWEST * width.min(height) {
        return None;
    }
    let mut picture = DynamicImage::from_decoder(decoder).ok()?;
    picture.apply_orientation(orientation);
    let square = picture.resize_to_fill(SIDE, SIDE, FilterType::Triangle);
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, 82).encode_image(&on_white(square)).ok()?;
    Some(out)
}

/// JPEG knows no transparency, and what is left of it is often black.
fn on_white(picture: DynamicImage) -> DynamicImage {
    let mut rgba = picture.into_rgba8();
    for pixel in rgba.pixels_mut() {
        let alpha = u16::from(pixel[3]);
        for channel in 0..3 {
            let blended = (u16::from(pixel[channel]) * alpha + 255 * (255 - alpha)) / 255;
            pixel[channel] = u8::try_from(blended).unwrap_or(u8::MAX);
        }
    }
    DynamicImage::ImageRgb8(DynamicImage::ImageRgba8(rgba).into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgba, RgbaImage};

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        RgbaImage::from_pixel(width, height, Rgba([200, 40, 40, 128])).write_to(&mut out, ImageFormat::Png).unwrap();
        out.into_inner()
    }

    #[test]
    fn a_photo_becomes_a_square_jpeg_of_a_fixed_size() {
        let drawn = redraw(&png(600, 200)).unwrap();
        let read = image::load_from_memory_with_format(&drawn, ImageFormat::Jpeg).unwrap();
        assert_eq!((read.width(), read.height()), (SIDE, SIDE));
        let [red, green, _] = read.into_rgb8().get_pixel(10, 10).0;
        assert!(red > 215 && green > 130, "what was see-through is on white");
    }

    #[test]
    fn metadata_does_not_survive() {
        let mut upload = Vec::new();
        JpegEncoder::new(&mut upload).encode_image(&DynamicImage::new_rgb8(50, 50)).unwrap();
        let secret = b"Exif\0\0GPS 30.69N 111.28E";
        let mut marked = upload[..2].to_vec();
        marked.extend([0xFF, 0xE1, 0, u8::try_from(secret.len() + 2).unwrap()]);
        marked.extend(secret);
        marked.extend(&upload[2..]);
        let drawn = redraw(&marked).unwrap();
        assert!(!drawn.windows(3).any(|w| w == b"GPS"));
    }

    #[test]
    fn what_is_no_photo_or_claims_to_be_enormous_is_refused() {
        assert!(redraw(b"<svg xmlns='http://www.w3.org/2000/svg'/>").is_none());
        assert!(redraw(b"GIF89a").is_none());
        // A few bytes that would be blown up to gigabytes.
        assert!(redraw(&png(3_000, 1)).is_none() && redraw(&png(1, 3_000)).is_none());
        assert!(redraw(&png(500, 60)).is_some());
        assert!(redraw(&png(20, 20)[..40]).is_none());
        let mut bomb = png(20, 20);
        // The width in the header, with its checksum left wrong: refused either way, and without the memory being asked for.
        bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        assert!(redraw(&bomb).is_none());
    }
}

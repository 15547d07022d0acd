//! What is printed: posters, stickers and labels with a QR code. One code after the other goes in and the file comes out while it is made, so that
//! fifteen thousand pages need no more memory than fifteen.

mod bundle;
mod canvas;
mod code;
mod face;
pub mod label;
mod pdf;
mod poster;
mod printer;
pub mod qr;
mod sticker;
pub mod workbook;

pub use code::Code;
pub use printer::{Made, Printer, extension, media_type};

/// Why a file was not finished.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// Where it goes takes no more: a full disk, or somebody who hung up.
    #[error("the file could not be written: {0}")]
    Write(#[from] std::io::Error),
    #[error("the packed file could not be written: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// Only possible with a damaged program or a damaged font of the machine.
    #[error("a font cannot be read: {0}")]
    Font(String),
    /// An address too long for any code: a public URL of more than a thousand characters.
    #[error("the address is too long for a QR code: {0}")]
    TooLong(String),
}

pub type Result<T> = std::result::Result<T, PaperError>;

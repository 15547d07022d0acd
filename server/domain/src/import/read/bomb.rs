//! What a ZIP would make of the memory, before anything of it is kept.

use super::ReadError;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Bytes of what is packed inside: all of it, one sheet of it, the texts that sheets share, and what is no table (pictures).
const UNPACKED_LIMIT: u64 = 256 * 1024 * 1024;
pub(super) const PART_LIMIT: u64 = 64 * 1024 * 1024;
const STRINGS_LIMIT: u64 = 32 * 1024 * 1024;
const OTHER_LIMIT: u64 = 16 * 1024 * 1024;
/// Bytes between two brackets of XML: no cell that is taken has as many.
const TEXT_LIMIT: usize = 1024 * 1024;
/// Files packed inside.
pub(super) const PARTS_LIMIT: usize = 2_000;

/// A ZIP of the large kind says at its end, in 64 bits, how many parts it has.
pub(super) fn claims_many_parts(bytes: &[u8]) -> bool {
    // The record that leads there stands before the last one, which a comment of 64 KB may follow.
    let end = &bytes[bytes.len().saturating_sub(66_000)..];
    let is_large = end.windows(4).any(|four| four == b"PK\x06\x07");
    let count = |record: &[u8]| record.get(32..40).and_then(|count| count.try_into().ok()).map_or(0, u64::from_le_bytes);
    is_large && bytes.windows(40).any(|record| record.starts_with(b"PK\x06\x06") && count(record) > PARTS_LIMIT as u64)
}

/// What a ZIP would take unpacked: first as it says itself, then as it is, a piece at a time and kept nowhere.
pub(super) fn measure(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<(), ReadError> {
    if archive.len() > PARTS_LIMIT {
        return Err(ReadError::Bomb);
    }
    let mut declared = 0_u64;
    for i in 0..archive.len() {
        let part = archive.by_index_raw(i).map_err(|_| ReadError::Damaged)?;
        if part.encrypted() {
            return Err(ReadError::OldExcel);
        }
        declared = declared.saturating_add(part.size());
    }
    if declared > UNPACKED_LIMIT {
        return Err(ReadError::Bomb);
    }
    let mut unpacked = 0;
    let mut buffer = vec![0; 64 * 1024];
    for i in 0..archive.len() {
        let mut part = archive.by_index(i).map_err(|_| ReadError::Damaged)?;
        let mut meter = Meter::new(&part.name().map_err(|_| ReadError::Damaged)?.to_lowercase());
        loop {
            let count = part.read(&mut buffer).map_err(|_| ReadError::Damaged)?;
            if count == 0 {
                break;
            }
            unpacked += count as u64;
            if unpacked > UNPACKED_LIMIT {
                return Err(ReadError::Bomb);
            }
            meter.take(&buffer[..count])?;
        }
        meter.end()?;
    }
    Ok(())
}

/// What one part of a workbook would make of the memory when it is read.
struct Meter {
    limit: u64,
    size: u64,
    is_xml: bool,
    /// Bytes since the last bracket.
    quiet: usize,
    texts: Option<Texts>,
}

impl Meter {
    fn new(name: &str) -> Meter {
        let shares_texts = name.ends_with("sharedstrings.xml");
        let is_xml = [".xml", ".rels", ".vml"].iter().any(|end| name.ends_with(end));
        let limit = match () {
            () if shares_texts => STRINGS_LIMIT,
            () if is_xml || name.ends_with(".csv") => PART_LIMIT,
            () => OTHER_LIMIT,
        };
        Meter { limit, size: 0, is_xml, quiet: 0, texts: shares_texts.then(Texts::default) }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ReadError> {
        self.size += piece.len() as u64;
        if self.size > self.limit {
            return Err(ReadError::Bomb);
        }
        if !self.is_xml {
            return Ok(());
        }
        for b in piece {
            match b {
                b'<' | b'>' => self.quiet = 0,
                // No XML has them, except in encodings in which nothing here would be recognised.
                0 | 0x1B => return Err(ReadError::Damaged),
                _ => self.quiet += 1,
            }
            if self.quiet > TEXT_LIMIT {
                return Err(ReadError::Bomb);
            }
            if let Some(texts) = &mut self.texts {
                texts.take(*b);
            }
        }
        Ok(())
    }

    fn end(self) -> Result<(), ReadError> {
        // `<si/>` is the shortest text there is.
        let is_true = self.texts.is_none_or(|texts| texts.most <= self.size / 5);
        if is_true { Ok(()) } else { Err(ReadError::Damaged) }
    }
}

/// How many texts a workbook says that its sheets share. Whoever reads it makes room for as many before there is one.
#[derive(Default)]
struct Texts {
    /// Letters of the attribute's name that have gone by.
    letters: usize,
    /// The number that is being read.
    number: Option<u64>,
    most: u64,
}

impl Texts {
    const NAME: &'static [u8] = b"uniqueCount";

    fn take(&mut self, b: u8) {
        if let Some(number) = &mut self.number {
            match b {
                b'0'..=b'9' => {
                    *number = number.saturating_mul(10).saturating_add(u64::from(b - b'0'));
                    self.most = self.most.max(*number);
                    return;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b'=' | b'"' | b'\'' | b'+' if *number == 0 => return,
                _ => self.number = None,
            }
        }
        self.letters = if b == Texts::NAME[self.letters] { self.letters + 1 } else { usize::from(b == Texts::NAME[0]) };
        if self.letters == Texts::NAME.len() {
            (self.letters, self.number) = (0, Some(0));
        }
    }
}

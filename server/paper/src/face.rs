//! The faces that text is set in. Two come with the program, with the general-use characters; a rarer one is looked for among the fonts of the
//! machine.

use crate::{PaperError, Result};
use fontdb::Database;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};
use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId};

static REGULAR: &[u8] = include_bytes!("../faces/NotoSansSC-Regular.otf");
static BOLD: &[u8] = include_bytes!("../faces/NotoSansSC-Bold.otf");

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weight {
    Regular,
    Bold,
}

/// What stands for a character that no face has: an empty box.
const UNKNOWN: u16 = 0;

/// A face with the glyphs of it that were used.
pub struct Used {
    pub data: Cow<'static, [u8]>,
    pub index: u32,
    pub remapper: GlyphRemapper,
    /// By new number: the character and the width in thousandths of the size.
    pub glyphs: BTreeMap<u16, (char, f32)>,
}

/// A character as it is set: in which face, as which glyph, how wide for a size of one.
#[derive(Clone, Copy, Debug)]
pub struct Glyph {
    pub face: usize,
    pub glyph: u16,
    pub width: f32,
}

pub struct Faces {
    pub used: Vec<Used>,
    known: HashMap<(char, Weight), Glyph>,
    /// The machine's, read when the first rare character comes.
    system: Option<Database>,
    /// Characters that no face has.
    pub missing: BTreeSet<char>,
}

/// Letters that are joined, stacked or written from the right, as of Arabic, Hebrew, Mongolian, Tibetan and Indian scripts: set one after the other
/// they would be wrong, so they count as missing.
fn is_shaped(c: char) -> bool {
    matches!(c, '\u{0590}'..='\u{0DFF}' | '\u{0E00}'..='\u{0FFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}')
}

impl Faces {
    pub fn new() -> Faces {
        let own = |data: &'static [u8]| Used { data: Cow::Borrowed(data), index: 0, remapper: GlyphRemapper::new(), glyphs: BTreeMap::new() };
        Faces { used: vec![own(REGULAR), own(BOLD)], known: HashMap::new(), system: None, missing: BTreeSet::new() }
    }

    pub fn glyph(&mut self, c: char, weight: Weight) -> Result<Glyph> {
        if let Some(glyph) = self.known.get(&(c, weight)) {
            return Ok(*glyph);
        }
        let own = match weight {
            Weight::Regular => 0,
            Weight::Bold => 1,
        };
        let found = if is_shaped(c) { None } else { self.from(own, c)? };
        let glyph = match found {
            Some(glyph) => glyph,
            None if is_shaped(c) => {
                self.missing.insert(c);
                Glyph { face: own, glyph: UNKNOWN, width: 1.0 }
            }
            None => match self.elsewhere(c, weight)? {
                Some(glyph) => glyph,
                None => {
                    self.missing.insert(c);
                    Glyph { face: own, glyph: UNKNOWN, width: 1.0 }
                }
            },
        };
        self.known.insert((c, weight), glyph);
        Ok(glyph)
    }

    /// The width of a line for a size of one.
    pub fn width(&mut self, text: &str, weight: Weight) -> Result<f32> {
        text.chars().try_fold(0.0, |width, c| Ok(width + self.glyph(c, weight)?.width))
    }

    fn from(&mut self, index: usize, c: char) -> Result<Option<Glyph>> {
        let Some(used) = self.used.get_mut(index) else { return Ok(None) };
        let face = Face::parse(&used.data, used.index).map_err(|e| PaperError::Font(e.to_string()))?;
        let Some(id) = glyph_of(&face, c) else { return Ok(None) };
        let width = f32::from(face.glyph_hor_advance(id).unwrap_or(0)) / f32::from(face.units_per_em());
        let glyph = used.remapper.remap(id.0);
        used.glyphs.insert(glyph, (c, width * 1000.0));
        Ok(Some(Glyph { face: index, glyph, width }))
    }

    /// From a face of the machine: one that is used already, or the first that has it, the weight as near as possible.
    fn elsewhere(&mut self, c: char, weight: Weight) -> Result<Option<Glyph>> {
        for index in 2..self.used.len() {
            if let Some(glyph) = self.from(index, c)? {
                return Ok(Some(glyph));
            }
        }
        let system = self.system.get_or_insert_with(|| {
            let mut system = Database::new();
            system.load_system_fonts();
            system
        });
        let wished: i32 = if weight == Weight::Bold { 700 } else { 400 };
        let mut faces: Vec<_> =
            system.faces().filter(|face| face.style == fontdb::Style::Normal).map(|face| (face.id, i32::from(face.weight.0), rank(face))).collect();
        faces.sort_by_key(|(_, weight, rank)| (*rank, (weight - wished).abs()));
        let found = faces.into_iter().find_map(|(id, ..)| {
            let has = |data: &[u8], index| can_print(data, index, c).then(|| (data.to_vec(), index));
            system.with_face_data(id, has).flatten()
        });
        let Some((data, index)) = found else { return Ok(None) };
        self.used.push(Used { data: Cow::Owned(data), index, remapper: GlyphRemapper::new(), glyphs: BTreeMap::new() });
        self.from(self.used.len() - 1, c)
    }
}

/// The glyph of a character, with an outline to be printed; a face of coloured pictures has none.
fn glyph_of(face: &Face<'_>, c: char) -> Option<GlyphId> {
    face.glyph_index(c).filter(|id| c.is_whitespace() || face.glyph_bounding_box(*id).is_some())
}

/// Whether a face has the character in a way that goes into a PDF: as outlines of either common kind, of which a part can be cut out. One that fails
/// only after the last page would ruin the file.
fn can_print(data: &[u8], index: u32, c: char) -> bool {
    let Ok(face) = Face::parse(data, index) else { return false };
    let has_outlines = face.tables().glyf.is_some() || face.tables().cff.is_some();
    let Some(id) = glyph_of(&face, c).filter(|_| has_outlines) else { return false };
    let mut remapper = GlyphRemapper::new();
    remapper.remap(id.0);
    subsetter::subset(data, index, &remapper).is_ok()
}

/// Chinese faces without serifs fit best.
fn rank(face: &fontdb::FaceInfo) -> u8 {
    let is = |part: &str| face.families.iter().any(|(name, _)| name.contains(part));
    match () {
        () if is("Sans CJK SC") || is("Sans SC") => 0,
        () if is("Sans CJK") || is("Hei") || is("Sans") => 1,
        () => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CheckPhrase;

    #[test]
    fn the_faces_that_come_with_the_program_have_the_general_use_characters_and_every_check_phrase_with_its_reading() {
        let characters = include_str!("../faces/characters.txt");
        let phrases: String = (0..64).map(|i| CheckPhrase::from_bits([i; 4])).map(|p| format!("{p}{}", p.reading())).collect();
        for data in [REGULAR, BOLD] {
            let face = Face::parse(data, 0).unwrap();
            let lacks: String = characters.chars().filter(|c| !c.is_whitespace()).filter(|c| face.glyph_index(*c).is_none()).collect();
            // A few of the rarest are younger than the font.
            assert!(lacks.chars().count() <= 5, "{lacks}");
            let lacks: String = phrases.chars().filter(|c| face.glyph_index(*c).is_none()).collect();
            assert_eq!(lacks, "");
        }
    }

    /// Faces of a machine that has only this one.
    fn on_a_machine_with(data: Vec<u8>) -> Faces {
        let mut system = Database::new();
        system.load_font_data(data);
        assert_eq!(system.len(), 1);
        Faces { system: Some(system), ..Faces::new() }
    }

    #[test]
    fn a_face_whose_outlines_cannot_be_cut_out_is_passed_over() {
        assert!(on_a_machine_with(REGULAR.to_vec()).elsewhere('网', Weight::Regular).unwrap().is_some());
        // The same face with its outlines under a name that nobody here reads, as a variable face has them, or a colour one other tables.
        for tag in [b"CFF2", b"CBDT"] {
            let mut data = REGULAR.to_vec();
            let at = data.windows(4).position(|w| w == b"CFF ").unwrap();
            data[at..at + 4].copy_from_slice(tag);
            assert!(Face::parse(&data, 0).unwrap().glyph_index('网').is_some());
            let mut faces = on_a_machine_with(data);
            assert!(faces.elsewhere('网', Weight::Regular).unwrap().is_none());
            assert_eq!(faces.used.len(), 2);
        }
    }

    #[test]
    fn a_character_that_no_face_has_is_named_and_printed_as_a_box() {
        let mut faces = Faces::new();
        // For private use: nobody's.
        let glyph = faces.glyph('\u{F8FE}', Weight::Regular).unwrap();
        assert_eq!(glyph.glyph, UNKNOWN);
        assert_eq!(faces.missing.into_iter().collect::<String>(), "\u{F8FE}");
    }
}

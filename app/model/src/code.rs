//! What is printed and typed by hand: the code in a contact point's URL, the check phrase beside it and the claim code on a receipt.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Crockford's base 32: no I, L, O or U, so that nothing is mistaken for 1, 0 or V.
pub const CODE_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Reads what a person typed: spaces and dashes dropped, lower case and look-alikes accepted. `None` unless `length` digits remain.
fn read(typed: &str, length: usize) -> Option<String> {
    let digits: Option<String> = typed
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '‐' | '–' | '—' | '.'))
        .map(|c| match half_width(c).to_ascii_uppercase() {
            'O' => Some('0'),
            'I' | 'L' => Some('1'),
            c if c.is_ascii() && CODE_ALPHABET.contains(&(c as u8)) => Some(c),
            _ => None,
        })
        .collect();
    digits.filter(|d| d.len() == length)
}

/// Chinese keyboards in full-width mode type ７ＫＱＭ.
pub(crate) fn half_width(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        c => c,
    }
}

fn write(bits: impl IntoIterator<Item = u8>, length: usize) -> String {
    bits.into_iter().take(length).map(|b| CODE_ALPHABET[(b & 31) as usize] as char).collect()
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident[$length:literal])*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        pub struct $name(String);

        impl $name {
            pub const LENGTH: usize = $length;

            /// Takes the low five bits of each byte.
            pub fn from_bits(bits: [u8; $length]) -> Self {
                Self(write(bits, $length))
            }

            pub fn read(typed: &str) -> Option<Self> {
                read(typed, $length).map(Self)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// In groups of four, as it is printed.
            pub fn grouped(&self) -> String {
                self.0.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c)).collect::<Vec<_>>().join(" ")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

codes! {
    /// The code in a contact point's URL, `/q/7KQM4T2X`: 40 random bits.
    PointCode[8]
    /// The secret on the receipt that reopens a conversation on another device: 60 bits.
    ClaimCode[12]
}

/// Four plain characters printed beside the QR code and shown on the page it opens, with their readings for people who do not read Chinese.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
pub struct CheckPhrase(String);

/// Common characters of few strokes that do not look alike.
const PHRASE_CHARACTERS: [(char, &str); 64] = [
    ('山', "shān"),
    ('水', "shuǐ"),
    ('江', "jiāng"),
    ('河', "hé"),
    ('湖', "hú"),
    ('海', "hǎi"),
    ('云', "yún"),
    ('雨', "yǔ"),
    ('风', "fēng"),
    ('雪', "xuě"),
    ('月', "yuè"),
    ('星', "xīng"),
    ('光', "guāng"),
    ('春', "chūn"),
    ('秋', "qiū"),
    ('冬', "dōng"),
    ('花', "huā"),
    ('竹', "zhú"),
    ('松', "sōng"),
    ('柳', "liǔ"),
    ('桃', "táo"),
    ('李', "lǐ"),
    ('梅', "méi"),
    ('荷', "hé"),
    ('米', "mǐ"),
    ('茶', "chá"),
    ('果', "guǒ"),
    ('豆', "dòu"),
    ('瓜', "guā"),
    ('鱼', "yú"),
    ('鸟', "niǎo"),
    ('马', "mǎ"),
    ('牛', "niú"),
    ('羊', "yáng"),
    ('虎', "hǔ"),
    ('龙', "lóng"),
    ('鹤', "hè"),
    ('燕', "yàn"),
    ('船', "chuán"),
    ('桥', "qiáo"),
    ('路', "lù"),
    ('门', "mén"),
    ('窗', "chuāng"),
    ('灯', "dēng"),
    ('书', "shū"),
    ('笔', "bǐ"),
    ('琴', "qín"),
    ('鼓', "gǔ"),
    ('红', "hóng"),
    ('黄', "huáng"),
    ('蓝', "lán"),
    ('青', "qīng"),
    ('白', "bái"),
    ('金', "jīn"),
    ('玉', "yù"),
    ('石', "shí"),
    ('东', "dōng"),
    ('南', "nán"),
    ('西', "xī"),
    ('北', "běi"),
    ('平', "píng"),
    ('安', "ān"),
    ('和', "hé"),
    ('乐', "lè"),
];

impl CheckPhrase {
    /// Takes the low six bits of each byte.
    pub fn from_bits(bits: [u8; 4]) -> Self {
        let mut chosen: Vec<usize> = Vec::new();
        for bit in bits {
            let wish = (bit & 63) as usize;
            // Four different ones: a character that is taken gives way to the next. "鼓鼓红门" would look like a mistake.
            let free = (0..64).map(|step| (wish + step) % 64).find(|place| !chosen.contains(place));
            chosen.push(free.unwrap_or(wish));
        }
        Self(chosen.into_iter().map(|place| PHRASE_CHARACTERS[place].0).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The readings, "shān hé yuè chá".
    pub fn reading(&self) -> String {
        let reading = |c| PHRASE_CHARACTERS.iter().find(|(k, _)| *k == c).map_or("", |(_, r)| r);
        self.0.chars().map(reading).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for CheckPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_read_in_lower_case_with_spaces_dashes_and_look_alikes() {
        let code = PointCode::read("7KQM4T20").unwrap();
        for typed in ["7kqm4t20", " 7KQM 4T20 ", "7kqm-4t2o", "７ＫＱＭ４Ｔ２０"] {
            assert_eq!(PointCode::read(typed), Some(code.clone()), "{typed}");
        }
    }

    #[test]
    fn what_is_not_a_code_is_not_read() {
        for typed in ["", "7KQM4T2", "7KQM4T2XX", "7KQM4T2U", "七KQM4T2X", "../../etc"] {
            assert_eq!(PointCode::read(typed), None, "{typed}");
        }
    }

    #[test]
    fn every_check_phrase_character_is_different_and_has_a_reading() {
        let mut seen: Vec<char> = PHRASE_CHARACTERS.iter().map(|(c, _)| *c).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 64);
        assert_eq!(CheckPhrase::from_bits([0, 1, 2, 3]).reading(), "shān shuǐ jiāng hé");
    }

    proptest! {
        #[test]
        fn a_written_code_reads_back(bits: [u8; 12]) {
            let code = ClaimCode::from_bits(bits);
            prop_assert_eq!(ClaimCode::read(&code.grouped().to_lowercase()), Some(code));
        }
    }
}

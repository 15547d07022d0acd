use i18n::t;
use model::{CheckPhrase, Language::English, PointCode, UnitKind};

/// Everything that is printed of one contact point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub code: PointCode,
    /// What the QR code says.
    pub url: String,
    pub check_phrase: CheckPhrase,
    pub unit_kind: UnitKind,
    pub unit: String,
    pub unit_en: Option<String>,
    /// The unit's own code, where it has one.
    pub unit_code: Option<String>,
    pub title: String,
    pub title_en: Option<String>,
    pub place: String,
    pub place_en: Option<String>,
    pub topic: Option<String>,
    /// Working hours, in Chinese and in English.
    pub hours: [String; 2],
}

impl Code {
    /// The address as people type it.
    pub fn short_url(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest)
    }

    /// The unit and the post by their English names; where they have none, what the post is to the reader.
    pub fn in_english(&self) -> String {
        match (&self.unit_en, &self.title_en) {
            (Some(unit), Some(title)) => format!("{unit} · {title}"),
            (Some(name), None) | (None, Some(name)) => name.clone(),
            (None, None) => self.whose(),
        }
    }

    fn whose(&self) -> String {
        match self.unit_kind {
            UnitKind::Grid => t!(English, print.of_grid),
            UnitKind::Community => t!(English, print.of_community),
            UnitKind::Street => t!(English, print.of_street),
            UnitKind::Class | UnitKind::Grade => t!(English, print.of_class),
            UnitKind::School => t!(English, print.of_school),
            UnitKind::City | UnitKind::District | UnitKind::Bureau => t!(English, print.of_office),
        }
    }

    /// Each character of the check phrase with its reading.
    pub fn phrase(&self) -> Vec<(char, String)> {
        let reading = self.check_phrase.reading();
        self.check_phrase.as_str().chars().zip(reading.split(' ').map(str::to_owned)).collect()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn code() -> Code {
        Code {
            code: PointCode::from_bits([7, 19, 22, 20, 4, 26, 2, 29]),
            url: "https://linli.xiling.example/q/7KPM4T2X".to_owned(),
            check_phrase: CheckPhrase::from_bits([0, 1, 2, 3]),
            unit_kind: UnitKind::Grid,
            unit: "桃花岭社区第三网格".to_owned(),
            unit_en: Some("Taohualing Community, Grid 3".to_owned()),
            unit_code: Some("42050200300603".to_owned()),
            title: "网格员".to_owned(),
            title_en: Some("Grid worker".to_owned()),
            place: "3号楼东门".to_owned(),
            place_en: Some("Building 3, east door".to_owned()),
            topic: None,
            hours: ["周一至周五 8:30–12:00、14:30–18:00".to_owned(), "Mon–Fri 8:30–12:00, 14:30–18:00".to_owned()],
        }
    }

    #[test]
    fn without_english_names_it_says_what_the_post_is_to_the_reader() {
        let code = Code { unit_en: None, title_en: None, ..code() };
        assert_eq!(code.in_english(), "Your grid worker");
        assert_eq!(Code { title_en: Some("Head".to_owned()), ..code }.in_english(), "Head");
    }
}

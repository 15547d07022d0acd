//! Everything Linli says, in Chinese and English. A key that is missing does not compile; see `locales/`.

pub mod when;

#[allow(clippy::all, clippy::expect_used, unused_imports)]
mod catalogue {
    include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
}

pub use catalogue::i18n::*;
pub use leptos_i18n;
use model::Language;

pub fn locale(language: Language) -> Locale {
    match language {
        Language::Chinese => Locale::zh_CN,
        Language::English => Locale::en,
    }
}

/// A whole number with its thousands set apart, 61,776: read alike in both languages.
pub fn number(n: impl ToString) -> String {
    let digits = n.to_string();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{sign}{}", groups.join(","))
}

/// A text in the reader's language, as a `String`: `t!(language, inbox.title)`, `t!(language, mail.greeting, name = "王芳")`.
#[macro_export]
macro_rules! t {
    ($language:expr, $($rest:tt)*) => {
        $crate::td_string!($crate::locale($language), $($rest)*).to_string()
    };
}

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

/// A text in the reader's language, as a `String`: `t!(language, inbox.title)`, `t!(language, mail.greeting, name = "王芳")`.
#[macro_export]
macro_rules! t {
    ($language:expr, $($rest:tt)*) => {
        $crate::td_string!($crate::locale($language), $($rest)*).to_string()
    };
}

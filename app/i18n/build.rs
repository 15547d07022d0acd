use leptos_i18n_parser::parse_locales::{
    options::{Config, ParseOptions},
    parse_locales,
};
use std::{env, error::Error, fs, path::Path};

/// One file per part of the product, in `locales/<language>/`.
const NAMESPACES: [&str; 16] =
    ["common", "resident", "inbox", "account", "admin", "mail", "error", "print", "doctor", "secure", "codes", "import", "setting", "audit", "tree", "people"];

// leptos_i18n_build does the same, but brings the whole of ICU's data generation along, minutes of building for nothing used here.
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=locales");
    let config = Config::new("zh-CN")?
        .add_locale("en")?
        .add_namespaces(NAMESPACES)?
        .locales_path("locales")
        .parse_options(ParseOptions::new().interpolate_display(true));
    let parsed = parse_locales(None, config)?;
    // A key that one language has and the other has not is an error, not a text in the wrong language.
    for problem in parsed.diag.warnings().iter().map(ToString::to_string).chain(parsed.diag.errors().iter().map(ToString::to_string)) {
        println!("cargo::error={problem}");
    }
    let code = leptos_i18n_codegen::gen_code(&parsed, None, false, None, false)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("catalogue.rs"), code.to_string())?;
    Ok(())
}

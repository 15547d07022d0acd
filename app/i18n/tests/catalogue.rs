//! Both languages say the same things with the same variables.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Every text by `file.key`, deeper keys with dots.
fn texts(language: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(language);
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        collect(&name, &serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap(), &mut all);
    }
    all
}

fn collect(key: &str, value: &Value, all: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(k, v)| collect(&format!("{key}.{k}"), v, all)),
        Value::String(text) => drop(all.insert(key.to_owned(), text.clone())),
        other => panic!("{key} is no text: {other}"),
    }
}

fn variables(text: &str) -> BTreeSet<&str> {
    text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).map(str::trim).collect()
}

#[test]
fn no_key_is_missing_in_either_language() {
    let (chinese, english) = (texts("zh-CN"), texts("en"));
    let keys = |all: &BTreeMap<String, String>| all.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&chinese).symmetric_difference(&keys(&english)).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn both_languages_use_the_same_variables() {
    let english = texts("en");
    for (key, text) in texts("zh-CN") {
        assert_eq!(variables(&text), variables(&english[&key]), "{key}");
    }
}

#[test]
fn chinese_is_written_with_chinese_punctuation() {
    let is_han = |c: char| ('\u{4E00}'..='\u{9FFF}').contains(&c);
    for (key, text) in texts("zh-CN") {
        let chars: Vec<char> = text.chars().collect();
        for pair in chars.windows(2) {
            assert!(!(is_han(pair[0]) && matches!(pair[1], ',' | ';' | '?' | '!')), "{key}: {text}");
        }
    }
}

#[test]
fn thousands_are_set_apart() {
    for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (61_776, "61,776"), (5_000_000, "5,000,000"), (-1_500, "-1,500")] {
        assert_eq!(i18n::number(n), text);
    }
}

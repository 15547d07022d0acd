//! `/view`: language and look.

use crate::app::{on_both, on_https};

#[tokio::test]
async fn language_and_look_are_chosen_without_javascript_and_kept() {
    on_both(async |app| {
        let mut reader = app.anonymous();
        reader.get("/").await.is(200).has("lang=\"zh-CN\"").has("首页");
        assert_eq!(reader.post("/view", &[("language", "en"), ("back", "/claim")]).await.location(), "/claim");
        reader.get("/").await.has("lang=\"en\"").has("Home").has_not("首页");
        reader.post("/view", &[("view", "elder-2"), ("back", "/")]).await;
        reader.post("/view", &[("theme", "dark"), ("back", "/")]).await;
        reader.get("/").await.has("data-view=\"elder\"").has("data-text=\"2\"").has("data-theme=\"dark\"");
        reader.post("/view", &[("view", "standard"), ("theme", "auto")]).await;
        reader.get("/").await.has_not("data-view").has_not("data-theme");
        assert_eq!(reader.post("/view", &[("language", "en"), ("back", "//evil.example")]).await.location(), "/");
    })
    .await;
}

#[tokio::test]
async fn errors_are_pages_in_the_readers_language() {
    on_both(async |app| {
        let mut reader = app.anonymous();
        reader.get("/no-such-page").await.is(404).has("没有找到这一页");
        reader.get("/claim/%ff").await.is(404).has("没有找到这一页");
        // An address that only takes forms.
        reader.get("/sign-out").await.is(404).has("没有找到这一页");
        reader.headers.insert("accept-language".into(), "en-GB,en;q=0.9".into());
        reader.get("/no-such-page").await.is(404).has("We can't find this page");
    })
    .await;
}

#[tokio::test]
async fn over_https_secrets_are_in_host_cookies_that_no_script_reads() {
    on_https(async |app| {
        let sticker = app.sticker().await;
        let page = app.anonymous().get(&sticker.path()).await;
        let cookie = page.is(200).headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("__Host-device="), "{cookie}");
        for word in ["HttpOnly", "Secure", "Path=/", "SameSite=Lax"] {
            assert!(cookie.contains(word), "{word} is missing in {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        assert!(page.headers.contains_key("strict-transport-security"));
        let mut guest = app.anonymous();
        guest.set_cookie("device", "aaaaaaaaaaaaaaaaaaaaaaaaaa");
        assert!(guest.get(&sticker.path()).await.headers.contains_key("set-cookie"), "a plain name counts for nothing here");
    })
    .await;
}

/// The colours of one theme, by the selector that begins its block.
fn theme(selector: &str) -> std::collections::BTreeMap<String, [u8; 3]> {
    let css = include_str!("../../../style/tokens.css");
    let block = &css[css.find(selector).unwrap_or_else(|| panic!("no {selector}"))..];
    let block = &block[..block.find('}').unwrap()];
    let colour = |line: &str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
        let value = u32::from_str_radix(value.trim_end_matches(';'), 16).ok()?;
        let [_, red, green, blue] = value.to_be_bytes();
        Some((name.to_owned(), [red, green, blue]))
    };
    block.lines().filter_map(colour).collect()
}

/// Contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance).
fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let luminance = |colour: [u8; 3]| {
        let [red, green, blue] = colour.map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_colour_of_text_stands_out_seven_to_one_in_both_themes() {
    let on = [
        ("ink", &["paper", "sheet", "jade-wash", "mine", "amber-wash", "red-wash"][..]),
        ("soft", &["paper", "sheet"]),
        ("jade", &["paper", "sheet", "jade-wash"]),
        ("amber", &["paper", "sheet", "amber-wash"]),
        ("red", &["paper", "sheet", "red-wash"]),
        ("on-jade", &["jade"]),
    ];
    let dark = theme(":root[data-theme=dark]");
    assert_eq!(dark, theme(":root:not([data-theme=light])"), "chosen by hand or by the device, the dark is the same");
    for (name, colours) in [("light", theme(":root {")), ("dark", dark)] {
        for (text, grounds) in on {
            for ground in grounds {
                let found = contrast(colours[text], colours[*ground]);
                assert!(found >= 7.0, "{name}: {text} on {ground} is {found:.2}:1");
            }
        }
    }
}

//! Finding Chinese inside a sentence. Neither SQLite's nor PostgreSQL's own tokeniser splits 小区下水道堵了 into words, so every Chinese
//! character becomes a word of its own and a search becomes a phrase of such words: exact, for one character or twenty, on both databases.

/// The words of a text, separated by spaces, in lower case: 王芳 said "hi" → `王 芳 said hi`.
pub fn terms(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut in_word = false;
    for c in text.chars().flat_map(char::to_lowercase) {
        if is_ideograph(c) {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            out.push(c);
            out.push(' ');
            in_word = false;
        } else if c.is_alphanumeric() {
            out.push(c);
            in_word = true;
        } else if in_word {
            out.push(' ');
            in_word = false;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The phrases of a search: what stands between spaces, each as its words. At most eight.
pub fn phrases(query: &str) -> Vec<String> {
    query.split_whitespace().map(terms).filter(|t| !t.is_empty()).take(8).collect()
}

/// Han characters, kana and hangul, which are written without spaces: each is a word of its own.
pub fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chinese_character_is_a_word_and_latin_words_stay_whole() {
        assert_eq!(terms("小区下水道堵了3天，Call王芳!"), "小 区 下 水 道 堵 了 3 天 call 王 芳");
        assert_eq!(terms("  ... "), "");
    }

    #[test]
    fn a_search_is_the_phrases_between_spaces() {
        assert_eq!(phrases("下水道  Building-3"), ["下 水 道", "building 3"]);
    }
}

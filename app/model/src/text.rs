//! What people may type: one function per kind of field, each with the outcomes a person can meet.

/// Characters in a message.
pub const MESSAGE_LIMIT: usize = 4000;

/// The same with the digits that a Chinese input method writes, １２０, as others are.
pub fn digits(typed: &str) -> String {
    typed.chars().map(|c| ('０'..='９').position(|wide| wide == c).and_then(|value| char::from_digit(value as u32, 10)).unwrap_or(c)).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("empty")]
    Empty,
    /// Longer than `limit` characters.
    #[error("longer than {limit} characters")]
    TooLong { limit: usize, length: usize },
    #[error("control characters")]
    Control,
    #[error("not an e-mail address")]
    NotEmail,
    /// Shorter than `limit` characters.
    #[error("shorter than {limit} characters")]
    TooShort { limit: usize },
}

/// A message, note or reason: line breaks allowed, trimmed, line ends made uniform.
pub fn message(typed: &str) -> Result<String, TextError> {
    let text = typed.replace("\r\n", "\n").replace('\r', "\n");
    checked(text.trim(), MESSAGE_LIMIT, |c| c == '\n' || c == '\t')
}

/// One line: a name, a title, a place.
pub fn line(typed: &str, limit: usize) -> Result<String, TextError> {
    checked(typed.trim(), limit, |_| false)
}

/// One line that may be left empty.
pub fn optional_line(typed: &str, limit: usize) -> Result<Option<String>, TextError> {
    match line(typed, limit) {
        Ok(text) => Ok(Some(text)),
        Err(TextError::Empty) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Several lines that may be left empty.
pub fn optional_message(typed: &str, limit: usize) -> Result<Option<String>, TextError> {
    match message(typed).and_then(|t| checked(&t, limit, |c| c == '\n' || c == '\t')) {
        Ok(text) => Ok(Some(text)),
        Err(TextError::Empty) => Ok(None),
        Err(e) => Err(e),
    }
}

fn checked(text: &str, limit: usize, may: impl Fn(char) -> bool) -> Result<String, TextError> {
    if text.chars().any(|c| c.is_control() && !may(c)) {
        return Err(TextError::Control);
    }
    let text: String = text.chars().filter(|c| !is_reordering(*c)).collect();
    let text = text.trim();
    // A text of nothing but joiners and zero-width spaces is empty to every reader.
    if text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')) {
        return Err(TextError::Empty);
    }
    let length = text.chars().count();
    if length > limit {
        return Err(TextError::TooLong { limit, length });
    }
    Ok(text.to_owned())
}

/// Bidirectional overrides can make a name or a link read as another one. They are left out and not complained of: nobody sees them.
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// An e-mail address in lower case. The shape only: one @, a dotted domain, at most 254 characters (RFC 5321), nothing a mail header could misread.
pub fn email(typed: &str) -> Result<String, TextError> {
    let text = line(typed, 254)?.to_lowercase();
    let Some((local, host)) = text.split_once('@') else { return Err(TextError::NotEmail) };
    let local_ok = (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c));
    let label_ok = |l: &str| !l.is_empty() && l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-') && l.chars().all(|c| c.is_alphanumeric() || c == '-');
    let host_ok = host.contains('.') && host.split('.').all(label_ok);
    if local_ok && host_ok { Ok(text) } else { Err(TextError::NotEmail) }
}

/// A password: 10 to 200 characters, nothing else asked (NIST SP 800-63B: length, not composition).
pub fn password(typed: &str) -> Result<String, TextError> {
    let length = typed.chars().count();
    match length {
        0 => Err(TextError::Empty),
        1..10 => Err(TextError::TooShort { limit: 10 }),
        10..=200 => Ok(typed.to_owned()),
        _ => Err(TextError::TooLong { limit: 200, length }),
    }
}

/// As it may stand in HTML and XML, between tags and in an attribute.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_lines_and_loses_its_edges() {
        assert_eq!(message("  楼道\r\n灯坏了 \n"), Ok("楼道\n灯坏了".into()));
    }

    #[test]
    fn empty_long_and_control_messages_are_told_apart() {
        assert_eq!(message(" \n\u{200B} "), Err(TextError::Empty));
        assert_eq!(message(&"水".repeat(4000)).unwrap().chars().count(), 4000);
        assert_eq!(message(&"水".repeat(4001)), Err(TextError::TooLong { limit: 4000, length: 4001 }));
        assert_eq!(message("a\0b"), Err(TextError::Control));
        assert_eq!(message("safe\u{202E}gnp.exe"), Ok("safegnp.exe".into()));
        assert_eq!(message("\u{202E}"), Err(TextError::Empty));
    }

    #[test]
    fn an_e_mail_address_has_one_at_and_a_dotted_host() {
        assert_eq!(email(" Wang.Fang+a@Example.COM "), Ok("wang.fang+a@example.com".into()));
        for bad in ["x", "x@", "@x.cn", "a b@x.cn", "a@x", "a@@x.cn", "a@x..cn", "a@-x.cn", "a,b@x.cn", "a@x.cn\nBcc: b@x.cn", "<a@x.cn>"] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_long_and_nothing_else() {
        assert_eq!(password("short"), Err(TextError::TooShort { limit: 10 }));
        assert!(password("长一点的密码也可以用中文").is_ok());
    }
}

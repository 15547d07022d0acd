use i18n::t;
use model::{Language, text::escaped};

/// A mail in words, before it becomes text and HTML. Both are made from the same lines, so they cannot say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub language: Language,
    pub recipient: String,
    /// Whom it comes from, as mail programs show it.
    pub sender: String,
    pub subject: String,
    pub headline: String,
    pub lines: Vec<String>,
    pub button: Link,
    /// Under the button: how long it works, and what else is good to know.
    pub small: Vec<String>,
    /// The way to get no more of these.
    pub stop: Option<Link>,
    /// Who sends this, at the foot.
    pub foot: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub words: String,
    pub url: String,
}

/// Who tells a contact of an answer.
pub(super) struct Answered {
    /// Who answered; the post's title if the name is not known.
    pub name: String,
    pub title: String,
    pub unit: String,
    /// The day until which the link works.
    pub until: String,
    pub open_url: String,
    pub stop_url: String,
}

pub(super) fn answered(l: Language, recipient: String, a: Answered) -> Letter {
    Letter {
        language: l,
        recipient,
        sender: t!(l, mail.sender, unit = a.unit.clone()),
        subject: t!(l, mail.answer_subject, name = a.name.clone()),
        headline: t!(l, mail.answer_subject, name = a.name.clone()),
        lines: vec![t!(l, mail.answer_who, name = a.name, title = a.title, unit = a.unit.clone()), t!(l, mail.answer_private)],
        button: Link { words: t!(l, mail.answer_open), url: a.open_url },
        small: vec![t!(l, mail.answer_until, date = a.until)],
        stop: Some(Link { words: t!(l, mail.answer_stop), url: a.stop_url }),
        foot: t!(l, mail.foot, unit = a.unit),
    }
}

/// Somebody else answers from now on; the same facts, about who that is.
pub(super) fn handed_over(l: Language, recipient: String, a: Answered) -> Letter {
    let subject = t!(l, mail.hand_over_subject, name = a.name.clone());
    Letter {
        language: l,
        recipient,
        sender: t!(l, mail.sender, unit = a.unit.clone()),
        headline: subject.clone(),
        subject,
        lines: vec![t!(l, mail.hand_over_who, name = a.name, title = a.title, unit = a.unit.clone()), t!(l, mail.hand_over_promise)],
        button: Link { words: t!(l, mail.answer_open), url: a.open_url },
        small: vec![t!(l, mail.answer_until, date = a.until)],
        stop: Some(Link { words: t!(l, mail.answer_stop), url: a.stop_url }),
        foot: t!(l, mail.foot, unit = a.unit),
    }
}

/// What a new member of staff is told.
pub(super) struct Invited {
    /// They have a login: this gives them a new password.
    pub is_again: bool,
    pub name: String,
    /// The organisation that invites: the unit at the top.
    pub organisation: Option<String>,
    /// The post's title and unit, when there is a post yet.
    pub post: Option<(String, String)>,
    pub until: String,
    pub url: String,
}

pub(super) fn invited(l: Language, recipient: String, i: Invited) -> Letter {
    let organisation = i.organisation.unwrap_or_else(|| t!(l, common.name));
    let hello = t!(l, mail.invitation_hello, name = i.name);
    let (subject, lines, words) = if i.is_again {
        (t!(l, mail.password_subject, organisation = organisation.clone()), vec![hello, t!(l, mail.password_what)], t!(l, mail.password_open))
    } else {
        let mut lines = vec![hello, t!(l, mail.invitation_what, organisation = organisation.clone())];
        lines.extend(i.post.map(|(title, unit)| t!(l, mail.invitation_post, title = title, unit = unit)));
        (t!(l, mail.invitation_subject, organisation = organisation.clone()), lines, t!(l, mail.invitation_open))
    };
    Letter {
        language: l,
        recipient,
        sender: t!(l, mail.sender, unit = organisation.clone()),
        headline: subject.clone(),
        subject,
        lines,
        button: Link { words, url: i.url },
        small: vec![t!(l, mail.invitation_until, when = i.until), t!(l, mail.invitation_unexpected)],
        stop: None,
        foot: t!(l, mail.foot, unit = organisation),
    }
}

/// Somebody's second factor was reset by an admin of theirs.
pub(super) fn second_factor_reset(l: Language, recipient: String, name: String, url: String) -> Letter {
    let subject = t!(l, secure.reset_mail_subject);
    Letter {
        language: l,
        recipient,
        sender: t!(l, mail.sender, unit = t!(l, common.name)),
        headline: subject.clone(),
        subject,
        lines: vec![t!(l, mail.invitation_hello, name = name), t!(l, secure.reset_mail_what)],
        button: Link { words: t!(l, account.sign_in), url },
        small: vec![t!(l, secure.reset_mail_unexpected)],
        stop: None,
        foot: t!(l, mail.foot, unit = t!(l, common.name)),
    }
}

impl Letter {
    pub fn text(&self) -> String {
        let l = self.language;
        let link = |link: &Link| t!(l, mail.text_link, words = link.words.clone(), url = link.url.clone());
        let mut parts = self.lines.clone();
        parts.push(link(&self.button));
        parts.extend(self.small.iter().cloned());
        parts.extend(self.stop.as_ref().map(link));
        parts.push(format!("-- \n{}", self.foot));
        parts.join("\n\n") + "\n"
    }

    /// One narrow column, all styling inline, nothing loaded from anywhere.
    pub fn html(&self) -> String {
        const INK: &str = "#1f2724";
        const SOFT: &str = "#56615c";
        const JADE: &str = "#0f6b53";
        let mut body = format!(r#"<h1 style="margin:0 0 16px;font-size:22px;line-height:1.4">{}</h1>"#, escaped(&self.headline));
        for line in &self.lines {
            body += &format!("\n<p style=\"margin:0 0 16px\">{}</p>", escaped(line));
        }
        body += &format!(
            "\n<p style=\"margin:24px 0\"><a href=\"{}\" style=\"display:inline-block;padding:12px 24px;border-radius:8px;background:{JADE};color:#ffffff;font-weight:600;text-decoration:none\">{}</a></p>",
            escaped(&self.button.url),
            escaped(&self.button.words)
        );
        for line in &self.small {
            body += &format!("\n<p style=\"margin:0 0 8px;font-size:15px;color:{SOFT}\">{}</p>", escaped(line));
        }
        let stop = self.stop.as_ref().map_or(String::new(), |s| {
            format!("<br>\n<a href=\"{}\" style=\"color:{SOFT};text-decoration:underline\">{}</a>", escaped(&s.url), escaped(&s.words))
        });
        let foot = escaped(&self.foot);
        format!(
            r#"<!DOCTYPE html>
<html lang="{lang}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title></head>
<body style="margin:0;padding:24px 16px;background:#faf7f1;color:{INK};font:17px/1.6 'PingFang SC','Noto Sans CJK SC','Microsoft YaHei',system-ui,sans-serif">
<div style="max-width:34em;margin:0 auto">
{body}
<p style="margin:32px 0 0;padding-top:16px;border-top:1px solid #e3ddd0;font-size:15px;color:{SOFT}">{foot}{stop}</p>
</div>
</body>
</html>
"#,
            lang = self.language.as_str(),
            title = escaped(&self.subject),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, path::Path};

    fn letters() -> [(&'static str, Letter); 6] {
        let of = |unit: &str, title: &str, name: &str, until: &str| Answered {
            name: name.into(),
            title: title.into(),
            unit: unit.into(),
            until: until.into(),
            open_url: "https://linli.example.cn/r/0199.abc".into(),
            stop_url: "https://linli.example.cn/r/0199.def/stop".into(),
        };
        let answer = |l, unit, title, name, until| answered(l, "zhang@example.cn".into(), of(unit, title, name, until));
        let hand_over = |l, unit, title, name, until| handed_over(l, "zhang@example.cn".into(), of(unit, title, name, until));
        let invitation = |l, organisation: &str, post: (&str, &str), name: &str, until: &str| {
            let of = Invited {
                is_again: false,
                name: name.into(),
                organisation: Some(organisation.into()),
                post: Some((post.0.into(), post.1.into())),
                until: until.into(),
                url: "https://linli.example.cn/invitation/0199.abc".into(),
            };
            invited(l, "chen@example.cn".into(), of)
        };
        let (zh, en) = (Language::Chinese, Language::English);
        [
            ("answer.zh-CN", answer(zh, "云集路社区第三网格", "网格员", "王芳", "12月22日")),
            ("answer.en", answer(en, "Yunjilu Community Grid 3", "grid worker", "Wang Fang", "22 Dec")),
            ("hand_over.zh-CN", hand_over(zh, "云集路社区第三网格", "网格员", "李明", "12月22日")),
            ("hand_over.en", hand_over(en, "Yunjilu Community Grid 3", "grid worker", "Li Ming", "22 Dec")),
            ("invitation.zh-CN", invitation(zh, "西陵区", ("网格员", "云集路社区第三网格"), "陈丽", "11月29日 10:00")),
            ("invitation.en", invitation(en, "Xiling District", ("Grid worker", "Yunjilu Community Grid 3"), "Chen Li", "29 Nov 10:00")),
        ]
    }

    /// `LINLI_UPDATE_MAILS=1 cargo test -p domain` writes them anew.
    #[test]
    fn each_mail_reads_as_it_was_approved_in_both_languages() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
        for (name, letter) in letters() {
            let text = format!("From: {}\nTo: {}\nSubject: {}\n\n{}", letter.sender, letter.recipient, letter.subject, letter.text());
            for (file, now) in [(format!("{name}.txt"), text), (format!("{name}.html"), letter.html())] {
                let path = folder.join(file);
                if env::var_os("LINLI_UPDATE_MAILS").is_some() {
                    fs::write(&path, &now).unwrap();
                }
                assert_eq!(fs::read_to_string(&path).unwrap(), now, "{}", path.display());
            }
        }
    }

    #[test]
    fn a_mail_loads_nothing_and_lets_no_name_become_markup() {
        for (_, letter) in letters() {
            let html = letter.html();
            assert!(!html.contains("<img") && !html.contains("src=") && !html.contains("url(") && !html.contains("<link"));
            let hostile = Letter { headline: "<b onload=\"x\">".into(), ..letter }.html();
            assert!(!hostile.contains("<b ") && hostile.contains("&lt;b onload=&quot;x&quot;&gt;"));
        }
    }
}

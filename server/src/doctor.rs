//! `linli doctor`: what is right, what is not, and what to do about it.

use crate::settings::Settings;
use domain::doctor::{self, Check, Grade};
use i18n::t;
use model::Language;

/// Prints what was found. An error if something has to be put right.
pub async fn run(settings: &Settings) -> Result<(), String> {
    let l = language(["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty())).as_deref());
    let looked_at = doctor::Settings {
        database_url: &settings.database_url,
        public_url: &settings.public_url,
        smtp_url: settings.smtp_url.as_deref(),
        mail_from: settings.mail_from.as_deref(),
        data_dir: &settings.data_dir,
        backup_dir: settings.backup.as_ref().map(|plan| plan.folder.as_path()),
    };
    let checks = doctor::examine(&looked_at, &settings.clock, l).await;
    for check in &checks {
        println!("{}", line(check, l));
    }
    match checks.iter().filter(|c| c.grade == Grade::Bad).count() {
        0 => Ok(()),
        count => Err(t!(l, doctor.put_right, count = count)),
    }
}

fn line(check: &Check, l: Language) -> String {
    let (mark, word) = match check.grade {
        Grade::Ok => ('✓', t!(l, doctor.ok)),
        Grade::Warn => ('!', t!(l, doctor.warn)),
        Grade::Bad => ('✗', t!(l, doctor.bad)),
    };
    format!("{mark} {}{}{word}\n  {}", check.name, t!(l, common.colon), check.says)
}

/// The terminal's language, as the C library reads it.
fn language(locale: Option<&str>) -> Language {
    if locale.is_some_and(|l| l.starts_with("zh")) { Language::Chinese } else { Language::English }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_speaks_the_terminals_language() {
        assert_eq!(language(Some("zh_CN.UTF-8")), Language::Chinese);
        assert_eq!(language(Some("en_GB.UTF-8")), Language::English);
        assert_eq!(language(None), Language::English);
        let check = Check { name: "数据库".into(), grade: Grade::Ok, says: "能打开。".into() };
        assert_eq!(line(&check, Language::Chinese), "✓ 数据库：正常\n  能打开。");
    }
}

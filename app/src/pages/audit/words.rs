//! What an entry says, in plain words.

use crate::pages::unit::setting_name;
use domain::row::{AuditLine, Named};
use i18n::t;
use model::{AuditKind, Language, Role, Setting};
use std::collections::HashMap;
use uuid::Uuid;

pub type Names = HashMap<Uuid, Named>;

pub fn kind(l: Language, kind: AuditKind) -> String {
    match kind {
        AuditKind::SignIn => t!(l, audit.kind_sign_in),
        AuditKind::Access => t!(l, audit.kind_access),
        AuditKind::Reading => t!(l, audit.kind_reading),
        AuditKind::Export => t!(l, audit.kind_export),
        AuditKind::Organisation => t!(l, audit.kind_organisation),
        AuditKind::People => t!(l, audit.kind_people),
        AuditKind::Setting => t!(l, audit.kind_setting),
        AuditKind::Conversation => t!(l, audit.kind_conversation),
        AuditKind::Records => t!(l, audit.kind_records),
    }
}

/// What was done.
pub fn action(l: Language, action: &str) -> String {
    known(l, action).unwrap_or_else(|| t!(l, audit.other, action = action.to_owned()))
}

macro_rules! known {
    ($($action:literal => $key:ident),* $(,)?) => {
        /// `None` for what a newer version has done.
        pub fn known(l: Language, action: &str) -> Option<String> {
            Some(match action {
                $($action => t!(l, audit.$key),)*
                _ => return None,
            })
        }
    };
}

known! {
    "absence.end" => absence_end,
    "absence.plan" => absence_plan,
    "access.refuse" => access_refuse,
    "admin.create" => admin_create,
    "audit.export" => audit_export,
    "audit.retain" => audit_retain,
    "backup.make" => backup_make,
    "calendar.import" => calendar_import,
    "calendar.inherit" => calendar_inherit,
    "calendar.remove_day" => calendar_remove_day,
    "calendar.save" => calendar_save,
    "calendar.set_day" => calendar_set_day,
    "contact_point.change" => contact_point_change,
    "contact_point.create" => contact_point_create,
    "contact_point.create_many" => contact_point_create_many,
    "contact_point.download" => contact_point_download,
    "contact_point.print" => contact_point_print,
    "contact_point.replace" => contact_point_replace,
    "contact_point.revoke" => contact_point_revoke,
    "contact_point.settle_reports" => contact_point_settle_reports,
    "conversation.hand_over" => conversation_hand_over,
    "conversation.read_as_supervisor" => conversation_supervise,
    "conversation.read_as_stand_in" => conversation_read_as_stand_in,
    "duty.back" => duty_back,
    "duty.rest" => duty_rest,
    "grant.confirm" => grant_confirm,
    "grant.give" => grant_give,
    "grant.propose" => grant_propose,
    "grant.refuse" => grant_refuse,
    "grant.run_out" => grant_run_out,
    "grant.take" => grant_take,
    "holding.add" => holding_add,
    "holding.change" => holding_change,
    "holding.hand_over" => holding_hand_over,
    "holding.end" => holding_end,
    "holding.keep" => holding_keep,
    "import.apply" => import_apply,
    "import.drop" => import_drop,
    "import.export" => import_export,
    "import.start" => import_start,
    "import.undo" => import_undo,
    "invitation.accept" => invitation_accept,
    "invitation.correct" => invitation_correct,
    "invitation.remind_all" => invitation_remind_all,
    "invitation.retry_all" => invitation_retry_all,
    "invitation.send_all" => invitation_send_all,
    "passkey.add" => passkey_add,
    "passkey.remove" => passkey_remove,
    "mail.bounce" => mail_bounce,
    "password.forgotten" => password_forgotten,
    "password.change" => password_change,
    "password.refuse" => password_refuse,
    "photo.change" => photo_change,
    "photo.remove" => photo_remove,
    "post.change" => post_change,
    "post.create" => post_create,
    "post.end" => post_end,
    "post.substitute" => post_substitute,
    "profile.change" => profile_change,
    "quick_reply.change" => quick_reply_change,
    "quick_reply.create" => quick_reply_create,
    "quick_reply.delete" => quick_reply_delete,
    "second_factor.codes" => second_factor_codes,
    "second_factor.recover" => second_factor_recover,
    "second_factor.refuse" => second_factor_refuse,
    "second_factor.remove" => second_factor_remove,
    "second_factor.reset" => second_factor_reset,
    "second_factor.set" => second_factor_set,
    "session.begin" => session_begin,
    "session.end" => session_end,
    "session.refuse" => session_refuse,
    "session.sign_out" => session_sign_out,
    "setting.change" => setting_change,
    "staff.come_back" => staff_come_back,
    "staff.end" => staff_end,
    "staff.leave" => staff_leave,
    "staff.stay" => staff_stay,
    "staff.invite" => staff_invite,
    "staff.invite_again" => staff_invite_again,
    "trial.begin" => trial_begin,
    "trial.end" => trial_end,
    "unit.change" => unit_change,
    "unit.create" => unit_create,
    "unit.end" => unit_end,
}

/// Who did it.
pub fn who(l: Language, line: &AuditLine) -> String {
    match (&line.staff_name, line.entry.staff_id) {
        (Some(name), _) => name.clone(),
        (None, Some(_)) => t!(l, audit.gone),
        (None, None) if matches!(line.entry.action.as_str(), "access.refuse" | "session.refuse" | "second_factor.refuse") => t!(l, audit.stranger),
        (None, None) => t!(l, audit.program),
    }
}

/// What it was done to.
pub fn target(l: Language, line: &AuditLine, names: &Names) -> String {
    let Ok(id) = line.entry.target.parse::<Uuid>() else { return line.entry.target.clone() };
    // To oneself: the name stands there already.
    if line.entry.staff_id.is_some_and(|staff| staff.0 == id) {
        return String::new();
    }
    names.get(&id).map_or_else(String::new, |named| of(l, named))
}

fn of(l: Language, named: &Named) -> String {
    match named.noun.as_str() {
        "conversation" => t!(l, audit.of_conversation, name = named.name.clone()),
        "mail" => t!(l, audit.of_mail, name = named.name.clone()),
        "session" if named.name.is_empty() => t!(l, audit.some_session),
        "session" => t!(l, audit.of_session, name = named.name.clone()),
        _ => named.name.clone(),
    }
}

/// The rest, with names in the place of ids and words in the place of codes.
pub fn detail(l: Language, line: &AuditLine, names: &Names) -> String {
    let entry = &line.entry;
    match entry.action.as_str() {
        "audit.retain" => emptied(l, &entry.detail),
        "setting.change" => settings(l, &entry.detail),
        // Where it went says enough.
        "conversation.hand_over" => handed_over(&entry.detail, names).unwrap_or_default(),
        _ => entry.detail.split(' ').filter_map(|word| in_words(l, word, names)).collect::<Vec<_>>().join(" "),
    }
}

fn in_words(l: Language, word: &str, names: &Names) -> Option<String> {
    if word.len() >= 32
        && let Ok(id) = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).parse::<Uuid>()
    {
        return names.get(&id).map(|named| of(l, named));
    }
    Some(match word.parse::<Role>() {
        Ok(Role::Admin) => t!(l, audit.role_admin),
        Ok(Role::Supervisor) => t!(l, audit.role_supervisor),
        Ok(Role::Auditor) => t!(l, audit.role_auditor),
        Err(_) => word.to_owned(),
    })
}

fn handed_over(detail: &str, names: &Names) -> Option<String> {
    let ids: HashMap<String, Uuid> = serde_json::from_str(detail).ok()?;
    let name = |key: &str| Some(names.get(ids.get(key)?)?.name.clone());
    Some(format!("{} → {}", name("from")?, name("to")?))
}

fn emptied(l: Language, detail: &str) -> String {
    let said: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    let count_of = |range: &str| {
        let (from, until) = range.split_once('-').unwrap_or((range, range));
        Some(until.parse::<i64>().ok()? - from.parse::<i64>().ok()? + 1)
    };
    let count: i64 = said["entries"].as_str().unwrap_or("").split(',').filter_map(count_of).sum();
    let kinds: Vec<String> = said["kinds"].as_array().into_iter().flatten().filter_map(|k| k.as_str()?.parse().ok()).map(|k| kind(l, k)).collect();
    format!("{}{}{}", kinds.join(&t!(l, common.comma)), t!(l, common.colon), t!(l, audit.emptied, count = count))
}

/// `promise_minutes: 420 → 120, locked; welcome: inherit → …`.
fn settings(l: Language, detail: &str) -> String {
    let one = |text: &str| {
        let name_ends = text.find([':', ',']).unwrap_or(text.len());
        let (name, rest) = text.split_at(name_ends);
        let Ok(setting) = name.parse::<Setting>() else { return text.to_owned() };
        let locks = [(", unlocked", t!(l, audit.unlocked)), (", locked", t!(l, audit.locked))];
        let lock = locks.iter().find(|(end, _)| rest.ends_with(end));
        let rest = lock.map_or(rest, |(end, _)| rest.strip_suffix(end).unwrap_or(rest));
        let value = |value: &str| match value {
            "inherit" => t!(l, audit.inherit),
            "none" => t!(l, audit.none_value),
            value => value.to_owned(),
        };
        let values = rest.strip_prefix(": ").and_then(|r| r.split_once(" → ")).map(|(before, after)| format!("{} → {}", value(before), value(after)));
        let said: Vec<String> = values.into_iter().chain(lock.map(|(_, word)| word.clone())).collect();
        format!("{}{}{}", setting_name(l, setting), t!(l, common.colon), said.join(&t!(l, common.comma)))
    };
    detail.split("; ").map(one).collect::<Vec<_>>().join(&t!(l, resident.week_separator))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_change_of_settings_is_said_in_words() {
        let detail = "promise_minutes: 420 → 120, locked; quiet_hours: 22:00-07:00 → none; calendar, unlocked";
        let said = settings(Language::Chinese, detail);
        assert!(said.contains("答复时限：420 → 120") && said.contains("锁定") && said.contains("22:00-07:00 → 不设") && said.contains("解除锁定"), "{said}");
        let said = settings(Language::English, detail);
        assert!(said.contains("420 → 120") && !said.contains("promise_minutes") && !said.contains("quiet_hours"), "{said}");
    }

    /// Whatever stands in the domain's source as `noun.verb` is an action, also where it is chosen among several before it is appended.
    #[test]
    fn every_action_has_its_words() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/domain/src");
        let mut actions = HashSet::new();
        look_through(&source, &mut actions);
        for one in ["calendar.set_day", "duty.rest", "audit.export", "access.refuse", "conversation.read_as_supervisor"] {
            assert!(actions.contains(one), "{one} was overlooked");
        }
        let mut missing: Vec<&String> = actions.iter().filter(|a| known(Language::English, a).is_none()).collect();
        missing.sort();
        assert!(actions.iter().all(|a| domain::audit::known_kind(a).is_some()), "what these are about is missing in server/domain/src/audit/kind.rs");
        assert!(missing.is_empty(), "words for these are missing in app/src/pages/audit/words.rs: {missing:?}");
    }

    fn look_through(folder: &std::path::Path, actions: &mut HashSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look_through(&path, actions);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                actions.extend(text.split('"').filter(|quoted| is_action(quoted)).map(str::to_owned));
            }
        }
    }

    fn is_action(quoted: &str) -> bool {
        let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let Some((noun, verb)) = quoted.split_once('.') else { return false };
        // Names of files and of mails' texts, and an example.
        let is_other = matches!(verb, "csv" | "txt" | "xml" | "db" | "en") || noun == "something";
        is_word(noun) && is_word(verb) && !is_other
    }
}

//! What entries are about, for looking for them and for how long they are kept.

use model::AuditKind;

/// What an action is about. What a newer version has done, and this one does not know, is about the organisation.
pub fn kind_of(action: &str) -> AuditKind {
    known_kind(action).unwrap_or(AuditKind::Organisation)
}

/// `None` for an action whose noun is not known.
pub fn known_kind(action: &str) -> Option<AuditKind> {
    let (noun, verb) = action.split_once('.').unwrap_or((action, ""));
    Some(match (noun, verb) {
        ("audit", "retain") => AuditKind::Records,
        (_, "export" | "download" | "print") | ("backup", _) => AuditKind::Export,
        ("conversation", verb) if verb.starts_with("read") => AuditKind::Reading,
        ("access", _) => AuditKind::Access,
        ("session" | "password" | "passkey" | "second_factor", _) => AuditKind::SignIn,
        ("staff" | "grant" | "invitation" | "profile" | "photo" | "admin" | "duty" | "holding" | "absence" | "mail" | "trial", _) => AuditKind::People,
        ("setting" | "calendar", _) => AuditKind::Setting,
        ("conversation" | "quick_reply", _) => AuditKind::Conversation,
        ("audit", _) => AuditKind::Records,
        ("unit" | "post" | "contact_point" | "import", _) => AuditKind::Organisation,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_of_one_kind() {
        assert_eq!(kind_of("session.begin"), AuditKind::SignIn);
        assert_eq!(kind_of("conversation.read_as_stand_in"), AuditKind::Reading);
        assert_eq!(kind_of("conversation.hand_over"), AuditKind::Conversation);
        assert_eq!(kind_of("audit.export"), AuditKind::Export);
        assert_eq!(kind_of("audit.retain"), AuditKind::Records);
        assert_eq!(kind_of("unit.create"), AuditKind::Organisation);
        assert_eq!(kind_of("holding.hand_over"), AuditKind::People);
        assert_eq!(kind_of("something.new"), AuditKind::Organisation);
    }
}

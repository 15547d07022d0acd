//! What a member of staff sees in the inbox.

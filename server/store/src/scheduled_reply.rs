//! Replies to be sent at a later moment.

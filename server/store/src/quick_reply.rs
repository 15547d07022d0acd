//! Texts a post keeps ready.

//! What needs the browser: live messages, sending without leaving the page, shortcuts. Every page works without them.

pub mod talk;

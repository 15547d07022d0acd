//! What the browser keeps for the writer until the server has it: the draft, and the messages that wait for the network.

use super::browser::window;
use web_sys::Storage;

/// One thing kept under its name. Where the browser keeps nothing, it lasts as long as the page.
pub struct Kept {
    storage: Option<Storage>,
    name: String,
}

impl Kept {
    /// On the reader's own phone: still there tomorrow.
    pub fn for_long(name: String) -> Kept {
        Kept { storage: window().and_then(|w| w.local_storage().ok().flatten()), name }
    }

    /// At an office computer: gone with the tab, because others may use it after.
    pub fn for_this_tab(name: String) -> Kept {
        Kept { storage: window().and_then(|w| w.session_storage().ok().flatten()), name }
    }

    pub fn read(&self) -> Option<String> {
        self.storage.as_ref()?.get_item(&self.name).ok()?
    }

    /// Keeps the text, or nothing where it is empty.
    pub fn write(&self, text: &str) {
        let Some(storage) = &self.storage else { return };
        // A full storage only means that a reload forgets.
        let _ = if text.is_empty() { storage.remove_item(&self.name) } else { storage.set_item(&self.name, text) };
    }
}

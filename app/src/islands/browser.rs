//! The few things of the browser that every island needs. What is attached stays for as long as the page.

use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, Element, Event, EventTarget, RequestInit, Window};

pub fn window() -> Option<Window> {
    web_sys::window()
}

pub fn document() -> Option<Document> {
    window()?.document()
}

pub fn by_id<T: JsCast>(id: &str) -> Option<T> {
    document()?.get_element_by_id(id)?.dyn_into().ok()
}

/// The first match inside an element.
pub fn find<T: JsCast>(inside: &Element, selector: &str) -> Option<T> {
    inside.query_selector(selector).ok()??.dyn_into().ok()
}

pub fn on(target: &EventTarget, event: &str, call: impl Fn(Event) + 'static) {
    let call: Box<dyn Fn(Event)> = Box::new(call);
    let call = Closure::wrap(call).into_js_value();
    // Listening to an event of a known name does not fail.
    let _ = target.add_event_listener_with_callback(event, call.unchecked_ref());
}

pub fn on_window(event: &str, call: impl Fn(Event) + 'static) {
    if let Some(window) = window() {
        on(&window, event, call);
    }
}

pub fn on_document(event: &str, call: impl Fn(Event) + 'static) {
    if let Some(document) = document() {
        on(&document, event, call);
    }
}

pub fn after(milliseconds: i32, call: impl FnOnce() + 'static) {
    let call: Box<dyn FnOnce()> = Box::new(call);
    let call = Closure::once_into_js(call);
    if let Some(window) = window() {
        let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(call.unchecked_ref(), milliseconds);
    }
}

pub fn every(milliseconds: i32, call: impl Fn() + 'static) {
    let call: Box<dyn Fn()> = Box::new(call);
    let call = Closure::wrap(call).into_js_value();
    if let Some(window) = window() {
        let _ = window.set_interval_with_callback_and_timeout_and_arguments_0(call.unchecked_ref(), milliseconds);
    }
}

pub fn is_hidden() -> bool {
    document().is_some_and(|d| d.hidden())
}

pub fn is_online() -> bool {
    window().is_none_or(|w| w.navigator().on_line())
}

/// Up to `most`, never less than half of it: many pages that lost the same server do not come back all at once.
pub fn jittered(most: f64) -> i32 {
    (most * (0.5 + js_sys::Math::random() / 2.0)) as i32
}

/// A UUIDv7: 48 bits of time, the rest random, as 32 hexadecimal digits.
pub fn new_key() -> String {
    let mut bytes = [0_u8; 16];
    let is_random = window().and_then(|w| w.crypto().ok()).is_some_and(|c| c.get_random_values_with_u8_array(&mut bytes).is_ok());
    if !is_random {
        bytes.fill_with(|| (js_sys::Math::random() * 256.0) as u8);
    }
    let time = (js_sys::Date::now() as u64).to_be_bytes();
    bytes[..6].copy_from_slice(&time[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0F);
    bytes[8] = 0x80 | (bytes[8] & 0x3F);
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// The names and values of a form, as they are posted.
pub fn fields(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", String::from(js_sys::encode_uri_component(value)))).collect::<Vec<_>>().join("&")
}

/// Tells the server something whose answer nobody waits for.
pub fn post(address: &str, values: &str) {
    let csrf = document().and_then(|d| d.query_selector("[name=csrf]").ok()?).and_then(|field| field.get_attribute("value")).unwrap_or_default();
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_body(&format!("{values}&{}", fields(&[("csrf", &csrf)])).into());
    let header = js_sys::Array::of2(&"content-type".into(), &"application/x-www-form-urlencoded".into());
    request.set_headers(&js_sys::Array::of1(&header));
    if let Some(window) = window() {
        let sent = window.fetch_with_str_and_init(address, &request);
        // Without network it is told with the next message.
        wasm_bindgen_futures::spawn_local(async move { drop(JsFuture::from(sent).await) });
    }
}

/// One value of such names and values.
pub fn value(fields: &str, name: &str) -> String {
    let value = fields.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|v| js_sys::decode_uri_component(v).ok()).map(String::from).unwrap_or_default()
}

/// Lets a line say something else. It stays the same element, which is what screen readers listen to; what has not changed is not said again.
pub fn renew(old: &Element, new: &Element) {
    if old.class_name() != new.class_name() {
        old.set_class_name(&new.class_name());
    }
    let _ = if new.has_attribute("hidden") { old.set_attribute("hidden", "") } else { old.remove_attribute("hidden") };
    if old.inner_html() != new.inner_html() {
        old.set_inner_html(&new.inner_html());
    }
}

/// An element with this HTML in it, not on the page.
pub fn holding(html: &str) -> Option<Element> {
    let holder = document()?.create_element("div").ok()?;
    holder.set_inner_html(html);
    Some(holder)
}

/// Does the same with the element of this id, given its whole HTML.
pub fn renew_by_id(id: &str, html: &str) -> Option<()> {
    renew(&by_id(id)?, &find(&holding(html)?, &format!("#{id}"))?);
    Some(())
}

/// Does the same with the one line inside, or puts it there, or takes it away.
pub fn renew_inside(outer: &Element, html: &str) {
    let Some(new) = holding(html) else { return };
    match (outer.first_element_child(), new.first_element_child()) {
        (Some(old), Some(new)) => renew(&old, &new),
        _ => outer.set_inner_html(html),
    }
}

pub fn has_class(element: &Element, class: &str) -> bool {
    element.class_name().split(' ').any(|c| c == class)
}

//! `/account/passkeys`, `/sign-in/passkey`: what is taken and what is not, with a passkey made of software.

use crate::{
    actor::{Actor, Page},
    app::{TestApp, on_https},
};
use data_encoding::BASE64URL_NOPAD;
use model::StaffId;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PAGE: &str = "/account/second-factor";
const HOST: &str = "linli.test";

/// One passkey on a device whose owner has shown their finger.
struct Device {
    id: [u8; 16],
    key: SigningKey,
    user: String,
}

fn question(page: &Page) -> Value {
    serde_json::from_str(&page.is(200).body).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// What a browser says it was asked, and where.
fn client_data(kind: &str, question: &Value) -> String {
    json!({ "type": kind, "challenge": question["options"]["challenge"], "origin": format!("https://{HOST}"), "crossOrigin": false }).to_string()
}

/// For this host, with somebody there (1) who was recognised (4).
fn authenticator_data(flags: u8) -> Vec<u8> {
    let mut data = Sha256::digest(HOST).to_vec();
    data.push(flags);
    data.extend([0; 4]);
    data
}

impl Device {
    fn new(number: u8) -> Device {
        Device { id: [number; 16], key: SigningKey::from_slice(&[number; 32]).unwrap(), user: String::new() }
    }

    /// Makes the passkey that was asked for.
    fn made(&mut self, question: &Value) -> Value {
        self.user = question["options"]["user"]["id"].as_str().unwrap().to_owned();
        let point = self.key.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let mut data = authenticator_data(0x45);
        data.extend([0; 16]);
        data.extend([0, 16]);
        data.extend(self.id);
        // A COSE key: ES256 on P-256.
        data.extend([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]);
        data.extend(x);
        data.extend([0x22, 0x58, 32]);
        data.extend(y);
        // CBOR: {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt");
        object.extend([0x64]);
        object.extend(b"none");
        object.extend([0x67]);
        object.extend(b"attStmt");
        object.extend([0xa0, 0x68]);
        object.extend(b"authData");
        object.extend([0x58, u8::try_from(data.len()).unwrap()]);
        object.extend(&data);
        let response = json!({ "clientDataJSON": base64(client_data("webauthn.create", question).as_bytes()), "attestationObject": base64(&object) });
        self.answer(question, response)
    }

    /// Signs what was asked.
    fn signed(&self, question: &Value) -> Value {
        let (client, data) = (client_data("webauthn.get", question), authenticator_data(0x05));
        let signed: Vec<u8> = data.iter().copied().chain(Sha256::digest(&client)).collect();
        let signature: Signature = self.key.sign(&signed);
        let response = json!({
            "clientDataJSON": base64(client.as_bytes()),
            "authenticatorData": base64(&data),
            "signature": base64(signature.to_der().as_bytes()),
            "userHandle": self.user,
        });
        self.answer(question, response)
    }

    fn answer(&self, question: &Value, response: Value) -> Value {
        let credential = json!({ "id": base64(&self.id), "rawId": base64(&self.id), "type": "public-key", "response": response, "extensions": {} });
        json!({ "id": question["id"], "credential": credential, "back": "/account" })
    }
}

async fn ask_for_one(actor: &mut Actor) -> Value {
    question(&actor.post("/account/passkeys/begin", &[("name", "手机")]).await)
}

async fn add(actor: &mut Actor, device: &mut Device) -> Page {
    let asked = ask_for_one(actor).await;
    actor.post_json("/account/passkeys", &device.made(&asked)).await
}

/// Somebody at their desk, and a device of theirs with a passkey.
async fn with_passkey(app: &TestApp, name: &str, number: u8) -> (StaffId, Actor, Device) {
    let (id, mut device) = (app.staff(name).await, Device::new(number));
    let mut actor = app.signed_in(id).await;
    add(&mut actor, &mut device).await.is(200);
    (id, actor, device)
}

async fn ask_to_sign_in(actor: &mut Actor, step: &str) -> Value {
    question(&actor.post("/sign-in/passkey/begin", &[("step", step)]).await)
}

#[tokio::test]
async fn the_first_passkey_brings_ten_recovery_codes_that_are_shown_once_and_to_nobody_else() {
    on_https(async |app| {
        let wang = app.staff("王芳").await;
        let mut desk = app.signed_in(wang).await;
        let done: Value = serde_json::from_str(&add(&mut desk, &mut Device::new(1)).await.is(200).body).unwrap();
        let codes: Vec<&str> = done["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
        assert_eq!((codes.len(), &done["to"]), (10, &json!(PAGE)));
        let all = codes.join(" ");
        let shown = desk.post(PAGE, &[("intent", "shown"), ("shown", &all), ("back", "/inbox")]).await;
        shown.is(200).has("请收好备用码").has(codes[9]).has("href=\"/inbox\"");
        desk.get("/account").await.is(200).has("备用码还剩 10 个").has("手机");

        // Only one's own, and only real ones.
        let mut other = app.signed_in(app.staff("李强").await).await;
        assert_eq!(other.post(PAGE, &[("intent", "shown"), ("shown", &all)]).await.location(), PAGE);
        assert_eq!(desk.post(PAGE, &[("intent", "shown"), ("shown", "0000-0000-0000")]).await.location(), PAGE);
        assert_eq!(desk.post(PAGE, &[("intent", "shown"), ("shown", "")]).await.location(), PAGE);

        // Another passkey leaves them as they are.
        let done: Value = serde_json::from_str(&add(&mut desk, &mut Device::new(2)).await.is(200).body).unwrap();
        assert_eq!(done, json!({ "to": format!("{PAGE}?done=passkey") }));
        desk.post(PAGE, &[("intent", "shown"), ("shown", &all)]).await.is(200);
    })
    .await;
}

#[tokio::test]
async fn taking_a_passkey_away_asks_for_the_password_and_the_last_one_stays_where_a_role_asks_for_it() {
    on_https(async |app| {
        let (wang, mut desk, _) = with_passkey(&app, "王芳", 1).await;
        let keys = store::second_factor::passkeys(&mut app.domain.db.read().await.unwrap(), wang).await.unwrap();
        let key = keys[0].id.to_string();
        let remove = |password: &'static str| [("intent", "remove_passkey"), ("passkey", key.as_str()), ("passkey_password", password)];
        app.advance_minutes(11);
        desk.get(PAGE).await.is(200).has("name=\"passkey_password\"");
        desk.post(PAGE, &remove("wrong horse battery")).await.is(422).has("密码不对").has("id=\"passkey_password-e\"");
        desk.get(PAGE).await.has("手机");
        // Somebody else's is not found, whatever is typed.
        let mut other = app.signed_in(app.staff("李强").await).await;
        assert_eq!(other.post(PAGE, &remove("")).await.location(), PAGE);
        let left = async || store::second_factor::passkeys(&mut app.domain.db.read().await.unwrap(), wang).await.unwrap().len();
        assert_eq!(left().await, 1);
        // In a session that has just begun.
        let mut fresh = app.signed_in(wang).await;
        let street = app.vacant_post().await.street;
        app.grant(wang, model::Role::Auditor, street).await;
        fresh.post(PAGE, &remove("")).await.is(422).has("最后一样");
        assert_eq!(left().await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_passkey_is_added_only_by_who_was_asked_and_once() {
    on_https(async |app| {
        let (mut wang, mut li) = (app.signed_in(app.staff("王芳").await).await, app.signed_in(app.staff("李强").await).await);
        let asked = ask_for_one(&mut wang).await;
        let made = Device::new(1).made(&asked);
        li.post_json("/account/passkeys", &made).await.is(422);
        wang.post_json("/account/passkeys", &made).await.is(422).has_not("codes");
        // What answers another question, or none.
        let (first, second) = (ask_for_one(&mut wang).await, ask_for_one(&mut wang).await);
        let mut crossed = Device::new(1).made(&first);
        crossed["id"] = second["id"].clone();
        wang.post_json("/account/passkeys", &crossed).await.is(422);
        let asked = ask_for_one(&mut wang).await;
        let late = Device::new(1).made(&asked);
        app.advance_minutes(6);
        wang.post_json("/account/passkeys", &late).await.is(422);
        // The same passkey cannot become somebody else's.
        add(&mut wang, &mut Device::new(1)).await.is(200);
        add(&mut li, &mut Device::new(1)).await.is(422);
    })
    .await;
}

#[tokio::test]
async fn a_passkey_signs_in_its_owner_alone_and_nobody_who_has_left() {
    on_https(async |app| {
        let (wang, _, device) = with_passkey(&app, "王芳", 1).await;
        let (_, _, other) = with_passkey(&app, "李强", 2).await;
        let mut browser = app.anonymous();
        let asked = ask_to_sign_in(&mut browser, "first").await;
        let signed = device.signed(&asked);
        browser.post_json("/sign-in/passkey", &signed).await.is(200).has("\"to\":\"/account\"");
        browser.get("/account").await.is(200).has("王芳");
        app.anonymous().post_json("/sign-in/passkey", &signed).await.is(422);

        // A signature of another device, in this one's name.
        let asked = ask_to_sign_in(&mut app.anonymous(), "first").await;
        let mut forged = other.signed(&asked);
        forged["credential"]["id"] = json!(base64(&device.id));
        forged["credential"]["rawId"] = json!(base64(&device.id));
        forged["credential"]["response"]["userHandle"] = json!(device.user);
        app.anonymous().post_json("/sign-in/passkey", &forged).await.is(422);
        let asked = ask_to_sign_in(&mut app.anonymous(), "first").await;
        let mut another = device.signed(&asked);
        another["credential"]["response"]["userHandle"] = json!(other.user);
        app.anonymous().post_json("/sign-in/passkey", &another).await.is(422);
        // The question for a new passkey is none for signing in.
        let asked = ask_for_one(&mut browser).await;
        app.anonymous().post_json("/sign-in/passkey", &device.signed(&asked)).await.is(422);

        let now = app.domain.now();
        let asked = ask_to_sign_in(&mut app.anonymous(), "first").await;
        app.domain.db.write(move |c| Box::pin(async move { store::staff::end(c, wang, now).await })).await.unwrap();
        app.anonymous().post_json("/sign-in/passkey", &device.signed(&asked)).await.is(422);
    })
    .await;
}

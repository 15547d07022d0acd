//! `/r/{token}` and `/r/{token}/stop`, as people and as mail programs open them.

use crate::{
    actor::Actor,
    app::{Sticker, TestApp, on_both},
};
use domain::{return_link, row::Mail};
use model::{ClientKey, ConversationId, Language, MailKind, MessageId, MessageKind, OutboxId};

/// A resident with an address whose message 王芳 has answered, and the paths of the mail's two links.
async fn answered(app: &TestApp, sticker: &Sticker) -> (Actor, String, String, String) {
    let (mut resident, path) = app.contact(sticker, "楼道灯坏了").await;
    resident.post(&format!("{path}/email"), &[("email", "zhang@example.cn")]).await.is(303);
    let id: ConversationId = path.trim_start_matches("/c/").parse().unwrap();
    let (domain, post, now) = (&app.domain, sticker.post, app.domain.now());
    let staff = store::post::card(&mut domain.db.read().await.unwrap(), post, now).await.unwrap().unwrap().staff_id;
    let answer = store::message::New {
        id: MessageId(domain.id()),
        conversation_id: id,
        kind: MessageKind::Answer,
        post_id: Some(post),
        staff_id: staff,
        body: "灯今天下午换好".into(),
        client_key: ClientKey(domain.id()),
        sent_at: now,
        wait: None,
    };
    let mail = Mail { conversation_id: Some(id), ..Mail::new(OutboxId(domain.id()), MailKind::Answer, "zhang@example.cn".into(), Language::Chinese, now) };
    let outbox = mail.id;
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let sent = store::message::send(c, &[answer]).await?;
                store::conversation::set_mailed(c, id, sent[0].seq).await?;
                store::outbox::insert(c, &mail).await
            })
        })
        .await
        .unwrap();
    let path_of = |url: String| url.trim_start_matches(&domain.public_url).to_owned();
    (resident, path, path_of(return_link::link(domain, outbox, 1)), path_of(return_link::stop_link(domain, outbox)))
}

#[tokio::test]
async fn the_mails_link_shows_a_button_and_only_the_button_opens_the_conversation() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path, open, _) = answered(&app, &sticker).await;
        let mut other = app.anonymous();
        for _ in 0..2 {
            // A virus scanner follows the link first.
            other.get(&open).await.is(200).has("王芳答复了您").has("打开会话").has_not("灯今天下午换好");
        }
        other.get(&path).await.is(404);
        assert_eq!(other.post(&open, &[]).await.location(), path);
        other.get(&path).await.is(200).has("灯今天下午换好");
        resident.get(&path).await.has("又有一部设备");
        assert_eq!(resident.get(&open).await.location(), path, "a device that may see it goes straight there");

        resident.post(&format!("{path}/devices/end"), &[]).await.is(303);
        app.anonymous().get(&open).await.is(404).has("这个链接已经失效");
        other.post(&open, &[]).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn a_mail_program_stops_the_mails_without_a_cookie_or_a_token_and_looking_does_not() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path, open, stop) = answered(&app, &sticker).await;
        let mut program = app.anonymous();
        program.headers.clear();
        program.headers.insert("origin".into(), "https://mail.example".into());
        program.get(&stop).await.is(200);
        resident.get(&path).await.has("zhang@example.cn");
        program.post(&stop, &[("List-Unsubscribe", "One-Click")]).await.is(200);
        resident.get(&path).await.has_not("zhang@example.cn");
        program.post(&stop, &[("List-Unsubscribe", "One-Click")]).await.is(200);
        // The way back still works.
        app.anonymous().get(&open).await.is(200);
        app.anonymous().get(&format!("{open}/stop")).await.is(404);
        app.anonymous().post("/r/0.0/stop", &[]).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn the_link_of_a_mail_about_another_holder_says_who_answers_now_and_not_that_anybody_has() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path) = app.contact(&sticker, "楼道灯坏了").await;
        resident.post(&format!("{path}/email"), &[("email", "zhang@example.cn")]).await.is(303);
        let (chief, li) = (app.staff("管理员").await, app.staff("李明").await);
        app.grant(chief, model::Role::Admin, sticker.street).await;
        let beside = app.post_at(sticker.community).await;
        app.hold(li, beside.post).await;
        let email = format!("{li}@linli.test");
        let mut admin = app.signed_in(chief).await;
        admin.post(&format!("/admin/posts/{}", sticker.post), &[("intent", "hold"), ("who", &email), ("instead", "yes")]).await.is(303);
        domain::telling::tell_due(&app.domain).await.unwrap();
        let mails = app.mails_to("zhang@example.cn").await;
        assert_eq!(mails.iter().map(|mail| mail.kind).collect::<Vec<_>>(), [MailKind::HandOver]);
        let link = return_link::link(&app.domain, mails[0].id, 1).trim_start_matches(&app.domain.public_url).to_owned();
        let mut phone = app.anonymous();
        phone.get(&link).await.is(200).has("接下来由李明答复您").has_not("李明答复了您").has_not("楼道灯坏了");
        let opened = phone.post(&link, &[]).await;
        assert_eq!(opened.is(303).location(), path);
        phone.get(&path).await.is(200).has("楼道灯坏了").has("接下来由");
    })
    .await;
}

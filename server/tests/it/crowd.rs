//! When everybody comes at the same moment.

use crate::app::{TestApp, on_both};
use axum::body::{Body, Bytes};
use domain::limits::REQUESTS_AT_ONCE;
use futures::{future::join_all, stream};
use http::{Request, StatusCode};
use tower::ServiceExt;

#[tokio::test]
async fn what_can_wait_is_turned_away_first_and_messages_go_through() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut resident = app.in_a_crowd([1, 1, 0, 0]);
        let key = resident.get(&sticker.path()).await.is(200).field("key");
        let sent = resident.post(&sticker.path(), &[("text", "路灯坏了"), ("key", &key)]).await.location();
        let busy = resident.get(&sent).await;
        busy.is(503).has("现在人很多").has("http-equiv=\"refresh\"");
        let seconds: u64 = busy.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((2..=6).contains(&seconds));
        let mut late = app.in_a_crowd([1, 0, 0, 0]);
        late.get(&sticker.path()).await.is(503);
        late.set_cookie("device", resident.cookie("device"));
        late.post(&sent, &[("text", "还是路灯"), ("key", "0192a3b4c5d67e8f9a0b1c2d3e4f5a6b")]).await.is(303);
        let mut reader = app.in_a_crowd([1, 1, 1, 0]);
        reader.get("/claim").await.is(200);
        reader.get("/inbox?q=x").await.is(503);
        reader.get("/up").await.is(200);
    })
    .await;
}

#[tokio::test]
async fn who_is_turned_away_keeps_what_they_typed_and_no_password_comes_back() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut crowd = app.in_a_crowd([0; 4]);
        let form = [("text", "三楼 <b>漏水</b> & 停电"), ("key", "0192a3b4c5d67e8f9a0b1c2d3e4f5a6b"), ("csrf", "x")];
        let page = crowd.post(&sticker.path(), &form).await;
        page.is(503).has("三楼 &lt;b&gt;漏水&lt;/b&gt; &amp; 停电").has("0192a3b4c5d67e8f9a0b1c2d3e4f5a6b").has(&format!("action=\"{}\"", sticker.path()));
        crowd.post("/sign-in", &[("email", "wang@linli.test"), ("password", "geheim")]).await.is(503).has_not("geheim").has_not("wang@linli.test");
        crowd.headers.insert("accept".into(), "text/plain".into());
        let island = crowd.post(&sticker.path(), &form).await;
        assert_eq!((island.status.as_u16(), island.body.as_str()), (503, ""), "the island keeps it and tries again");
        crowd.headers.insert("accept-language".into(), "en".into());
        crowd.headers.remove("accept");
        crowd.post(&sticker.path(), &form).await.is(503).has("Send again");
    })
    .await;
}

#[tokio::test]
async fn one_address_that_never_stops_is_turned_away_and_others_are_not() {
    on_both(async |app| {
        let mut greedy = app.anonymous();
        greedy.headers.insert("x-forwarded-for".into(), "203.0.113.9".into());
        for _ in 0..REQUESTS_AT_ONCE {
            app.domain.limits.request("203.0.113.9".parse().unwrap()).unwrap();
        }
        let refused = greedy.get("/claim").await;
        refused.is(429);
        assert!(refused.headers.contains_key("retry-after"));
        app.anonymous().get("/claim").await.is(200);
        let sticker = app.sticker().await;
        let form = [("text", "三楼漏水"), ("key", "0192a3b4c5d67e8f9a0b1c2d3e4f5a6b"), ("csrf", "x")];
        greedy.post(&sticker.path(), &form).await.is(429).has("三楼漏水").has("0192a3b4c5d67e8f9a0b1c2d3e4f5a6b");
        greedy.upload("/admin/imports/new", &[], "file", b"x").await.is(429);
        greedy.headers.insert("accept".into(), "text/plain".into());
        assert_eq!(greedy.post(&sticker.path(), &form).await.is(429).body, "", "the island keeps it and tries again");
        greedy.headers.remove("accept");
        app.advance_minutes(1);
        greedy.get("/claim").await.is(200);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_the_database_does_not_take_comes_back_with_its_text() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut resident = app.anonymous();
        let key = resident.get(&sticker.path()).await.field("key");
        app.domain.db.close().await;
        let form = [("text", "水管爆了 <b>"), ("key", key.as_str())];
        let kept = resident.post(&sticker.path(), &form).await;
        kept.is(503).has("没能保存").has("水管爆了 &lt;b&gt;").has(&key).has(&format!("action=\"{}\"", sticker.path()));
        assert!(kept.headers.contains_key("retry-after") && kept.headers.contains_key("content-security-policy"));
        resident.post("/sign-in", &[("email", "wang@linli.test"), ("password", "geheim")]).await.has_not("geheim");
        resident.headers.insert("accept".into(), "text/plain".into());
        assert_eq!(resident.post(&sticker.path(), &form).await.is(503).body, "", "the island keeps it and tries again");
    })
    .await;
}

/// A form of which only the beginning arrives, from an address.
fn begun_form(app: &TestApp, path: &str, from: &str) -> tokio::task::JoinHandle<StatusCode> {
    let never = stream::unfold(0, |sent| async move {
        match sent {
            0 => Some((Ok::<_, std::io::Error>(Bytes::from_static(b"text=")), 1)),
            _ => std::future::pending().await,
        }
    });
    let request = Request::post(path)
        .header("host", "linli.test")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-forwarded-for", from)
        .body(Body::from_stream(never))
        .unwrap();
    let router = app.router.clone();
    tokio::spawn(async move { router.oneshot(request).await.unwrap().status() })
}

#[tokio::test]
async fn one_address_that_never_finishes_its_forms_does_not_stop_anybody_elses() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        // More than are on their way at the same moment of all addresses together.
        let begun: Vec<_> = (0..2_500).map(|_| begun_form(&app, &sticker.path(), "203.0.113.9")).collect();
        tokio::task::yield_now().await;
        let mut resident = app.anonymous();
        let key = resident.get(&sticker.path()).await.is(200).field("key");
        resident.post(&sticker.path(), &[("text", "路灯坏了"), ("key", &key)]).await.is(303);
        let mut neighbour = app.anonymous();
        neighbour.headers.insert("x-forwarded-for".into(), "203.0.113.9".into());
        neighbour.get(&sticker.path()).await.is(200);
        let waiting = begun.iter().filter(|form| !form.is_finished()).count();
        assert_eq!(waiting, 128, "the others were turned away at once");
        begun.iter().for_each(|form| form.abort());
    })
    .await;
}

#[tokio::test]
async fn many_from_one_address_wait_for_each_other_and_leave_room_for_everybody_else() {
    on_both(async |app| {
        let path = app.sticker().await.path();
        let visitor = app.in_a_crowd([1, 5, 0, 0]);
        let scanned = |from: &str| {
            let (mut visitor, path) = (visitor.clone(), path.clone());
            visitor.headers.insert("x-forwarded-for".into(), from.into());
            async move { visitor.get(&path).await.status.as_u16() }
        };
        let school = (0..100).map(|_| scanned("203.0.113.9"));
        let all = join_all(school.chain([scanned("203.0.113.10")])).await;
        assert!(all.iter().all(|status| *status == 200), "{all:?}");
    })
    .await;
}

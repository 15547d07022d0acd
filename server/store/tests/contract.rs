//! What the store promises, on SQLite and on PostgreSQL alike.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use model::{
    At, CheckPhrase, ClientKey, ContactId, ContactPointId, ConversationId, ConversationState, DeviceId, GrantId, InvitationId, InvitationState, Language,
    MailKind, MessageId, MessageKind, OutboxId, PasskeyId, PointCode, PostId, Role, SessionId, StaffId, UnitId, UnitKind, WaitId,
};
use std::collections::HashMap;
use store::{
    Db, Error,
    contact_point::ContactPoint,
    conversation::Conversation,
    first_message::{Outcome, Start},
    invitation::{Invitation, Wanted},
    message::{self, Audience, New, NewWait},
    overflow::{self, Room},
    post::Post,
    second_factor::{Authenticator, Ceremony, Passkey},
    seen::Seen,
    session::Session,
    staff::{Grant, Staff},
    testing::databases,
    unit::Unit,
    way::Asked,
};
use uuid::Uuid;

const NOW: At = At(1_763_604_000_000);

fn id() -> Uuid {
    Uuid::from_u128(rand())
}

/// Different every time; nothing else is asked of it.
fn rand() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    u128::from(RandomState::new().hash_one(0)) << 64 | u128::from(RandomState::new().hash_one(1))
}

async fn on_both(test: impl AsyncFn(Db)) {
    for database in databases().await {
        test(database.db.clone()).await;
    }
}

/// A post with one conversation in it.
async fn conversation(db: &Db) -> ConversationId {
    let (unit, post, contact, conversation) = (UnitId(id()), PostId(id()), ContactId(id()), ConversationId(id()));
    db.write(move |c| {
        Box::pin(async move {
            let grid =
                Unit {
                    id: unit, parent_id: None, kind: UnitKind::Grid, name: "第一网格".into(), name_en: None, code: None, created_at: NOW, ended_at: None
                };
            store::unit::insert(c, &grid).await?;
            let seat = Post {
                id: post,
                unit_id: unit,
                title: "网格员".into(),
                title_en: None,
                substitute_id: None,
                welcome: None,
                answering_id: None,
                created_at: NOW,
                ended_at: None,
            };
            store::post::insert(c, &seat).await?;
            store::contact::insert(c, contact, Language::Chinese, NOW).await?;
            store::contact::insert_device(c, DeviceId(id()), contact, id().as_bytes(), NOW).await?;
            let fresh = Conversation {
                id: conversation,
                contact_id: contact,
                post_id: post,
                contact_point_id: None,
                state: ConversationState::Open,
                claim_version: 1,
                last_seq: 0,
                last_message_at: NOW,
                preview: String::new(),
                contact_seen_seq: 0,
                staff_seen_seq: 0,
                mailed_seq: 0,
                opened_at: NOW,
                closed_at: None,
            };
            store::conversation::insert(c, &fresh, id().as_bytes()).await
        })
    })
    .await
    .unwrap();
    conversation
}

fn new(conversation_id: ConversationId, kind: MessageKind, body: &str) -> New {
    let wait = (kind == MessageKind::Contact).then(|| NewWait { id: WaitId(id()), due_at: NOW.plus_minutes(60) });
    New { id: MessageId(id()), conversation_id, kind, post_id: None, staff_id: None, body: body.into(), client_key: ClientKey(id()), sent_at: NOW, wait }
}

async fn bodies(db: &Db, conversation: ConversationId, audience: Audience) -> Vec<(i64, String)> {
    let mut conn = db.read().await.unwrap();
    let all = message::after(&mut conn, conversation, audience, 0, 1000).await.unwrap();
    all.into_iter().map(|m| (m.seq, m.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_sent_at_once_are_numbered_without_a_gap() {
    on_both(async |db| {
        let (one, other) = (conversation(&db).await, conversation(&db).await);
        let sends = (0..60).map(|n| {
            let db = db.clone();
            tokio::spawn(async move { db.send(new(if n % 3 == 0 { other } else { one }, MessageKind::Contact, &n.to_string())).await.unwrap() })
        });
        for send in sends.collect::<Vec<_>>() {
            assert!(send.await.unwrap().is_new);
        }
        for (conversation, count) in [(one, 40), (other, 20)] {
            let numbers: Vec<i64> = bodies(&db, conversation, Audience::Contact).await.into_iter().map(|(seq, _)| seq).collect();
            assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_key_sent_again_gives_the_first_result() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let message = new(conversation, MessageKind::Contact, "一次");
        let again = |m: &New| New { id: MessageId(id()), ..m.clone() };
        let (first, second, third) = tokio::join!(db.send(again(&message)), db.send(again(&message)), db.send(again(&message)));
        let all = [first.unwrap(), second.unwrap(), third.unwrap()];
        assert_eq!(all.iter().filter(|s| s.is_new).count(), 1);
        assert!(all.iter().all(|s| s.seq == 1 && s.message_id == all[0].message_id));
        let later = db.send(again(&message)).await.unwrap();
        assert!(!later.is_new && later.seq == 1);
        assert_eq!(bodies(&db, conversation, Audience::Contact).await, [(1, "一次".to_owned())]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_who_ask_at_once_gets_the_way_of_their_own_message() {
    on_both(async |db| {
        let mut own = Vec::new();
        for _ in 0..20 {
            let id = conversation(&db).await;
            own.push(store::conversation::find(&mut db.read().await.unwrap(), id).await.unwrap().unwrap());
        }
        let sent = new(own[0].id, MessageKind::Contact, "写过了");
        db.send(sent.clone()).await.unwrap();
        let asks = own.iter().enumerate().map(|(i, mine)| {
            // Every third asks for somebody else's, and the first for a message that is there.
            let contact = if i % 3 == 1 { own[0].contact_id } else { mine.contact_id };
            let key = if i == 0 { sent.client_key } else { ClientKey(id()) };
            db.way(Asked { device: DeviceId(id()), contact, conversation: mine.id, key, now: NOW })
        });
        for (i, way) in futures::future::join_all(asks).await.into_iter().enumerate() {
            let expected = (i % 3 != 1).then_some((own[i].post_id, 0, i64::from(i == 0)));
            assert_eq!(way.unwrap().map(|way| (way.post_id, way.on_duty, way.is_known)), expected, "{i}");
        }
    })
    .await;
}

/// A post with a sticker, and a first message there from the device with this key.
async fn sticker(db: &Db) -> impl Fn(u8, &str) -> Start {
    let elsewhere = conversation(db).await;
    let post_id = store::conversation::find(&mut db.read().await.unwrap(), elsewhere).await.unwrap().unwrap().post_id;
    let point = ContactPoint {
        id: ContactPointId(id()),
        post_id,
        code: PointCode::from_bits(rand().to_be_bytes()[..8].try_into().unwrap()),
        check_phrase: CheckPhrase::from_bits([0, 1, 2, 3]),
        place: "单元门".into(),
        place_en: None,
        topic: None,
        welcome: None,
        created_at: NOW,
        revoked_at: None,
    };
    let point_id = point.id;
    db.write(move |c| Box::pin(async move { store::contact_point::insert(c, &point).await })).await.unwrap();
    move |device, body| Start {
        key_hash: vec![device; 32],
        language: Language::Chinese,
        post_id,
        point_id,
        room: None,
        meant_for: None,
        claim_hash: id().as_bytes().to_vec(),
        contact_id: ContactId(id()),
        device_id: DeviceId(id()),
        conversation_id: ConversationId(id()),
        news: vec![new(ConversationId(id()), MessageKind::Contact, body), new(ConversationId(id()), MessageKind::Auto, "")],
    }
}

/// What was sent, where nothing stood in its way.
fn sent(outcome: Outcome) -> message::Sent {
    match outcome {
        Outcome::Sent(sent) => sent,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn first_messages_of_one_device_at_the_same_moment_begin_one_conversation() {
    on_both(async |db| {
        let start = sticker(&db).await;
        let starts = (0..12).map(|n: u8| (n / 4, start(n / 4, &n.to_string()))).map(|(device, start)| {
            let db = db.clone();
            tokio::spawn(async move {
                // On PostgreSQL whoever comes second is told so.
                let sent = match db.start(start.clone()).await {
                    Err(Error::Taken(_)) => db.start(start).await,
                    other => other,
                };
                (device, self::sent(sent.unwrap()))
            })
        });
        let mut begun: HashMap<u8, Vec<message::Sent>> = HashMap::new();
        for sent in starts.collect::<Vec<_>>() {
            let (device, sent) = sent.await.unwrap();
            begun.entry(device).or_default().push(sent);
        }
        for sent in begun.values_mut() {
            sent.sort_by_key(|s| s.seq);
            assert_eq!(sent.iter().map(|s| s.seq).collect::<Vec<_>>(), [1, 3, 5, 7], "each with its automatic reply");
            assert!(sent.iter().all(|s| s.is_new && s.conversation_id == sent[0].conversation_id));
        }
        assert_eq!(begun.len(), 3);
        let again = sent(db.start(start(0, "再来")).await.unwrap());
        assert_eq!((again.conversation_id, again.seq), (begun[&0][0].conversation_id, 9));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_message_is_sent_once_and_not_to_a_post_that_has_ended() {
    on_both(async |db| {
        let (start, other) = (sticker(&db).await, sticker(&db).await);
        let first = start(1, "一次");
        let (once, again) = (sent(db.start(first.clone()).await.unwrap()), sent(db.start(first.clone()).await.unwrap()));
        assert_eq!((again.message_id, again.seq, again.is_new), (once.message_id, once.seq, false));
        let elsewhere = sent(db.start(other(1, "别处")).await.unwrap());
        assert_ne!(elsewhere.conversation_id, once.conversation_id);
        let post = first.post_id;
        db.write(move |c| Box::pin(async move { store::post::end(c, post, NOW).await })).await.unwrap();
        assert_eq!(db.start(start(2, "太晚")).await.unwrap(), Outcome::Ended);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_takes_as_many_new_conversations_as_it_has_room_for_however_many_come_at_once() {
    on_both(async |db| {
        let (start, above) = (sticker(&db).await, sticker(&db).await);
        let post = start(0, "").post_id;
        // One is open already: the one the post was made with, which began before today.
        let room = |per_day, open| Some(Room { new_contacts_per_day: per_day, open_conversations: open, since: NOW });
        let starts = (0..12).map(|n: u8| Start { room: room(Some(5), None), ..start(n, "路灯") }).map(|start| {
            let db = db.clone();
            tokio::spawn(async move { db.start(start).await.unwrap() })
        });
        let mut begun = Vec::new();
        for outcome in starts.collect::<Vec<_>>() {
            begun.push(outcome.await.unwrap());
        }
        let full = begun.iter().filter(|o| **o == Outcome::Full).count();
        // Where the conversation the post was made with began at the same moment, it counts too.
        let loads = overflow::loads(&mut db.read().await.unwrap(), &[(post, NOW)]).await.unwrap()[&post];
        assert_eq!((loads.new, 12 - full), (5, usize::try_from(loads.new).unwrap() - 1));

        // Who has a conversation there goes on in it, whatever there is; what is too much begins elsewhere, and is found again from the sticker.
        let known = (0..12).find(|n| matches!(begun[usize::from(*n)], Outcome::Sent(_))).unwrap();
        let again = sent(db.start(Start { room: room(Some(0), Some(0)), ..start(known, "还有") }).await.unwrap());
        assert_eq!(again.seq, 3);
        let refused = (0..12).find(|n| begun[usize::from(*n)] == Outcome::Full).unwrap();
        assert_eq!(store::contact::device(&mut db.read().await.unwrap(), &[refused; 32]).await.unwrap().map(|d| d.id), None, "nothing of them was kept");
        let elsewhere = Start { meant_for: Some(post), ..above(refused, "路灯") };
        let moved = sent(db.start(elsewhere).await.unwrap());
        let mut conn = db.read().await.unwrap();
        assert_eq!(overflow::meant_for(&mut conn, moved.conversation_id).await.unwrap(), Some(post));
        assert_eq!(overflow::since(&mut conn, post, NOW).await.unwrap(), 1);
        let device = store::contact::device(&mut conn, &[refused; 32]).await.unwrap().unwrap();
        let found = store::conversation::of_device_with_post(&mut conn, device.id, post).await.unwrap().unwrap();
        assert_eq!(found.id, moved.conversation_id);
        drop(conn);
        let back = sent(db.start(Start { room: room(Some(0), None), ..start(refused, "又来") }).await.unwrap());
        assert_eq!(back.conversation_id, moved.conversation_id);

        // Open conversations are counted whenever they began.
        let next = Start { room: room(None, Some(loads.open)), ..start(40, "新的") };
        assert_eq!(db.start(next.clone()).await.unwrap(), Outcome::Full);
        sent(db.start(Start { room: room(None, Some(loads.open + 1)), ..next }).await.unwrap());
        let tomorrow = Start { room: Some(Room { new_contacts_per_day: Some(1), open_conversations: None, since: NOW.plus_days(1) }), ..start(41, "明天") };
        sent(db.start(tomorrow).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn work_that_fails_is_undone_and_its_neighbours_stay() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let failed = db.write(move |c| {
            Box::pin(async move {
                message::send(c, &[new(conversation, MessageKind::Note, "verloren")]).await?;
                Err::<(), _>(Error::Url)
            })
        });
        let (failed, kept) = tokio::join!(failed, db.send(new(conversation, MessageKind::Contact, "bleibt")));
        assert!(failed.is_err() && kept.is_ok());
        assert_eq!(bodies(&db, conversation, Audience::Staff).await, [(1, "bleibt".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn work_that_panics_is_undone_and_the_next_goes_on() {
    on_both(async |db| {
        let id = conversation(&db).await;
        let panicked = db.write(move |c| {
            Box::pin(async move {
                store::conversation::staff_saw_only(c, id, 7).await?;
                if id.0 != Uuid::nil() {
                    panic!("as a mistake of ours would");
                }
                Ok::<(), Error>(())
            })
        });
        assert!(panicked.await.is_err());
        db.is_writing().await.unwrap();
        db.send(new(id, MessageKind::Contact, "noch da")).await.unwrap();
        let found = store::conversation::find(&mut db.read().await.unwrap(), id).await.unwrap().unwrap();
        assert_eq!((found.staff_seen_seq, found.last_seq), (0, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_nowhere_fails_alone() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let nowhere = new(ConversationId(id()), MessageKind::Contact, "ins Leere");
        let (lost, kept) = tokio::join!(db.send(nowhere), db.send(new(conversation, MessageKind::Contact, "kommt an")));
        assert!(lost.is_err());
        assert_eq!(kept.unwrap().seq, 1);
    })
    .await;
}

#[tokio::test]
async fn the_first_unanswered_message_opens_the_wait_and_only_an_answer_closes_it() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let open = async || store::wait::open(&mut db.read().await.unwrap(), conversation).await.unwrap();
        db.send(new(conversation, MessageKind::Contact, "1")).await.unwrap();
        db.send(new(conversation, MessageKind::Contact, "2")).await.unwrap();
        let wait = open().await.unwrap();
        assert_eq!((wait.opened_seq, wait.due_at), (1, NOW.plus_minutes(60)));
        for kind in [MessageKind::Note, MessageKind::Auto, MessageKind::Event] {
            db.send(new(conversation, kind, "nichts")).await.unwrap();
            assert_eq!(open().await.as_ref(), Some(&wait));
        }
        db.send(new(conversation, MessageKind::Answer, "3")).await.unwrap();
        assert_eq!(open().await, None);
        let all = store::wait::of_conversation(&mut db.read().await.unwrap(), conversation).await.unwrap();
        assert_eq!(all.iter().map(|w| (w.opened_seq, w.closed_seq)).collect::<Vec<_>>(), [(1, Some(6))]);
    })
    .await;
}

#[tokio::test]
async fn whoever_writes_again_beside_the_answer_waits_again() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let kinds = [MessageKind::Contact, MessageKind::Answer, MessageKind::Answer, MessageKind::Contact, MessageKind::Contact];
        let batch = kinds.map(|kind| new(conversation, kind, "zugleich"));
        db.write(move |c| Box::pin(async move { message::send(c, &batch).await.map(drop) })).await.unwrap();
        let waits = store::wait::of_conversation(&mut db.read().await.unwrap(), conversation).await.unwrap();
        let turns: Vec<(i64, Option<i64>)> = waits.iter().map(|w| (w.opened_seq, w.closed_seq)).collect();
        assert_eq!(turns, [(1, Some(2)), (4, None)]);
    })
    .await;
}

#[tokio::test]
async fn notes_are_for_staff_only() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        db.send(new(conversation, MessageKind::Contact, "frage")).await.unwrap();
        db.send(new(conversation, MessageKind::Note, "intern")).await.unwrap();
        assert_eq!(bodies(&db, conversation, Audience::Contact).await, [(1, "frage".to_owned())]);
        assert_eq!(bodies(&db, conversation, Audience::Staff).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_opening_again() {
    for database in databases().await {
        let conversation = conversation(&database.db).await;
        database.db.send(new(conversation, MessageKind::Contact, "dauerhaft")).await.unwrap();
        database.db.close().await;
        let again = Db::open(&database.url).await.unwrap();
        assert_eq!(bodies(&again, conversation, Audience::Contact).await, [(1, "dauerhaft".to_owned())]);
    }
}

#[tokio::test]
async fn what_was_seen_only_grows_however_many_say_so_at_once_and_beside_messages() {
    on_both(async |db| {
        let (one, other) = (conversation(&db).await, conversation(&db).await);
        let seen = |conversation_id, seq| db.saw(Seen { conversation_id, seq });
        let marks = (1..=40).map(|n| seen(if n % 2 == 0 { one } else { other }, n));
        let sends = (0..40).map(|n| db.send(new(if n % 2 == 0 { one } else { other }, MessageKind::Answer, &n.to_string())));
        let (marked, sent) = tokio::join!(futures::future::join_all(marks), futures::future::join_all(sends));
        marked.into_iter().for_each(|m| m.unwrap());
        assert!(sent.into_iter().all(|s| s.is_ok()));
        seen(one, 3).await.unwrap();
        seen(ConversationId(id()), 3).await.unwrap();
        let mut conn = db.read().await.unwrap();
        for (id, seq) in [(one, 40), (other, 39)] {
            assert_eq!(store::conversation::find(&mut conn, id).await.unwrap().unwrap().contact_seen_seq, seq);
        }
    })
    .await;
}

fn newcomer(email: &str, activated_at: Option<At>) -> Staff {
    Staff {
        id: StaffId(id()),
        email: email.into(),
        name: email.into(),
        title: None,
        language: Language::Chinese,
        password_hash: None,
        created_at: NOW,
        activated_at,
        ended_at: None,
        off_duty_since: None,
        off_duty_until: None,
    }
}

/// Somebody with a login.
async fn staff(db: &Db) -> StaffId {
    let person = newcomer(&format!("{}@linli.test", id()), Some(NOW));
    let staff = person.id;
    db.write(move |c| Box::pin(async move { store::staff::insert(c, &person).await })).await.unwrap();
    staff
}

macro_rules! write {
    ($db:expr, $c:ident => $e:expr) => {
        $db.write(move |$c| Box::pin(async move { $e.await })).await.map_err(|e: Error| e).unwrap()
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_an_app_and_a_recovery_code_are_used_once_even_by_two_at_the_same_moment() {
    on_both(async |db| {
        let me = staff(&db).await;
        let app = |nonce: &str, last_step| Authenticator { staff_id: me, nonce: nonce.into(), created_at: NOW, last_step };
        let (first, again) = (app("a", 7), app("b", 0));
        write!(db, c => store::second_factor::set_authenticator(c, &first));
        assert!(!write!(db, c => store::second_factor::use_step(c, me, 7)), "the step it was set up with");
        let tries = (0..8).map(|_| db.write(move |c| Box::pin(async move { store::second_factor::use_step(c, me, 9).await })));
        let used = futures::future::join_all(tries).await.into_iter().filter(|r| matches!(r, Ok(true))).count();
        assert_eq!(used, 1);
        assert!(!write!(db, c => store::second_factor::use_step(c, me, 8)), "an older one");
        write!(db, c => store::second_factor::set_authenticator(c, &again));
        assert!(write!(db, c => store::second_factor::use_step(c, me, 8)), "of another app");

        write!(db, c => store::second_factor::set_recovery_codes(c, me, &[vec![1], vec![2]], NOW));
        let tries = (0..8).map(|_| db.write(move |c| Box::pin(async move { store::second_factor::use_recovery_code(c, me, &[1], NOW).await })));
        assert_eq!(futures::future::join_all(tries).await.into_iter().filter(|r| matches!(r, Ok(true))).count(), 1);
        assert!(!write!(db, c => store::second_factor::use_recovery_code(c, me, &[3], NOW)));
        let other = staff(&db).await;
        for (whose, hash, is_one) in [(me, 2, true), (me, 1, false), (me, 3, false), (other, 2, false)] {
            assert_eq!(store::second_factor::is_recovery_code(&mut db.read().await.unwrap(), whose, &[hash]).await.unwrap(), is_one, "{hash}");
        }
        assert_eq!(store::second_factor::recovery_codes_left(&mut db.read().await.unwrap(), me).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_belongs_to_one_person_and_a_question_is_answered_once_and_in_time() {
    on_both(async |db| {
        let (me, other) = (staff(&db).await, staff(&db).await);
        let key = |staff_id| Passkey {
            id: PasskeyId(id()),
            staff_id,
            credential_id: vec![1, 2, 3],
            credential: "{}".into(),
            name: "手机".into(),
            created_at: NOW,
            used_at: None,
        };
        let (mine, stolen) = (key(me), key(other));
        let passkey = mine.id;
        write!(db, c => store::second_factor::insert_passkey(c, &mine));
        assert!(db.write(move |c| Box::pin(async move { store::second_factor::insert_passkey(c, &stolen).await })).await.is_err());
        write!(db, c => store::second_factor::used_passkey(c, passkey, "{\"n\":1}", NOW.plus_days(1)));
        let found = store::second_factor::passkey(&mut db.read().await.unwrap(), &[1, 2, 3]).await.unwrap().unwrap();
        assert_eq!((found.staff_id, found.used_at, found.credential.as_str()), (me, Some(NOW.plus_days(1)), "{\"n\":1}"));
        assert!(!write!(db, c => store::second_factor::remove_passkey(c, other, passkey)));
        assert!(write!(db, c => store::second_factor::remove_all(c, me)));
        assert!(!store::second_factor::is_set(&mut db.read().await.unwrap(), me).await.unwrap());

        let (asked, late) = (id(), id());
        let question = |expires_at| Ceremony { staff_id: Some(me), state: "{}".into(), expires_at };
        let (in_time, too_late) = (question(NOW.plus_minutes(5)), question(NOW.plus_minutes(1)));
        write!(db, c => store::second_factor::begin_ceremony(c, late, &too_late, NOW));
        write!(db, c => store::second_factor::begin_ceremony(c, asked, &in_time, NOW));
        let answer = async |question| write!(db, c => store::second_factor::end_ceremony(c, question, NOW.plus_minutes(2)));
        assert_eq!(answer(late).await, None);
        assert!(answer(asked).await.is_some());
        assert_eq!(answer(asked).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_knows_what_was_shown_in_it_and_what_its_person_has() {
    on_both(async |db| {
        let me = staff(&db).await;
        let session = Session { id: SessionId(id()), staff_id: me, agent: String::new(), created_at: NOW, seen_at: NOW, ended_at: None };
        let this = session.id;
        write!(db, c => store::session::insert(c, &session, &[7]));
        let live = async || store::session::by_key(&mut db.read().await.unwrap(), &[7], NOW.plus_days(-1), NOW).await.unwrap().unwrap();
        assert_eq!((live().await.factors, live().await.proven_at), (0, None));
        let app = Authenticator { staff_id: me, nonce: "a".into(), created_at: NOW, last_step: 0 };
        write!(db, c => store::second_factor::set_authenticator(c, &app));
        write!(db, c => store::session::prove(c, this, NOW));
        assert_eq!((live().await.factors, live().await.proven_at), (1, Some(NOW)));
        assert_eq!(store::session::begun_at(&mut db.read().await.unwrap(), this).await.unwrap(), Some(NOW));

        // A stream goes on only where what has to be shown has been.
        let is_live = async || store::session::is_live(&mut db.read().await.unwrap(), this, NOW.plus_days(-1), NOW).await.unwrap();
        assert!(is_live().await);
        write!(db, c => store::session::unprove(c, me));
        assert_eq!((live().await.proven_at, is_live().await), (None, false));
        write!(db, c => store::second_factor::remove_all(c, me));
        assert!(is_live().await);
        let unit = UnitId(id());
        let grid = Unit { id: unit, parent_id: None, kind: UnitKind::Grid, name: "网格".into(), name_en: None, code: None, created_at: NOW, ended_at: None };
        let grant = Grant { id: GrantId(id()), staff_id: me, role: Role::Auditor, unit_id: unit, from_at: NOW, until_at: None };
        write!(db, c => store::unit::insert(c, &grid));
        write!(db, c => store::staff::insert_grant(c, &grant));
        assert!(!is_live().await, "a role asks for a second factor");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_are_written_for_many_at_once_and_each_is_in_one_state() {
    on_both(async |db| {
        let (admin, unit, below) = (staff(&db).await, UnitId(id()), UnitId(id()));
        let people: Vec<Staff> = (0..6).map(|n| newcomer(&format!("{n}@{unit}.test"), (n == 5).then_some(NOW))).collect();
        let ids: Vec<StaffId> = people.iter().map(|p| p.id).collect();
        let at =
            |id, parent_id| Unit { id, parent_id, kind: UnitKind::Street, name: "街道".into(), name_en: None, code: None, created_at: NOW, ended_at: None };
        let (top, sub) = (at(unit, None), at(below, Some(unit)));
        let grant = Grant { id: GrantId(id()), staff_id: admin, role: Role::Admin, unit_id: unit, from_at: NOW, until_at: None };
        db.write(move |c| {
            Box::pin(async move {
                store::unit::insert(c, &top).await?;
                store::unit::insert(c, &sub).await?;
                store::staff::insert_grant(c, &grant).await?;
                for (n, person) in people.iter().enumerate() {
                    store::staff::insert(c, person).await?;
                    store::staff::set_unit(c, person.id, if n < 2 { unit } else { below }).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
        let wanted = Wanted { states: [InvitationState::Unsent; 2], before: NOW.plus_days(9), most: 4 };
        let who = async |unit| store::invitation::wanted(&mut db.read().await.unwrap(), admin, NOW, unit, wanted).await.unwrap();
        assert_eq!(who(None).await, ids[..5]);
        assert_eq!(who(Some(below)).await, ids[2..5]);
        assert_eq!(who(Some(UnitId(id()))).await, []);

        let mails: Vec<OutboxId> = (0..6).map(|_| OutboxId(id())).collect();
        let rows = |day: i64| -> Vec<store::invitation::New> {
            let row = |(n, staff): (usize, &StaffId)| store::invitation::New {
                staff: staff.to_string(),
                id: InvitationId(id()).to_string(),
                mail: if day == 0 { mails[n].to_string() } else { OutboxId(id()).to_string() },
                due: NOW.plus_days(day).0,
                expires: NOW.plus_days(day + 7).0,
            };
            ids.iter().enumerate().map(row).collect()
        };
        let (first, again, next) = (rows(0), rows(0), rows(1));
        let old: InvitationId = first[3].id.parse().unwrap();
        assert_eq!(write!(db, c => store::invitation::insert_all(c, &first, NOW)), 5, "not for somebody with a login");
        assert_eq!(write!(db, c => store::invitation::insert_all(c, &again, NOW)), 0, "their mails are on the way");
        assert_eq!(store::invitation::last_due(&mut db.read().await.unwrap()).await.unwrap(), Some(NOW));
        let lasts = NOW.plus_days(7).0 - NOW.0;
        let place = async || store::invitation::last_place(&mut db.read().await.unwrap(), lasts).await.unwrap();
        assert_eq!(place().await, Some(NOW));
        let late = mails[4];
        write!(db, c => store::outbox::hold(c, late, NOW.plus_days(1)));
        assert_eq!(place().await, Some(NOW), "held until the morning, it keeps its place");
        write!(db, c => store::outbox::retry(c, late, NOW.plus_days(2), "timed out"));
        assert_eq!(place().await, Some(NOW), "and those that are tried again do not count");
        let [refused, back, held, gone] = [mails[0], mails[1], mails[2], mails[3]];
        db.write(move |c| {
            Box::pin(async move {
                store::outbox::failed(c, refused, NOW, "smtp 550").await?;
                store::outbox::sent(c, back, NOW).await?;
                assert!(store::bounce::insert(c, back, "5.1.1", NOW).await?);
                assert!(!store::bounce::insert(c, back, "5.1.1", NOW).await?);
                store::trial::withhold(c, held, unit, NOW).await?;
                store::outbox::sent(c, gone, NOW).await
            })
        })
        .await
        .unwrap();
        let counts = async |now: At, unit| {
            let mut counts = store::invitation::counts(&mut db.read().await.unwrap(), admin, now, unit).await.unwrap();
            // The admin is one of them.
            counts.sort();
            counts
        };
        use InvitationState::{Answered, Expired, Failed, Sent, Unsent, Waiting};
        assert_eq!(counts(NOW, None).await, [(Unsent, 1), (Waiting, 1), (Sent, 1), (Failed, 2), (Answered, 2)]);
        assert_eq!(counts(NOW, Some(below)).await, [(Unsent, 1), (Waiting, 1), (Sent, 1), (Answered, 1)]);
        assert_eq!(counts(NOW.plus_days(7), None).await, [(Unsent, 1), (Failed, 2), (Expired, 2), (Answered, 2)]);
        let list = store::invitation::list(&mut db.read().await.unwrap(), (admin, NOW), None, Failed, "%", (10, 0)).await.unwrap();
        let failures: Vec<_> = list.iter().map(|line| (line.staff_id, line.failure.as_deref(), line.tries)).collect();
        assert_eq!(failures, [(ids[0], Some("smtp 550"), 0), (ids[1], Some("5.1.1"), 0)], "what went nowhere is no reminder");

        // The next round ends the links before it.
        assert_eq!(write!(db, c => store::invitation::insert_all(c, &next, NOW.plus_days(1))), 4);
        let old = store::invitation::find(&mut db.read().await.unwrap(), old).await.unwrap().unwrap();
        assert_eq!(old.expires_at, NOW.plus_days(1));

        // Whoever was here before and comes back is invited anew: the invitation they once took up says nothing.
        let (back, once) = (ids[4], InvitationId(id()));
        let taken = Invitation { id: once, staff_id: back, created_at: NOW.plus_days(2), expires_at: NOW.plus_days(9), used_at: None };
        write!(db, c => store::invitation::insert(c, &taken));
        assert!(write!(db, c => store::invitation::consume(c, once, NOW.plus_days(3))));
        let wanted = Wanted { states: [InvitationState::Unsent; 2], before: NOW.plus_days(30), most: 4 };
        let unsent = store::invitation::wanted(&mut db.read().await.unwrap(), admin, NOW.plus_days(20), None, wanted).await.unwrap();
        assert!(unsent.contains(&back));
        assert_eq!(store::invitation::tries(&mut db.read().await.unwrap(), ids[3]).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_holds_for_a_unit_and_what_is_below_begins_once_and_ends_once() {
    on_both(async |db| {
        let (me, [city, district, grid]) = (staff(&db).await, [0; 3].map(|_| UnitId(id())));
        let unit = |id, parent_id, kind| Unit { id, parent_id, kind, name: "单位".into(), name_en: None, code: None, created_at: NOW, ended_at: None };
        let units = [unit(city, None, UnitKind::City), unit(district, Some(city), UnitKind::District), unit(grid, Some(district), UnitKind::Grid)];
        db.write(move |c| {
            Box::pin(async move {
                for unit in &units {
                    store::unit::insert(c, unit).await?;
                }
                store::staff::set_unit(c, me, grid).await?;
                assert!(store::trial::begin(c, district, NOW).await?);
                assert!(!store::trial::begin(c, district, NOW).await?);
                assert_eq!(store::trial::unit_of_staff(c, me, NOW).await?, Some(grid));
                assert_eq!(store::trial::holding(c, grid).await?, Some(district));
                assert_eq!(store::trial::holding(c, city).await?, None);
                assert!(store::trial::begin(c, city, NOW.plus_minutes(1)).await?);
                assert_eq!(store::trial::holding(c, grid).await?, Some(district), "the nearest");
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
        let open = async || store::trial::open(&mut db.read().await.unwrap()).await.unwrap().into_iter().map(|t| t.unit_id).collect::<Vec<_>>();
        assert_eq!(open().await, [district, city]);
        assert!(write!(db, c => store::trial::end(c, district, me, true, NOW)));
        assert!(!write!(db, c => store::trial::end(c, district, me, false, NOW)));
        assert!(!write!(db, c => store::trial::end(c, grid, me, false, NOW)), "it never was on");
        assert_eq!(open().await, [city]);
        assert_eq!(store::trial::holding(&mut db.read().await.unwrap(), grid).await.unwrap(), Some(city));
        let unsettled = async || store::trial::unsettled(&mut db.read().await.unwrap()).await.unwrap();
        assert_eq!(unsettled().await.iter().map(|t| (t.unit_id, t.is_released)).collect::<Vec<_>>(), [(district, 1)]);
        write!(db, c => store::trial::settle(c, district, NOW));
        assert_eq!(unsettled().await, []);
        assert!(store::trial::find(&mut db.read().await.unwrap(), district).await.unwrap().is_some_and(|t| t.ended_at == Some(NOW)));

        // Whoever belongs to a unit on trial is not invited with the others.
        let person = newcomer(&format!("{}@linli.test", id()), None);
        let (newcomer, grant) = (person.id, Grant { id: GrantId(id()), staff_id: me, role: Role::Admin, unit_id: city, from_at: NOW, until_at: None });
        let email = store::staff::find(&mut db.read().await.unwrap(), me).await.unwrap().unwrap().email;
        db.write(move |c| {
            Box::pin(async move {
                store::staff::insert(c, &person).await?;
                store::staff::set_unit(c, person.id, grid).await?;
                store::staff::insert_grant(c, &grant).await
            })
        })
        .await
        .map_err(|e: Error| e)
        .unwrap();
        assert_eq!(store::trial::admin_units(&mut db.read().await.unwrap(), &email, NOW).await.unwrap(), [city]);
        assert_eq!(store::trial::unit_of_staff(&mut db.read().await.unwrap(), me, NOW).await.unwrap(), Some(city), "a grant goes before where one was invited");
        let wanted = Wanted { states: [InvitationState::Unsent; 2], before: NOW.plus_days(1), most: 4 };
        let who = async || store::invitation::wanted(&mut db.read().await.unwrap(), me, NOW, None, wanted).await.unwrap();
        assert_eq!(who().await, []);
        write!(db, c => store::trial::end(c, city, me, false, NOW));
        assert_eq!(who().await, [newcomer]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trial_held_back_is_shown_and_given_back_or_forgotten() {
    on_both(async |db| {
        let me = staff(&db).await;
        let conversation = conversation(&db).await;
        let email = store::staff::find(&mut db.read().await.unwrap(), me).await.unwrap().unwrap().email;
        let mail = |kind, recipient: &str, conversation_id| store::outbox::Mail {
            conversation_id,
            ..store::outbox::Mail::new(OutboxId(id()), kind, recipient.into(), Language::Chinese, NOW)
        };
        let answer = || mail(MailKind::Answer, "a@linli.test", Some(conversation));
        let mails = [answer(), answer(), mail(MailKind::Password, &email, None)];
        let ids = mails.each_ref().map(|m| m.id);
        let unit = db
            .write(move |c| {
                Box::pin(async move {
                    for mail in &mails {
                        store::outbox::insert(c, mail).await?;
                    }
                    let [first, _, password] = ids;
                    assert_eq!(store::trial::unit_of_mail(c, password, NOW).await?, None, "they belong nowhere");
                    let unit = store::trial::unit_of_mail(c, first, NOW).await?.unwrap();
                    store::trial::begin(c, unit, NOW).await?;
                    for id in ids {
                        store::trial::withhold(c, id, unit, NOW).await?;
                    }
                    Ok::<_, Error>(unit)
                })
            })
            .await
            .unwrap();
        let counts = async || store::trial::withheld_counts(&mut db.read().await.unwrap(), unit).await.unwrap();
        assert_eq!(counts().await, [(MailKind::Answer, 2), (MailKind::Password, 1)]);
        assert_eq!(store::trial::withheld_counts(&mut db.read().await.unwrap(), UnitId(id())).await.unwrap(), []);
        let list = store::trial::withheld(&mut db.read().await.unwrap(), unit, 10, 0).await.unwrap();
        assert!(list.iter().all(|m| m.staff_email.is_none()) && list.iter().filter(|m| m.unit_name.is_some()).count() == 2, "{list:?}");
        assert_eq!(write!(db, c => store::trial::release(c, unit, NOW, 500, 1, NOW)), 1);
        assert_eq!(write!(db, c => store::trial::release(c, unit, NOW.plus_minutes(1), 500, 10, NOW)), 1);
        let find = async |id| store::outbox::find(&mut db.read().await.unwrap(), id).await.unwrap().unwrap();
        let dues: Vec<At> = [find(ids[0]).await, find(ids[1]).await].iter().filter(|m| m.cancelled_at.is_none()).map(|m| m.due_at).collect();
        assert_eq!(dues.len(), 2);
        // Held back once more, by a trial further up.
        let again = ids[0];
        write!(db, c => store::trial::withhold(c, again, unit, NOW));
        assert_eq!(counts().await, [(MailKind::Answer, 1), (MailKind::Password, 1)]);
        write!(db, c => store::trial::forget(c, unit, NOW));
        assert_eq!(counts().await, []);
        assert!(find(ids[2]).await.cancelled_at.is_some(), "an hour is long over");
    })
    .await;
}

/// A sticker of a post of its own, with this code.
async fn point_with(db: &Db, code: &PointCode) -> ContactPointId {
    let (unit, post, point, code) = (UnitId(id()), PostId(id()), ContactPointId(id()), code.clone());
    db.write(move |c| {
        Box::pin(async move {
            let grid =
                Unit { id: unit, parent_id: None, kind: UnitKind::Grid, name: "网格".into(), name_en: None, code: None, created_at: NOW, ended_at: None };
            store::unit::insert(c, &grid).await?;
            let seat = Post {
                id: post,
                unit_id: unit,
                title: "网格员".into(),
                title_en: None,
                substitute_id: None,
                welcome: None,
                answering_id: None,
                created_at: NOW,
                ended_at: None,
            };
            store::post::insert(c, &seat).await?;
            let sticker = ContactPoint {
                id: point,
                post_id: post,
                code,
                check_phrase: CheckPhrase::from_bits([0, 1, 2, 3]),
                place: "门口".into(),
                place_en: None,
                topic: None,
                welcome: None,
                created_at: NOW,
                revoked_at: None,
            };
            store::contact_point::insert(c, &sticker).await
        })
    })
    .await
    .unwrap();
    point
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_of_a_day_are_added_to_those_that_were_counted_before_also_at_the_same_moment() {
    on_both(async |db| {
        let points = [point_with(&db, &PointCode::from_bits([1; 8])).await, point_with(&db, &PointCode::from_bits([2; 8])).await];
        let write = |reversed: bool| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut rows: Vec<_> = points.map(|point_id| store::scan::Scanned { point_id, day: 20_000, count: 2, refused: 1 }).into();
                if reversed {
                    rows.reverse();
                }
                db.write(move |c| Box::pin(async move { store::scan::add(c, &rows, NOW).await })).await.unwrap();
            })
        };
        for writing in (0..20).map(|i| write(i % 2 == 0)).collect::<Vec<_>>() {
            writing.await.unwrap();
        }
        let days = store::scan::since(&mut db.read().await.unwrap(), &points, 20_000).await.unwrap();
        assert_eq!(days.iter().map(|d| (d.day, d.count, d.refused)).collect::<Vec<_>>(), [(20_000, 40, 20); 2]);
        assert_eq!(store::scan::since(&mut db.read().await.unwrap(), &points, 20_001).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_code_that_is_taken_is_left_out_and_a_post_that_has_one_gets_none() {
    on_both(async |db| {
        let taken = PointCode::from_bits([3; 8]);
        let (with, without) = (point_with(&db, &taken).await, point_with(&db, &PointCode::from_bits([4; 8])).await);
        let post_of = async |point| store::contact_point::find(&mut db.read().await.unwrap(), point).await.unwrap().unwrap().post_id;
        let (has_one, bare) = (post_of(with).await, post_of(without).await);
        let make = async |post_id, code: PointCode| {
            let new = store::print::New { id: ContactPointId(id()), post_id, code, check_phrase: CheckPhrase::from_bits([0; 4]) };
            let place = store::print::Place { place: "门口".into(), place_en: None, topic: None, welcome: None };
            db.write(move |c| Box::pin(async move { store::print::insert_points(c, &[new], &place, NOW).await })).await.unwrap()
        };
        db.write(move |c| Box::pin(async move { store::contact_point::revoke(c, without, NOW).await })).await.unwrap();
        assert_eq!(make(has_one, PointCode::from_bits([5; 8])).await, 0);
        assert_eq!(make(bare, taken.clone()).await, 0);
        assert_eq!(make(bare, PointCode::from_bits([5; 8])).await, 1);
        assert_eq!(make(bare, PointCode::from_bits([6; 8])).await, 0);
    })
    .await;
}

#[tokio::test]
async fn old_stickers_end_with_the_one_they_wait_for_one_after_the_other_and_once_only() {
    on_both(async |db| {
        let code = |n: u8| PointCode::from_bits([n; 8]);
        let [first, second, third] = [point_with(&db, &code(7)).await, point_with(&db, &code(8)).await, point_with(&db, &code(9)).await];
        write!(db, c => store::replacement::insert(c, second, first, NOW, None));
        write!(db, c => store::replacement::insert(c, third, second, NOW, None));
        let proven = async |codes: Vec<PointCode>| store::replacement::waited_for(&mut db.read().await.unwrap(), &codes).await.unwrap();
        assert_eq!(proven(vec![code(7), code(10)]).await, []);
        assert_eq!(proven(vec![code(9), code(7)]).await, [third]);
        let hangs = async |point| {
            let mut ended = write!(db, c => store::replacement::take_over(c, &[point], NOW));
            ended.sort();
            ended
        };
        assert_eq!(hangs(first).await, []);
        let mut both = [(first, "门口".to_owned()), (second, "门口".to_owned())];
        both.sort();
        assert_eq!(hangs(third).await, both);
        assert_eq!(hangs(third).await, []);
        assert_eq!(proven(vec![code(9)]).await, []);
        let mut conn = db.read().await.unwrap();
        assert_eq!(store::contact_point::find(&mut conn, first).await.unwrap().unwrap().revoked_at, Some(NOW));
        assert_eq!(store::replacement::before(&mut conn, third).await.unwrap()[0].is_waiting, 0);
        assert_eq!(store::replacement::after(&mut conn, first).await.unwrap().unwrap().id, second);
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_a_sticker_may_wait_for_another_beside_those_that_do_already() {
    on_both(async |db| {
        let code = |n: u8| PointCode::from_bits([n; 8]);
        let [first, second, third] = [point_with(&db, &code(11)).await, point_with(&db, &code(12)).await, point_with(&db, &code(13)).await];
        write!(db, c => store::replacement::insert(c, second, first, NOW, None));
        write!(db, c => store::replacement::wait_for_another(c, second, third));
        write!(db, c => store::replacement::insert(c, third, second, NOW, Some(NOW)));
        let waiting =
            async || store::replacement::before(&mut db.read().await.unwrap(), third).await.unwrap().iter().map(|o| (o.id, o.is_waiting)).collect::<Vec<_>>();
        let (mut found, mut expected) = (waiting().await, [(first, 1), (second, 0)]);
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        write!(db, c => store::replacement::cancel(c, third));
        assert_eq!(waiting().await, [(second, 0)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_is_written_in_one_go_changed_ended_and_brought_back() {
    use store::import::{HoldingRow, PostRow, StaffRow, Steps, StoodIn, Touched, UnitRow};
    on_both(async |db| {
        let (top, grid, other) = (UnitId(id()), UnitId(id()), UnitId(id()));
        let unit = |id, parent_id, kind, name: &str, code: Option<&str>| UnitRow {
            id,
            parent_id,
            kind,
            name: name.into(),
            name_en: None,
            code: code.map(str::to_owned),
        };
        let post = PostRow { id: PostId(id()), unit_id: grid, title: "网格员".into(), title_en: Some("Grid worker".into()) };
        let stand_in = PostRow { id: PostId(id()), unit_id: other, title: "网格员".into(), title_en: None };
        let person = StaffRow {
            id: model::StaffId(id()),
            email: "wang@x.cn".into(),
            name: "王芳".into(),
            title: None,
            phone: Some("138".into()),
            language: Language::Chinese,
            unit_id: Some(grid),
            is_activated: false,
        };
        let holding = HoldingRow { id: model::HoldingId(id()), post_id: post.id, staff_id: person.id, from_at: NOW, until_at: None };
        let write = async |steps: Steps, at: At| -> Touched {
            let packed = steps.packed();
            db.write(move |c| Box::pin(async move { store::import::write(c, &packed, at, &|_| ()).await })).await.unwrap()
        };
        let units = vec![
            unit(top, None, UnitKind::Community, "社区", Some("0")),
            unit(grid, Some(top), UnitKind::Grid, "一", Some("1")),
            unit(other, Some(top), UnitKind::Grid, "二", Some("2")),
        ];
        let all = Steps {
            units: units.clone(),
            posts: vec![post.clone(), stand_in.clone()],
            staff: vec![person.clone()],
            holdings: vec![holding.clone()],
            substitutes: vec![StoodIn { id: stand_in.id, before: post.id, after: None }],
            ..Steps::default()
        };
        write(all.clone(), NOW).await;
        let there = async || {
            let mut c = db.read().await.unwrap();
            let mut units = store::import::units(&mut c, top).await.unwrap();
            units.sort_by(|a, b| a.code.cmp(&b.code));
            let now = NOW.plus_minutes(2);
            (
                units,
                store::import::posts(&mut c, top).await.unwrap().len(),
                store::import::staff(&mut c, top, now).await.unwrap(),
                store::import::holdings(&mut c, top, now).await.unwrap(),
            )
        };
        assert_eq!(there().await, (units.clone(), 2, vec![person.clone()], vec![holding.clone()]));

        // Two codes change places, which no order of single changes could do.
        let swapped = vec![unit(grid, Some(top), UnitKind::Grid, "一", Some("2")), unit(other, Some(top), UnitKind::Grid, "二", Some("1"))];
        write(Steps { freed: vec![grid, other], units: swapped, ..Steps::default() }, NOW).await;
        assert_eq!(there().await.0.iter().map(|unit| unit.name.clone()).collect::<Vec<_>>(), ["社区", "二", "一"]);

        let ending =
            Steps { units_ended: vec![grid], posts_ended: vec![post.id], staff_ended: vec![person.id], holdings_ended: vec![holding.id], ..Steps::default() };
        let touched = write(ending, NOW.plus_minutes(1)).await;
        assert_eq!(touched.substitutes, [StoodIn { id: stand_in.id, before: post.id, after: None }]);
        let (units, posts, staff, holdings) = there().await;
        assert_eq!((units.len(), posts, staff.len(), holdings.len()), (2, 1, 0, 0));

        let back =
            Steps { substitutes: touched.substitutes, units: vec![unit(grid, Some(top), UnitKind::Grid, "一", Some("2"))], posts: vec![post.clone()], ..all };
        write(Steps { holdings: vec![holding.clone()], ..back }, NOW.plus_minutes(2)).await;
        let (units, posts, staff, holdings) = there().await;
        let person_id = person.id;
        assert_eq!((units.len(), posts, staff, holdings), (3, 2, vec![person], vec![holding]));
        let mut c = db.read().await.unwrap();
        assert_eq!(store::post::find(&mut c, stand_in.id).await.unwrap().unwrap().substitute_id, Some(post.id));
        assert_eq!(store::import::with_codes(&mut c, &["2".to_owned(), "9".to_owned()]).await.unwrap(), [(grid, "2".to_owned())]);
        assert_eq!(store::import::with_emails(&mut c, &["wang@x.cn".to_owned()]).await.unwrap().len(), 1);
        let now = NOW.plus_minutes(2);
        assert_eq!(store::import::ended(&mut c, &[person_id, model::StaffId(id())]).await.unwrap(), [(person_id, None)]);
        assert_eq!(store::import::units_of(&mut c, &[post.id, model::PostId(id())]).await.unwrap(), HashMap::from([(post.id, post.unit_id)]));
        assert_eq!(store::import::ties(&mut c, top, now).await.unwrap(), [], "at home here, with a post here");
        assert_eq!(store::import::ties(&mut c, other, now).await.unwrap(), [], "they have nothing to do with it");
        drop(c);
        let second = HoldingRow { id: model::HoldingId(id()), post_id: stand_in.id, staff_id: person_id, from_at: NOW, until_at: None };
        let past = HoldingRow { id: model::HoldingId(id()), from_at: NOW.plus_minutes(-9), until_at: Some(NOW.plus_minutes(-5)), ..second.clone() };
        write(Steps { holdings: vec![second.clone(), past.clone()], ..Steps::default() }, now).await;
        let mut c = db.read().await.unwrap();
        let tied = store::import::ties(&mut c, other, now).await.unwrap();
        assert_eq!(tied.iter().map(|tie| (tie.id, tie.has_grant, tie.is_elsewhere)).collect::<Vec<_>>(), [(person_id, 0, 1)], "home and post elsewhere");
        drop(c);
        write(Steps { holdings_ended: vec![second.id, past.id], ..Steps::default() }, now).await;
        let mut c = db.read().await.unwrap();
        let until = |terms: &[store::holding::Term], id| terms.iter().find(|term| term.id == id).unwrap().until_at;
        let terms = store::holding::of_staff(&mut c, person_id).await.unwrap();
        assert_eq!((until(&terms, second.id), until(&terms, past.id)), (Some(now), past.until_at), "what was over is not over later");
    })
    .await;
}

#[tokio::test]
async fn audit_entries_are_found_by_what_they_speak_of() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let entry = |seq: i64, action: &str| store::audit::Entry {
            seq,
            at: NOW,
            staff_id: None,
            unit_id: None,
            action: action.into(),
            target: conversation.to_string(),
            detail: String::new(),
            digest: None,
            previous_hash: Vec::new(),
            hash: vec![0; 32],
        };
        let entries = [entry(1, "unit.create"), entry(2, "session.begin"), entry(3, "unit.create"), entry(4, "audit.export")];
        db.write(move |c| {
            Box::pin(async move {
                for entry in &entries {
                    store::audit::append(c, entry).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
        let mut conn = db.read().await.unwrap();
        assert_eq!(store::audit::actions(&mut conn).await.unwrap(), ["audit.export", "session.begin", "unit.create"], "each once");
        assert_eq!(store::audit::head(&mut conn).await.unwrap().seq, 4);
        let named = store::audit::names(&mut conn, &[conversation.0, id()]).await.unwrap();
        assert_eq!(named.iter().map(|n| (n.noun.as_str(), n.name.as_str())).collect::<Vec<_>>(), [("conversation", "第一网格 网格员")]);
        let unit = store::audit::unit_of(&mut conn, conversation.0).await.unwrap();
        assert!(unit.is_some(), "the unit of its post");
        assert_eq!(store::audit::unit_of(&mut conn, id()).await.unwrap(), None);
        let filter = |actions: &[&str]| store::audit::Filter {
            target: Some(store::audit::Target::Id(conversation.to_string())),
            actions: Some(actions.iter().map(|a| (*a).to_owned()).collect()),
            ..store::audit::Filter::default()
        };
        let found = store::audit::find(&mut conn, &filter(&["unit.create"]), 10).await.unwrap();
        assert_eq!(found.iter().map(|line| line.entry.seq).collect::<Vec<_>>(), [3, 1], "the newest first");
        assert!(store::audit::find(&mut conn, &filter(&[]), 10).await.unwrap().is_empty());
        drop(conn);
        let read = entry(5, "conversation.read_as_supervisor");
        db.write(move |c| Box::pin(async move { store::audit::append(c, &read).await })).await.unwrap();
        let mut conn = db.read().await.unwrap();
        let named = |name: &str| store::audit::Filter { target: Some(store::audit::Target::Like(format!("%{name}%"))), ..store::audit::Filter::default() };
        let found = store::audit::find(&mut conn, &named("第一网格 网格员"), 10).await.unwrap();
        assert_eq!(found.iter().map(|line| line.entry.seq).collect::<Vec<_>>(), [5, 4, 3, 2, 1], "a conversation by the name under which it is shown");
        assert!(store::audit::find(&mut conn, &named("第二网格"), 10).await.unwrap().is_empty());
        drop(conn);

        // More than one statement takes, with all that an entry has.
        let full = |seq: i64| store::audit::Entry {
            digest: Some(vec![1; 32]),
            previous_hash: vec![u8::try_from(seq % 251).unwrap(); 32],
            hash: vec![u8::try_from((seq + 1) % 251).unwrap(); 32],
            detail: format!("“{seq}” → 'x'"),
            ..entry(seq, "holding.add")
        };
        let many: Vec<_> = (6..2_106).map(full).collect();
        let last = many.clone();
        db.write(move |c| Box::pin(async move { store::audit::append_all(c, &many).await })).await.unwrap();
        let mut conn = db.read().await.unwrap();
        let found = store::audit::find(&mut conn, &named("“2000” →"), 10).await.unwrap();
        assert_eq!(found.iter().map(|line| line.entry.seq).collect::<Vec<_>>(), [2000], "by what it says, whatever things are called now");
        assert_eq!(store::audit::after(&mut conn, 5, 5_000).await.unwrap(), last);
        let head = store::audit::head(&mut conn).await.unwrap();
        assert_eq!((head.seq, head.hash), (2_105, last.last().unwrap().hash.clone()));
    })
    .await;
}

#[tokio::test]
async fn settings_are_read_on_the_way_up_and_what_differs_on_the_way_down() {
    on_both(async |db| {
        let (city, street) = (UnitId(id()), UnitId(id()));
        let unit = |id, parent_id, name: &str| Unit {
            id,
            parent_id,
            kind: UnitKind::Street,
            name: name.into(),
            name_en: None,
            code: None,
            created_at: NOW,
            ended_at: None,
        };
        let units = [unit(city, None, "市"), unit(street, Some(city), "街道")];
        db.write(move |c| {
            Box::pin(async move {
                for unit in &units {
                    store::unit::insert(c, unit).await?;
                }
                store::setting::save(c, city, model::Setting::Promise, None, true, None, NOW).await?;
                store::setting::save(c, street, model::Setting::Promise, Some("60"), false, None, NOW).await?;
                store::setting::save(c, street, model::Setting::Promise, Some("90"), false, None, NOW).await?;
                store::setting::save(c, street, model::Setting::Welcome, Some(""), false, None, NOW).await?;
                store::setting::delete(c, street, model::Setting::Welcome).await
            })
        })
        .await
        .unwrap();
        let mut conn = db.read().await.unwrap();
        let up = store::setting::up(&mut conn, street).await.unwrap();
        assert_eq!(up.iter().map(|r| (r.depth, r.value.as_deref(), r.is_locked)).collect::<Vec<_>>(), [(0, Some("90"), 0), (1, None, 1)]);
        let below = store::setting::below(&mut conn, city).await.unwrap();
        assert_eq!(below.iter().map(|d| (d.unit_id, d.unit_name.as_str())).collect::<Vec<_>>(), [(street, "街道")]);
        assert!(store::setting::below(&mut conn, street).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_device_that_comes_back_is_found_by_what_it_may_see_however_many_others_there_are() {
    on_both(async |db| {
        let id = conversation(&db).await;
        let mut conn = db.read().await.unwrap();
        let post = store::conversation::find(&mut conn, id).await.unwrap().unwrap().post_id;
        if !conn.is_postgres() {
            return;
        }
        drop(conn);
        let plan = db.write(move |c| Box::pin(async move { store::testing::plan_in_a_crowd(c, post).await })).await.unwrap();
        assert!(plan.contains("conversations_contact") && !plan.contains("Seq Scan on conversations"), "{plan}");
    })
    .await;
}

#[tokio::test]
async fn a_moment_at_which_holders_change_is_told_of_once_with_all_that_came_to_pass_before_it() {
    on_both(async |db| {
        let id = conversation(&db).await;
        let post = store::conversation::find(&mut db.read().await.unwrap(), id).await.unwrap().unwrap().post_id;
        let due = async |at| store::telling::due(&mut db.read().await.unwrap(), at).await.unwrap();
        for at in [NOW.plus_minutes(1), NOW.plus_minutes(1), NOW.plus_minutes(3), NOW.plus_minutes(9)] {
            db.write(move |c| Box::pin(async move { store::telling::insert(c, post, at).await })).await.unwrap();
        }
        assert_eq!(due(NOW).await, []);
        let both = store::telling::Due { post_id: post, first_at: NOW.plus_minutes(1), last_at: NOW.plus_minutes(3) };
        assert_eq!(due(NOW.plus_minutes(5)).await, [both]);
        db.write(move |c| Box::pin(async move { store::telling::told(c, both, NOW).await })).await.unwrap();
        assert_eq!(due(NOW.plus_minutes(5)).await, []);
        // Something more at a moment that has been told of is looked at once more.
        db.write(move |c| Box::pin(async move { store::telling::insert(c, post, NOW.plus_minutes(3)).await })).await.unwrap();
        assert_eq!(due(NOW.plus_minutes(5)).await.len(), 1);
        assert_eq!(due(NOW.plus_minutes(9)).await[0].last_at, NOW.plus_minutes(9));
    })
    .await;
}

#[tokio::test]
async fn a_mail_of_a_kind_that_the_version_before_cannot_read_is_not_where_that_version_looks() {
    on_both(async |db| {
        let conversation = conversation(&db).await;
        let mail = |kind, due_at| store::outbox::Mail {
            conversation_id: Some(conversation),
            due_at,
            ..store::outbox::Mail::new(OutboxId(id()), kind, "a@b.cn".into(), Language::Chinese, NOW)
        };
        let (answer, told) = (mail(MailKind::Answer, NOW.plus_minutes(2)), mail(MailKind::HandOver, NOW.plus_minutes(1)));
        let (one, other, first) = (answer.clone(), told.clone(), told.id);
        db.write(move |c| {
            Box::pin(async move {
                store::outbox::insert(c, &one).await?;
                store::outbox::insert(c, &other).await
            })
        })
        .await
        .unwrap();
        let looks = async |at| store::testing::due_as_before(&mut db.read().await.unwrap(), at).await.unwrap();
        let claim = async |at: At| {
            db.write(move |c| {
                Box::pin(async move { store::outbox::claim(c, at, at.plus_minutes(10), store::outbox::Share { invitations: 16, others: 16 }).await })
            })
            .await
            .unwrap()
        };
        let is_due = async |at| store::outbox::is_any_due(&mut db.read().await.unwrap(), at).await.unwrap();
        assert_eq!(store::outbox::find(&mut db.read().await.unwrap(), first).await.unwrap(), Some(told.clone()));
        assert!(!is_due(NOW).await && claim(NOW).await.is_empty());
        assert!(is_due(NOW.plus_minutes(1)).await);
        assert_eq!(looks(NOW.plus_minutes(5)).await, ["answer"]);
        assert_eq!(claim(NOW.plus_minutes(5)).await.len(), 2);
        // Leased, tried again, held: each time it is due when it is said to be, and never for the version before.
        assert!(claim(NOW.plus_minutes(14)).await.is_empty());
        db.write(move |c| Box::pin(async move { store::outbox::retry(c, first, NOW.plus_minutes(20), "no").await })).await.unwrap();
        db.write(move |c| Box::pin(async move { store::outbox::sent(c, answer.id, NOW).await })).await.unwrap();
        assert!(claim(NOW.plus_minutes(19)).await.is_empty());
        db.write(move |c| Box::pin(async move { store::outbox::hold(c, first, NOW.plus_minutes(30)).await })).await.unwrap();
        assert!(claim(NOW.plus_minutes(29)).await.is_empty());
        assert_eq!(looks(NOW.plus_days(1_000)).await, Vec::<String>::new());
        let due = claim(NOW.plus_minutes(30)).await;
        assert_eq!(due.iter().map(|m| (m.id, m.due_at)).collect::<Vec<_>>(), [(first, NOW.plus_minutes(40))]);
    })
    .await;
}

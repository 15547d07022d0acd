//! Staff getting in and staying in: signing in, sessions, invitations, the first admin, duty and quick replies.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Fresh, domains};
use domain::{
    Clock, Staff, caller,
    duty::{self, DutyError, Until},
    first_admin::{self, Create, FirstAdminError, Typed},
    invitation::{self, AcceptError, InvitationError},
    live::Topic,
    quick_reply::{self, QuickReplyError},
    session::{self, SessionError},
    sign_in::{self, Browser, FAILURES, PasswordError, SignInError, SignedIn, change_password, sign_in},
    unit,
};
use model::{At, HoldingId, InvitationId, Language, OutboxId, PostId, StaffId, UnitKind};

const PASSWORD: &str = "correct horse battery";
/// Friday 2026-11-20 16:30 in Yichang.
const NOW: At = At(1_795_163_400_000);

struct Place {
    domain: Fresh,
}

/// One on each database, at the same moment.
async fn places() -> impl Iterator<Item = Place> {
    let clock = Clock::fixed(NOW);
    // The clock is theirs together, and the test before has moved it.
    domains(clock.clone()).await.into_iter().inspect(move |_| clock.set(NOW)).map(|domain| Place { domain })
}

fn browser(address: &str) -> Browser<'static> {
    Browser { address: address.parse().unwrap(), agent: "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36", known: None, session: None }
}

impl Place {
    /// The first admin, through the link that is printed.
    async fn admin(&self) -> SignedIn {
        let token = first_admin::link(&self.domain).rsplit_once('/').unwrap().1.to_owned();
        first_admin::accept(&self.domain, &token, typed("admin@linli.example"), browser("192.0.2.1")).await.unwrap()
    }

    async fn caller(&self, signed_in: &SignedIn) -> Staff {
        caller::staff(&self.domain, &signed_in.key).await.unwrap().unwrap()
    }

    async fn try_password(&self, password: &str, browser: Browser<'_>) -> Result<SignedIn, SignInError> {
        sign_in(&self.domain, "admin@linli.example", password, browser).await
    }

    /// Somebody who has been entered but has no login yet.
    async fn newcomer(&self, email: &str) -> StaffId {
        let id = StaffId(self.domain.id());
        let staff = store::staff::Staff {
            id,
            email: email.to_owned(),
            name: "王芳".to_owned(),
            title: None,
            language: Language::Chinese,
            password_hash: None,
            created_at: NOW,
            activated_at: None,
            ended_at: None,
            off_duty_since: None,
            off_duty_until: None,
        };
        self.write(move |c| Box::pin(async move { store::staff::insert(c, &staff).await })).await;
        id
    }

    async fn invite(&self, staff: StaffId) -> String {
        let ids = (InvitationId(self.domain.id()), OutboxId(self.domain.id()));
        let now = self.domain.now();
        self.write(move |c| Box::pin(async move { invitation::invite(c, ids, staff, now).await })).await;
        let link = invitation::link(&self.domain, ids.0);
        assert!(link.starts_with("https://linli.example/invitation/"), "{link}");
        link.rsplit_once('/').unwrap().1.to_owned()
    }

    /// A post of the first unit, held by this person.
    async fn post(&self, staff: StaffId) -> PostId {
        let (post, holding) = (PostId(self.domain.id()), HoldingId(self.domain.id()));
        let root = { store::unit::roots(&mut self.domain.db.read().await.unwrap()).await.unwrap()[0].id };
        self.write(move |c| {
            Box::pin(async move {
                let row = store::post::Post {
                    id: post,
                    unit_id: root,
                    title: "网格员".to_owned(),
                    title_en: None,
                    substitute_id: None,
                    welcome: None,
                    answering_id: None,
                    created_at: NOW,
                    ended_at: None,
                };
                store::post::insert(c, &row).await?;
                let row = store::holding::Holding { id: holding, post_id: post, staff_id: staff, from_at: NOW, until_at: None };
                store::holding::insert(c, &row).await
            })
        })
        .await;
        post
    }

    async fn write<F>(&self, work: F)
    where
        F: for<'c> FnOnce(&'c mut store::Conn) -> futures::future::BoxFuture<'c, store::Result<()>> + Send + 'static,
    {
        self.domain.db.write(work).await.unwrap();
    }

    fn later(&self, minutes: i64) {
        self.domain.clock.set(self.domain.now().plus_minutes(minutes));
    }
}

fn typed(email: &str) -> Typed<'_> {
    Typed { name: "陈丽", email, password: PASSWORD, unit: "西陵区", kind: UnitKind::District, language: Language::Chinese }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_refused_alike() {
    for place in places().await {
        place.admin().await;
        let home = browser("192.0.2.1");
        assert!(matches!(place.try_password("wrong horse battery", home).await, Err(SignInError::Wrong)));
        assert!(matches!(sign_in(&place.domain, "nobody@linli.example", PASSWORD, home).await, Err(SignInError::Wrong)));
        assert!(matches!(sign_in(&place.domain, "no address", PASSWORD, home).await, Err(SignInError::Wrong)));
        let signed_in = sign_in(&place.domain, " Admin@Linli.Example ", PASSWORD, home).await.unwrap();
        assert_eq!(place.caller(&signed_in).await.name, "陈丽");
        assert_eq!(signed_in.key.len(), 52, "256 bits in base 32");
    }
}

#[tokio::test]
async fn guessing_from_one_network_has_to_wait_and_may_go_on_afterwards() {
    for place in places().await {
        place.admin().await;
        for n in 0..FAILURES {
            let from = browser(&format!("203.0.113.{n}"));
            assert!(matches!(place.try_password("wrong horse battery", from).await, Err(SignInError::Wrong)), "{n}");
        }
        let Err(SignInError::Wait { seconds }) = place.try_password(PASSWORD, browser("203.0.113.200")).await else { panic!("no wait") };
        assert_eq!(seconds, 15 * 60);
        place.later(15);
        place.try_password(PASSWORD, browser("203.0.113.200")).await.unwrap();
    }
}

#[tokio::test]
async fn strangers_cannot_lock_out_the_browser_that_has_signed_in_before() {
    for place in places().await {
        let known = place.admin().await.known;
        for n in 0..=sign_in::STRANGER_FAILURES {
            // The count, not the hash, is what is tried here: an attempt that must wait does not reach the password.
            let _ = place.try_password("wrong horse battery", browser(&format!("203.0.{}.1", n / 9))).await;
        }
        let stranger = place.try_password(PASSWORD, browser("198.51.100.1")).await;
        assert!(matches!(stranger, Err(SignInError::Wait { .. })), "a browser nobody knows waits");
        let other_network = Browser { known: Some(&known), ..browser("203.0.0.1") };
        let again = place.try_password(PASSWORD, other_network).await.unwrap();
        // The known browser has a limit of its own.
        let known = Browser { known: Some(&again.known), ..browser("203.0.0.1") };
        for _ in 0..FAILURES {
            assert!(matches!(place.try_password("wrong horse battery", known).await, Err(SignInError::Wrong)));
        }
        assert!(matches!(place.try_password(PASSWORD, known).await, Err(SignInError::Wait { .. })));
    }
}

#[tokio::test]
async fn a_forged_known_cookie_is_worth_nothing() {
    for place in places().await {
        let signed_in = place.admin().await;
        let forged = format!("{}.abc.{}", signed_in.staff_id, "a".repeat(26));
        for _ in 0..FAILURES {
            let _ = place.try_password("wrong horse battery", browser("203.0.113.1")).await;
        }
        let with_forged = Browser { known: Some(&forged), ..browser("203.0.113.1") };
        assert!(matches!(place.try_password(PASSWORD, with_forged).await, Err(SignInError::Wait { .. })));
    }
}

#[tokio::test]
async fn many_attempts_at_one_moment_are_counted_each() {
    for place in places().await {
        place.admin().await;
        let tries = (0..30).map(|_| place.try_password("wrong horse battery", browser("203.0.113.1")));
        let outcomes = futures::future::join_all(tries).await;
        let tried = outcomes.iter().filter(|o| matches!(o, Err(SignInError::Wrong))).count();
        assert_eq!(tried, usize::try_from(FAILURES).unwrap());
    }
}

#[tokio::test]
async fn signing_in_again_ends_the_session_the_browser_had() {
    for place in places().await {
        let first = place.admin().await;
        let again = place.try_password(PASSWORD, Browser { session: Some(&first.key), ..browser("192.0.2.1") }).await.unwrap();
        assert_ne!(first.key, again.key);
        assert!(caller::staff(&place.domain, &first.key).await.unwrap().is_none());
        assert_eq!(session::mine(&place.domain, &place.caller(&again).await).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_and_notes_its_use_every_five_minutes() {
    for place in places().await {
        let signed_in = place.admin().await;
        let seen = async || session::mine(&place.domain, &place.caller(&signed_in).await).await.unwrap()[0].seen_at;
        place.later(4);
        assert_eq!(seen().await, NOW);
        place.later(1);
        seen().await;
        assert_eq!(seen().await, NOW.plus_minutes(5));
        place.domain.clock.set(NOW.plus_days(session::DAYS));
        assert!(caller::staff(&place.domain, &signed_in.key).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn ending_a_session_wakes_its_streams_and_another_persons_is_not_found() {
    for place in places().await {
        let admin = place.admin().await;
        let token = place.invite(place.newcomer("wang@linli.example").await).await;
        let wang = invitation::accept(&place.domain, &token, "王芳", PASSWORD, browser("192.0.2.9")).await.unwrap();
        let phone = sign_in(&place.domain, "wang@linli.example", PASSWORD, browser("192.0.2.10")).await.unwrap();

        let foreign = session::end(&place.domain, &place.caller(&admin).await, wang.session_id).await;
        assert!(matches!(foreign, Err(SessionError::NotFound)));

        let stream = place.domain.hub.watch(Topic::Session(phone.session_id));
        assert!(session::is_live(&place.domain, phone.session_id).await.unwrap());
        session::end(&place.domain, &place.caller(&wang).await, phone.session_id).await.unwrap();
        assert!(stream.has_changed().unwrap());
        assert!(!session::is_live(&place.domain, phone.session_id).await.unwrap());
        assert!(caller::staff(&place.domain, &phone.key).await.unwrap().is_none());
        let again = session::end(&place.domain, &place.caller(&wang).await, phone.session_id).await;
        assert!(matches!(again, Err(SessionError::NotFound)));
    }
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_the_old_password() {
    for place in places().await {
        let desk = place.admin().await;
        let phone = place.try_password(PASSWORD, browser("192.0.2.2")).await.unwrap();
        let stream = place.domain.hub.watch(Topic::Session(phone.session_id));
        let me = place.caller(&desk).await;
        let change = async |old: &str, new: &str| change_password(&place.domain, &me, old, new).await;
        assert!(matches!(change("not my password", "another long password").await, Err(PasswordError::Wrong)));
        assert!(matches!(change(PASSWORD, "short").await, Err(PasswordError::New(_))));
        change(PASSWORD, "another long password").await.unwrap();
        assert!(stream.has_changed().unwrap());
        assert!(caller::staff(&place.domain, &phone.key).await.unwrap().is_none());
        assert!(caller::staff(&place.domain, &desk.key).await.unwrap().is_some());
        assert!(matches!(place.try_password(PASSWORD, browser("192.0.2.2")).await, Err(SignInError::Wrong)));
    }
}

#[tokio::test]
async fn an_invitation_works_once_however_often_it_is_looked_at() {
    for place in places().await {
        place.admin().await;
        let token = place.invite(place.newcomer("wang@linli.example").await).await;
        for _ in 0..5 {
            // A mail scanner follows every link.
            assert_eq!(invitation::find(&place.domain, &token).await.unwrap().email, "wang@linli.example");
        }
        let weak = invitation::accept(&place.domain, &token, "", "short", browser("192.0.2.9")).await;
        assert!(matches!(weak, Err(AcceptError::Invalid { name: Some(_), password: Some(_) })));
        let accept = || invitation::accept(&place.domain, &token, "王芳", PASSWORD, browser("192.0.2.9"));
        let (first, second) = futures::future::join(accept(), accept()).await;
        assert_eq!([&first, &second].iter().filter(|r| r.is_ok()).count(), 1, "of two at once one is first");
        assert!(matches!(invitation::find(&place.domain, &token).await, Err(InvitationError::Used)));
        sign_in(&place.domain, "wang@linli.example", PASSWORD, browser("192.0.2.9")).await.unwrap();
    }
}

#[tokio::test]
async fn an_invitation_ends_after_seven_days_or_with_a_newer_one_and_cannot_be_made_up() {
    for place in places().await {
        place.admin().await;
        let wang = place.newcomer("wang@linli.example").await;
        let old = place.invite(wang).await;
        place.later(1);
        let new = place.invite(wang).await;
        assert!(matches!(invitation::find(&place.domain, &old).await, Err(InvitationError::Expired)));
        assert!(invitation::find(&place.domain, &new).await.is_ok());
        place.later(7 * 24 * 60);
        assert!(matches!(invitation::find(&place.domain, &new).await, Err(InvitationError::Expired)));
        let forged = format!("{}.{}", new.split_once('.').unwrap().0, "a".repeat(26));
        for unknown in [forged.as_str(), "", "x", "a.b"] {
            assert!(matches!(invitation::find(&place.domain, unknown).await, Err(InvitationError::Unknown)), "{unknown}");
        }
    }
}

#[tokio::test]
async fn the_first_admin_is_made_once_even_by_two_at_the_same_moment() {
    for place in places().await {
        let token = first_admin::link(&place.domain).rsplit_once('/').unwrap().1.to_owned();
        assert!(first_admin::find(&place.domain, &token).await.unwrap().needs_unit);
        assert!(matches!(first_admin::find(&place.domain, "made-up").await, Err(FirstAdminError::NotFound)));
        let nothing = Typed { name: "", email: "x", password: "short", unit: "", ..typed("") };
        let Err(FirstAdminError::Invalid(invalid)) = first_admin::accept(&place.domain, &token, nothing, browser("192.0.2.1")).await else { panic!() };
        assert!(invalid.name.is_some() && invalid.email.is_some() && invalid.password.is_some() && invalid.unit.is_some());

        let too_long = Typed { unit: &"长".repeat(61), ..typed("a@linli.example") };
        let Err(FirstAdminError::Invalid(invalid)) = first_admin::accept(&place.domain, &token, too_long, browser("192.0.2.1")).await else { panic!() };
        assert!(invalid.unit.is_some(), "as everywhere else");

        let make = |email: &'static str| first_admin::accept(&place.domain, &token, typed(email), browser("192.0.2.1"));
        let (first, second) = futures::future::join(make("a@linli.example"), make("b@linli.example")).await;
        let made: Vec<_> = [first, second].into_iter().flatten().collect();
        assert_eq!(made.len(), 1);
        assert!(place.caller(&made[0]).await.is_admin());
        assert!(matches!(first_admin::find(&place.domain, &token).await, Err(FirstAdminError::NotFound)));
        assert!(!first_admin::is_needed(&place.domain).await.unwrap());
    }
}

#[tokio::test]
async fn whoever_holds_the_machine_makes_an_admin_with_a_link_or_a_password() {
    for place in places().await {
        let create = Create { name: "陈丽", email: "chen@linli.example", password: None, unit: None, language: Language::Chinese };
        assert!(matches!(first_admin::create(&place.domain, create.clone()).await, Err(first_admin::CreateError::NoUnit)));
        let link = first_admin::create(&place.domain, Create { unit: Some("西陵区"), ..create.clone() }).await.unwrap().unwrap();
        let token = link.rsplit_once('/').unwrap().1;
        assert!(first_admin::is_needed(&place.domain).await.unwrap(), "nobody can sign in yet");
        let chen = invitation::accept(&place.domain, token, "陈丽", PASSWORD, browser("192.0.2.1")).await.unwrap();
        assert!(place.caller(&chen).await.is_admin());
        let none = first_admin::create(&place.domain, Create { password: Some("another long password"), ..create }).await.unwrap();
        assert_eq!(none, None);
        sign_in(&place.domain, "chen@linli.example", "another long password", browser("192.0.2.1")).await.unwrap();
    }
}

#[tokio::test]
async fn off_duty_lasts_until_the_next_working_day_a_moment_or_coming_back() {
    for place in places().await {
        let signed_in = place.admin().await;
        place.post(signed_in.staff_id).await;
        let me = place.caller(&signed_in).await;
        let wall = |at: Option<At>| at.map(|at| model::calendar::Calendar::standard().local(at).strftime("%F %R").to_string());
        let off = async || duty::mine(&place.domain, &me).await.unwrap().off.map(|(_, until)| wall(until));
        assert_eq!(off().await, None);
        duty::rest(&place.domain, &me, Until::NextDay).await.unwrap();
        assert_eq!(off().await, Some(Some("2026-11-23 08:30".to_owned())), "Friday afternoon until Monday morning");
        duty::rest(&place.domain, &me, Until::Wall("2026-12-01T14:00:00".parse().unwrap())).await.unwrap();
        assert_eq!(off().await, Some(Some("2026-12-01 14:00".to_owned())));
        let past = duty::rest(&place.domain, &me, Until::Wall("2026-11-20T16:30:00".parse().unwrap())).await;
        assert!(matches!(past, Err(DutyError::Past)));
        let far = duty::rest(&place.domain, &me, Until::Wall("2028-01-01T08:00:00".parse().unwrap())).await;
        assert!(matches!(far, Err(DutyError::TooFar)));
        duty::rest(&place.domain, &me, Until::Open).await.unwrap();
        assert_eq!(off().await, Some(None));
        assert!(place.caller(&signed_in).await.is_off_duty);
        duty::back(&place.domain, &me).await.unwrap();
        assert_eq!(off().await, None);
    }
}

#[tokio::test]
async fn quick_replies_belong_to_those_who_hold_the_post() {
    for place in places().await {
        let admin = place.admin().await;
        let post = place.post(admin.staff_id).await;
        let token = place.invite(place.newcomer("wang@linli.example").await).await;
        let wang = invitation::accept(&place.domain, &token, "王芳", PASSWORD, browser("192.0.2.9")).await.unwrap();
        let (mine, other) = (place.caller(&admin).await, place.caller(&wang).await);
        let id = quick_reply::add(&place.domain, &mine, post, "收到", "{{ name }}您好，收到。").await.unwrap();
        quick_reply::edit(&place.domain, &mine, id, "收到", "收到，马上去看。").await.unwrap();
        assert_eq!(quick_reply::mine(&place.domain, &mine).await.unwrap()[0].replies[0].body, "收到，马上去看。");
        assert!(quick_reply::mine(&place.domain, &other).await.unwrap().is_empty());
        let foreign = [
            quick_reply::add(&place.domain, &other, post, "a", "b").await.err(),
            quick_reply::edit(&place.domain, &other, id, "a", "b").await.err(),
            quick_reply::delete(&place.domain, &other, id).await.err(),
        ];
        assert!(foreign.iter().all(|e| matches!(e, Some(QuickReplyError::NotFound))), "{foreign:?}");
        quick_reply::delete(&place.domain, &mine, id).await.unwrap();
        assert!(quick_reply::mine(&place.domain, &mine).await.unwrap()[0].replies.is_empty());
    }
}

#[tokio::test]
async fn a_photo_is_shown_only_of_somebody_who_holds_a_post() {
    for place in places().await {
        let admin = place.admin().await;
        let me = place.caller(&admin).await;
        // The smallest picture there is: one pixel, as PNG.
        let png = data_encoding::BASE64.decode(b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==").unwrap();
        domain::photo::save(&place.domain, &me, png).await.unwrap();
        assert!(domain::photo::shown(&place.domain, me.id).await.unwrap().is_none());
        place.post(me.id).await;
        assert!(domain::photo::shown(&place.domain, me.id).await.unwrap().is_some());
        domain::photo::delete(&place.domain, &me).await.unwrap();
        assert!(domain::photo::shown(&place.domain, me.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn the_figures_of_a_large_district_are_counted_beside_the_page_which_shows_those_before() {
    for place in places().await {
        let admin = place.admin().await;
        let staff = place.caller(&admin).await;
        let first = place.post(staff.id).await;
        let more: Vec<PostId> = (0..2_000).map(|_| PostId(place.domain.id())).collect();
        place
            .write(move |c| {
                Box::pin(async move {
                    let row = store::post::find(c, first).await?.unwrap();
                    for id in more {
                        store::post::insert(c, &store::post::Post { id, ..row.clone() }).await?;
                    }
                    Ok(())
                })
            })
            .await;
        let posts = async || unit::figures(&place.domain, &staff.admin().unwrap()).await.unwrap().posts;
        assert_eq!(posts().await, 2_001);
        place.post(staff.id).await;
        place.later(1);
        assert_eq!(posts().await, 2_001, "those before");
        while posts().await != 2_002 {
            tokio::task::yield_now().await;
        }
    }
}

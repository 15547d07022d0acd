//! The reference deployment: the real units of Yichang with grids below every community, a post, its holder and a sticker in each grid, and
//! residents who have been writing for two years. Everything follows from a number, so two towns with the same one are alike to the last id.

use domain::Keys;
use model::{
    At, CheckPhrase, ClientKey, ContactId, ContactPointId, ConversationId, DeviceId, GrantId, HoldingId, Language, MessageId, MessageKind, PointCode, PostId,
    Role, SessionId, StaffId, UnitId, UnitKind, WaitId,
};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use std::collections::HashMap;
use store::{
    Db,
    contact_point::ContactPoint,
    conversation::Conversation,
    holding::Holding,
    message::{New, NewWait},
    post::Post,
    second_factor::Authenticator,
    seen::Seen,
    session::Session,
    staff::{Grant, Staff},
    unit::Unit,
};
use uuid::Uuid;

pub(crate) const UNITS: &str = include_str!("../../../server/domain/data/units.csv");

/// Grids of the reference deployment, each with one post and one member of staff.
pub const GRIDS: usize = 15_000;
/// Days over which its conversations began.
const DAYS: i64 = 730;
/// Conversations whose messages are written side by side.
const GROUP: usize = 2_000;
/// Pieces of work in one transaction.
const BATCH: usize = 2_000;

/// What a town is made from.
#[derive(Clone, Copy, Debug)]
pub struct Town {
    pub seed: u64,
    pub residents: usize,
    /// On average as many as this in all; the exact number follows from the seed.
    pub messages: usize,
    /// The last moment in it.
    pub now: At,
}

/// What kind of thing a number is drawn for, so that none depends on another.
#[derive(Clone, Copy)]
enum Of {
    Code = 1,
    Device,
    Session,
    Home,
    Story,
    Id,
}

impl Town {
    fn rng(&self, of: Of, n: usize) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ ((of as u64) << 56) ^ n as u64)
    }

    fn word(&self, of: Of, n: usize) -> String {
        let mut bits = [0_u8; 16];
        self.rng(of, n).fill_bytes(&mut bits);
        bits.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The code on the sticker of a grid.
    pub fn code(&self, grid: usize) -> PointCode {
        let mut bits = [0; PointCode::LENGTH];
        self.rng(Of::Code, grid).fill_bytes(&mut bits);
        PointCode::from_bits(bits)
    }

    /// The cookie of a resident's phone.
    pub fn device_key(&self, resident: usize) -> String {
        self.word(Of::Device, resident)
    }

    /// The cookie of a signed-in worker, who holds the post of the grid with the same number.
    pub fn session_key(&self, worker: usize) -> String {
        self.word(Of::Session, worker)
    }

    /// Where a resident lives. Grids differ as they do in life: the busiest has some two thousand residents of 270,000, half of them fewer than twelve.
    pub fn grid_of(&self, resident: usize) -> usize {
        let x: f64 = self.rng(Of::Home, resident).random();
        ((x * x * GRIDS as f64) as usize).min(GRIDS - 1)
    }

    pub fn conversation(&self, resident: usize) -> ConversationId {
        ConversationId(self.id(self.opened_at(resident), resident))
    }

    /// Residents came one after the other.
    fn opened_at(&self, resident: usize) -> At {
        let span = (DAYS - 1) * 24 * 60;
        self.now.plus_days(-DAYS).plus_minutes(span * resident as i64 / self.residents.max(1) as i64)
    }

    fn id(&self, at: At, n: usize) -> Uuid {
        let mut bits = [0; 10];
        self.rng(Of::Id, n).fill_bytes(&mut bits);
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.0).unwrap_or(0), &bits).into_uuid()
    }

    /// Builds the town in an empty database. Says in `told` how far it has come. Gives the number of messages.
    pub async fn build(self, db: &Db, told: impl Fn(&str)) -> Result<usize, String> {
        let mut build = Build { town: self, next: 1 << 40, posts: Vec::new(), points: Vec::new(), workers: Vec::new() };
        let said = |e: store::Error| e.to_string();
        told("units, posts, staff and stickers");
        build.district(db).await?;
        told("residents");
        build.residents(db).await.map_err(said)?;
        build.messages(db, told).await.map_err(said)
    }
}

struct Build {
    town: Town,
    /// For ids of things nobody asks for by number.
    next: usize,
    posts: Vec<PostId>,
    points: Vec<ContactPointId>,
    workers: Vec<StaffId>,
}

type Work = Vec<Row>;

enum Row {
    Unit(Unit),
    Post(Post),
    Staff(Staff),
    Grant(Grant),
    Authenticator(Authenticator),
    Session(Session, Vec<u8>),
    Holding(Holding),
    Point(ContactPoint),
    Contact(ContactId, At),
    Device(DeviceId, ContactId, Vec<u8>, At),
    Conversation(Conversation, Vec<u8>),
    Close(ConversationId, At),
    Seen(ConversationId, i64),
}

async fn write(db: &Db, rows: Work) -> store::Result<()> {
    db.write(|c| {
        Box::pin(async move {
            for row in rows {
                match row {
                    Row::Unit(unit) => store::unit::insert(c, &unit).await?,
                    Row::Post(post) => store::post::insert(c, &post).await?,
                    Row::Staff(staff) => store::staff::insert(c, &staff).await?,
                    Row::Grant(grant) => store::staff::insert_grant(c, &grant).await?,
                    Row::Authenticator(app) => store::second_factor::set_authenticator(c, &app).await?,
                    Row::Session(session, hash) => {
                        store::session::insert(c, &session, &hash).await?;
                        store::session::prove(c, session.id, session.created_at).await?;
                    }
                    Row::Holding(holding) => store::holding::insert(c, &holding).await?,
                    Row::Point(point) => store::contact_point::insert(c, &point).await?,
                    Row::Contact(id, at) => store::contact::insert(c, id, Language::Chinese, at).await?,
                    Row::Device(id, contact, hash, at) => store::contact::insert_device(c, id, contact, &hash, at).await?,
                    Row::Conversation(conversation, hash) => store::conversation::insert(c, &conversation, &hash).await?,
                    Row::Close(id, at) => store::conversation::close(c, id, at).await?,
                    Row::Seen(id, seq) => {
                        store::conversation::staff_saw(c, id, seq).await?;
                        store::seen::mark(c, &[Seen { conversation_id: id, seq }]).await?;
                    }
                }
            }
            Ok(())
        })
    })
    .await
}

async fn write_all(db: &Db, rows: Work) -> store::Result<()> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        write(db, rows.by_ref().take(BATCH).collect()).await?;
    }
    Ok(())
}

impl Build {
    fn id(&mut self) -> Uuid {
        self.next += 1;
        self.town.id(self.town.now.plus_days(-DAYS), self.next)
    }

    async fn district(&mut self, db: &Db) -> Result<(), String> {
        let began = self.town.now.plus_days(-DAYS);
        let mut units: HashMap<&str, UnitId> = HashMap::new();
        let (mut rows, mut communities) = (Work::new(), Vec::new());
        for line in UNITS.lines().skip(1) {
            let cells: Vec<&str> = line.splitn(4, ',').collect();
            let [code, parent, kind, name] = cells[..] else { return Err(line.to_owned()) };
            let (id, kind) = (UnitId(self.id()), kind.parse::<UnitKind>().map_err(|_| line.to_owned())?);
            if kind == UnitKind::Community {
                communities.push((id, code, name));
            }
            rows.push(Row::Unit(unit(id, units.get(parent).copied(), kind, name.to_owned(), code.to_owned(), began)));
            units.insert(code, id);
        }
        let city = units.get("4205").copied().ok_or("no city")?;
        self.admin(&mut rows, city, began);
        for grid in 0..GRIDS {
            let (community, code, name) = communities[grid % communities.len()];
            let number = grid / communities.len() + 1;
            let id = UnitId(self.id());
            rows.push(Row::Unit(unit(id, Some(community), UnitKind::Grid, format!("{name}第{number}网格"), format!("{code}-{number:02}"), began)));
            self.grid(&mut rows, grid, id, began);
        }
        write_all(db, rows).await.map_err(|e| e.to_string())
    }

    fn admin(&mut self, rows: &mut Work, city: UnitId, began: At) {
        let id = StaffId(self.id());
        rows.push(Row::Staff(staff(id, "林岚".to_owned(), "admin@town.example".to_owned(), began)));
        rows.push(Row::Grant(Grant { id: GrantId(self.id()), staff_id: id, role: Role::Admin, unit_id: city, from_at: began, until_at: None }));
        // Their role asks for it, and their session has shown it.
        rows.push(Row::Authenticator(Authenticator { staff_id: id, nonce: "a".repeat(16), created_at: began, last_step: 0 }));
        let session = SessionId(self.id());
        rows.push(self.session(session, id, GRIDS));
    }

    fn session(&self, id: SessionId, staff_id: StaffId, number: usize) -> Row {
        let now = self.town.now;
        let session = Session { id, staff_id, agent: "load".to_owned(), created_at: now, seen_at: now, ended_at: None };
        Row::Session(session, Keys::hash(&self.town.session_key(number)))
    }

    fn grid(&mut self, rows: &mut Work, grid: usize, unit_id: UnitId, began: At) {
        let (post, worker, point) = (PostId(self.id()), StaffId(self.id()), ContactPointId(self.id()));
        rows.push(Row::Post(Post {
            id: post,
            unit_id,
            title: "网格员".to_owned(),
            title_en: None,
            substitute_id: None,
            welcome: Some("您好，有事请写给我。".to_owned()),
            answering_id: Some(post),
            created_at: began,
            ended_at: None,
        }));
        let name = format!("{}{}", SURNAMES[grid % SURNAMES.len()], GIVEN[(grid / SURNAMES.len()) % GIVEN.len()]);
        rows.push(Row::Staff(staff(worker, name, format!("worker{grid}@town.example"), began)));
        rows.push(Row::Holding(Holding { id: HoldingId(self.id()), post_id: post, staff_id: worker, from_at: began, until_at: None }));
        let session = SessionId(self.id());
        rows.push(self.session(session, worker, grid));
        rows.push(Row::Point(ContactPoint {
            id: point,
            post_id: post,
            code: self.town.code(grid),
            check_phrase: CheckPhrase::from_bits(self.town.rng(Of::Code, grid + GRIDS).random()),
            place: format!("{} 号楼东门", grid % 30 + 1),
            place_en: None,
            topic: None,
            welcome: None,
            created_at: began,
            revoked_at: None,
        }));
        self.posts.push(post);
        self.points.push(point);
        self.workers.push(worker);
    }

    async fn residents(&mut self, db: &Db) -> store::Result<()> {
        let town = self.town;
        for first in (0..town.residents).step_by(BATCH) {
            let mut rows = Work::new();
            for resident in first..(first + BATCH).min(town.residents) {
                let (contact, device, at, grid) = (ContactId(self.id()), DeviceId(self.id()), town.opened_at(resident), town.grid_of(resident));
                rows.push(Row::Contact(contact, at));
                rows.push(Row::Device(device, contact, Keys::hash(&town.device_key(resident)), at));
                let id = town.conversation(resident);
                rows.push(Row::Conversation(Conversation::begun(id, contact, self.posts[grid], Some(self.points[grid]), at), id.0.as_bytes().to_vec()));
            }
            write(db, rows).await?;
        }
        Ok(())
    }

    /// Groups of conversations, message by message, as `message::send` takes them: each conversation once in a batch.
    async fn messages(&mut self, db: &Db, told: impl Fn(&str)) -> store::Result<usize> {
        let mut sent = 0;
        for first in (0..self.town.residents).step_by(GROUP) {
            let mut stories: Vec<Story> = (first..(first + GROUP).min(self.town.residents)).map(|resident| Story::of(self, resident)).collect();
            let mut rows = Work::new();
            while !stories.is_empty() {
                let news: Vec<New> = stories.iter_mut().map(Story::next).collect();
                sent += news.len();
                db.write(move |c| Box::pin(async move { store::message::send(c, &news).await.map(drop) })).await?;
                for story in stories.extract_if(.., |story| story.is_told()) {
                    rows.extend(story.end());
                }
            }
            write(db, rows).await?;
            told(&format!("{sent} messages, {} of {} residents", (first + GROUP).min(self.town.residents), self.town.residents));
        }
        Ok(sent)
    }
}

/// A conversation being told: the resident writes, the worker answers.
struct Story {
    rng: StdRng,
    conversation: ConversationId,
    post: PostId,
    worker: StaffId,
    at: At,
    length: usize,
    told: usize,
    last: MessageKind,
    /// The last word is the worker's.
    is_answered: bool,
}

/// Of a hundred conversations three are waiting for an answer, forty are still open.
const WAITING: f64 = 0.03;
const OPEN: f64 = 0.4;

impl Story {
    fn of(build: &Build, resident: usize) -> Story {
        let town = build.town;
        let mut rng = town.rng(Of::Story, resident);
        let mean = town.messages as f64 / town.residents.max(1) as f64;
        let draw: f64 = rng.random();
        let length = 1 + (-(1.0 - draw).ln() * (mean - 1.0).max(0.0)) as usize;
        let grid = town.grid_of(resident);
        let is_answered = length > 1 && rng.random::<f64>() >= WAITING;
        Story {
            conversation: town.conversation(resident),
            post: build.posts[grid],
            worker: build.workers[grid],
            at: town.opened_at(resident),
            length,
            told: 0,
            last: MessageKind::Answer,
            is_answered,
            rng,
        }
    }

    fn is_told(&self) -> bool {
        self.told == self.length
    }

    fn next(&mut self) -> New {
        self.told += 1;
        let is_last = self.told == self.length;
        let answers = match self.last {
            _ if self.told == 1 => false,
            _ if is_last => self.is_answered,
            MessageKind::Contact => self.rng.random::<f64>() < 0.9,
            _ => false,
        };
        self.last = if answers { MessageKind::Answer } else { MessageKind::Contact };
        if self.told > 1 {
            self.at = self.at.plus_minutes(self.rng.random_range(3..900));
        }
        let at = self.at;
        let (id, key, wait) = (self.id(), self.rng.random::<u128>(), self.id());
        New {
            id: MessageId(id),
            conversation_id: self.conversation,
            kind: self.last,
            post_id: answers.then_some(self.post),
            staff_id: answers.then_some(self.worker),
            body: self.text(answers),
            client_key: ClientKey(Uuid::from_u128(key)),
            sent_at: at,
            wait: (!answers).then(|| NewWait { id: WaitId(wait), due_at: at.plus_days(1) }),
        }
    }

    fn id(&mut self) -> Uuid {
        let bits: [u8; 10] = self.rng.random();
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(self.at.0).unwrap_or(0), &bits).into_uuid()
    }

    fn text(&mut self, is_answer: bool) -> String {
        let lines = if is_answer { &ANSWERS[..] } else { &QUESTIONS[..] };
        let line = lines[self.rng.random_range(0..lines.len())];
        line.replace("{n}", &self.rng.random_range(1..40).to_string()).replace("{m}", &self.rng.random_range(101..2699).to_string())
    }

    fn end(self) -> Work {
        let seq = self.told as i64;
        let is_open = !self.is_answered || self.conversation.0.as_u128() % 1000 < (OPEN * 1000.0) as u128;
        if is_open && !self.is_answered {
            return Vec::new();
        }
        let seen = Row::Seen(self.conversation, seq);
        if is_open { vec![seen] } else { vec![seen, Row::Close(self.conversation, self.at)] }
    }
}

fn unit(id: UnitId, parent_id: Option<UnitId>, kind: UnitKind, name: String, code: String, created_at: At) -> Unit {
    Unit { id, parent_id, kind, name, name_en: None, code: Some(code), created_at, ended_at: None }
}

fn staff(id: StaffId, name: String, email: String, at: At) -> Staff {
    Staff {
        id,
        email,
        name,
        title: Some("网格员".to_owned()),
        language: Language::Chinese,
        password_hash: None,
        created_at: at,
        activated_at: Some(at),
        ended_at: None,
        off_duty_since: None,
        off_duty_until: None,
    }
}

pub(crate) const SURNAMES: [&str; 20] =
    ["王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭", "何", "林", "罗", "高"];
pub(crate) const GIVEN: [&str; 20] =
    ["芳", "伟", "秀英", "娜", "敏", "静", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "秀兰", "霞", "平"];

const QUESTIONS: [&str; 24] = [
    "{n} 号楼二单元三楼的路灯又不亮了，老人晚上下楼看不清台阶。",
    "小区下水道堵了，污水漫到 {n} 号楼门口，味道很大。",
    "请问居住证到期了怎么续签？需要带什么材料？",
    "{m} 室楼上漏水，天花板一直在滴，物业说不归他们管。",
    "楼下烧烤摊每晚吵到十二点，孩子要高考了。",
    "{n} 号楼电梯停了两天，八楼的老人下不来。",
    "想问一下医保异地报销去哪里办？",
    "门口的垃圾桶三天没清了，苍蝇特别多。",
    "今天停水了吗？{n} 号楼一直没有水。",
    "有人把电动车推进楼道里充电，太危险了。",
    "孩子明年上小学，划片是哪个学校？",
    "独居老人 {m} 室好几天没出门了，能不能去看看？",
    "井盖松了，车一过就响，怕有人掉下去。",
    "小区门口违停，消防车进不来。",
    "低保申请交上去两周了，现在到哪一步？",
    "树枝压到电线了，刮风的时候打火花。",
    "楼上装修从早上六点就开始砸墙。",
    "流浪狗在 {n} 号楼附近咬了人。",
    "快递柜能不能装到北门？老人走不远。",
    "我家 {m} 室燃气表坏了，找谁换？",
    "Is there somebody who speaks English? The street light at building {n} is broken.",
    "The drain in front of building {n} is blocked again and it smells.",
    "谢谢，已经好了！",
    "好的，麻烦您了。",
];

const ANSWERS: [&str; 12] = [
    "您好，收到，我现在过去看一下，下午给您答复。",
    "已经报给物业，师傅明天上午上门，来之前会打电话。",
    "请带身份证和租房合同到社区服务大厅 {n} 号窗口办理。",
    "这件事归城管负责，我已经转过去，三个工作日内会有结果。",
    "电梯配件今天到，预计晚上八点前恢复。",
    "我刚去看过，下水道已经疏通，您再观察一下。",
    "路灯明天换新的，电工已经约好。",
    "您提供的情况已登记，编号 {m}。",
    "老人我们去看过了，身体没事，只是手机坏了。",
    "好的，有变化我再写给您。",
    "Hello, I have reported it. The electrician comes tomorrow morning.",
    "不客气，有事随时写给我。",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn town() -> Town {
        Town { seed: 7, residents: 300, messages: 3_000, now: At(1_795_500_000_000) }
    }

    #[test]
    fn grids_differ_as_in_life() {
        let town = Town { residents: 270_000, ..town() };
        let mut residents = vec![0; GRIDS];
        (0..town.residents).for_each(|r| residents[town.grid_of(r)] += 1);
        residents.sort_unstable();
        assert!((1_500..3_000).contains(residents.last().unwrap()), "{:?}", residents.last());
        assert!((8..16).contains(&residents[GRIDS / 2]), "{}", residents[GRIDS / 2]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_towns_from_one_number_are_alike_and_whole() {
        let mut towns = Vec::new();
        for _ in 0..2 {
            let test = store::testing::sqlite().await;
            let sent = town().build(&test.db, |_| ()).await.unwrap();
            assert!((2_000..4_500).contains(&sent), "{sent}");
            let mut conn = test.db.read().await.unwrap();
            let found = store::conversation::find(&mut conn, town().conversation(299)).await.unwrap().unwrap();
            let messages = store::message::after(&mut conn, found.id, store::message::Audience::Staff, 0, 1_000).await.unwrap();
            assert_eq!(messages.len() as i64, found.last_seq);
            let texts: Vec<(Uuid, String)> = messages.into_iter().map(|m| (m.id.0, m.body)).collect();
            let units = store::unit::roots(&mut conn).await.unwrap();
            let point = contact_point_of(&mut conn, &town().code(14_999)).await;
            towns.push((sent, found, texts, units, point));
        }
        assert_eq!(towns[0], towns[1]);
    }

    async fn contact_point_of(conn: &mut store::Conn, code: &PointCode) -> ContactPoint {
        store::contact_point::by_code(conn, code).await.unwrap().unwrap()
    }
}

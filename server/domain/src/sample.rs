//! A sample district to look around in: 西陵区 of Yichang with its real streets and communities, and invented people, posts and conversations.

use crate::{
    Domain, Keys,
    calendar::PROMISE_MINUTES,
    contact_point,
    conversation::tell,
    password, routing,
    second_factor::{self, Given},
};
use model::{
    At, ClientKey, ContactId, ContactPointId, ConversationId, Event, GrantId, HoldingId, Language, MessageId, MessageKind, Person, PostId, QuickReplyId, Role,
    StaffId, UnitId, UnitKind, WaitId,
    calendar::{Calendar, read_ics},
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use store::{
    Conn,
    calendar::{CalendarRow, DayRow},
    contact_point::ContactPoint,
    conversation::Conversation,
    holding::Holding,
    message::{New, NewWait},
    post::Post,
    quick_reply::QuickReply,
    seen::Seen,
    staff::{Grant, Staff},
    unit::Unit,
};

/// The administrative units of Yichang, from the National Bureau of Statistics: code, code of the one above, kind, name.
const UNITS: &str = include_str!("../data/units.csv");
/// Public holidays and make-up workdays of China, 2024 to 2026.
const HOLIDAYS: &str = include_str!("../../../app/model/testdata/holidays.ics");

const CITY: &str = "4205";
const DISTRICT: &str = "420502";
const STREET: &str = "420502003";
/// 桃花岭社区 and 夷陵路社区 have grids in the sample.
const COMMUNITY: &str = "420502003006";
const OTHER_COMMUNITY: &str = "420502003007";

/// What the sample holds that a person needs in order to use it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Where the sticker is, and what is on it.
    pub scan_urls: Vec<ScanUrl>,
    pub sign_ins: Vec<SignIn>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanUrl {
    pub label: String,
    pub url: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignIn {
    /// A word for scripts: `admin`, `worker`, `teacher` …
    pub role: String,
    pub name: String,
    pub email: String,
    pub password: String,
    /// What an authenticator app needs, for those who are asked for a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticator: Option<Authenticator>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Authenticator {
    /// In base 32.
    pub secret: String,
    /// What a QR code for the app says.
    pub url: String,
    /// Each works once instead of the app's code.
    pub recovery_codes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The sample is never mixed with anybody's real units and people.
    #[error("the database is not empty: the sample goes into an empty one only")]
    NotEmpty,
    #[error("the sample's own data cannot be read: {0}")]
    Data(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

struct Someone {
    role: &'static str,
    name: &'static str,
    title: &'static str,
    email: &'static str,
}

const PEOPLE: [Someone; 12] = [
    Someone { role: "admin", name: "林岚", title: "系统管理员", email: "lin.lan@linli.example" },
    Someone { role: "worker", name: "王芳", title: "网格员", email: "wang.fang@linli.example" },
    Someone { role: "substitute", name: "李强", title: "网格员", email: "li.qiang@linli.example" },
    Someone { role: "first_grid", name: "陈建国", title: "网格员", email: "chen.jianguo@linli.example" },
    Someone { role: "community", name: "刘洋", title: "社区主任", email: "liu.yang@linli.example" },
    Someone { role: "street", name: "赵敏", title: "值班干部", email: "zhao.min@linli.example" },
    Someone { role: "off_duty", name: "孙浩", title: "网格员", email: "sun.hao@linli.example" },
    Someone { role: "stand_in", name: "周婷", title: "网格员", email: "zhou.ting@linli.example" },
    Someone { role: "teacher", name: "何静", title: "班主任", email: "he.jing@linli.example" },
    Someone { role: "supervisor", name: "吴磊", title: "街道督导", email: "wu.lei@linli.example" },
    Someone { role: "school", name: "郭涛", title: "德育主任", email: "guo.tao@linli.example" },
    Someone { role: "auditor", name: "吴敏", title: "审计员", email: "wu.min@linli.example" },
];

/// Who has a role, and where; they have a second factor too.
const GRANTS: [(&str, Role, &str); 4] =
    [("admin", Role::Admin, CITY), ("street", Role::Admin, STREET), ("supervisor", Role::Supervisor, STREET), ("auditor", Role::Auditor, CITY)];

struct Seat {
    key: &'static str,
    unit: &'static str,
    title: (&'static str, &'static str),
    holder: Option<&'static str>,
    substitute: Option<&'static str>,
    welcome: &'static str,
}

/// `unit` is a code of the real tree or a key of [`Build::units_below`].
const SEATS: [Seat; 10] = [
    Seat {
        key: "street",
        unit: STREET,
        title: ("值班室", "Duty office"),
        holder: Some("street"),
        substitute: None,
        welcome: "您好，这里是云集街道值班室。社区和网格没能解决的事，可以写到这里。",
    },
    Seat {
        key: "community",
        unit: COMMUNITY,
        title: ("社区服务台", "Community service desk"),
        holder: Some("community"),
        substitute: Some("street"),
        welcome: "您好！办证、医保、养老、居住证明，都可以先在这里问清楚再来。",
    },
    Seat {
        key: "grid1",
        unit: "grid1",
        title: ("网格员", "Grid worker"),
        holder: Some("first_grid"),
        substitute: Some("grid3"),
        welcome: "您好，我是陈建国，负责一到四号楼。有事请写给我，不用专门跑一趟。",
    },
    Seat {
        key: "grid2",
        unit: "grid2",
        title: ("网格员", "Grid worker"),
        holder: None,
        substitute: None,
        welcome: "您好！楼里的大小事都可以写在这里，我们会有人答复您。",
    },
    Seat {
        key: "grid3",
        unit: "grid3",
        title: ("网格员", "Grid worker"),
        holder: Some("worker"),
        substitute: Some("grid4"),
        welcome: "您好！楼道、水电、噪音、邻里的事，都可以写给我。急事请直接打 110、119 或 120。",
    },
    Seat {
        key: "grid4",
        unit: "grid4",
        title: ("网格员", "Grid worker"),
        holder: Some("substitute"),
        substitute: Some("grid3"),
        welcome: "您好，我是李强，负责十一到十六号楼。请把楼号和事情写清楚，我来跟进。",
    },
    Seat {
        key: "other1",
        unit: "other1",
        title: ("网格员", "Grid worker"),
        holder: Some("off_duty"),
        substitute: Some("other2"),
        welcome: "您好，我是孙浩。夷陵路一带的事写给我就行。",
    },
    Seat {
        key: "other2",
        unit: "other2",
        title: ("网格员", "Grid worker"),
        holder: Some("stand_in"),
        substitute: Some("other1"),
        welcome: "您好，我是周婷。夷陵路商户和住户的事都归我管，请写给我。",
    },
    Seat {
        key: "school",
        unit: "school",
        title: ("德育处", "Student affairs office"),
        holder: Some("school"),
        substitute: None,
        welcome: "家长您好，学校的事可以写在这里。班里的事请先问班主任。",
    },
    Seat {
        key: "class",
        unit: "class",
        title: ("班主任", "Class teacher"),
        holder: Some("teacher"),
        substitute: Some("school"),
        welcome: "家长您好，我是何静。请假、作业、孩子在校的情况，都可以写给我，上课时会晚一点答复。",
    },
];

struct Sticker {
    key: &'static str,
    seat: &'static str,
    place: (&'static str, &'static str),
    topic: Option<&'static str>,
}

const STICKERS: [Sticker; 11] = [
    Sticker { key: "door", seat: "grid3", place: ("3 号楼东门", "Building 3, east door"), topic: None },
    Sticker { key: "square", seat: "grid3", place: ("小广场公告栏", "Notice board on the small square"), topic: None },
    Sticker { key: "door1", seat: "grid1", place: ("1 号楼单元门", "Building 1, stairwell door"), topic: None },
    Sticker { key: "door2", seat: "grid2", place: ("6 号楼电梯口", "Building 6, by the lift"), topic: None },
    Sticker { key: "gate4", seat: "grid4", place: ("12 号楼西门", "Building 12, west door"), topic: None },
    Sticker { key: "desk", seat: "community", place: ("社区服务大厅", "Community service hall"), topic: Some("办事咨询") },
    Sticker { key: "street", seat: "street", place: ("街道便民服务中心", "Street service centre"), topic: None },
    Sticker { key: "shop", seat: "other1", place: ("夷陵路 58 号门口", "58 Yiling Road, at the door"), topic: None },
    Sticker { key: "market", seat: "other2", place: ("夷陵路菜市场", "Yiling Road food market"), topic: None },
    Sticker { key: "class", seat: "class", place: ("三（2）班教室门口", "Door of the classroom, Class 2, Grade 3"), topic: None },
    Sticker { key: "gate", seat: "school", place: ("学校南门", "School, south gate"), topic: None },
];

/// Texts kept ready; what stands between braces fills itself in.
const QUICK_REPLIES: [(&str, &str, &str); 6] = [
    ("grid3", "收到，去看", "{{ name }}您好，我马上去看，{{ time }}前答复您。"),
    ("grid3", "医保卡补办", "带身份证到街道便民服务中心 3 号窗口，当天能办好。"),
    ("grid3", "物业维修", "已经转给物业报修，师傅上门前会先给您打电话。有变化我再写给您。"),
    ("grid4", "收到，去看", "{{ name }}您好，已经收到，我今天过去看一下。"),
    ("community", "居住证明", "请带身份证和房产证或租房合同到社区服务大厅，当场开具。"),
    ("class", "准假", "家长您好，已经记下请假，请让孩子好好休息，作业我会发给您。"),
];

/// Fills an empty database with the sample district, in one transaction.
pub async fn create(domain: &Domain) -> Result<Sample, SampleError> {
    let sign_in = |p: &Someone| SignIn { role: p.role.into(), name: p.name.into(), email: p.email.into(), password: new_password(domain), authenticator: None };
    let mut sign_ins: Vec<SignIn> = PEOPLE.iter().map(sign_in).collect();
    let factors: HashMap<&'static str, Given> = GRANTS.iter().map(|(who, ..)| (*who, Given::new(domain))).collect();
    let mut hashes = Vec::new();
    for sign_in in &sign_ins {
        hashes.push(password::hash(domain, &sign_in.password).await?);
    }
    let holidays = read_ics(HOLIDAYS).map_err(|e| SampleError::Data(e.to_string()))?.days;
    let calendar = Calendar { days: holidays, ..Calendar::standard() };
    let (inner, now) = (domain.clone(), domain.now());
    let (scan_urls, people, factors) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                if !store::installation::is_empty(c).await? {
                    return Err(SampleError::NotEmpty);
                }
                let mut build =
                    Build { c, domain: inner, now, calendar, units: HashMap::new(), staff: HashMap::new(), posts: HashMap::new(), points: HashMap::new() };
                build.units().await?;
                build.working_time().await?;
                build.people(hashes).await?;
                build.second_factors(&factors).await?;
                build.seats().await?;
                let urls = build.stickers().await?;
                routing::settle(build.c, now).await?;
                build.quick_replies().await?;
                build.conversations().await?;
                Ok((urls, build.staff, factors))
            })
        })
        .await?;
    domain.settings.clear();
    for sign_in in &mut sign_ins {
        let factor = factors.get(sign_in.role.as_str()).zip(people.get(sign_in.role.as_str()));
        let offer = factor.and_then(|(given, id)| Some((given.offer(domain, *id, &sign_in.email)?, given.codes())));
        sign_in.authenticator = offer.map(|(offer, recovery_codes)| Authenticator { secret: offer.secret, url: offer.url, recovery_codes });
    }
    Ok(Sample { scan_urls, sign_ins })
}

/// Twelve digits without look-alikes, 60 bits: `k7qm-4t2x-9hvw`.
fn new_password(domain: &Domain) -> String {
    model::ClaimCode::from_bits(domain.random.bytes()).grouped().replace(' ', "-").to_lowercase()
}

/// Who wrote a line of a sample conversation.
enum By {
    Contact,
    Staff(&'static str),
    Note(&'static str),
}

/// The sample while it is being written; everything is found again by a short key.
struct Build<'c> {
    c: &'c mut Conn,
    domain: Domain,
    now: At,
    calendar: Calendar,
    units: HashMap<&'static str, UnitId>,
    staff: HashMap<&'static str, StaffId>,
    posts: HashMap<&'static str, PostId>,
    points: HashMap<&'static str, (ContactPointId, PostId)>,
}

fn missing(key: &str) -> SampleError {
    SampleError::Data(format!("nothing is called {key}"))
}

impl Build<'_> {
    fn unit(&self, key: &str) -> Result<UnitId, SampleError> {
        self.units.get(key).copied().ok_or_else(|| missing(key))
    }

    fn person(&self, key: &str) -> Result<StaffId, SampleError> {
        self.staff.get(key).copied().ok_or_else(|| missing(key))
    }

    fn post(&self, key: &str) -> Result<PostId, SampleError> {
        self.posts.get(key).copied().ok_or_else(|| missing(key))
    }

    /// The city, one district and all below it: the rows above come first in the list.
    async fn units(&mut self) -> Result<(), SampleError> {
        for row in UNITS.lines().skip(1) {
            let mut cells = row.splitn(4, ',');
            let (Some(code), Some(parent), Some(kind), Some(name)) = (cells.next(), cells.next(), cells.next(), cells.next()) else {
                return Err(SampleError::Data(row.to_owned()));
            };
            if code == CITY || code.starts_with(DISTRICT) {
                let kind: UnitKind = kind.parse().map_err(|_| SampleError::Data(row.to_owned()))?;
                self.add_unit(code, Some(parent).filter(|p| !p.is_empty()), kind, (common_name(name), english_name(code)), Some(code)).await?;
            }
        }
        self.units_below().await
    }

    async fn units_below(&mut self) -> Result<(), SampleError> {
        use UnitKind::{Bureau, Class, Grade, Grid, School};
        let more = [
            ("grid1", COMMUNITY, Grid, ("桃花岭社区第一网格", "Taohualing Community, Grid 1"), Some("420502003006-01")),
            ("grid2", COMMUNITY, Grid, ("桃花岭社区第二网格", "Taohualing Community, Grid 2"), Some("420502003006-02")),
            ("grid3", COMMUNITY, Grid, ("桃花岭社区第三网格", "Taohualing Community, Grid 3"), Some("420502003006-03")),
            ("grid4", COMMUNITY, Grid, ("桃花岭社区第四网格", "Taohualing Community, Grid 4"), Some("420502003006-04")),
            ("other1", OTHER_COMMUNITY, Grid, ("夷陵路社区第一网格", "Yiling Road Community, Grid 1"), Some("420502003007-01")),
            ("other2", OTHER_COMMUNITY, Grid, ("夷陵路社区第二网格", "Yiling Road Community, Grid 2"), Some("420502003007-02")),
            ("bureau", DISTRICT, Bureau, ("西陵区教育局", "Xiling District Education Bureau"), None),
            ("school", "bureau", School, ("桃花岭示范小学", "Taohualing Model Primary School"), None),
            ("grade", "school", Grade, ("三年级", "Grade 3"), None),
            ("class", "grade", Class, ("三（2）班", "Class 2, Grade 3"), None),
        ];
        for (key, parent, kind, (name, name_en), code) in more {
            self.add_unit(key, Some(parent), kind, (name, Some(name_en)), code).await?;
        }
        Ok(())
    }

    async fn add_unit(
        &mut self,
        key: &'static str,
        parent: Option<&str>,
        kind: UnitKind,
        (name, name_en): (&str, Option<&str>),
        code: Option<&str>,
    ) -> Result<(), SampleError> {
        let parent_id = parent.map(|p| self.unit(p)).transpose()?;
        let id = UnitId(self.domain.id());
        let unit = Unit {
            id,
            parent_id,
            kind,
            name: name.to_owned(),
            name_en: name_en.map(str::to_owned),
            code: code.map(str::to_owned),
            created_at: self.now,
            ended_at: None,
        };
        store::unit::insert(self.c, &unit).await?;
        self.units.insert(key, id);
        Ok(())
    }

    /// Office hours with the public holidays for the whole city; the school has its own.
    async fn working_time(&mut self) -> Result<(), SampleError> {
        let unit_id = self.unit(CITY)?;
        let week = serde_json::to_string(&self.calendar.week).map_err(store::Error::from)?;
        let zone = self.calendar.zone.name().to_owned();
        let row = CalendarRow { unit_id, zone, week, updated_at: self.now };
        store::calendar::save(self.c, &row).await?;
        for (date, day) in &self.calendar.days {
            store::calendar::save_day(self.c, unit_id, &DayRow { day: date.to_string(), kind: day.kind, name: day.name.clone() }).await?;
        }
        Ok(())
    }

    async fn people(&mut self, hashes: Vec<String>) -> Result<(), SampleError> {
        // Off duty for two days, and back when work begins after that.
        let back = self.calendar.next_working(self.now.plus_days(2));
        for (someone, hash) in PEOPLE.iter().zip(hashes) {
            let is_off = someone.role == "off_duty";
            let id = StaffId(self.domain.id());
            let since = self.now.plus_days(-400);
            let person = Staff {
                id,
                email: someone.email.to_owned(),
                name: someone.name.to_owned(),
                title: Some(someone.title.to_owned()),
                language: Language::Chinese,
                password_hash: Some(hash),
                created_at: since,
                activated_at: Some(since),
                ended_at: None,
                off_duty_since: is_off.then(|| self.now.plus_days(-1)),
                off_duty_until: back.filter(|_| is_off),
            };
            store::staff::insert(self.c, &person).await?;
            self.staff.insert(someone.role, id);
        }
        for (who, role, unit) in GRANTS {
            let grant = Grant {
                id: GrantId(self.domain.id()),
                staff_id: self.person(who)?,
                role,
                unit_id: self.unit(unit)?,
                from_at: self.now.plus_days(-400),
                until_at: None,
            };
            store::staff::insert_grant(self.c, &grant).await?;
        }
        Ok(())
    }

    async fn second_factors(&mut self, factors: &HashMap<&'static str, Given>) -> Result<(), SampleError> {
        for (who, given) in factors {
            let id = self.person(who)?;
            second_factor::give(self.c, &self.domain, id, given).await?;
        }
        Ok(())
    }

    async fn seats(&mut self) -> Result<(), SampleError> {
        for seat in &SEATS {
            self.posts.insert(seat.key, PostId(self.domain.id()));
        }
        // A substitute may come later in the list: first all posts, then who stands in.
        for seat in &SEATS {
            let id = self.post(seat.key)?;
            let post = Post {
                id,
                unit_id: self.unit(seat.unit)?,
                title: seat.title.0.to_owned(),
                title_en: Some(seat.title.1.to_owned()),
                substitute_id: None,
                welcome: Some(seat.welcome.to_owned()),
                answering_id: None,
                created_at: self.now.plus_days(-400),
                ended_at: None,
            };
            store::post::insert(self.c, &post).await?;
            if let Some(holder) = seat.holder {
                self.hold(id, holder, -300, None).await?;
            }
        }
        for seat in &SEATS {
            if let Some(substitute) = seat.substitute {
                store::post::set_substitute(self.c, self.post(seat.key)?, Some(self.post(substitute)?)).await?;
            }
        }
        // Grid 2 is vacant: its last holder has moved on.
        self.hold(self.post("grid2")?, "substitute", -400, Some(-20)).await
    }

    async fn hold(&mut self, post_id: PostId, who: &str, from: i64, until: Option<i64>) -> Result<(), SampleError> {
        let holding = Holding {
            id: HoldingId(self.domain.id()),
            post_id,
            staff_id: self.person(who)?,
            from_at: self.now.plus_days(from),
            until_at: until.map(|days| self.now.plus_days(days)),
        };
        Ok(store::holding::insert(self.c, &holding).await?)
    }

    async fn stickers(&mut self) -> Result<Vec<ScanUrl>, SampleError> {
        let mut urls = Vec::new();
        for sticker in &STICKERS {
            let post_id = self.post(sticker.seat)?;
            let point = ContactPoint {
                id: ContactPointId(self.domain.id()),
                post_id,
                code: contact_point::new_code(&self.domain.random),
                check_phrase: contact_point::new_check_phrase(&self.domain.random),
                place: sticker.place.0.to_owned(),
                place_en: Some(sticker.place.1.to_owned()),
                topic: sticker.topic.map(str::to_owned),
                welcome: None,
                created_at: self.now.plus_days(-300),
                revoked_at: None,
            };
            store::contact_point::insert(self.c, &point).await?;
            self.points.insert(sticker.key, (point.id, post_id));
            let label = match store::post::card(self.c, post_id, self.now).await? {
                Some(card) => format!("{} · {} {}", sticker.place.0, card.unit_name, card.title),
                None => sticker.place.0.to_owned(),
            };
            urls.push(ScanUrl { label, url: format!("{}/q/{}", self.domain.public_url, point.code) });
        }
        Ok(urls)
    }

    async fn quick_replies(&mut self) -> Result<(), SampleError> {
        for (seat, title, body) in QUICK_REPLIES {
            let reply = QuickReply {
                id: QuickReplyId(self.domain.id()),
                post_id: self.post(seat)?,
                title: title.to_owned(),
                body: body.to_owned(),
                created_at: self.now,
            };
            store::quick_reply::insert(self.c, &reply).await?;
        }
        Ok(())
    }

    async fn conversations(&mut self) -> Result<(), SampleError> {
        use By::{Contact, Note, Staff};
        self.answered_before().await?;

        // Waiting, and there is time.
        let light = self.open("door", Some("张桂兰"), Language::Chinese, self.now.plus_minutes(-26)).await?;
        self.say(light, Contact, "3 号楼二单元楼道的灯又不亮了，老人晚上上楼看不见，能请人来修一下吗？", self.now.plus_minutes(-26)).await?;

        // Waiting for too long.
        let asked = self.overdue_since();
        let drain = self.open("square", None, Language::Chinese, asked).await?;
        self.say(drain, Contact, "小区下水道堵了三天了，厨房一直返水，味道很大。", asked).await?;
        self.say(drain, Note("worker"), "已报物业，疏通师傅说要等配件。先去看看有没有临时办法。", asked.plus_minutes(30)).await?;
        self.say(drain, Contact, "请问有人管吗？5 号楼 102。", asked.plus_minutes(55)).await?;

        // Answered, in English.
        let asked = self.working_before(2, 95);
        let move_in = self.open("door", Some("Tom Becker"), Language::English, asked).await?;
        self.say(move_in, Contact, "Hi, I just moved into Building 3. Do I have to register somewhere, and where does the recycling go?", asked).await?;
        self.say(move_in, Note("worker"), "新搬来的外籍住户，登记要带护照和租房合同。", asked.plus_minutes(9)).await?;
        let answer = "Welcome! Please bring your passport and your lease to the community desk, weekdays 8:30–12:00 and 14:00–17:30. \
            Recycling goes in the blue bins behind Building 4.";
        self.say(move_in, Staff("worker"), answer, asked.plus_minutes(14)).await?;
        self.seen(move_in).await?;

        // Closed.
        let asked = self.working_before(5, 60);
        let noise = self.open("door", Some("刘志明"), Language::Chinese, asked).await?;
        self.say(noise, Contact, "楼上装修，中午十二点半还在电钻，孩子没法午睡。", asked).await?;
        self.say(noise, Staff("worker"), "刘先生您好，我刚去 602 说了，他们答应 12:00 到 14:30 不施工。再有就随时写给我。", asked.plus_minutes(40)).await?;
        self.say(noise, Note("worker"), "602 业主姓吴，工期到月底。", asked.plus_minutes(42)).await?;
        self.say(noise, Contact, "今天安静多了，谢谢！", asked.plus_minutes(180)).await?;
        self.say(noise, Staff("worker"), "不客气，午休愉快。", asked.plus_minutes(190)).await?;
        self.close(noise, asked.plus_minutes(191)).await?;

        // Handed over by a colleague; the clock goes on.
        let asked = self.now.plus_minutes(-170);
        let parking = self.open("door1", Some("陈先生"), Language::Chinese, asked).await?;
        self.say(parking, Contact, "3 号楼门口的消防通道一直有车停着，万一有事消防车进不来。", asked).await?;
        self.say(parking, Note("first_grid"), "3 号楼归第三网格，移交王芳。", asked.plus_minutes(12)).await?;
        self.hand_over(parking, "grid3", asked.plus_minutes(13)).await?;

        // The post is vacant: the community desk answers.
        let asked = self.now.plus_minutes(-64);
        let lift = self.open("door2", None, Language::Chinese, asked).await?;
        self.say(lift, Contact, "6 号楼电梯按了没反应，没有困人，就是上不去。", asked).await?;

        // The holder is off duty: a neighbour stands in.
        let asked = self.now.plus_minutes(-95);
        let shop = self.open("shop", Some("向老板"), Language::Chinese, asked).await?;
        self.say(shop, Contact, "门口路灯杆有点歪，风大的时候晃得厉害，怕砸到人。", asked).await?;
        self.away(shop, "other1", "off_duty", asked).await?;

        let asked = self.working_before(1, 30);
        let elder = self.open("gate4", Some("12 号楼邓奶奶"), Language::Chinese, asked).await?;
        self.say(elder, Contact, "我一个人住，腿脚不好，能不能帮我问问送餐上门怎么办？", asked).await?;
        self.say(elder, Staff("substitute"), "邓奶奶您好，我下午带着表来您家帮您填，不用您跑。每餐 8 元，社区食堂送到门口。", asked.plus_minutes(22)).await?;
        self.seen(elder).await?;

        let asked = self.working_before(1, 20);
        let ill = self.open("class", Some("小宇妈妈"), Language::Chinese, asked).await?;
        self.say(ill, Contact, "何老师好，小宇今天发烧 38.5 度，想请一天假。", asked).await?;
        self.say(ill, Staff("teacher"), "知道了，请让孩子好好休息。今天的作业我放学后写给您。", asked.plus_minutes(35)).await?;
        self.seen(ill).await?;
        let meeting = self.open("class", Some("欣怡爸爸"), Language::Chinese, self.now.plus_minutes(-18)).await?;
        self.say(meeting, Contact, "老师您好，请问周五的家长会几点开始？要带孩子吗？", self.now.plus_minutes(-18)).await?;
        Ok(())
    }

    /// A few short ones of the last weeks, so that the card can say how long an answer usually takes.
    async fn answered_before(&mut self) -> Result<(), SampleError> {
        let earlier = [
            (8, 35, Some("李桂芳"), "请问老年卡年审在哪里办？", "带身份证和一寸照片到街道便民服务中心 3 号窗口，当场能办好。", 48),
            (11, 70, None, "小广场的健身器材螺丝松了，孩子在上面玩很危险。", "谢谢提醒，已经围上，师傅明天来换螺丝。", 75),
            (15, 20, Some("黄小姐"), "快递柜旁边的垃圾桶两天没清了。", "已经联系环卫，今天下午清走。", 31),
            (19, 100, Some("老周"), "什么时候停水？电梯里的通知被撕了。", "周四 9:00 到 16:00，3 号楼到 5 号楼。我再贴一张。", 22),
            (24, 45, None, "想给母亲申请适老化改造，装个扶手，找谁？", "可以的，我把申请表送到您家，社区每月 20 号报一次。", 110),
        ];
        for (days, minutes, name, question, answer, after) in earlier {
            let asked = self.working_before(days, minutes);
            let answered = self.calendar.add_working(asked, after * 60).unwrap_or(asked);
            let id = self.open("door", name, Language::Chinese, asked).await?;
            self.say(id, By::Contact, question, asked).await?;
            self.say(id, By::Staff("worker"), answer, answered).await?;
            self.seen(id).await?;
            self.close(id, answered.plus_minutes(5)).await?;
        }
        Ok(())
    }

    /// A moment of working time at least `days` days ago, `minutes` into a stretch of it, with half a working day to go.
    fn working_before(&self, days: i64, minutes: i64) -> At {
        let candidates = (days..days + 30).filter_map(|d| self.calendar.add_working(self.now.plus_days(-d), minutes * 60));
        candidates.into_iter().find(|at| at.plus_days(1) <= self.now.plus_minutes(4 * 60)).unwrap_or_else(|| self.now.plus_days(-days))
    }

    /// The latest whole number of days ago whose promise has run out.
    fn overdue_since(&self) -> At {
        let asked = |days: i64| self.now.plus_days(-days).plus_minutes(-35);
        let is_over = |days: &i64| self.due(asked(*days)) < self.now.plus_minutes(-20);
        asked((1..40).find(is_over).unwrap_or(40))
    }

    fn due(&self, at: At) -> At {
        self.calendar.add_working(at, PROMISE_MINUTES * 60).unwrap_or_else(|| at.plus_days(7))
    }

    async fn open(&mut self, sticker: &str, name: Option<&str>, language: Language, at: At) -> Result<ConversationId, SampleError> {
        let (point, post_id) = self.points.get(sticker).copied().ok_or_else(|| missing(sticker))?;
        let (id, contact_id) = (ConversationId(self.domain.random.id(at)), ContactId(self.domain.random.id(at)));
        store::contact::insert(self.c, contact_id, language, at).await?;
        if name.is_some() {
            store::contact::set_name(self.c, contact_id, name).await?;
        }
        let conversation = Conversation::begun(id, contact_id, post_id, Some(point), at);
        store::conversation::insert(self.c, &conversation, &Keys::hash(self.domain.keys.claim_code(id, 1).as_str())).await?;
        Ok(id)
    }

    async fn say(&mut self, id: ConversationId, by: By, text: &str, at: At) -> Result<(), SampleError> {
        let post = store::conversation::find(self.c, id).await?.map(|c| c.post_id);
        let (kind, staff_id) = match by {
            By::Contact => (MessageKind::Contact, None),
            By::Staff(who) => (MessageKind::Answer, Some(self.person(who)?)),
            By::Note(who) => (MessageKind::Note, Some(self.person(who)?)),
        };
        let post_id = post.filter(|_| staff_id.is_some());
        self.send(id, kind, post_id, staff_id, text.to_owned(), at).await
    }

    async fn send(
        &mut self,
        id: ConversationId,
        kind: MessageKind,
        post_id: Option<PostId>,
        staff_id: Option<StaffId>,
        body: String,
        at: At,
    ) -> Result<(), SampleError> {
        let random = &self.domain.random;
        let wait = (kind == MessageKind::Contact).then(|| NewWait { id: WaitId(random.id(at)), due_at: self.due(at) });
        let (message_id, client_key) = (MessageId(random.id(at)), ClientKey(random.id(at)));
        let new = New { id: message_id, conversation_id: id, kind, post_id, staff_id, body, client_key, sent_at: at, wait };
        store::message::send(self.c, &[new]).await?;
        Ok(())
    }

    /// The contact has read everything so far, and so has the post.
    async fn seen(&mut self, id: ConversationId) -> Result<(), SampleError> {
        if let Some(conversation) = store::conversation::find(self.c, id).await? {
            store::seen::mark(self.c, &[Seen { conversation_id: id, seq: conversation.last_seq }]).await?;
            store::conversation::staff_saw(self.c, id, conversation.last_seq).await?;
        }
        Ok(())
    }

    async fn close(&mut self, id: ConversationId, at: At) -> Result<(), SampleError> {
        tell(self.c, self.line_ids(at), id, &Event::Closed, at).await?;
        store::conversation::close(self.c, id, at).await?;
        self.seen(id).await
    }

    async fn hand_over(&mut self, id: ConversationId, to: &str, at: At) -> Result<(), SampleError> {
        let post = self.post(to)?;
        store::conversation::hand_over(self.c, id, post).await?;
        let person = self.card(post).await?;
        tell(self.c, self.line_ids(at), id, &Event::HandedOver { to: person }, at).await?;
        Ok(())
    }

    /// The automatic reply of a post whose holder is off duty.
    async fn away(&mut self, id: ConversationId, seat: &str, who: &str, at: At) -> Result<(), SampleError> {
        let post = self.post(seat)?;
        let absent = store::staff::find(self.c, self.person(who)?).await?.ok_or_else(|| missing(who))?;
        let stand_in = match store::post::find(self.c, post).await?.and_then(|p| p.answering_id) {
            Some(other) => Some(self.card(other).await?),
            None => None,
        };
        let event = Event::OffDuty { name: absent.name, until: absent.off_duty_until, stand_in };
        self.send(id, MessageKind::Auto, Some(post), None, event.write(), at).await
    }

    async fn card(&mut self, post: PostId) -> Result<Person, SampleError> {
        let card = store::post::card(self.c, post, self.now).await?;
        card.as_ref().and_then(crate::conversation::person).ok_or_else(|| missing("a holder"))
    }

    fn line_ids(&self, at: At) -> (MessageId, ClientKey) {
        (MessageId(self.domain.random.id(at)), ClientKey(self.domain.random.id(at)))
    }
}

/// The units of the real tree that have posts in the sample, and those above them.
fn english_name(code: &str) -> Option<&'static str> {
    match code {
        CITY => Some("Yichang"),
        DISTRICT => Some("Xiling District"),
        STREET => Some("Yunji Street"),
        COMMUNITY => Some("Taohualing Community"),
        OTHER_COMMUNITY => Some("Yiling Road Community"),
        _ => None,
    }
}

/// The statistics name the residents' committee; people say 桃花岭社区.
fn common_name(official: &'static str) -> &'static str {
    let endings = ["居民委员会", "居委会", "村民委员会", "村委会"];
    endings.iter().find_map(|e| official.strip_suffix(e).filter(|rest| rest.ends_with("社区") || rest.ends_with('村'))).unwrap_or(official)
}

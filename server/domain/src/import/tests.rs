//! What must hold of every file, whatever is in it and whatever is there.

use super::{
    change::{Changes, HoldingRow, Outside, PostRow, StaffRow, Stuck, UnitRow, What, World},
    heads::{Field, Kind, guess},
    oneroster,
    plan::{Mode, Odd, PHONE_LIMIT, Plan, Table, When, Wrong, plan, tables},
    read::{Row, Sheet, read},
};
use jiff::{civil::Date, tz::TimeZone};
use model::{At, HoldingId, Language, PostId, StaffId, UnitId, UnitKind};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

const NOW: At = At(1_795_140_000_000);

fn when() -> When {
    When { now: NOW, zone: TimeZone::get("Asia/Shanghai").unwrap() }
}

fn today() -> Date {
    NOW.timestamp().to_zoned(when().zone).date()
}

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn unit(n: u128, parent: Option<u128>, kind: UnitKind, name: &str, code: Option<&str>) -> UnitRow {
    UnitRow { id: UnitId(uuid(n)), parent_id: parent.map(|p| UnitId(uuid(p))), kind, name: name.to_owned(), name_en: None, code: code.map(str::to_owned) }
}

/// A street with two communities, three grids in the first one, of which two are staffed.
fn street() -> World {
    let units = [
        unit(1, Some(1000), UnitKind::Street, "云集街道", Some("420502003")),
        unit(2, Some(1), UnitKind::Community, "桃花岭社区", Some("420502003006")),
        unit(3, Some(1), UnitKind::Community, "夷陵路社区", None),
        unit(4, Some(2), UnitKind::Grid, "第一网格", Some("01")),
        unit(5, Some(2), UnitKind::Grid, "第二网格", None),
        unit(6, Some(2), UnitKind::Grid, "第三网格", Some("03")),
    ];
    let posts = [(11, 4, "网格员"), (12, 5, "网格员"), (13, 2, "服务台")].map(|(id, unit, title)| PostRow {
        id: PostId(uuid(id)),
        unit_id: UnitId(uuid(unit)),
        title: title.to_owned(),
        title_en: None,
    });
    let staff = [(21, "王芳", "wang.fang@x.cn", Some("138 0000 0001")), (22, "李强", "li.qiang@x.cn", None)].map(|(id, name, email, phone)| StaffRow {
        id: StaffId(uuid(id)),
        email: email.to_owned(),
        name: name.to_owned(),
        title: None,
        phone: phone.map(str::to_owned),
        language: Language::Chinese,
        unit_id: Some(UnitId(uuid(2))),
        is_activated: id == 21,
    });
    let holdings = [(31, 11, 21), (32, 12, 22)].map(|(id, post, person)| HoldingRow {
        id: HoldingId(uuid(id)),
        post_id: PostId(uuid(post)),
        staff_id: StaffId(uuid(person)),
        from_at: At(NOW.0 - 1_000_000),
        until_at: None,
    });
    World {
        top: UnitId(uuid(1)),
        units: units.into_iter().map(|unit| (unit.id, unit)).collect(),
        posts: posts.into_iter().map(|post| (post.id, post)).collect(),
        staff: staff.into_iter().map(|person| (person.id, person)).collect(),
        holdings: holdings.into_iter().map(|h| (h.id, h)).collect(),
        outside: Outside::default(),
    }
}

/// Takes back what was done at this very moment.
fn undo(world: &World, done: &Changes, now: At) -> Result<Changes, Stuck> {
    super::change::turned_round(world, done, now, now).map(|undo| undo.changes)
}

fn sheet(text: &str) -> Sheet {
    read(text.as_bytes()).unwrap().sheets.remove(0)
}

fn planned(world: &World, sheets: &[Sheet], mode: Mode) -> Plan {
    let choices: Vec<_> = sheets.iter().map(guess).collect();
    run(world, &tables(sheets, &choices), mode)
}

fn run(world: &World, tables: &[Table<'_>], mode: Mode) -> Plan {
    let mut next = 1_000_000;
    plan(world, tables, mode, &when(), &mut || {
        next += 1;
        uuid(next)
    })
}

fn added(world: &World, text: &str) -> Plan {
    planned(world, &[sheet(text)], Mode::Add)
}

/// Each mistake as its row, column and kind.
fn mistakes(plan: &Plan) -> Vec<(u32, Field, Wrong)> {
    plan.mistakes.iter().map(|mistake| (mistake.place.row, mistake.field, mistake.wrong.clone())).collect()
}

fn counts(changes: &Changes, what: What) -> [usize; 4] {
    let counts = changes.count(what);
    [counts.units, counts.posts, counts.staff, counts.holdings]
}

#[test]
fn a_roster_makes_grids_with_their_post_and_whoever_holds_it() {
    let world = street();
    let text = "网格名称,所属社区,网格员姓名,邮箱,电话\n第四网格,桃花岭社区,赵敏,Zhao.Min@x.cn,13800000004\n第一网格,夷陵路社区,,,\n第一网格,桃花岭社区,王芳,wang.fang@x.cn,138 0000 0001\n";
    let plan = added(&world, text);
    assert_eq!(plan.mistakes, []);
    assert_eq!(counts(&plan.changes, What::Added), [2, 2, 1, 1]);
    assert_eq!(counts(&plan.changes, What::Changed), [0; 4]);
    assert_eq!((plan.unchanged.units, plan.unchanged.posts, plan.unchanged.staff, plan.unchanged.holdings), (1, 1, 1, 1));
    let fresh = plan.changes.staff[0].after.as_ref().unwrap();
    assert_eq!((fresh.email.as_str(), fresh.is_activated), ("zhao.min@x.cn", false));
    assert!(
        plan.changes
            .posts
            .iter()
            .all(|change| change.after.as_ref().is_some_and(|post| post.title == "网格员" && post.title_en.as_deref() == Some("Grid worker")))
    );
}

#[test]
fn every_mistake_is_told_with_its_row_and_column_and_nothing_is_changed() {
    let world = street();
    let units = "代码,名称,类别,上级代码\n07,第七网格,网格,nowhere\n08,第八网格,飞船,420502003006\n08,别的网格,网格,420502003006\n09,,网格,420502003006\n10,第十网格,网格,420502003\n=1+1,第十一网格,网格,420502003006\n";
    let plan = added(&world, units);
    let expected = [
        (2, Field::ParentCode, Wrong::UnknownParent),
        (3, Field::UnitKind, Wrong::UnknownKind),
        (4, Field::UnitCode, Wrong::DuplicateCode { row: 3 }),
        (5, Field::UnitName, Wrong::Empty),
        (7, Field::UnitCode, Wrong::Formula),
    ];
    assert_eq!(mistakes(&plan), expected);
    assert!(plan.changes.is_empty());
    let one_cause = added(&world, "网格名称,所属社区,姓名,邮箱\n第七网格,没有的社区,甲,a@x.cn\n第八网格,桃花岭社区,乙,b@x.cn\n");
    assert_eq!(mistakes(&one_cause), [(2, Field::ParentName, Wrong::UnknownParent)], "and not every row after it");
    let plan = added(&world, "代码,名称,类别,上级代码\n10,第十网格,网格,420502003\n");
    assert_eq!(mistakes(&plan), [(2, Field::UnitKind, Wrong::KindBelow { kind: UnitKind::Grid, parent: UnitKind::Street })]);
    let plan = added(&world, "代码,名称,类别,上级代码\n10,第十网格,网格,420502003006\n10,别的网格,网格,420502003006\n");
    assert_eq!(mistakes(&plan), [(3, Field::UnitCode, Wrong::DuplicateCode { row: 2 })]);

    let staff = "姓名,邮箱\n甲,not an address\n,b@x.cn\n丙,c@x.cn\n丁,c@x.cn\n";
    let wrong =
        [(2, Field::Email, Wrong::NotEmail), (3, Field::PersonName, Wrong::Empty), (5, Field::Email, Wrong::DuplicateEmail { row: 4, name: "丙".to_owned() })];
    assert_eq!(mistakes(&added(&world, staff)), wrong);

    let held = "单位代码,邮箱,开始日期,结束日期\n01,nobody@x.cn,,\n99,wang.fang@x.cn,,\n03,wang.fang@x.cn,,\n01,li.qiang@x.cn,1. May,\n01,li.qiang@x.cn,2027-05-01,2027-04-01\n";
    let wrong = [
        (2, Field::Email, Wrong::UnknownStaff),
        (3, Field::UnitCode, Wrong::UnknownUnit),
        (4, Field::UnitName, Wrong::NoPost),
        (5, Field::From, Wrong::NotADate),
        (6, Field::Until, Wrong::EndsBefore),
    ];
    assert_eq!(mistakes(&added(&world, held)), wrong);
}

#[test]
fn everything_that_is_wrong_with_a_row_is_told_at_once() {
    let phone = "1".repeat(PHONE_LIMIT + 1);
    let roster = format!("网格名称,所属社区,姓名,邮箱,电话,开始日期,结束日期\n第七网格,没有的社区,甲,not an address,{phone},tomorrow,1. May\n");
    let fields: Vec<Field> = added(&street(), &roster).mistakes.iter().map(|mistake| mistake.field).collect();
    assert_eq!(fields, [Field::ParentName, Field::Email, Field::Phone, Field::From, Field::Until]);

    let units = "代码,名称,类别,上级代码\n07,第七社区,飞船,nowhere\n08,第八网格,网格,07\n";
    let wrong = [(2, Field::UnitKind, Wrong::UnknownKind), (2, Field::ParentCode, Wrong::UnknownParent)];
    assert_eq!(mistakes(&added(&street(), units)), wrong, "and nothing of the row below it");
}

#[test]
fn a_loop_of_parents_is_found_whether_by_code_by_name_or_through_what_is_there() {
    let world = street();
    let by_code = added(&world, "代码,名称,类别,上级代码\na,甲社区,社区,b\nb,乙社区,社区,a\nc,丙社区,社区,c\n");
    assert_eq!(mistakes(&by_code), [2, 3, 4].map(|row| (row, Field::ParentCode, Wrong::Loop)));
    let by_name = added(&world, "名称,类别,上级\n甲学校,学校,乙学校\n乙学校,学校,甲学校\n");
    assert_eq!(by_name.mistakes.iter().map(|mistake| mistake.place.row).collect::<HashSet<_>>(), HashSet::from([2, 3]));
    assert!(by_name.mistakes.iter().any(|mistake| mistake.wrong == Wrong::Loop));
    let mut rows: String = (0..50_000).map(|n| format!("u{n},单位{n},学校,u{}\n", n + 1)).collect();
    rows.insert_str(0, "代码,名称,类别,上级代码\n");
    let chain = added(&world, &rows);
    assert!(!chain.mistakes.is_empty() && chain.changes.is_empty());
}

#[test]
fn units_elsewhere_and_people_elsewhere_are_not_touched() {
    let mut world = street();
    world.outside.codes.insert("far".to_owned());
    world.outside.emails.insert("far@x.cn".to_owned());
    let plan = added(&world, "单位代码,单位名称,所属社区,姓名,邮箱\nfar,远方网格,桃花岭社区,,\n01,第一网格,桃花岭社区,远方,far@x.cn\n");
    assert_eq!(mistakes(&plan), [(2, Field::UnitCode, Wrong::CodeElsewhere), (3, Field::Email, Wrong::EmailElsewhere)]);
}

#[test]
fn a_name_that_several_units_have_needs_a_path_or_a_code() {
    let mut world = street();
    let more = [
        unit(7, Some(1), UnitKind::School, "第一小学", None),
        unit(8, Some(7), UnitKind::Grade, "三年级", None),
        unit(9, Some(1), UnitKind::School, "第二小学", None),
        unit(10, Some(9), UnitKind::Grade, "三年级", None),
    ];
    world.units.extend(more.into_iter().map(|unit| (unit.id, unit)));
    let plan = added(&world, "班级,类别,上级\n三（1）班,班级,三年级\n");
    assert_eq!(mistakes(&plan), [(2, Field::ParentName, Wrong::AmbiguousParent)]);
    let plan = added(&world, "班级,类别,上级\n三（1）班,班级,第二小学/三年级\n");
    assert_eq!(plan.mistakes, []);
    assert_eq!(plan.changes.units[0].after.as_ref().unwrap().parent_id, Some(UnitId(uuid(10))));
}

#[test]
fn at_a_grid_one_person_holds_the_post_at_a_time_and_the_next_one_takes_over() {
    let world = street();
    let two = added(&world, "单位代码,姓名,邮箱,岗位\n03,甲,a@x.cn,网格员\n03,乙,b@x.cn,网格员\n");
    assert_eq!(mistakes(&two), [(3, Field::Email, Wrong::TwoHolders { row: 2, name: "甲".to_owned() })]);
    let one_after_the_other = added(&world, "单位代码,姓名,邮箱,岗位,开始日期,结束日期\n03,甲,a@x.cn,网格员,,2026-12-31\n03,乙,b@x.cn,网格员,2027-01-01,\n");
    assert_eq!(one_after_the_other.mistakes, []);
    let desk = added(&world, "单位代码,姓名,邮箱,岗位\n420502003006,甲,a@x.cn,服务台\n420502003006,乙,b@x.cn,服务台\n");
    assert_eq!((desk.mistakes.len(), counts(&desk.changes, What::Added)), (0, [0, 0, 2, 2]));

    let at_once = added(&world, "单位代码,邮箱\n01,li.qiang@x.cn\n");
    assert_eq!((counts(&at_once.changes, What::Added), counts(&at_once.changes, What::Ended)), ([0, 0, 0, 1], [0, 0, 0, 1]));
    let later = added(&world, "单位代码,邮箱,开始日期\n01,li.qiang@x.cn,2027-01-01\n");
    assert_eq!((counts(&later.changes, What::Changed), counts(&later.changes, What::Ended)), ([0, 0, 0, 1], [0; 4]));
    let [until, from] =
        [What::Changed, What::Added].map(|what| later.changes.holdings.iter().find(|change| change.what() == what).unwrap().after.clone().unwrap());
    assert_eq!(until.until_at, Some(from.from_at));
}

#[test]
fn a_full_list_ends_what_it_lacks_of_the_kinds_it_lists_and_nothing_else() {
    let world = street();
    let plan = planned(&world, &[sheet("网格名称,所属社区,姓名,邮箱\n第一网格,桃花岭社区,王芳,wang.fang@x.cn\n")], Mode::Replace);
    assert_eq!(plan.mistakes, []);
    // Two grids with one post and one holder; the communities, the street and the desk stay.
    assert_eq!(counts(&plan.changes, What::Ended), [2, 1, 1, 1]);
    let after = world.after(&plan.changes);
    assert!(after.units.values().any(|unit| unit.name == "夷陵路社区") && after.posts.contains_key(&PostId(uuid(13))));
    assert!(plan.ends_much());
    assert_eq!(plan.ending(), 5);
    let mut kept = street();
    kept.outside.kept.insert(StaffId(uuid(22)));
    let plan = planned(&kept, &[sheet("网格名称,所属社区,姓名,邮箱\n第一网格,桃花岭社区,王芳,wang.fang@x.cn\n")], Mode::Replace);
    assert_eq!(counts(&plan.changes, What::Ended), [2, 1, 0, 1]);
}

#[test]
fn a_unit_that_something_in_the_file_stands_below_does_not_end() {
    let world = street();
    let plan = planned(&world, &[sheet("代码,名称,类别,上级\n20,新社区,社区,\n21,第九网格,网格,夷陵路社区\n")], Mode::Replace);
    assert_eq!(plan.mistakes, []);
    let after = world.after(&plan.changes);
    let names: HashSet<&str> = after.units.values().map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, HashSet::from(["云集街道", "新社区", "夷陵路社区", "第九网格"]));
}

#[test]
fn whoever_has_left_comes_back_without_a_login_and_the_same_name_and_phone_looks_odd() {
    let mut world = street();
    let gone = StaffRow {
        id: StaffId(uuid(29)),
        email: "old@x.cn".to_owned(),
        name: "老张".to_owned(),
        is_activated: true,
        ..world.staff[&StaffId(uuid(21))].clone()
    };
    world.outside.gone.insert(gone.email.clone(), gone);
    let plan = added(&world, "姓名,邮箱,电话\n老张,old@x.cn,\n王芳,other@x.cn,13800000001\n");
    assert_eq!(plan.mistakes, []);
    let back = plan.changes.staff.iter().find(|change| change.after.as_ref().unwrap().email == "old@x.cn").unwrap();
    assert_eq!((back.what(), back.after.as_ref().unwrap().id, back.after.as_ref().unwrap().is_activated), (What::Added, StaffId(uuid(29)), false));
    assert_eq!(plan.warnings.len(), 1);
    assert_eq!(plan.warnings[0].odd, Odd::SamePerson { row: None, email: "wang.fang@x.cn".to_owned() });
}

#[test]
fn a_unit_can_be_moved_renamed_and_given_a_code_and_two_can_exchange_theirs() {
    let world = street();
    let plan = added(&world, "代码,名称,类别,上级\n01,东门网格,网格,夷陵路社区\n02,第二网格,网格,桃花岭社区\n");
    assert_eq!((counts(&plan.changes, What::Moved)[0], counts(&plan.changes, What::Changed)[0]), (1, 1));
    let plan = added(&world, "代码,名称,英文名称,类别,上级代码\n420502003,云集街道,Yunji Street,街道,420502\n");
    assert_eq!(plan.mistakes, [], "the top is known by its code, whatever stands above it");
    assert_eq!(plan.changes.units[0].after.as_ref().unwrap().name_en.as_deref(), Some("Yunji Street"));
}

#[test]
fn what_was_changed_by_hand_since_is_left_when_an_import_is_taken_back() {
    let world = street();
    let plan = added(&world, "代码,名称,类别,上级代码\n01,东门网格,网格,420502003006\n04,第四网格,网格,420502003006\n");
    let mut later = world.after(&plan.changes);
    later.units.get_mut(&UnitId(uuid(4))).unwrap().name = "西门网格".to_owned();
    let back = later.after(&undo(&later, &plan.changes, NOW).unwrap());
    assert_eq!(back.units[&UnitId(uuid(4))].name, "西门网格");
    assert_eq!(back.units.len(), world.units.len());
    let fresh = plan.changes.units.iter().find(|change| change.before.is_none()).unwrap().after.clone().unwrap();
    later.posts.insert(PostId(uuid(99)), PostRow { id: PostId(uuid(99)), unit_id: fresh.id, title: "网格员".to_owned(), title_en: None });
    assert_eq!(undo(&later, &plan.changes, NOW), Err(Stuck::InUse("第四网格".to_owned())));
}

#[test]
fn a_oneroster_package_brings_schools_classes_teachers_and_who_leads_which_class() {
    let file = super::read::File {
        format: super::read::Format::OneRoster,
        sheets: [
            ("orgs.csv", "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\nd1,,,西陵区教育局,district,,\ns1,,,桃花岭小学,school,,d1\ns2,tobedeleted,,旧小学,school,,d1\n"),
            ("academicsessions.csv", "sourcedId,status,title,type,startDate,endDate,parentSourcedId,schoolYear\nt1,,秋季,term,2026-09-01,2027-01-31,,2027\n"),
            ("classes.csv", "sourcedId,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds\nc1,三（2）班,03,,,homeroom,,s1,t1\n"),
            ("users.csv", "sourcedId,status,enabledUser,orgSourcedIds,role,username,givenName,familyName,email,phone\nu1,,true,s1,teacher,x,静,何,he.jing@x.cn,1\nu2,,true,s1,teacher,y,Fang,Wang,fang@x.cn,\nu3,,true,s1,student,z,小,明,,\n"),
            ("enrollments.csv", "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\ne1,c1,s1,u1,teacher,true,,\ne2,c1,s1,u2,teacher,false,,\ne3,c1,s1,u3,student,,,\n"),
        ]
        .map(|(name, text)| Sheet { name: name.to_owned(), ..sheet(text) })
        .to_vec(),
    };
    let mut world = street();
    world.units = HashMap::from([(UnitId(uuid(1)), unit(1, None, UnitKind::District, "西陵区", None))]);
    (world.posts, world.staff, world.holdings) = Default::default();
    let oneroster::Package { sheets, choices, .. } = oneroster::convert(&file, today());
    let plan = run(&world, &tables(&sheets, &choices), Mode::Add);
    assert_eq!(plan.mistakes, []);
    assert_eq!(counts(&plan.changes, What::Added), [3, 1, 2, 1]);
    let after = world.after(&plan.changes);
    let names: HashSet<&str> = after.staff.values().map(|person| person.name.as_str()).collect();
    assert_eq!(names, HashSet::from(["何静", "Fang Wang"]));
    let held = after.holdings.values().next().unwrap();
    assert_eq!(after.staff[&held.staff_id].name, "何静");
    assert!(held.until_at.is_some_and(|until| until > NOW));
    let again = run(&after, &tables(&sheets, &choices), Mode::Add);
    assert!(again.changes.is_empty() && again.mistakes.is_empty());
}

/// A package of a bureau whose program knows the school by another code, with lessons, students and a teacher without an address.
fn package() -> Vec<u8> {
    let students: String = (0..150_000).map(|n| format!("s{n},,true,s1,student,s{n},{n},学,,\n")).collect();
    let enrolled: String = (0..150_000).map(|n| format!("x{n},c1,s1,s{n},student,,,\n")).collect();
    let parts = [
        ("manifest.csv", "propertyName,value\n".to_owned()),
        ("orgs.csv", "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\nd1,,,西陵区,district,,\ns1,,,桃花岭小学,school,4205020001,d1\ns2,,,夷陵路小学,school,,d1\n".to_owned()),
        ("classes.csv", "sourcedId,title,classType,schoolSourcedId\nc1,三（2）班,homeroom,s1\nc2,三（2）班数学,scheduled,s1\nc3,三（2）班语文,scheduled,s1\n".to_owned()),
        ("users.csv", format!("sourcedId,status,enabledUser,orgSourcedIds,role,username,givenName,familyName,email,phone\nu1,,true,s1,teacher,x,静,何,he.jing@x.cn,1\nu2,,true,s1,teacher,y,邮,无,,\n{students}")),
        ("enrollments.csv", format!("sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\ne0,c1,s1,u2,teacher,true,,\ne1,c1,s1,u1,teacher,false,,\ne2,c2,s1,u1,teacher,true,,\n{enrolled}")),
    ];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_package_with_more_students_than_rows_are_taken_is_read_without_them_and_schools_are_known_by_name() {
    let file = read(&package()).unwrap();
    assert!(file.rows() < 20, "{}", file.rows());
    let package = oneroster::convert(&file, today());
    let odd: Vec<_> = package.left_out.iter().map(|warning| (warning.odd.clone(), warning.value.as_str())).collect();
    assert_eq!(odd, [(Odd::Scheduled { count: 2 }, ""), (Odd::NoEmail, "无邮")]);
    let mut world = street();
    let units = [
        unit(1, None, UnitKind::District, "西陵区", Some("420502")),
        unit(7, Some(1), UnitKind::School, "桃花岭小学", Some("4205020001")),
        unit(8, Some(1), UnitKind::School, "夷陵路小学", Some("YLL")),
    ];
    world.units = units.into_iter().map(|unit| (unit.id, unit)).collect();
    (world.posts, world.staff, world.holdings) = Default::default();
    let plan = run(&world, &tables(&package.sheets, &package.choices), Mode::Add);
    assert_eq!(plan.mistakes, []);
    assert_eq!((counts(&plan.changes, What::Added), counts(&plan.changes, What::Changed)), ([1, 1, 1, 1], [0; 4]), "{:#?}", plan.changes.units);
    let class = plan.changes.units[0].after.as_ref().unwrap();
    assert_eq!((class.name.as_str(), class.parent_id), ("三（2）班", Some(UnitId(uuid(7)))));
    let after = world.after(&plan.changes);
    assert_eq!(after.staff.values().map(|person| person.name.as_str()).collect::<Vec<_>>(), ["何静"], "who can be reached leads the class");
    let again = run(&after, &tables(&package.sheets, &package.choices), Mode::Replace);
    assert!(again.changes.is_empty() && again.mistakes.is_empty());
}

#[test]
fn no_file_makes_a_district_of_what_is_there_or_less_of_a_district() {
    let mut world = street();
    let units = [
        unit(1, None, UnitKind::District, "西陵区", Some("420502")),
        unit(7, Some(1), UnitKind::School, "桃花岭小学", Some("s7")),
        unit(8, Some(1), UnitKind::Bureau, "西陵区教育局", Some("b8")),
    ];
    world.units = units.into_iter().map(|unit| (unit.id, unit)).collect();
    (world.posts, world.staff, world.holdings) = Default::default();
    let plan = added(&world, "代码,名称,类别,上级代码\ns7,桃花岭小学,教育局,420502\nb8,西陵区教育局,学校,420502\nb9,第二教育局,教育局,420502\n");
    let crosses = |before, kind| Wrong::DistrictLevel { before, kind };
    let wrong = [(2, Field::UnitKind, crosses(UnitKind::School, UnitKind::Bureau)), (3, Field::UnitKind, crosses(UnitKind::Bureau, UnitKind::School))];
    assert_eq!(mistakes(&plan), wrong, "a new one is on trial, and nobody is its admin");
}

/// Two schools that both have a third grade with a first class.
fn two_schools() -> World {
    let mut world = street();
    let units = [
        unit(7, Some(1), UnitKind::School, "第一小学", None),
        unit(8, Some(7), UnitKind::Grade, "三年级", None),
        unit(9, Some(8), UnitKind::Class, "三（1）班", None),
        unit(17, Some(1), UnitKind::School, "第二小学", None),
        unit(18, Some(17), UnitKind::Grade, "三年级", None),
        unit(19, Some(18), UnitKind::Class, "三（1）班", None),
    ];
    world.units.extend(units.into_iter().map(|unit| (unit.id, unit)));
    let post = PostRow { id: PostId(uuid(91)), unit_id: UnitId(uuid(19)), title: "班主任".to_owned(), title_en: None };
    world.posts.insert(post.id, post);
    world
}

#[test]
fn a_path_says_which_unit_is_meant_in_sheets_of_posts_people_and_holdings_too() {
    let world = two_schools();
    let second = UnitId(uuid(19));
    let posts = |parent: &str| plan_of(&world, &[(sheet(&format!("单位名称,上级,岗位名称\n三（1）班,{parent},生活老师\n")), Kind::Posts)], Mode::Add);
    assert_eq!(mistakes(&posts("三年级")), [(2, Field::UnitName, Wrong::AmbiguousUnit)]);
    assert_eq!(mistakes(&posts("第三小学/三年级")), [(2, Field::UnitName, Wrong::UnknownUnit)]);
    let plan = posts("第二小学/三年级");
    assert_eq!((plan.mistakes.len(), plan.changes.posts[0].after.as_ref().unwrap().unit_id), (0, second));
    let people = sheet("姓名,邮箱,单位名称,上级\n何静,he.jing@x.cn,三（1）班,云集街道 › 第二小学 › 三年级\n");
    let plan = plan_of(&world, &[(people, Kind::Staff)], Mode::Add);
    assert_eq!((plan.mistakes.len(), plan.changes.staff[0].after.as_ref().unwrap().unit_id), (0, Some(second)));
    let plan = added(&world, "单位名称,上级,邮箱\n三（1）班,第二小学/三年级,wang.fang@x.cn\n");
    assert_eq!((plan.mistakes.len(), plan.changes.holdings[0].after.as_ref().unwrap().post_id), (0, PostId(uuid(91))));
}

#[test]
fn thousands_of_classes_of_one_name_are_told_apart_in_no_time() {
    let mut world = street();
    let count = 15_000;
    for n in 0..count {
        let (school, class) = (1_000 + 2 * n, 1_001 + 2 * n);
        world.units.insert(UnitId(uuid(school)), unit(school, Some(1), UnitKind::School, &format!("第{n}小学"), None));
        world.units.insert(UnitId(uuid(class)), unit(class, Some(school), UnitKind::Class, "一班", None));
    }
    let rows: String = (0..count).map(|n| format!("一班,第{n}小学,班主任\n")).collect();
    let began = std::time::Instant::now();
    let plan = plan_of(&world, &[(sheet(&format!("单位名称,上级,岗位名称\n{rows}")), Kind::Posts)], Mode::Add);
    assert_eq!((plan.mistakes.len(), plan.changes.posts.len()), (0, count as usize));
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn whoever_is_succeeded_on_a_day_to_come_counts_as_ending_and_it_is_said_that_their_login_stays() {
    let world = street();
    let roster = "网格名称,所属社区,姓名,邮箱,开始日期\n第一网格,桃花岭社区,新甲,a@x.cn,2027-01-01\n第二网格,桃花岭社区,新乙,b@x.cn,2027-02-01\n第三网格,桃花岭社区,,,\n";
    let plan = planned(&world, &[sheet(roster)], Mode::Replace);
    assert_eq!(plan.mistakes, []);
    assert_eq!(counts(&plan.changes, What::Ended), [0; 4]);
    assert!(plan.ends_much() && plan.ending() == 2, "{}", plan.ending());
    let odd: Vec<_> = plan.warnings.iter().map(|warning| (warning.place.row, warning.value.as_str(), warning.odd.clone())).collect();
    let keeps = |day: &str| Odd::KeepsLogin { last_day: day.to_owned() };
    assert_eq!(odd, [(2, "王芳", keeps("2026-12-31")), (3, "李强", keeps("2027-01-31"))]);

    // Whoever stays somewhere else, or is in the file, has nothing to be told of.
    let stays = "网格名称,所属社区,姓名,邮箱,开始日期\n第一网格,桃花岭社区,新甲,a@x.cn,2027-01-01\n第二网格,桃花岭社区,王芳,wang.fang@x.cn,2027-02-01\n";
    let plan = planned(&world, &[sheet(stays)], Mode::Add);
    assert!(plan.ends_much() && plan.warnings.is_empty());
    // A later end is none.
    let plan = added(&world.after(&plan.changes), "单位代码,邮箱,结束日期\n01,wang.fang@x.cn,2026-12-30\n");
    assert_eq!((plan.mistakes.len(), plan.ending()), (0, 1));
}

#[test]
fn nobody_who_has_left_since_holds_anything_again_when_an_import_is_taken_back() {
    let world = street();
    // 李强 comes to 王芳's grid as well; she keeps a desk, and is ended by an admin later.
    let plan = added(&world, "单位代码,邮箱\n01,li.qiang@x.cn\n");
    let mut later = world.after(&plan.changes);
    later.staff.remove(&StaffId(uuid(21)));
    later.outside.gone_since.insert(StaffId(uuid(21)));
    let undo = super::change::turned_round(&later, &plan.changes, NOW, NOW).unwrap();
    assert_eq!((undo.back, undo.gone), (0, 1));
    let after = later.after(&undo.changes);
    assert!(after.holdings.values().all(|h| h.staff_id != StaffId(uuid(21))));
    assert_eq!(after.holdings.len(), 1, "what 李强 was given ends all the same");

    // Ended by the import, back since, and ended again.
    let plan = planned(&world, &[sheet("姓名,邮箱\n李强,li.qiang@x.cn\n")], Mode::Replace);
    assert_eq!(counts(&plan.changes, What::Ended), [0, 0, 1, 1]);
    let mut later = world.after(&plan.changes);
    later.outside.gone_since.insert(StaffId(uuid(21)));
    let undo = super::change::turned_round(&later, &plan.changes, NOW, NOW).unwrap();
    assert_eq!((undo.back, undo.gone, undo.changes.is_empty()), (0, 1, true));
}

/// A package with one school and its classes.
fn school(classes: &str, users: &str, roles: Option<&str>, enrollments: &str) -> super::read::File {
    let head = |head: &str, rows: &str| format!("{head}\n{rows}");
    let mut parts = vec![
        ("orgs.csv", head("sourcedId,status,name,type,identifier,parentSourcedId", "s1,,桃花岭小学,school,,\n")),
        ("academicsessions.csv", head("sourcedId,title,startDate,endDate", "t1,秋季,2026-09-01,2027-02-01\n")),
        ("classes.csv", head("sourcedId,title,classType,schoolSourcedId,termSourcedIds", classes)),
        ("users.csv", head("sourcedId,enabledUser,role,givenName,familyName,email", users)),
        ("enrollments.csv", head("sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate", enrollments)),
    ];
    parts.extend(roles.map(|roles| ("roles.csv", head("sourcedId,userSourcedId,roleType,role,orgSourcedId", roles))));
    let sheets = parts.into_iter().map(|(name, text)| Sheet { name: name.to_owned(), ..sheet(&text) }).collect();
    super::read::File { format: super::read::Format::OneRoster, sheets }
}

/// Somebody's address, and the first moment at which they do not hold a class any more.
type Held = (String, Option<At>);

/// Who holds what by a package, and what is odd about what.
fn taught(file: &super::read::File) -> (Vec<Held>, Vec<(String, Odd)>) {
    let mut world = street();
    world.units = HashMap::from([(UnitId(uuid(1)), unit(1, None, UnitKind::District, "西陵区", None))]);
    (world.posts, world.staff, world.holdings) = Default::default();
    let oneroster::Package { sheets, choices, left_out } = oneroster::convert(file, today());
    let plan = run(&world, &tables(&sheets, &choices), Mode::Add);
    assert_eq!(plan.mistakes, []);
    let after = world.after(&plan.changes);
    let mut held: Vec<_> = after.holdings.values().map(|h| (after.staff[&h.staff_id].email.clone(), h.until_at)).collect();
    held.sort();
    (held, left_out.into_iter().map(|warning| (warning.value, warning.odd)).collect())
}

fn midnight(day: &str) -> Option<At> {
    Some(At::from(format!("{day}T00:00[Asia/Shanghai]").parse::<jiff::Zoned>().unwrap().timestamp()))
}

const TEACHERS: &str = "u1,true,teacher,静,何,a@x.cn\nu2,true,teacher,芳,王,b@x.cn\nu3,true,teacher,强,李,c@x.cn\n";

#[test]
fn an_enrolment_ends_before_its_end_date_and_a_term_too() {
    let classes = "c1,一班,homeroom,s1,t1\nc2,二班,homeroom,s1,t1\n";
    let own = school(classes, TEACHERS, None, "e1,c1,s1,u1,teacher,true,2026-09-01,2026-12-15\ne2,c2,s1,u2,teacher,true,,\n");
    assert_eq!(taught(&own), (vec![("a@x.cn".to_owned(), midnight("2026-12-15")), ("b@x.cn".to_owned(), midnight("2027-02-01"))], vec![]));
}

#[test]
fn of_several_teachers_the_one_who_began_last_and_goes_on_leads_the_class() {
    let class = "c1,一班,homeroom,s1,t1\n";
    let who = |enrollments: &str| {
        let (held, odd) = taught(&school(class, TEACHERS, None, enrollments));
        (held.into_iter().map(|(email, _)| email).collect::<Vec<_>>(), odd)
    };
    let primary = "e1,c1,s1,u1,teacher,true,2026-09-01,2026-10-01\ne2,c1,s1,u2,teacher,true,2026-09-10,\ne3,c1,s1,u3,teacher,true,2026-09-05,\n";
    assert_eq!(who(primary), (vec!["b@x.cn".to_owned()], vec![]));
    let chosen = |name: &str| vec![("一班".to_owned(), Odd::ChosenTeacher { name: name.to_owned() })];
    let none = "e1,c1,s1,u1,teacher,false,2026-09-01,2026-10-01\ne2,c1,s1,u2,teacher,,2026-09-10,\ne3,c1,s1,u3,teacher,false,2026-09-20,\n";
    assert_eq!(who(none), (vec!["c@x.cn".to_owned()], chosen("李强")));
    // The first one's time is over, and somebody else teaches.
    let over = "e1,c1,s1,u1,teacher,true,2026-09-01,2026-10-01\ne2,c1,s1,u2,teacher,false,2026-10-01,\n";
    assert_eq!(who(over), (vec!["b@x.cn".to_owned()], vec![]));
    let only = "e1,c1,s1,u4,teacher,true,,\n";
    let only = school(class, "u4,true,teacher,邮,无,\n", None, only);
    assert_eq!(taught(&only), (vec![], vec![("无邮".to_owned(), Odd::NoEmail), ("一班".to_owned(), Odd::NoTeacher)]));
    let nobody = school(class, TEACHERS, None, "e1,c1,s1,u99,teacher,true,,\n");
    assert_eq!(taught(&nobody), (vec![], vec![("一班".to_owned(), Odd::UnknownTeacher)]));
}

#[test]
fn in_oneroster_1_2_roles_say_who_is_staff() {
    let users = "u1,true,,静,何,a@x.cn\nu2,true,,小,明,pupil@x.cn\n";
    let roles = "r1,u1,primary,teacher,s1\nr2,u2,primary,student,s1\n";
    let file = school("c1,一班,homeroom,s1,t1\n", users, Some(roles), "e1,c1,s1,u1,teacher,true,,\n");
    assert_eq!(taught(&file).0, [("a@x.cn".to_owned(), midnight("2027-02-01"))]);
    let people = oneroster::convert(&file, today()).sheets.into_iter().find(|sheet| sheet.name == "users.csv").unwrap();
    assert_eq!(people.rows.len(), 1, "a pupil is not read");
}

/// Rows from a small stock of names, codes and addresses, so that they meet.
fn any_rows() -> impl Strategy<Value = Vec<[String; 8]>> {
    let cell = |words: &'static [&'static str]| prop::sample::select(words).prop_map(str::to_owned);
    let row = (
        cell(&["", "01", "02", "03", "07", "08", "420502003006", "420502003"]),
        cell(&["第一网格", "第二网格", "第五网格", "桃花岭社区", "夷陵路社区", "新社区", "云集街道", ""]),
        cell(&["", "网格", "社区", "街道"]),
        cell(&["", "桃花岭社区", "夷陵路社区", "新社区", "云集街道", "第一网格"]),
        cell(&["", "", "网格员", "服务台"]),
        cell(&["", "", "王芳", "李强", "新人", "别人"]),
        cell(&["", "", "wang.fang@x.cn", "li.qiang@x.cn", "new@x.cn", "bad"]),
        cell(&["", "", "2027-01-01", "2026-01-01"]),
    );
    let row = row.prop_map(|(code, name, kind, parent, title, person, email, from)| [code, name, kind, parent, title, person, email, from]);
    prop::collection::vec(row, 1..9)
}

fn as_sheet(rows: &[[String; 8]]) -> Sheet {
    let heads = ["代码", "单位名称", "类别", "上级", "岗位", "姓名", "邮箱", "开始日期"].map(str::to_owned);
    let rows = (1..).zip([heads].iter().chain(rows)).map(|(number, cells)| Row { number, cells: cells.to_vec() }).collect();
    Sheet { name: String::new(), rows }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(&[Kind::Roster, Kind::Roster, Kind::Units, Kind::Posts, Kind::Staff, Kind::Holdings][..])
}

fn plan_of(world: &World, sheets: &[(Sheet, Kind)], mode: Mode) -> Plan {
    let (sheets, choices): (Vec<Sheet>, Vec<_>) =
        sheets.iter().map(|(sheet, kind)| (sheet.clone(), super::heads::Choice { kind: *kind, ..guess(sheet) })).unzip();
    run(world, &tables(&sheets, &choices), mode)
}

/// What must be true of any tree with its people.
fn holds_together(world: &World) -> Result<(), TestCaseError> {
    let mut codes = HashSet::new();
    for unit in world.units.values() {
        prop_assert!(unit.code.as_ref().is_none_or(|code| codes.insert(code)), "two units with the code {:?}", unit.code);
        let (mut at, mut steps) = (unit, 0);
        while at.id != world.top {
            let parent = at.parent_id.and_then(|parent| world.units.get(&parent));
            prop_assert!(parent.is_some() && steps < 20, "{} does not hang on the tree", unit.name);
            let parent = parent.unwrap();
            prop_assert!(crate::unit::kinds_below(parent.kind).contains(&at.kind), "{} below {}", at.kind, parent.kind);
            (at, steps) = (parent, steps + 1);
        }
    }
    let mut held: HashMap<PostId, Vec<&HoldingRow>> = HashMap::new();
    for h in world.holdings.values() {
        prop_assert!(world.staff.contains_key(&h.staff_id) || world.outside.kept.contains(&h.staff_id));
        prop_assert!(world.posts.contains_key(&h.post_id));
        held.entry(h.post_id).or_default().push(h);
    }
    for (post, all) in held {
        let kind = world.posts.get(&post).and_then(|post| world.units.get(&post.unit_id)).map(|unit| unit.kind);
        prop_assert!(kind.is_some());
        if kind == Some(UnitKind::Grid) {
            for (i, h) in all.iter().enumerate() {
                let meets = |o: &&&HoldingRow| o.from_at < h.until_at.unwrap_or(At(i64::MAX)) && h.from_at < o.until_at.unwrap_or(At(i64::MAX));
                prop_assert!(!all[..i].iter().any(|o| meets(&o)), "two people at a grid");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_plan_with_mistakes_changes_nothing_and_one_without_leaves_a_sound_tree_changes_nothing_twice_and_can_be_taken_back(
        sheets in prop::collection::vec((any_rows(), any_kind()), 1..3),
        replace in any::<bool>(),
    ) {
        let world = street();
        let sheets: Vec<(Sheet, Kind)> = sheets.iter().map(|(rows, kind)| (as_sheet(rows), *kind)).collect();
        let mode = if replace { Mode::Replace } else { Mode::Add };
        let plan = plan_of(&world, &sheets, mode);
        if !plan.mistakes.is_empty() {
            prop_assert!(plan.changes.is_empty());
            return Ok(());
        }
        let after = world.after(&plan.changes);
        holds_together(&after)?;
        if !replace {
            prop_assert_eq!(counts(&plan.changes, What::Ended)[..3].to_vec(), vec![0, 0, 0]);
        }

        let again = plan_of(&after, &sheets, mode);
        prop_assert_eq!(&again.mistakes, &vec![]);
        prop_assert!(again.changes.is_empty(), "the second time: {:#?}", again.changes);

        let back = undo(&after, &plan.changes, NOW);
        prop_assert!(back.is_ok(), "{:?}", back);
        let restored = after.after(&back.unwrap());
        prop_assert_eq!(&restored.units, &world.units);
        prop_assert_eq!(&restored.posts, &world.posts);
        prop_assert_eq!(&restored.staff, &world.staff);
        prop_assert_eq!(&restored.holdings, &world.holdings);
    }
}

#[test]
fn a_name_that_the_top_gets_as_well_is_no_longer_enough_for_a_parent() {
    let rows = "单位代码,网格名称,类别,上级\n420502003,桃花岭社区,网格,\n,第一网格,,桃花岭社区\n";
    let plan = planned(&street(), &[sheet(rows)], Mode::Add);
    assert_eq!(plan.mistakes.iter().map(|m| (m.place.row, m.wrong.clone())).collect::<Vec<_>>(), [(3, Wrong::AmbiguousParent)]);
}

#[test]
fn the_whole_of_yichang_is_understood_as_the_bureau_of_statistics_has_it() {
    let sheet = sheet(include_str!("../../data/units.csv"));
    let mut world = street();
    world.units = HashMap::from([(UnitId(uuid(1)), unit(1, None, UnitKind::City, "宜昌市", None))]);
    (world.posts, world.staff, world.holdings) = Default::default();
    let plan = planned(&world, std::slice::from_ref(&sheet), Mode::Add);
    assert_eq!(plan.mistakes, [], "the topmost row is the top, which has no code yet");
    assert_eq!((counts(&plan.changes, What::Added)[0], counts(&plan.changes, What::Changed)[0]), (1_776, 1));
    let again = planned(&world.after(&plan.changes), &[sheet], Mode::Replace);
    assert!(again.changes.is_empty() && again.unchanged.units == 1_777);
}

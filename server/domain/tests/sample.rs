//! The sample district, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use domain::{Clock, sample};
use model::At;

/// A Sunday evening, a Monday morning, a night in the long holiday.
const MOMENTS: [&str; 3] = ["2026-11-22T12:00:00Z", "2026-11-23T01:05:00Z", "2026-10-04T19:30:00Z"];

#[tokio::test]
async fn the_sample_fills_an_empty_database_at_any_hour() {
    for moment in MOMENTS {
        let now = At::from(moment.parse::<jiff::Timestamp>().unwrap());
        for domain in common::domains(Clock::fixed(now)).await {
            let sample = sample::create(&domain).await.unwrap();
            assert_eq!(sample.sign_ins.len(), 12);
            assert!(sample.scan_urls.iter().all(|s| s.url.starts_with("https://linli.example/q/")));
            let mut conn = domain.db.read().await.unwrap();
            for sign_in in &sample.sign_ins {
                let staff = store::staff::by_email(&mut conn, &sign_in.email).await.unwrap().unwrap();
                assert!(staff.activated_at.is_some());
            }
            let code = model::PointCode::read(sample.scan_urls[0].url.rsplit('/').next().unwrap()).unwrap();
            let domain::contact_point::Scan::Point(point) = domain::contact_point::scan(&domain, None, &code).await.unwrap() else {
                panic!("the first sticker leads to a post");
            };
            assert_eq!(point.answering.card().staff_name.as_deref(), Some("王芳"));
            assert!(point.usual_seconds.is_some());
            let (open_before, opened, closed, open) = store::wait::counts(&mut conn, At(0), now).await.unwrap();
            assert_eq!((open_before, opened - closed), (0, open));
            assert!(open >= 6, "{moment}: {open}");
        }
    }
}

#[tokio::test]
async fn a_vacant_post_and_an_absent_holder_are_answered_by_others() {
    let now = At::from(MOMENTS[0].parse::<jiff::Timestamp>().unwrap());
    for domain in common::domains(Clock::fixed(now)).await {
        let sample = sample::create(&domain).await.unwrap();
        let answers = async |label: &str| {
            let found = sample.scan_urls.iter().find(|s| s.label.starts_with(label)).unwrap();
            let code = model::PointCode::read(found.url.rsplit('/').next().unwrap()).unwrap();
            let domain::contact_point::Scan::Point(point) = domain::contact_point::scan(&domain, None, &code).await.unwrap() else {
                panic!("{label} leads to a post");
            };
            point.answering.card().staff_name.clone().unwrap()
        };
        assert_eq!(answers("6 号楼电梯口").await, "刘洋");
        assert_eq!(answers("夷陵路 58 号").await, "周婷");
    }
}

#[tokio::test]
async fn the_sample_is_refused_by_a_database_that_is_not_empty() {
    for domain in common::domains(Clock::System).await {
        sample::create(&domain).await.unwrap();
        assert!(matches!(sample::create(&domain).await, Err(sample::SampleError::NotEmpty)));
    }
}

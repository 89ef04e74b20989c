//! What is taken, and by which clock.

use super::*;

const NOW: UnixMs = UnixMs(1_795_140_000_000);

fn end(at: UnixMs) -> Vertex {
    Vertex { at, lat_e5: 3_120_000, lon_e5: 12_150_000 }
}

fn report(version: i64, now: Option<i64>) -> ShiftReport {
    ShiftReport {
        shift: "s".into(),
        version,
        began: NOW + 5 * DAY,
        ended: None,
        now: now.map(UnixMs),
        metres: 0.0,
        low: 0.0,
        high: 0.0,
        dropped: Vec::new(),
    }
}

#[test]
fn the_way_here_makes_no_clock_slower() {
    let told = |version, off| report(version, Some(NOW.0 + off));
    let known = |version, told_off| Some(Known { version, told_off });
    assert_eq!(ahead(None, &told(1, -DAY), NOW), Some(-DAY));
    assert_eq!(ahead(None, &report(1, None), NOW), None);
    assert_eq!(ahead(known(1, None).as_ref(), &told(2, -DAY), NOW), Some(-DAY), "first told later");
    assert_eq!(ahead(known(1, Some(DAY)).as_ref(), &report(2, None), NOW), Some(DAY));
    assert_eq!(ahead(known(1, Some(DAY)).as_ref(), &told(1, DAY - 7_200_000), NOW), Some(DAY), "late");
    assert_eq!(ahead(known(2, Some(0)).as_ref(), &told(1, DAY), NOW), Some(0), "an older one");
    assert_eq!((off_of(DAY - 900, DAY), off_of(0, DAY), settled(59_999)), (DAY, 0, 0));
}

#[test]
fn what_has_not_come_is_judged_by_the_phones_own_clock() {
    let far = NOW + 5 * DAY;
    let name = PartName { shift: "s".into(), seq: 1 };
    let part = Ready { name, body: Vec::new(), hash: String::new(), from: far, to: far, last: end(far) };
    assert!(timely(0, 5 * DAY, NOW, &part).is_ok());
    let field = |error: ApiError| error.body.field.unwrap();
    assert_eq!(field(timely(3, 0, NOW, &part).unwrap_err()), "parts[3].body");
    assert!(timely_shift(0, 5 * DAY, NOW, &report(1, None)).is_ok());
    assert_eq!(field(timely_shift(2, 0, NOW, &report(1, None)).unwrap_err()), "shifts[2].began");
}

#[tokio::test]
async fn who_has_sent_enough_for_a_day_waits_and_what_is_known_is_taken_still() {
    use waybell_domain::id::{OrganisationId, UserId};
    use waybell_domain::wire::Role;
    let dir = tempfile::tempdir().unwrap();
    let store_at = format!("sqlite:{}", dir.path().join("w.db").display());
    let db = crate::store::Store::open(&store_at).await.unwrap();
    let organisation = OrganisationId::at(1, [1; 10]);
    let scope = Scope { organisation, branch: None, person: UserId::at(1, [2; 10]), role: Role::Courier };
    let ready = |seq| Ready {
        name: PartName { shift: "s".into(), seq },
        body: vec![0; 1 << 20],
        hash: "h".into(),
        from: NOW + 5 * DAY,
        to: NOW + 5 * DAY,
        last: end(NOW + 5 * DAY),
    };
    let mut upload =
        TrackUpload { courier: scope.person, shifts: vec![], parts: vec![], notes: vec![], position: None };
    upload.shifts.push(report(1, Some(NOW.0 + 5 * DAY)));
    let what = TrackEvent::ClockSet { at: NOW + 5 * DAY, by_ms: 1 };
    upload.notes.push(TrackNote { shift: "s".into(), n: 1, what });
    let send = async |upload: &TrackUpload, parts: std::ops::Range<i64>, now: UnixMs| {
        let parts = parts.map(|seq| (0, ready(seq))).collect();
        let write = db.begin().await.unwrap();
        let checked = Checked { upload: upload.clone(), parts, refused: Vec::new() };
        let done = store(&write, &scope, now, &checked).await;
        if done.is_ok() {
            write.commit().await.unwrap();
        }
        done.map(|done| (done.taken.len(), done.refused.len())).map_err(|e| e.status)
    };
    assert_eq!(send(&upload, 0..16, NOW).await, Ok((16, 0)));
    // a later report that does not know the time any more: the clock is as far off as before
    upload.shifts[0] = report(2, None);
    assert_eq!(send(&upload, 0..16, NOW).await, Ok((16, 0)), "known ones");
    assert_eq!(send(&upload, 15..17, NOW).await, Err(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(send(&upload, 15..17, NOW + DAY).await, Ok((2, 0)), "a day later");
    for sql in ["SELECT off_ms FROM track_part WHERE seq = 16", "SELECT off_ms FROM track_note"] {
        assert_eq!(number(db.read(), sql, []).await.unwrap(), 5 * DAY);
    }
    assert!(has_ended(db.read(), &scope, "s").await.is_ok_and(|ended| !ended));
    let what = TrackEvent::ClockSet { at: NOW + 9 * DAY, by_ms: 1 };
    upload.notes.push(TrackNote { shift: "s".into(), n: 2, what });
    assert_eq!(send(&upload, 0..0, NOW).await, Err(StatusCode::UNPROCESSABLE_ENTITY));
}

use crate::testing::{Phone, list};
use waybell_domain::clock::{HOUR, UnixMs};
use waybell_domain::dial::batch::BatchState;
use waybell_domain::id::{BatchId, ParcelId, RecipientId};
use waybell_domain::parcel::{CallMark, ParcelState};
use waybell_domain::wire::RecipientView;

async fn ids(phone: &Phone) -> Vec<ParcelId> {
    phone.client.tasks().list().await.unwrap().iter().map(|p| p.id).collect()
}

#[tokio::test]
async fn the_plan_needs_no_network_and_knows_the_rules() {
    let phone = Phone::signed_in().await;
    phone.client.sync().now().await.unwrap();
    let mut csv = list(1..=4);
    csv.extend(
        "SF1000000000005,王小1,13811110001,杭州市幸福花园1栋\nSF1000000000006,无号,,杭州市幸福花园2栋\n"
            .as_bytes(),
    );
    phone.client.tasks().import_csv(&csv, false).await.unwrap();
    let all = ids(&phone).await;
    phone.client.tasks().set_state(&all[1..2], ParcelState::Signed).await.unwrap();
    let plan = phone.client.notify().plan("arrived", &all, None).await.unwrap();
    assert_eq!((plan.rings, plan.parcels, plan.merged), (2, 6, 1));
    let reasons: Vec<_> = plan.suppressed.iter().map(|r| (r.reason.as_str(), r.parcels)).collect();
    assert_eq!(reasons, [("delivered", 1), ("no_number", 1), ("opted_out", 1)]);
    assert!(plan.summary_en.starts_with("rings 2 of 6: "), "{}", plan.summary_en);
    assert!(plan.summary_en.ends_with("no calls after 20:30"), "{}", plan.summary_en);

    phone.client.notify().send("arrived", &all[..1], None).await.unwrap();
    let plan = phone.client.notify().plan("arrived", &all, None).await.unwrap();
    assert_eq!(
        plan.suppressed.iter().find(|r| r.reason == "being_called").unwrap().parcels,
        1,
        "two taps, one ring"
    );
    let (same, checked) = phone.client.notify().plan_checked("arrived", &all, None).await.unwrap();
    assert!(!checked, "the server does not know everything yet");
    assert_eq!(same, plan);
    phone.clock.pass(11 * HOUR);
    let night = phone.client.notify().plan("arrived", &all[3..4], None).await.unwrap();
    assert!(night.not_before.is_some());
}

#[tokio::test]
async fn progress_is_shown_from_the_tap_to_the_end() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    let all = ids(&phone).await;
    let batch = phone.client.notify().send("arrived", &all, Some(UnixMs(5))).await.unwrap();
    let waiting = phone.client.notify().progress(batch).await.unwrap();
    assert_eq!((waiting.batch.counts.recipients, waiting.batch.state), (2, BatchState::Scheduled));
    assert!(waiting.operation.is_some() && !waiting.is_over());
    phone.client.sync().now().await.unwrap();
    phone.client.notify().pause(batch).await.unwrap();
    let shown = phone.client.notify().progress(batch).await.unwrap();
    assert_eq!(
        (shown.batch.state, shown.operation),
        (BatchState::Paused, None),
        "shown before the server knows"
    );
    assert!(phone.client.notify().confirm(batch).await.is_err());
    phone.client.notify().resume(batch).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.notify().progress(batch).await.unwrap().batch.state, BatchState::Scheduled);

    let person = |n: u8, state: &str, mark| RecipientView {
        id: RecipientId::at(i64::from(n), [n; 10]),
        batch,
        phone: waybell_domain::phone::PhoneNumber::parse("13811110001").unwrap(),
        name: "王".into(),
        parcels: vec![all[usize::from(n)]],
        state: state.into(),
        mark,
        outcome: None,
        suppressed: None,
        attempts: 1,
        next_at: None,
        keys: String::new(),
        sequence: i64::from(n),
        rev: 100 + i64::from(n),
    };
    let people = [person(0, "done", CallMark::Answered), person(1, "ringing", CallMark::Called)];
    let seal = phone.client.inner.store.seal.clone();
    let store = phone.client.inner.store.clone();
    store
        .write(move |t| people.iter().try_for_each(|p| super::rows::server_recipient(t, &seal, p)))
        .await
        .unwrap();
    let counts = phone.client.notify().progress(batch).await.unwrap().batch.counts;
    assert_eq!((counts.recipients, counts.answered, counts.calling), (2, 1, 1));
    assert_eq!(phone.client.notify().batches(5).await.unwrap()[0].counts, counts);
    let plan = phone.client.notify().plan("arrived", &all, None).await.unwrap();
    let reasons: Vec<_> = plan.suppressed.iter().map(|r| (r.reason.as_str(), r.parcels)).collect();
    assert_eq!(reasons, [("already_notified", 1), ("being_called", 1)]);
}

#[tokio::test]
async fn undo_overtakes_what_was_asked_before_and_a_late_pause_is_no_problem() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    let batch = phone.client.notify().send("arrived", &ids(&phone).await, None).await.unwrap();
    phone.client.sync().now().await.unwrap();
    phone.client.notify().pause(batch).await.unwrap();
    phone.client.notify().undo(batch).await.unwrap();
    assert_eq!(phone.client.sync().operations().unwrap().len(), 1);
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.notify().progress(batch).await.unwrap().batch.state, BatchState::Cancelled);
    assert!(phone.client.notify().progress(batch).await.unwrap().is_over());

    let other = phone.client.notify().send("station", &ids(&phone).await, None).await.unwrap();
    phone.client.sync().now().await.unwrap();
    phone.client.notify().pause(other).await.unwrap();
    phone.fake.model.lock().batches.get_mut(&other).unwrap().0.state = BatchState::Done;
    phone.client.sync().now().await.unwrap();
    assert_eq!(
        phone.client.sync().status().unwrap().dead,
        0,
        "a batch that is over cannot be held, and that is all right"
    );
}

#[tokio::test]
async fn nothing_missed_is_told_with_its_reason() {
    let phone = Phone::signed_in().await;
    let batch = phone.client.notify().again("arrived", false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let progress = phone.client.notify().progress(batch).await.unwrap();
    assert_eq!(progress.operation.unwrap().problem.unwrap().code, "nothing_missed");
    assert!(phone.client.notify().progress(BatchId::at(1, [0; 10])).await.is_err());
}

#[tokio::test]
async fn a_large_tap_is_several_batches_and_nobody_is_in_two() {
    let phone = Phone::signed_in().await;
    let most = super::MOST_PARCELS as u32;
    let mut csv = list(1..=most + 10);
    // the last parcel is of the first one's telephone
    csv.extend("SF2000000000001,王小1,13811110001,杭州市幸福花园1栋\n".as_bytes());
    phone.client.tasks().import_csv(&csv, false).await.unwrap();
    let all = ids(&phone).await;
    assert!(phone.client.notify().send("arrived", &all, None).await.is_err(), "one batch cannot hold them");
    let batches = phone.client.notify().send_all("arrived", &all, None).await.unwrap();
    assert_eq!(batches.len(), 2);
    phone.client.sync().now().await.unwrap();
    let taken: Vec<usize> = {
        let model = phone.fake.model.lock();
        assert!(batches.iter().all(|b| model.batches.contains_key(b)));
        batches.iter().map(|b| model.batches[b].1.len()).collect()
    };
    assert_eq!(taken.iter().sum::<usize>(), all.len());
    assert!(taken.iter().all(|n| *n <= super::MOST_PARCELS), "{taken:?}");
    let mut siblings = phone.client.notify().siblings(batches[1]).await.unwrap();
    siblings.sort();
    let mut both = batches.clone();
    both.sort();
    assert_eq!(siblings, both);
    phone.clock.pass(5);
    let other = phone.client.notify().send("station", &all[..1], None).await.unwrap();
    assert_eq!(phone.client.notify().siblings(other).await.unwrap(), [other]);
}

#[tokio::test]
async fn a_template_that_does_not_exist_is_refused_here() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=1), false).await.unwrap();
    assert!(phone.client.notify().knows("nope").is_ok(), "the templates are not known yet");
    let template = waybell_domain::wire::TemplateView {
        key: "arrived".into(),
        name_zh: "派件通知".into(),
        name_en: "arrival notice".into(),
        text: "x".into(),
        withdrawn: false,
        rev: 1,
    };
    let text = serde_json::to_string(&[template]).unwrap();
    let store = phone.client.inner.store.clone();
    store.write(move |t| crate::store::set_meta(t, super::rows::TEMPLATES, Some(&text))).await.unwrap();
    let refused = phone.client.notify().send("nope", &ids(&phone).await, None).await.unwrap_err();
    assert!(
        matches!(&refused, crate::Error::BadInput { field, hint, .. } if field == "template" && hint.contains("arrived"))
    );
    assert!(phone.client.notify().again("nope", false).await.is_err());
    assert!(phone.client.notify().send("arrived", &ids(&phone).await, None).await.is_ok());
}

#[tokio::test]
async fn todays_missed_are_known_here() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=3), false).await.unwrap();
    let all = ids(&phone).await;
    let batch = phone.client.notify().send("arrived", &all, None).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let marks = [CallMark::Unanswered, CallMark::Answered, CallMark::ToConfirm];
    let seal = phone.client.inner.store.seal.clone();
    let (store, ids) = (phone.client.inner.store.clone(), all.clone());
    store
        .write(move |t| {
            for (n, mark) in marks.into_iter().enumerate() {
                let person = RecipientView {
                    id: RecipientId::at(n as i64, [n as u8; 10]),
                    batch,
                    phone: waybell_domain::phone::PhoneNumber::parse("13811110001").unwrap(),
                    name: "王".into(),
                    parcels: vec![ids[n]],
                    state: "done".into(),
                    mark,
                    outcome: None,
                    suppressed: None,
                    attempts: 1,
                    next_at: None,
                    keys: String::new(),
                    sequence: n as i64,
                    rev: 100,
                };
                super::rows::server_recipient(t, &seal, &person)?;
                let mut view = crate::tasks::rows::find(t, &seal, ids[n])?.unwrap().shown;
                view.mark = mark;
                view.rev = 100;
                crate::tasks::rows::Writer::new(t, &seal)?.server_row(&view, true)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(phone.client.notify().missed("arrived", false).await.unwrap(), [all[0]]);
    assert_eq!(phone.client.notify().missed("arrived", true).await.unwrap(), [all[0], all[2]]);
    assert_eq!(phone.client.notify().missed("station", true).await.unwrap(), []);
    phone.clock.pass(24 * HOUR);
    assert_eq!(phone.client.notify().missed("arrived", true).await.unwrap(), [], "that was yesterday");
}

#[tokio::test]
async fn a_refused_tap_cannot_be_held_and_nothing_waits_for_it() {
    let phone = Phone::signed_in().await;
    // a pause is asked for before the server has refused the tap
    let batch = phone.client.notify().again("arrived", false).await.unwrap();
    phone.client.notify().pause(batch).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let status = phone.client.sync().status().unwrap();
    assert_eq!((status.queued, status.dead), (0, 1), "the pause goes with the tap");
    let refused = phone.client.notify().pause(batch).await.unwrap_err();
    assert!(refused.to_string().contains("refused by the server"), "{refused}");
}

#[tokio::test]
async fn the_first_plan_after_a_sign_in_is_made_by_the_organisations_rules() {
    let phone = Phone::signed_in().await;
    phone.fake.model.lock().policy.policy.quiet.clear();
    phone.clock.pass(13 * HOUR);
    phone.client.tasks().import_csv(&list(1..=1), false).await.unwrap();
    let all = ids(&phone).await;
    let by_default = phone.client.notify().plan("arrived", &all, None).await.unwrap();
    assert!(by_default.not_before.is_some(), "it is night, and nothing is known of the rules");
    let (plan, checked) = phone.client.notify().plan_checked("arrived", &all, None).await.unwrap();
    assert!(!checked, "the import has not reached the server");
    assert_eq!(plan.not_before, None, "this organisation rings at night");
    assert!(phone.client.notify().policy().unwrap().is_some());
}

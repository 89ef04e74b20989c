use super::ring::Whom;
use super::urgency::Urgency;
use super::*;
use crate::notify::Undone;
use crate::outbox::OperationKind;
use crate::testing::{Effect, Fault, Phone, incoming, list};
use proptest::prelude::*;
use std::sync::atomic::Ordering;
use waybell_domain::clock::{HOUR, MINUTE, UnixMs};
use waybell_domain::inbound::Availability;
use waybell_domain::parcel::ParcelState;
use waybell_domain::voicemail::Intent;
use waybell_domain::wire::{CallResult, TranscriptView};

const ONE: &str = "+86138****0001";
const TWO: &str = "+86138****0002";

fn at(phone: &Phone, minutes_ago: i64) -> UnixMs {
    UnixMs(phone.clock.wall.load(Ordering::Relaxed) - minutes_ago * MINUTE)
}

/// A missed call of this caller so many minutes ago.
fn missed(phone: &Phone, n: u8, caller: &str, minutes_ago: i64) -> CallId {
    let view = incoming(n, caller, CallResult::Missed, at(phone, minutes_ago));
    phone.fake.model.lock().put_call(view)
}

async fn sync(phone: &Phone) {
    phone.client.sync().now().await.unwrap();
}

async fn shown(phone: &Phone) -> Vec<CallId> {
    phone.client.calls().list(false).await.unwrap().iter().map(|c| c.view.id).collect()
}

fn marks(phone: &Phone) -> Vec<(CallId, bool)> {
    let effects = phone.fake.model.lock().effects.clone();
    effects
        .into_iter()
        .filter_map(|e| if let Effect::Marked(id, h) = e { Some((id, h)) } else { None })
        .collect()
}

#[tokio::test]
async fn the_most_urgent_come_first_with_the_callers_parcels() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=4), false).await.unwrap();
    sync(&phone).await;
    let once = missed(&phone, 1, ONE, 1);
    let parcel = missed(&phone, 2, TWO, 50);
    let spoken = {
        let view = incoming(3, TWO, CallResult::Answered, at(&phone, 2));
        phone.fake.model.lock().put_call(view)
    };
    let message = {
        let mut view = incoming(4, "+86138****0004", CallResult::Voicemail, at(&phone, 90));
        view.waybills = vec!["SF1000000000001".into(), "SF1000000000002".into(), "SF9999999999999".into()];
        phone.fake.model.lock().put_call(view)
    };
    let twice = [missed(&phone, 5, "+86138****0005", 30), missed(&phone, 6, "+86138****0005", 20)];
    let hidden = [missed(&phone, 7, "anonymous", 3), missed(&phone, 8, "anonymous", 4)];
    {
        let mut model = phone.fake.model.lock();
        let mut view = model.calls.rows[&parcel].0.clone();
        view.waybills = vec!["SF1000000000003".into()];
        model.put_call(view);
        model.calls.page = 3;
    }
    assert_eq!(shown(&phone).await, [], "nothing without a sync");
    sync(&phone).await;
    let order = [message, twice[1], twice[0], parcel, once, hidden[0], hidden[1], spoken];
    assert_eq!(shown(&phone).await, order);
    let calls = phone.client.calls();
    let all = calls.list(false).await.unwrap();
    let urgencies: Vec<Urgency> = all.iter().map(|c| c.urgency).collect();
    let [now, soon, later, none] = [Urgency::Now, Urgency::Soon, Urgency::Later, Urgency::None];
    assert_eq!(urgencies, [now, soon, soon, soon, later, later, later, none]);
    assert_eq!(all.iter().map(|c| c.rings).collect::<Vec<_>>(), [1, 2, 2, 1, 1, 1, 1, 0]);
    assert_eq!(all[0].context(Lang::Zh), "幸福花园2栋 1件；幸福花园3栋 1件");
    assert_eq!(all[3].context(Lang::En), "幸福花园4栋: 1 parcel");
    assert_eq!((calls.open_count().await.unwrap(), calls.list(true).await.unwrap().len()), (7, 7));

    // delivered: the caller no longer waits
    let three = phone.client.tasks().id_of("SF1000000000003").unwrap();
    phone.client.tasks().set_state(&[three], ParcelState::Signed).await.unwrap();
    let call = calls.get(parcel).await.unwrap();
    assert_eq!((call.urgency, call.context(Lang::Zh).as_str()), (Urgency::Later, "幸福花园4栋 已办结"));
    // found by what a list shows of its id
    let text = message.to_string();
    assert_eq!(calls.find(&text[text.len() - 6..]).await.unwrap(), message);
    assert!(matches!(calls.find("ffffff").await, Err(Error::NotFound(_))));
    assert!(matches!(calls.find(&text[..4]).await, Err(Error::BadInput { .. })));
    // a day later a second ring is no insistence any more
    phone.clock.pass(25 * HOUR);
    assert_eq!(calls.get(twice[1]).await.unwrap().urgency, Urgency::Later);
}

#[tokio::test]
async fn what_a_message_says_moves_it_up() {
    let phone = Phone::signed_in().await;
    let twice = [missed(&phone, 1, "+86138****0005", 30), missed(&phone, 2, "+86138****0005", 20)];
    let message = |n: u8, intents: &[Intent]| {
        let mut model = phone.fake.model.lock();
        let view =
            incoming(n, &format!("+86138****{n:04}"), CallResult::Voicemail, at(&phone, 60 + i64::from(n)));
        let id = model.put_call(view);
        model.put_sound(id, 100);
        let mut view = model.calls.rows[&id].0.clone();
        view.audio.as_mut().unwrap().transcript = Some(TranscriptView {
            state: "done".into(),
            text: Some("……".into()),
            intents: intents.to_vec(),
            engine: "ear".into(),
            at: UnixMs(1),
        });
        model.put_call(view)
    };
    let [where_is, plain, refuses, complains] = [
        message(3, &[Intent::WhereIsIt]),
        message(4, &[]),
        message(5, &[Intent::Refuse, Intent::CallBack]),
        message(6, &[Intent::Complaint]),
    ];
    sync(&phone).await;
    assert_eq!(shown(&phone).await, [complains, refuses, where_is, twice[1], twice[0], plain]);
    let calls = phone.client.calls();
    let call = calls.get(refuses).await.unwrap();
    assert_eq!(
        (call.wishes(Lang::Zh).as_str(), call.wishes(Lang::En).as_str()),
        ("拒收、回电话", "refuses it, call back")
    );
    assert_eq!((call.urgency, calls.get(plain).await.unwrap().urgency), (Urgency::Now, Urgency::Soon));
    // seen to, it asks for nothing, whatever it says
    calls.handled(complains).await.unwrap();
    assert_eq!(shown(&phone).await.last(), Some(&complains));
}

#[tokio::test]
async fn a_mark_is_shown_at_once_kept_without_a_network_and_made_once() {
    let mut phone = Phone::signed_in().await;
    let id = missed(&phone, 1, ONE, 5);
    sync(&phone).await;
    phone.fake.misbehave(&[Fault::DropRequest, Fault::DropAnswer, Fault::Twice, Fault::Unavailable]);
    phone.client.calls().handled(id).await.unwrap();
    phone.client.calls().handled(id).await.unwrap();
    assert_eq!(phone.client.sync().status().unwrap().queued, 1, "a second time is nothing");
    let call = phone.client.calls().get(id).await.unwrap();
    assert!(call.pending && call.view.handled_at.is_some() && call.view.handled_by.is_some());
    assert_eq!(phone.client.calls().open_count().await.unwrap(), 0);
    phone.restart();
    assert!(phone.client.calls().get(id).await.unwrap().pending, "after a kill too");
    while phone.client.sync().now().await.is_err() || phone.client.sync().status().unwrap().queued > 0 {
        phone.clock.pass(1_000);
    }
    assert_eq!(marks(&phone), [(id, true)]);
    let call = phone.client.calls().get(id).await.unwrap();
    assert_eq!((call.pending, call.view.handled_at), (false, Some(UnixMs(77))), "the server's word");
}

#[tokio::test]
async fn a_mark_by_mistake_is_taken_back_before_it_leaves_and_after() {
    let phone = Phone::signed_in().await;
    let id = missed(&phone, 1, ONE, 5);
    sync(&phone).await;
    let calls = phone.client.calls();
    assert!(matches!(calls.reopen(id).await, Err(Error::BadInput { .. })));
    calls.handled(id).await.unwrap();
    assert_eq!(calls.reopen(id).await.unwrap(), Undone::TakenBack);
    assert_eq!(phone.client.sync().operations().unwrap(), []);
    calls.handled(id).await.unwrap();
    phone.fake.misbehave(&[Fault::DropAnswer]);
    assert!(phone.client.sync().now().await.is_err());
    assert_eq!(calls.reopen(id).await.unwrap(), Undone::Asked, "it may have left");
    assert_eq!(calls.open_count().await.unwrap(), 1);
    sync(&phone).await;
    assert_eq!(marks(&phone), [(id, true), (id, false)]);
    assert!(calls.get(id).await.unwrap().view.handled_at.is_none());
    calls.handled(id).await.unwrap();
    sync(&phone).await;
    assert_eq!(calls.reopen(id).await.unwrap(), Undone::Asked);
    sync(&phone).await;
    assert_eq!(calls.open_count().await.unwrap(), 1);
    assert!(matches!(calls.handled(CallId::at(1, [9; 10])).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_call_that_went_to_a_colleague_leaves_this_phone_and_its_mark_is_no_error() {
    let phone = Phone::signed_in().await;
    let (lost, kept) = (missed(&phone, 1, ONE, 5), missed(&phone, 2, TWO, 6));
    let fetched = {
        let mut model = phone.fake.model.lock();
        model.put_sound(lost, 100_000);
        model.put_sound(kept, 1_000)
    };
    sync(&phone).await;
    let calls = phone.client.calls();
    calls.fetch_sound(lost).await.unwrap();
    calls.fetch_sound(kept).await.unwrap();
    phone.fake.model.lock().lose_call(lost);
    calls.handled(lost).await.unwrap();
    sync(&phone).await;
    assert_eq!(shown(&phone).await, [kept]);
    assert_eq!(phone.client.sync().operations().unwrap(), []);
    assert_eq!(std::fs::read_dir(phone.dir.path().join("audio")).unwrap().count(), 1, "its sound has gone");
    assert_eq!(calls.sound(kept, 0, usize::MAX).await.unwrap(), fetched);
}

#[tokio::test]
async fn other_data_of_the_server_are_read_from_the_start_and_a_server_without_calls_has_none() {
    let phone = Phone::signed_in().await;
    let old = missed(&phone, 1, ONE, 5);
    sync(&phone).await;
    let new = {
        let mut model = phone.fake.model.lock();
        model.generation = "g2".into();
        model.calls.rows.clear();
        model.calls.said.since = Some(UnixMs(5));
        drop(model);
        missed(&phone, 2, TWO, 5)
    };
    sync(&phone).await;
    assert_eq!(shown(&phone).await, [new]);
    assert_ne!(old, new);
    phone.fake.model.lock().calls.unknown = true;
    sync(&phone).await;
    assert_eq!(shown(&phone).await, [new]);
}

#[tokio::test]
async fn of_what_a_person_says_of_being_reachable_the_newest_counts() {
    let phone = Phone::signed_in().await;
    let calls = phone.client.calls();
    let now = phone.clock.wall.load(Ordering::Relaxed);
    phone.fake.model.lock().now = UnixMs(now);
    assert_eq!(calls.reach().unwrap().mode, Availability::Available);
    calls.set_reach(Availability::Riding, None).await.unwrap();
    let until = UnixMs(now + HOUR);
    calls.set_reach(Availability::Off, Some(until)).await.unwrap();
    assert_eq!(phone.client.sync().status().unwrap().queued, 1, "the one before matters no more");
    let reach = calls.reach().unwrap();
    assert_eq!((reach.mode, reach.until, reach.pending), (Availability::Off, Some(until), true));
    assert!(matches!(
        calls.set_reach(Availability::Off, Some(UnixMs(now))).await,
        Err(Error::BadInput { .. })
    ));

    // two hours without a network; on another phone something else was said meanwhile
    phone.clock.pass(2 * HOUR);
    assert_eq!(calls.reach().unwrap().mode, Availability::Available, "the hour is over");
    {
        let mut model = phone.fake.model.lock();
        model.now = UnixMs(now + 2 * HOUR);
        model.calls.said.mode = Availability::Riding;
        model.calls.said.since = Some(UnixMs(now + HOUR));
    }
    phone.fake.misbehave(&[Fault::DropAnswer]);
    assert!(phone.client.sync().now().await.is_err());
    sync(&phone).await;
    let reach = calls.reach().unwrap();
    assert_eq!((reach.mode, reach.pending), (Availability::Riding, false), "said later");
    calls.set_reach(Availability::Available, Some(UnixMs(now + 9 * HOUR))).await.unwrap();
    sync(&phone).await;
    assert_eq!(phone.fake.model.lock().calls.said.mode, Availability::Available);
    assert_eq!(phone.fake.model.lock().calls.said.until, None);
}

#[tokio::test]
async fn a_call_is_made_once_and_never_later() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=1), false).await.unwrap();
    let calls = phone.client.calls();
    let parcel = phone.client.tasks().id_of("SF1000000000001").unwrap();
    let id = missed(&phone, 1, ONE, 5);
    phone.fake.misbehave(&[Fault::DropAnswer]);
    assert!(matches!(calls.ring(&Whom::Parcel(parcel)).await, Err(Error::Offline { left: false, .. })));
    assert_eq!(phone.fake.model.lock().calls.rung, [], "its parcel goes first");
    sync(&phone).await;
    for faults in [&[][..], &[Fault::DropRequest], &[Fault::DropAnswer, Fault::DropAnswer], &[Fault::Twice]] {
        phone.fake.misbehave(faults);
        let before = phone.fake.model.lock().calls.rung.len();
        let started = calls.ring(&Whom::Call(id)).await.unwrap();
        let rung = phone.fake.model.lock().calls.rung.clone();
        assert_eq!(rung.len(), before + 1, "{faults:?}");
        assert_eq!((rung[before].id, rung[before].call), (started.call.id, Some(id)));
        assert!(shown(&phone).await.contains(&started.call.id), "it is in the list at once");
    }
    calls.ring(&Whom::Parcel(parcel)).await.unwrap();
    calls.ring(&Whom::Number("138 0000 1111".into())).await.unwrap();
    let rung = phone.fake.model.lock().calls.rung.clone();
    assert_eq!(rung.last().unwrap().number.as_deref(), Some("138 0000 1111"));
    assert_eq!(rung.iter().filter(|r| r.parcel == Some(parcel)).count(), 1);
    assert!(matches!(calls.ring(&Whom::Number("12".into())).await, Err(Error::BadInput { .. })));

    // without a network: an error at once, and nothing waits
    let away = crate::testing::open(phone.dir.path(), "http://127.0.0.1:9", &phone.clock);
    let refused = away.calls().ring(&Whom::Call(id)).await;
    assert!(matches!(refused, Err(Error::Offline { left: false, .. })), "{refused:?}");
    assert_eq!(away.sync().operations().unwrap(), []);
}

#[tokio::test]
async fn a_tap_that_is_too_old_rings_nothing() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=1), false).await.unwrap();
    let calls = phone.client.calls();
    let parcel = phone.client.tasks().id_of("SF1000000000001").unwrap();
    let answers = phone.fake.hold();
    let tapped = tokio::spawn(async move { calls.ring(&Whom::Parcel(parcel)).await });
    phone.fake.held(1).await;
    // the phone sleeps while its parcel is on its way: timers stand still, the boot clock does not
    phone.clock.pass(12_000);
    drop(answers);
    let late = tapped.await.unwrap();
    assert!(matches!(late, Err(Error::Offline { left: false, .. })), "{late:?}");
    assert_eq!(phone.fake.model.lock().calls.rung, []);
    phone.client.calls().ring(&Whom::Parcel(parcel)).await.unwrap();
    assert_eq!(phone.fake.model.lock().calls.rung.len(), 1, "a new tap rings");
}

#[tokio::test]
async fn an_answer_that_comes_after_a_page_changes_nothing() {
    let phone = Phone::signed_in().await;
    let id = missed(&phone, 1, ONE, 5);
    let old = phone.fake.model.lock().calls.rows[&id].0.clone();
    let seal = phone.client.inner.store.seal.clone();
    let new = CallView { handled_at: Some(UnixMs(5)), ..old.clone() };
    let found = phone.client.inner.store.write(move |t| {
        rows::put_new(t, &seal, &new)?;
        rows::put_new(t, &seal, &old)?;
        rows::find(t, &seal, id)
    });
    assert_eq!(found.await.unwrap().unwrap().handled_at, Some(UnixMs(5)));
}

#[tokio::test]
async fn signing_out_leaves_no_call_here() {
    let phone = Phone::signed_in().await;
    missed(&phone, 1, ONE, 5);
    sync(&phone).await;
    phone.client.calls().set_reach(Availability::Riding, None).await.unwrap();
    phone.client.session().logout().await.unwrap();
    assert!(matches!(phone.client.calls().list(false).await, Err(Error::SignedOut)));
    assert!(matches!(phone.client.calls().reach(), Err(Error::SignedOut)));
    phone.fake.model.lock().calls.rows.clear();
    phone.client.session().login("lina", "password").await.unwrap();
    sync(&phone).await;
    assert_eq!(shown(&phone).await, []);
}

#[tokio::test]
async fn nothing_of_a_caller_lies_in_clear() {
    let phone = Phone::signed_in().await;
    missed(&phone, 1, ONE, 5);
    sync(&phone).await;
    phone.client.shutdown().await;
    let bytes = std::fs::read(phone.dir.path().join("waybell.db")).unwrap();
    assert!(!bytes.windows(ONE.len()).any(|w| w == ONE.as_bytes()));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Handle(u8),
    Reopen(u8),
    Sync,
    Restart,
    Fault(Fault),
    Ring,
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        Just(Fault::DropRequest),
        Just(Fault::DropAnswer),
        Just(Fault::Twice),
        Just(Fault::Unavailable)
    ];
    prop_oneof![
        4 => (0u8..3).prop_map(Step::Handle),
        3 => (0u8..3).prop_map(Step::Reopen),
        3 => Just(Step::Sync),
        1 => Just(Step::Restart),
        3 => fault.prop_map(Step::Fault),
        1 => Just(Step::Ring),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is done, lost, doubled and killed: what was said last holds on the server and on the screen.
    #[test]
    fn schedules(steps in proptest::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut phone = Phone::signed_in().await;
            let ids: Vec<CallId> = (0..3).map(|n| missed(&phone, n, ONE, i64::from(n))).collect();
            sync(&phone).await;
            let mut wanted = [false; 3];
            for step in &steps {
                let calls = phone.client.calls();
                match *step {
                    Step::Handle(n) => {
                        calls.handled(ids[n as usize]).await.unwrap();
                        wanted[n as usize] = true;
                    }
                    Step::Reopen(n) => {
                        let done = calls.reopen(ids[n as usize]).await;
                        assert_eq!(done.is_ok(), wanted[n as usize], "{done:?}");
                        wanted[n as usize] = false;
                    }
                    Step::Sync => drop(phone.client.sync().now().await),
                    Step::Restart => phone.restart(),
                    Step::Fault(fault) => phone.fake.misbehave(&[fault]),
                    Step::Ring => {
                        phone.fake.faults.lock().clear();
                        missed(&phone, 9, TWO, 1);
                    }
                }
                for (id, wanted) in ids.iter().zip(wanted) {
                    let call = phone.client.calls().get(*id).await.unwrap();
                    assert_eq!(call.view.handled_at.is_some(), wanted, "shown at once: {steps:?}");
                }
            }
            phone.fake.faults.lock().clear();
            sync(&phone).await;
            assert_eq!(phone.client.sync().operations().unwrap(), []);
            for (id, wanted) in ids.iter().zip(wanted) {
                assert_eq!(phone.fake.model.lock().calls.rows[id].0.handled_at.is_some(), wanted, "{steps:?}");
                let call = phone.client.calls().get(*id).await.unwrap();
                assert_eq!((call.view.handled_at.is_some(), call.pending), (wanted, false));
            }
        });
    }
}

#[test]
fn kinds_of_marks_are_words() {
    for kind in [OperationKind::CallHandled, OperationKind::CallReopened, OperationKind::Availability] {
        assert_eq!(OperationKind::parse(kind.as_str()), Some(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

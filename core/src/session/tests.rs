use crate::error::Error;
use crate::sync::SyncState;
use crate::testing::{Fault, Phone, list, open};
use waybell_domain::id::UserId;
use waybell_domain::wire::{PushTokenRequest, PushVendor};

#[tokio::test]
async fn a_wrong_password_is_told() {
    let phone = Phone::signed_in().await;
    match phone.client.session().login("lina", "wrong").await {
        Err(Error::Refused(refusal)) => {
            assert_eq!((refusal.status, refusal.code.as_str()), (401, "wrong_login"))
        }
        other => panic!("{other:?}"),
    }
    assert!(phone.client.session().current().is_some(), "the session before goes on");
}

#[tokio::test]
async fn expired_tokens_are_traded_once_and_survive_a_restart() {
    let mut phone = Phone::signed_in().await;
    phone.fake.model.lock().good_from = 2;
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.fake.model.lock().refreshes, 1);
    phone.restart();
    assert_eq!(phone.client.session().current().unwrap().login, "lina");
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.fake.model.lock().refreshes, 1);
}

#[tokio::test]
async fn two_processes_trade_one_after_the_other() {
    let phone = Phone::signed_in().await;
    let other = open(phone.dir.path(), &phone.fake.url, &phone.clock);
    phone.fake.model.lock().good_from = 2;
    let (one, two) = (phone.client.sync(), other.sync());
    let (a, b) = tokio::join!(one.now(), two.now());
    a.unwrap();
    b.unwrap();
    assert_eq!(phone.fake.model.lock().refreshes, 1, "the second uses what the first got");
}

#[tokio::test]
async fn a_session_ended_by_the_server_removes_the_data_but_not_what_is_undelivered() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    phone.client.tasks().import_csv(&list(3..=4), false).await.unwrap();
    phone.fake.model.lock().signed_out = true;
    assert!(matches!(phone.client.sync().now().await, Err(Error::SignedOut)));
    assert!(phone.client.tasks().list().await.unwrap().is_empty());
    assert!(phone.client.search().ids("").await.unwrap().is_empty());
    assert_eq!(phone.client.session().current(), None);
    let status = phone.client.sync().status().unwrap();
    assert_eq!((status.queued, status.state), (1, SyncState::AuthNeeded));
    assert!(phone.client.session().was_ended().unwrap(), "it was not the person who signed out");

    let me = phone.fake.model.lock().user.clone();
    phone.fake.model.lock().user.id = UserId::at(9, [9; 10]);
    match phone.client.session().login("other", "password").await {
        Err(Error::BadInput { problem, .. }) => assert!(problem.starts_with("1 actions")),
        other => panic!("{other:?}"),
    }
    phone.fake.model.lock().user = me;
    phone.client.session().login("lina", "password").await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.tasks().list().await.unwrap().len(), 4);
    assert_eq!(phone.client.sync().status().unwrap().queued, 0);
    assert!(!phone.client.session().was_ended().unwrap());
}

#[tokio::test]
async fn what_comes_late_for_a_sign_in_that_is_over_is_not_applied() {
    let phone = Phone::signed_in().await;
    let inner = &phone.client.inner;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let old = inner.sign_in().unwrap();
    phone.client.session().logout().await.unwrap();
    phone.client.session().login("lina", "password").await.unwrap();
    phone.client.sync().now().await.unwrap();
    let now = inner.sign_in().unwrap();
    assert!(now.epoch > old.epoch);

    // the end of the old session, from its socket or from a refresh
    assert_eq!(super::wipe(inner, old.epoch, false).await.unwrap(), None);
    assert_eq!(phone.client.tasks().list().await.unwrap().len(), 2);
    // the answer of an old refresh
    assert!(matches!(inner.keep(old.epoch, old.pair.clone()).await, Err(Error::SignedOut)));
    // a request of the old session does not go out with the new one's token, nor does it trade it
    let request = crate::http::Request::get("/api/v1/sync?since=0");
    assert!(matches!(inner.ask_bytes(&old, &request).await, Err(Error::SignedOut)));
    assert!(matches!(inner.refresh(&old, &old.pair.access_token).await, Err(Error::SignedOut)));
    assert!(matches!(crate::sync::pull::pull(inner, &old).await, Err(Error::SignedOut)));
    assert_eq!(inner.sign_in().unwrap().pair.access_token, now.pair.access_token);
    assert_eq!(phone.fake.model.lock().refreshes, 0);
}

#[tokio::test]
async fn a_page_and_an_answer_that_arrive_after_the_sign_out_leave_nothing() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let all = phone.client.tasks().list().await.unwrap();
    let batch = phone.client.notify().send("arrived", &[all[0].id], None).await.unwrap();
    phone.fake.model.lock().import_elsewhere(9);
    // the server holds its answers until the session has ended
    let gate = phone.fake.hold();
    let syncing = tokio::spawn({
        let client = phone.client.clone();
        async move { client.sync().now().await }
    });
    phone.fake.held(1).await;
    let epoch = phone.client.inner.sign_in().unwrap().epoch;
    super::wipe(&phone.client.inner, epoch, true).await.unwrap().unwrap();
    drop(gate);
    assert!(matches!(syncing.await.unwrap(), Err(Error::SignedOut)));
    assert!(phone.fake.model.lock().batches.contains_key(&batch));
    assert_eq!(phone.client.sync().operations().unwrap(), [], "what the server took is off the queue");
    assert!(phone.client.tasks().list().await.unwrap().is_empty());
    assert!(phone.client.notify().batches(9).await.unwrap().is_empty(), "no row of the answer was kept");
}

#[tokio::test]
async fn what_one_person_does_is_never_filed_as_anothers() {
    let phone = Phone::signed_in().await;
    let other = open(phone.dir.path(), &phone.fake.url, &phone.clock);
    phone.client.session().logout().await.unwrap();
    phone.fake.model.lock().user.id = UserId::at(9, [9; 10]);
    phone.client.session().login("other", "password").await.unwrap();
    // this process has not noticed yet
    assert_eq!(other.session().current().unwrap().id, UserId::at(1, [1; 10]));
    assert!(matches!(other.tasks().import_csv(&list(1..=1), false).await, Err(Error::SignedOut)));
    assert_eq!(phone.client.sync().operations().unwrap(), []);
    other.sync().now().await.unwrap();
    assert_eq!(other.session().current().unwrap().id, UserId::at(9, [9; 10]));
}

#[tokio::test]
async fn another_person_finds_nothing_of_the_one_before() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    {
        let mut model = phone.fake.model.lock();
        model.user.id = UserId::at(9, [9; 10]);
        model.parcels.clear();
    }
    phone.client.session().login("other", "password").await.unwrap();
    assert!(phone.client.tasks().list().await.unwrap().is_empty());
    assert!(phone.client.search().ids("王").await.unwrap().is_empty());
}

#[tokio::test]
async fn signing_out_sends_what_waits_first() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    assert_eq!(phone.client.session().logout().await.unwrap().undelivered, 0);
    assert_eq!(phone.fake.model.lock().parcels.len(), 2);
    assert!(phone.fake.model.lock().signed_out);
    assert!(phone.client.tasks().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_push_token_is_told_once_for_each_sign_in_and_stays_with_the_phone() {
    let mut phone = Phone::signed_in().await;
    let told = |phone: &Phone| phone.fake.model.lock().push_tokens.clone();
    let request = |token: &str| {
        Some(PushTokenRequest { vendor: PushVendor::Fcm, token: token.into(), app_version: None })
    };
    let (first, second) = (UserId::at(1, [1; 10]), UserId::at(9, [9; 10]));
    phone.client.sync().now().await.unwrap();
    assert_eq!(told(&phone), [], "nothing to tell");
    // without a network, and the app is started again
    phone.client.session().set_push_token(request("one")).await.unwrap();
    phone.fake.misbehave(&[Fault::DropRequest]);
    assert!(matches!(phone.client.sync().now().await, Err(Error::Offline { .. })));
    phone.restart();
    phone.client.sync().now().await.unwrap();
    phone.client.session().set_push_token(request("one")).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(told(&phone), [(first, Some("one".into()))]);
    // a server that is not well for a moment costs the list nothing
    phone.client.session().set_push_token(request("two")).await.unwrap();
    phone.fake.misbehave(&[Fault::Unavailable]);
    phone.client.sync().now().await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(told(&phone)[1..], [(first, Some("two".into()))]);

    phone.client.session().logout().await.unwrap();
    phone.fake.model.lock().user.id = second;
    phone.client.session().login("other", "password").await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(told(&phone)[2..], [(second, Some("two".into()))], "the phone is the next person's");
    phone.client.session().set_push_token(None).await.unwrap();
    phone.client.sync().now().await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(told(&phone)[3..], [(second, None)]);
    for bad in ["", "a b", "推送", &"x".repeat(513)] {
        match phone.client.session().set_push_token(request(bad)).await {
            Err(Error::BadInput { field, .. }) => assert_eq!(field, "token"),
            other => panic!("{other:?}"),
        }
    }
}

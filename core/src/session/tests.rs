use crate::error::Error;
use crate::sync::SyncState;
use crate::testing::{Phone, list, open};
use waybell_domain::id::UserId;

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

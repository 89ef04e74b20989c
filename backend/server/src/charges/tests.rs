use super::At;
use super::legs::{End, Source, settle};
use crate::store::{Store, exec, number};
use waybell_domain::clock::UnixMs;

const AT: At = At { now: UnixMs(1_800_000_000_000), wall: UnixMs(1_800_000_000_000) };
const ORG: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const BRANCH: &str = "01890a5d-ac96-774b-bcce-b302099a8058";
const COURIER: &str = "01890a5d-ac96-774b-bcce-b302099a8059";

/// A store with prices of a millionth a second, and a call that has ended: a courier's leg of 12.5 s and a customer's that rang.
async fn called() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
    let write = store.begin().await.unwrap();
    let rates = r#"{"name":"x","rates":[{"to":"any","step_s":1,"price":1}]}"#;
    let invite = |callee: &str| format!(r#"{{"trunk":"north","callee":"{callee}"}}"#);
    let begin = AT.now.0 - 20_000;
    for (sql, values) in [
        (
            "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ($1, 'n', '', 'Asia/Shanghai', '', 1)",
            vec![ORG.into()],
        ),
        (
            "INSERT INTO rates (organisation_id, version, from_at, body, made_by, made_at) VALUES ($1, 1, 0, $2, $3, $4)",
            vec![ORG.into(), rates.into(), COURIER.into(), begin.into()],
        ),
        (
            "INSERT INTO phone_call (id, organisation_id, direction, branch_id, courier_id, is_open, explain, parcels, started_at, \
             bridged_at, keep_until) VALUES ('call', $1, 'outgoing', $2, $3, 0, '[]', '[]', $4, $5, 1)",
            vec![ORG.into(), BRANCH.into(), COURIER.into(), begin.into(), (begin + 3_000).into()],
        ),
        (
            "INSERT INTO call_leg (id, phone_call_id, kind, call_id, is_open, state, invite, created_at, answer_at, end_at) \
             VALUES ('a', 'call', 'courier', 'a', 0, 'answered', $1, $2, $2, $3)",
            vec![invite("13900000001").into(), begin.into(), (begin + 12_500).into()],
        ),
        (
            "INSERT INTO call_leg (id, phone_call_id, kind, call_id, is_open, state, invite, created_at, end_at) \
             VALUES ('b', 'call', 'customer', 'b', 0, 'ringing', $1, $2, $3)",
            vec![invite("13800000000").into(), begin.into(), (begin + 12_500).into()],
        ),
        (
            "INSERT INTO call_leg (id, phone_call_id, kind, call_id, is_open, state, created_at, answer_at, end_at) \
             VALUES ('app', 'call', 'courier', 'app', 0, 'answered', $1, $1, $2)",
            vec![begin.into(), (begin + 12_500).into()],
        ),
        (
            "INSERT INTO charge_hold (id, organisation_id, account_id, held, at) VALUES ('a', $1, $2, '{}', 1)",
            vec![ORG.into(), BRANCH.into()],
        ),
    ] {
        exec(write.tx(), sql, values).await.unwrap();
    }
    write.commit().await.unwrap();
    (dir, store)
}

async fn charge(store: &Store, ids: &[&str], end: End) {
    let write = store.begin().await.unwrap();
    for id in ids {
        settle(&write, AT, &Source::Leg((*id).to_owned()), end).await.unwrap();
    }
    write.commit().await.unwrap();
}

async fn one(store: &Store, sql: &str) -> i64 {
    number(store.read(), sql, []).await.unwrap()
}

#[tokio::test]
async fn a_leg_is_entered_once_with_its_sums_and_what_nobody_answered_is_not() {
    let (_dir, store) = called().await;
    for _ in 0..3 {
        charge(&store, &["a", "b", "app", "none"], End::Known).await;
    }
    assert_eq!(one(&store, "SELECT COUNT(*) FROM ledger_entry").await, 1);
    let entry = format!(
        "SELECT COUNT(*) FROM ledger_entry WHERE amount = -13 AND balance = -13 AND seq = 1 AND account_id = '{BRANCH}' \
         AND source = 'leg/a' AND trunk = 'north' AND number = '+86139****0001' AND rates_version = 1 AND is_estimated = 0"
    );
    assert_eq!(one(&store, &entry).await, 1);
    assert_eq!(one(&store, "SELECT balance FROM account").await, -13);
    let sums = "SELECT COUNT(*) FROM charge_day WHERE day = 20270115 AND legs = 1 AND cost = 13 AND talked_ms = 12500";
    assert_eq!(one(&store, sums).await, 3, "courier, branch, organisation");
    assert_eq!(one(&store, "SELECT SUM(paid) FROM charge_day").await, 13, "one of them pays");
    assert_eq!(one(&store, "SELECT COUNT(*) FROM charge_hold").await, 0, "its room is given back");
}

#[tokio::test]
async fn an_unknown_end_is_the_last_moment_that_is_known() {
    let (_dir, store) = called().await;
    charge(&store, &["a"], End::Unknown).await;
    let sql = "SELECT COUNT(*) FROM ledger_entry WHERE amount = -3 AND is_estimated = 1";
    assert_eq!(one(&store, sql).await, 1, "they were joined after three seconds");
}

#[tokio::test]
async fn entries_are_only_ever_added() {
    let (_dir, store) = called().await;
    charge(&store, &["a"], End::Known).await;
    for sql in ["UPDATE ledger_entry SET amount = 0", "DELETE FROM ledger_entry"] {
        let write = store.begin().await.unwrap();
        assert!(exec(write.tx(), sql, []).await.is_err(), "{sql}");
    }
    assert_eq!(one(&store, "SELECT amount FROM ledger_entry").await, -13);
}

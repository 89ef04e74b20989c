//! Who signs in, how often, and what somebody else cannot end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use waybell_tests::api::Api;
use waybell_tests::world::PASSWORD;
use waybell_tests::{World, WorldOptions};

async fn try_to_sign_in(api: &Api, login: &str) -> (u16, Option<u64>) {
    let body = json!({ "login": login, "password": "not this one", "device": uuid::Uuid::now_v7() });
    let (status, answer) = api.send("POST", "/auth/login", Some(&body), None).await.unwrap();
    (status, answer["retry_after"].as_u64())
}

#[tokio::test]
async fn guessing_passwords_ends_soon_and_keeps_nobody_else_out() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let mut wrong = 0;
    let wait = loop {
        match try_to_sign_in(&courier, "somebody").await {
            (401, None) => wrong += 1,
            (429, Some(wait)) => break wait,
            other => panic!("{other:?}"),
        }
        assert!(wrong < 30, "nobody stops the guessing");
    };
    assert!(wrong >= 5, "an honest mistake is no attack: {wrong}");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(try_to_sign_in(&courier, " SomeBody ").await.0, 429, "written otherwise it is the same name");
    assert_eq!(try_to_sign_in(&courier, "somebody else").await.0, 401);
    world.sign_in("c1").await.unwrap();
    courier.get("/me").await.unwrap();
}

#[tokio::test]
async fn knowing_a_session_does_not_end_it() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let body = json!({ "login": "c1", "password": PASSWORD, "device": uuid::Uuid::now_v7() });
    let (_, pair) = courier.send("POST", "/auth/login", Some(&body), None).await.unwrap();
    let token = pair["refresh_token"].as_str().unwrap();
    let (session, _) = token.split_once('.').unwrap();
    let forged = [
        session.to_owned(),
        format!("{session}."),
        format!("{session}.AAAA"),
        format!("{session}.{}", "A".repeat(43)),
        format!("{session}.{0}.{0}", "A".repeat(43)),
        format!("{token}x"),
        token.rsplit_once('.').unwrap().0.to_owned(),
    ];
    for forged in forged {
        let body = json!({ "refresh_token": forged });
        let (status, _) = courier.send("POST", "/auth/refresh", Some(&body), None).await.unwrap();
        assert_eq!(status, 401, "{forged}");
    }
    let body = json!({ "refresh_token": token });
    let (status, next) = courier.send("POST", "/auth/refresh", Some(&body), None).await.unwrap();
    assert_eq!(status, 200, "{next}");
    let signed = courier.with_token(next["access_token"].as_str().unwrap());
    assert_eq!(signed.send("GET", "/me", None, None).await.unwrap().0, 200);
}

#[tokio::test]
async fn rules_that_cannot_be_meant_are_refused_by_name() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let admin = world.sign_in("boss").await.unwrap();
    let before = admin.get("/policy").await.unwrap()["policy"].clone();
    for (pointer, value, field) in [
        ("/retry/max_attempts", json!(0), "retry.max_attempts"),
        ("/retry/max_attempts", json!(4_000), "retry.max_attempts"),
        ("/stale_after", json!(-1), "stale_after"),
        ("/frequency_wait", json!(i64::MAX), "frequency_wait"),
        ("/display_daily_cap", json!(0), "display_daily_cap"),
    ] {
        let mut policy = before.clone();
        *policy.pointer_mut(pointer).unwrap() = value;
        let (status, answer) = admin.send("PUT", "/policy", Some(&policy), None).await.unwrap();
        assert_eq!((status, answer["field"].as_str()), (422, Some(field)), "{answer}");
    }
    assert_eq!(admin.get("/policy").await.unwrap()["policy"], before);
}

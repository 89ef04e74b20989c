//! A crash inside every phase of one call (`waybell_tests::phases`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use waybell_carrier::config::Profile;
use waybell_tests::phases::{die, every_round};

#[tokio::test]
async fn while_a_key_is_pressed() {
    every_round("press_keys", Profile::Rfc3261).await.unwrap();
}

#[tokio::test]
async fn while_the_line_is_busy() {
    every_round("busy", Profile::Rfc6026).await.unwrap();
}

#[tokio::test]
async fn while_the_call_is_rejected() {
    every_round("reject", Profile::Rfc3261).await.unwrap();
}

#[tokio::test]
async fn between_sending_and_the_answer() {
    tokio::try_join!(
        die("answer", "invite.sent", 1, Profile::Rfc3261),
        die("answer", "answer.acknowledged", 1, Profile::Rfc3261),
        die("no_provisional", "invite.sent", 1, Profile::Rfc6026),
    )
    .unwrap();
}

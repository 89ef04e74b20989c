//! The API against its own description: Schemathesis (PyPI) makes requests out of it, good ones and bad ones, as each role. No
//! answer is a failure of the server, and each has a status, a type and a shape that the description names.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use std::process::Command;
use waybell_tests::python::environment;
use waybell_tests::world::PASSWORD;
use waybell_tests::{World, WorldOptions, list};

/// Requests made at random for an operation, besides those that cover its description: a number and not a time, so that a
/// fast machine asks nothing else than a slow one.
const EXAMPLES: &str = "5";
/// The version that was tried; a later one may find more.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

#[tokio::test]
async fn every_answer_is_one_that_the_description_names() {
    let python = environment("schemathesis", &[SCHEMATHESIS]).unwrap();
    // whoever asks as often as this is held back otherwise
    let server = "[limits]\nper_address = 1000000\nper_person = 1000000\n".to_owned();
    let world = World::start(&WorldOptions { server, ..WorldOptions::default() }).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let agent = json!({ "login": "s1", "password": PASSWORD, "name": "管理员", "role": "supervisor" });
    boss.post("/people", &agent).await.unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(5, 800_000_000)).await.unwrap();
    courier.notify(&parcels).await.unwrap();
    for login in ["c1", "s1", "boss"] {
        let token = world.sign_in(login).await.unwrap().token().to_owned();
        let mut command = Command::new(python.with_file_name("schemathesis"));
        command
            .current_dir(world.folder.path())
            .arg("run")
            .arg(format!("{}/api/v1/openapi.json", world.server.url))
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--checks", "not_a_server_error,response_schema_conformance"])
            .args(["--checks", "content_type_conformance,status_code_conformance"])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "7"])
            .args(["--suppress-health-check", "all", "--warnings", "off"])
            // these end the session that asks, and a socket is no answer
            .args(["--exclude-path", "/api/v1/auth/logout", "--exclude-path", "/api/v1/events"])
            // it makes no sound
            .args(["--exclude-path", "/api/v1/voice/words"]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let end: Vec<&str> = said.lines().filter(|l| !l.trim().is_empty()).collect();
        let end = end[end.len().saturating_sub(120)..].join("\n");
        assert!(output.status.success(), "as {login}:\n{end}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("generated"), "it made requests:\n{end}");
    }
    assert_eq!(boss.send("GET", "/policy", None, None).await.unwrap().0, 200, "the server is up");
}

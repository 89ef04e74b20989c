//! The engines against local counterparts, which check what they are asked and fail as such services fail.

use super::engine::{HINT, Transcriber};
use super::http::Http;
use super::program::Recogniser;
use super::settings::Transcriber as Settings;
use super::text::tidy;
use crate::speech::{Kind, wav_of};
use axum::Router;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Asked {
    answer: Mutex<(u16, String)>,
    fields: Mutex<BTreeMap<String, Vec<u8>>>,
    token: Mutex<String>,
}

async fn take(
    State(asked): State<Arc<Asked>>,
    headers: HeaderMap,
    mut form: Multipart,
) -> (StatusCode, String) {
    *asked.token.lock() = headers["authorization"].to_str().unwrap().to_owned();
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        if name == "file" {
            assert_eq!((field.file_name(), field.content_type()), (Some("voicemail.wav"), Some("audio/wav")));
        }
        let value = field.bytes().await.unwrap().to_vec();
        asked.fields.lock().insert(name, value);
    }
    let (status, body) = asked.answer.lock().clone();
    (StatusCode::from_u16(status).unwrap(), body)
}

async fn counterpart() -> (Arc<Asked>, Http) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let asked = Arc::new(Asked::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/audio/transcriptions", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/audio/transcriptions", post(take)).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = Settings {
        url: Some(url.clone()),
        token: Some("secret".into()),
        model: "large".into(),
        ..Settings::default()
    };
    settings.check().unwrap();
    (asked, Http::new(&url, &settings).unwrap())
}

#[tokio::test]
async fn what_is_asked_over_http_is_what_recognisers_take() {
    let (asked, http) = counterpart().await;
    let wav = wav_of(&[1, -2, 3]);
    *asked.answer.lock() = (200, r#"{"text": "放门口", "segments": []}"#.to_owned());
    assert_eq!(http.write_down(&wav, LONG).await.unwrap(), "放门口");
    assert_eq!(http.name(), "large");
    assert_eq!(*asked.token.lock(), "Bearer secret");
    let fields = asked.fields.lock();
    let text = |name: &str| String::from_utf8(fields[name].clone()).unwrap();
    assert_eq!(fields["file"], wav);
    assert_eq!([text("model"), text("language"), text("response_format")], ["large", "zh", "json"]);
    assert_eq!((text("prompt").as_str(), text("temperature").as_str()), (HINT, "0"));
}

#[tokio::test]
async fn what_a_failure_over_http_means() {
    let (asked, http) = counterpart().await;
    for (status, body, kind) in [
        (400, "", Kind::Text),
        (413, "", Kind::Text),
        (422, "", Kind::Text),
        (401, "", Kind::Barred),
        (403, "", Kind::Barred),
        (404, "", Kind::Barred),
        (302, "", Kind::Barred),
        (429, "", Kind::Again),
        (500, "", Kind::Again),
        (503, "", Kind::Again),
        (200, "<html>", Kind::Barred),
        (200, "{\"message\": \"hello\"}", Kind::Barred),
    ] {
        *asked.answer.lock() = (status, body.to_owned());
        assert_eq!(http.write_down(&wav_of(&[0]), LONG).await.unwrap_err().kind, kind, "{status} {body}");
    }
    *asked.answer.lock() = (200, format!("{{\"text\": \"{}\"}}", "长".repeat(500_000)));
    assert_eq!(http.write_down(&wav_of(&[0]), LONG).await.unwrap_err().kind, Kind::Barred);
    let nobody = Http::new("http://127.0.0.1:9/", &Settings::default()).unwrap();
    let failure = nobody.write_down(&wav_of(&[0]), LONG).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Again);
    assert!(!failure.problem.contains("127.0.0.1"), "an address may hold a key: {}", failure.problem);
}

/// Reads so many bytes as a line tells, and answers with their number; refuses four of them, and dies at six.
const RECOGNISER: &str = r#"
echo '{"ready": "shell"}'
n=0
while IFS= read -r line; do
    n=$((n + 1))
    bytes=${line#*\"bytes\":}; bytes=${bytes%%,*}
    head -c "$bytes" > "$1/sound"
    case $bytes in
        4) echo "{\"id\": $n, \"error\": \"too short\"}" ;;
        6) exit 3 ;;
        *) echo "{\"id\": $n, \"text\": \"$bytes bytes\"}" ;;
    esac
done
"#;

#[tokio::test]
async fn a_program_gets_the_sound_and_answers_the_text() {
    let dir = tempfile::tempdir().unwrap();
    let words = ["sh", "-c", RECOGNISER, "sh", &dir.path().display().to_string()];
    let program = Recogniser::new(words.map(str::to_owned).to_vec());
    let wav = wav_of(&[300; 40_000]);
    assert_eq!(program.write_down(&wav, LONG).await.unwrap(), "80044 bytes");
    assert_eq!(
        std::fs::read(dir.path().join("sound")).unwrap(),
        wav,
        "all of it, and no byte of the next line"
    );
    assert_eq!(program.write_down(b"abcd", LONG).await.unwrap_err().kind, Kind::Text);
    assert_eq!(program.write_down(b"abcde", LONG).await.unwrap(), "5 bytes", "a refusal ends nothing");
    assert_eq!(program.write_down(b"abcdef", LONG).await.unwrap_err().kind, Kind::Again);
    assert_eq!(program.write_down(b"abcde", LONG).await.unwrap(), "5 bytes", "it is started anew");
}

#[test]
fn what_is_no_text_is_none() {
    for (answer, text) in [
        (" 放门口  就行\n谢谢 ", "放门口，就行，谢谢"),
        ("please leave it", "please leave it"),
        ("好的。 明天送", "好的。明天送"),
        ("", ""),
        (" … ", ""),
        ("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", ""),
        ("字幕由Amara.org社区提供", ""),
        (HINT, ""),
    ] {
        assert_eq!(tidy(answer, HINT), text, "{answer}");
    }
    assert_eq!(tidy(&"长".repeat(10_000), HINT).chars().count(), 4_000);
}

#[test]
fn what_cannot_work_is_named() {
    for (text, key) in [
        ("url = \"ftp://x/\"", "url"),
        ("url = \"http://asr.example.com/\"", "url"),
        ("url = \"http://localhost.example.com/\"", "url"),
        ("command = [\" \"]", "command"),
        ("seconds = 0", "seconds"),
        ("token = \"t\"", "token"),
    ] {
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.check().unwrap_err().0, key, "{text}");
    }
    let settings: Settings =
        toml::from_str("url = \"http://127.0.0.1:9000/v1/audio/transcriptions\"").unwrap();
    settings.check().unwrap();
}

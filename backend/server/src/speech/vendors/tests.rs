//! The vendors' engines against local counterparts, which check what a vendor checks and fail as a vendor fails.

mod counterpart;

use super::super::engine::{Engine, Kind, Sound};
use super::super::settings::{Alibaba, Iflytek, Tencent};
use super::super::{Speech, SpeechConfig, Whose};
use super::{Client, alibaba, iflytek, tencent};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterpart::Counterpart;
use std::collections::BTreeMap;
use std::time::Duration;

const SECRET: &str = "c5d8e4b6-secret";

fn iflytek_settings(url: &str) -> Iflytek {
    Iflytek {
        url: format!("{}/v2/tts", url.replacen("http", "ws", 1)),
        app_id: "5c3a1f00".into(),
        api_key: "key-of-iflytek".into(),
        api_secret: SECRET.into(),
        voice: "xiaoyan".into(),
        speed: 50,
    }
}

fn alibaba_settings(url: &str) -> Alibaba {
    Alibaba {
        url: format!("{url}/stream/v1/tts"),
        token_url: format!("{url}/"),
        app_key: "app-key".into(),
        token: None,
        access_key_id: Some("access-id".into()),
        access_key_secret: Some(SECRET.into()),
        voice: "xiaoyun".into(),
        speed: 0,
    }
}

fn tencent_settings(url: &str) -> Tencent {
    Tencent {
        url: format!("{url}/"),
        secret_id: "secret-id".into(),
        secret_key: SECRET.into(),
        region: "ap-guangzhou".into(),
        voice: 101_001,
        speed: 0.0,
    }
}

fn engine(name: &str, url: &str) -> Box<dyn Engine> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match name {
        "iflytek" => Box::new(iflytek::Iflytek::new(iflytek_settings(url), Client::new())),
        "alibaba" => Box::new(alibaba::Alibaba::new(alibaba_settings(url), Client::new())),
        _ => Box::new(tencent::Tencent::new(tencent_settings(url), Client::new())),
    }
}

const ALL: [&str; 3] = ["iflytek", "alibaba", "tencent"];

async fn ask(name: &str, at: &Counterpart, text: &str) -> Result<Vec<i16>, (Kind, String)> {
    let engine = engine(name, &at.url);
    let patient = tokio::time::timeout(Duration::from_secs(10), engine.speak(text));
    let sound = patient.await.unwrap_or_else(|_| panic!("{name} is not bounded"));
    sound.and_then(Sound::samples).map_err(|f| (f.kind, f.problem))
}

#[test]
fn signatures_are_those_of_the_documents() {
    let settings = Iflytek {
        api_key: "keyxxxxxxxx8ee279348519exxxxxxxx".into(),
        api_secret: "secretxxxxxxxx2df7900c09xxxxxxxx".into(),
        ..iflytek_settings("http://127.0.0.1")
    };
    let date = "Wed, 10 Jul 2019 07:35:43 GMT";
    let made = iflytek::authorization(&settings, "iat-api.xfyun.cn", date, "/v2/iat");
    let made = String::from_utf8(STANDARD.decode(made).unwrap()).unwrap();
    assert!(made.ends_with("signature=\"Hp3Ty4ZkSBmL8jKyOLpQiv9Sr5nvmeYEH7WsL/ZO2Jg=\""), "{made}");

    let parameters = BTreeMap::from(
        [
            ("AccessKeyId", "my_access_key_id"),
            ("Action", "CreateToken"),
            ("Format", "JSON"),
            ("RegionId", "cn-shanghai"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", "b924c8c3-6d03-4c5d-ad36-d984d3116788"),
            ("SignatureVersion", "1.0"),
            ("Timestamp", "2019-04-18T08:32:31Z"),
            ("Version", "2019-02-28"),
        ]
        .map(|(k, v)| (k, v.to_owned())),
    );
    let made = alibaba::signed(&parameters, "my_access_key_secret");
    assert!(made.ends_with("&Signature=hHq4yNsPitlfDJ2L0nQPdugdEzM%3D"), "{made}");

    // made with another program by the steps of the document
    let settings = Tencent {
        secret_id: "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE".into(),
        secret_key: "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE".into(),
        ..tencent_settings("http://127.0.0.1")
    };
    let made =
        tencent::authorization(&settings, "tts.tencentcloudapi.com", "{\"Text\":\"您好\"}", 1_551_113_065);
    assert!(made.starts_with(
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/tts/tc3_request"
    ));
    assert!(made.ends_with("c06b0355f10bd3219a4cb03c5ac0fcccf56f71aade3140070aacace9d85a94d2"), "{made}");
}

#[tokio::test]
async fn each_speaks() {
    let at = Counterpart::start().await;
    for name in ALL {
        let pcm = ask(name, &at, "您好，快递员即将派送").await.unwrap();
        assert!((8_000..20_000).contains(&pcm.len()), "{name}: {}", pcm.len());
        assert_eq!(at.texts(), ["您好，快递员即将派送"], "{name}");
        at.forget();
    }
}

#[tokio::test]
async fn each_failure_is_what_it_is() {
    use Kind::{Again, Barred, Lost, Text};
    let at = Counterpart::start().await;
    for (trouble, kind) in [
        ("signature", Barred),
        ("quota", Barred),
        ("busy", Again),
        ("fault", Again),
        ("text", Text),
        ("cut", Lost),
        ("noise", Lost),
    ] {
        for name in ALL {
            at.fail(trouble, 2);
            let (found, problem) = ask(name, &at, "您好").await.unwrap_err();
            assert_eq!(found, kind, "{name} {trouble}: {problem}");
            for word in [SECRET, "key-of-iflytek", "access-id", "secret-id", "token-1", "您好", "127.0.0.1"]
            {
                assert!(!problem.contains(word), "{name} {trouble} tells {word}: {problem}");
            }
            at.forget();
        }
    }
}

#[tokio::test]
async fn an_expired_token_is_made_anew_once() {
    let at = Counterpart::start().await;
    at.fail("expired", 1);
    assert!(ask("alibaba", &at, "您好").await.is_ok());
    assert_eq!((at.tokens(), at.texts().len()), (2, 1));
    at.forget();
    at.fail("expired", 9);
    assert_eq!(ask("alibaba", &at, "您好").await.unwrap_err().0, Kind::Barred);
    assert_eq!(at.tokens(), 2);
    // a token that was given is not ours to renew
    let given = Alibaba {
        access_key_id: None,
        access_key_secret: None,
        token: Some("mine".into()),
        ..alibaba_settings(&at.url)
    };
    let refused = alibaba::Alibaba::new(given, Client::new()).speak("您好").await.unwrap_err();
    assert_eq!(refused.kind, Kind::Barred);
    assert!(!refused.problem.contains("mine"), "{}", refused.problem);
}

#[tokio::test]
async fn one_token_serves_many_questions() {
    let at = Counterpart::start().await;
    let engine = engine("alibaba", &at.url);
    let texts = ["一", "二", "三", "四"];
    let all = futures_util::future::join_all(texts.map(|t| engine.speak(t))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(at.tokens(), 1);
}

/// `seconds` is the patience with each vendor, also with the one that must succeed.
fn server(at: &Counterpart, order: &[&str], seconds: u32) -> SpeechConfig {
    SpeechConfig {
        order: Some(order.iter().map(|o| (*o).to_owned()).collect()),
        iflytek: Some(iflytek_settings(&at.url)),
        alibaba: Some(alibaba_settings(&at.url)),
        tencent: Some(tencent_settings(&at.url)),
        espeak: String::new(),
        seconds,
        ..SpeechConfig::default()
    }
}

#[tokio::test]
async fn whoever_fails_is_followed_by_the_next_and_nobody_is_asked_twice() {
    let at = Counterpart::start().await;
    let words = ["您好".to_owned()];
    for (n, trouble) in
        ["quota", "signature", "cut", "noise", "slow", "short", "silence"].into_iter().enumerate()
    {
        let cache = tempfile::tempdir().unwrap();
        let order = [ALL[n % 3], ALL[(n + 1) % 3]];
        let seconds = if trouble == "slow" { 5 } else { 30 };
        let speech = Speech::new(&server(&at, &order, seconds), cache.path().to_owned());
        at.fail_only(order[0], trouble);
        let many = (0..10).map(|_| speech.spoken(Whose::default(), &words));
        for spoken in futures_util::future::join_all(many).await {
            assert_eq!(spoken.unwrap().1, [order[1]], "{trouble}");
        }
        let asked = at.asked();
        assert_eq!(asked.iter().filter(|v| **v == order[1]).count(), 1, "{trouble}: {asked:?}");
        assert!(asked.iter().filter(|v| **v == order[0]).count() <= 1, "{trouble}: {asked:?}");
        at.forget();
    }
}

#[tokio::test]
async fn nobody_left_is_an_error_and_not_a_hole() {
    let at = Counterpart::start().await;
    let cache = tempfile::tempdir().unwrap();
    let speech = Speech::new(&server(&at, &["tencent"], 30), cache.path().to_owned());
    at.fail("quota", 1);
    let error = speech
        .prompts(Whose::default(), &["您好".to_owned(), "再见".to_owned()])
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("tencent") && error.contains("PkgExhausted"), "{error}");
}

#[tokio::test]
async fn a_vendor_that_cannot_be_reached_is_asked_again_and_then_left() {
    // a port that is held and not listened on: it refuses, and nobody else gets it
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = held.local_addr().unwrap();
    for name in ALL {
        let engine = engine(name, &format!("http://{free}"));
        assert_eq!(engine.speak("您好").await.unwrap_err().kind, Kind::Again, "{name}");
    }
}

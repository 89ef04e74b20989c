//! Each engine against its vendor's counterpart: what it sends, how it keeps access tokens, and what it makes of every kind of
//! refusal.

use super::IPHONE;
use super::vendors::{Trouble, Vendors, p256_key, rsa_key};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::runtime::Runtime;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::CallId;
use waybell_domain::wire::{PushKind, PushNotice, PushVendor};
use waybell_server::push::{Engines, Kind, Push, PushConfig, Refused};

const MINUTE: i64 = 60_000;

fn now() -> UnixMs {
    UnixMs(waybell_tests::api::now_ms())
}

fn notice() -> PushNotice {
    let now = now();
    PushNotice {
        kind: PushKind::Call,
        call_id: Some(CallId::at(now, [7; 10])),
        expires_at: UnixMs(now.0 + 26_000),
    }
}

fn engines(vendors: &Vendors) -> Engines {
    let config: PushConfig = toml::from_str(&vendors.settings("")).unwrap();
    config.check().unwrap();
    Engines::open(&config).unwrap_or_else(|e| panic!("{e}"))
}

fn token(vendor: PushVendor) -> &'static str {
    if vendor == PushVendor::Apns { IPHONE } else { "token-of:a_phone/1=" }
}

fn push(runtime: &Runtime, engine: &Arc<dyn Push>, at: UnixMs) -> Result<(), Refused> {
    runtime.block_on(engine.push(token(engine.vendor()), &notice(), at))
}

#[test]
fn each_vendor_takes_what_it_is_sent_and_access_tokens_are_kept_and_renewed() {
    let (vendors, runtime) = (Vendors::start(), Runtime::new().unwrap());
    let engines = engines(&vendors);
    for vendor in PushVendor::ALL {
        let engine = engines.of(vendor).unwrap();
        for _ in 0..3 {
            push(&runtime, engine, now()).unwrap();
        }
        let word = vendor.as_str();
        let seen = vendors.pushed().into_iter().filter(|p| p.vendor == word).collect::<Vec<_>>();
        assert_eq!(seen.len(), 3, "{word}");
        assert_eq!((seen[0].token.as_str(), &seen[0].notice["kind"]), (token(vendor), &json!("call")));
        assert_eq!(
            serde_json::from_value::<PushNotice>(seen[0].notice.clone()).unwrap().kind,
            PushKind::Call
        );
        let given = vendors.look(|s| s.tokens.get(word).map_or(0, Vec::len));
        let wants =
            matches!(vendor, PushVendor::Fcm | PushVendor::Huawei | PushVendor::Oppo | PushVendor::Vivo);
        assert_eq!(given, usize::from(wants), "{word}");
        if wants {
            vendors.expire(word);
            push(&runtime, engine, now()).unwrap();
            push(&runtime, engine, now()).unwrap();
            assert_eq!(
                vendors.look(|s| s.tokens[word].len()),
                2,
                "{word}: one that is not wanted is renewed, once"
            );
        }
    }
}

#[test]
fn apples_provider_token_changes_no_more_often_than_every_twenty_minutes_and_is_never_an_hour_old() {
    let (vendors, runtime) = (Vendors::start(), Runtime::new().unwrap());
    let engines = engines(&vendors);
    let engine = engines.of(PushVendor::Apns).unwrap();
    let from = now();
    let at = |minutes: i64| UnixMs(from.0 + minutes * MINUTE);
    for minutes in [0, 1, 19, 39, 41, 79, 82] {
        push(&runtime, engine, at(minutes)).unwrap();
    }
    let shown = |vendors: &Vendors| vendors.look(|s| s.providers.clone());
    let mut changes = shown(&vendors);
    changes.dedup();
    assert_eq!(changes.len(), 3, "at 0, 41 and 82");
    // one that Apple calls stale is replaced, unless it is younger than 20 minutes
    let stale = || Trouble::Answer(403, json!({ "reason": "ExpiredProviderToken" }));
    vendors.trouble("apns", [stale()]);
    push(&runtime, engine, at(103)).unwrap();
    changes = shown(&vendors);
    changes.dedup();
    assert_eq!(changes.len(), 4);
    vendors.trouble("apns", [stale(), stale()]);
    let refused = push(&runtime, engine, at(104)).unwrap_err();
    assert_eq!(refused.kind, Kind::Barred);
    assert!(refused.problem.contains("clock"), "{}", refused.problem);
    changes = shown(&vendors);
    changes.dedup();
    assert_eq!(changes.len(), 4);
    // calls alone, and no address but a token's
    let cancel = PushNotice { kind: PushKind::Cancel, ..notice() };
    assert_eq!(runtime.block_on(engine.push(IPHONE, &cancel, now())).unwrap_err().kind, Kind::Lost);
    let odd = runtime.block_on(engine.push("../x", &notice(), now())).unwrap_err();
    assert_eq!(odd.kind, Kind::Unregistered { at: None });
}

#[test]
fn every_kind_of_refusal_is_known_for_what_it_is() {
    use Kind::{Again, Barred, Lost};
    use PushVendor::{Apns, Fcm, Huawei, Oppo, Vivo, Xiaomi};
    const GONE: Kind = Kind::Unregistered { at: None };
    let fcm = |status: &str, code: &str, field: &str| {
        let of_fcm =
            json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code });
        let of_rpc = json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{ "field": field }] });
        let details = [(code, of_fcm), (field, of_rpc)].into_iter().filter(|d| !d.0.is_empty()).map(|d| d.1);
        json!({ "error": { "status": status, "message": "m", "details": details.collect::<Vec<Value>>() } })
    };
    let apns = |reason: &str| json!({ "reason": reason });
    let huawei = |code: &str| json!({ "code": code, "msg": "m", "requestId": "1" });
    let xiaomi = |code: i64, reason: &str| json!({ "result": "error", "code": code, "reason": reason });
    let oppo = |code: i64, message: &str| json!({ "code": code, "message": message });
    let vivo = |result: i64| json!({ "result": result, "desc": "d" });
    let cases: Vec<(PushVendor, u16, Value, Kind)> = vec![
        (Fcm, 404, fcm("NOT_FOUND", "UNREGISTERED", ""), GONE),
        (Fcm, 404, fcm("NOT_FOUND", "", ""), Barred),
        (Fcm, 404, json!({}), Barred),
        (Fcm, 403, fcm("PERMISSION_DENIED", "SENDER_ID_MISMATCH", ""), Barred),
        (Fcm, 403, fcm("PERMISSION_DENIED", "", ""), Barred),
        (Fcm, 400, fcm("INVALID_ARGUMENT", "INVALID_ARGUMENT", ""), GONE),
        (Fcm, 400, fcm("INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token"), GONE),
        (Fcm, 400, fcm("INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.android.ttl"), Lost),
        (Fcm, 400, json!({}), Lost),
        (Fcm, 401, fcm("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", ""), Barred),
        (Fcm, 429, fcm("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", ""), Again),
        (Fcm, 500, fcm("INTERNAL", "INTERNAL", ""), Again),
        (Fcm, 503, json!("<html>"), Again),
        (Apns, 400, apns("BadDeviceToken"), Barred),
        (
            Apns,
            410,
            json!({ "reason": "Unregistered", "timestamp": 5 }),
            Kind::Unregistered { at: Some(UnixMs(5)) },
        ),
        (Apns, 410, apns("ExpiredToken"), GONE),
        (Apns, 400, apns("DeviceTokenNotForTopic"), Barred),
        (Apns, 400, apns("PayloadTooLarge"), Lost),
        (Apns, 403, apns("InvalidProviderToken"), Barred),
        (Apns, 429, apns("TooManyRequests"), Again),
        (Apns, 500, apns("InternalServerError"), Again),
        (Apns, 503, apns("ServiceUnavailable"), Again),
        (Huawei, 200, huawei("80300007"), GONE),
        (Huawei, 200, huawei("80100000"), GONE),
        (Huawei, 200, huawei("80300002"), Barred),
        (Huawei, 200, huawei("80100003"), Lost),
        (Huawei, 500, huawei("81000001"), Again),
        (Huawei, 200, huawei("81000001"), Again),
        (Huawei, 503, json!({}), Again),
        (Xiaomi, 200, xiaomi(20_301, "No valid targets!"), GONE),
        (Xiaomi, 200, xiaomi(21_301, "Invalid application credential."), Barred),
        (Xiaomi, 200, xiaomi(10_001, "System error"), Again),
        (Xiaomi, 200, xiaomi(10_017, "Parameter value is invalid"), Lost),
        (Xiaomi, 502, json!({}), Again),
        (Xiaomi, 200, json!("moved"), Lost),
        (Oppo, 200, oppo(10_000, "Invalid RegistrationId"), GONE),
        (Oppo, 200, oppo(10_003, "bad content"), Lost),
        (Oppo, 200, oppo(-1, "Service Currently Unavailable"), Again),
        (Oppo, 200, oppo(13, "App Call Limited"), Again),
        (Oppo, 200, oppo(28, "App Disabled"), Barred),
        (Oppo, 200, oppo(41, "Invalid Arguments"), Lost),
        (Vivo, 200, vivo(10_302), GONE),
        (Vivo, 200, json!({ "result": 0, "desc": "", "invalidUser": { "userid": "x", "status": 2 } }), GONE),
        (Vivo, 200, vivo(10_070), Lost),
        (Vivo, 503, json!({}), Again),
    ];
    let (vendors, runtime) = (Vendors::start(), Runtime::new().unwrap());
    let engines = engines(&vendors);
    for (vendor, status, answer, kind) in cases {
        vendors.trouble(vendor.as_str(), [Trouble::Answer(status, answer.clone())]);
        let refused = push(&runtime, engines.of(vendor).unwrap(), now()).unwrap_err();
        assert_eq!(refused.kind, kind, "{} {status} {answer}: {}", vendor.as_str(), refused.problem);
        assert!(!refused.problem.contains(token(vendor)), "{}", refused.problem);
    }
    // what a vendor repeats of a token is not told on
    let repeats = json!({ "error": { "status": "INTERNAL", "message": format!("no {}", token(Fcm)) } });
    vendors.trouble("fcm", [Trouble::After(500, repeats, 7)]);
    let refused = push(&runtime, engines.of(Fcm).unwrap(), now()).unwrap_err();
    assert!(!refused.problem.contains(token(Fcm)), "{}", refused.problem);
    assert_eq!(refused.wait.map(|w| w.as_secs()), Some(7));
    assert!(vendors.pushed().is_empty());
    // a vendor that is away
    let (settings, gone) = (vendors.settings(""), "http://127.0.0.1:1");
    let url = settings.split("url = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let config: PushConfig = toml::from_str(&settings.replace(&url, gone)).unwrap();
    let away = Engines::open(&config).unwrap();
    for vendor in [Fcm, Huawei, Xiaomi, Oppo, Vivo] {
        // Google's tokens come from where its account says
        let refused = push(&runtime, away.of(vendor).unwrap(), now()).unwrap_err();
        assert_eq!(refused.kind, Again, "{}: {}", vendor.as_str(), refused.problem);
    }
}

#[test]
fn a_key_that_cannot_be_used_is_named_and_not_told() {
    let vendors = Vendors::start();
    let file = |name: &str, text: &str| {
        std::fs::write(vendors.file(name), text).unwrap();
        vendors.file(name).display().to_string()
    };
    let account = |key: &str| {
        json!({ "type": "service_account", "project_id": "p", "private_key_id": "k", "private_key": key,
            "client_email": "e", "token_uri": "https://oauth2.googleapis.com/token" })
    };
    let (rsa, p256) = (rsa_key().0, p256_key().0);
    let fcm = |path: &str| format!("[fcm]\nservice_account = \"{path}\"\n");
    let apns = |path: &str| {
        format!("[apns]\nkey = \"{path}\"\nkey_id = \"K\"\nteam_id = \"T\"\nbundle_id = \"cn.example\"\n")
    };
    for (settings, key, problem) in [
        (fcm("/nowhere/fcm.json"), "fcm.service_account", "No such file"),
        (fcm(&file("a", "not json, secret")), "fcm.service_account", "line 1"),
        (fcm(&file("b", &account(&p256).to_string())), "fcm.service_account", "no RSA key"),
        (fcm(&file("c", &account("secret").to_string())), "fcm.service_account", "no private key in PEM"),
        (
            fcm(&file("d", &account(&rsa).to_string().replace("service_account", "authorized_user"))),
            "fcm.service_account",
            "type",
        ),
        (
            fcm(&file("e", &account(&rsa).to_string().replace("https", "http"))),
            "fcm.service_account",
            "address",
        ),
        (apns("/nowhere/key.p8"), "apns.key", "No such file"),
        (apns(&file("f", &rsa)), "apns.key", "no key of P-256"),
        (apns(&file("g", "secret")), "apns.key", "no private key in PEM"),
        (
            format!("[huawei]\napp_id = \"1\"\nsecret_file = \"{}\"\n", file("h", " \n")),
            "huawei.secret_file",
            "empty",
        ),
        (
            "[oppo]\napp_key = \"k\"\nsecret_file = \"/nowhere\"\n".to_owned(),
            "oppo.secret_file",
            "No such file",
        ),
    ] {
        let config: PushConfig = toml::from_str(&settings).unwrap();
        let error = Engines::open(&config).err().unwrap_or_else(|| panic!("{settings} is taken"));
        assert_eq!(error.key, key, "{error}");
        assert!(error.problem.contains(problem), "{error}");
        assert!(!error.to_string().contains("secret\"") && !error.problem.contains("PRIVATE"), "{error}");
    }
    assert!(Engines::open(&PushConfig::default()).unwrap().is_empty());
}

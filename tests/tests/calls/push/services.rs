//! The services that speak HTTP/1.1: what each wants, and says where it does not get it.

use super::vendors::{BUNDLE, Read, SECRET, World};
use axum::http::HeaderMap;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use md5::Md5;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

type Answer = Option<(u16, Value, Option<u32>)>;

pub(super) fn answer(world: &World, path: &str, headers: &HeaderMap, body: &str) -> Answer {
    let raw = format!("{path}\n{headers:?}\n{body}");
    let given = |body: Value| Some((200, body, None));
    match path {
        "/google/token" => google(world, headers, body),
        "/v1/projects/waybell-test/messages:send" => world.take(
            "fcm",
            fcm(world, headers, body),
            raw,
            json!({ "name": "projects/waybell-test/messages/1" }),
        ),
        "/huawei/token" => huawei_token(world, body),
        "/v1/104729/messages:send" => {
            let good = json!({ "code": "80000000", "msg": "Success", "requestId": "1" });
            world.take("huawei", huawei(world, headers, body), raw, good)
        }
        "/v3/message/regid" => {
            let good = json!({ "result": "ok", "trace_id": "1", "code": 0, "data": { "id": "1" }, "description": "成功" });
            world.take("xiaomi", xiaomi(world, headers, body), raw, good)
        }
        "/server/v1/auth" => oppo_token(world, body),
        "/server/v1/message/notification/unicast" => {
            let good = json!({ "code": 0, "message": "Success", "data": { "messageId": "1" } });
            world.take("oppo", oppo(world, body), raw, good)
        }
        "/message/auth" => vivo_token(world, body),
        "/message/send" => {
            let good = json!({ "result": 0, "desc": "请求成功", "taskId": "1" });
            world.take("vivo", vivo(world, headers, body), raw, good)
        }
        _ => {
            world.fault(format!("nobody is asked at {path}"));
            given(json!({}))
        }
    }
}

fn form(body: &str) -> HashMap<String, String> {
    reqwest::Url::parse(&format!("http://x/?{body}")).unwrap().query_pairs().into_owned().collect()
}

fn bearer(headers: &HeaderMap) -> &str {
    let text = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    text.strip_prefix("Bearer ").unwrap_or_default()
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/x-www-form-urlencoded")
}

fn recent(ms: i64) -> bool {
    (waybell_tests::api::now_ms() - ms).abs() < 10 * 60_000
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// RFC 7523, as Google's token endpoint checks it.
fn google(world: &World, headers: &HeaderMap, body: &str) -> Answer {
    let form = form(body);
    let refuse = |what: &str| {
        world.fault(format!("google's token: {what}"));
        Some((400, json!({ "error": "invalid_grant", "error_description": what }), None))
    };
    if !is_form(headers)
        || form.get("grant_type").is_none_or(|g| g != "urn:ietf:params:oauth:grant-type:jwt-bearer")
    {
        return refuse("no grant");
    }
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&[world.token_url.lock().unwrap().as_str()]);
    rules.set_issuer(&["push@waybell-test.example"]);
    rules.set_required_spec_claims(&["exp", "aud", "iss"]);
    let assertion = form.get("assertion").map(String::as_str).unwrap_or_default();
    let read = jsonwebtoken::decode::<Value>(assertion, &DecodingKey::from_rsa_der(&world.rsa), &rules);
    let read = match read {
        Ok(read) => read,
        Err(error) => return refuse(&error.to_string()),
    };
    let (issued, ends) = (read.claims["iat"].as_i64().unwrap_or(0), read.claims["exp"].as_i64().unwrap_or(0));
    if read.header.kid.as_deref() != Some("key-1") || ends - issued > 3_600 || !recent(issued * 1_000) {
        return refuse("its key or its times");
    }
    if read.claims["scope"] != "https://www.googleapis.com/auth/firebase.messaging" {
        return refuse("its scope");
    }
    Some((
        200,
        json!({ "access_token": world.grant("fcm"), "expires_in": 3_599, "token_type": "Bearer" }),
        None,
    ))
}

fn fcm(world: &World, headers: &HeaderMap, body: &str) -> Read {
    if !world.knows("fcm", bearer(headers)) {
        let error = json!({ "error": { "code": 401, "status": "UNAUTHENTICATED", "message": "Request had invalid authentication credentials." } });
        return Err((401, error));
    }
    let body: Value = serde_json::from_str(body).unwrap();
    let message = &body["message"];
    let bad = |field: &str| {
        world.fault(format!("fcm: {field} in {message}"));
        let violation = json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{ "field": field }] });
        Err((400, json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT", "details": [violation] } })))
    };
    let android = &message["android"];
    let ttl = android["ttl"].as_str().and_then(|t| t.strip_suffix('s')).and_then(|t| t.parse::<u32>().ok());
    if android["priority"] != "HIGH" {
        return bad("message.android.priority");
    }
    if ttl.is_none_or(|t| t == 0 || t > 120) {
        return bad("message.android.ttl");
    }
    let data = message["data"].as_object().cloned().unwrap_or_default();
    if data.len() != 1 || !message["notification"].is_null() {
        return bad("message.data");
    }
    // values are texts
    let (Some(token), Some(text)) = (message["token"].as_str(), data["waybell"].as_str()) else {
        return bad("message.token");
    };
    Ok((token.to_owned(), text.to_owned()))
}

fn huawei_token(world: &World, body: &str) -> Answer {
    let form = form(body);
    let wanted = [("grant_type", "client_credentials"), ("client_id", "104729"), ("client_secret", SECRET)];
    if wanted.iter().any(|(key, value)| form.get(*key).is_none_or(|v| v != value)) {
        world.fault(format!("huawei's token: {:?}", form.keys()));
        return Some((400, json!({ "error": 1101, "error_description": "invalid client" }), None));
    }
    Some((
        200,
        json!({ "access_token": world.grant("huawei"), "expires_in": 3_600, "token_type": "Bearer" }),
        None,
    ))
}

fn huawei(world: &World, headers: &HeaderMap, body: &str) -> Read {
    if !world.knows("huawei", bearer(headers)) {
        return Err((401, json!({ "code": "80200003", "msg": "Oauth token expired", "requestId": "1" })));
    }
    let body: Value = serde_json::from_str(body).unwrap();
    let (message, android) = (&body["message"], &body["message"]["android"]);
    let ttl = android["ttl"].as_str().and_then(|t| t.strip_suffix('s')).and_then(|t| t.parse::<u32>().ok());
    let tokens = message["token"].as_array().cloned().unwrap_or_default();
    let good = body["validate_only"] == false
        && android["urgency"] == "HIGH"
        && android["collapse_key"] == -1
        && ttl.is_some_and(|t| (1..=120).contains(&t))
        && message["notification"].is_null();
    match (tokens.as_slice(), message["data"].as_str()) {
        ([token], Some(data)) if good => Ok((token.as_str().unwrap().to_owned(), under_key(data))),
        _ => {
            world.fault(format!("huawei: {message}"));
            Err((200, json!({ "code": "80100003", "msg": "Illegal payload", "requestId": "1" })))
        }
    }
}

/// The notice out of an object with one key.
fn under_key(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    value["waybell"].to_string()
}

fn xiaomi(world: &World, headers: &HeaderMap, body: &str) -> Read {
    let key = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if key != format!("key={SECRET}") || !is_form(headers) {
        world.fault("xiaomi: the secret".to_owned());
        return Err((
            200,
            json!({ "result": "error", "code": 21_301, "reason": "Invalid application credential.", "description": "认证失败" }),
        ));
    }
    let form = form(body);
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let live = field("time_to_live").parse::<u32>().unwrap_or(0);
    let good = field("restricted_package_name") == BUNDLE
        && field("pass_through") == "0"
        && !field("title").trim().is_empty()
        && !field("description").trim().is_empty()
        && field("extra.channel_id") == "118"
        && (1_000..=120_000).contains(&live);
    if good {
        return Ok((field("registration_id"), under_key(&field("payload"))));
    }
    world.fault(format!("xiaomi: {form:?}"));
    Err((
        200,
        json!({ "result": "error", "code": 10_017, "reason": "Parameter value is invalid", "description": "参数值非法" }),
    ))
}

fn oppo_token(world: &World, body: &str) -> Answer {
    let form = form(body);
    let at = form.get("timestamp").cloned().unwrap_or_default();
    let sign = hex(&Sha256::digest(format!("oppo-key{at}{SECRET}")));
    if form.get("app_key").is_none_or(|k| k != "oppo-key")
        || form.get("sign") != Some(&sign)
        || !recent(at.parse().unwrap_or(0))
    {
        world.fault("oppo's token: its signature");
        return Some((200, json!({ "code": 16, "message": "Invalid Signature" }), None));
    }
    Some((
        200,
        json!({ "code": 0, "message": "success", "data": { "auth_token": world.grant("oppo"), "create_time": 1 } }),
        None,
    ))
}

fn oppo(world: &World, body: &str) -> Read {
    let form = form(body);
    if !form.get("auth_token").is_some_and(|t| world.knows("oppo", t)) {
        return Err((200, json!({ "code": 11, "message": "Invalid AuthToken" })));
    }
    let message: Value = serde_json::from_str(&form["message"]).unwrap();
    let shown = &message["notification"];
    let good = message["target_type"] == 2
        && shown["title"].as_str().is_some_and(|t| (1..=50).contains(&t.chars().count()))
        && shown["content"].as_str().is_some_and(|t| (1..=50).contains(&t.chars().count()))
        && shown["off_line"] == true
        && shown["off_line_ttl"].as_u64().is_some_and(|t| (1..=120).contains(&t));
    match (message["target_value"].as_str(), shown["action_parameters"].as_str()) {
        (Some(token), Some(text)) if good => Ok((token.to_owned(), under_key(text))),
        _ => {
            world.fault(format!("oppo: {message}"));
            Err((200, json!({ "code": 41, "message": "Invalid Arguments" })))
        }
    }
}

fn vivo_token(world: &World, body: &str) -> Answer {
    let body: Value = serde_json::from_str(body).unwrap();
    let at = body["timestamp"].as_i64().unwrap_or(0);
    let sign = hex(&<Md5 as md5::Digest>::digest(format!("10004vivo-key{at}{SECRET}")));
    if body["appId"] != 10_004 || body["appKey"] != "vivo-key" || body["sign"] != sign.as_str() || !recent(at)
    {
        world.fault(format!("vivo's token: {body}"));
        return Some((200, json!({ "result": 10_200, "desc": "签名不正确" }), None));
    }
    Some((200, json!({ "result": 0, "desc": "请求成功", "authToken": world.grant("vivo") }), None))
}

fn vivo(world: &World, headers: &HeaderMap, body: &str) -> Read {
    let token = headers.get("authToken").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !world.knows("vivo", token) {
        return Err((200, json!({ "result": 10_000, "desc": "权限认证失败" })));
    }
    let body: Value = serde_json::from_str(body).unwrap();
    let good = body["appId"] == 10_004
        && [1, 2, 3, 4].iter().any(|n| body["notifyType"] == *n)
        && body["title"].as_str().is_some_and(|t| (1..=40).contains(&t.chars().count()))
        && body["content"].as_str().is_some_and(|t| (1..=100).contains(&t.chars().count()))
        && body["timeToLive"].as_u64().is_some_and(|t| (60..=604_800).contains(&t))
        && body["skipType"] == 1
        && body["classification"] == 1
        && body["category"] == "IM"
        && body["sendOnline"] == true
        && body["requestId"].as_str().is_some_and(|r| (1..=64).contains(&r.len()));
    match (body["regId"].as_str(), body["clientCustomMap"]["waybell"].as_str()) {
        (Some(token), Some(text)) if good => Ok((token.to_owned(), text.to_owned())),
        _ => {
            world.fault(format!("vivo: {body}"));
            Err((200, json!({ "result": 10_101, "desc": "参数不合法" })))
        }
    }
}

//! Engines of vendors, in the shapes that their documents describe.
//!
//! | vendor | request | shown to it | a call's notice | "unregistered" |
//! |---|---|---|---|---|
//! | FCM HTTP v1 | POST JSON | access token for a JWT (RS256) of a service account | data, high priority | 404 `UNREGISTERED`, 400 about the token |
//! | APNs | POST JSON, HTTP/2 | JWT (ES256) of the team, 40 minutes old at most | `voip`, expiration 0, priority 10 | 410 |
//! | Huawei Push Kit v1 | POST JSON | access token, client credentials | data, urgent | 80300007, 80100000 |
//! | Mi Push v3 | POST form | the AppSecret | notification | 20301 without a target |
//! | OPPO PUSH | POST form | token for SHA-256 of key, time and secret | notification | 10000 to 19999 about the registration id |
//! | vivo push | POST JSON | token for MD5 of id, key, time and secret | notification | 10302, `invalidUser` |
//!
//! The last three deliver to an app that was closed only what they show to the person, whose tap opens the app: they say that
//! somebody rings, and no more.

mod apns;
mod fcm;
mod huawei;
mod oppo;
mod vivo;
mod xiaomi;

use super::engine::Push;
use super::settings::{PushConfig, PushProblem};
use std::sync::Arc;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::PushNotice;

/// An engine for each vendor that is set.
pub(super) fn open(config: &PushConfig) -> Result<Vec<Arc<dyn Push>>, PushProblem> {
    let mut out: Vec<Arc<dyn Push>> = Vec::new();
    if !config.is_set() {
        // the roots of TLS are read for nobody
        return Ok(out);
    }
    let no_tls = |e: reqwest::Error| {
        PushProblem::new("", format!("TLS does not start: {e}"), "install ca-certificates")
    };
    let client = super::client::plain().map_err(no_tls)?;
    if let Some(fcm) = &config.fcm {
        out.push(Arc::new(fcm::Fcm::open(fcm, client.clone())?));
    }
    if let Some(apns) = &config.apns {
        out.push(Arc::new(apns::Apns::open(apns, super::client::multiplexed().map_err(no_tls)?)?));
    }
    if let Some(huawei) = &config.huawei {
        out.push(Arc::new(huawei::Huawei::open(huawei, client.clone())?));
    }
    let shown = Shown { title: config.title.clone(), text: config.text.clone() };
    if let Some(xiaomi) = &config.xiaomi {
        out.push(Arc::new(xiaomi::Xiaomi::open(xiaomi, shown.clone(), client.clone())?));
    }
    if let Some(oppo) = &config.oppo {
        out.push(Arc::new(oppo::Oppo::open(oppo, shown.clone(), client.clone())?));
    }
    if let Some(vivo) = &config.vivo {
        out.push(Arc::new(vivo::Vivo::open(vivo, shown, client)?));
    }
    Ok(out)
}

/// What a vendor shows to the person.
#[derive(Clone)]
struct Shown {
    title: String,
    text: String,
}

/// Seconds that a notice is worth something: 1 at least.
fn life(notice: &PushNotice, now: UnixMs) -> i64 {
    ((notice.expires_at.0 - now.0 + 999) / 1_000).clamp(1, 86_400)
}

/// A notice as the text that the app reads.
fn text(notice: &PushNotice) -> String {
    serde_json::json!({ PushNotice::KEY: notice }).to_string()
}

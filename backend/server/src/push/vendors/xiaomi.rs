//! Mi Push, v3, one registration id. An app that was closed gets a notification alone, whose tap opens it.

use super::super::client::{Answer, ask};
use super::super::engine::{Push, Refused};
use super::super::settings::{self, PushProblem};
use super::super::{read_secret, told};
use super::{Shown, life, text};
use crate::speech::Secret;
use async_trait::async_trait;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::Deserialize;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{PushNotice, PushVendor};

pub(super) struct Xiaomi {
    client: Client,
    url: String,
    package: String,
    secret: Secret,
    channel: Option<String>,
    shown: Shown,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    result: String,
    code: i64,
    reason: String,
    description: String,
}

impl Xiaomi {
    pub(super) fn open(
        config: &settings::Xiaomi,
        shown: Shown,
        client: Client,
    ) -> Result<Xiaomi, PushProblem> {
        Ok(Xiaomi {
            client,
            url: format!("{}/v3/message/regid", config.url),
            package: config.package.clone(),
            secret: read_secret("xiaomi.secret_file", &config.secret_file)?,
            channel: config.channel.clone(),
            shown,
        })
    }
}

#[async_trait]
impl Push for Xiaomi {
    fn vendor(&self) -> PushVendor {
        PushVendor::Xiaomi
    }

    fn is_silent(&self) -> bool {
        false
    }

    async fn push(&self, token: &str, notice: &PushNotice, now: UnixMs) -> Result<(), Refused> {
        let (payload, live) = (text(notice), (life(notice, now) * 1_000).to_string());
        let mut form = vec![
            ("registration_id", token),
            ("restricted_package_name", self.package.as_str()),
            // a notification; sound, vibration and light
            ("pass_through", "0"),
            ("notify_type", "-1"),
            ("title", &self.shown.title),
            ("description", &self.shown.text),
            ("payload", &payload),
            ("time_to_live", &live),
            // a tap opens the app; an app that is open shows its own
            ("extra.notify_effect", "1"),
            ("extra.notify_foreground", "0"),
        ];
        form.extend(self.channel.as_deref().map(|id| ("extra.channel_id", id)));
        let body = serde_urlencoded::to_string(form).map_err(|_| Refused::lost("could not be written"))?;
        let request = self
            .client
            .post(&self.url)
            .header(AUTHORIZATION, format!("key={}", self.secret.reveal()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded;charset=UTF-8")
            .body(body);
        read(&ask(request).await?, token)
    }
}

fn read(answer: &Answer, token: &str) -> Result<(), Refused> {
    let said = answer.read::<Told>().unwrap_or_default();
    if answer.status == 200 && said.result == "ok" && said.code == 0 {
        return Ok(());
    }
    let told = told(&format!("{} {} {}", said.code, said.reason, said.description), &[token]);
    let reason = said.reason.to_lowercase();
    Err(match said.code {
        20_301 if reason.contains("target") || reason.contains("regid") => Refused::unregistered(told),
        // system errors, and more requests than are allowed a while
        10_001..=10_003 | 10_009 | 10_022..=10_024 => answer.later(&told),
        10_012..=10_014 | 21_301 | 22_006 | 22_021 => Refused::barred(told),
        _ => answer.refused(&told),
    })
}

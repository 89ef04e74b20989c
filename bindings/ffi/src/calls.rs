//! Calls: who rang, what they said, and calling back.
//!
//! Words are the stable ones of the API (`missed`, `riding`, …); an empty text means "none".

use crate::client::{Answer, WaybellClient, bad, parcel_ids, run};
use crate::records::Undone;
use waybell_core::calls as core;
use waybell_core::calls::audio::Sound;
use waybell_core::calls::ring::Whom;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::CallId;
use waybell_domain::inbound::Availability;
use waybell_domain::lang::Lang;
use waybell_domain::wire::{PushTokenRequest, PushVendor};

/// A call as a list shows it.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Call {
    /// Id.
    pub id: String,
    /// `incoming`, `outgoing`.
    pub direction: String,
    /// The customer's number with its middle hidden, `anonymous`, or `gone`.
    pub caller: String,
    /// What it came to: `answered`, `missed`, `voicemail`, …; empty while it goes on.
    pub outcome: String,
    /// The outcome in Chinese.
    pub outcome_zh: String,
    /// `now`, `soon`, `later`, or `none` where it asks for nothing.
    pub urgency: String,
    /// How often this caller has rung in vain in the last day and waits.
    pub rings: u32,
    /// What the caller's parcels are, in Chinese: `幸福花园3号楼 2件`.
    pub context_zh: String,
    /// The same in English.
    pub context_en: String,
    /// Waybills that the server named as the caller's.
    pub waybills: Vec<String>,
    /// When it came in, unix ms.
    pub started_at: i64,
    /// Somebody has seen to it.
    pub handled: bool,
    /// A mark that was made here has not reached the server.
    pub pending: bool,
    /// `none`, `no` (it can be fetched), `recording`, `part`, `whole` (it is on this phone).
    pub sound: String,
    /// Length of the sound, ms.
    pub sound_ms: i64,
    /// What a machine has written down of a voicemail; empty where nothing. It mishears: show it as a machine's text.
    pub transcript: String,
    /// What the caller wants by that text, the most urgent first: `complaint`, `refuse`, `later`, `leave_at`, `door`,
    /// `where_is_it`, `call_back`.
    pub intents: Vec<String>,
    /// The same in Chinese, in one line: `投诉、查件`.
    pub wishes_zh: String,
    /// The same in English.
    pub wishes_en: String,
}

/// Whether calls reach this person.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Reach {
    /// `available`, `riding`, `off`.
    pub mode: String,
    /// Available again from then on, unix ms.
    pub until: Option<i64>,
    /// The server does not know it yet.
    pub pending: bool,
}

/// A call that is being made: the courier's own telephone rings first.
#[derive(Clone, Debug, uniffi::Record)]
pub struct CallMade {
    /// Id, for `hang_up`.
    pub id: String,
    /// What the courier should know, in Chinese: quiet hours, opted out.
    pub warnings_zh: Vec<String>,
    /// The same in English.
    pub warnings_en: Vec<String>,
}

/// Whom to call.
#[derive(Clone, Debug, uniffi::Enum)]
pub enum CallTo {
    /// The recipient of this parcel.
    Parcel {
        /// Its id.
        id: String,
    },
    /// The customer of this call.
    Call {
        /// Its id.
        id: String,
    },
    /// A number, as people write it.
    Number {
        /// The number.
        text: String,
    },
}

impl From<core::Call> for Call {
    fn from(c: core::Call) -> Self {
        let (context_zh, context_en) = (c.context(Lang::Zh), c.context(Lang::En));
        let (wishes_zh, wishes_en) = (c.wishes(Lang::Zh), c.wishes(Lang::En));
        let transcript = c.transcript().and_then(|t| t.text.clone()).unwrap_or_default();
        let intents = c.transcript().map(|t| t.intents.iter().map(|i| i.as_str().to_owned()).collect());
        let sound = match c.sound {
            Sound::None => "none",
            Sound::No => "no",
            Sound::Recording => "recording",
            Sound::Part => "part",
            Sound::Whole { .. } => "whole",
        };
        Call {
            id: c.view.id.to_string(),
            direction: c.view.direction.as_str().to_owned(),
            caller: c.view.caller,
            outcome: c.view.outcome.map(|o| o.as_str().to_owned()).unwrap_or_default(),
            outcome_zh: c.view.outcome.map(|o| o.label_zh().to_owned()).unwrap_or_default(),
            urgency: c.urgency.as_str().to_owned(),
            rings: c.rings,
            context_zh,
            context_en,
            waybills: c.view.waybills,
            started_at: c.view.started_at.0,
            handled: c.view.handled_at.is_some(),
            pending: c.pending,
            sound: sound.to_owned(),
            sound_ms: c.view.audio.map_or(0, |a| a.ms),
            transcript,
            intents: intents.unwrap_or_default(),
            wishes_zh,
            wishes_en,
        }
    }
}

pub(crate) fn call_id(word: &str) -> Answer<CallId> {
    CallId::parse(word).map_err(|e| bad("call", &e.to_string()))
}

pub(crate) fn whom(to: CallTo) -> Answer<Whom> {
    Ok(match to {
        CallTo::Parcel { id } => {
            let ids = parcel_ids(&[id])?;
            Whom::Parcel(*ids.first().ok_or_else(|| bad("parcel", "is missing"))?)
        }
        CallTo::Call { id } => Whom::Call(call_id(&id)?),
        CallTo::Number { text } => Whom::Number(text),
    })
}

#[uniffi::export]
impl WaybellClient {
    /// Whether calls reach this person now, as far as is known here.
    pub fn reach(&self) -> Answer<Reach> {
        let reach = self.client.calls().reach()?;
        Ok(Reach {
            mode: reach.mode.as_str().to_owned(),
            until: reach.until.map(|u| u.0),
            pending: reach.pending,
        })
    }
}

#[uniffi::export]
impl WaybellClient {
    /// The calls of the last 30 days, the most urgent first; with `open_only` those that ask for something. Offline.
    pub async fn calls(&self, open_only: bool) -> Answer<Vec<Call>> {
        let calls = self.client.calls();
        let list = run(async move { calls.list(open_only).await }).await?;
        Ok(list.into_iter().map(Call::from).collect())
    }

    /// How many calls ask for something: the number on a badge. Offline.
    pub async fn open_calls(&self) -> Answer<u32> {
        let calls = self.client.calls();
        run(async move { calls.open_count().await }).await
    }

    /// Marks a call as handled: shown at once, sent once when there is a network.
    pub async fn call_handled(&self, call: String) -> Answer<()> {
        let id = call_id(&call)?;
        let calls = self.client.calls();
        run(async move { calls.handled(id).await }).await
    }

    /// The call was marked by mistake and asks for something again.
    pub async fn reopen_call(&self, call: String) -> Answer<Undone> {
        let id = call_id(&call)?;
        let calls = self.client.calls();
        run(async move { calls.reopen(id).await }).await.map(Undone::from)
    }

    /// Says whether calls reach this person: `available`, `riding`, `off`; until `until` (unix ms) where it is given. Offline;
    /// what was said last counts.
    pub async fn set_reach(&self, mode: String, until: Option<i64>) -> Answer<()> {
        let mode =
            Availability::parse(&mode).ok_or_else(|| bad("mode", "is not available, riding or off"))?;
        let calls = self.client.calls();
        run(async move { calls.set_reach(mode, until.map(UnixMs)).await }).await
    }

    /// Says where this phone can be woken for a call while the app is closed: `vendor` is fcm, apns (a token of PushKit), huawei,
    /// xiaomi, oppo or vivo. Call it at each start of the app and whenever the token changes; without a token it is woken no
    /// more. Stored when this returns, told the server once for each sign-in, when there is a network.
    pub async fn set_push_token(
        &self,
        vendor: String,
        token: Option<String>,
        app_version: Option<String>,
    ) -> Answer<()> {
        let vendor = PushVendor::parse(&vendor)
            .ok_or_else(|| bad("vendor", "is not fcm, apns, huawei, xiaomi, oppo or vivo"))?;
        let request = token.map(|token| PushTokenRequest { vendor, token, app_version });
        let session = self.client.session();
        run(async move { session.set_push_token(request).await }).await
    }

    /// Fetches the sound of a call to this phone, sealed, unless it is here; how many bytes the WAV file has. Goes on where it
    /// was cut off; `Offline` keeps what has come.
    pub async fn fetch_sound(&self, call: String) -> Answer<u64> {
        let id = call_id(&call)?;
        let calls = self.client.calls();
        run(async move { calls.fetch_sound(id).await }).await
    }

    /// Bytes of a WAV file that is on this phone, from `offset` on, `most` at most; empty at the end. Offline: feed a player
    /// with it, and write it nowhere.
    pub async fn sound(&self, call: String, offset: u64, most: u32) -> Answer<Vec<u8>> {
        let id = call_id(&call)?;
        let calls = self.client.calls();
        run(async move { calls.sound(id, offset, most as usize).await }).await
    }

    /// Removes the sound of a call from this phone; the server keeps its own.
    pub async fn drop_sound(&self, call: String) -> Answer<()> {
        let id = call_id(&call)?;
        let calls = self.client.calls();
        run(async move { calls.drop_sound(id).await }).await
    }

    /// Calls a customer: the courier's own telephone rings first. Needs the server; nothing is kept for later, so `Offline`
    /// means that nothing will ring, or that no answer came and `calls` shows whether it does.
    pub async fn call(&self, to: CallTo) -> Answer<CallMade> {
        let whom = whom(to)?;
        let calls = self.client.calls();
        let started = run(async move { calls.ring(&whom).await }).await?;
        let said = |lang: Lang| started.warnings.iter().map(|w| w.label(lang).to_owned()).collect();
        Ok(CallMade {
            id: started.call.id.to_string(),
            warnings_zh: said(Lang::Zh),
            warnings_en: said(Lang::En),
        })
    }

    /// Ends a call that was made here.
    pub async fn hang_up(&self, call: String) -> Answer<()> {
        let id = call_id(&call)?;
        let calls = self.client.calls();
        run(async move { calls.hang_up(id).await }).await
    }
}

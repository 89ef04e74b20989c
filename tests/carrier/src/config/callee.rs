//! The behaviour of one callee: names, fields, fallbacks.

use serde::{Deserialize, Serialize};

use crate::rng;

/// What a callee, or the network before it, does with a call. The crate's README describes each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documented words of the settings file")]
pub enum Behaviour {
    #[default]
    Answer,
    AnswerHangupEarly,
    PressKeys,
    Busy,
    NoAnswer,
    Reject,
    Unallocated,
    PoweredOff,
    OutOfCoverage,
    Suspended,
    RateLimited,
    TimeBarred,
    CallerBarred,
    Overload,
    ServerError,
    #[serde(rename = "slow_180")]
    Slow180,
    #[serde(rename = "only_183")]
    Only183,
    NoProvisional,
    LostResponse,
    Duplicated,
    Late,
    Reordered,
    WrongSdp,
    NoAckSeen,
    ByeRace,
    CancelRace,
    Forked,
    ForkedRinging,
    Redirect,
    Challenge,
    Garbage,
    Hold,
    ReinviteGlare,
    SessionTimer,
    DelayedOfferReinvite,
    RtpLoss,
    LateMedia,
    OtherRtpSource,
    RtpInject,
    Silent,
    Status,
}

impl Behaviour {
    /// The name used in the settings file and the truth log.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => String::new(),
        }
    }
}

/// How keys are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DtmfKind {
    /// Telephone events where the caller offered them, else in the audio.
    #[default]
    Rfc4733,
    /// Two tones in the audio.
    Inband,
}

/// What the callee's phone sends while answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audio {
    /// Packets of silence.
    #[default]
    Silence,
    /// A 400 Hz tone.
    Tone,
    /// No packets.
    None,
    /// A WAV file (8 kHz mono), repeated.
    File(std::path::PathBuf),
}

/// One choice of a mix.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixEntry {
    /// What to do.
    pub behaviour: Behaviour,
    /// Share among the weights of the mix.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// An entry of the settings file. Times are milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the documented words of the settings file")]
pub struct Callee {
    pub number: Option<String>,
    pub prefix: Option<String>,
    pub pattern: Option<String>,
    pub behaviour: Option<Behaviour>,
    #[serde(default)]
    pub mix: Vec<MixEntry>,
    #[serde(default)]
    pub sequence: Vec<Behaviour>,
    pub delay_ms: Option<u64>,
    pub ring_ms: Option<u64>,
    pub talk_ms: Option<u64>,
    pub until_end: Option<bool>,
    pub digits: Option<String>,
    pub digits_after_ms: Option<u64>,
    pub dtmf: Option<DtmfKind>,
    pub status: Option<u16>,
    pub reason: Option<String>,
    pub cause: Option<u16>,
    pub text: Option<String>,
    pub retry_after_s: Option<u32>,
    pub drop_response: Option<Vec<u32>>,
    pub late_ms: Option<u64>,
    pub session_expires_s: Option<u32>,
    pub refresher: Option<String>,
    pub redirect_to: Option<String>,
    pub rtp_loss: Option<f64>,
    pub audio: Option<Audio>,
    pub codec: Option<String>,
    pub sdp_fault: Option<String>,
    pub early_media: Option<bool>,
    pub max_talk_ms: Option<u64>,
    pub silence_hangup_ms: Option<u64>,
}

/// A callee with every fallback filled in.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of the settings file")]
pub struct Resolved {
    pub behaviour: Behaviour,
    pub delay_ms: u64,
    pub ring_ms: u64,
    pub talk_ms: u64,
    pub until_end: bool,
    pub digits: String,
    pub digits_after_ms: u64,
    pub dtmf: DtmfKind,
    pub status: Option<u16>,
    pub reason: Option<String>,
    pub cause: Option<u16>,
    pub text: Option<String>,
    pub retry_after_s: u32,
    pub drop_response: Vec<u32>,
    pub late_ms: u64,
    pub session_expires_s: u32,
    pub refresher: String,
    pub redirect_to: Option<String>,
    pub rtp_loss: f64,
    pub audio: Audio,
    pub codec: Option<u8>,
    pub sdp_fault: String,
    pub early_media: bool,
    pub max_talk_ms: u64,
    pub silence_hangup_ms: u64,
}

impl Callee {
    /// Checks what the types cannot.
    pub(crate) fn check(&self) -> Result<(), String> {
        let named = [&self.number, &self.prefix, &self.pattern].into_iter().flatten().count();
        if named != 1 {
            return Err("exactly one of number, prefix and pattern must be given".to_owned());
        }
        if let Some(bad) = self.digits.iter().flat_map(|d| d.chars()).find(|c| !"0123456789*#".contains(*c)) {
            return Err(format!("digits holds {bad:?}, which is no key"));
        }
        if let Some(codec) = self.codec.as_deref().filter(|c| !matches!(*c, "pcma" | "pcmu")) {
            return Err(format!("codec {codec:?} is neither pcma nor pcmu"));
        }
        if self.status.is_some_and(|s| !(300..700).contains(&s)) {
            return Err("status must be 300 to 699".to_owned());
        }
        if self.rtp_loss.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err("rtp_loss must be 0 to 1".to_owned());
        }
        Ok(())
    }

    /// This entry with missing fields taken from `base`.
    pub(crate) fn over(&self, base: &Self) -> Self {
        let mut c = self.clone();
        macro_rules! fall_back {
            ($($field:ident),*) => { $( if c.$field.is_none() { c.$field.clone_from(&base.$field); } )* };
        }
        fall_back!(
            delay_ms,
            ring_ms,
            talk_ms,
            until_end,
            digits,
            digits_after_ms,
            dtmf,
            status,
            reason,
            cause,
            text,
            retry_after_s,
            drop_response,
            late_ms,
            session_expires_s,
            refresher,
            redirect_to,
            rtp_loss,
            audio,
            codec,
            sdp_fault,
            early_media,
            max_talk_ms,
            silence_hangup_ms
        );
        if c.behaviour.is_none() && c.mix.is_empty() && c.sequence.is_empty() {
            c.behaviour = base.behaviour;
            c.mix.clone_from(&base.mix);
            c.sequence.clone_from(&base.sequence);
        }
        c
    }

    /// Fills in what is missing and picks the behaviour.
    pub(crate) fn resolve(&self, number: &str, call_no: u32, seed: u64) -> Resolved {
        let behaviour = self.pick(number, call_no, seed);
        Resolved {
            behaviour,
            delay_ms: self.delay_ms.unwrap_or(if behaviour == Behaviour::Slow180 { 3_000 } else { 100 }),
            ring_ms: self.ring_ms.unwrap_or(match behaviour {
                Behaviour::NoAnswer => 180_000,
                _ => 1_000,
            }),
            talk_ms: self.talk_ms.unwrap_or(5_000),
            until_end: self.until_end.unwrap_or(false),
            digits: self.digits.clone().unwrap_or_else(|| "1".to_owned()),
            digits_after_ms: self.digits_after_ms.unwrap_or(2_000),
            dtmf: self.dtmf.unwrap_or_default(),
            status: self.status,
            reason: self.reason.clone(),
            cause: self.cause,
            text: self.text.clone(),
            retry_after_s: self.retry_after_s.unwrap_or(5),
            drop_response: self.drop_response.clone().unwrap_or_else(|| vec![2]),
            late_ms: self.late_ms.unwrap_or(if behaviour == Behaviour::NoAckSeen { 3_000 } else { 800 }),
            session_expires_s: self.session_expires_s.unwrap_or(90),
            refresher: self.refresher.clone().unwrap_or_else(|| "uas".to_owned()),
            redirect_to: self.redirect_to.clone(),
            rtp_loss: self.rtp_loss.unwrap_or(0.05),
            audio: self.audio.clone().unwrap_or_default(),
            codec: match self.codec.as_deref() {
                Some("pcma") => Some(8),
                Some("pcmu") => Some(0),
                _ => None,
            },
            sdp_fault: self.sdp_fault.clone().unwrap_or_else(|| "malformed".to_owned()),
            early_media: self.early_media.unwrap_or(false),
            max_talk_ms: self.max_talk_ms.unwrap_or(120_000),
            silence_hangup_ms: self.silence_hangup_ms.unwrap_or(15_000),
        }
    }

    fn pick(&self, number: &str, call_no: u32, seed: u64) -> Behaviour {
        if let Some(last) = self.sequence.last() {
            return self.sequence.get(call_no as usize).copied().unwrap_or(*last);
        }
        let total: u64 = self.mix.iter().map(|m| u64::from(m.weight)).sum();
        if total > 0 {
            let mut at = rng::hash(seed, number) % total;
            for entry in &self.mix {
                let weight = u64::from(entry.weight);
                if at < weight {
                    return entry.behaviour;
                }
                at -= weight;
            }
        }
        self.behaviour.unwrap_or_default()
    }
}

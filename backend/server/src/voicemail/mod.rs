//! Voicemail: what the caller hears before the tone, and the tone.
//!
//! The message itself is a recording of the caller alone (`recordings`), begun after the tone; any key skips the greeting,
//! any key ends the message. Silence at its end is cut by the switch's recorder. A message in which nobody speaks is none:
//! its file goes and the call is a missed one.

use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};
use waybell_domain::inbound::Availability;
use waybell_switch::Prompt;

/// What the caller hears, in pieces, so that each is made once.
pub(crate) fn greeting(company: &str, mode: Availability) -> Vec<String> {
    let mut said = vec![format!("您好，这里是{company}。")];
    said.push(
        match mode {
            Availability::Riding => "快递员正在骑行，暂时无法接听。",
            Availability::Off => "快递员现在不在班。",
            Availability::Available => "暂时无人接听。",
        }
        .to_owned(),
    );
    said.push("请在提示音后留言，按任意键结束。".to_owned());
    said
}

/// The tone after which the message begins: 300 ms of 1 kHz.
pub(crate) fn tone() -> Arc<Prompt> {
    static TONE: LazyLock<Arc<Prompt>> = LazyLock::new(|| {
        let wave = |i: u32| ((f64::from(i) * TAU / 8.0).sin() * 6_000.0) as i16;
        let samples: Vec<i16> = (0..2_400).map(wave).collect();
        Prompt::from_pcm("tone", &samples)
    });
    TONE.clone()
}

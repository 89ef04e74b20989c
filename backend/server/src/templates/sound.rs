//! A notice as a file to listen to before anybody is rung.

use crate::app::App;
use crate::flow::spoken;
use crate::http::error::{ApiError, ApiResult};
use crate::speech::Whose;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::io::Cursor;
use waybell_domain::flow::Flow;
use waybell_domain::template::Values;
use waybell_switch::{Codec, Prompt};

/// Said where the voice of the last resort was heard.
const ESPEAK: &str =
    "spoken by espeak-ng, which most people do not understand; record the words or set an engine";

/// What is heard until the first key, as a WAV file: 8 kHz, 16 bit, mono, through the codec of the call. The headers
/// `Waybell-Voice` and `Waybell-Warning` say who speaks, and whether somebody should mend that.
pub(super) async fn answer(app: &App, whose: Whose, flow: &Flow, values: &Values) -> ApiResult<Response> {
    let texts = spoken(flow, values)
        .map_err(|e| ApiError::conflict("flow", e.to_string()).hint("write the wording anew"))?;
    let (prompts, by) = app.speech.spoken(whose, &texts).await.map_err(|e| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_voice", e.to_string())
            .hint("see `speech` in the configuration")
    })?;
    let bytes = wav(prompts.iter().map(AsRef::as_ref))
        .map_err(|e| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_voice", e.to_string()))?;
    let head = [(header::CONTENT_TYPE, "audio/wav"), (header::CACHE_CONTROL, "private, no-store")];
    let mut answer = (head, bytes).into_response();
    let mut tell = |name: &'static str, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            answer.headers_mut().insert(name, value);
        }
    };
    tell("waybell-voice", &by.join(", "));
    if by.contains(&"espeak-ng") {
        tell("waybell-warning", ESPEAK);
    }
    Ok(answer)
}

fn wav<'a>(prompts: impl Iterator<Item = &'a Prompt>) -> Result<Vec<u8>, hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut out = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut out, spec)?;
    for prompt in prompts {
        for frame in (0..prompt.frames()).filter_map(|n| prompt.frame(Codec::Pcma, n)) {
            for code in frame {
                writer.write_sample(Codec::Pcma.decode(*code))?;
            }
        }
    }
    writer.finalize()?;
    Ok(out.into_inner())
}

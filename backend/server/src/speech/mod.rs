//! Spoken words: pieces of text turned into prompts, once each.
//!
//! A notice is spoken in pieces (literal text and slots), so that a thousand notices need a few dozen prompts. A piece is
//! looked for in memory and among what was recorded, and is made by an engine otherwise:
//!
//! ```text
//!  own words ([`words`]) ──▶ folder of words ──▶ command ──▶ iflytek ──▶ alibaba ──▶ tencent ──▶ espeak-ng     (those that are set, in their order)
//!                       each: its cache (a file by hash of engine, voice and text), then the engine itself ([`seat`])
//! ```
//!
//! What an engine made is kept for ever, so none is asked twice for the same words; whoever asks for them meanwhile waits for
//! the first. What a later engine made because an earlier one failed is used for a minute and then looked for anew, from the
//! top. A piece that nobody can speak is an error: a notice with a hole in it says something else.
//!
//! [`Speech::prepare`] starts it at the intent, so that it is ready at the answer. Memory holds the pieces of late, 32 MB of
//! them; the others are read again from the folder. A text without a letter or digit is a pause, which nobody is asked for.

mod budget;
mod engine;
mod level;
mod program;
mod seat;
mod settings;
#[cfg(test)]
mod tests;
mod vendors;
mod wav;
pub mod words;

pub use settings::{Alibaba, Iflytek, Secret, Speech as SpeechConfig, Tencent};
pub(crate) use wav::bytes_8k as wav_of;
pub use words::Whose;

use budget::Budget;
use engine::Engine;
pub(crate) use engine::{Failure, Kind};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use seat::{Seat, Waits};
use sha2::{Digest, Sha256};
use std::cell::LazyCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use waybell_domain::wire::{EngineState, VoiceView};
use waybell_switch::Prompt;
use words::Words;

/// Longest that the command of the last resort may take for a piece.
const LAST_RESORT: Duration = Duration::from_secs(20);
/// A text without words, samples.
const PAUSE: usize = 1_600;

/// Bytes of prompts in memory; one second of speech takes 16 kB.
const MEMORY: u64 = 32 << 20;
/// What a prompt weighs where the cache makes its first guess at how many it holds.
const USUAL: u64 = 16 << 10;

/// A prompt weighs what its sound does.
#[derive(Clone)]
struct Bytes;

impl Weighter<String, Made> for Bytes {
    fn weight(&self, text: &String, made: &Made) -> u64 {
        // both laws, 8 bytes a millisecond each
        u64::from(made.prompt.duration_ms()) * 16 + text.len() as u64 + 200
    }
}

/// A piece in memory.
#[derive(Clone)]
struct Made {
    prompt: Arc<Prompt>,
    /// Who speaks.
    by: &'static str,
    /// It stands in for that of an engine that failed, until then.
    until: Option<Instant>,
}

impl Made {
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }
}

/// Makes and keeps prompts. Cheap to clone.
#[derive(Clone)]
pub struct Speech {
    slots: Option<Arc<PathBuf>>,
    seats: Arc<Vec<Seat>>,
    cache: Arc<PathBuf>,
    pieces: Arc<Cache<String, Made, Bytes>>,
    words: Arc<Words>,
    voice: Option<Voice>,
    budget: Arc<Budget>,
    warning: Option<&'static str>,
}

/// Makes a prompt at once.
type Voice = Arc<dyn Fn(&str) -> Result<Arc<Prompt>, SpeechError> + Send + Sync>;

/// Why words could not be made audible.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpeechError {
    /// No engine speaks: each with its problem.
    #[error("speech: {0}; see `speech` in the configuration")]
    Mute(String),
    /// The sound file cannot be used.
    #[error("sound: {0}")]
    Sound(String),
}

impl Speech {
    /// `cache` is a folder for made prompts.
    pub fn new(config: &SpeechConfig, cache: PathBuf) -> Speech {
        let waits = Waits::usual(Duration::from_secs(u64::from(config.seconds)));
        // made only where a vendor is set
        let client: LazyCell<vendors::Client> = LazyCell::new(vendors::Client::new);
        let engines: Vec<_> =
            config.engines().into_iter().filter_map(|name| of_name(config, name, &client)).collect();
        let last = if config.espeak.is_empty() { engines.len() } else { usize::MAX };
        let budget =
            Arc::new(Budget::of(config.characters_a_day, Some(cache.with_file_name("characters.json"))));
        let seat = |(n, engine)| Seat::new(engine, waits, n + 1 == last).within(&budget);
        let mut seats: Vec<Seat> = engines.into_iter().enumerate().map(seat).collect();
        if !config.espeak.is_empty() {
            let last = program::Espeak {
                command: config.espeak.clone(),
                voice: config.voice.clone(),
                words_per_minute: config.words_per_minute,
            };
            seats.push(Seat::new(Box::new(last), Waits::usual(LAST_RESORT), true));
        }
        let (slots, warning) = (config.slots.clone().map(Arc::new), config.warning());
        Speech { slots, budget, warning, ..Speech::with(seats, cache) }
    }

    fn with(seats: Vec<Seat>, cache: PathBuf) -> Speech {
        Speech {
            slots: None,
            seats: Arc::new(seats),
            cache: Arc::new(cache),
            pieces: Arc::new(Cache::with_weighter((MEMORY / USUAL) as usize, MEMORY, Bytes)),
            words: Arc::default(),
            voice: None,
            budget: Arc::new(Budget::of(0, None)),
            warning: None,
        }
    }

    /// Words made by a function that does not wait, for simulators; nothing is kept in a folder.
    pub fn of(voice: impl Fn(&str) -> Result<Arc<Prompt>, SpeechError> + Send + Sync + 'static) -> Speech {
        Speech { voice: Some(Arc::new(voice)), ..Speech::with(Vec::new(), PathBuf::new()) }
    }

    /// Starts making these pieces, in the background.
    pub fn prepare(&self, whose: impl Into<Whose>, texts: Vec<String>) {
        let whose = whose.into();
        for text in texts {
            if self.in_memory(whose, &text, true).is_some() {
                continue;
            }
            let this = self.clone();
            tokio::spawn(async move {
                if let Err(error) = this.said(whose, &text).await {
                    tracing::warn!(%error, "a prompt could not be made");
                }
            });
        }
    }

    /// The prompts of these texts, in order.
    ///
    /// # Errors
    /// One of them cannot be made. Nothing is left out: a notice with a hole in it says something else.
    pub async fn prompts(
        &self,
        whose: impl Into<Whose>,
        texts: &[String],
    ) -> Result<Vec<Arc<Prompt>>, SpeechError> {
        Ok(self.spoken(whose.into(), texts).await?.0)
    }

    /// The prompts of these texts, in order, and who speaks them, each once.
    ///
    /// # Errors
    /// As [`Speech::prompts`].
    pub async fn spoken(
        &self,
        whose: Whose,
        texts: &[String],
    ) -> Result<(Vec<Arc<Prompt>>, Vec<&'static str>), SpeechError> {
        let (mut out, mut by) = (Vec::with_capacity(texts.len()), Vec::new());
        for text in texts {
            for made in self.said(whose, text).await? {
                if made.by != "pause" && !by.contains(&made.by) {
                    by.push(made.by);
                }
                out.push(made.prompt);
            }
        }
        Ok((out, by))
    }

    /// The prompts, if all of them are in memory.
    pub fn ready(&self, whose: impl Into<Whose>, texts: &[String]) -> Option<Vec<Arc<Prompt>>> {
        let whose = whose.into();
        let mut out = Vec::with_capacity(texts.len());
        for text in texts {
            out.extend(self.in_memory(whose, text, false)?.into_iter().map(|made| made.prompt));
        }
        Some(out)
    }

    /// The words that organisations have recorded.
    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    /// What says a text, if all of it is in memory; a stand-in that is over counts unless `fresh` is asked for.
    fn in_memory(&self, whose: Whose, text: &str, fresh: bool) -> Option<Vec<Made>> {
        match self.words.cover(whose, text) {
            Some(recorded) => recorded.iter().map(|r| self.pieces.get(&r.key())).collect(),
            None => self.pieces.get(text).filter(|made| !(fresh && made.is_over())).map(|made| vec![made]),
        }
    }

    /// What says a text: what the organisation has recorded of it, or a piece.
    async fn said(&self, whose: Whose, text: &str) -> Result<Vec<Made>, SpeechError> {
        let Some(recorded) = self.words.cover(whose, text) else { return Ok(vec![self.piece(text).await?]) };
        let mut out = Vec::with_capacity(recorded.len());
        for one in recorded {
            let read = async {
                let (file, id) = (one.file.clone(), name(text));
                blocking(move || {
                    let prompt = Prompt::from_pcm(id, &wav::read_8k(&file)?);
                    Ok(Made { prompt, by: "recorded", until: None })
                })
                .await
            };
            match self.pieces.get_or_insert_async(&one.key(), read).await {
                Ok(made) => out.push(made),
                Err(error) => {
                    // said by an engine rather than not at all
                    tracing::error!(%error, "a recording cannot be read");
                    return Ok(vec![self.piece(text).await?]);
                }
            }
        }
        Ok(out)
    }

    /// Who speaks: how the engines stand, in their order, and what they may still be asked today.
    pub fn told(&self) -> VoiceView {
        let (characters_today, characters_a_day) = self.budget.told(chrono::Utc::now());
        let engines: Vec<EngineState> = self.seats.iter().map(Seat::told).collect();
        VoiceView { engines, warning: self.warning.map(str::to_owned), characters_today, characters_a_day }
    }

    async fn piece(&self, text: &str) -> Result<Made, SpeechError> {
        if let Some(made) = self.pieces.get(text)
            && !made.is_over()
        {
            return Ok(made);
        }
        if let Some(voice) = &self.voice {
            let made = async { voice(text).map(|prompt| Made { prompt, by: "voice", until: None }) };
            return self.pieces.get_or_insert_async(text, made).await;
        }
        self.pieces.remove_if(text, Made::is_over);
        // a task of its own: what was asked of an engine is kept, also where nobody waits for it any more
        let (this, text) = (self.clone(), text.to_owned());
        tokio::spawn(async move {
            // whoever asks for the same words meanwhile waits for the first
            this.pieces.get_or_insert_async(&text, this.make(&text)).await
        })
        .await
        .map_err(|e| SpeechError::Sound(e.to_string()))?
    }

    async fn make(&self, text: &str) -> Result<Made, SpeechError> {
        let made = |pcm: &[i16], by, until| Made { prompt: Prompt::from_pcm(name(text), pcm), by, until };
        if !text.chars().any(char::is_alphanumeric) {
            return Ok(made(&[0; PAUSE], "pause", None));
        }
        if let Some(slots) = &self.slots {
            let file = slots.join(format!("{}.wav", file_name(text)));
            let read = blocking(move || file.is_file().then(|| wav::read_8k(&file)).transpose()).await;
            match read {
                Ok(Some(pcm)) => return Ok(made(&pcm, "recorded", None)),
                Ok(None) => {}
                // one bad file silences nobody; its name is the words, so it is not told
                Err(_) => {
                    tracing::warn!("a file of the slots folder cannot be read: an engine speaks for it")
                }
            }
        }
        let (mut problems, mut until) = (Vec::new(), None);
        for seat in self.seats.iter() {
            match self.say(seat, text).await {
                Ok(pcm) => return Ok(made(&pcm, seat.name(), until)),
                Err(failure) => {
                    if failure.kind != Kind::Text {
                        until = Some(Instant::now() + seat.stand_in());
                    }
                    problems.push(format!("{} {}", seat.name(), failure.problem));
                }
            }
        }
        if problems.is_empty() {
            problems.push("these words are not recorded and no engine is set".to_owned());
        }
        Err(SpeechError::Mute(problems.join("; ")))
    }

    /// A text in the voice of one engine: what it has made, and what it makes now.
    async fn say(&self, seat: &Seat, text: &str) -> Result<Vec<i16>, engine::Failure> {
        let mut out = Vec::new();
        for part in seat.parts(text) {
            let file = seat.file(&self.cache, &part);
            let kept = file.clone();
            let read = blocking(move || {
                // one that a power cut has damaged is made anew
                Ok(if kept.is_file() { wav::read_8k(&kept).ok() } else { None })
            });
            if let Ok(Some(pcm)) = read.await {
                out.push(pcm);
                continue;
            }
            let pcm = seat.ask(&part).await?;
            let (kept, folder) = (pcm.clone(), self.cache.clone());
            let written = blocking(move || {
                std::fs::create_dir_all(folder.as_path())
                    .and_then(|()| wav::write_8k(&file, &kept))
                    .map_err(|e| SpeechError::Sound(e.to_string()))
            });
            if let Err(error) = written.await {
                tracing::warn!(%error, "a made prompt cannot be kept");
            }
            out.push(pcm);
        }
        Ok(seat::join(out))
    }
}

fn of_name(config: &SpeechConfig, name: &str, client: &LazyCell<vendors::Client>) -> Option<Box<dyn Engine>> {
    let (command, voice) = (config.command.clone(), config.command_voice.clone());
    match name {
        "command" if config.command_once => Some(Box::new(program::Once { command, voice })),
        "command" => Some(Box::new(program::Worker::new(command, voice))),
        "iflytek" => {
            Some(Box::new(vendors::iflytek::Iflytek::new(config.iflytek.clone()?, (**client).clone())))
        }
        "alibaba" => {
            Some(Box::new(vendors::alibaba::Alibaba::new(config.alibaba.clone()?, (**client).clone())))
        }
        "tencent" => {
            Some(Box::new(vendors::tencent::Tencent::new(config.tencent.clone()?, (**client).clone())))
        }
        _ => None,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpeechError> + Send + 'static,
) -> Result<T, SpeechError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| SpeechError::Sound(e.to_string()))?
}

/// A name made of these words, each ended.
fn hash(words: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for word in words {
        hasher.update((word.len() as u64).to_le_bytes());
        hasher.update(word);
    }
    hasher.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
}

/// A slot's file name: the words, without what a file name cannot hold.
fn file_name(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).take(80).collect()
}

fn name(text: &str) -> String {
    text.chars().take(40).collect()
}

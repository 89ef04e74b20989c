//! Spoken words: pieces of text turned into prompts, once each.
//!
//! A notice is spoken in pieces (literal text and slots), so that a thousand notices need a few dozen prompts. A piece
//! is looked for in memory, in the cache folder (by hash of voice and text), among the recorded slots (`TEXT.wav`), and
//! is made by the command of the last resort (`espeak-ng`) otherwise. Making a piece takes tens of milliseconds and
//! runs on a blocking thread, as many at once as there are cores; [`Speech::prepare`] starts it at the intent, so that it
//! is ready at the answer. Memory holds the pieces of late, 32 MB of them; the others are read again from the folder.

mod wav;

use crate::config::Speech as SpeechConfig;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use waybell_switch::Prompt;

/// Longest that the command may take for a piece.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of prompts in memory; one second of speech takes 16 kB.
const MEMORY: u64 = 32 << 20;
/// What a prompt weighs where the cache makes its first guess at how many it holds.
const USUAL: u64 = 16 << 10;

/// A prompt weighs what its sound does.
#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<Prompt>> for Bytes {
    fn weight(&self, text: &String, prompt: &Arc<Prompt>) -> u64 {
        // both laws, 8 bytes a millisecond each
        u64::from(prompt.duration_ms()) * 16 + text.len() as u64 + 200
    }
}

/// Makes and keeps prompts. Cheap to clone.
#[derive(Clone)]
pub struct Speech {
    config: Arc<SpeechConfig>,
    cache: Arc<PathBuf>,
    pieces: Arc<Cache<String, Arc<Prompt>, Bytes>>,
    makers: Arc<Semaphore>,
    voice: Option<Voice>,
}

/// Makes a prompt at once.
type Voice = Arc<dyn Fn(&str) -> Result<Arc<Prompt>, SpeechError> + Send + Sync>;

/// Why words could not be made audible.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// The command failed or is not installed.
    #[error("speech command {command}: {problem}")]
    Command {
        /// Program.
        command: String,
        /// What went wrong.
        problem: String,
    },
    /// The sound file cannot be used.
    #[error("sound: {0}")]
    Sound(String),
}

impl Speech {
    /// `cache` is a folder for made prompts.
    pub fn new(config: SpeechConfig, cache: PathBuf) -> Speech {
        let makers = std::thread::available_parallelism().map_or(1, usize::from);
        Speech {
            config: Arc::new(config),
            cache: Arc::new(cache),
            pieces: Arc::new(Cache::with_weighter((MEMORY / USUAL) as usize, MEMORY, Bytes)),
            makers: Arc::new(Semaphore::new(makers)),
            voice: None,
        }
    }

    /// Words made by a function that does not wait, for simulators; nothing is kept in a folder.
    pub fn of(voice: impl Fn(&str) -> Result<Arc<Prompt>, SpeechError> + Send + Sync + 'static) -> Speech {
        Speech { voice: Some(Arc::new(voice)), ..Speech::new(SpeechConfig::default(), PathBuf::new()) }
    }

    /// Starts making these pieces, in the background.
    pub fn prepare(&self, texts: Vec<String>) {
        for text in texts {
            if self.pieces.get(&text).is_some() {
                continue;
            }
            let this = self.clone();
            tokio::spawn(async move {
                if let Err(error) = this.piece(&text).await {
                    tracing::warn!(%error, "a prompt could not be made");
                }
            });
        }
    }

    /// The prompts of these texts, in order.
    ///
    /// # Errors
    /// One of them cannot be made. Nothing is left out: a notice with a hole in it says something else.
    pub async fn prompts(&self, texts: &[String]) -> Result<Vec<Arc<Prompt>>, SpeechError> {
        let mut out = Vec::with_capacity(texts.len());
        for text in texts {
            out.push(self.piece(text).await?);
        }
        Ok(out)
    }

    /// The prompts, if all of them are in memory.
    pub fn ready(&self, texts: &[String]) -> Option<Vec<Arc<Prompt>>> {
        texts.iter().map(|t| self.pieces.get(t)).collect()
    }

    async fn piece(&self, text: &str) -> Result<Arc<Prompt>, SpeechError> {
        // whoever asks for the same words meanwhile waits for the first
        self.pieces
            .get_or_insert_async(text, async {
                if let Some(voice) = &self.voice {
                    return voice(text);
                }
                let _turn = self.makers.acquire().await.map_err(|e| SpeechError::Sound(e.to_string()))?;
                let (this, text) = (self.clone(), text.to_owned());
                tokio::task::spawn_blocking(move || this.make(&text))
                    .await
                    .map_err(|e| SpeechError::Sound(e.to_string()))?
            })
            .await
    }

    fn make(&self, text: &str) -> Result<Arc<Prompt>, SpeechError> {
        if let Some(slots) = &self.config.slots {
            let file = slots.join(format!("{}.wav", file_name(text)));
            if file.is_file() {
                return Ok(Prompt::from_pcm(name(text), &wav::read_8k(&file)?));
            }
        }
        let file = self.cache.join(format!("{}.wav", self.hash(text)));
        if file.is_file()
            && let Ok(pcm) = wav::read_8k(&file)
        {
            return Ok(Prompt::from_pcm(name(text), &pcm));
        }
        let pcm = wav::trim(&wav::decode_8k(&self.espeak(text)?)?);
        if let Err(error) =
            std::fs::create_dir_all(self.cache.as_path()).and_then(|()| wav::write_8k(&file, &pcm))
        {
            tracing::warn!(%error, "a made prompt cannot be kept");
        }
        Ok(Prompt::from_pcm(name(text), &pcm))
    }

    fn espeak(&self, text: &str) -> Result<Vec<u8>, SpeechError> {
        let command = &self.config.espeak;
        let fail = |problem: String| SpeechError::Command { command: command.clone(), problem };
        let mut child = Command::new(command)
            .args([
                "-v",
                &self.config.voice,
                "-s",
                &self.config.words_per_minute.to_string(),
                "--stdout",
                "--",
                text,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| fail(format!("{e}; install espeak-ng or record slots")))?;
        let Some(mut pipe) = child.stdout.take() else { return Err(fail("has no output".into())) };
        let reader = std::thread::spawn(move || {
            let mut wav = Vec::new();
            std::io::Read::read_to_end(&mut pipe, &mut wav).map(|_| wav)
        });
        // one that hangs would hold its place for ever
        let begun = std::time::Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(5)),
                other => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(fail(match other {
                        Err(e) => e.to_string(),
                        Ok(_) => format!("was not done after {} s", PATIENCE.as_secs()),
                    }));
                }
            }
        };
        let wav = reader.join().ok().and_then(Result::ok).unwrap_or_default();
        if !status.success() || wav.len() < 44 {
            return Err(fail(format!("ended with {status}")));
        }
        Ok(wav)
    }

    fn hash(&self, text: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(&self.config.espeak);
        hasher.update([0]);
        hasher.update(&self.config.voice);
        hasher.update(self.config.words_per_minute.to_le_bytes());
        hasher.update([0]);
        hasher.update(text);
        hasher.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
    }
}

/// A slot's file name: the words, without what a file name cannot hold.
fn file_name(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).take(80).collect()
}

fn name(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn memory_is_bounded_and_nothing_is_made_twice_at_once() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let speech = Speech::of(move |text| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Prompt::from_pcm(text, &vec![0; 8_000]))
        });
        let words = vec!["您好".to_owned(); 3];
        let (a, b) = tokio::join!(speech.prompts(&words), speech.prompts(&words));
        assert!(Arc::ptr_eq(&a.unwrap()[0], &b.unwrap()[2]));
        assert_eq!(made.load(Ordering::SeqCst), 1);
        for n in 0..5_000 {
            speech.prompts(&[n.to_string()]).await.unwrap();
        }
        assert!(speech.pieces.weight() <= MEMORY, "{}", speech.pieces.weight());
        let kept = (0..5_000).filter(|n| speech.ready(&[n.to_string()]).is_some()).count();
        assert!((1_000..3_000).contains(&kept), "{kept}");
    }
}

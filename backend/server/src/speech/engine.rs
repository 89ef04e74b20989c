//! What can make words audible, and what an engine's failure means for the next question.

use super::level::level;
use super::wav;
use async_trait::async_trait;

/// Something that speaks. Engines keep nothing: what they made is kept by [`super::Speech`].
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &'static str;

    /// All that its sound depends on but the words: engine, speaker, speed. Another one has everything made anew.
    fn voice(&self) -> String;

    /// Most characters that it takes at once; longer texts are asked in parts.
    fn longest(&self) -> usize {
        usize::MAX
    }

    /// Every character costs money.
    fn is_paid(&self) -> bool {
        false
    }

    /// Questions that it may be asked at once.
    fn at_once(&self) -> usize {
        2
    }

    /// Gets ready, in a time of its own, where that is needed: a program is started, a token fetched.
    async fn warm_up(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Says a text. May be dropped at any moment.
    async fn speak(&self, text: &str) -> Result<Sound, Failure>;
}

/// What an engine answers.
#[derive(Debug)]
pub(crate) enum Sound {
    /// A WAV file.
    Wav(Vec<u8>),
    /// Samples at 8 kHz, mono.
    Pcm(Vec<i16>),
}

impl Sound {
    /// The samples at 8 kHz, silence cut at both ends, at the common loudness.
    pub(crate) fn samples(self) -> Result<Vec<i16>, Failure> {
        let pcm = match self {
            Sound::Wav(bytes) => {
                wav::decode_8k(&bytes).map_err(|e| Failure::lost(format!("answered no sound: {e}")))?
            }
            Sound::Pcm(pcm) => pcm,
        };
        let mut pcm = wav::trim(&pcm);
        level(&mut pcm);
        Ok(pcm)
    }
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This text is refused, others are not: it is not asked for again.
    Text,
    /// Nothing was made: it may be asked again at once.
    Again,
    /// Whether something was made (and paid for) is not known: the next engine is asked.
    Lost,
    /// Credentials, quota, set-up: no question is of use until somebody has mended it.
    Barred,
    /// It was not asked: today's characters are used.
    Spent,
}

/// An engine did not speak. The problem names no secret and no text.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) problem: String,
}

impl Failure {
    pub(crate) fn text(problem: impl Into<String>) -> Failure {
        Failure { kind: Kind::Text, problem: problem.into() }
    }

    pub(crate) fn again(problem: impl Into<String>) -> Failure {
        Failure { kind: Kind::Again, problem: problem.into() }
    }

    pub(crate) fn lost(problem: impl Into<String>) -> Failure {
        Failure { kind: Kind::Lost, problem: problem.into() }
    }

    pub(crate) fn barred(problem: impl Into<String>) -> Failure {
        Failure { kind: Kind::Barred, problem: problem.into() }
    }

    pub(crate) fn spent(problem: impl Into<String>) -> Failure {
        Failure { kind: Kind::Spent, problem: problem.into() }
    }
}

/// Whether sound can be what these words sound like: not silent, and not cut.
pub(crate) fn plausible(text: &str, pcm: &[i16]) -> Result<(), Failure> {
    /// Nobody speaks faster, samples a character.
    const FASTEST: usize = 320;
    /// Peak below which it is silence.
    const SILENT: i16 = 200;
    let characters = text.chars().filter(|c| c.is_alphanumeric() && !c.is_ascii()).count();
    if pcm.iter().all(|s| s.saturating_abs() <= SILENT) {
        return Err(Failure::lost("answered silence"));
    }
    if pcm.len() < characters * FASTEST {
        let ms = pcm.len() / 8;
        return Err(Failure::lost(format!("answered {ms} ms of sound for {characters} characters: cut")));
    }
    Ok(())
}

/// A text in parts of at most so many characters, each ending where a speaker would pause if there is such a place.
pub(crate) fn parts(text: &str, longest: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > longest {
        let pause = |set: &str| rest[..longest].iter().rposition(|c| set.contains(*c)).map(|at| at + 1);
        let at = pause("。！？.!?").or_else(|| pause("，；：、,;: ")).unwrap_or(longest).max(1);
        out.push(rest.drain(..at).collect());
    }
    out.push(rest.into_iter().collect());
    out.retain(|part: &String| part.chars().any(char::is_alphanumeric));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_part_at_pauses_and_lose_nothing() {
        let text = "送到门口请按1，放驿站请按2。改时间派送请按3，联系快递员请按0。";
        for longest in 1..40 {
            let parts = parts(text, longest);
            assert!(parts.iter().all(|p| p.chars().count() <= longest));
            let words = |t: &str| t.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            assert_eq!(words(&parts.concat()), words(text));
        }
        assert_eq!(parts(text, 20)[0], "送到门口请按1，放驿站请按2。");
        assert!(parts("。", 10).is_empty());
    }

    #[test]
    fn silence_and_cut_sound_are_no_words() {
        assert!(plausible("快递员", &[0; 8000]).is_err());
        assert!(plausible("快递员即将派送", &[3000; 800]).is_err());
        assert!(plausible("快递员即将派送", &[3000; 8000]).is_ok());
    }
}

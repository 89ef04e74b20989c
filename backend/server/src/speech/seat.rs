//! An engine in its place of the order: how many questions at once, how long, how often, and when it is left alone.
//!
//! | failure | what follows |
//! |---|---|
//! | this text is refused | the next engine; this text is not asked for again |
//! | nothing was made (no connection, too many requests, the program died) | once more after a moment, then as below |
//! | it may have been made (too late, cut, no sound) | the next engine; this one rests for 30 s |
//! | credentials, quota, set-up | the next engine; this one rests for 10 min |
//! | not asked: the characters of the day are used ([`Budget`]) | the next engine |
//!
//! The last engine does not rest, because nobody could stand in for it; where it is paid and barred, for 30 s. Whoever waits while others are answered looks again whether the engine rests before it asks.

use super::budget::Budget;
use super::engine::{Engine, Failure, Kind, parts, plausible};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use waybell_domain::wire::EngineState;

/// How long things wait.
#[derive(Clone, Copy)]
pub(super) struct Waits {
    /// Longest that an engine may take for a part.
    pub(super) patience: Duration,
    /// Rest after a failure.
    pub(super) rest: Duration,
    /// Rest after one that somebody has to mend.
    pub(super) long_rest: Duration,
    /// How long another engine's piece stands in.
    pub(super) stand_in: Duration,
}

impl Waits {
    pub(super) fn usual(patience: Duration) -> Waits {
        let [rest, long_rest, stand_in] = [30, 600, 60].map(Duration::from_secs);
        Waits { patience, rest, long_rest, stand_in }
    }
}

/// Times that a question is asked where nothing was made.
const TRIES: usize = 2;
/// Wait before it is asked again.
const MOMENT: Duration = Duration::from_millis(300);
/// Silence between the parts of a long text, samples.
const PAUSE: usize = 1_200;
/// Refused texts that are remembered.
const REMEMBERED: usize = 4_096;

pub(super) struct Seat {
    engine: Box<dyn Engine>,
    waits: Waits,
    /// Nobody is there to stand in for it: it is asked again whatever happened.
    last: bool,
    /// Where its characters cost money: how many are left today.
    budget: Option<Arc<Budget>>,
    turns: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rest: Option<Instant>,
    problem: Option<String>,
    refused: HashSet<String>,
    made: u64,
    failed: u64,
}

impl Seat {
    pub(super) fn new(engine: Box<dyn Engine>, waits: Waits, last: bool) -> Seat {
        let turns = Semaphore::new(engine.at_once());
        Seat { engine, waits, last, budget: None, turns, state: Mutex::default() }
    }

    /// The same; where it is paid, with no more characters a day than these.
    pub(super) fn within(self, budget: &Arc<Budget>) -> Seat {
        let budget = self.engine.is_paid().then(|| budget.clone());
        Seat { budget, ..self }
    }

    pub(super) fn name(&self) -> &'static str {
        self.engine.name()
    }

    pub(super) fn told(&self) -> EngineState {
        let state = self.state.lock();
        EngineState {
            name: self.engine.name().to_owned(),
            resting: state.rest.is_some_and(|until| until > Instant::now()),
            made: state.made,
            failed: state.failed,
            problem: state.problem.clone(),
        }
    }

    /// How long another engine's piece stands in for one of its.
    pub(super) fn stand_in(&self) -> Duration {
        self.waits.stand_in
    }

    /// The parts in which it is asked for a text.
    pub(super) fn parts(&self, text: &str) -> Vec<String> {
        parts(text, self.engine.longest())
    }

    /// The file in the cache that holds a text in its voice.
    pub(super) fn file(&self, cache: &Path, text: &str) -> std::path::PathBuf {
        let name = super::hash(&[self.engine.name(), &self.engine.voice(), text]);
        cache.join(format!("{name}.wav"))
    }

    /// Asks for a part: samples at 8 kHz, silence cut at both ends.
    pub(super) async fn ask(&self, text: &str) -> Result<Vec<i16>, Failure> {
        self.idle(text)?;
        let turn = tokio::time::timeout(self.waits.patience, self.turns.acquire()).await;
        let Ok(turn) = turn else {
            // it is well, and has more to say than it can: no rest, another engine
            return Err(Failure::lost("has too many questions at once"));
        };
        let _turn = turn.map_err(|e| Failure::lost(e.to_string()))?;
        self.idle(text)?;
        if let Some(budget) = self.budget.clone() {
            let (characters, now) = (text.chars().count(), chrono::Utc::now());
            let taken = tokio::task::spawn_blocking(move || budget.take(characters, now)).await;
            taken.map_err(|e| Failure::lost(e.to_string()))??;
        }
        let mut tries = TRIES;
        let failure = loop {
            tries -= 1;
            match self.once(text).await {
                Ok(pcm) => {
                    let mut state = self.state.lock();
                    state.made += 1;
                    (state.rest, state.problem) = (None, None);
                    return Ok(pcm);
                }
                Err(failure) if failure.kind == Kind::Again && tries > 0 => tokio::time::sleep(MOMENT).await,
                Err(failure) => break failure,
            }
        };
        metrics::counter!("waybell_speech_failed_total", "engine" => self.engine.name()).increment(1);
        tracing::warn!(engine = self.engine.name(), problem = failure.problem, "an engine did not speak");
        let mut state = self.state.lock();
        state.failed += 1;
        state.problem = Some(failure.problem.clone());
        if failure.kind == Kind::Text {
            if state.refused.len() >= REMEMBERED {
                state.refused.clear();
            }
            state.refused.insert(text.to_owned());
        } else if !self.last || (failure.kind == Kind::Barred && self.engine.is_paid()) {
            let long = failure.kind == Kind::Barred && !self.last;
            state.rest = Some(Instant::now() + if long { self.waits.long_rest } else { self.waits.rest });
        }
        Err(failure)
    }

    /// Whether it may be asked for this.
    fn idle(&self, text: &str) -> Result<(), Failure> {
        let state = self.state.lock();
        if state.refused.contains(text) {
            return Err(Failure::text("refused this text before"));
        }
        match state.rest {
            Some(until) if until > Instant::now() => {
                let why = state.problem.clone().unwrap_or_default();
                Err(Failure::lost(format!("is left alone for a while after it {why}")))
            }
            _ => Ok(()),
        }
    }

    async fn once(&self, text: &str) -> Result<Vec<i16>, Failure> {
        self.engine.warm_up().await?;
        let patience = self.waits.patience;
        let late = || Failure::lost(format!("was not done after {} s", patience.as_secs()));
        let sound = tokio::time::timeout(patience, self.engine.speak(text)).await.map_err(|_| late())??;
        let pcm = tokio::task::spawn_blocking(move || sound.samples())
            .await
            .map_err(|e| Failure::lost(e.to_string()))??;
        plausible(text, &pcm)?;
        Ok(pcm)
    }
}

/// The parts of a text, one after the other.
pub(super) fn join(parts: Vec<Vec<i16>>) -> Vec<i16> {
    let mut out = Vec::new();
    for part in parts {
        if !out.is_empty() {
            out.resize(out.len() + PAUSE, 0);
        }
        out.extend(part);
    }
    out
}

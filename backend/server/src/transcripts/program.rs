//! A program of the operator's that recognises speech, kept alive ([`crate::worker`]).
//!
//! ```text
//!  start ──▶ {"ready": NAME}
//!  {"id": 7, "bytes": 4321, "language": "zh", "hint": WORDS} and so many bytes of WAV
//!        ──▶ {"id": 7, "text": WORDS}   or   {"id": 7, "error": WHY}   this sound is not written down
//! ```

use super::engine::{HINT, Transcriber, within};
use crate::speech::Failure;
use crate::worker::{Life, Program};
use async_trait::async_trait;
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Mutex;

pub(super) struct Recogniser {
    program: Program,
    /// It takes one message at a time.
    turn: Mutex<()>,
}

#[derive(Deserialize)]
struct Line {
    id: Option<u64>,
    text: Option<String>,
    error: Option<String>,
}

impl Recogniser {
    pub(super) fn new(command: Vec<String>) -> Recogniser {
        Recogniser { program: Program::new(command, "docs/recordings.md"), turn: Mutex::default() }
    }
}

async fn ask(life: &mut Life, wav: &[u8]) -> Result<String, Failure> {
    let asked = life.number();
    let question = serde_json::json!({ "id": asked, "bytes": wav.len(), "language": "zh", "hint": HINT });
    life.tell(&question, wav).await;
    let line: Line = life.line().await?;
    match line {
        Line { id, .. } if id != Some(asked) => Err(Failure::lost("answered another question")),
        Line { error: Some(_), .. } => Err(Failure::text("refused the sound")),
        Line { text: Some(text), .. } => Ok(text),
        _ => Err(Failure::lost("answered neither a text nor an error")),
    }
}

#[async_trait]
impl Transcriber for Recogniser {
    fn name(&self) -> &str {
        "command"
    }

    async fn write_down(&self, wav: &[u8], patience: Duration) -> Result<String, Failure> {
        let _turn = self.turn.lock().await;
        self.program.warm_up().await?;
        within(patience, self.program.with(async |life| ask(life, wav).await)).await
    }
}

//! Which prompts a callee heard, proven by correlation, on a worker thread after the call.
//!
//! Finding where a prompt might begin is cheap and only proposes: the distances between neighbouring peaks of the
//! waveform name places in the prompts, and each place found again in the received audio votes for a start. What counts
//! is the test: for each proposed start the normalised cross-correlation of every sounding 20 ms of the prompt with the
//! audio there. A lost packet costs its own frames and nothing else. Prompts are sent through the call's codec first,
//! so both sides are quantised alike.

mod correlate;
#[cfg(test)]
mod tests;
pub(crate) mod wav;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
};

pub(crate) use correlate::Library;

use crate::{
    media::{dtmf, g711},
    truth::{Truth, TruthEvent},
};

/// Calls that may wait to be listened to; more are written without prompts.
const QUEUE: usize = 4_096;

/// The received audio of a call, and its event but for the prompts.
pub(crate) struct Recording {
    pub(crate) payload: u8,
    pub(crate) codes: Vec<u8>,
    pub(crate) event: TruthEvent,
}

#[derive(Default)]
struct Queue {
    waiting: std::collections::VecDeque<Recording>,
    closed: bool,
}

/// The queue of the worker thread; clones share it.
#[derive(Clone)]
pub(crate) struct Worker {
    shared: Arc<(Mutex<Queue>, Condvar)>,
    truth: Arc<Truth>,
    keep: Option<PathBuf>,
}

impl Worker {
    /// Starts the thread. `keep` is a folder for what was heard; it is made.
    ///
    /// # Errors
    /// The thread cannot be started, or the folder not be made.
    pub(crate) fn start(
        truth: Arc<Truth>,
        library: Library,
        keep: Option<PathBuf>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        if let Some(folder) = &keep {
            std::fs::create_dir_all(folder)?;
        }
        let worker = Self { shared: Arc::default(), truth, keep };
        let own = worker.clone();
        let thread =
            std::thread::Builder::new().name("carrier-hear".to_owned()).spawn(move || own.run(&library))?;
        Ok((worker, thread))
    }

    /// Hands a call over; never blocks on the work.
    pub(crate) fn submit(&self, recording: Recording) {
        let mut queue = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.len() >= QUEUE {
            drop(queue);
            let mut event = recording.event;
            event.reason = Some("not listened to: too many calls at once".to_owned());
            self.truth.write(&event);
            return;
        }
        queue.waiting.push_back(recording);
        self.shared.1.notify_one();
    }

    /// Lets the thread end once the queue is empty.
    pub(crate) fn close(&self) {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.1.notify_all();
    }

    fn run(&self, library: &Library) {
        loop {
            let mut queue = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            let recording = loop {
                if let Some(recording) = queue.waiting.pop_front() {
                    break recording;
                }
                if queue.closed {
                    return;
                }
                queue = self.shared.1.wait(queue).unwrap_or_else(PoisonError::into_inner);
            };
            drop(queue);
            self.listen(library, recording);
        }
    }

    fn listen(&self, library: &Library, recording: Recording) {
        let audio: Vec<i16> = recording.codes.iter().map(|b| g711::decode(recording.payload, *b)).collect();
        let digits = dtmf::find(&audio);
        let mut event = recording.event;
        if let Some(folder) = &self.keep {
            let plain = |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>();
            let called = event.callee.as_deref().map(plain).unwrap_or_default();
            let file = folder
                .join(format!("{called}-{}.wav", event.call_id.as_deref().map(plain).unwrap_or_default()));
            if let Err(error) = std::fs::write(&file, wav::bytes(recording.payload, &recording.codes)) {
                event.reason = Some(format!("what was heard could not be kept: {error}"));
            }
        }
        if !digits.is_empty() {
            let mut keys = event.clone();
            keys.event = "digits_heard".to_owned();
            keys.digits = Some(digits);
            keys.method = Some("inband".to_owned());
            keys.media = None;
            self.truth.write(&keys);
        }
        // kept for others to listen to: without prompts nothing is proven, and nothing disproven
        if !(self.keep.is_some() && library.is_empty()) {
            event.heard = Some(library.find(recording.payload, &audio));
        }
        self.truth.write(&event);
    }
}

/// Reads every WAV of a folder as a prompt; an empty library for no folder.
///
/// # Errors
/// The folder cannot be read, or a file in it is no WAV of 8 kHz mono; the error names the file.
pub(crate) fn library(folder: Option<&Path>) -> anyhow::Result<Library> {
    use anyhow::Context as _;
    let mut prompts = Vec::new();
    if let Some(folder) = folder {
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("read prompts {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("wav")) {
                let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                let samples = wav::read(&path).with_context(|| format!("read prompt {}", path.display()))?;
                prompts.push((name, samples));
            }
        }
    }
    prompts.sort();
    Ok(Library::new(&prompts))
}

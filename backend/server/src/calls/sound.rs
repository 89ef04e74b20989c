//! Words, bridges and recordings of a call, for both directions.

use super::Calls;
use super::Heard;
use super::rows::{Book, Line, insist};
use crate::app::Shared;
use crate::recordings::{self, Recording};
use crate::speech::Whose;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use waybell_domain::id::{CallId, OrganisationId};
use waybell_switch::{LegId, Play, Prompt, RecordSpec, RecordingEnd, Switch, SwitchError};

/// How often, and how long apart, a bridge is tried: media of a leg that was answered a moment ago has yet to start.
const BRIDGE_TRIES: u32 = 50;
const BRIDGE_STEP: Duration = Duration::from_millis(20);
/// What the other side hears before a call that is recorded.
pub(crate) const OF_RECORDING: &str = "为保证服务质量，本次通话将被录音。";
/// Words that are made later are not said any more: what waits for them has gone on.
const LATE: Duration = Duration::from_secs(10);
/// Pause between rounds of what is said more than once.
const PAUSE: Duration = Duration::from_millis(800);
/// Longest wait for the end of a recording whose legs have ended.
const RECORDER: Duration = Duration::from_secs(10);

/// Says words to a leg, so many times; ends with the leg's `PlayEnded`, or [`Heard::Mute`] where they cannot be made.
pub(crate) fn say(
    app: &Shared,
    switch: &Switch,
    own: &mpsc::UnboundedSender<Heard>,
    leg: LegId,
    token: u32,
    (whose, words): (Whose, Vec<String>),
    times: u32,
) {
    let (app, switch, own) = (app.clone(), switch.clone(), own.clone());
    let play = move |prompts: Vec<Arc<Prompt>>| {
        let play = Play { token: u64::from(token), prompts, times, gap: PAUSE, stop_on_digit: false };
        switch.play(&leg, play);
    };
    if let Some(prompts) = app.speech.ready(whose, &words) {
        play(prompts);
        return;
    }
    tokio::spawn(async move {
        let made = tokio::time::timeout(LATE, app.speech.prompts(whose, &words)).await;
        match made.map_err(|_| "it took too long".to_owned()).and_then(|made| made.map_err(|e| e.to_string()))
        {
            Ok(prompts) => play(prompts),
            Err(error) => {
                tracing::error!(%error, "a prompt could not be made");
                metrics::counter!("waybell_prompts_failed_total").increment(1);
                let _ = own.send(Heard::Mute { token });
            }
        }
    });
}

/// What joining two legs came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// They hear each other.
    Yes,
    /// One of them has ended meanwhile, which is on its way here.
    Gone,
    /// The media of one of them never came.
    No,
}

/// Joins two legs as soon as both have media.
pub(crate) async fn join(switch: &Switch, a: &LegId, b: &LegId) -> Joined {
    for _ in 0..BRIDGE_TRIES {
        match switch.bridge(a, b) {
            Ok(()) => return Joined::Yes,
            Err(SwitchError::NoLeg) => return Joined::Gone,
            Err(_) => tokio::time::sleep(BRIDGE_STEP).await,
        }
    }
    tracing::warn!("two legs could not be joined");
    Joined::No
}

/// What passes between a call and the end of its recording, whichever comes first.
#[derive(Default)]
struct Handed {
    end: Option<RecordingEnd>,
    /// Left behind by a call that could not wait any longer.
    left: Option<Recording>,
}

/// The recording of a call, if there is one.
#[derive(Default)]
pub(crate) struct Tape {
    recording: Option<Recording>,
    handed: Arc<Mutex<Handed>>,
    legs: Vec<LegId>,
    end: Option<RecordingEnd>,
    /// The disk had no room left while it ran.
    cut: bool,
}

impl Tape {
    /// Begins a recording: `left`, and `right` where it is given. What was noted in the book is stored with its row, before
    /// the first sample; a call goes on without where that cannot be. False where nothing is being recorded.
    #[allow(clippy::too_many_arguments, reason = "made in two places")]
    pub(crate) async fn begin(
        &mut self,
        app: &Shared,
        switch: &Switch,
        own: &mpsc::UnboundedSender<Heard>,
        book: &mut Book,
        (organisation, call, keep_days): (OrganisationId, CallId, u16),
        left: &LegId,
        right: Option<&LegId>,
    ) -> bool {
        let kind = if right.is_some() { "call" } else { "voicemail" };
        let begun = recordings::begin(app, organisation, call, kind, keep_days).await;
        let key = match begun.key(app) {
            Ok(key) => key,
            Err(problem) => {
                // told with the call: a recording that is not there must not look like one that nobody wanted
                book.note(begun.line("failed", Some(problem)));
                recordings::failed(&begun.id, problem);
                book.keep(&[]).await;
                return false;
            }
        };
        if !book.keep(&[begun.line("open", None)]).await {
            let problem = "its row could not be stored";
            book.note(begun.line("failed", Some(problem)));
            recordings::failed(&begun.id, problem);
            return false;
        }
        let spec = RecordSpec { path: begun.file.clone(), key, cut_silence: right.is_none() };
        let end = switch.record(spec, left, right);
        self.legs = std::iter::once(left).chain(right).cloned().collect();
        self.recording = Some(begun);
        self.handed = Arc::default();
        let (own, app, handed) = (own.clone(), app.clone(), self.handed.clone());
        tokio::spawn(async move {
            let end = end.await.unwrap_or_else(|_| RecordingEnd {
                problem: Some("nothing can be recorded".to_owned()),
                ..RecordingEnd::default()
            });
            let left = {
                let mut handed = handed.lock();
                handed.end = Some(end.clone());
                handed.left.take()
            };
            match left {
                Some(recording) => {
                    // a stop waits for it, as for a call
                    let _counted = Calls::begin(&app);
                    insist(&app, vec![recording.finish(&end, false).await]).await;
                }
                None => drop(own.send(Heard::Recorded(end))),
            }
        });
        true
    }

    /// A call that was to be recorded is not, because the other side could not be told so: its row says it.
    pub(crate) async fn untold(
        app: &Shared,
        book: &mut Book,
        (organisation, call, keep_days): (OrganisationId, CallId, u16),
    ) {
        let begun = recordings::begin(app, organisation, call, "call", keep_days).await;
        let problem = "the other side could not be told of it";
        book.note(begun.line("failed", Some(problem)));
        recordings::failed(&begun.id, problem);
    }

    /// The recorder has finished.
    pub(crate) fn ended(&mut self, end: RecordingEnd) {
        self.end = Some(end);
    }

    /// The disk has no room left: the call goes on unrecorded.
    pub(crate) fn cut(&mut self, switch: &Switch) {
        if self.recording.is_some() && self.end.is_none() {
            self.cut = true;
            for leg in &self.legs {
                switch.stop_recording(leg);
            }
        }
    }

    /// Waits for the recorder, which finishes its file once the legs have ended. `None` where nothing was recorded. After a
    /// while it is left to be closed later, as it is then: a file that is still being written has no hash.
    pub(crate) async fn wait(&mut self, ear: &mut mpsc::UnboundedReceiver<Heard>) -> Option<RecordingEnd> {
        self.recording.as_ref()?;
        let until = Instant::now() + RECORDER;
        while self.end.is_none() {
            match tokio::time::timeout_at(until, ear.recv()).await {
                Ok(Some(Heard::Recorded(end))) => self.end = Some(end),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        let mut end = match self.end.take() {
            Some(end) => end,
            None => self.leave(),
        };
        if self.cut {
            end.problem.get_or_insert_with(|| recordings::DISK_LOW.to_owned());
        }
        Some(end)
    }

    fn leave(&mut self) -> RecordingEnd {
        let mut handed = self.handed.lock();
        if let Some(end) = handed.end.take() {
            return end;
        }
        tracing::warn!("the recorder is slow; a recording is closed after its call");
        handed.left = self.recording.take();
        RecordingEnd::default()
    }

    /// What is to be stored of it, `None` for one that was left to be closed later. One that is `empty` is taken away, file and all.
    pub(crate) async fn close(&mut self, end: &RecordingEnd, empty: bool) -> Option<Line> {
        Some(self.recording.take()?.finish(end, empty).await)
    }
}

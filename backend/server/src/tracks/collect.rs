//! Uploads of tracks in collected commits.
//!
//! Hundreds of phones send a few kilobytes each, and a commit costs a sync of the disk whatever is in it. So an upload joins
//! those that wait, and one task stores all that have gathered while the commit before was made: no upload waits for a
//! clock, one alone goes at once, and the more there are the more share a commit.
//!
//! * **Answered after the commit**, each by itself. Who is killed before was never answered, and sends it again.
//! * **In their order**, which within a courier is the order of the requests.
//! * **Each alone.** An upload that fails is undone to where it began, and its neighbours never know. Where the whole
//!   transaction fails, they are tried one by one, so that one that cannot be stored holds up nobody.
//! * **Bounds.** A round has at most [`ROUND`] uploads or [`ROUND_BYTES`] bytes, so that the dialler, which wants the writer
//!   too, never waits for long; more than [`WAITING`] bytes do not wait here: 429, and the phone comes again.
//! * **An upload that was asked for is stored**, also where the asker has hung up meanwhile.

use super::take::{self, Checked, Done};
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{Store, StoreError};
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::oneshot;
use waybell_domain::clock::UnixMs;

/// Uploads and bytes of one commit; an upload that is larger by itself is a round of its own.
const ROUND: usize = 64;
const ROUND_BYTES: usize = 4 << 20;
/// Bytes of all uploads that wait.
const WAITING: usize = 64 << 20;
/// A phone that is sent away comes again after this, seconds.
const LATER: u32 = 2;
/// What an upload costs in memory besides what it holds, bytes.
const EACH: usize = 1_000;

/// An upload that waits for its commit.
struct Job {
    scope: Scope,
    now: UnixMs,
    checked: Checked,
    answer: oneshot::Sender<ApiResult<Done>>,
}

impl Job {
    fn weight(&self) -> usize {
        self.checked.weight() + EACH
    }
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// A task stores them.
    is_running: bool,
}

/// Uploads that wait. See the module.
#[derive(Default)]
pub struct Collector(Mutex<Queue>);

impl Collector {
    /// Lets a job wait; true if nobody stores them yet, and the caller has to see to it.
    fn push(&self, job: Job) -> ApiResult<bool> {
        let mut queue = self.0.lock();
        let weight = job.weight();
        if !queue.jobs.is_empty() && queue.bytes + weight > WAITING {
            let mut error = ApiError::too_many(LATER);
            error.body.message = "too many tracks wait to be stored".into();
            return Err(error.hint("send them again later"));
        }
        queue.bytes += weight;
        queue.jobs.push_back(job);
        Ok(!std::mem::replace(&mut queue.is_running, true))
    }

    /// The jobs of the next round; where there are none the caller's work is done.
    fn round(&self) -> Vec<Job> {
        let mut queue = self.0.lock();
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        while let Some(job) = queue.jobs.front() {
            let weight = job.weight();
            if jobs.len() >= ROUND || !jobs.is_empty() && bytes + weight > ROUND_BYTES {
                break;
            }
            bytes += weight;
            jobs.extend(queue.jobs.pop_front());
        }
        queue.bytes = queue.bytes.saturating_sub(bytes);
        queue.is_running = !jobs.is_empty();
        jobs
    }
}

/// Whoever stores; should it ever end before its time, those who wait are answered and the next upload begins anew.
struct Storing<'a> {
    collector: &'a Collector,
    is_done: bool,
}

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        // one that is done has said so with the lock in hand: whoever stores now is another
        if self.is_done {
            return;
        }
        let mut queue = self.collector.0.lock();
        queue.is_running = false;
        queue.jobs.clear();
        queue.bytes = 0;
    }
}

/// Stores an upload together with others that wait; returns after the commit.
pub(super) async fn store(app: &Shared, scope: Scope, now: UnixMs, checked: Checked) -> ApiResult<Done> {
    let (answer, answered) = oneshot::channel();
    if app.collector.push(Job { scope, now, checked, answer })? {
        let app = app.clone();
        tokio::spawn(async move {
            let mut storing = Storing { collector: &app.collector, is_done: false };
            loop {
                let jobs = app.collector.round();
                if jobs.is_empty() {
                    storing.is_done = true;
                    return;
                }
                commit(&app.store, jobs).await;
            }
        });
    }
    let lost = || StoreError::Database(sea_orm::DbErr::Custom("a round of uploads was broken off".into()));
    answered.await.unwrap_or_else(|_| Err(lost().into()))
}

/// Stores a round and answers each.
async fn commit(store: &Store, mut jobs: Vec<Job>) {
    if jobs.len() > 1 {
        match together(store, &jobs).await {
            Ok(done) => {
                jobs.into_iter().zip(done).for_each(|(job, done)| drop(job.answer.send(done)));
                return;
            }
            Err(error) => {
                tracing::warn!(%error, uploads = jobs.len(), "a round of uploads failed; each is tried alone");
            }
        }
    }
    for job in jobs.drain(..) {
        let done = match together(store, std::slice::from_ref(&job)).await {
            Ok(mut done) => done.pop().unwrap_or_else(|| Ok(Done::default())),
            Err(error) => Err(error.into()),
        };
        let _ = job.answer.send(done);
    }
}

/// Stores jobs in one transaction: what came of each, in their order.
async fn together(store: &Store, jobs: &[Job]) -> Result<Vec<ApiResult<Done>>, StoreError> {
    let write = store.begin().await?;
    let mut done = Vec::with_capacity(jobs.len());
    for Job { scope, now, checked, .. } in jobs {
        done.push(write.apart(scope.organisation, take::store(&write, scope, *now, checked)).await?);
    }
    crate::crash::point("tracks.before_commit");
    write.commit().await?;
    crate::crash::point("tracks.after_commit");
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::number;
    use std::sync::Arc;
    use waybell_domain::id::{OrganisationId, UserId};
    use waybell_domain::wire::{Role, ShiftReport, TrackEvent, TrackNote, TrackUpload};

    const NOW: UnixMs = UnixMs(1_795_140_000_000);

    /// An upload of a courier; one whose shift is of a time that has not come cannot be stored.
    fn job(n: u8, good: bool, notes: i64) -> (Job, oneshot::Receiver<ApiResult<Done>>) {
        let organisation = OrganisationId::at(1, [n % 3; 10]);
        let scope = Scope { organisation, branch: None, person: UserId::at(1, [n; 10]), role: Role::Courier };
        let began = if good { NOW } else { NOW + 30 * waybell_domain::clock::DAY };
        let shift = ShiftReport {
            shift: "s".into(),
            version: 1,
            began,
            ended: None,
            now: Some(NOW),
            metres: 0.0,
            low: 0.0,
            high: 0.0,
            dropped: Vec::new(),
        };
        // a good shift first, so that there is something to undo
        let first = ShiftReport { shift: "first".into(), began: NOW, ..shift.clone() };
        let note = |n| TrackNote { shift: "s".into(), n, what: TrackEvent::ClockSet { at: NOW, by_ms: 1 } };
        let upload = TrackUpload {
            courier: scope.person,
            shifts: vec![first, shift],
            parts: Vec::new(),
            notes: (0..notes).map(note).collect(),
            position: None,
        };
        let checked = take::check(&scope, upload).unwrap();
        let (answer, answered) = oneshot::channel();
        (Job { scope, now: NOW, checked, answer }, answered)
    }

    async fn opened() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
        (dir, store)
    }

    /// Lets the first `left` commits pass, and counts.
    struct Tried {
        commits: Mutex<usize>,
        fail: fn(usize) -> bool,
    }

    impl crate::store::Trial for Tried {
        fn commit(&self, is_done: bool) -> Result<(), sea_orm::DbErr> {
            let mut commits = self.commits.lock();
            *commits += usize::from(!is_done);
            if !is_done && (self.fail)(*commits) {
                return Err(sea_orm::DbErr::Custom("no".into()));
            }
            Ok(())
        }
    }

    async fn tried(fail: fn(usize) -> bool, bad: u8) -> (Vec<bool>, usize, i64) {
        let (_dir, store) = opened().await;
        let trial = Arc::new(Tried { commits: Mutex::new(0), fail });
        let store = store.tried(trial.clone());
        let (jobs, answers): (Vec<_>, Vec<_>) = (0..20).map(|n| job(n, n != bad, 3)).unzip();
        commit(&store, jobs).await;
        let mut good = Vec::new();
        for answer in answers {
            good.push(answer.await.unwrap().is_ok());
        }
        let notes = number(store.read(), "SELECT COUNT(*) FROM track_note", []).await.unwrap();
        let shifts = number(store.read(), "SELECT COUNT(*) FROM track_shift", []).await.unwrap();
        assert_eq!(shifts * 3, notes * 2, "an upload is there as a whole or not at all");
        (good, *trial.commits.lock(), notes)
    }

    #[tokio::test]
    async fn a_round_is_one_commit_and_a_bad_one_is_alone() {
        let (good, commits, notes) = tried(|_| false, 99).await;
        assert_eq!((good, commits, notes), (vec![true; 20], 1, 60));
        let (good, commits, notes) = tried(|_| false, 7).await;
        let but_one: Vec<bool> = (0..20).map(|n| n != 7).collect();
        assert_eq!((good, commits, notes), (but_one, 1, 57));
    }

    #[tokio::test]
    async fn a_commit_that_fails_is_tried_one_by_one() {
        let (good, commits, notes) = tried(|n| n == 1, 99).await;
        assert_eq!((good, commits, notes), (vec![true; 20], 21, 60));
        let (good, _, notes) = tried(|n| n == 1 || n == 5, 99).await;
        assert_eq!((good.iter().filter(|g| !**g).count(), good[3], notes), (1, false, 57));
    }

    #[test]
    fn a_round_and_the_queue_have_their_bounds() {
        let collector = Collector::default();
        let (first, _first) = job(1, true, 1);
        assert!(collector.push(first).unwrap(), "whoever comes first stores");
        for n in 0..150u8 {
            assert!(!collector.push(job(n, true, 1).0).unwrap());
        }
        let rounds: Vec<usize> =
            std::iter::from_fn(|| Some(collector.round().len()).filter(|n| *n > 0)).collect();
        assert_eq!(rounds, [64, 64, 23]);
        assert!(collector.push(job(1, true, 1).0).unwrap(), "nobody stores any more");
        let refused = (0..1_000).filter(|_| collector.push(job(2, true, 500).0).is_err()).count();
        let bytes = collector.0.lock().bytes;
        assert!(refused > 100 && bytes <= WAITING && bytes > WAITING / 2, "{refused} {bytes}");
        drop(Storing { collector: &collector, is_done: false });
        assert!(collector.0.lock().jobs.is_empty(), "nobody is left waiting");
        let done = Storing { collector: &collector, is_done: true };
        assert!(collector.push(job(3, true, 500).0).unwrap(), "another one stores");
        drop(done);
        assert_eq!(collector.0.lock().jobs.len(), 1, "who is done throws nothing of theirs away");
        assert!(!collector.push(job(4, true, 500).0).unwrap());
    }
}

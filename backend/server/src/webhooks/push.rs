//! Pushing: takes due deliveries from the outbox to their receivers, until the server stops.
//!
//! ```text
//!  pending, due, first of its parcel ──▶ under way (a task, 10 s) ──▶ answered ──ONE commit for all──▶ done | later | dead
//!          ▲ nothing is written before it is sent                       └─ 410: the integration is paused
//! ```
//!
//! Answers are stored together, ten times a second at most: each commit is one that the dialler waits for.
//!
//! What is under way is known in memory only: a server that dies sends it again with the same id, which is what "at least
//! once" allows. An answer that cannot be stored (a full disk) stays in hand and is stored later, so the receiver is not
//! asked again meanwhile.

use super::address::{Guarded, Networks, check};
use super::backoff::{Answer, Failure, Health, Next, after, after_call};
use super::integrations::Secrets;
use super::signature::{ID, SIGNATURE, TIMESTAMP, sign};
use crate::app::Shared;
use crate::store::{StoreError, Write, all};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use sea_orm::FromQueryResult;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{Id, JoinSet};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::OrganisationId;

/// Requests under way at once, for all receivers and for one.
const AT_ONCE: usize = 32;
const AT_ONCE_EACH: usize = 4;
/// Longest request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the outbox is looked at when nothing is told.
const LOOK: Duration = Duration::from_millis(500);
/// Commits of this time are looked at together.
const CALM: Duration = Duration::from_millis(50);
/// Answers of this time are stored together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Answers in hand with which nothing more is sent: they cannot be stored.
const MOST_ANSWERED: usize = 512;
/// What is read of an answer's body, so that its connection can be used again.
const READ: usize = 64 << 10;
/// How long requests under way may end when the server stops.
const LAST: Duration = Duration::from_secs(3);

/// Sends deliveries; follows no redirect, uses no proxy, connects to allowed addresses only.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    networks: Arc<Networks>,
}

impl Client {
    /// A client that may also send to these networks.
    pub fn new(networks: Networks) -> Result<Client, reqwest::Error> {
        let networks = Arc::new(networks);
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(AT_ONCE_EACH)
            .user_agent(concat!("waybell/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Guarded(networks.clone()))
            .build()?;
        Ok(Client { http, networks })
    }

    async fn post(&self, job: &Job, timestamp: i64, signatures: String) -> Answer {
        let failed = |problem: &str| Failure { status: None, problem: problem.to_owned(), wait: None };
        // the address was good when it was stored; the configuration may be another one since
        let url = match check(&job.url, &self.networks) {
            Ok(url) => url,
            Err((problem, _)) => return Answer::Failed(failed(problem)),
        };
        let sent = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ID, &job.id)
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signatures)
            .body(job.body.clone())
            .send()
            .await;
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(error) if error.is_timeout() => return Answer::Failed(failed("no answer within 10 seconds")),
            Err(error) if error.is_connect() => return Answer::Failed(failed("no connection")),
            Err(_) => return Answer::Failed(failed("the connection broke off")),
        };
        let status = answer.status();
        let wait =
            answer.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|t| t.parse().ok());
        let mut read = 0;
        while let Ok(Some(chunk)) = answer.chunk().await
            && read < READ
        {
            read += chunk.len();
        }
        match status.as_u16() {
            200..=299 => Answer::Taken(status.as_u16()),
            410 => Answer::Gone,
            code => Answer::Failed(Failure {
                status: Some(code),
                problem: format!("the receiver answered {code}"),
                wait: wait.map(|seconds: u32| i64::from(seconds) * 1000),
            }),
        }
    }
}

/// A delivery to be sent.
#[derive(Clone, Debug)]
struct Job {
    id: String,
    integration: String,
    organisation: String,
    url: String,
    body: String,
    tries: i64,
    since: i64,
    /// It is about a call over a virtual number.
    of_call: bool,
}

#[derive(FromQueryResult)]
struct Receiver {
    id: String,
    organisation_id: String,
    url: String,
    secret: String,
    previous_secret: Option<String>,
    previous_until: Option<i64>,
}

#[derive(FromQueryResult)]
struct Due {
    id: String,
    body: String,
    tries: i64,
    since: i64,
    schedule: Option<String>,
}

struct Pusher {
    app: Shared,
    client: Client,
    tasks: JoinSet<Answer>,
    under_way: HashMap<Id, Job>,
    /// Answers that are not stored yet.
    answered: Vec<(Job, Answer)>,
    health: HashMap<String, Health>,
    /// When answers were last stored.
    stored: Instant,
    /// Who comes first, in turn.
    turn: usize,
}

/// Pushes until the server stops, or another one has taken its database over.
pub async fn run(app: Shared, client: Client) {
    let mut committed = app.store.committed();
    let mut pusher = Pusher {
        app: app.clone(),
        client,
        tasks: JoinSet::new(),
        under_way: HashMap::new(),
        answered: Vec::new(),
        health: HashMap::new(),
        stored: Instant::now(),
        turn: 0,
    };
    loop {
        if app.webhooks.pushes()
            && let Err(error) = pusher.fill().await
        {
            tracing::warn!(%error, "results wait for being pushed");
        }
        tokio::select! {
            () = app.stopping.cancelled() => break,
            Some(done) = pusher.tasks.join_next_with_id() => pusher.collect(done),
            // while something is under way, its end is when there is room for more
            changed = committed.changed(), if pusher.under_way.is_empty() => match changed {
                Ok(()) => tokio::time::sleep(CALM).await,
                Err(_) => break,
            },
            () = tokio::time::sleep(if pusher.answered.is_empty() { LOOK } else { TOGETHER }) => {}
        }
        while let Some(done) = pusher.tasks.try_join_next_with_id() {
            pusher.collect(done);
        }
        if pusher.stored.elapsed() < TOGETHER {
            continue;
        }
        match pusher.store().await {
            Ok(()) => {}
            Err(error) if error.is_final() => return,
            Err(error) => {
                tracing::warn!(%error, "answers of receivers could not be stored; tried again");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
    let _ = tokio::time::timeout(LAST, async {
        while let Some(done) = pusher.tasks.join_next_with_id().await {
            pusher.collect(done);
        }
    })
    .await;
    if let Err(error) = pusher.store().await {
        tracing::warn!(%error, "answers of receivers could not be stored; those are sent again");
    }
}

impl Pusher {
    /// Starts what is due, receiver by receiver, each within its bound.
    async fn fill(&mut self) -> Result<(), StoreError> {
        if self.answered.len() >= MOST_ANSWERED {
            return Ok(());
        }
        let now = self.app.clock.now();
        let app = self.app.clone();
        let db = app.store.read();
        let mut receivers: Vec<Receiver> = all(
            db,
            "SELECT i.id, i.organisation_id, i.url, i.secret, i.previous_secret, i.previous_until FROM integration i \
             WHERE i.url IS NOT NULL AND i.paused IS NULL AND i.revoked_at IS NULL AND EXISTS (SELECT 1 FROM webhook_delivery d \
             WHERE d.integration_id = i.id AND d.state = 'pending' AND d.next_at <= $1) ORDER BY i.id",
            [now.0.into()],
        )
        .await?;
        if receivers.is_empty() {
            return Ok(());
        }
        self.turn = (self.turn + 1) % receivers.len();
        receivers.rotate_left(self.turn);
        for receiver in receivers {
            let under_way = self.under_way.values().filter(|job| job.integration == receiver.id).count();
            let answered = self.answered.iter().map(|(job, _)| job);
            let known: HashSet<&str> = self
                .under_way
                .values()
                .chain(answered)
                .filter(|job| job.integration == receiver.id)
                .map(|job| job.id.as_str())
                .collect();
            // it is about to be paused
            if self
                .answered
                .iter()
                .any(|(job, answer)| *answer == Answer::Gone && job.integration == receiver.id)
            {
                continue;
            }
            let health = self.health.get(&receiver.id).copied().unwrap_or_default();
            let free = health
                .allows(now.0, AT_ONCE_EACH)
                .saturating_sub(under_way)
                .min(AT_ONCE.saturating_sub(self.under_way.len()));
            if free == 0 {
                continue;
            }
            let due: Vec<Due> = all(
                db,
                "SELECT d.id, d.body, d.tries, d.since, d.schedule FROM webhook_delivery d WHERE d.integration_id = $1 \
                 AND d.state = 'pending' AND d.next_at <= $2 AND NOT EXISTS (SELECT 1 FROM webhook_delivery e \
                 WHERE e.integration_id = d.integration_id AND e.parcel_id = d.parcel_id AND e.state = 'pending' \
                 AND e.seq < d.seq) ORDER BY d.next_at, d.seq LIMIT $3",
                [receiver.id.clone().into(), now.0.into(), ((free + known.len()) as i64).into()],
            )
            .await?;
            let due: Vec<Due> =
                due.into_iter().filter(|d| !known.contains(d.id.as_str())).take(free).collect();
            for delivery in due {
                self.send(&receiver, delivery, now);
            }
        }
        Ok(())
    }

    fn send(&mut self, receiver: &Receiver, due: Due, now: UnixMs) {
        crate::crash::point("webhook.due");
        let job = Job {
            id: due.id,
            integration: receiver.id.clone(),
            organisation: receiver.organisation_id.clone(),
            url: receiver.url.clone(),
            body: due.body,
            tries: due.tries,
            since: due.since,
            of_call: due.schedule.is_some(),
        };
        let secrets =
            Secrets::of(receiver.secret.clone(), receiver.previous_secret.clone(), receiver.previous_until);
        let timestamp = self.app.clock.wall().0.div_euclid(1000);
        let signatures: Vec<String> = secrets
            .in_force(now)
            .filter_map(|secret| sign(secret, &job.id, timestamp, job.body.as_bytes()))
            .collect();
        let (client, sent) = (self.client.clone(), job.clone());
        let task = self.tasks.spawn(async move { client.post(&sent, timestamp, signatures.join(" ")).await });
        self.under_way.insert(task.id(), job);
    }

    fn collect(&mut self, done: Result<(Id, Answer), tokio::task::JoinError>) {
        let (id, answer) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "a push broke off");
                let failure = Failure { status: None, problem: "the push broke off".into(), wait: None };
                (error.id(), Answer::Failed(failure))
            }
        };
        let Some(job) = self.under_way.remove(&id) else { return };
        crate::crash::point("webhook.answered");
        let health = self.health.entry(job.integration.clone()).or_default();
        let was_down = health.is_down();
        health.note(&answer, self.app.clock.now().0, rand::random());
        // its address may hold words that are nobody else's business
        match (was_down, health.is_down()) {
            (false, true) => {
                tracing::warn!(integration = %job.integration, "a receiver takes no results: they wait")
            }
            (true, false) => tracing::info!(integration = %job.integration, "a receiver answers again"),
            _ => {}
        }
        self.answered.push((job, answer));
    }

    async fn store(&mut self) -> Result<(), StoreError> {
        if self.answered.is_empty() {
            return Ok(());
        }
        self.stored = Instant::now();
        let now = self.app.clock.now();
        let write = self.app.store.begin().await?;
        let mut counts: Vec<&'static str> = Vec::with_capacity(self.answered.len());
        for (job, answer) in &self.answered {
            let down = self.health.get(&job.integration).is_some_and(Health::is_down);
            counts.push(settle(&write, now, job, answer, down).await?);
        }
        write.commit().await?;
        for outcome in counts {
            metrics::counter!("waybell_webhooks_sent_total", "outcome" => outcome).increment(1);
        }
        self.answered.clear();
        Ok(())
    }
}

/// Stores what became of a delivery; gives the word that is counted.
async fn settle(
    write: &Write,
    now: UnixMs,
    job: &Job,
    answer: &Answer,
    down: bool,
) -> Result<&'static str, StoreError> {
    let (state, next, status, problem, word) = match answer {
        Answer::Taken(status) => ("done", now.0, Some(*status), None, "taken"),
        Answer::Gone => {
            pause(write, now, job).await?;
            ("pending", now.0, Some(410), Some("the receiver answered 410".to_owned()), "gone")
        }
        Answer::Failed(failure) => {
            let problem = Some(failure.problem.clone());
            let next = match job.of_call {
                true => after_call(job.tries + 1, now.0),
                false => after(job.tries + 1, job.since, now.0, failure, rand::random()),
            };
            match next {
                Next::Again(at) => ("pending", at, failure.status, problem, "failed"),
                Next::Dead => ("dead", now.0, failure.status, problem, "dead"),
            }
        }
    };
    // one that was given up meanwhile is done all the same where it was taken
    write
        .exec(
            "UPDATE webhook_delivery SET state = $1, tries = tries + 1, next_at = $2, status = $3, problem = $4, done_at = $5 \
             WHERE id = $6 AND (state = 'pending' OR $1 = 'done')",
            [
                state.into(),
                next.into(),
                status.map(i64::from).into(),
                problem.into(),
                (state == "done").then_some(now.0).into(),
                job.id.clone().into(),
            ],
        )
        .await?;
    if down && matches!(answer, Answer::Failed(_)) {
        // a receiver that is down is asked by one delivery for all: what is a day old would not be taken either
        write
            .exec(
                "UPDATE webhook_delivery SET state = 'dead', problem = 'the receiver was down for a day' \
                 WHERE state = 'pending' AND id IN (SELECT id FROM webhook_delivery \
                 WHERE integration_id = $1 AND state = 'pending' AND since <= $2 LIMIT 2000)",
                [job.integration.clone().into(), (now.0 - DAY).into()],
            )
            .await?;
    }
    Ok(word)
}

/// The receiver wants no more: nothing is pushed until an administrator says so. A change of the address meanwhile counts more.
async fn pause(write: &Write, now: UnixMs, job: &Job) -> Result<(), StoreError> {
    let paused = write
        .exec(
            "UPDATE integration SET paused = 'gone' WHERE id = $1 AND url = $2 AND paused IS NULL",
            [job.integration.clone().into(), job.url.clone().into()],
        )
        .await?;
    if paused.rows_affected() == 1 {
        tracing::warn!(integration = %job.integration, "a receiver answered 410: its integration is paused");
        let organisation = OrganisationId::parse(&job.organisation).ok();
        crate::audit::record(write, organisation, None, now, "pause_integration", &job.integration, "410")
            .await?;
    }
    Ok(())
}

//! What the server knows and does.

use super::Seen;
use super::calls::Calls;
use super::doors::Doors;
use crate::tasks::row::GoodRow;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::dial::batch::{BatchEvent, BatchState};
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::{BatchId, CallId, OperationId, OrganisationId, ParcelId, UserId};
use waybell_domain::parcel::ParcelState;
use waybell_domain::wire::{
    BatchAction, BatchCounts, BatchRequest, BatchView, ImportRequest, ParcelStateRequest, ParcelView,
    PolicyView, RingAgainRequest, Role, SyncPage, TokenPair, UserView,
};

/// Something that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Import(String),
    State(String, ParcelState),
    Tap(BatchId),
    Act(BatchId, BatchAction),
    Deed(OperationId),
    UndoDeed(OperationId),
    Rule(OperationId),
    /// A call was marked as handled, or reopened.
    Marked(CallId, bool),
}

/// The server's data.
pub(crate) struct Model {
    pub parcels: BTreeMap<ParcelId, ParcelView>,
    pub batches: BTreeMap<BatchId, (BatchView, Vec<ParcelId>)>,
    pub gone: Vec<(ParcelId, i64)>,
    pub doors: Doors,
    pub tracks: super::tracks::Tracks,
    pub punches: Vec<waybell_domain::wire::PunchView>,
    /// Where the work place is, if there is one.
    pub depot: Option<waybell_domain::track::Place>,
    pub calls: Calls,
    /// The server's clock.
    pub now: UnixMs,
    /// Batches that rang somebody.
    pub rung: BTreeSet<BatchId>,
    pub effects: Vec<Effect>,
    pub rev: i64,
    pub user: UserView,
    pub policy: PolicyView,
    /// Access tokens of lower number have expired.
    pub good_from: u64,
    pub tokens: u64,
    pub signed_out: bool,
    pub refreshes: u32,
    pub page: usize,
    /// Generation of the data; empty as an old server.
    pub generation: String,
    keys: HashMap<String, (Vec<u8>, u16, String)>,
    /// Each push token that was told, with whose; `None` where one was taken back.
    pub push_tokens: Vec<(UserId, Option<String>)>,
}

impl Default for Model {
    fn default() -> Self {
        let policy = PolicyView {
            policy: Policy::default(),
            calls_per_second: 2.0,
            channels: 10,
            step_cost_minor: 10,
            step_seconds: 60,
            opted_out: vec!["+8613811110003".into()],
            list_columns: Vec::new(),
            stopped: false,
            rev: 1,
        };
        Model {
            parcels: BTreeMap::new(),
            batches: BTreeMap::new(),
            gone: Vec::new(),
            doors: Doors::default(),
            tracks: super::tracks::Tracks::default(),
            punches: Vec::new(),
            depot: None,
            calls: Calls::default(),
            now: UnixMs(0),
            rung: BTreeSet::new(),
            effects: Vec::new(),
            rev: 1,
            user: UserView {
                id: UserId::at(1, [1; 10]),
                organisation: OrganisationId::at(1, [2; 10]),
                branch: None,
                login: "lina".into(),
                name: "李娜".into(),
                role: Role::Courier,
            },
            policy,
            good_from: 0,
            tokens: 0,
            signed_out: false,
            refreshes: 0,
            page: 2_000,
            generation: "g1".into(),
            keys: HashMap::new(),
            push_tokens: Vec::new(),
        }
    }
}

pub(super) type Answer = (u16, String);

pub(super) fn refuse(status: u16, code: &str) -> Answer {
    (status, json!({ "code": code, "message": "refused by the test" }).to_string())
}

pub(super) fn answer(value: impl serde::Serialize) -> Answer {
    (200, serde_json::to_string(&value).unwrap())
}

impl Model {
    pub(crate) fn next_rev(&mut self) -> i64 {
        self.rev += 1;
        self.rev
    }

    pub(crate) fn handle(&mut self, request: &Seen) -> Answer {
        let path = request.path().to_owned();
        match path.as_str() {
            "/api/v1/auth/login" => {
                let ask: Value = serde_json::from_slice(&request.body).unwrap();
                if ask["password"] != "password" {
                    return refuse(401, "wrong_login");
                }
                self.signed_out = false;
                return self.pair();
            }
            "/api/v1/auth/refresh" => {
                if self.signed_out {
                    return refuse(401, "signed_out");
                }
                self.refreshes += 1;
                return self.pair();
            }
            _ => {}
        }
        let token =
            request.header("authorization").and_then(|t| t.strip_prefix("Bearer t")?.parse::<u64>().ok());
        if self.signed_out || token.is_none_or(|t| t < self.good_from) {
            return refuse(401, "token_expired");
        }
        if let Some(since) = path.strip_prefix("/api/v1/sync?since=") {
            return answer(self.pull(since.parse().unwrap()));
        }
        if let Some(since) = path.strip_prefix("/api/v1/me/calls?since=") {
            return self.call_page(since.parse().unwrap());
        }
        let Some(key) = request.header("idempotency-key").map(str::to_owned) else {
            return self.route(&path, request);
        };
        if let Some((body, status, stored)) = self.keys.get(&key) {
            if *body != request.body {
                return refuse(409, "idempotency_key_reused");
            }
            return (*status, stored.clone());
        }
        let done = self.route(&path, request);
        // acts on a batch have no stored answer: doing them again changes nothing
        if done.0 < 300 && !path.starts_with("/api/v1/batches/") && !path.starts_with("/api/v1/calls/") {
            self.keys.insert(key, (request.body.clone(), done.0, done.1.clone()));
        }
        done
    }

    fn pair(&mut self) -> Answer {
        self.tokens += 1;
        answer(TokenPair {
            access_token: format!("t{}", self.tokens),
            access_expires_at: UnixMs(0),
            refresh_token: format!("r{}", self.tokens),
            user: self.user.clone(),
        })
    }

    fn route(&mut self, path: &str, request: &Seen) -> Answer {
        match path {
            "/api/v1/punches" => self.punch(request),
            "/api/v1/attendance/rules" => self.attendance_rules(),
            p if p.starts_with("/api/v1/attendance?month=") => self.attendance_month(),
            "/api/v1/tracks" => self.tracks.take(self.user.id, &request.body),
            "/api/v1/auth/logout" => {
                self.signed_out = true;
                (204, String::new())
            }
            "/api/v1/me/push-token" => {
                let told: Option<Value> = serde_json::from_slice(&request.body).ok();
                let token = told.and_then(|t| t["token"].as_str().map(str::to_owned));
                assert_eq!(token.is_none(), request.line.starts_with("DELETE "));
                self.push_tokens.push((self.user.id, token));
                (204, String::new())
            }
            "/api/v1/policy" => answer(&self.policy),
            "/api/v1/parcels/import" => self.import(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/parcels/state" => self.state(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/parcels/deeds" => self.deed(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/parcels/deeds/undo" => self.undo_deed(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/parcels/hand-over" => self.hand_over(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/stops/rules" => self.rule(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/places" => self.place(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/stops/rules/undo" => self.undo_rule(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/me/availability" => self.say(request, self.now),
            "/api/v1/calls" => self.ring(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/batches" => self.tap(&serde_json::from_slice(&request.body).unwrap()),
            "/api/v1/batches/again" => self.again(&serde_json::from_slice(&request.body).unwrap()),
            _ => {
                let parts: Vec<&str> = path.rsplitn(3, '/').collect();
                if let (Ok(id), "/api/v1/calls") = (CallId::parse(parts[1]), parts[2]) {
                    return self.mark_call(id, parts[0] == "handled");
                }
                match (BatchAction::parse(parts[0]), BatchId::parse(parts[1])) {
                    (Some(action), Ok(id)) => self.act(id, action),
                    _ => refuse(404, "not_found"),
                }
            }
        }
    }

    /// A colleague's import gives this courier a parcel.
    pub(crate) fn import_elsewhere(&mut self, n: u32) {
        let row = waybell_domain::wire::ImportedRow {
            line: 2,
            waybill_no: format!("SF10000000{n:05}"),
            recipient_name: "张".into(),
            phone: "13811110009".into(),
            more_phones: None,
            address: "杭州".into(),
            kind: None,
            withdrawn: None,
            at: None,
        };
        let _ = self.import(&ImportRequest {
            rows: vec![row],
            acted_at: None,
            columns: None,
            first: 0,
            of: None,
        });
    }

    fn import(&mut self, request: &ImportRequest) -> Answer {
        for (sequence, row) in request.rows.iter().enumerate() {
            let Ok(good) = GoodRow::check(self.user.organisation, row) else { continue };
            let known = self.parcels.get(&good.id).cloned();
            if known.as_ref().is_some_and(|k| good.same(k, self.user.id)) {
                continue;
            }
            let Some(mut view) = good.over(known, sequence as i64, UnixMs(5), self.user.id) else { continue };
            view.rev = self.next_rev();
            self.parcels.insert(view.id, view);
        }
        self.effects
            .push(Effect::Import(request.rows.first().map(|r| r.waybill_no.clone()).unwrap_or_default()));
        answer(json!({"total": 0, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0, "problems": []}))
    }

    fn state(&mut self, request: &ParcelStateRequest) -> Answer {
        // those of somebody else are left out
        if !request.parcels.iter().any(|p| self.parcels.contains_key(p)) {
            return refuse(404, "not_found");
        }
        let mut views = Vec::new();
        for id in &request.parcels {
            let rev = self.next_rev();
            let Some(view) = self.parcels.get_mut(id) else { continue };
            if view.state != request.state {
                view.door = None;
            }
            view.state = request.state;
            view.rev = rev;
            views.push(view.clone());
        }
        self.effects.push(Effect::State(views[0].waybill_no.clone(), request.state));
        answer(views)
    }

    /// Rings everybody who is here: what "missed" means is the real server's business.
    fn again(&mut self, request: &RingAgainRequest) -> Answer {
        if self.parcels.is_empty() {
            return refuse(409, "nothing_missed");
        }
        let tap = BatchRequest {
            id: request.id,
            template: request.template.clone(),
            parcels: self.parcels.keys().copied().collect(),
            acted_at: request.acted_at,
            start_at: None,
            ahead: None,
            display_number: None,
            confirmed: false,
        };
        self.tap(&tap)
    }

    fn tap(&mut self, request: &BatchRequest) -> Answer {
        if let Some((view, _)) = self.batches.get(&request.id) {
            return answer(view);
        }
        if request.parcels.iter().any(|p| !self.parcels.contains_key(p)) {
            return refuse(404, "not_found");
        }
        if request.template == "refused" {
            return refuse(422, "bad_field");
        }
        let later = request.start_at.is_some_and(|at| at.0 > request.acted_at.wall.0 + DAY);
        let view = BatchView {
            id: request.id,
            courier: self.user.id,
            template: request.template.clone(),
            state: if later { BatchState::Scheduled } else { BatchState::Running },
            created_at: request.acted_at.wall,
            start_at: request.start_at,
            counts: BatchCounts::default(),
            cost_minor: 1,
            reason: None,
            rev: self.next_rev(),
        };
        if !later {
            self.rung.insert(request.id);
        }
        self.effects.push(Effect::Tap(request.id));
        self.batches.insert(request.id, (view.clone(), request.parcels.clone()));
        answer(view)
    }

    fn act(&mut self, id: BatchId, action: BatchAction) -> Answer {
        let rev = self.rev + 1;
        if action == BatchAction::Undo && !self.batches.contains_key(&id) {
            let view = BatchView {
                id,
                courier: self.user.id,
                template: String::new(),
                state: BatchState::Cancelled,
                created_at: UnixMs(0),
                start_at: None,
                counts: BatchCounts::default(),
                cost_minor: 0,
                reason: None,
                rev,
            };
            self.rev = rev;
            self.effects.push(Effect::Act(id, action));
            self.batches.insert(id, (view.clone(), Vec::new()));
            return answer(view);
        }
        let Some((view, _)) = self.batches.get_mut(&id) else { return refuse(404, "not_found") };
        if view.state.is_final() {
            return if action == BatchAction::Undo { answer(&*view) } else { refuse(409, "batch_over") };
        }
        let event = match action {
            BatchAction::Pause => BatchEvent::Pause,
            BatchAction::Resume => BatchEvent::Resume,
            BatchAction::Undo => BatchEvent::Cancel,
            BatchAction::Confirm => BatchEvent::Confirm,
        };
        let Ok(mut next) = view.state.on(event) else { return refuse(409, "wrong_state") };
        if next == BatchState::Cancelling {
            next = BatchState::Cancelled;
        }
        view.state = next;
        view.rev = rev;
        self.rev = rev;
        self.effects.push(Effect::Act(id, action));
        answer(&self.batches[&id].0)
    }

    fn pull(&self, since: i64) -> SyncPage {
        let since = if since > self.rev { 0 } else { since };
        let mut parcels: Vec<_> = self.parcels.values().filter(|p| p.rev > since).cloned().collect();
        parcels.sort_by_key(|p| p.rev);
        let cut = parcels.get(self.page).map(|_| parcels[self.page - 1].rev);
        let end = cut.unwrap_or(self.rev);
        parcels.truncate(self.page);
        SyncPage {
            cursor: end,
            more: cut.is_some(),
            parcels,
            batches: self
                .batches
                .values()
                .map(|(b, _)| b)
                .filter(|b| b.rev > since && b.rev <= end)
                .cloned()
                .collect(),
            recipients: Vec::new(),
            templates: Vec::new(),
            policy: (self.policy.rev > since).then(|| self.policy.clone()),
            gone_parcels: self
                .gone
                .iter()
                .filter(|(_, rev)| *rev > since && *rev <= end)
                .map(|(id, _)| *id)
                .collect(),
            gone_batches: Vec::new(),
            gone_recipients: Vec::new(),
            stop_rules: self.rules_between(since, end),
            places: self.places_between(since, end),
            now: UnixMs(0),
            generation: self.generation.clone(),
        }
    }
}

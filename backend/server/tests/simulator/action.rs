//! What people do, carried out as the routes of the API do it.

use super::check::{self, Standing};
use super::history::History;
use super::world::What;
use rand::Rng;
use waybell_domain::id::BatchId;
use waybell_domain::wire::{ActedAt, BatchAction, BatchRequest, Role};
use waybell_server::app::Shared;
use waybell_server::http::error::ApiError;
use waybell_server::notify::accept;
use waybell_server::store::scope::Scope;

/// A thing that somebody does.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Tap { org: usize, courier: usize, request: Box<BatchRequest> },
    Again { org: usize, courier: usize, id: BatchId, include_unknown: bool },
    Act { org: usize, courier: usize, batch: BatchId, action: BatchAction },
    Stop { org: usize, stopped: bool },
    OptOut { org: usize, phone: String },
    Deliver { parcel: String },
}

impl History<'_> {
    fn scope(&self, org: usize, courier: usize) -> Scope {
        Scope {
            organisation: self.orgs[org].id,
            branch: None,
            person: self.orgs[org].couriers[courier],
            role: Role::Courier,
        }
    }

    /// A request, as its route carries it out; one that meets a dead server or a bad disk is sent again.
    pub(crate) async fn act(&mut self, n: usize) {
        let action = self.actions[n].clone();
        let now = self.world.state.lock().now;
        let outcome = match &self.app {
            None => Err("the server is down".to_owned()),
            Some(app) => self.request(&app.clone(), &action).await,
        };
        if let Some(standing) = self.standing(&action).await {
            self.ledger.stands(now, &action, standing);
        }
        let mut s = self.world.state.lock();
        match outcome {
            Ok(true) => {
                s.note(|| format!("done: {action:?}"));
                self.ledger.acted(now, &action);
                let batch = match &action {
                    Action::Act { batch, action: BatchAction::Undo, .. } => Some(*batch),
                    _ => None,
                };
                let late = if s.rng.random_bool(0.2) { s.rng.random_range(1..2_000) } else { 0 };
                let life = s.life;
                s.after(late, What::Tell { life, batch });
                if batch.is_some() && s.chance(0.2) {
                    s.die("after an undo");
                }
            }
            Ok(false) => {}
            Err(problem) => {
                s.note(|| format!("refused ({problem}): {action:?}"));
                let again = s.rng.random_range(500..4_000);
                s.after(again, What::Act(n));
            }
        }
    }

    /// What is stored of a batch or a stop, which may be more than somebody was told.
    async fn standing(&self, action: &Action) -> Option<Standing> {
        let db = self.bench.store.read();
        match action {
            Action::Act { batch, .. } => check::standing(db, &batch.to_string()).await,
            Action::Stop { org, .. } => Some(check::stopped(db, &self.orgs[*org].id.to_string()).await),
            _ => None,
        }
    }

    /// `Ok(false)`: a definite refusal.
    pub(crate) async fn request(&self, app: &Shared, action: &Action) -> Result<bool, String> {
        let write = app.store.begin().await.map_err(|e| e.to_string())?;
        let headers = axum::http::HeaderMap::new();
        let done: Result<(), ApiError> = match action {
            Action::Tap { org, courier, request } => {
                let scope = self.scope(*org, *courier);
                match accept::earlier(&write, &scope, &request.id).await {
                    Ok(Some(_)) => Ok(()),
                    Ok(None) => {
                        let rows =
                            waybell_server::parcels::state::find(&write, &scope, &request.parcels).await;
                        match rows {
                            Ok(rows) => accept::create(app, &write, &scope, request, &headers, &rows)
                                .await
                                .map(|_| ()),
                            Err(e) => Err(e),
                        }
                    }
                    Err(e) => Err(e),
                }
            }
            Action::Again { org, courier, id, include_unknown } => {
                let scope = self.scope(*org, *courier);
                match accept::earlier(&write, &scope, id).await {
                    Ok(Some(_)) => Ok(()),
                    _ => match accept::missed_today(app, &write, &scope, "arrived", *include_unknown).await {
                        Ok(rows) => {
                            let request = BatchRequest {
                                id: *id,
                                template: "arrived".into(),
                                parcels: Vec::new(),
                                acted_at: ActedAt { wall: app.clock.now(), age_ms: Some(0) },
                                start_at: None,
                                ahead: None,
                                display_number: None,
                                confirmed: false,
                            };
                            accept::create(app, &write, &scope, &request, &headers, &rows).await.map(|_| ())
                        }
                        Err(e) => Err(e),
                    },
                }
            }
            Action::Act { org, courier, batch, action } => {
                accept::act(app, &write, &self.scope(*org, *courier), *batch, *action).await.map(|_| ())
            }
            Action::Stop { org, stopped } => write
                .exec(
                    "UPDATE organisation SET stopped = $1 WHERE id = $2",
                    [i64::from(*stopped).into(), self.orgs[*org].id.to_string().into()],
                )
                .await
                .map(|_| ())
                .map_err(ApiError::from),
            Action::OptOut { org, phone } => write
                .exec(
                    "INSERT INTO opt_out (organisation_id, phone_key, source, since) VALUES ($1, $2, 'courier', 0) \
                     ON CONFLICT DO NOTHING",
                    [self.orgs[*org].id.to_string().into(), phone.clone().into()],
                )
                .await
                .map(|_| ())
                .map_err(ApiError::from),
            Action::Deliver { parcel } => write
                .exec("UPDATE parcel SET state = 'signed' WHERE id = $1", [parcel.clone().into()])
                .await
                .map(|_| ())
                .map_err(ApiError::from),
        };
        if let Err(error) = done {
            let text = format!("{error:?}");
            return if text.contains("Database") { Err(text) } else { Ok(false) };
        }
        write.commit().await.map_err(|e| e.to_string())?;
        Ok(true)
    }
}

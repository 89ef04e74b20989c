//! Leaves and corrections of others, for supervisors: asked of the server, at once and only now.

use super::{Leaves, new_id};
use crate::error::Result;
use crate::http::Request;
use crate::organisation::encoded;
use waybell_domain::attendance::{AskState, LeaveEdge, LeaveKind};
use waybell_domain::id::OperationId;
use waybell_domain::wire::{
    ActedAt, AskDecision, CorrectionAskView, LeaveCut, LeaveDecision, LeaveRequest, LeaveView,
};

impl Leaves {
    /// Leaves that the server shows to this person, those of `state` or all.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn of_branch(&self, state: Option<AskState>, courier: Option<&str>) -> Result<Vec<LeaveView>> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        inner.ask(&me, &Request::get(format!("/api/v1/leaves?{}", query(state, courier)))).await
    }

    /// Corrections that were asked for and that the server shows to this person.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn corrections_of_branch(
        &self,
        state: Option<AskState>,
        courier: Option<&str>,
    ) -> Result<Vec<CorrectionAskView>> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        inner.ask(&me, &Request::get(format!("/api/v1/attendance/asked?{}", query(state, courier)))).await
    }

    /// Enters a leave for somebody (login name or id): it holds at once.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn enter(
        &self,
        courier: &str,
        kind: LeaveKind,
        from: LeaveEdge,
        to: LeaveEdge,
        note: Option<String>,
    ) -> Result<LeaveView> {
        let now = self.client.inner.clock.wall();
        let (id, courier) = (new_id(now), Some(courier.trim().to_owned()));
        let acted_at = ActedAt { wall: now, age_ms: Some(0) };
        let request = LeaveRequest { id, courier, kind, from, to, note, acted_at };
        let mut sent = Request::post("/api/v1/leaves", &request)?;
        sent.key = Some(id.to_string());
        self.send(&sent).await
    }

    /// Decides about a leave; `reason` is needed to refuse it.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn decide(&self, id: OperationId, approve: bool, reason: Option<String>) -> Result<LeaveView> {
        let decision = LeaveDecision { approve, reason };
        self.send(&Request::post(format!("/api/v1/leaves/{id}/decide"), &decision)?).await
    }

    /// Lets an approved leave end earlier.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn cut(&self, id: OperationId, to: LeaveEdge, reason: &str) -> Result<LeaveView> {
        let cut = LeaveCut { to, reason: reason.to_owned() };
        self.send(&Request::post(format!("/api/v1/leaves/{id}/cut"), &cut)?).await
    }

    /// Decides about a correction that was asked for.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn decide_correction(
        &self,
        id: OperationId,
        approve: bool,
        reason: Option<String>,
    ) -> Result<CorrectionAskView> {
        let decision = AskDecision { approve, reason };
        self.send(&Request::post(format!("/api/v1/attendance/asked/{id}/decide"), &decision)?).await
    }

    async fn send<T: serde::de::DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        inner.ask(&me, request).await
    }
}

fn query(state: Option<AskState>, courier: Option<&str>) -> String {
    let state = state.map(|s| format!("state={}", s.as_str()));
    let courier = courier.map(|c| format!("courier={}", encoded(c)));
    state.into_iter().chain(courier).collect::<Vec<_>>().join("&")
}

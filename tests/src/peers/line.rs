//! The switch alone, as the side that calls: for what happens between two user agents and needs no server.

use anyhow::{Context, bail};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use waybell_switch::{
    Draft, Event, EventKind, InviteRecord, LegEnd, LegId, Listen, Switch, SwitchConfig, TrunkConfig,
};

/// Longest wait for one thing; only a failing test takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A switch with one trunk, and what it told.
pub struct Line {
    /// The switch.
    pub switch: Switch,
    events: mpsc::Receiver<Event>,
    /// Everything it told so far, in order.
    pub told: Vec<Event>,
    /// Answers are acknowledged as soon as they are told.
    pub confirms: bool,
}

impl Line {
    /// A switch whose only trunk is `peer`; T1 is 50 ms.
    pub async fn to(peer: SocketAddr, change: impl FnOnce(&mut TrunkConfig)) -> anyhow::Result<Line> {
        let mut trunk = TrunkConfig::new("t", vec![peer.to_string()]);
        trunk.caller_ids = vec![crate::world::DISPLAY.into()];
        trunk.options_interval = None;
        trunk.session_expires = None;
        trunk.cps = 1_000;
        change(&mut trunk);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = SwitchConfig {
            listen: vec![Listen::udp(any), Listen::tcp(any)],
            t1: Duration::from_millis(50),
            rtp_ports: 22_000..=31_999,
            trunks: vec![trunk],
            ..SwitchConfig::default()
        };
        let (switch, events) = Switch::start(config).await?;
        Ok(Line { switch, events, told: Vec::new(), confirms: true })
    }

    /// The INVITE of a call that is not placed yet.
    pub fn draft(&self, attempt: &str) -> anyhow::Result<InviteRecord> {
        let caller = crate::world::DISPLAY;
        let draft =
            Draft { attempt, route_no: 0, trunk: "t", caller, callee: "13800001111", headers: Vec::new() };
        Ok(self.switch.draft(draft)?)
    }

    /// Places a call.
    pub async fn call(&self, attempt: &str) -> anyhow::Result<LegId> {
        let record = self.draft(attempt)?;
        self.switch.permit_ready("t").await;
        let permit = self.switch.try_permits("t", 1).pop().context("no permit")?;
        Ok(self.switch.place(record, permit))
    }

    /// Waits for an event of `leg` for which `pick` gives something, also among those that were told before. Challenged
    /// INVITEs are sent again, and answers confirmed.
    pub async fn until<T>(
        &mut self,
        leg: &LegId,
        what: &str,
        mut pick: impl FnMut(&EventKind) -> Option<T>,
    ) -> anyhow::Result<T> {
        if let Some(found) = self.told.iter().filter(|e| e.leg == *leg).find_map(|e| pick(&e.kind)) {
            return Ok(found);
        }
        self.until_next(leg, what, PATIENCE, pick).await
    }

    /// Like [`Line::until`], among what is told from now on.
    pub async fn until_next<T>(
        &mut self,
        leg: &LegId,
        what: &str,
        patience: Duration,
        mut pick: impl FnMut(&EventKind) -> Option<T>,
    ) -> anyhow::Result<T> {
        loop {
            let Ok(event) = tokio::time::timeout(patience, self.events.recv()).await else {
                let kinds: Vec<_> = self.told.iter().map(|e| &e.kind).collect();
                bail!("no {what} within {patience:?}; told so far: {kinds:#?}");
            };
            let event = event.context("the switch ended")?;
            match &event.kind {
                EventKind::Challenged { .. } => self.switch.resubmit(&event.leg),
                EventKind::Answered { .. } if self.confirms => self.switch.confirm(&event.leg),
                _ => {}
            }
            let found = (event.leg == *leg).then(|| pick(&event.kind)).flatten();
            self.told.push(event);
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }

    /// Waits until somebody calls; the leg, and the number that the caller shows.
    pub async fn called(&mut self) -> anyhow::Result<(LegId, String)> {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
            let event = event.context("nobody calls")?.context("the switch ended")?;
            let called = match &event.kind {
                EventKind::Incoming(call) => Some((event.leg.clone(), call.from.clone())),
                _ => None,
            };
            self.told.push(event);
            if let Some(called) = called {
                return Ok(called);
            }
        }
    }

    /// Waits until the call is answered.
    pub async fn answered(&mut self, leg: &LegId) -> anyhow::Result<()> {
        self.until(leg, "answer", |k| matches!(k, EventKind::Answered { .. }).then_some(())).await
    }

    /// Waits for the end of the call.
    pub async fn ended(&mut self, leg: &LegId) -> anyhow::Result<LegEnd> {
        self.until(leg, "end", |k| match k {
            EventKind::Ended { end } => Some(end.clone()),
            _ => None,
        })
        .await
    }

    /// Provisional answers over 100 so far: status, and whether they brought a description.
    pub fn progress(&self, leg: &LegId) -> Vec<(u16, bool)> {
        let of_leg = self.told.iter().filter(|e| e.leg == *leg);
        of_leg
            .filter_map(|e| match e.kind {
                EventKind::Progress { status, early_media } if status > 100 => Some((status, early_media)),
                _ => None,
            })
            .collect()
    }

    /// Hold and resume, as they were told.
    pub fn holds(&self) -> Vec<bool> {
        let held = self.told.iter().filter_map(|e| match e.kind {
            EventKind::Held { held } => Some(held),
            _ => None,
        });
        held.collect()
    }
}

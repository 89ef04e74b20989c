//! The switch alone with one trunk and a socket for apps, and an exchange of the test's own.

use super::exchange::{Exchange, Telephone};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use waybell_switch::{
    AppLegs, Draft, Event, EventKind, LegEnd, LegId, Switch, SwitchConfig, SwitchError, TrunkConfig,
};
use waybell_tests::peers::app::App;
use waybell_tests::world::DISPLAY;

/// Longest wait for anything; only a failing test takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) struct SwitchStage {
    pub(crate) runtime: Runtime,
    pub(crate) switch: Switch,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) told: Vec<(LegId, EventKind)>,
    pub(crate) exchange: Exchange,
}

impl SwitchStage {
    pub(crate) fn new() -> SwitchStage {
        let exchange = Exchange::new();
        let mut trunk = TrunkConfig::new("t", vec![exchange.address().to_string()]);
        trunk.caller_ids = vec![DISPLAY.into()];
        trunk.options_interval = None;
        trunk.session_expires = None;
        let mut apps = AppLegs::new("127.0.0.1:0".parse().unwrap());
        // short for the test of an app that vanishes, long enough for a busy machine
        apps.gone_after = Duration::from_secs(4);
        let config = SwitchConfig {
            trunks: vec![trunk],
            apps: Some(apps),
            rtp_ports: 22_000..=31_999,
            ..SwitchConfig::default()
        };
        let runtime = Runtime::new().unwrap();
        let (switch, events) = runtime.block_on(Switch::start(config)).unwrap();
        SwitchStage { runtime, switch, events, told: Vec::new(), exchange }
    }

    pub(crate) fn until<T>(&mut self, leg: &LegId, what: &str, pick: impl Fn(&EventKind) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.told.iter().filter(|(l, _)| l == leg).find_map(|(_, k)| pick(k)) {
                return found;
            }
            let wait = until.saturating_duration_since(Instant::now());
            let next = self.runtime.block_on(async { tokio::time::timeout(wait, self.events.recv()).await });
            let Ok(Some(event)) = next else { panic!("no {what} of {leg}; told: {:#?}", self.told) };
            if let EventKind::Answered { .. } = event.kind {
                self.switch.confirm(&event.leg);
            }
            self.told.push((event.leg, event.kind));
        }
    }

    pub(crate) fn ended(&mut self, leg: &LegId) -> LegEnd {
        self.until(leg, "end", |k| match k {
            EventKind::Ended { end } => Some(end.clone()),
            _ => None,
        })
    }

    /// Joins two legs once both have media: that of a telephone starts a moment after its ACK is on the wire.
    pub(crate) fn joins(&self, a: &LegId, b: &LegId) {
        let until = Instant::now() + PATIENCE;
        while let Err(error) = self.switch.bridge(a, b) {
            assert!(error == SwitchError::BadState("no media yet") && Instant::now() < until, "{error}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// An app that is connected.
    pub(crate) fn app(&mut self, name: &str) -> (LegId, App) {
        let (leg, app) = (LegId::new(name), App::new().unwrap());
        self.offers(&leg, &app);
        app.connects().unwrap();
        self.until(&leg, "connection", |k| matches!(k, EventKind::Connected).then_some(()));
        (leg, app)
    }

    pub(crate) fn offers(&self, leg: &LegId, app: &App) {
        let answer = self.runtime.block_on(self.switch.app_offer(leg, &app.offer().unwrap())).unwrap();
        app.answered(&answer).unwrap();
    }

    /// A telephone that is rung and has picked up.
    pub(crate) fn telephone(&mut self, attempt: &str) -> (LegId, Telephone) {
        let (caller, callee) = (DISPLAY, "13800001111");
        let draft = Draft { attempt, route_no: 0, trunk: "t", caller, callee, headers: Vec::new() };
        let record = self.switch.draft(draft).unwrap();
        let permit = self.switch.try_permits("t", 1).pop().unwrap();
        let leg = self.switch.place(record, permit);
        let mut telephone = self.exchange.rung();
        telephone.picks_up_unheard();
        self.until(&leg, "answer", |k| matches!(k, EventKind::Answered { .. }).then_some(()));
        telephone.hear("ACK");
        (leg, telephone)
    }
}

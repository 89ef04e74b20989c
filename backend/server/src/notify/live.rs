//! What the engine holds in memory about calls on the line.

use super::telephone::Permit;
use crate::flow::Conversation;
use crate::speech::Whose;
use std::collections::BTreeMap;
use std::sync::Arc;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::attempt::AttemptState;
use waybell_domain::id::{AttemptId, BatchId, OrganisationId, ParcelId, RecipientId, UserId};
use waybell_switch::{InviteRecord, LegEnd, LegId, Prompt};

/// A call to a recipient.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub attempt: AttemptId,
    pub recipient: RecipientId,
    pub batch: BatchId,
    pub organisation: OrganisationId,
    pub courier: UserId,
    pub phone_key: String,
    pub parcels: Vec<ParcelId>,
    pub template: String,
    pub state: AttemptState,
    pub display: String,
    pub callee: String,
    pub extension: Option<String>,
    /// Trunks tried, newest last.
    pub trunks: Vec<String>,
    pub call_ids: Vec<String>,
    pub route_no: u8,
    pub cancel_requested: bool,
    pub heard_full: bool,
    /// Our side could not say what it had to: whoever ends the call, the person was not told.
    pub fault: bool,
    /// Something was played to the person. Who answers and waits in silence was told nothing and gets a text message.
    pub spoke: bool,
    /// The last token whose words went out to the person; those of a later one are still being made.
    pub audible: Option<u64>,
    /// What was said so far, piece by piece: it goes with a key press.
    pub said: Vec<String>,
    /// How much of it was there before what is being said now.
    pub said_before: usize,
    /// Something that was being said broke off: where we then end the call, the person was not told. Where the callee
    /// does, that is why it broke off.
    pub broken: bool,
    /// Refused on the way, or not sent, at this time and with this end; another trunk is waited for.
    pub refused: Option<(UnixMs, Box<LegEnd>)>,
    pub keys: String,
    pub answer_at: Option<UnixMs>,
    /// Variables of the notice.
    pub variables: Arc<std::collections::BTreeMap<String, String>>,
    pub talk: Option<Conversation>,
    /// The courier's leg, when the recipient asked for the courier.
    pub courier_leg: Option<LegId>,
    /// Dialling of an extension: what a private waybill's menu asks for before it connects.
    pub menu: Menu,
    /// Taken up after a crash by a probe, and nothing heard of it since but the probe's own end.
    pub probed: bool,
    /// The courier could not be rung at all; told to the flow at the deadline.
    pub no_courier: bool,
    /// Token that the deadline answers.
    pub awaited: u32,
    /// A time at which something must happen: a gather runs out, a menu is ready for the extension.
    pub deadline: Option<UnixMs>,
    /// The latest end of the call.
    pub limit: Option<UnixMs>,
}

/// Where the dialling of an extension is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Menu {
    /// There is none, or it is over.
    None,
    /// The menu speaks; the extension is sent at the deadline.
    Asks,
    /// The extension was sent; the person is expected at the deadline.
    Connects,
}

/// What a leg is for.
#[derive(Clone, Debug)]
pub(crate) enum Leg {
    /// A recipient is called.
    Recipient(Box<Call>),
    /// A call beside attempts that an earlier life of the server left open, being ended.
    Ending,
    /// The courier is rung for a recipient who asked.
    Courier {
        /// The recipient's leg.
        of: LegId,
    },
    /// Somebody rang the displayed number.
    Inbound {
        /// Hang up after the announcement.
        announced: bool,
    },
}

/// What is done after the commit.
pub(crate) enum Effect {
    Place(Box<InviteRecord>, Permit),
    /// The INVITE with credentials is stored.
    Resubmit(LegId),
    Confirm(LegId),
    Cancel(LegId),
    HangUp(LegId),
    Speak {
        leg: LegId,
        token: u64,
        whose: Whose,
        text: Vec<String>,
    },
    Play {
        leg: LegId,
        token: u64,
        prompts: Vec<Arc<Prompt>>,
    },
    StopPlay(LegId),
    Digits(LegId, String),
    Bridge(LegId, LegId),
    Answer(LegId),
    /// Counters and histograms.
    Count(&'static str, &'static str),
}

/// A prompt that was made while somebody waits for it.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    pub leg: LegId,
    pub token: u64,
    /// `None` where they could not be made.
    pub prompts: Option<Vec<Arc<Prompt>>>,
}

/// The legs on the line, with the changes of a round on top: the changes count only once the round is committed.
#[derive(Default)]
pub(crate) struct Legs {
    live: BTreeMap<LegId, Leg>,
    changed: BTreeMap<LegId, Option<Leg>>,
}

impl Legs {
    pub(crate) fn get(&self, leg: &LegId) -> Option<&Leg> {
        match self.changed.get(leg) {
            Some(changed) => changed.as_ref(),
            None => self.live.get(leg),
        }
    }

    pub(crate) fn call(&self, leg: &LegId) -> Option<Call> {
        match self.get(leg) {
            Some(Leg::Recipient(call)) => Some((**call).clone()),
            _ => None,
        }
    }

    pub(crate) fn put(&mut self, leg: LegId, what: Leg) {
        self.changed.insert(leg, Some(what));
    }

    pub(crate) fn put_call(&mut self, leg: LegId, call: Call) {
        self.put(leg, Leg::Recipient(Box::new(call)));
    }

    pub(crate) fn remove(&mut self, leg: &LegId) {
        self.changed.insert(leg.clone(), None);
    }

    /// The round is durable.
    pub(crate) fn commit(&mut self) {
        for (leg, what) in std::mem::take(&mut self.changed) {
            match what {
                Some(what) => self.live.insert(leg, what),
                None => self.live.remove(&leg),
            };
        }
    }

    /// A prompt goes out to this leg.
    pub(crate) fn speaks(&mut self, leg: &LegId, token: u64) {
        if let Some(Leg::Recipient(call)) = self.live.get_mut(leg) {
            call.spoke = true;
            call.audible = Some(token);
        }
    }

    /// The round failed.
    pub(crate) fn rollback(&mut self) {
        self.changed.clear();
    }

    /// Committed legs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LegId, &Leg)> {
        self.live.iter()
    }
}

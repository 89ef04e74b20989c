//! A callee's behaviour as a list of steps. The steps before the answer run from the INVITE, those after
//! [`Step::AwaitAck`] from the ACK.

use crate::config::{Behaviour, Resolved};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Milliseconds.
    Wait(u64),
    /// A provisional response on a branch, with early media or without.
    Provisional { status: u16, fork: usize, early: bool },
    /// A person's phone begins to ring.
    Alert,
    /// Refusal.
    Final(Refusal),
    /// 200 on a branch.
    Answer(usize),
    /// The script rests until the ACK.
    AwaitAck,
    /// Bytes that are no SIP message.
    Garbage,
    /// Keys.
    Keys,
    /// A re-INVITE of ours with this direction; without a body when `None`.
    Reinvite(Option<&'static str>),
    /// The call is forgotten without a word.
    Vanish,
    /// BYE.
    Bye,
}

/// A refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) cause: Option<u16>,
    pub(super) text: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) headers: Vec<(String, String)>,
}

/// The script of a callee.
pub(super) fn steps(plan: &Resolved) -> Vec<Step> {
    use Step::{Alert, Answer, AwaitAck, Wait};
    let b = plan.behaviour;
    let ringing = |status| Step::Provisional { status, fork: 0, early: status == 183 };
    let trying = || vec![ringing(100), Wait(plan.delay_ms)];
    let ring = || {
        let mut s = trying();
        s.extend([Alert, ringing(if plan.early_media { 183 } else { 180 }), Wait(plan.ring_ms)]);
        s
    };
    let network = |status: u16, cause: Option<u16>, text: Option<&str>| {
        let mut s = trying();
        s.push(Step::Final(refusal(plan, status, cause, text)));
        s
    };
    let announced = |status: u16, cause: Option<u16>, text: Option<&str>| {
        let mut s = trying();
        s.extend([ringing(183), Wait(plan.ring_ms), Step::Final(refusal(plan, status, cause, text))]);
        s
    };
    let talk = || if plan.until_end { vec![] } else { vec![Wait(plan.talk_ms), Step::Bye] };
    let answered = |mut before: Vec<Step>, mut middle: Vec<Step>| {
        before.extend([Answer(0), AwaitAck]);
        before.append(&mut middle);
        before.extend(talk());
        before
    };
    match b {
        Behaviour::Busy => network(486, None, None),
        Behaviour::Unallocated => network(404, None, None),
        Behaviour::RateLimited => network(403, None, Some("call frequency limit exceeded")),
        Behaviour::TimeBarred => network(403, None, Some("calls are barred at this time of day")),
        Behaviour::CallerBarred => network(403, None, Some("caller number is not allowed")),
        Behaviour::Overload => {
            let mut s = network(503, Some(42), None);
            if let Some(Step::Final(f)) = s.last_mut() {
                f.headers.push(("Retry-After".to_owned(), plan.retry_after_s.to_string()));
            }
            s
        }
        Behaviour::ServerError => network(500, None, None),
        Behaviour::Status => network(480, None, None),
        Behaviour::Redirect => {
            let mut s = network(302, None, None);
            let to =
                plan.redirect_to.clone().unwrap_or_else(|| "sip:+8613900000000@127.0.0.1:5060".to_owned());
            if let Some(Step::Final(f)) = s.last_mut() {
                f.headers.push(("Contact".to_owned(), format!("<{to}>")));
            }
            s
        }
        Behaviour::PoweredOff => announced(480, Some(20), Some("powered off")),
        Behaviour::OutOfCoverage => announced(480, Some(20), Some("out of coverage")),
        Behaviour::Suspended => announced(480, None, Some("subscriber suspended")),
        Behaviour::NoAnswer => {
            let mut s = ring();
            s.push(Step::Final(refusal(plan, 480, Some(19), None)));
            s
        }
        Behaviour::Reject => {
            let mut s = ring();
            s.push(Step::Final(refusal(plan, 603, None, None)));
            s
        }
        Behaviour::CancelRace => {
            let mut s = ring();
            s.extend([Wait(180_000), Step::Final(refusal(plan, 480, Some(19), None))]);
            s
        }
        // As long as both a caller's Timer B and our memory of the request could last.
        Behaviour::Silent => vec![Wait(64_000), Step::Vanish],
        Behaviour::Only183 => {
            let mut s = trying();
            s.extend([Alert, ringing(183), Wait(plan.ring_ms)]);
            answered(s, vec![])
        }
        Behaviour::NoProvisional => answered(vec![Wait(plan.delay_ms + plan.ring_ms), Alert], vec![]),
        Behaviour::AnswerHangupEarly => {
            let mut s = ring();
            s.extend([Answer(0), AwaitAck, Wait(plan.talk_ms), Step::Bye]);
            s
        }
        Behaviour::PressKeys => answered(ring(), vec![Wait(plan.digits_after_ms), Step::Keys]),
        Behaviour::ByeRace => {
            let mut s = ring();
            s.extend([Answer(0), AwaitAck, Step::Bye]);
            s
        }
        Behaviour::Forked => {
            let mut s = ring();
            s.insert(4, Step::Provisional { status: 180, fork: 1, early: false });
            s.extend([Answer(0), Wait(40), Answer(1), AwaitAck]);
            s.extend(talk());
            s
        }
        Behaviour::ForkedRinging => {
            let mut s = ring();
            s.insert(4, Step::Provisional { status: 180, fork: 1, early: false });
            s.extend([Answer(1), AwaitAck]);
            s.extend(talk());
            s
        }
        Behaviour::Garbage => {
            let mut s = vec![Step::Garbage];
            s.extend(ring());
            answered(s, vec![])
        }
        Behaviour::Hold => answered(
            ring(),
            vec![
                Wait(1_500),
                Step::Reinvite(Some("sendonly")),
                Wait(1_500),
                Step::Reinvite(Some("sendrecv")),
            ],
        ),
        Behaviour::ReinviteGlare => answered(ring(), vec![Wait(1_000), Step::Reinvite(Some("sendrecv"))]),
        Behaviour::DelayedOfferReinvite => answered(ring(), vec![Wait(1_000), Step::Reinvite(None)]),
        Behaviour::LostResponse | Behaviour::Duplicated | Behaviour::Late | Behaviour::Reordered
            if plan.status.is_some() =>
        {
            let mut s = ring();
            s.push(Step::Final(refusal(plan, 480, None, None)));
            s
        }
        Behaviour::Answer
        | Behaviour::Slow180
        | Behaviour::LostResponse
        | Behaviour::Duplicated
        | Behaviour::Late
        | Behaviour::Reordered
        | Behaviour::WrongSdp
        | Behaviour::NoAckSeen
        | Behaviour::Challenge
        | Behaviour::SessionTimer
        | Behaviour::RtpLoss
        | Behaviour::LateMedia
        | Behaviour::OtherRtpSource
        | Behaviour::RtpInject => answered(ring(), vec![]),
    }
}

/// The refusal of a behaviour, with what the settings say instead.
fn refusal(plan: &Resolved, status: u16, cause: Option<u16>, text: Option<&str>) -> Refusal {
    let other = plan.status.is_some_and(|s| s != status);
    Refusal {
        status: plan.status.unwrap_or(status),
        cause: plan.cause.or(if other && plan.behaviour == Behaviour::Overload { None } else { cause }),
        text: plan.text.clone().or_else(|| text.map(str::to_owned)),
        reason: plan.reason.clone(),
        headers: Vec::new(),
    }
}

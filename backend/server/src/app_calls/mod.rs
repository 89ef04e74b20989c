//! Signalling of calls over apps' data networks, between apps and the tasks of calls.
//!
//! ```text
//!  app ──WebSocket (events) or POST /calls/{id}/signals──▶ take ──once each──▶ the call's task (Heard::App)
//!   ▲                                                                                │ say
//!   └──socket, or the answer of the POST ◀── sessions: what is not acknowledged ◀────┘
//! ```
//!
//! **Resumable.** What is said to an app waits in its signed-in session until it is acknowledged or 30 s old, and goes out anew
//! over each socket of that session; what an app says is numbered, and taken once whichever way it came. So a socket may drop at
//! any moment, and a phone woken without one uses POST.
//!
//! **Only one's own.** A call's task names its parties (`Sessions::open`); for anybody else there is no such call.
//!
//! **No sound passes here**, and no number: descriptions go to the switch as text, and an app is told of a caller what
//! `CallView` shows.

pub mod routes;
mod sessions;
mod turn;

pub use sessions::Sessions;
pub(crate) use sessions::Socket;
pub(crate) use turn::ice_servers;

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::calls::Heard;
use crate::http::error::ApiError;
use sessions::Taken;
use waybell_domain::id::{CallId, SessionId, UserId};
use waybell_domain::wire::{AppSaid, AppSignal};

/// Longest description, in bytes.
const DESCRIPTION: usize = 16_384;
/// Longest candidate.
const CANDIDATE: usize = 512;

/// A message of an app. One that was taken before changes nothing.
///
/// # Errors
/// 404 where the call is over or somebody else's; 422 for what cannot be.
pub(crate) fn take(app: &Shared, signed: &Signed, mut signal: AppSignal) -> Result<(), ApiError> {
    check(&mut signal.said)?;
    let (session, person) = (signed.session, signed.scope.person);
    if let AppSaid::Ack { of } = signal.said {
        app.apps.acknowledged(session, signal.call_id, of);
        return Ok(());
    }
    if signal.seq == 0 {
        return Err(ApiError::field("seq", "messages are numbered from 1", "count them in each call"));
    }
    match app.apps.hear(session, person, signal.call_id, signal.seq, app.clock.now()) {
        Taken::Stranger => Err(ApiError::not_found("call")),
        Taken::Again => Ok(()),
        Taken::TooMany => Err(ApiError::conflict("too_many", "too many messages for one call")),
        Taken::New => {
            let heard = Heard::App { session, person, said: Box::new(signal.said) };
            app.calls.tell(signal.call_id, heard).then_some(()).ok_or_else(|| ApiError::not_found("call"))
        }
    }
}

/// Says something to one app; over whichever socket it has, and anew until it is acknowledged.
pub(crate) fn say(app: &Shared, session: SessionId, call: CallId, said: AppSaid) {
    app.apps.say(session, call, said, app.clock.now());
}

/// An app has connected: calls that ring its person hear of it.
pub(crate) fn came(app: &Shared, session: SessionId, person: UserId) {
    for call in app.apps.calls_of(person) {
        app.calls.tell(call, Heard::Came { session, person });
    }
}

/// Apps of a person that can be rung now.
pub(crate) fn apps_of(app: &Shared, person: UserId) -> Vec<SessionId> {
    if app.config.app_calls.is_some() { app.apps.connected(person) } else { Vec::new() }
}

/// Refuses what is too long, and drops what only the server says: a message waits in memory until its call has taken it.
fn check(said: &mut AppSaid) -> Result<(), ApiError> {
    if let AppSaid::Invite { label, words, ice_servers, .. } = said {
        (*label, *words, *ice_servers) = (None, Vec::new(), Vec::new());
    }
    if let AppSaid::Bye { text, .. } = said {
        *text = None;
    }
    let sdp = match said {
        AppSaid::Invite { sdp, .. } => sdp.as_deref().unwrap_or_default(),
        AppSaid::Answer { sdp } | AppSaid::Restart { sdp } => sdp,
        AppSaid::Candidate { candidate } if candidate.len() > CANDIDATE => {
            return Err(ApiError::field("candidate", "longer than 512 bytes", "send one candidate"));
        }
        _ => "",
    };
    if sdp.len() > DESCRIPTION {
        return Err(ApiError::field("sdp", "longer than 16384 bytes", "offer one stream of audio"));
    }
    Ok(())
}

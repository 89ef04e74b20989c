//! Placing a call: over the app, by callback, or by whichever the network is good for; and being woken for one.

use super::super::choice::{self, LastCall, Network, Why};
use super::super::fsm::{Reason, State};
use super::{AppCalls, CallNow, Order};
use crate::calls::ring::Whom;
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::CallId;
use waybell_domain::outgoing::CallRefusal;
use waybell_domain::wire::{CallStarted, CallWay};

/// A call that was placed.
#[derive(Clone, Debug)]
pub struct Placed {
    /// What the server says of it.
    pub started: CallStarted,
    /// Over which way: by callback the courier's own telephone rings first, and [`AppCalls::now`] does not show the call.
    pub way: CallWay,
    /// Why that way.
    pub why: Why,
}

/// What the last call over the app came to, for the choice of the next one's way.
pub(super) type Past = Arc<Mutex<Option<(Instant, bool, f64)>>>;

impl AppCalls {
    /// Calls a customer over this way, or, without one, over the app where the network carries it and by callback where not. Needs the
    /// server; nothing is kept for later. Over the app the microphone is on once they answer.
    ///
    /// # Errors
    /// Those of [`Calls::ring`](crate::calls::Calls::ring), and `BadInput` while another call over the app is up.
    pub async fn place(&self, whom: &Whom, way: Option<CallWay>) -> Result<Placed> {
        if !matches!(self.now.borrow().state, State::Idle | State::Ended(_)) {
            return Err(Error::bad("call", "another call is up", "end it first"));
        }
        let (chosen, mut why) = match way {
            Some(way) => (way, Why::Asked),
            None => choice::choose(&self.look().await),
        };
        if chosen == CallWay::App {
            match self.client.calls().ring_over(whom, CallWay::App).await {
                Ok(started) => {
                    self.tell(Order::Dial {
                        call: started.call.id,
                        label: started.call.caller.clone(),
                        servers: started.ice_servers.clone(),
                    });
                    return Ok(Placed { started, way: CallWay::App, why });
                }
                // nobody was rung: the other way is as good as before
                Err(Error::Refused(refusal))
                    if way.is_none() && refusal.code == CallRefusal::NoApp.as_str() =>
                {
                    why = Why::NotOffered;
                }
                Err(error) => return Err(error),
            }
        }
        let started = self.client.calls().ring(whom).await?;
        Ok(Placed { started, way: CallWay::Callback, why })
    }

    /// Looks at the network, for [`choice::LOOK`] at most.
    pub async fn look(&self) -> Network {
        let mut trips = Vec::new();
        let mut now = self.now.clone();
        let looks = async {
            for _ in 0..choice::LOOKS {
                let began = Instant::now();
                if self.client.inner.http.is_there().await {
                    trips.push(began.elapsed());
                }
            }
        };
        // an app that was opened a moment ago has its socket in the next one
        let stands = async { now.wait_for(|now| now.reachable).await.is_ok() };
        let _ = tokio::time::timeout(choice::LOOK, async { tokio::join!(looks, stands) }).await;
        let last =
            self.past.lock().map(|(at, no_way, guessed)| LastCall { ago: at.elapsed(), no_way, guessed });
        Network { reachable: self.now.borrow().reachable, trips, last }
    }

    /// A push has come for this call: the exchange with the server begins, if it did not run, and the call is fetched. `true` once
    /// it is shown (it rings, or somebody has taken it already); `false` where it is over, or has not come within `limit`: then
    /// take back what the platform was told. Tell the platform of the call before this, at once.
    pub async fn pushed(&self, call: CallId, limit: Duration) -> bool {
        self.client.resume();
        let mut now = self.now.clone();
        if !now.borrow().reachable {
            // a socket of before the sleep is dead more often than not
            self.client.inner.signalling.reopen();
        }
        let came = now.wait_for(|now| now.call == Some(call) || now.other == Some(call));
        let Ok(Ok(shown)) = tokio::time::timeout(limit, came).await else { return false };
        !matches!((shown.call == Some(call), shown.state), (true, State::Ended(_)))
    }

    /// When the call that is up, or was last, is being recorded, as far as this phone knows.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn is_recorded(&self, call: CallId) -> Result<bool> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        let view = inner.store.read(move |c| crate::calls::rows::find(c, &seal, call)).await?;
        Ok(view
            .and_then(|v| v.audio)
            .is_some_and(|a| a.kind == "call" && matches!(a.state.as_str(), "open" | "done")))
    }
}

/// What a call that ended says of its network: when, whether its sound found no way, and what share of it was guessed.
pub(super) fn past(reason: Reason, heard: Option<(u64, Duration)>) -> Option<(Instant, bool, f64)> {
    let no_way = matches!(reason, Reason::NoMedia | Reason::Lost | Reason::NoReply);
    let guessed = match heard {
        // of a moment nothing can be said
        Some((guessed_ms, spoke)) if spoke >= Duration::from_secs(5) => {
            guessed_ms as f64 / spoke.as_millis() as f64
        }
        _ if no_way => 0.0,
        _ => return None,
    };
    Some((Instant::now(), no_way, guessed.min(1.0)))
}

impl CallNow {
    /// How long the two have spoken, or did.
    #[must_use]
    pub fn spoke(&self) -> Duration {
        let end = self.over_at.unwrap_or_else(Instant::now);
        self.up_at.map_or(Duration::ZERO, |at| end.saturating_duration_since(at))
    }

    /// When they began to speak, by the wall clock now.
    #[must_use]
    pub fn spoken_since(&self, now: UnixMs) -> Option<UnixMs> {
        self.up_at.map(|at| now - i64::try_from(at.elapsed().as_millis()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_came_to_is_remembered_where_it_says_something_of_the_network() {
        let seconds = Duration::from_secs;
        assert_eq!(past(Reason::HungUp, Some((10, seconds(1)))), None, "of a moment");
        let (_, no_way, guessed) = past(Reason::HungUp, Some((1_000, seconds(10)))).unwrap();
        assert!(!no_way && (guessed - 0.1).abs() < 1e-9);
        let (_, no_way, guessed) = past(Reason::NoMedia, None).unwrap();
        assert!(no_way && guessed == 0.0);
        assert_eq!(past(Reason::Busy, None), None, "a busy line says nothing");
    }
}

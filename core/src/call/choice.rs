//! Over the app or by callback (双呼): chosen for each call by what the network does now, unless the person chooses.
//!
//! The tap is worth a moment: a few small requests go to the server, for [`LOOK`] at most. What the last call over the app came to
//! counts too, as nothing else tells of a network that lets requests through and no sound.

use std::time::Duration;
use waybell_domain::wire::CallWay;

/// How long the network is looked at.
pub const LOOK: Duration = Duration::from_millis(1_200);
/// Requests of one look.
pub const LOOKS: usize = 3;
/// So slow, two people begin to speak at once: there and back, with what the sound's own way adds (ITU-T G.114 allows 400 ms one way).
const SLOW: Duration = Duration::from_millis(400);
/// Share of sound that was lost for good and is heard as gaps.
const GAPS: f64 = 0.05;
/// How long a bad call speaks against its network.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// What is known of the network at the tap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// The socket for signalling stands.
    pub reachable: bool,
    /// How long each of the small requests took that were answered in time.
    pub trips: Vec<Duration>,
    /// The last call over the app on this network.
    pub last: Option<LastCall>,
}

/// What a call over the app came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastCall {
    /// How long ago it ended.
    pub ago: Duration,
    /// No way for its sound was found, or it was lost.
    pub no_way: bool,
    /// Share of the sound that had to be guessed, 0 to 1.
    pub guessed: f64,
}

/// Why a way was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The person said so.
    Asked,
    /// The network is good enough for the app.
    Good,
    /// There is no socket to the server, or hardly a request got through.
    Weak,
    /// Answers take too long for speaking.
    Slow,
    /// The last call over the app sounded bad, or had no sound, a short while ago.
    LastCall,
    /// The server takes no calls over apps.
    NotOffered,
}

impl Why {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Asked => "asked",
            Why::Good => "good",
            Why::Weak => "weak",
            Why::Slow => "slow",
            Why::LastCall => "last_call",
            Why::NotOffered => "not_offered",
        }
    }
}

/// The way for a call on this network.
#[must_use]
pub fn choose(network: &Network) -> (CallWay, Why) {
    let last = network.last.filter(|last| last.ago < REMEMBERED);
    let mut trips = network.trips.clone();
    trips.sort_unstable();
    let why = match trips.get(trips.len() / 2) {
        // one answer of three may be luck
        Some(_) if !network.reachable || trips.len() < 2 => Why::Weak,
        None => Why::Weak,
        Some(_) if last.is_some_and(|last| last.no_way || last.guessed > GAPS) => Why::LastCall,
        Some(middle) if *middle > SLOW => Why::Slow,
        Some(_) => Why::Good,
    };
    (if why == Why::Good { CallWay::App } else { CallWay::Callback }, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(trips: &[u64]) -> Network {
        let trips = trips.iter().map(|ms| Duration::from_millis(*ms)).collect();
        Network { reachable: true, trips, last: None }
    }

    #[test]
    fn the_app_takes_a_call_that_its_network_can_carry() {
        use {CallWay::App, CallWay::Callback};
        for (found, expected) in [
            (network(&[900, 60, 40]), (App, Why::Good)),
            (network(&[80, 390]), (App, Why::Good)),
            (network(&[30]), (Callback, Why::Weak)),
            (network(&[]), (Callback, Why::Weak)),
            (network(&[450, 500, 30]), (Callback, Why::Slow)),
            (Network { reachable: false, ..network(&[30, 30, 30]) }, (Callback, Why::Weak)),
        ] {
            assert_eq!(choose(&found), expected, "{found:?}");
        }
    }

    #[test]
    fn a_bad_call_speaks_against_its_network_for_a_while() {
        let after = |seconds, no_way, guessed| {
            let last = Some(LastCall { ago: Duration::from_secs(seconds), no_way, guessed });
            choose(&Network { last, ..network(&[30, 30, 30]) }).1
        };
        assert_eq!(after(5, false, 0.01), Why::Good);
        assert_eq!(after(5, true, 0.0), Why::LastCall);
        assert_eq!(after(5, false, 0.2), Why::LastCall);
        assert_eq!(after(601, true, 1.0), Why::Good);
    }
}

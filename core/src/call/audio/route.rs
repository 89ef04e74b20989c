//! Which loudspeaker a call is heard from. The platform owns that choice: it tells what there is and what is used, and is asked for
//! another.

/// A loudspeaker of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpeakerRoute {
    /// The small one, held to the ear.
    Earpiece,
    /// The loud one (免提).
    Speaker,
    /// A headset or car over Bluetooth.
    Bluetooth,
    /// A headset on a cable.
    Wired,
}

impl SpeakerRoute {
    /// Every one.
    pub const ALL: [SpeakerRoute; 4] =
        [SpeakerRoute::Earpiece, SpeakerRoute::Speaker, SpeakerRoute::Bluetooth, SpeakerRoute::Wired];

    /// The stable word: `earpiece`, `speaker`, `bluetooth`, `wired`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SpeakerRoute::Earpiece => "earpiece",
            SpeakerRoute::Speaker => "speaker",
            SpeakerRoute::Bluetooth => "bluetooth",
            SpeakerRoute::Wired => "wired",
        }
    }

    /// The route of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<SpeakerRoute> {
        SpeakerRoute::ALL.into_iter().find(|route| route.as_str() == word)
    }
}

/// What the platform says of its loudspeakers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// The one that is used; absent before the platform has said.
    pub current: Option<SpeakerRoute>,
    /// Those that can be asked for.
    pub there: Vec<SpeakerRoute>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_a_word_of_its_own() {
        for route in SpeakerRoute::ALL {
            assert_eq!(SpeakerRoute::parse(route.as_str()), Some(route));
        }
        assert_eq!(SpeakerRoute::parse("hdmi"), None);
    }
}

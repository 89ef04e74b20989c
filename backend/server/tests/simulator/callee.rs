//! What the telephones of the people do with calls.

use super::world::State;
use rand::Rng;

/// What a telephone does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Rings, answers, listens for so long (ms; 0 for until the end), and may press a key.
    Answers { ring: i64, listens: i64, key: Option<char> },
    /// Rings and is never answered; the carrier ends it after so long (0: never) with this status and cause.
    Rings { for_ms: i64, status: u16, cause: Option<u8> },
    /// Refused before it rings.
    Refused { status: u16, cause: Option<u8> },
    /// Never any answer.
    Silent,
    /// 100 and nothing else.
    Trying,
    /// Rings; deaf to CANCEL.
    Deaf,
    /// Rings; is picked up as the CANCEL arrives.
    Crosses,
}

impl Plan {
    pub(crate) fn of(s: &mut State) -> Plan {
        let ring = s.rng.random_range(200..20_000);
        match s.rng.random_range(0..100) {
            0..30 => Plan::Answers { ring, listens: s.rng.random_range(3_500..12_000), key: None },
            30..36 => Plan::Answers { ring, listens: 0, key: None },
            36..44 => Plan::Answers { ring, listens: s.rng.random_range(1..2_500), key: None },
            44..54 => {
                let key = ['1', '2', '9', '0'][s.rng.random_range(0..4)];
                Plan::Answers { ring, listens: s.rng.random_range(9_000..30_000), key: Some(key) }
            }
            54..62 => Plan::Refused { status: 486, cause: Some(17) },
            62..69 => Plan::Rings { for_ms: 0, status: 480, cause: None },
            69..74 => Plan::Rings { for_ms: 20_000, status: 480, cause: Some(19) },
            74..76 => Plan::Rings { for_ms: 3_000, status: 603, cause: Some(21) },
            76 => Plan::Rings { for_ms: 2_000, status: 503, cause: Some(34) },
            77..79 => Plan::Refused { status: 404, cause: Some(1) },
            79..84 => Plan::Refused { status: 503, cause: Some(34) },
            84..87 => Plan::Refused { status: 500, cause: Some(41) },
            87..90 => Plan::Refused { status: 480, cause: Some(20) },
            90..92 => Plan::Silent,
            92..94 => Plan::Trying,
            94..96 => Plan::Deaf,
            96..98 => Plan::Crosses,
            _ => Plan::Refused { status: 403, cause: None },
        }
    }

    /// No answer by the deadline is in its nature.
    pub(crate) fn leaves_in_doubt(self) -> bool {
        matches!(self, Plan::Silent | Plan::Trying | Plan::Deaf | Plan::Crosses)
    }
}

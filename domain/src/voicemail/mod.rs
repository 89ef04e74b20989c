//! What a caller wants who left a voicemail: intents, by key words, out of a machine's text of it.
//!
//! The text comes from a recogniser: it mixes simplified and traditional characters, writes homophones (`句收` for `拒收`)
//! and few marks. So words are compared by pinyin syllables without tones; those that sound like something common
//! (`不在`, `不再`) by their characters. What is denied is not meant, or means its contrary: `不要放驿站` asks for the
//! door. A text may hold several intents, or none. They are a help for the eye beside the sound, never more: nothing is
//! decided by them but the place in a list.

mod hear;
mod rules;
#[cfg(test)]
mod tests;

use hear::Heard;
use rules::{DENIES, NEUTRAL, RULES, Rule};
use std::ops::Range;

words! {
    /// What a caller wants, the most urgent first.
    pub enum Intent {
        /// Complains, or threatens to; something is damaged or lost.
        Complaint = "complaint", "投诉", "complaint";
        /// Does not want the parcel.
        Refuse = "refuse", "拒收", "refuses it";
        /// Another time.
        Later = "later", "改时间", "another time";
        /// To be left somewhere, or with somebody.
        LeaveAt = "leave_at", "放某处", "leave it somewhere";
        /// To the door, in person.
        Door = "door", "送上门", "to the door";
        /// Where it is, or when it comes.
        WhereIsIt = "where_is_it", "查件", "where is it";
        /// To be rung back.
        CallBack = "call_back", "回电话", "call back";
    }
}

impl Intent {
    /// True for what should be seen to before any message without it: a complaint grows, and a refusal spares a way.
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        matches!(self, Intent::Complaint | Intent::Refuse)
    }
}

/// Longest text that is read, characters; what follows is left out. Ten minutes of fast speech have some 3,000.
pub const LONGEST: usize = 5_000;

/// The intents of a text, each once, the most urgent first. Takes some 100 microseconds for a minute of speech.
#[must_use]
pub fn intents(text: &str) -> Vec<Intent> {
    let heard = Heard::new(text, NEUTRAL);
    let mut found: Vec<(Intent, usize)> = Vec::new();
    let mut denied: Vec<(&Rule, Range<usize>)> = Vec::new();
    for rule in RULES {
        for place in heard.places(rule) {
            match DENIES.iter().any(|word| heard.ends_with(place.start, word)) {
                true => denied.push((rule, place)),
                false => found.push((rule.intent, place.start)),
            }
        }
    }
    // what stands within something denied is denied with it: 不用送上楼
    found.retain(|(intent, at)| {
        !denied.iter().any(|(rule, place)| rule.intent == *intent && place.contains(at))
    });
    let mut found: Vec<Intent> = found.into_iter().map(|(intent, _)| intent).collect();
    for (rule, _) in denied {
        // 不要放驿站，放门口: the contrary is meant only where nothing else of its kind is said
        if !found.contains(&rule.intent) {
            found.extend(rule.denied);
        }
    }
    found.sort_unstable();
    found.dedup();
    // whoever says where it may be left has not asked for another time by saying that they are out
    if found.contains(&Intent::LeaveAt) && !asks_for_a_time(&heard) {
        found.retain(|i| *i != Intent::Later);
    }
    found
}

fn asks_for_a_time(heard: &Heard) -> bool {
    RULES.iter().any(|r| r.intent == Intent::Later && r.is_time && !heard.places(r).is_empty())
}

#![no_main]
use waybell_domain::address::{StopKey, group, split};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::phone::spot::{Line, in_speech, on_label};
use waybell_domain::search::{Finder, Text, index_terms, matches, query_terms};
use waybell_domain::template::Template;

// What people write: addresses, numbers, queries, templates.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.chars().count() > 400 {
        return;
    }
    let (query, text) = text.split_once('\n').unwrap_or((text, text));
    let _ = (split(text), group(&[StopKey::of(text), StopKey::of(query)]));
    let _ = Template::parse(text);
    if let Ok(number) = PhoneNumber::parse(query) {
        assert_eq!(PhoneNumber::from_key(&number.key()).as_ref(), Ok(&number), "a key does not read back");
        assert_eq!(PhoneNumber::parse(&number.key()).map(|n| n.key()), Ok(number.key()), "{query:?} is read in two ways");
    }
    let lines: Vec<Line<'_>> = text.lines().map(Line::from).collect();
    for found in on_label(&lines).into_iter().chain(in_speech(text)) {
        assert!(found.confidence <= 99, "too sure");
    }
    let truth = matches(query, text);
    assert!(!truth || query_terms(query).holds(&index_terms(text)), "the index misses {query:?} in {text:?}");
    assert_eq!(Finder::new(query).rank(&Text::new(text)).is_some(), truth, "{query:?} in {text:?}");
});

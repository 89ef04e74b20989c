use super::*;
use proptest::prelude::*;

fn refused(status: u16) -> CallEnd {
    CallEnd { status: Some(status), rang: true, ..CallEnd::default() }
}

fn with(status: u16, cause: Option<u8>, text: &str, phrase: &str) -> CallOutcome {
    let some = |s: &str| (!s.is_empty()).then(|| s.to_owned());
    classify(&CallEnd { q850: cause, reason_text: some(text), phrase: some(phrase), ..refused(status) })
}

#[test]
fn the_glossary() {
    use CallOutcome::*;
    for (status, cause, text, phrase, outcome) in [
        (486, None, "", "Busy Here", Busy),
        (600, None, "", "Busy Everywhere", Busy),
        (480, Some(17), "User busy", "Temporarily Unavailable", Busy),
        (480, None, "", "Temporarily Unavailable", NoAnswer),
        (408, None, "", "Request Timeout", NoAnswer),
        (480, Some(18), "", "", NoAnswer),
        (503, Some(19), "", "Service Unavailable", NoAnswer),
        (603, None, "", "Decline", Rejected),
        (403, None, "", "Forbidden", Rejected),
        (480, Some(21), "Call Rejected", "", Rejected),
        (404, None, "", "Not Found", InvalidNumber),
        (503, Some(1), "Unallocated", "", InvalidNumber),
        (484, Some(28), "", "", InvalidNumber),
        (480, Some(20), "", "", OutOfCoverage),
        (480, None, "", "用户不在服务区", OutOfCoverage),
        (480, Some(20), "用户已关机", "", PoweredOff),
        (480, None, "", "Subscriber powered off", PoweredOff),
        (480, Some(18), "switched off", "", PoweredOff),
        (403, Some(21), "停机", "", Suspended),
        (404, None, "", "Number suspended", Suspended),
        (403, Some(21), "Rate limit exceeded", "", RateLimited),
        (403, None, "", "频控", RateLimited),
        (429, None, "", "Too Many Requests", RateLimited),
        (429, None, "", "", RateLimited),
        (403, None, "", "Call not allowed in this time period", TimeBarred),
        (429, None, "非允许时段", "", TimeBarred),
        (503, None, "", "Service Unavailable", CapacityExceeded),
        (503, Some(34), "", "", CapacityExceeded),
        (480, Some(42), "", "", CapacityExceeded),
        (476, None, "", "", CallerBarred),
        (403, None, "", "Caller ID not authorized", CallerBarred),
        (500, None, "", "", ProviderError),
        (502, Some(38), "", "", ProviderError),
        (504, Some(102), "", "", ProviderError),
        (480, Some(41), "", "", ProviderError),
        // Causes that say nothing leave the word to the status.
        (486, Some(16), "Normal call clearing", "", Busy),
        (404, Some(31), "", "", InvalidNumber),
        (603, Some(127), "Interworking", "", Rejected),
        (302, None, "", "Moved", ProviderError),
    ] {
        assert_eq!(with(status, cause, text, phrase), outcome, "{status} {cause:?} {text:?} {phrase:?}");
    }
}

#[test]
fn answers() {
    let answered = CallEnd { status: Some(200), answered: true, ..CallEnd::default() };
    assert_eq!(classify(&answered), CallOutcome::AnsweredPartial);
    assert_eq!(classify(&CallEnd { heard_full: true, ..answered.clone() }), CallOutcome::AnsweredFull);
    assert_eq!(classify(&CallEnd { interrupted: true, ..answered.clone() }), CallOutcome::Interrupted);
    // A late 2xx after our CANCEL is an answer.
    assert_eq!(
        classify(&CallEnd { cancelled_by_us: true, ..answered.clone() }),
        CallOutcome::AnsweredPartial
    );
    assert_eq!(classify(&CallEnd { q850: Some(16), ..answered }), CallOutcome::AnsweredPartial);
}

#[test]
fn silence_is_unknown_and_a_confirmed_cancel_is_not() {
    let ringing = CallEnd { status: Some(180), rang: true, ..CallEnd::default() };
    assert_eq!(classify(&CallEnd::default()), CallOutcome::Unknown);
    assert_eq!(classify(&ringing), CallOutcome::Unknown);
    assert_eq!(classify(&CallEnd { our_timeout: true, ..ringing.clone() }), CallOutcome::Unknown);
    assert_eq!(classify(&CallEnd { cancelled_by_us: true, ..ringing.clone() }), CallOutcome::Unknown);
    assert_eq!(
        classify(&CallEnd { our_timeout: true, status: Some(408), ..ringing.clone() }),
        CallOutcome::Unknown
    );
    let cancelled = CallEnd { status: Some(487), cancelled_by_us: true, ..ringing };
    assert_eq!(classify(&cancelled), CallOutcome::NoAnswer);
    assert_eq!(classify(&CallEnd { rang: false, ..cancelled.clone() }), CallOutcome::Cancelled);
    // The far side's own refusal crossed our CANCEL.
    assert_eq!(classify(&CallEnd { status: Some(486), ..cancelled }), CallOutcome::Busy);
    let not_sent = CallEnd { not_sent: true, ..CallEnd::default() };
    assert_eq!(classify(&not_sent), CallOutcome::ProviderError);
    assert_eq!(classify(&CallEnd { cancelled_by_us: true, ..not_sent }), CallOutcome::Cancelled);
}

/// Every SIP status and every Q.850 cause has a word, and only silence is unknown.
#[test]
fn total() {
    for status in 0..=u16::MAX {
        let outcome = classify(&refused(status));
        match status {
            200..=299 => assert_eq!(outcome, CallOutcome::AnsweredPartial, "{status}"),
            300..=699 => assert_ne!(outcome, CallOutcome::Unknown, "{status}"),
            _ => assert_eq!(outcome, CallOutcome::Unknown, "{status}"),
        }
        if (300..=699).contains(&status) {
            assert!(!outcome.is_answered(), "{status}");
            for cause in 0..=u8::MAX {
                let both = classify(&CallEnd { q850: Some(cause), ..refused(status) });
                assert!(both != CallOutcome::Unknown && !both.is_answered(), "{status} {cause}");
            }
        }
    }
    for cause in 1..=126u8 {
        let alone = classify(&CallEnd { q850: Some(cause), ..CallEnd::default() });
        let silent = matches!(cause, 16 | 31);
        assert_eq!(alone == CallOutcome::Unknown, silent, "{cause}");
    }
}

#[test]
fn steps_and_marks() {
    for outcome in CallOutcome::ALL {
        let answered = outcome.is_answered();
        assert_eq!(outcome.mark() == CallMark::Answered, answered, "{outcome}");
        assert_eq!(outcome.mark() == CallMark::ToConfirm, *outcome == CallOutcome::Unknown, "{outcome}");
        // Nobody who may have been reached is rung again by itself.
        let rings = matches!(
            outcome.next(),
            NextStep::Retry { .. }
                | NextStep::WhenAllowed
                | NextStep::BackOff
                | NextStep::OtherDisplayNumber
                | NextStep::BoundedRetry
        );
        assert!(!(rings && (answered || *outcome == CallOutcome::Unknown)), "{outcome}");
        if let NextStep::Retry { min_gap } = outcome.next() {
            assert!(min_gap >= 5 * MINUTE && outcome.counts_as_attempt(), "{outcome}");
        }
    }
}

#[test]
fn record() {
    let end = CallEnd { q850: Some(17), reason_text: Some("User busy".into()), ..refused(486) };
    insta::assert_json_snapshot!(end, @r#"
    {
      "status": 486,
      "q850": 17,
      "reason_text": "User busy",
      "phrase": null,
      "rang": true,
      "answered": false,
      "cancelled_by_us": false,
      "our_timeout": false,
      "heard_full": false,
      "interrupted": false,
      "not_sent": false
    }
    "#);
    assert_eq!(serde_json::from_str::<CallEnd>("{\"status\":486}").unwrap().status, Some(486));
    let words: Vec<&str> = CallOutcome::ALL.iter().map(|o| o.as_str()).collect();
    insta::assert_snapshot!(words.join(" "), @r"answered_full answered_partial interrupted busy no_answer rejected invalid_number out_of_coverage powered_off suspended rate_limited time_barred capacity_exceeded caller_barred provider_error cancelled unknown");
}

fn any_outcome() -> impl Strategy<Value = CallOutcome> {
    (0..CallOutcome::ALL.len()).prop_map(|i| CallOutcome::ALL[i])
}

/// Small enough to be tried whole: 17³ triples.
#[test]
fn merge_is_a_join() {
    let all = CallOutcome::ALL;
    for &a in all {
        assert_eq!(a.merge(a), a);
        assert_eq!(a.merge(CallOutcome::Unknown), a);
        for &b in all {
            assert_eq!(a.merge(b), b.merge(a));
            assert!([a, b].contains(&a.merge(b)));
            assert!(!(a.is_answered() || b.is_answered()) || a.merge(b).is_answered());
            for &c in all {
                assert_eq!(a.merge(b).merge(c), a.merge(b.merge(c)));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Reports in any order, any number of times, converge to one outcome.
    #[test]
    fn reports_converge(reports in proptest::collection::vec(any_outcome(), 1..8), order in any::<u64>()) {
        let fold = |list: &[CallOutcome]| list.iter().copied().fold(CallOutcome::Unknown, CallOutcome::merge);
        let mut shuffled = reports.clone();
        shuffled.extend(reports.iter().copied());
        let n = shuffled.len();
        for i in 0..n {
            shuffled.swap(i, (order as usize).wrapping_mul(i + 7) % n);
        }
        prop_assert_eq!(fold(&reports), fold(&shuffled));
    }

    #[test]
    fn any_end_has_an_outcome(
        status in proptest::option::of(0u16..800), q850 in proptest::option::of(any::<u8>()),
        text in proptest::option::of(".{0,20}"), flags in any::<[bool; 7]>(),
    ) {
        let [rang, answered, cancelled_by_us, our_timeout, heard_full, interrupted, not_sent] = flags;
        let end = CallEnd { status, q850, reason_text: text.clone(), phrase: text, rang, answered, cancelled_by_us, our_timeout, heard_full, interrupted, not_sent };
        let outcome = classify(&end);
        let success = answered || status.is_some_and(|s| (200..300).contains(&s));
        prop_assert_eq!(outcome.is_answered(), success);
    }
}

//! One hand-made log for each thing that the judge must find, and a clean one that it must leave alone.

use super::*;
use crate::truth::{HeardPrompt, TruthEvent};

const T: u64 = 1_700_020_800_000; // noon in Shanghai
const A: &str = "+8613800000001";
const B: &str = "+8613800000002";

fn event(at: u64, name: &str, call: &str, phone: &str) -> TruthEvent {
    TruthEvent {
        at_ms: T + at,
        event: name.to_owned(),
        callee: Some(phone.to_owned()),
        call_id: Some(call.to_owned()),
        branch: Some(format!("b-{call}")),
        cseq: Some(1),
        alert_id: (name == "alerted").then_some(at),
        ..TruthEvent::default()
    }
}

fn invite(at: u64, call: &str, phone: &str, probe: bool) -> TruthEvent {
    TruthEvent { probe: Some(probe), ..event(at, "invite", call, phone) }
}

fn refusal(at: u64, call: &str, phone: &str, status: u16) -> TruthEvent {
    TruthEvent { status: Some(status), ..event(at, "final", call, phone) }
}

/// A call that rang and was answered.
fn answered(at: u64, call: &str, phone: &str) -> Vec<TruthEvent> {
    vec![
        invite(at, call, phone, false),
        event(at + 100, "alerted", call, phone),
        event(at + 1_000, "answered", call, phone),
        refusal(at + 1_000, call, phone, 200),
        event(at + 9_000, "bye", call, phone),
    ]
}

fn recipient(batch: &str, phone: &str, mark: &str, outcome: Option<&str>) -> Recipient {
    Recipient {
        batch: batch.to_owned(),
        phone: phone.to_owned(),
        notice: Some("arrived".to_owned()),
        state: "done".to_owned(),
        terminal: true,
        mark: Some(mark.to_owned()),
        outcome: outcome.map(str::to_owned),
        ..Recipient::default()
    }
}

fn attempt(id: &str, batch: &str, phone: &str, calls: &[&str], outcome: &str, at: u64) -> Attempt {
    Attempt {
        id: id.to_owned(),
        batch: batch.to_owned(),
        phone: phone.to_owned(),
        attempt_no: 1,
        calls: calls
            .iter()
            .enumerate()
            .map(|(n, c)| AttemptCall { route_no: n as u32, call_id: (*c).to_owned() })
            .collect(),
        outcome: Some(outcome.to_owned()),
        intent_at_ms: T + at,
        ended_at_ms: Some(T + at + 10_000),
        ..Attempt::default()
    }
}

/// One recipient who answered, one who was busy.
fn clean() -> Input {
    let mut truth = answered(0, "c1", A);
    truth.push(invite(0, "c2", B, false));
    truth.push(refusal(100, "c2", B, 486));
    Input {
        sides: Vec::new(),
        truth,
        policy: Policy {
            min_gap_ms: Some(60_000),
            window: Some(("08:30".to_owned(), "20:30".to_owned())),
            time_zone: None,
            max_attempts: Some(3),
        },
        recipients: vec![
            recipient("b1", A, "answered", Some("answered_full")),
            recipient("b1", B, "unanswered", Some("busy")),
        ],
        attempts: vec![
            attempt("a1", "b1", A, &["c1"], "answered_full", 0),
            attempt("a2", "b1", B, &["c2"], "busy", 0),
        ],
        kills: vec![],
    }
}

#[track_caller]
fn expect(input: &Input, checks: &[&str]) {
    let verdict = judge(input).unwrap();
    let mut found: Vec<&str> = verdict.violations.iter().map(|v| v.check).collect();
    found.sort_unstable();
    let mut expected = checks.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{}", verdict.text());
    assert!(verdict.violations.iter().all(|v| !v.evidence.is_empty()));
}

#[test]
fn clean_log_is_clean() {
    let verdict = judge(&clean()).unwrap();
    assert!(verdict.violations.is_empty(), "{}", verdict.text());
    let s = &verdict.summary;
    assert_eq!((s.recipients, s.attempts, s.alerted, s.answered, s.missed, s.doubled), (2, 2, 1, 1, 0, 0));
    assert!(verdict.text().ends_with("verdict: clean\n"));
}

#[test]
fn unfinished_recipient() {
    let mut input = clean();
    input.recipients[1].terminal = false;
    expect(&input, &["not_terminal"]);
}

#[test]
fn missed_recipient_and_the_excuses() {
    let mut input = clean();
    input.recipients.push(recipient("b1", "+8613800000003", "unanswered", Some("no_answer")));
    expect(&input, &["missed"]);
    input.recipients[2].suppressed = Some("delivered".to_owned());
    expect(&input, &[]);
    input.recipients[2].suppressed = None;
    input.recipients[2].outcome = Some("cancelled".to_owned());
    expect(&input, &[]);
    input.recipients[2].outcome = Some("unknown".to_owned());
    input.recipients[2].mark = Some("to_confirm".to_owned());
    expect(&input, &[]);
}

#[test]
fn refused_probe_is_no_try() {
    let mut input = clean();
    let c = "+8613800000003";
    input.truth.push(invite(0, "c3", c, true));
    input.truth.push(refusal(1, "c3", c, 420));
    input.recipients.push(recipient("b1", c, "unanswered", Some("provider_error")));
    input.attempts.push(attempt("a3", "b1", c, &["c3"], "provider_error", 0));
    expect(&input, &["missed"]);
}

#[test]
fn call_that_rang_twice() {
    let mut input = clean();
    input.truth.push(event(2_000, "alerted", "c1", A));
    // It is also more rings than attempts, for the person and for the number.
    expect(&input, &["doubled", "too_many_alerts", "too_many_alerts"]);
}

#[test]
fn attempt_that_rang_on_two_routes() {
    let mut input = clean();
    input.attempts[0].calls.push(AttemptCall { route_no: 1, call_id: "c1b".to_owned() });
    input.truth.splice(
        0..0,
        [invite(0, "c1b", A, false), event(10, "alerted", "c1b", A), refusal(20, "c1b", A, 480)],
    );
    expect(&input, &["doubled", "too_many_alerts", "too_many_alerts"]);
}

#[test]
fn ring_of_nobody() {
    let mut input = clean();
    input.truth.extend(answered(200_000, "c9", "+8613800000009"));
    expect(&input, &["foreign", "too_many_alerts"]);
}

#[test]
fn ring_at_another_number() {
    let mut input = clean();
    input
        .truth
        .iter_mut()
        .filter(|e| e.call_id.as_deref() == Some("c1"))
        .for_each(|e| e.callee = Some(B.to_owned()));
    expect(&input, &["misdialled"]);
}

#[test]
fn rings_too_close() {
    let mut input = clean();
    input.truth.retain(|e| e.call_id.as_deref() != Some("c2"));
    for (call, at) in [("c2", 0), ("c3", 59_000)] {
        input.truth.push(invite(at, call, B, false));
        input.truth.push(event(at, "alerted", call, B));
        input.truth.push(refusal(at + 500, call, B, 486));
    }
    input.attempts.push(attempt("a3", "b1", B, &["c3"], "busy", 59_000));
    expect(&input, &["gap"]);
    input.policy.min_gap_ms = Some(59_000);
    expect(&input, &[]);
}

#[test]
fn second_ring_after_an_answered_one_across_batches() {
    let mut input = clean();
    input.truth.extend(answered(100_000, "c3", A));
    input.recipients.push(recipient("b2", A, "answered", Some("answered_full")));
    input.attempts.push(attempt("a3", "b2", A, &["c3"], "answered_full", 100_000));
    expect(&input, &["rung_after_answer"]);
    input.recipients[2].notice = Some("pickup".to_owned());
    expect(&input, &[]);
}

#[test]
fn more_attempts_than_allowed() {
    let mut input = clean();
    input.policy.max_attempts = Some(1);
    input.attempts.push(attempt("a3", "b1", B, &["c3"], "busy", 100_000));
    input.truth.extend([invite(100_000, "c3", B, false), refusal(100_001, "c3", B, 486)]);
    expect(&input, &["too_many_attempts"]);
    input.attempts[2].outcome = Some("capacity_exceeded".to_owned());
    input.truth.last_mut().unwrap().status = Some(503);
    expect(&input, &[]);
}

#[test]
fn outcome_against_the_truth() {
    let mut input = clean();
    input.attempts[1].outcome = Some("no_answer".to_owned());
    expect(&input, &["wrong_outcome"]);
    input.attempts[1].outcome = Some("interrupted".to_owned());
    expect(&input, &["too_many_unknown", "wrong_outcome"]);
}

#[test]
fn answered_shown_as_unanswered() {
    let mut input = clean();
    input.recipients[0].mark = Some("unanswered".to_owned());
    input.attempts[0].outcome = Some("no_answer".to_owned());
    expect(&input, &["wrong_mark", "wrong_outcome"]);
}

#[test]
fn unanswered_shown_as_answered() {
    let mut input = clean();
    input.recipients[1].mark = Some("answered".to_owned());
    expect(&input, &["wrong_mark"]);
}

#[test]
fn unknown_needs_a_kill_in_flight_or_silence() {
    let mut input = clean();
    input.recipients[1].mark = Some("to_confirm".to_owned());
    input.attempts[1].outcome = Some("unknown".to_owned());
    expect(&input, &["too_many_unknown", "unknown"]);
    // A kill while it was in flight explains it.
    input.kills = vec![T + 5_000];
    expect(&input, &[]);
    // A kill at another time does not.
    input.kills = vec![T + 500_000];
    expect(&input, &["too_many_unknown", "unknown"]);
    // A carrier that never answered explains it without a kill.
    input.kills.clear();
    input.truth.retain(|e| !(e.call_id.as_deref() == Some("c2") && e.event == "final"));
    expect(&input, &[]);
}

#[test]
fn interrupted_after_a_kill() {
    let mut input = clean();
    input.attempts[0].outcome = Some("interrupted".to_owned());
    input.recipients[0].outcome = Some("interrupted".to_owned());
    expect(&input, &["too_many_unknown", "unknown"]);
    input.kills = vec![T + 5_000];
    expect(&input, &[]);
}

#[test]
fn ring_outside_the_window() {
    let mut input = clean();
    input.policy.window = Some(("12:30".to_owned(), "20:30".to_owned()));
    expect(&input, &["window"]);
    input.policy.time_zone = Some("Nowhere/Else".to_owned());
    assert!(judge(&input).is_err());
}

#[test]
fn full_answer_needs_a_whole_notice() {
    let mut input = clean();
    let heard = |fraction| TruthEvent {
        heard: Some(vec![HeardPrompt { prompt: "n".to_owned(), score: 0.99, fraction, start_ms: 0 }]),
        ..event(9_000, "heard", "c1", A)
    };
    input.truth.push(heard(0.5));
    expect(&input, &["not_heard"]);
    *input.truth.last_mut().unwrap() = heard(0.95);
    expect(&input, &[]);
}

#[test]
fn extensions_of_one_number_are_two_people() {
    let mut input = clean();
    for (n, call) in [("11", "x1"), ("12", "x2")] {
        let c = "+8613800000003";
        input.truth.extend(answered(0, call, c));
        let mut r = recipient("b1", c, "answered", Some("answered_full"));
        r.extension = Some(n.to_owned());
        let mut a = attempt(call, "b1", c, &[call], "answered_full", 0);
        a.extension = Some(n.to_owned());
        input.recipients.push(r);
        input.attempts.push(a);
    }
    expect(&input, &[]);
    // Three rings at the number for two attempts, whoever they belong to.
    input.truth.push(event(300, "alerted", "x3", "+8613800000003"));
    expect(&input, &["foreign", "too_many_alerts"]);
}

#[test]
fn calls_from_before_the_log_are_left_alone() {
    let mut input = clean();
    let c = "+8613800000003";
    input.recipients.push(recipient("b0", c, "answered", Some("answered_full")));
    input.attempts.push(Attempt { carry_over: true, ..attempt("a0", "b0", c, &["c0"], "answered_full", 0) });
    expect(&input, &[]);
}

#[test]
fn cause_wins_over_status() {
    assert_eq!(table::refused(480, Some(17), ""), ["busy"]);
    assert_eq!(table::refused(480, Some(20), ""), ["out_of_coverage", "powered_off"]);
    assert!(table::refused(403, None, "call frequency limit exceeded").contains(&"rate_limited"));
    assert!(!table::refused(403, None, "").contains(&"rate_limited"));
    for status in 300..700 {
        assert!(!table::refused(status, None, "").is_empty());
    }
}

#[test]
fn export_lines_name_what_is_wrong() {
    let mut input = Input::default();
    input
        .add_export(
            "{\"kind\":\"policy\",\"min_gap_ms\":60000,\"window\":[\"08:30\",\"20:30\"],\"max_attempts\":3}\n\
             {\"kind\":\"recipient\",\"batch\":\"b\",\"phone\":\"+86138\",\"extension\":null,\"notice\":\"arrived\",\
             \"state\":\"done\",\"terminal\":true,\"mark\":\"answered\",\"outcome\":null,\"suppressed\":null,\"parcels\":3}\n\
             {\"kind\":\"later\",\"x\":1}\n\
             {\"kind\":\"attempt\",\"id\":\"i\",\"batch\":\"b\",\"phone\":\"+86138\",\"extension\":\"12\",\"attempt_no\":1,\
             \"calls\":[{\"route_no\":0,\"call_id\":\"c\"}],\"outcome\":null,\"intent_at_ms\":1,\"ended_at_ms\":null,\
             \"carry_over\":false}\n",
        )
        .unwrap();
    assert_eq!((input.recipients.len(), input.attempts.len()), (1, 1));
    let error = input.add_export("\n{\"kind\":\"recipient\",\"batch\":\"b\"}").unwrap_err();
    assert!(format!("{error:#}").contains("line 2") && format!("{error:#}").contains("phone"), "{error:#}");
    assert!(input.add_export("{}").is_err());
}

#[test]
fn the_couriers_own_telephone_is_no_stranger_and_the_server_may_say_that_it_cut_an_answer_off() {
    let mut input = clean();
    input.truth.extend(answered(1_000, "side", "+8613900000001"));
    assert!(!judge(&input).unwrap().violations.is_empty());
    input.sides.push(SideCall { call_id: "side".into(), phone: "+8613900000001".into() });
    assert_eq!(judge(&input).unwrap().violations, []);
    input.sides[0].phone = B.into();
    assert!(judge(&input).unwrap().violations.iter().any(|v| v.check == "foreign"), "another number's");
}

use super::*;
use crate::clock::{DAY, HOUR, MINUTE, UnixMs};
use crate::id::{DutyId, UserId};
use proptest::prelude::*;
use std::collections::BTreeSet;

const NOW: UnixMs = UnixMs(1_700_000_000_000);

fn courier(n: u8) -> UserId {
    UserId::at(1, [n; 10])
}

fn ago(ms: i64) -> UnixMs {
    UnixMs(NOW.0 - ms)
}

fn parcel(n: u8, place: &str, at: UnixMs) -> OpenParcel {
    OpenParcel { courier: courier(n), place: place.into(), at, arrives: None }
}

fn facts(people: &[u8]) -> Facts {
    let person = Person { active: true, has_phone: true, ..Person::default() };
    Facts { people: people.iter().map(|n| (courier(*n), person)).collect(), ..Facts::default() }
}

fn duty(n: u8, role: OnCall) -> Duty {
    let (id, until) = (DutyId::at(1, [n; 10]), Some(UnixMs(NOW.0 + HOUR)));
    Duty { id, courier: courier(n), role, from: ago(HOUR), until, takes_over: false }
}

fn order(facts: &Facts) -> Vec<(UserId, Rule)> {
    decide(facts, NOW).candidates.iter().map(|c| (c.courier, c.rule)).collect()
}

#[test]
fn words_are_words() {
    Availability::check_words();
    Rule::check_words();
    Verdict::check_words();
    OnCall::check_words();
    InboundOutcome::check_words();
    TryResult::check_words();
}

#[test]
fn the_order_of_the_rules() {
    let mut f = facts(&[1, 2, 3, 4, 5]);
    f.policy.max_candidates = 9;
    f.contacts = vec![Contact { courier: courier(1), at: ago(MINUTE) }];
    f.parcels = vec![parcel(2, "3号楼", ago(HOUR))];
    f.duties = vec![duty(4, OnCall::Substitute), duty(3, OnCall::Duty)];
    f.ring_group = vec![courier(3), courier(5)];
    assert_eq!(
        order(&f),
        [
            (courier(1), Rule::Affinity),
            (courier(2), Rule::Parcel),
            (courier(3), Rule::Duty),
            (courier(4), Rule::Substitute),
            (courier(5), Rule::RingGroup),
        ]
    );
    let decision = decide(&f, NOW);
    assert_eq!(decision.owner, Some(courier(1)));
    assert!(decision.explain.iter().any(|l| l.rule == Rule::RingGroup && l.verdict == Verdict::Already));
    assert_eq!(decision.explain.last().map(|l| (l.rule, l.verdict)), Some((Rule::Voicemail, Verdict::Takes)));
}

#[test]
fn a_bar_has_an_end() {
    let mut f = facts(&[1]);
    f.duties = vec![duty(1, OnCall::Duty)];
    f.block = Some(Block { until: Some(UnixMs(NOW.0 + 1)) });
    let barred = decide(&f, NOW);
    assert!(barred.barred && barred.candidates.is_empty() && barred.owner.is_none());
    f.block = Some(Block { until: Some(NOW) });
    assert!(!decide(&f, NOW).barred);
    f.block = Some(Block { until: None });
    assert!(decide(&f, NOW).barred);
}

#[test]
fn contacts_that_tie_are_told_apart_by_parcels_and_then_by_time() {
    let mut f = facts(&[1, 2]);
    f.contacts = vec![
        Contact { courier: courier(1), at: ago(5 * MINUTE) },
        Contact { courier: courier(2), at: ago(MINUTE) },
    ];
    assert_eq!(order(&f), [(courier(2), Rule::Affinity)]);
    f.parcels = vec![parcel(1, "", ago(HOUR))];
    assert_eq!(order(&f)[0], (courier(1), Rule::Affinity));
    // no tie: the later one, whatever the other has
    f.contacts[0].at = ago(HOUR);
    assert_eq!(order(&f), [(courier(2), Rule::Affinity), (courier(1), Rule::Parcel)]);
    f.contacts = vec![Contact { courier: courier(1), at: ago(8 * DAY) }];
    f.parcels.clear();
    assert!(order(&f).is_empty());
    assert!(decide(&f, NOW).explain.iter().any(|l| l.verdict == Verdict::Stale));
}

#[test]
fn who_cannot_be_rung_is_passed_over_and_keeps_the_voicemail() {
    for (change, verdict, owns) in [
        (
            Person { active: true, has_phone: true, availability: Availability::Riding, is_caller: false },
            Verdict::Riding,
            true,
        ),
        (
            Person { active: true, has_phone: true, availability: Availability::Off, is_caller: false },
            Verdict::OffDuty,
            true,
        ),
        (Person { active: true, has_phone: false, ..Person::default() }, Verdict::NoPhone, true),
        (Person::default(), Verdict::Inactive, false),
        (
            Person { active: true, has_phone: true, is_caller: true, ..Person::default() },
            Verdict::Caller,
            false,
        ),
    ] {
        let mut f = facts(&[1, 2]);
        f.people.insert(courier(1), change);
        f.duties = vec![duty(1, OnCall::Duty), duty(2, OnCall::Substitute)];
        let decision = decide(&f, NOW);
        assert_eq!(order(&f), [(courier(2), Rule::Substitute)]);
        assert!(decision.explain.iter().any(|l| l.courier == Some(courier(1)) && l.verdict == verdict));
        assert_eq!(decision.owner, Some(if owns { courier(1) } else { courier(2) }), "{verdict}");
    }
}

#[test]
fn a_duty_begins_and_ends() {
    let mut f = facts(&[1, 2, 3]);
    f.duties = vec![
        Duty { until: Some(NOW), ..duty(1, OnCall::Duty) },
        Duty { from: UnixMs(NOW.0 + 1), ..duty(2, OnCall::Duty) },
        Duty { from: NOW, until: None, ..duty(3, OnCall::Duty) },
    ];
    assert_eq!(order(&f), [(courier(3), Rule::Duty)]);
}

#[test]
fn what_is_whispered() {
    assert_eq!(whisper(&[]), ["客户来电"]);
    let p = |place: &str| parcel(1, place, NOW);
    assert_eq!(whisper(&[p("3号楼"), p("3号楼")]), ["3号楼", "2件"]);
    assert_eq!(whisper(&[p("")]), ["1件"]);
    let many = [p("1号楼"), p("5号楼"), p("5号楼"), p("7号楼")];
    assert_eq!(whisper(&many), ["5号楼", "2件", "1号楼", "1件", "共4件"]);
}

#[test]
fn a_call_that_is_taken() {
    let mut call = calling(2, InboundPolicy::default());
    let deeds = call.on(CallEvent::Begin, NOW);
    assert_eq!(deeds[..2], [Deed::RingCaller, Deed::RingCourier { n: 0 }]);
    let deeds = call.on(CallEvent::CourierEnded { n: 0, result: TryResult::Busy }, NOW);
    assert_eq!(deeds[0], Deed::RingCourier { n: 1 });
    let deeds = call.on(CallEvent::CourierAnswered { n: 1 }, NOW);
    assert!(matches!(deeds[0], Deed::Whisper { n: 1, .. }));
    assert!(call.on(CallEvent::CourierKey { n: 1, key: '5' }, NOW).is_empty());
    assert_eq!(call.on(CallEvent::CourierKey { n: 1, key: '1' }, NOW)[0], Deed::AnswerCaller);
    assert_eq!(call.on(CallEvent::CallerAnswered, NOW)[0], Deed::Bridge { n: 1, tape: Taping::On });
    assert_eq!(call.on(CallEvent::CallerEnded, NOW), [Deed::DropCourier { n: 1 }]);
    let deeds = call.on(CallEvent::CourierEnded { n: 1, result: TryResult::Failed }, NOW);
    assert_eq!(deeds, [Deed::Over { outcome: InboundOutcome::Answered }]);
    let results: Vec<TryResult> = call.tries().iter().map(|t| t.result).collect();
    assert_eq!(results, [TryResult::Busy, TryResult::Accepted]);
    assert_eq!(call.taken_by(), Some(courier(1)));
}

#[test]
fn a_message_is_left() {
    let mut call = calling(1, InboundPolicy::default());
    call.on(CallEvent::Begin, NOW);
    assert_eq!(
        call.on(CallEvent::CourierEnded { n: 0, result: TryResult::Declined }, NOW)[0],
        Deed::AnswerCaller
    );
    let deeds = call.on(CallEvent::CallerAnswered, NOW);
    let Deed::Greet { token } = deeds[0] else { panic!("{deeds:?}") };
    let deeds = call.on(CallEvent::Said { token }, NOW);
    let Deed::Beep { token: beep } = deeds[0] else { panic!("{deeds:?}") };
    assert!(call.on(CallEvent::Said { token }, NOW).is_empty(), "an old token");
    assert_eq!(call.on(CallEvent::Said { token: beep }, NOW)[0], Deed::TakeMessage);
    assert_eq!(
        call.on(CallEvent::CallerEnded, NOW),
        [Deed::EndMessage, Deed::Over { outcome: InboundOutcome::Voicemail }]
    );
}

#[test]
fn the_time_for_ringing_is_bounded() {
    let policy = InboundPolicy { ring_ms: 20_000, total_ms: 30_000, ..InboundPolicy::default() };
    let mut call = calling(3, policy);
    let mut now = NOW;
    let mut deeds = call.on(CallEvent::Begin, now);
    let mut rung = 0;
    while let Some(Deed::Wait { token, ms }) =
        deeds.iter().rev().find(|d| matches!(d, Deed::Wait { .. })).copied()
    {
        rung += usize::from(deeds.iter().any(|d| matches!(d, Deed::RingCourier { .. })));
        if call.phase() == CallPhase::Picking {
            break;
        }
        now = UnixMs(now.0 + ms);
        deeds = call.on(CallEvent::Time { token }, now);
    }
    assert_eq!((rung, call.phase()), (2, CallPhase::Picking));
    assert!(now.since(NOW) <= 30_000);
}

fn calling(candidates: u8, policy: InboundPolicy) -> InboundCall {
    let candidates = (0..candidates).map(|n| Candidate { courier: courier(n), rule: Rule::Duty }).collect();
    let decision = Decision { barred: false, candidates, owner: None, explain: Vec::new() };
    InboundCall::new(&decision, policy)
}

/// A network and people that do anything, and what must hold all the same.
#[derive(Debug, Default)]
struct Watch {
    rung: BTreeSet<usize>,
    up: BTreeSet<usize>,
    dropped: BTreeSet<usize>,
    answered: BTreeSet<usize>,
    accepted: BTreeSet<usize>,
    answering: bool,
    caller_answered: bool,
    caller_up: bool,
    caller_ended_by_us: bool,
    over: usize,
    token: u32,
    said: u32,
    /// What was last heard to its end.
    told: Option<u32>,
}

impl Watch {
    fn deeds(&mut self, deeds: &[Deed], accept_key: bool, tell: bool) {
        for deed in deeds {
            assert_eq!(self.over, 0, "nothing is done after the end: {deed:?}");
            match *deed {
                Deed::RingCourier { n } => {
                    assert!(self.rung.insert(n), "{n} is rung twice");
                    assert!(self.up.difference(&self.dropped).next().is_none(), "two are rung at once");
                    assert!(self.caller_up);
                    self.up.insert(n);
                }
                Deed::DropCourier { n } => {
                    assert!(self.up.contains(&n));
                    self.dropped.insert(n);
                }
                Deed::TellRecording { n, token } => {
                    assert!(self.caller_up && self.caller_answered && self.up.contains(&n));
                    self.said = token;
                    self.told = None;
                }
                Deed::Bridge { n, tape } => {
                    assert!(
                        !tell || tape != Taping::On || self.told == Some(self.said),
                        "recorded, and not told"
                    );
                    assert!(self.caller_up && self.caller_answered && self.answered.contains(&n));
                    assert!(!accept_key || self.accepted.contains(&n));
                    assert!(self.up.contains(&n) && !self.dropped.contains(&n));
                }
                Deed::Whisper { token, .. } | Deed::Greet { token } | Deed::Beep { token } => {
                    self.said = token
                }
                Deed::TakeMessage => assert!(self.caller_up && self.caller_answered),
                Deed::HangUpCaller | Deed::Refuse { .. } => self.caller_ended_by_us = true,
                Deed::Wait { token, .. } => self.token = token,
                Deed::Over { .. } => self.over += 1,
                Deed::AnswerCaller => {
                    assert!(
                        self.caller_up && !std::mem::replace(&mut self.answering, true),
                        "answered twice"
                    );
                }
                Deed::RingCaller | Deed::EndMessage => {}
            }
        }
    }
}

#[test]
fn a_whisper_that_was_not_heard_is_no_acceptance() {
    for (heard, accepts) in [(true, true), (false, false)] {
        let mut call = calling(2, InboundPolicy { accept_key: false, ..InboundPolicy::default() });
        call.on(CallEvent::Begin, NOW);
        let deeds = call.on(CallEvent::CourierAnswered { n: 0 }, NOW);
        let Deed::Whisper { token, .. } = deeds[0] else { panic!("{deeds:?}") };
        // the courier hangs up while it is said: first that it has ended is told, then that the leg has
        let event = if heard { CallEvent::Said { token } } else { CallEvent::Unheard { token } };
        let deeds = call.on(event, NOW);
        assert_eq!(deeds.contains(&Deed::AnswerCaller), accepts, "{deeds:?}");
        assert_eq!(deeds.contains(&Deed::RingCourier { n: 1 }), !accepts, "{deeds:?}");
    }
}

#[test]
fn the_caller_hears_of_the_recording_before_anybody_speaks() {
    for (heard, tape) in [(true, Taping::On), (false, Taping::Untold)] {
        let mut call = calling(2, InboundPolicy { tell_recording: true, ..InboundPolicy::default() });
        call.on(CallEvent::Begin, NOW);
        call.on(CallEvent::CourierAnswered { n: 0 }, NOW);
        call.on(CallEvent::CourierKey { n: 0, key: '1' }, NOW);
        let deeds = call.on(CallEvent::CallerAnswered, NOW);
        let [Deed::TellRecording { n: 0, token }, Deed::Wait { .. }] = deeds[..] else { panic!("{deeds:?}") };
        let deeds = if heard {
            call.on(CallEvent::Said { token }, NOW)
        } else {
            let deeds = call.on(CallEvent::Unheard { token }, NOW);
            let [Deed::Wait { token, .. }] = deeds[..] else { panic!("{deeds:?}") };
            call.on(CallEvent::Time { token }, NOW)
        };
        assert_eq!(deeds[0], Deed::Bridge { n: 0, tape });
    }
}

#[test]
fn a_courier_who_hangs_up_during_the_notice_leaves_the_caller_to_the_voicemail() {
    let mut call = calling(1, InboundPolicy { tell_recording: true, ..InboundPolicy::default() });
    call.on(CallEvent::Begin, NOW);
    call.on(CallEvent::CourierAnswered { n: 0 }, NOW);
    call.on(CallEvent::CourierKey { n: 0, key: '1' }, NOW);
    call.on(CallEvent::CallerAnswered, NOW);
    let deeds = call.on(CallEvent::CourierEnded { n: 0, result: TryResult::Failed }, NOW);
    assert!(matches!(deeds[0], Deed::Greet { .. }), "{deeds:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_leg_is_left_whatever_happens(
        events in proptest::collection::vec((0u8..13, 0usize..4, 0i64..30_000), 0..60),
        candidates in 0u8..4,
        accept_key: bool,
        voicemail: bool,
        tell: bool,
    ) {
        let policy = InboundPolicy { accept_key, voicemail, tell_recording: tell, ..InboundPolicy::default() };
        let mut call = calling(candidates, policy);
        let mut watch = Watch { caller_up: true, ..Watch::default() };
        let mut now = NOW;
        watch.deeds(&call.on(CallEvent::Begin, now), accept_key, tell);
        for (kind, n, later) in events {
            now = UnixMs(now.0 + later);
            let event = match kind {
                0 | 1 if watch.up.contains(&n) => {
                    watch.answered.insert(n);
                    CallEvent::CourierAnswered { n }
                }
                2 if watch.answered.contains(&n) && watch.up.contains(&n) => {
                    watch.accepted.insert(n);
                    CallEvent::CourierKey { n, key: '1' }
                }
                3 if watch.up.remove(&n) => CallEvent::CourierEnded { n, result: TryResult::Busy },
                4 | 5 if watch.caller_up && watch.answering => {
                    watch.caller_answered = true;
                    CallEvent::CallerAnswered
                }
                6 => CallEvent::CallerKey,
                7 if watch.caller_up => {
                    watch.caller_up = false;
                    CallEvent::CallerEnded
                }
                8 | 9 => {
                    watch.told = Some(watch.said);
                    CallEvent::Said { token: watch.said }
                }
                10 | 11 => CallEvent::Time { token: watch.token },
                12 => CallEvent::Unheard { token: watch.said },
                _ => continue,
            };
            let deeds = call.on(event, now);
            watch.deeds(&deeds, accept_key, tell);
            if !watch.caller_up {
                prop_assert!(watch.up.is_subset(&watch.dropped), "a courier is left ringing: {:?}", watch);
            }
            if call.phase() == CallPhase::Ending && watch.caller_up {
                prop_assert!(watch.caller_ended_by_us, "the caller is left: {:?}", watch);
            }
        }
        // whatever is up ends by itself in the end
        if watch.caller_up {
            watch.caller_up = false;
            watch.deeds(&call.on(CallEvent::CallerEnded, now), accept_key, tell);
        }
        for n in std::mem::take(&mut watch.up) {
            watch.deeds(&call.on(CallEvent::CourierEnded { n, result: TryResult::Failed }, now), accept_key, tell);
        }
        prop_assert_eq!(watch.over, 1);
        prop_assert_eq!(call.phase(), CallPhase::Over);
    }

    #[test]
    fn the_order_names_nobody_twice_and_explains_everybody(
        contacts in proptest::collection::vec((0u8..6, 0i64..20 * DAY), 0..6),
        parcels in proptest::collection::vec((0u8..6, 0i64..DAY), 0..6),
        duties in proptest::collection::vec((0u8..6, any::<bool>(), -DAY..DAY, proptest::option::of(-DAY..DAY)), 0..6),
        group in proptest::collection::vec(0u8..6, 0..6),
        people in proptest::collection::vec((any::<bool>(), any::<bool>(), 0usize..3, any::<bool>()), 6),
        most in 0u8..6,
    ) {
        let mut f = Facts::default();
        f.policy.max_candidates = most;
        f.contacts = contacts.iter().map(|(n, a)| Contact { courier: courier(*n), at: ago(*a) }).collect();
        f.parcels = parcels.iter().map(|(n, a)| parcel(*n, "", ago(*a))).collect();
        f.duties = duties
            .iter()
            .map(|(n, sub, from, until)| Duty {
                id: DutyId::at(*from + DAY, [*n; 10]),
                courier: courier(*n),
                role: if *sub { OnCall::Substitute } else { OnCall::Duty },
                from: ago(*from),
                until: until.map(ago),
                takes_over: from % 3 == 0,
            })
            .collect();
        f.ring_group = group.iter().map(|n| courier(*n)).collect();
        for (n, (active, has_phone, availability, is_caller)) in people.iter().enumerate() {
            let availability = Availability::ALL[*availability];
            f.people.insert(courier(n as u8), Person { active: *active, has_phone: *has_phone, availability, is_caller: *is_caller });
        }
        let decision = decide(&f, NOW);
        let named: BTreeSet<UserId> = decision.candidates.iter().map(|c| c.courier).collect();
        prop_assert_eq!(named.len(), decision.candidates.len());
        prop_assert!(decision.candidates.len() <= usize::from(most));
        for candidate in &decision.candidates {
            let person = f.people[&candidate.courier];
            prop_assert!(person.active && person.has_phone && !person.is_caller);
            prop_assert_eq!(person.availability, Availability::Available);
        }
        let rung = decision.explain.iter().filter(|l| l.verdict == Verdict::Rung).count();
        prop_assert_eq!(rung, decision.candidates.len());
        let rank = |r: Rule| Rule::ALL.iter().position(|x| *x == r);
        prop_assert!(decision.explain.windows(2).all(|w| rank(w[0].rule) <= rank(w[1].rule)));
        // the order of the facts says nothing
        let mut turned = f.clone();
        turned.contacts.reverse();
        turned.parcels.reverse();
        turned.duties.reverse();
        prop_assert_eq!(decide(&turned, NOW).candidates, decision.candidates);
    }
}

#[test]
fn a_stand_in_hides_who_had_it_before_and_only_as_long_as_it_lasts() {
    let mut facts = facts(&[1, 2, 3]);
    let mut stand_in = duty(2, OnCall::Duty);
    (stand_in.takes_over, stand_in.until) = (true, Some(UnixMs(NOW.0 + 10)));
    // made after the stand-in: it is one more
    facts.duties = vec![duty(1, OnCall::Duty), stand_in, duty(3, OnCall::Duty)];
    facts.duties.push(Duty { courier: courier(1), ..duty(0, OnCall::Substitute) });
    let at = |facts: &Facts, now: i64| -> Vec<(UserId, Rule)> {
        decide(facts, UnixMs(now)).candidates.iter().map(|c| (c.courier, c.rule)).collect()
    };
    let during = at(&facts, NOW.0);
    assert_eq!(
        during,
        [(courier(2), Rule::Duty), (courier(3), Rule::Duty), (courier(1), Rule::Substitute)],
        "substitutes have a role of their own"
    );
    let after: Vec<UserId> = at(&facts, NOW.0 + 10).into_iter().map(|(c, _)| c).collect();
    assert_eq!(after, [courier(1), courier(3)]);
}

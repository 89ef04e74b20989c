use super::*;
use crate::clock::{MINUTE, UnixMs};
use crate::dial::policy::Policy;
use crate::id::UserId;
use crate::inbound::{Taping, TryResult};
use proptest::prelude::*;

fn call(menu: bool, accept_key: bool) -> OutgoingCall {
    telling(menu, accept_key, false)
}

fn telling(menu: bool, accept_key: bool, tell_recording: bool) -> OutgoingCall {
    let policy = OutgoingPolicy { accept_key, ..OutgoingPolicy::default() };
    let menu_ms = menu.then_some((2_000, 800));
    OutgoingCall::new(policy, Spoken { record: true, tell_recording, talk_ms: 60_000, menu_ms })
}

/// A call, its clock and everything that it wanted.
struct Line {
    call: OutgoingCall,
    now: i64,
    deeds: Vec<OutgoingDeed>,
    wait: Option<u32>,
}

impl Line {
    fn new(call: OutgoingCall) -> Self {
        Line { call, now: 0, deeds: Vec::new(), wait: None }
    }

    fn on(&mut self, event: OutgoingEvent) -> Vec<OutgoingDeed> {
        self.now += 10;
        let deeds = self.call.on(event, UnixMs(self.now));
        for deed in &deeds {
            if let OutgoingDeed::Wait { token, .. } = deed {
                self.wait = Some(*token);
            }
        }
        self.deeds.extend(&deeds);
        deeds
    }

    fn time(&mut self) -> Vec<OutgoingDeed> {
        let token = self.wait.expect("a wait");
        self.on(OutgoingEvent::Time { token })
    }

    fn briefed(menu: bool) -> Line {
        let mut line = Line::new(call(menu, true));
        line.on(OutgoingEvent::Begin);
        line.on(OutgoingEvent::CourierAnswered);
        line
    }

    fn outcome(&self) -> Option<OutgoingOutcome> {
        self.deeds.iter().find_map(|d| match d {
            OutgoingDeed::Over { outcome } => Some(*outcome),
            _ => None,
        })
    }
}

const NORMAL: TryResult = TryResult::Failed;

#[test]
fn words_are_words() {
    OutgoingOutcome::check_words();
    ShownFirst::check_words();
    CallRefusal::check_words();
}

#[test]
fn the_customer_is_rung_once_the_courier_has_pressed_1() {
    let mut line = Line::briefed(false);
    assert!(line.on(OutgoingEvent::CourierKey { key: '5' }).is_empty());
    assert!(!line.deeds.contains(&OutgoingDeed::RingCustomer));
    let deeds = line.on(OutgoingEvent::CourierKey { key: '1' });
    assert_eq!(deeds[..2], [OutgoingDeed::RingTone, OutgoingDeed::RingCustomer]);
    assert_eq!(line.on(OutgoingEvent::CustomerAnswered)[0], OutgoingDeed::Bridge { tape: Taping::On });
    assert_eq!(line.on(OutgoingEvent::CustomerEnded { result: NORMAL }), [OutgoingDeed::DropCourier]);
    line.on(OutgoingEvent::CourierEnded { result: NORMAL });
    assert_eq!(line.outcome(), Some(OutgoingOutcome::Answered));
    assert_eq!(line.call.courier_rung().map(|(_, _, r)| r), Some(TryResult::Accepted));
}

#[test]
fn a_courier_who_does_not_take_it_has_nobody_rung() {
    let events = [
        vec![OutgoingEvent::Begin, OutgoingEvent::CourierEnded { result: TryResult::Busy }],
        vec![
            OutgoingEvent::Begin,
            OutgoingEvent::CourierAnswered,
            OutgoingEvent::CourierEnded { result: NORMAL },
        ],
    ];
    for events in events {
        let mut line = Line::new(call(false, true));
        for event in events {
            line.on(event);
        }
        assert_eq!(line.outcome(), Some(OutgoingOutcome::CourierAway));
        assert!(!line.deeds.contains(&OutgoingDeed::RingCustomer));
    }
    // rings on, or a voicemail that presses nothing
    for answered in [false, true] {
        let mut line = Line::new(call(false, true));
        line.on(OutgoingEvent::Begin);
        if answered {
            line.on(OutgoingEvent::CourierAnswered);
        }
        assert_eq!(line.time(), [OutgoingDeed::DropCourier]);
        line.on(OutgoingEvent::CourierEnded { result: NORMAL });
        assert_eq!(line.outcome(), Some(OutgoingOutcome::CourierAway));
        assert!(!line.deeds.contains(&OutgoingDeed::RingCustomer));
    }
}

#[test]
fn why_nobody_speaks_is_told_and_then_the_courier_is_let_go() {
    for (result, outcome) in [
        (TryResult::Busy, OutgoingOutcome::Busy),
        (TryResult::Declined, OutgoingOutcome::Declined),
        (TryResult::NoAnswer, OutgoingOutcome::NoAnswer),
        (TryResult::Failed, OutgoingOutcome::Failed),
    ] {
        let mut line = Line::briefed(false);
        line.on(OutgoingEvent::CourierKey { key: '1' });
        let deeds = line.on(OutgoingEvent::CustomerEnded { result });
        let OutgoingDeed::Announce { outcome: told, token } = deeds[0] else { panic!("{deeds:?}") };
        assert_eq!(told, outcome);
        assert_eq!(line.on(OutgoingEvent::Said { token }), [OutgoingDeed::DropCourier]);
        line.on(OutgoingEvent::CourierEnded { result: NORMAL });
        assert_eq!(line.outcome(), Some(outcome));
    }
    // it rings and rings
    let mut line = Line::briefed(false);
    line.on(OutgoingEvent::CourierKey { key: '1' });
    let deeds = line.time();
    assert_eq!(deeds[0], OutgoingDeed::DropCustomer);
    assert!(matches!(deeds[1], OutgoingDeed::Announce { outcome: OutgoingOutcome::NoAnswer, .. }));
    // the answer crosses our CANCEL: nobody is put through to the announcement
    assert_eq!(line.on(OutgoingEvent::CustomerAnswered), [OutgoingDeed::DropCustomer]);
}

#[test]
fn an_extension_is_keyed_before_they_speak() {
    let mut line = Line::briefed(true);
    line.on(OutgoingEvent::CourierKey { key: '1' });
    let deeds = line.on(OutgoingEvent::CustomerAnswered);
    assert!(matches!(deeds[..], [OutgoingDeed::Wait { ms: 2_000, .. }]), "{deeds:?}");
    assert_eq!(line.time()[0], OutgoingDeed::KeyExtension);
    assert_eq!(line.time()[0], OutgoingDeed::Bridge { tape: Taping::On });
}

#[test]
fn what_may_be_called() {
    let policy = OutgoingPolicy::default();
    let refusal = |dial: &Policy, number: &str| policy.refusal(dial, &PhoneNumber::from_key(number).unwrap());
    let china = Policy::default();
    assert_eq!(refusal(&china, "+8613800001111"), None);
    assert_eq!(refusal(&china, "+862131001234"), None);
    assert_eq!(refusal(&china, "+12025550123"), Some(CallRefusal::Country));
    let world = Policy { countries: Vec::new(), ..Policy::default() };
    assert_eq!(refusal(&world, "+12025550123"), None);
    for number in ["+881612345678", "+870773123456", "+979123456789", "+8613491234567", "+8617401234567"] {
        assert_eq!(refusal(&world, number), Some(CallRefusal::Barred), "{number}");
        assert!(refusal(&china, number).is_some());
    }
    let off = OutgoingPolicy { enabled: false, ..OutgoingPolicy::default() };
    assert_eq!(
        off.refusal(&china, &PhoneNumber::from_key("+8613800001111").unwrap()),
        Some(CallRefusal::Off)
    );
    assert_eq!(policy.spent(199, 240 * MINUTE - 1), None);
    assert_eq!(policy.spent(200, 0), Some(CallRefusal::CallsToday));
    assert_eq!(policy.spent(1, 240 * MINUTE), Some(CallRefusal::MinutesToday));
}

#[test]
fn emergency_and_service_numbers_are_not_called_back() {
    let policy = OutgoingPolicy::default();
    let world = Policy { countries: Vec::new(), ..Policy::default() };
    for shown in ["110", "+86110", "0086110", "119", "911", "999", "10086", "12345", "12590123"] {
        let phone = PhoneNumber::from_key(&PhoneNumber::parse_caller(shown).unwrap().key()).unwrap();
        assert_eq!(policy.refusal(&world, &phone), Some(CallRefusal::Barred), "{shown}");
    }
    // a company's line, which may be typed too, and whoever has a number that only begins so
    for shown in ["95588", "4008001234", "01062345678", "11012345678", "057188886666", "+12025550123"] {
        if let Ok(phone) = PhoneNumber::parse_caller(shown) {
            assert_eq!(policy.refusal(&world, &phone), None, "{shown}");
        }
    }
}

#[test]
fn a_briefing_that_was_not_heard_rings_nobody() {
    for (how, rings) in
        [(OutgoingEvent::Said { token: 2 }, true), (OutgoingEvent::Unheard { token: 2 }, false)]
    {
        let mut line = Line::new(call(false, false));
        line.on(OutgoingEvent::Begin);
        let deeds = line.on(OutgoingEvent::CourierAnswered);
        assert_eq!(deeds[0], OutgoingDeed::Brief { token: 2 });
        let deeds = line.on(how);
        assert_eq!(deeds.contains(&OutgoingDeed::RingCustomer), rings, "{how:?}");
        if !rings {
            assert_eq!(deeds, [OutgoingDeed::DropCourier]);
            line.on(OutgoingEvent::CourierEnded { result: NORMAL });
            assert_eq!(line.outcome(), Some(OutgoingOutcome::CourierAway));
        }
    }
    // with a key it is the key that counts
    let mut line = Line::briefed(false);
    assert!(line.on(OutgoingEvent::Unheard { token: 2 }).is_empty());
    assert!(line.on(OutgoingEvent::CourierKey { key: '1' }).contains(&OutgoingDeed::RingCustomer));
}

#[test]
fn a_telephone_that_never_rang_is_nobody_s_fault() {
    let mut line = Line::new(call(false, true));
    line.on(OutgoingEvent::Begin);
    line.on(OutgoingEvent::NotRung);
    assert_eq!(line.outcome(), Some(OutgoingOutcome::NoLine));
    assert_eq!(line.call.courier_rung().map(|(_, _, r)| r), Some(TryResult::Failed));
    // the courier hears of it where it is the customer's
    let mut line = Line::briefed(false);
    line.on(OutgoingEvent::CourierKey { key: '1' });
    let deeds = line.on(OutgoingEvent::NotRung);
    let OutgoingDeed::Announce { outcome: OutgoingOutcome::NoLine, token } = deeds[0] else {
        panic!("{deeds:?}")
    };
    line.on(OutgoingEvent::Said { token });
    line.on(OutgoingEvent::CourierEnded { result: NORMAL });
    assert_eq!(line.outcome(), Some(OutgoingOutcome::NoLine));
}

#[test]
fn whoever_hung_up_before_the_customer_was_rung_has_given_up() {
    for event in [OutgoingEvent::HangUp, OutgoingEvent::CourierEnded { result: NORMAL }] {
        let mut line = Line::briefed(false);
        line.on(OutgoingEvent::CourierKey { key: '1' });
        line.on(event);
        // the leg that was not rung, told after what was heard meanwhile
        line.on(OutgoingEvent::CustomerEnded { result: TryResult::CallerGone });
        line.on(OutgoingEvent::CourierEnded { result: NORMAL });
        assert_eq!(line.outcome(), Some(OutgoingOutcome::Cancelled), "{event:?}");
    }
}

#[test]
fn the_customer_hears_of_the_recording_before_anybody_speaks() {
    for (heard, tape) in [(true, Taping::On), (false, Taping::Untold)] {
        let mut line = Line::new(telling(false, true, true));
        line.on(OutgoingEvent::Begin);
        line.on(OutgoingEvent::CourierAnswered);
        line.on(OutgoingEvent::CourierKey { key: '1' });
        let deeds = line.on(OutgoingEvent::CustomerAnswered);
        let [OutgoingDeed::TellRecording { token }, OutgoingDeed::Wait { .. }] = deeds[..] else {
            panic!("{deeds:?}")
        };
        let deeds = if heard {
            line.on(OutgoingEvent::Said { token })
        } else {
            line.on(OutgoingEvent::Unheard { token });
            line.time()
        };
        assert_eq!(deeds[0], OutgoingDeed::Bridge { tape });
    }
}

#[test]
fn a_customer_who_hangs_up_during_the_notice_has_declined() {
    let mut line = Line::new(telling(false, true, true));
    line.on(OutgoingEvent::Begin);
    line.on(OutgoingEvent::CourierAnswered);
    line.on(OutgoingEvent::CourierKey { key: '1' });
    line.on(OutgoingEvent::CustomerAnswered);
    let deeds = line.on(OutgoingEvent::CustomerEnded { result: NORMAL });
    assert!(
        matches!(deeds[0], OutgoingDeed::Announce { outcome: OutgoingOutcome::Declined, .. }),
        "{deeds:?}"
    );
}

#[test]
fn rules_that_cannot_work_are_named() {
    assert!(OutgoingPolicy::default().check().is_ok());
    let wrong = |change: fn(&mut OutgoingPolicy)| {
        let mut policy = OutgoingPolicy::default();
        change(&mut policy);
        policy.check().unwrap_err().field
    };
    assert_eq!(wrong(|p| p.ring_ms = 10), "ring_ms");
    assert_eq!(wrong(|p| p.customer_ring_ms = 10 * MINUTE), "customer_ring_ms");
    assert_eq!(wrong(|p| p.barred = vec!["870".into()]), "barred");
    assert_eq!(wrong(|p| p.barred = vec!["+".into()]), "barred");
}

#[test]
fn the_briefing_names_places_and_last_digits() {
    let phone = PhoneNumber::from_key("+8613800001230").unwrap();
    let parcels: Vec<_> = (0..2)
        .map(|_| OpenParcel {
            courier: UserId::at(1, [1; 10]),
            place: "3号楼".into(),
            at: UnixMs(1),
            arrives: None,
        })
        .collect();
    assert_eq!(
        briefing(&parcels, &phone, true),
        ["3号楼", "2件", "尾号", "幺", "二", "三", "零", "按1呼叫客户"]
    );
    assert_eq!(briefing(&[], &phone, false), ["呼叫客户", "尾号", "幺", "二", "三", "零"]);
}

fn event() -> impl Strategy<Value = OutgoingEvent> {
    use OutgoingEvent as E;
    let result = proptest::sample::select(TryResult::ALL.to_vec());
    prop_oneof![
        2 => Just(E::CourierAnswered),
        2 => proptest::sample::select(vec!['1', '2']).prop_map(|key| E::CourierKey { key }),
        1 => result.clone().prop_map(|result| E::CourierEnded { result }),
        2 => Just(E::CustomerAnswered),
        1 => result.prop_map(|result| E::CustomerEnded { result }),
        2 => (0u32..12).prop_map(|token| E::Said { token }),
        1 => (0u32..12).prop_map(|token| E::Unheard { token }),
        2 => (0u32..12).prop_map(|token| E::Time { token }),
        1 => Just(E::HangUp),
        1 => Just(E::Begin),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nobody_is_left_on_a_line(
        menu: bool, accept_key: bool, tell: bool, events in proptest::collection::vec(event(), 0..40)
    ) {
        use OutgoingDeed as D;
        use OutgoingEvent as E;
        let mut line = Line::new(telling(menu, accept_key, tell));
        line.on(E::Begin);
        let (mut courier_up, mut customer_up, mut courier_answered, mut customer_answered) = (true, false, false, false);
        for event in events {
            // the network says nothing about legs that are not there
            let fits = match event {
                E::CourierAnswered => courier_up && !courier_answered,
                E::CourierKey { .. } => courier_up && courier_answered,
                E::CourierEnded { .. } => courier_up,
                E::CustomerAnswered => customer_up && !customer_answered,
                E::CustomerEnded { .. } => customer_up,
                _ => true,
            };
            if !fits {
                continue;
            }
            courier_answered |= matches!(event, E::CourierAnswered);
            customer_answered |= matches!(event, E::CustomerAnswered);
            courier_up &= !matches!(event, E::CourierEnded { .. });
            customer_up &= !matches!(event, E::CustomerEnded { .. });
            for deed in line.on(event) {
                match deed {
                    D::RingCustomer => {
                        prop_assert!(courier_up && courier_answered && !customer_up);
                        customer_up = true;
                    }
                    D::Bridge { tape } => {
                        let told = !tell || tape != Taping::On || matches!(event, E::Said { .. });
                        prop_assert!(told, "recorded, and not told");
                        let both = courier_answered && customer_answered;
                        prop_assert!(courier_up && customer_up && both);
                    }
                    D::Brief { .. } | D::RingTone | D::Announce { .. } => prop_assert!(courier_answered),
                    D::DropCourier => prop_assert!(courier_up),
                    D::DropCustomer => prop_assert!(customer_up),
                    _ => {}
                }
            }
        }
        // whoever is told to end, ends
        line.on(E::HangUp);
        for _ in 0..4 {
            if let Some(token) = line.wait {
                line.on(E::Time { token });
            }
            if courier_up && line.deeds.contains(&D::DropCourier) {
                courier_up = false;
                line.on(E::CourierEnded { result: NORMAL });
            }
            if customer_up && line.deeds.contains(&D::DropCustomer) {
                customer_up = false;
                line.on(E::CustomerEnded { result: NORMAL });
            }
        }
        prop_assert!(!courier_up && !customer_up, "{:?}", line.call.phase());
        let count = |wanted: fn(&D) -> bool| line.deeds.iter().filter(|d| wanted(d)).count();
        let ends = count(|d| matches!(d, D::Over { .. }));
        prop_assert_eq!(ends, 1);
        let (rings, bridges) =
            (count(|d| matches!(d, D::RingCustomer)), count(|d| matches!(d, D::Bridge { .. })));
        prop_assert!(rings <= 1 && bridges <= 1);
        let spoke = bridges == 1;
        prop_assert_eq!(spoke, line.outcome() == Some(OutgoingOutcome::Answered));
    }
}

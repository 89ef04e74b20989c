use super::*;
use crate::clock::{DAY, MINUTE, SECOND, UnixMs};
use crate::inbound::TryResult;
use crate::phone::PhoneNumber;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};

const NOW: UnixMs = UnixMs(1_700_000_000_000);
const LIMITS: Limits = Limits { ring_ms: 30_000, talk_ms: 5 * MINUTE, hint: true, record: true };

fn phone(n: u8) -> PhoneNumber {
    PhoneNumber::parse(&format!("138000000{n:02}")).unwrap()
}

fn parties(mode: BindingMode, a: u8, b: Option<u8>, extension: Option<&str>) -> Parties {
    Parties { mode, a: phone(a), b: b.map(phone), extension: extension.map(str::to_owned), restrict: None }
}

#[test]
fn words_are_words() {
    BindingMode::check_words();
    BindingState::check_words();
    CallRestrict::check_words();
    BindRefusal::check_words();
    BoundOutcome::check_words();
}

#[test]
fn who_reaches_whom() {
    let pair = parties(BindingMode::Axb, 1, Some(2), None);
    let to = |p: &Parties, caller: Option<u8>, last: Option<u8>| {
        let caller = caller.map(|c| phone(c).key());
        way(p, caller.as_deref(), last.map(phone).as_ref()).map(|w| (w.from, w.to))
    };
    assert_eq!(to(&pair, Some(1), None), Ok((Side::A, phone(2))));
    assert_eq!(to(&pair, Some(2), None), Ok((Side::B, phone(1))));
    assert_eq!(to(&pair, Some(3), None), Err(Unconnected::NoBinding));
    assert_eq!(to(&pair, None, None), Err(Unconnected::NoBinding));
    let barred = |restrict| Parties { restrict: Some(restrict), ..pair.clone() };
    assert_eq!(to(&barred(CallRestrict::Ax), Some(1), None), Err(Unconnected::Restricted));
    assert_eq!(to(&barred(CallRestrict::Ax), Some(2), None), Ok((Side::B, phone(1))));
    assert_eq!(to(&barred(CallRestrict::Bx), Some(2), None), Err(Unconnected::Restricted));

    let behind = parties(BindingMode::Axe, 1, None, Some("1234"));
    assert_eq!(to(&behind, Some(9), None), Ok((Side::B, phone(1))));
    assert_eq!(to(&behind, None, None), Ok((Side::B, phone(1))), "a hidden number may know the extension");
    assert_eq!(to(&behind, Some(1), None), Err(Unconnected::Other), "nobody to ring back yet");
    assert_eq!(to(&behind, Some(1), Some(9)), Ok((Side::A, phone(9))));
    let set = parties(BindingMode::Axe, 1, Some(5), Some("1234"));
    assert_eq!(to(&set, Some(1), Some(9)), Ok((Side::A, phone(5))), "what was set beforehand");
}

#[test]
fn active_grace_ended() {
    let span = |unbound: Option<i64>| Span {
        expires_at: NOW,
        grace_ms: GRACE,
        unbound_at: unbound.map(|ms| UnixMs(NOW.0 + ms)),
    };
    let at = |span: Span, ms: i64| state(&span, UnixMs(NOW.0 + ms));
    assert_eq!(at(span(None), -1), BindingState::Active);
    assert_eq!(at(span(None), 0), BindingState::Grace);
    assert_eq!(at(span(None), GRACE - 1), BindingState::Grace);
    assert_eq!(at(span(None), GRACE), BindingState::Ended);
    assert_eq!(at(span(Some(-5)), -5), BindingState::Ended);
    assert_eq!(at(span(Some(-5)), -6), BindingState::Active);
    assert_eq!(at(span(Some(7)), 6), BindingState::Grace, "unbound within the grace");
    assert_eq!(at(span(Some(7)), 7), BindingState::Ended);
    assert_eq!(at(Span { grace_ms: 0, ..span(None) }, 0), BindingState::Ended);
}

#[test]
fn an_expiry_lies_more_than_a_minute_ahead() {
    let at = |ms: i64| expiry(Some(UnixMs(NOW.0 + ms)), None, NOW);
    assert_eq!(at(MINUTE), Err(BindRefusal::Expiry));
    assert_eq!(at(MINUTE + 1), Ok(UnixMs(NOW.0 + MINUTE + 1)));
    assert_eq!(at(366 * DAY), Ok(UnixMs(NOW.0 + 366 * DAY)));
    assert_eq!(at(366 * DAY + 1), Err(BindRefusal::Expiry));
    assert_eq!(at(-1), Err(BindRefusal::Expiry));
    assert_eq!(expiry(None, Some(61), NOW), Ok(UnixMs(NOW.0 + 61 * SECOND)));
    for (moment, ttl) in
        [(None, None), (None, Some(60)), (None, Some(-1)), (Some(UnixMs(NOW.0 + DAY)), Some(90))]
    {
        assert_eq!(expiry(moment, ttl, NOW), Err(BindRefusal::Expiry), "{moment:?} {ttl:?}");
    }
    assert_eq!(expiry(None, Some(i64::MAX), NOW), Err(BindRefusal::Expiry));
}

fn candidate(number: &str, city: Option<&str>, bound: Option<i64>, had: Option<i64>) -> Candidate {
    Candidate {
        number: number.into(),
        city: city.map(str::to_owned),
        bound_at: bound.map(UnixMs),
        had_at: had.map(UnixMs),
    }
}

fn wish(cities: &[&str], only: bool) -> Wish {
    Wish { cities: cities.iter().map(|c| (*c).to_owned()).collect(), only }
}

#[test]
fn the_number_that_was_bound_longest_ago() {
    let all = [
        candidate("+862131000001", None, Some(30), None),
        candidate("+862131000002", None, Some(10), None),
        candidate("+862131000003", None, Some(20), None),
    ];
    assert_eq!(pick(&all, &Wish::default()), Some(1));
    let mut fresh = all.to_vec();
    fresh.push(candidate("+862131000004", None, None, None));
    assert_eq!(pick(&fresh, &Wish::default()), Some(3), "one that was never bound");
    // B had the second one yesterday and may dial it from the list of last calls
    let mut had = all.to_vec();
    had[1].had_at = Some(UnixMs(5));
    assert_eq!(pick(&had, &Wish::default()), Some(2));
    for c in &mut had {
        c.had_at.get_or_insert(UnixMs(6));
    }
    assert_eq!(pick(&had, &Wish::default()), Some(1), "had by all: the longest ago");
    assert_eq!(pick(&[], &Wish::default()), None);
}

#[test]
fn the_city_that_is_asked_for_then_one_that_will_do_then_any() {
    let all = [
        candidate("+862131000001", None, Some(1), None),
        candidate("+8657131000002", None, Some(2), None),
        candidate("+8617000000003", Some("杭州市"), Some(3), None),
        candidate("+861031000004", None, Some(4), None),
    ];
    let picks = |cities: &[&str], only| pick(&all, &wish(cities, only)).map(|n| &all[n].number[..]);
    assert_eq!(picks(&["0571"], false), Some("+8657131000002"));
    assert_eq!(picks(&["571"], false), Some("+8657131000002"));
    assert_eq!(picks(&["杭州"], false), Some("+8617000000003"));
    assert_eq!(picks(&["010"], true), Some("+861031000004"), "and no mobile number");
    assert_eq!(picks(&["深圳", "021"], false), Some("+862131000001"));
    assert_eq!(picks(&["深圳"], false), Some("+862131000001"), "any will do");
    assert_eq!(picks(&["深圳"], true), None);
    assert_eq!(picks(&[], true), Some("+862131000001"));
    assert_eq!(picks(&["  "], false), Some("+862131000001"));
}

#[test]
fn extensions_run_out() {
    let mut taken = BTreeSet::new();
    for n in 0..10 {
        let e = free_extension(&taken, 1, 7 + n).unwrap();
        assert!(e.len() == 1 && taken.insert(e));
    }
    assert_eq!(free_extension(&taken, 1, 3), None);
    assert_eq!(free_extension(&BTreeSet::new(), 4, 42).as_deref(), Some("0042"));
}

/// Binds where nothing is claimed twice; says whether it did.
fn bind(held: &mut HashMap<Claim, usize>, bound: &mut Vec<Parties>, new: Parties) -> bool {
    let wanted = claims(&new);
    if wanted.iter().any(|c| held.contains_key(c)) {
        return false;
    }
    held.extend(wanted.into_iter().map(|c| (c, bound.len())));
    bound.push(new);
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever pairs ask for one X: of those that get it, each caller reaches the peer they were bound with and no other.
    #[test]
    fn no_caller_is_confused(pairs in proptest::collection::vec((0u8..12, 0u8..12), 1..40)) {
        let (mut held, mut bound) = (HashMap::new(), Vec::new());
        let mut peer: HashMap<u8, u8> = HashMap::new();
        for (a, b) in pairs.into_iter().filter(|(a, b)| a != b) {
            if bind(&mut held, &mut bound, parties(BindingMode::Axb, a, Some(b), None)) {
                prop_assert!(peer.insert(a, b).is_none() && peer.insert(b, a).is_none());
            } else {
                prop_assert!(peer.contains_key(&a) || peer.contains_key(&b), "refused without need");
            }
        }
        for caller in 0..12 {
            let key = phone(caller).key();
            let reached: Vec<_> = bound.iter().filter_map(|p| way(p, Some(&key), None).ok()).map(|w| w.to).collect();
            prop_assert_eq!(reached, peer.get(&caller).map(|p| phone(*p)).into_iter().collect::<Vec<_>>());
            // and the way by the claim is the same
            let claimed = held.get(&Claim::Party(key)).copied();
            prop_assert_eq!(claimed.is_some(), peer.contains_key(&caller));
        }
    }

    /// An extension reaches one party, and each party is reached by one extension.
    #[test]
    fn an_extension_means_one(asked in proptest::collection::vec((0u8..12, 0u16..30), 1..40)) {
        let (mut held, mut bound) = (HashMap::new(), Vec::new());
        for (a, e) in asked {
            bind(&mut held, &mut bound, parties(BindingMode::Axe, a, None, Some(&format!("{e:04}"))));
        }
        for e in 0..30 {
            let e = format!("{e:04}");
            let of = bound.iter().filter(|p| p.extension.as_deref() == Some(&e)).count();
            prop_assert_eq!(of, usize::from(held.contains_key(&Claim::Extension(e))));
            prop_assert!(of <= 1);
        }
        let mut a: Vec<_> = bound.iter().map(|p| p.a.key()).collect();
        a.sort();
        let all = a.len();
        a.dedup();
        prop_assert_eq!(a.len(), all);
    }

    /// Bound over and over, every number of the pool has its turn before any has a second one.
    #[test]
    fn every_number_has_its_turn(size in 1usize..12, turns in 1usize..40) {
        let mut all: Vec<_> =
            (0..size).map(|n| candidate(&format!("+8621310000{n:02}"), None, None, None)).collect();
        let mut count = vec![0usize; size];
        for turn in 0..turns {
            let n = pick(&all, &Wish::default()).unwrap();
            all[n].bound_at = Some(UnixMs(turn as i64));
            count[n] += 1;
        }
        let (least, most) = (count.iter().min().unwrap(), count.iter().max().unwrap());
        prop_assert!(most - least <= 1, "{count:?}");
    }

    /// Whatever comes in whatever order.
    #[test]
    fn a_call_keeps_its_promises(plan in 0usize..4, script in proptest::collection::vec((0usize..13, 0usize..4), 0..60)) {
        let plan = [BoundPlan::Ring, BoundPlan::Ask, BoundPlan::Tell(Unconnected::NoBinding), BoundPlan::Bar][plan];
        let mut call = BoundCall::new(plan, LIMITS, 4);
        let mut world = World::default();
        world.take(call.on(BoundEvent::Begin))?;
        for (what, n) in script {
            if let Some(event) = world.event(what, n) {
                world.note(&event);
                world.take(call.on(event))?;
            }
        }
        // then everybody hangs up, and nothing is left
        for event in [BoundEvent::CalleeEnded { result: TryResult::NoAnswer }, BoundEvent::CallerEnded] {
            if world.allows(&event) {
                world.note(&event);
                world.take(call.on(event))?;
            }
        }
        for _ in 0..8 {
            if let Some(token) = world.token {
                world.take(call.on(BoundEvent::Time { token }))?;
            }
            if world.callee && world.callee_dropped {
                world.callee = false;
                world.take(call.on(BoundEvent::CalleeEnded { result: TryResult::NoAnswer }))?;
            }
        }
        prop_assert_eq!(call.phase(), BoundPhase::Over);
        prop_assert_eq!(world.over, 1);
        prop_assert!(world.rung <= 1);
    }
}

/// What the network and the two people can do, given what they were told.
#[derive(Default)]
struct World {
    answering: bool,
    answered: bool,
    caller_gone: bool,
    callee: bool,
    callee_answered: bool,
    callee_dropped: bool,
    rung: usize,
    over: usize,
    token: Option<u32>,
    said: Option<u32>,
}

impl World {
    fn take(&mut self, deeds: Vec<BoundDeed>) -> Result<(), TestCaseError> {
        for deed in deeds {
            prop_assert_eq!(self.over, 0, "something after the end: {:?}", deed);
            match deed {
                BoundDeed::AnswerCaller => self.answering = true,
                BoundDeed::RingCallee => {
                    self.rung += 1;
                    self.callee = true;
                }
                BoundDeed::Bridge { .. } => {
                    prop_assert!(self.answered && self.callee_answered, "a bridge of who is not there")
                }
                BoundDeed::DropCallee => self.callee_dropped = true,
                BoundDeed::Wait { token, .. } => self.token = Some(token),
                BoundDeed::Announce { token, .. } => {
                    prop_assert!(self.answered, "nobody hears it");
                    self.said = Some(token);
                }
                BoundDeed::Ask { .. } => prop_assert!(self.answered, "nobody hears it"),
                BoundDeed::RefuseCaller { .. } => prop_assert!(!self.answered, "refused after the answer"),
                BoundDeed::Over { .. } => {
                    self.over += 1;
                    prop_assert!(self.caller_gone && !self.callee, "a leg is left");
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn allows(&self, event: &BoundEvent) -> bool {
        match event {
            BoundEvent::CallerAnswered => self.answering && !self.answered && !self.caller_gone,
            BoundEvent::CallerEnded => !self.caller_gone,
            BoundEvent::CalleeAnswered => self.callee && !self.callee_answered,
            BoundEvent::CalleeEnded { .. } => self.callee,
            BoundEvent::NotRung => false,
            _ => true,
        }
    }

    fn event(&self, what: usize, n: usize) -> Option<BoundEvent> {
        let result = [TryResult::Busy, TryResult::Declined, TryResult::NoAnswer, TryResult::Failed][n];
        let event = match what {
            0 | 1 => BoundEvent::CallerAnswered,
            2 => BoundEvent::CallerKey { key: ['1', '2', '#', '*'][n] },
            3 if n == 0 => BoundEvent::CallerEnded,
            4 => BoundEvent::Found(LIMITS),
            5 => BoundEvent::NotFound,
            6 if n == 0 => BoundEvent::Kept(Unconnected::Restricted),
            7 => BoundEvent::CalleeAnswered,
            8 if n < 2 => BoundEvent::CalleeEnded { result },
            9 => BoundEvent::Said { token: self.said? },
            10 => BoundEvent::Time { token: self.token? },
            11 => BoundEvent::Time { token: 0 },
            12 => BoundEvent::CallerKey { key: '7' },
            _ => return None,
        };
        self.allows(&event).then_some(event)
    }

    fn note(&mut self, event: &BoundEvent) {
        match event {
            BoundEvent::CallerAnswered => self.answered = true,
            BoundEvent::CallerEnded => self.caller_gone = true,
            BoundEvent::CalleeAnswered => self.callee_answered = true,
            BoundEvent::CalleeEnded { .. } => self.callee = false,
            _ => {}
        }
    }
}

#[test]
fn three_tries_at_an_extension() {
    let mut call = BoundCall::new(BoundPlan::Ask, LIMITS, 4);
    assert_eq!(call.on(BoundEvent::Begin)[0], BoundDeed::AnswerCaller);
    assert!(matches!(call.on(BoundEvent::CallerAnswered)[0], BoundDeed::Ask { ask: Ask::First, .. }));
    for turn in 0..3 {
        for key in ['9', '*', '1', '2', '3'] {
            assert!(
                !call.on(BoundEvent::CallerKey { key }).iter().any(|d| matches!(d, BoundDeed::Seek { .. }))
            );
        }
        let deeds = call.on(BoundEvent::CallerKey { key: '4' });
        assert_eq!(deeds, [BoundDeed::Seek { extension: "1234".into() }]);
        // keys pressed meanwhile are none of the next one
        assert_eq!(call.on(BoundEvent::CallerKey { key: '5' }), []);
        let deeds = call.on(BoundEvent::NotFound);
        match turn {
            2 => assert!(matches!(deeds[0], BoundDeed::Announce { notice: Notice::NoExtension, .. })),
            _ => assert!(matches!(deeds[0], BoundDeed::Ask { ask: Ask::Again, .. })),
        }
    }
    assert_eq!((call.outcome(), call.why()), (Some(BoundOutcome::Refused), Some(Unconnected::NoBinding)));
}

#[test]
fn who_begins_anew_for_ever_is_let_go() {
    let mut call = BoundCall::new(BoundPlan::Ask, LIMITS, 4);
    call.on(BoundEvent::Begin);
    call.on(BoundEvent::CallerAnswered);
    let keys = (0..100).flat_map(|_| ['1', '*']);
    let over = keys.take_while(|key| {
        let deeds = call.on(BoundEvent::CallerKey { key: *key });
        !deeds.iter().any(|d| matches!(d, BoundDeed::Announce { notice: Notice::NoExtension, .. }))
    });
    assert!(over.count() < 100);
}

#[test]
fn a_hint_a_minute_before_the_end() {
    let mut call = BoundCall::new(BoundPlan::Ring, LIMITS, 4);
    call.on(BoundEvent::Begin);
    call.on(BoundEvent::CalleeAnswered);
    let deeds = call.on(BoundEvent::CallerAnswered);
    let [BoundDeed::Bridge { record: true }, BoundDeed::Wait { token, ms }] = deeds[..] else {
        panic!("{deeds:?}")
    };
    assert_eq!(ms, 4 * MINUTE);
    let deeds = call.on(BoundEvent::Time { token });
    let [BoundDeed::Hint, BoundDeed::Wait { token, ms: MINUTE }] = deeds[..] else { panic!("{deeds:?}") };
    assert_eq!(call.on(BoundEvent::Time { token }), [BoundDeed::DropCaller, BoundDeed::DropCallee]);
    call.on(BoundEvent::CalleeEnded { result: TryResult::Accepted });
    let over = call.on(BoundEvent::CallerEnded);
    assert_eq!(over, [BoundDeed::Over { outcome: BoundOutcome::Answered }]);
}

//! The table of deeds pair by pair, and what must hold for stops put right by hand in any order.

use super::*;
use crate::clock::UnixMs;
use crate::money::Money;
use proptest::prelude::*;

fn drawn(task: TaskKind) -> String {
    let row = |state: &ParcelState| {
        let cells = DeedKind::ALL.iter().map(|deed| match state.on_deed(task, *deed) {
            Ok(after) => after.to_string(),
            Err(DeedRefusal::OtherTask) => "-".into(),
            Err(_) => "·".into(),
        });
        format!("{state}: {}", cells.collect::<Vec<_>>().join(" "))
    };
    ParcelState::ALL.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn deliveries() {
    // sign station locker door exception return pick_up
    insta::assert_snapshot!(drawn(TaskKind::Delivery), @r"
    planned: signed at_station at_locker signed exception returned -
    out_for_delivery: signed at_station at_locker signed exception returned -
    exception: signed at_station at_locker signed exception returned -
    at_station: signed at_station at_locker signed exception returned -
    at_locker: signed at_station at_locker signed exception returned -
    signed: · · · · · · ·
    picked_up: · · · · · · ·
    returned: · · · · · · ·
    withdrawn: · · · · · · ·
    ");
}

#[test]
fn pick_ups() {
    insta::assert_snapshot!(drawn(TaskKind::Pickup), @r"
    planned: - - - - exception - picked_up
    out_for_delivery: - - - - exception - picked_up
    exception: - - - - exception - picked_up
    at_station: - - - - exception - picked_up
    at_locker: - - - - exception - picked_up
    signed: · · · · · · ·
    picked_up: · · · · · · ·
    returned: · · · · · · ·
    withdrawn: · · · · · · ·
    ");
}

fn hand(source: ConsentSource) -> Option<HandConsent> {
    Some(HandConsent { source, note: None })
}

fn facts(preference: Option<&str>, photos: usize) -> Facts<'_> {
    Facts { state: ParcelState::OutForDelivery, task: TaskKind::Delivery, preference, photos }
}

#[test]
fn nothing_is_left_without_consent() {
    let at = |consent| Deed::Station { place: "菜鸟驿站".into(), code: None, consent };
    let door = |consent| Deed::Door { note: None, consent };
    assert_eq!(at(None).judge(facts(None, 0), &[]), Err(DeedRefusal::NoConsent));
    assert_eq!(at(None).judge(facts(Some("door"), 0), &[]), Err(DeedRefusal::NoConsent));
    assert_eq!(at(None).judge(facts(Some("station"), 0), &[]), Ok(ParcelState::AtStation));
    assert_eq!(at(hand(ConsentSource::Phone)).judge(facts(None, 0), &[]), Ok(ParcelState::AtStation));
    assert_eq!(door(None).judge(facts(Some("station"), 0), &[]), Err(DeedRefusal::NoConsent));
    assert_eq!(door(None).judge(facts(Some("door"), 0), &[]), Ok(ParcelState::Signed));
    let sign = Deed::Sign { by: SignedBy::Family, name: None, cash: None };
    assert_eq!(sign.judge(facts(None, 0), &[]), Ok(ParcelState::Signed));
}

#[test]
fn the_first_rule_that_fits_says_whether_a_photo_is_wanted() {
    let rule = |task, deed, level| ProofRule { task, deed, level };
    let rules = [
        rule(Some(TaskKind::Pickup), None, ProofLevel::Off),
        rule(None, Some(DeedKind::Exception), ProofLevel::Required),
        rule(None, None, ProofLevel::Warn),
    ];
    let level = |task, deed| proof_level(&rules, task, deed);
    assert_eq!(level(TaskKind::Pickup, DeedKind::Exception), ProofLevel::Off);
    assert_eq!(level(TaskKind::Delivery, DeedKind::Exception), ProofLevel::Required);
    assert_eq!(level(TaskKind::Delivery, DeedKind::Sign), ProofLevel::Warn);
    assert_eq!(proof_level(&[], TaskKind::Delivery, DeedKind::Sign), ProofLevel::Enabled);
    let deed = Deed::Exception { reason: ExceptionReason::Damaged, note: None, until: None };
    assert_eq!(deed.judge(facts(None, 0), &rules), Err(DeedRefusal::NoPhoto));
    assert_eq!(deed.judge(facts(None, 1), &rules), Ok(ParcelState::Exception));
    let photo = |sha256: &str| Proof { sha256: sha256.into(), reference: String::new() };
    // FIPS 180-2, appendix B.1
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(Proof::of(b"abc", "1.jpg"), Proof { sha256: abc.into(), reference: "1.jpg".into() });
    assert!(photo(&"0f".repeat(32)).is_whole());
    assert!(!photo(&"0F".repeat(32)).is_whole() && !photo("0f").is_whole());
}

#[test]
fn refusals_are_told_by_reason() {
    let no = |n: usize| format!("SF{n}");
    let mut list: Vec<_> = (1..=7).map(|n| (no(n), DeedRefusal::NoConsent)).collect();
    list.push((no(8), DeedRefusal::AlreadyDone));
    assert_eq!(
        refusals(&list),
        "SF8: is done with already; SF1, SF2, SF3, SF4, SF5 (+2): has no consent of the recipient on record"
    );
    assert_eq!(refusals(&[]), "");
}

#[test]
fn records_that_are_not_whole_are_named() {
    let field = |deed: Deed| deed.check().err().map(|flaw| flaw.field);
    let sign = |by, name: Option<&str>, cash| Deed::Sign { by, name: name.map(Into::into), cash };
    assert_eq!(field(sign(SignedBy::Other, Some(" "), None)), Some("name"));
    assert_eq!(field(sign(SignedBy::Other, Some("王"), Some(Money::fen(1)))), None);
    assert_eq!(field(sign(SignedBy::Recipient, None, Some(Money::fen(0)))), Some("cash"));
    assert_eq!(field(sign(SignedBy::Recipient, None, Some(Money::fen(i64::MAX)))), Some("cash"));
    assert_eq!(field(sign(SignedBy::Recipient, Some(&"长".repeat(101)), None)), Some("name"));
    let except = |reason, until| Deed::Exception { reason, note: None, until };
    assert_eq!(field(except(ExceptionReason::Postponed, None)), Some("until"));
    assert_eq!(field(except(ExceptionReason::Postponed, Some(UnixMs(1_795_140_000_000)))), None);
    assert_eq!(field(except(ExceptionReason::Damaged, Some(UnixMs(5)))), Some("until"));
    assert_eq!(field(except(ExceptionReason::Other, None)), Some("note"));
    let locker = Deed::Locker { place: " ".into(), code: None, consent: None };
    assert_eq!(field(locker), Some("place"));
    let fetched = |weight_g, size| Deed::PickUp { weight_g, size, payer: None, sum: None };
    assert_eq!(field(fetched(Some(0), None)), Some("weight_g"));
    assert_eq!(field(fetched(Some(1_200), Some(Size { length: 300, width: 200, height: 0 }))), Some("size"));
    assert_eq!(field(fetched(Some(1_200), Some(Size { length: 300, width: 200, height: 100 }))), None);
}

const LIST: [&str; 8] = [
    "杭州市西湖区幸福花园3栋2单元501室",
    "幸福花园小区三号楼101",
    "幸福花园4栋101",
    "缤纷北苑47幢1单元201",
    "缤纷北苑47号楼302",
    "家里",
    "西湖区文一路18号",
    "幸福花园3-1-202",
];

fn rule(kind: StopRuleKind, keys: Vec<String>) -> StopRule {
    StopRule { kind, keys }
}

/// Which of the list are together.
fn told(rules: &[StopRule]) -> Vec<usize> {
    regroup(&LIST, rules)
}

fn merge(rules: &mut Vec<StopRule>, chosen: &[usize]) {
    let keys = merge_keys(&LIST, rules, &told(rules), chosen).unwrap();
    rules.push(rule(StopRuleKind::Merge, keys));
}

fn take_out(rules: &mut Vec<StopRule>, chosen: usize) {
    let key = split_key(&LIST, rules, &told(rules), chosen).unwrap();
    rules.push(rule(StopRuleKind::Split, vec![key]));
}

#[test]
fn a_merge_holds_for_other_addresses_of_the_buildings() {
    let mut rules = Vec::new();
    assert_eq!(told(&rules), [0, 0, 2, 3, 3, 5, 6, 0]);
    merge(&mut rules, &[1, 4]);
    assert_eq!(told(&rules), [0, 0, 2, 0, 0, 5, 6, 0]);
    assert_eq!(merge_keys(&LIST, &rules, &told(&rules), &[0, 3]), None, "one stop already");
    // tomorrow's list
    let tomorrow = ["幸福花园3栋9室", "缤纷北苑47#9室", "缤纷北苑48#9室"];
    assert_eq!(regroup(&tomorrow, &rules), [0, 0, 2]);
    // and what says no building
    merge(&mut rules, &[5, 6]);
    assert_eq!(told(&rules), [0, 0, 2, 0, 0, 5, 5, 0]);
}

#[test]
fn a_split_takes_one_out_and_a_later_merge_puts_it_back() {
    let mut rules = Vec::new();
    take_out(&mut rules, 7);
    assert_eq!(told(&rules), [0, 0, 2, 3, 3, 5, 6, 7], "one address of a building");
    assert_eq!(split_key(&LIST, &rules, &told(&rules), 7), None, "it is alone");
    merge(&mut rules, &[0, 3]);
    assert_eq!(told(&rules), [0, 0, 2, 0, 0, 5, 6, 7], "what was split off stays away");
    take_out(&mut rules, 3);
    assert_eq!(told(&rules), [0, 0, 2, 3, 3, 5, 6, 7], "the smaller building leaves the merge whole");
    merge(&mut rules, &[7, 0]);
    assert_eq!(told(&rules), [0, 0, 2, 3, 3, 5, 6, 0]);
}

#[test]
fn a_rule_that_is_left_out_leaves_no_trace() {
    let mut rules = Vec::new();
    merge(&mut rules, &[0, 3]);
    take_out(&mut rules, 3);
    rules.remove(1);
    assert_eq!(told(&rules), [0, 0, 2, 0, 0, 5, 6, 0]);
    rules.remove(0);
    assert_eq!(told(&rules), told(&[]));
}

#[test]
fn keys_from_outside() {
    assert!(check_keys(&[address_key("家里"), "b:x/3".into()]));
    for bad in
        [vec![], vec!["家里".to_owned()], vec!["a:".into()], vec!["a:x".repeat(600)], vec!["b:x".into(); 201]]
    {
        assert!(!check_keys(&bad));
    }
    let long = "长".repeat(2_000);
    assert!(check_keys(&bearing_keys(&[long.as_str()], &[])));
}

fn some_rules() -> impl Strategy<Value = Vec<StopRule>> {
    let keys: Vec<String> =
        bearing_keys(&LIST, &[]).into_iter().chain(LIST.map(address_key)).collect::<Vec<_>>();
    let kind = prop_oneof![Just(StopRuleKind::Merge), Just(StopRuleKind::Split)];
    let keys = prop::collection::vec(prop::sample::select(keys), 1..4);
    prop::collection::vec((kind, keys).prop_map(|(kind, keys)| rule(kind, keys)), 0..6)
}

#[test]
fn a_word_alone_is_no_way_round_the_deeds() {
    use ParcelState::{AtLocker, AtStation, Exception, OutForDelivery, Planned, Signed};
    // without a deed before, anything may be said but what needs consent
    assert_eq!(Planned.set_by_word(Signed, false, None), Ok(()));
    assert_eq!(Signed.set_by_word(OutForDelivery, false, None), Ok(()));
    for left in [AtStation, AtLocker] {
        assert_eq!(OutForDelivery.set_by_word(left, false, None), Err(DeedRefusal::NoConsent));
        assert_eq!(OutForDelivery.set_by_word(left, false, Some("door")), Err(DeedRefusal::NoConsent));
        assert_eq!(OutForDelivery.set_by_word(left, false, Some("station")), Ok(()));
        assert_eq!(left.set_by_word(left, true, None), Ok(()), "a repetition");
    }
    // what a deed ended stays; what still waits may go on, and not back
    assert_eq!(Signed.set_by_word(OutForDelivery, true, None), Err(DeedRefusal::AlreadyDone));
    assert_eq!(AtStation.set_by_word(Planned, true, None), Err(DeedRefusal::AlreadyDone));
    assert_eq!(AtStation.set_by_word(Signed, true, None), Ok(()));
    assert_eq!(Exception.set_by_word(Signed, true, None), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Each address is in one stop, named by its first; the last rule holds; the order of the list changes nothing.
    #[test]
    fn stops_are_a_partition_in_which_the_last_rule_holds(rules in some_rules(), turn in 0usize..8) {
        let stops = told(&rules);
        for (n, first) in stops.iter().enumerate() {
            prop_assert!(*first <= n && stops[*first] == *first);
        }
        let mut turned = LIST;
        turned.rotate_left(turn);
        let again = regroup(&turned, &rules);
        for a in 0..8 {
            for b in 0..8 {
                let (x, y) = ((a + 8 - turn) % 8, (b + 8 - turn) % 8);
                prop_assert_eq!(stops[a] == stops[b], again[x] == again[y]);
            }
        }
        let borne = bearing_keys(&LIST, &rules);
        if let Some(last) = rules.last() {
            let inside: Vec<usize> = (0..8).filter(|n| last.keys.contains(&borne[*n])).collect();
            if last.kind == StopRuleKind::Merge {
                prop_assert!(inside.iter().all(|n| stops[*n] == stops[inside[0]]));
            } else {
                // alone with what bears the same key
                for n in inside {
                    prop_assert!((0..8).all(|m| (stops[m] == stops[n]) == (borne[m] == borne[n])));
                }
            }
        }
    }

    /// What is merged is one stop, what is split off is apart, whatever was said before.
    #[test]
    fn a_hand_can_always_have_its_way(mut rules in some_rules(), a in 0usize..8, b in 0usize..8) {
        let stops = told(&rules);
        if let Some(keys) = merge_keys(&LIST, &rules, &stops, &[a, b]) {
            prop_assert!(check_keys(&keys));
            rules.push(rule(StopRuleKind::Merge, keys));
            let after = told(&rules);
            prop_assert_eq!(after[a], after[b]);
        }
        let stops = told(&rules);
        if let Some(key) = split_key(&LIST, &rules, &stops, a) {
            rules.push(rule(StopRuleKind::Split, vec![key]));
            let after = told(&rules);
            let there = |s: &[usize]| (0..8).filter(|n| s[*n] == s[a]).count();
            prop_assert!(there(&after) < there(&stops));
        }
    }

    /// A deed that is taken keeps to the table, and what is done stays done.
    #[test]
    fn judging_keeps_to_the_table(state in 0usize..9, pickup: bool, deed in 0usize..7, asked in 0usize..4, photos in 0usize..2) {
        let task = if pickup { TaskKind::Pickup } else { TaskKind::Delivery };
        let consent = (asked == 3).then_some(HandConsent { source: ConsentSource::InPerson, note: None });
        let place = String::from("x");
        let deed = match DeedKind::ALL[deed] {
            DeedKind::Sign => Deed::Sign { by: SignedBy::Recipient, name: None, cash: None },
            DeedKind::Station => Deed::Station { place, code: None, consent },
            DeedKind::Locker => Deed::Locker { place, code: None, consent },
            DeedKind::Door => Deed::Door { note: None, consent },
            DeedKind::Exception => Deed::Exception { reason: ExceptionReason::NobodyHome, note: None, until: None },
            DeedKind::Return => Deed::Return { note: None },
            DeedKind::PickUp => Deed::PickUp { weight_g: None, size: None, payer: None, sum: None },
        };
        let state = ParcelState::ALL[state];
        let preference = [None, Some("door"), Some("station"), None][asked];
        let rules = [ProofRule { task: None, deed: Some(DeedKind::Return), level: ProofLevel::Required }];
        let judged = deed.judge(Facts { state, task, preference, photos }, &rules);
        match judged {
            Ok(after) => {
                prop_assert_eq!(state.on_deed(task, deed.kind()), Ok(after));
                prop_assert!(state.is_open() || state.awaits_collection());
                prop_assert!(after == ParcelState::Exception || !after.is_open());
                prop_assert!(deed.wants().is_none() || preference == deed.wants() || asked == 3);
                prop_assert!(deed.kind() != DeedKind::Return || photos > 0);
            }
            Err(DeedRefusal::NoConsent) => prop_assert!(deed.wants().is_some()),
            Err(_) => {}
        }
    }
}

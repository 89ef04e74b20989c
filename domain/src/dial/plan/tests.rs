use super::*;
use crate::clock::{HOUR, MINUTE};
use crate::lang::Lang;
use proptest::prelude::*;

const ZONE: Tz = Tz::Asia__Shanghai;
/// 2026-11-21, 10:00 in Shanghai.
const NOW: UnixMs = UnixMs(1_795_226_400_000);

fn id(n: u8) -> ParcelId {
    ParcelId::at(1, [n; 10])
}

fn phone(n: u8) -> PhoneNumber {
    PhoneNumber::parse(&format!("138000000{n:02}")).unwrap()
}

fn parcel(n: u8, of: u8) -> PlanParcel {
    PlanParcel {
        id: id(n),
        phone: PlanPhone::Known(phone(of)),
        state: ParcelState::OutForDelivery,
        kind: TaskKind::Delivery,
        estate: "幸福花园".into(),
        building: format!("{}栋", of % 3 + 1),
        sequence: i64::from(n),
    }
}

fn input(parcels: Vec<PlanParcel>) -> PlanInput {
    PlanInput::new(parcels, NoticeKind::Arrived, ZONE)
}

/// The example of the design: 60 parcels, 9 delivered, 4 opted out, 4 merged.
#[test]
fn rings_43_of_60() {
    let mut parcels: Vec<PlanParcel> = (0..60).map(|n| parcel(n, n)).collect();
    for p in &mut parcels[..9] {
        p.state = ParcelState::Signed;
    }
    for (n, p) in parcels[56..].iter_mut().enumerate() {
        p.phone = PlanPhone::Known(phone(20 + n as u8));
    }
    let mut input = input(parcels);
    input.opted_out = (10..14).map(|n| phone(n).key()).collect();
    input.trunk = TrunkRate { channels: 3, calls_per_second: 1.0 };
    let plan = plan(&input, &Policy::default(), NOW);
    assert_eq!((plan.rings(), plan.parcels, plan.merged, plan.later), (43, 60, 4, 0));
    assert_eq!(
        plan.summary(Lang::En),
        "rings 43 of 60: 9 delivered, 4 opted out, 4 merged; about 9 min, ¥3.10; no calls after 20:30"
    );
    assert_eq!(
        plan.summary(Lang::Zh),
        "将呼叫 43/60：9 已签收，4 已退订，4 合并；约 9 分钟，¥3.10；20:30 后不呼叫"
    );
    assert_eq!(plan.reasons(), [(SuppressReason::Delivered, 9), (SuppressReason::OptedOut, 4)]);
}

#[test]
fn every_reason() {
    use SuppressReason as R;
    let mut parcels: Vec<PlanParcel> = (0..16).map(|n| parcel(n, n)).collect();
    for (n, state) in [
        (0, ParcelState::Signed),
        (1, ParcelState::PickedUp),
        (2, ParcelState::AtStation),
        (3, ParcelState::AtLocker),
        (4, ParcelState::Returned),
        (5, ParcelState::Withdrawn),
        (15, ParcelState::Exception),
    ] {
        parcels[n].state = state;
    }
    parcels[6].phone = PlanPhone::Missing;
    parcels[7].phone = PlanPhone::Invalid;
    parcels.push(parcel(15, 40));
    let mut input = input(parcels);
    input.opted_out.insert(phone(8).key());
    input.blocked.insert(phone(9).key());
    input.said.insert(id(10));
    input.called_back.insert(phone(11).key());
    input.open.insert(phone(12).key());
    let past = |age: i64| PastCall { at: NOW - age, failed: false };
    input.history.insert(phone(13).key(), vec![past(4 * HOUR), past(3 * HOUR), past(2 * HOUR)]);
    // A short wait only delays.
    input.history.insert(phone(14).key(), vec![past(20_000)]);
    let plan = plan(&input, &Policy::default(), NOW);
    let reasons: Vec<SuppressReason> = plan.suppressed.iter().map(|s| s.reason).collect();
    assert_eq!(
        reasons,
        [
            R::Delivered,
            R::PickedUp,
            R::AtStation,
            R::AtStation,
            R::Returned,
            R::Withdrawn,
            R::NoNumber,
            R::InvalidNumber,
            R::OptedOut,
            R::Blocklisted,
            R::AlreadyNotified,
            R::CalledBack,
            R::BeingCalled,
            R::Frequency,
            R::Duplicate,
        ]
    );
    let rung: Vec<(u32, i64)> = plan.calls.iter().map(|c| (c.order, c.not_before.since(NOW))).collect();
    assert_eq!(rung, [(0, 40_000), (1, 0)]);
    assert!(plan.summary(Lang::En).contains("; 1 of them later;"), "{}", plan.summary(Lang::En));
    // A collection notice is for parcels at stations.
    input.notice = NoticeKind::Station;
    let plan = super::plan(&input, &Policy::default(), NOW);
    assert!(plan.calls.iter().any(|c| c.parcels == [id(2)]));
    assert_eq!(NoticeKind::of_key("arrived"), NoticeKind::Arrived);
    assert_eq!(NoticeKind::of_key("spring_sale"), NoticeKind::Custom);
}

#[test]
fn one_call_for_one_person_names_every_place() {
    let mut parcels = vec![parcel(3, 1), parcel(1, 1), parcel(2, 1), parcel(4, 2)];
    parcels[0].estate = "阳光小区".into();
    let mut extension = parcel(5, 1);
    extension.phone = PlanPhone::Known(PhoneNumber::parse("13800000001转12").unwrap());
    parcels.push(extension);
    let plan = plan(&input(parcels), &Policy::default(), NOW);
    // A privacy number with another extension is another person.
    assert_eq!((plan.rings(), plan.merged), (3, 2));
    let call = &plan.calls[0];
    assert_eq!(call.parcels, [id(1), id(2), id(3)]);
    assert_eq!(call.estates(), ["幸福花园", "阳光小区"]);
    assert_eq!(call.places.iter().map(|p| p.count).collect::<Vec<_>>(), [2, 1]);
    insta::assert_json_snapshot!(plan, @r#"
    {
      "parcels": 5,
      "calls": [
        {
          "phone": "+8613800000001",
          "parcels": [
            "00000000-0001-7101-8101-010101010101",
            "00000000-0001-7202-8202-020202020202",
            "00000000-0001-7303-8303-030303030303"
          ],
          "order": 0,
          "not_before": 1795226400000,
          "places": [
            {
              "estate": "幸福花园",
              "building": "2栋",
              "count": 2
            },
            {
              "estate": "阳光小区",
              "building": "2栋",
              "count": 1
            }
          ]
        },
        {
          "phone": "+8613800000002",
          "parcels": [
            "00000000-0001-7404-8404-040404040404"
          ],
          "order": 1,
          "not_before": 1795226400000,
          "places": [
            {
              "estate": "幸福花园",
              "building": "3栋",
              "count": 1
            }
          ]
        },
        {
          "phone": "+8613800000001;ext=12",
          "parcels": [
            "00000000-0001-7505-8505-050505050505"
          ],
          "order": 2,
          "not_before": 1795226400000,
          "places": [
            {
              "estate": "幸福花园",
              "building": "2栋",
              "count": 1
            }
          ]
        }
      ],
      "suppressed": [],
      "merged": 2,
      "later": 0,
      "starts": 1795226400000,
      "last": 1795226400000,
      "closes": 1795264200000,
      "estimate": {
        "duration": 33400,
        "cost": {
          "minor": 22,
          "currency": "CNY"
        }
      },
      "now": 1795226400000,
      "zone": "Asia/Shanghai"
    }
    "#);
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<DialPlan>(&json).unwrap(), plan);
}

#[test]
fn suppression_is_by_parcel() {
    let mut input = input(vec![parcel(1, 1), parcel(2, 1)]);
    input.said.insert(id(1));
    let plan = plan(&input, &Policy::default(), NOW);
    assert_eq!((plan.rings(), plan.merged, plan.suppressed.len()), (1, 0, 1));
    assert_eq!(plan.calls[0].parcels, [id(2)]);
}

#[test]
fn quiet_hours_and_display_caps_delay() {
    let night = NOW + 11 * HOUR;
    let mut input = input((0..5).map(|n| parcel(n, n)).collect());
    let at_night = plan(&input, &Policy::default(), night);
    assert_eq!((at_night.rings(), at_night.later), (5, 5));
    assert_eq!(at_night.starts.hh_mm(ZONE), "08:30");
    assert!(at_night.summary(Lang::En).contains("; starts tomorrow 08:30; no calls after tomorrow 20:30"));
    assert!(at_night.summary(Lang::Zh).contains("；明天 08:30 开始；明天 20:30 后不呼叫"));
    input.left_today = Some(3);
    let capped = plan(&input, &Policy::default(), NOW);
    let today = capped.calls.iter().filter(|c| c.not_before == NOW).count();
    assert_eq!((today, capped.later), (3, 2));
    assert!(capped.calls[3].not_before.since(NOW) == 22 * HOUR + 30 * MINUTE);
    // where the dialler says who, only how many is told
    (input.left_today, input.most_today) = (None, Some(3));
    let most = plan(&input, &Policy::default(), NOW);
    assert_eq!((most.later, most.most_today), (0, Some(3)));
    assert!(most.summary(Lang::En).contains("; at most 3 of them today, by the cap of a day"));
    input.most_today = Some(5);
    assert_eq!(plan(&input, &Policy::default(), NOW).most_today, None, "enough for all");
    input.most_today = None;
    // Somebody whose own clock shows night is rung later than the rest.
    let mut abroad = parcel(9, 9);
    abroad.phone = PlanPhone::Known(PhoneNumber::parse("+442079460958").unwrap());
    input.parcels.push(abroad);
    input.left_today = None;
    let barred = plan(&input, &Policy::default(), NOW);
    assert_eq!(barred.suppressed.last().map(|s| s.reason), Some(SuppressReason::Country));
    let plan = plan(&input, &Policy { countries: vec![86, 44], ..Policy::default() }, NOW);
    assert_eq!(plan.later, 1);
    assert_eq!(plan.calls[5].not_before.hh_mm(Tz::Europe__London), "08:30");
}

#[test]
fn nobody_to_ring() {
    let mut input = input(vec![parcel(1, 1)]);
    input.blocked.insert(phone(1).key());
    let none = plan(&input, &Policy::default(), NOW);
    assert_eq!(none.summary(Lang::En), "rings 0 of 1: 1 blocklisted");
    assert_eq!(none.estimate, Estimate::default());
    input.parcels.clear();
    assert_eq!(plan(&input, &Policy::default(), NOW).summary(Lang::Zh), "将呼叫 0/0");
}

#[test]
fn estimates_never_overflow() {
    let rates =
        RatePlan { talk_seconds: u32::MAX, step_seconds: 0, ring_seconds: u32::MAX, ..RatePlan::default() };
    for trunk in [
        TrunkRate { channels: 0, calls_per_second: 0.0 },
        TrunkRate { channels: 1, calls_per_second: f64::NAN },
    ] {
        assert!(estimate::estimate(u32::MAX, &rates, &trunk).duration > 0);
    }
}

fn any_parcel() -> impl Strategy<Value = PlanParcel> {
    (0u8..40, 0u8..15, 0usize..ParcelState::ALL.len(), 0u8..10, -3i64..3).prop_map(
        |(n, of, state, kind, sequence)| PlanParcel {
            phone: match kind {
                0 => PlanPhone::Missing,
                1 => PlanPhone::Invalid,
                2 => PlanPhone::Known(PhoneNumber::parse(&format!("138000000{of:02}转1")).unwrap()),
                _ => PlanPhone::Known(phone(of)),
            },
            state: ParcelState::ALL[state.max(1)],
            sequence,
            ..parcel(n, of)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Every parcel is rung about or left out, exactly once; nobody is rung twice; nobody who must not be is rung; and
    /// the order of the selection plays no role.
    #[test]
    fn adds_up(
        mut parcels in proptest::collection::vec(any_parcel(), 0..50),
        people in proptest::collection::vec((0u8..15, 0u8..5), 0..12),
        past in proptest::collection::vec((0u8..15, 0i64..40), 0..20),
        said in proptest::collection::btree_set(0u8..40, 0..6),
        hour in 0i64..24, left in proptest::option::of(0u32..10), swap in any::<usize>(),
    ) {
        let now = NOW + hour * HOUR;
        let mut seen = BTreeSet::new();
        let unique = parcels.iter().all(|p| seen.insert(p.id));
        let mut input = input(parcels.clone());
        input.left_today = left;
        input.said = said.iter().map(|n| id(*n)).collect();
        for (n, what) in people {
            let set = match what { 0 => &mut input.opted_out, 1 => &mut input.blocked, 2 => &mut input.called_back, _ => &mut input.open };
            set.insert(phone(n).key());
        }
        for (n, age) in past {
            input.history.entry(phone(n).key()).or_default().push(PastCall { at: now - age * HOUR, failed: false });
        }
        let policy = Policy::default();
        let made = plan(&input, &policy, now);

        let rung: usize = made.calls.iter().map(|c| c.parcels.len()).sum();
        prop_assert_eq!(rung + made.suppressed.len(), parcels.len());
        prop_assert_eq!(made.rings() + made.merged + made.suppressed.len() as u32, made.parcels);
        let keys: BTreeSet<String> = made.calls.iter().map(|c| c.phone.key()).collect();
        prop_assert_eq!(keys.len(), made.calls.len());
        let ids: BTreeSet<ParcelId> = made.calls.iter().flat_map(|c| c.parcels.iter().copied()).collect();
        prop_assert_eq!(ids.len(), rung);
        prop_assert_eq!(made.reasons().iter().map(|(_, n)| *n as usize).sum::<usize>(), made.suppressed.len());
        for (turn, call) in made.calls.iter().enumerate() {
            let key = call.phone.key();
            prop_assert_eq!(call.order as usize, turn);
            prop_assert!(!input.opted_out.contains(&key) && !input.blocked.contains(&key));
            prop_assert!(!input.called_back.contains(&key) && !input.open.contains(&key));
            prop_assert!(!call.parcels.iter().any(|p| input.said.contains(p)));
            prop_assert_eq!(call.places.iter().map(|p| p.count).sum::<u32>(), call.count());
            prop_assert!(call.not_before >= now);
            let history = input.history.get(&key).cloned().unwrap_or_default();
            prop_assert!(policy.may_call(call.not_before, ZONE, &history).is_ok());
        }
        if let Some(left) = left {
            let tomorrow = now.next_day(ZONE);
            prop_assert!(made.calls.iter().filter(|c| c.not_before < tomorrow).count() <= left as usize);
        }
        for lang in [Lang::Zh, Lang::En] {
            let numbers = format!("{}/{} {} of {}", made.rings(), made.parcels, made.rings(), made.parcels);
            prop_assert!(numbers.contains(made.summary(lang).split([':', '；', ';', '：']).next().unwrap_or("?").trim_start_matches("rings ").trim_start_matches("将呼叫 ")));
        }
        if unique && parcels.len() > 1 {
            let n = parcels.len();
            for i in 0..n {
                parcels.swap(i, swap.wrapping_mul(i + 3) % n);
            }
            input.parcels = parcels;
            let again = plan(&input, &policy, now);
            prop_assert_eq!(again.calls, made.calls);
        }
    }
}

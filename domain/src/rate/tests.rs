use super::*;
use crate::clock::{MINUTE, SECOND};
use crate::id::{BranchId, UserId};
use crate::lang::Lang;
use crate::phone::{PhoneKind, PhoneNumber};
use proptest::prelude::*;

fn rate(to: &str, step_s: u16, price: i64) -> Rate {
    Rate {
        trunk: None,
        to: Destination::parse(to).unwrap(),
        incoming: false,
        step_s,
        price: Micros(price),
        connection: Micros::ZERO,
        least_s: 0,
    }
}

fn list(rates: Vec<Rate>) -> Rates {
    Rates { name: "2026".into(), from: None, rates }
}

fn leg(number: &str, talked_ms: i64) -> ChargedLeg<'_> {
    ChargedLeg { trunk: Some("north"), number, incoming: false, talked_ms }
}

#[test]
fn words_are_whole() {
    ChargedCall::check_words();
    EntryKind::check_words();
    Rated::check_words();
    PaidBy::check_words();
    AccountKind::check_words();
    Stopped::check_words();
}

#[test]
fn amounts_are_read_and_shown_exactly() {
    for (text, amount, shown) in [
        ("12.34", 12_340_000, "¥12.34"),
        ("¥100", 100_000_000, "¥100.00"),
        ("-0.5", -500_000, "-¥0.50"),
        ("0.0065", 6_500, "¥0.0065"),
        (" +￥1.000001 ", 1_000_001, "¥1.000001"),
        ("0", 0, "¥0.00"),
    ] {
        assert_eq!(Micros::parse(text), Ok(Micros(amount)), "{text}");
        assert_eq!(Micros(amount).to_string(), shown);
    }
    for text in ["", "-", "¥", "1.", ".5", "1.0000001", "1e3", "1,000", "--1", "99999999999999", "１"] {
        assert_eq!(Micros::parse(text), Err(AmountError), "{text}");
    }
    assert_eq!(Micros(i64::MIN).to_string(), "-¥9223372036854.775808");
    assert_eq!(Micros::fen(310), Micros(3_100_000));
}

#[test]
fn started_steps_count_whole_and_an_answer_is_one() {
    let six = rate("any", 6, 6_500);
    for (ms, steps) in
        [(-5, 1), (0, 1), (1, 1), (5_999, 1), (6_000, 1), (6_001, 2), (60_000, 10), (60_001, 11)]
    {
        assert_eq!(six.steps(ms), steps, "{ms} ms");
    }
    let minute = Rate { connection: Micros::fen(5), least_s: 120, ..rate("any", 60, 100_000) };
    assert_eq!(minute.cost(1), Micros(250_000), "two minutes at least, and the connection");
    assert_eq!(minute.cost(121 * SECOND), Micros(350_000));
    assert_eq!(minute.cost(i64::MAX), minute.connection.plus(minute.price.times(i64::MAX / MINUTE + 1)));
}

#[test]
fn the_most_special_price_wins() {
    let own = |rate: Rate| Rate { trunk: Some("north".into()), ..rate };
    let rates = list(vec![
        rate("any", 60, 1),
        own(rate("any", 60, 2)),
        rate("mobile", 6, 3),
        rate("+86139", 6, 4),
        rate("+861390", 6, 5),
        own(rate("+86139", 6, 6)),
        rate("shared400", 60, 7),
        rate("foreign", 60, 8),
        rate("+852", 60, 9),
        Rate { incoming: true, ..rate("shared400", 60, 10) },
    ]);
    rates.check().unwrap();
    for (number, trunk, price) in [
        ("+8613800000000", "north", 3),
        ("+8613900000000", "north", 5),
        ("+8613910000000", "north", 6),
        ("+8613910000000", "south", 4),
        ("+864008000000", "north", 7),
        ("+862166660000", "north", 2),
        ("+862166660000", "south", 1),
        ("+85221234567", "north", 9),
        ("+14155550123", "north", 8),
        ("+700123456789012345", "south", 1),
    ] {
        let leg = ChargedLeg { trunk: Some(trunk), ..leg(number, 1) };
        assert_eq!(rates.rate(&leg).unwrap().price, Micros(price), "{number} on {trunk}");
    }
    let came = |number| ChargedLeg { incoming: true, ..leg(number, 61_000) };
    assert_eq!(rates.charge(&came("+864008000000")).amount, Micros(20));
    assert_eq!(rates.charge(&came("+862166660000")), Charge::nothing(Rated::Free, 61_000));
    assert_eq!(list(vec![]).charge(&leg("+8613800000000", 5)).rated, Rated::Unrated);
    let unknown = ChargedLeg { trunk: None, ..leg("+862166660000", 1) };
    assert_eq!(rates.rate(&unknown).unwrap().price, Micros(1));
}

#[test]
fn a_charge_can_be_read() {
    let price = Rate { connection: Micros::fen(10), trunk: Some("north".into()), ..rate("mobile", 6, 6_500) };
    let rates = list(vec![price]);
    let charge = rates.charge(&leg("+8613800000000", 11_000));
    assert_eq!(charge.explain(Lang::En), "2 × 6 s × ¥0.0065 + ¥0.10 (mobile, trunk north) = ¥0.113");
    assert_eq!(charge.explain(Lang::Zh), "2 × 6 秒 × ¥0.0065 + ¥0.10（mobile，线路 north） = ¥0.113");
    assert_eq!(rates.charge(&leg("+862166660000", 1)).explain(Lang::En), "no price");
    insta::assert_json_snapshot!(charge, @r#"
    {
      "rated": "rated",
      "amount": 113000,
      "steps": 2,
      "talked_ms": 11000,
      "rate": {
        "trunk": "north",
        "to": "mobile",
        "step_s": 6,
        "price": 6500,
        "connection": 100000
      }
    }
    "#);
}

#[test]
fn what_cannot_work_is_named() {
    let bad = |rates: Rates| rates.check().unwrap_err().field;
    assert_eq!(bad(Rates { name: " ".into(), ..list(vec![]) }), "name");
    assert_eq!(bad(list(vec![rate("any", 0, 1)])), "rates[0].step_s");
    assert_eq!(bad(list(vec![rate("any", 60, 1), rate("mobile", 3_601, 1)])), "rates[1].step_s");
    assert_eq!(bad(list(vec![rate("any", 60, -1)])), "rates[0].price");
    assert_eq!(bad(list(vec![rate("any", 60, 1), rate("any", 6, 1)])), "rates[1].to");
    assert_eq!(bad(list(vec![Rate { trunk: Some(" ".into()), ..rate("any", 60, 1) }])), "rates[0].trunk");
    assert_eq!(bad(list(vec![rate("any", 60, 1); MOST_RATES + 1])), "rates");
    for text in ["", "everywhere", "+", "+86x", "86138", "+1234567890123456"] {
        assert!(Destination::parse(text).is_err(), "{text}");
        assert!(serde_json::from_value::<Destination>(text.into()).is_err());
    }
    for text in
        ["any", "mobile", "landline", "short_code", "shared400", "free800", "service", "foreign", "+86"]
    {
        assert_eq!(Destination::parse(text).unwrap().to_string(), text);
    }
    let policy = |json| serde_json::from_value::<ChargePolicy>(json).unwrap().check().unwrap_err().field;
    assert_eq!(policy(serde_json::json!({ "hold_s": 0 })), "hold_s");
    assert_eq!(policy(serde_json::json!({ "branch": { "credit": -1 } })), "branch.credit");
    assert_eq!(policy(serde_json::json!({ "courier_spend_a_day": -1 })), "courier_spend_a_day");
}

#[test]
fn who_pays() {
    let (branch, other) = (BranchId::at(1, [1; 10]), BranchId::at(1, [2; 10]));
    let courier = UserId::at(1, [3; 10]);
    let mut policy = ChargePolicy::default();
    let branch_pays = (AccountKind::Branch, Some(branch.as_uuid()));
    let courier_pays = (AccountKind::Courier, Some(courier.as_uuid()));
    for call in ChargedCall::ALL {
        assert_eq!(policy.payer(*call, Some(branch), Some(courier)), branch_pays);
        assert_eq!(policy.payer(*call, None, Some(courier)), (AccountKind::Organisation, None));
    }
    policy.payers.outgoing = PaidBy::Courier;
    policy.branches.insert(other, Payers::default());
    assert_eq!(policy.payer(ChargedCall::Outgoing, Some(branch), Some(courier)), courier_pays);
    assert_eq!(policy.payer(ChargedCall::Outgoing, None, Some(courier)), courier_pays);
    assert_eq!(policy.payer(ChargedCall::Outgoing, Some(branch), None), branch_pays);
    assert_eq!(policy.payer(ChargedCall::Notice, Some(branch), Some(courier)), branch_pays);
    let of_other = (AccountKind::Branch, Some(other.as_uuid()));
    assert_eq!(policy.payer(ChargedCall::Outgoing, Some(other), Some(courier)), of_other);
    insta::assert_json_snapshot!(ChargePolicy::default(), @r#"
    {
      "payers": {
        "notice": "branch",
        "incoming": "branch",
        "outgoing": "branch",
        "bound": "branch"
      },
      "branches": {},
      "courier": {},
      "branch": {},
      "organisation": {},
      "hold_s": 60
    }
    "#);
}

#[test]
fn an_account_takes_a_call_while_there_is_room_for_it() {
    let room = Room { balance: Micros(100), spent: Micros(50), held: Micros(30) };
    let limits = |credit, cap| Limits { credit, daily_cap: cap };
    let micros = |n| Some(Micros(n));
    assert_eq!(room.takes(&limits(None, None), Micros(i64::MAX)), Ok(()));
    assert_eq!(room.takes(&limits(micros(0), None), Micros(70)), Ok(()));
    assert_eq!(room.takes(&limits(micros(0), None), Micros(71)), Err(Stopped::NoCredit));
    assert_eq!(room.takes(&limits(micros(1), None), Micros(71)), Ok(()));
    assert_eq!(room.takes(&limits(None, micros(100)), Micros(20)), Ok(()));
    assert_eq!(room.takes(&limits(None, micros(100)), Micros(21)), Err(Stopped::SpendToday));
    let empty = Room { balance: Micros(-5), ..Room::default() };
    assert_eq!(
        empty.takes(&limits(micros(0), micros(0)), Micros::ZERO),
        Ok(()),
        "what is free is never stopped"
    );
    let held = Held { rates: vec![rate("any", 60, 10), rate("any", 6, 1)], seconds: 60 };
    assert_eq!(held.amount(0), Micros(20));
    assert_eq!(held.amount(60_001), Micros(20 + 11));
    assert_eq!(Held::default().amount(i64::MAX), Micros::ZERO);
}

fn destinations() -> impl Strategy<Value = Destination> {
    prop_oneof![
        Just(Destination::Any),
        prop::sample::select(vec![
            PhoneKind::Mobile,
            PhoneKind::Landline,
            PhoneKind::Shared400,
            PhoneKind::Foreign
        ])
        .prop_map(Destination::Kind),
        prop::sample::select(vec!["+8", "+86", "+861", "+8613", "+86138", "+861380", "+8621", "+852", "+1"])
            .prop_map(|p| Destination::Prefix(p.to_owned())),
    ]
}

fn prices() -> impl Strategy<Value = Rate> {
    let trunk = prop::option::of(prop::sample::select(vec!["north".to_owned(), "south".to_owned()]));
    (trunk, destinations(), any::<bool>(), 1u16..=3_600, 0i64..1_000_000, 0i64..100_000, 0u16..300).prop_map(
        |(trunk, to, incoming, step_s, price, connection, least_s)| Rate {
            trunk,
            to,
            incoming,
            step_s,
            price: Micros(price),
            connection: Micros(connection),
            least_s,
        },
    )
}

/// The same by going through all that fit, worst first, and counting steps one by one.
fn slowly(rates: &Rates, leg: &ChargedLeg<'_>) -> Option<Micros> {
    let kind = PhoneNumber::from_key(leg.number).ok().map(|n| n.kind());
    let mut best: Option<&Rate> = None;
    // every length of a prefix, after everything and kinds; for each any trunk, then the own one
    for length in 0..=18 {
        for own in [false, true] {
            for rate in &rates.rates {
                let special = match &rate.to {
                    Destination::Any => 0,
                    Destination::Kind(_) => 1,
                    Destination::Prefix(p) => p.len() + 1,
                };
                let holds = match &rate.to {
                    Destination::Any => true,
                    Destination::Kind(of) => kind == Some(*of),
                    Destination::Prefix(p) => leg.number.get(..p.len()) == Some(p),
                };
                let trunk = match &rate.trunk {
                    None => !own,
                    Some(name) => own && leg.trunk == Some(name),
                };
                if special == length && holds && trunk && rate.incoming == leg.incoming {
                    best = Some(rate);
                }
            }
        }
    }
    let rate = best?;
    let charged = leg.talked_ms.max(i64::from(rate.least_s) * 1_000);
    let (mut amount, mut reached) = (rate.connection.0, 0);
    loop {
        amount += rate.price.0;
        reached += i64::from(rate.step_s) * 1_000;
        if reached >= charged {
            return Some(Micros(amount));
        }
    }
}

proptest! {
    #[test]
    fn the_charge_is_what_a_slow_reckoning_gives(
        rates in prop::collection::vec(prices(), 0..12),
        number in prop::sample::select(vec!["+8613800000000", "+8613900000000", "+862166660000", "+864008000000",
            "+85221234567", "+14155550123"]),
        trunk in prop::option::of(prop::sample::select(vec!["north", "south", "west"])),
        incoming in any::<bool>(),
        talked_ms in prop_oneof![0i64..200_000, (0i64..200).prop_map(|s| s * 1_000)],
    ) {
        // of two prices for the same the check lets none through
        let mut rates = list(rates);
        let mut seen = std::collections::HashSet::new();
        rates.rates.retain(|r| seen.insert((r.trunk.clone(), r.to.clone(), r.incoming)));
        prop_assert!(rates.check().is_ok());
        let leg = ChargedLeg { trunk, number, incoming, talked_ms };
        let charge = rates.charge(&leg);
        match slowly(&rates, &leg) {
            Some(amount) => {
                prop_assert_eq!(charge.amount, amount);
                prop_assert_eq!(charge.rated, Rated::Rated);
                // never less for a longer call, and the order of the list is nobody's business
                let longer = ChargedLeg { talked_ms: talked_ms + 1, ..leg };
                prop_assert!(rates.charge(&longer).amount >= amount);
                let mut turned = rates.clone();
                turned.rates.reverse();
                prop_assert_eq!(turned.charge(&leg), charge);
            }
            None => {
                prop_assert_eq!(charge.amount, Micros::ZERO);
                prop_assert_eq!(charge.rated, if incoming { Rated::Free } else { Rated::Unrated });
            }
        }
    }

    #[test]
    fn amounts_are_read_as_they_are_shown(amount in any::<i64>()) {
        // the very lowest has no positive twin
        prop_assume!(amount != i64::MIN);
        prop_assert_eq!(Micros::parse(&Micros(amount).to_string()), Ok(Micros(amount)));
    }

    #[test]
    fn calls_set_up_at_once_never_pass_the_limit(
        balance in 0i64..1_000, credit in 0i64..500, cap in 0i64..1_500, asked in prop::collection::vec(1i64..200, 1..40),
    ) {
        let limits = Limits { credit: Some(Micros(credit)), daily_cap: Some(Micros(cap)) };
        let mut room = Room { balance: Micros(balance), ..Room::default() };
        for call in asked {
            if room.takes(&limits, Micros(call)).is_ok() {
                room.held = room.held.plus(Micros(call));
            }
        }
        prop_assert!(room.held.0 <= balance + credit && room.held.0 <= cap);
    }
}

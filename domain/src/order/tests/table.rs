//! The table of stages and actions, urging, and what surfaces.

use super::*;

fn actions() -> Vec<OrderAction> {
    use OrderAction as A;
    let text = || "因为".to_owned();
    vec![
        A::Accept,
        A::Approve,
        A::Assign { department: Some("delivery".into()), handler: Some(who(3)) },
        A::Take,
        A::Node { node: OrderNode::OnSite, text: None },
        A::Return { reason: text() },
        A::Transfer { department: Some("claims".into()), handler: None, reason: text() },
        A::Hold { reason: text(), until: UnixMs(40 * HOUR) },
        A::Resume,
        A::Resolve { text: text() },
        A::Revisit { outcome: Satisfaction::Satisfied, text: None },
        A::Revisit { outcome: Satisfaction::Unsatisfied, text: None },
        A::Revisit { outcome: Satisfaction::NotReached, text: None },
        A::Reopen { reason: text() },
        A::Close { reason: text() },
        A::Urge { channel: UrgeChannel::Phone, note: text(), answer_by: None },
        A::Acknowledge { text: None },
        A::Note { text: text() },
    ]
}

struct Desk {
    policy: OrderPolicy,
    kind: OrderType,
    course: Course,
}

impl Desk {
    fn of(kind: &str) -> Desk {
        let policy = OrderPolicy::default();
        let kind = policy.order_type(kind).unwrap().clone();
        let course = Course::opened(UnixMs(0), kind.after_accept());
        Desk { policy, kind, course }
    }

    fn tries(&self, who: Standing, action: &OrderAction, at: i64) -> Result<Course, OrderRefusal> {
        self.course.step(&self.policy, Some(&self.kind), who, action, UnixMs(at))
    }

    fn does(&mut self, who: Standing, action: OrderAction, at: i64) {
        self.course = self.tries(who, &action, at).unwrap_or_else(|e| panic!("{action:?}: {e:?}"));
    }

    fn placed(&mut self, parcel: Option<UserId>, at: i64) -> Option<PlacedBy> {
        let placed = place(&self.course, &self.kind, parcel, None, UnixMs(at))?;
        self.course = placed.course;
        Some(placed.by)
    }
}

#[test]
fn a_complaint_from_opening_to_the_archive() {
    let mut desk = Desk::of("complaint");
    assert_eq!(desk.placed(Some(who(3)), 1), Some(PlacedBy::Parcel));
    assert_eq!((desk.course.stage, desk.course.handler), (Stage::Handle, Some(who(3))));
    assert_eq!(desk.course.state(UnixMs(2)), OrderState::Pending);
    desk.does(courier(3), OrderAction::Take, 2);
    assert_eq!(desk.course.state(UnixMs(2)), OrderState::InProgress);
    let hold = OrderAction::Hold { reason: "客户出差".into(), until: UnixMs(100) };
    desk.does(staff(1), hold.clone(), 10);
    assert_eq!(desk.course.state(UnixMs(99)), OrderState::OnHold);
    assert_eq!(desk.course.state(UnixMs(100)), OrderState::InProgress, "it ends by itself");
    assert_eq!(desk.tries(staff(1), &hold, 50), Err(OrderRefusal::HeldAlready));
    assert_eq!(desk.tries(staff(1), &OrderAction::Resume, 100), Err(OrderRefusal::NotHeld));
    desk.does(courier(3), OrderAction::Resolve { text: "已送达".into() }, 120);
    assert_eq!((desk.course.stage, desk.course.done_at()), (Stage::Revisit, Some(UnixMs(120))));
    let content = |outcome| OrderAction::Revisit { outcome, text: None };
    let mut own = desk.course.clone();
    own.handler = Some(who(1));
    let asked =
        own.step(&desk.policy, Some(&desk.kind), staff(1), &content(Satisfaction::Satisfied), UnixMs(130));
    assert_eq!(asked, Err(OrderRefusal::OwnWork));
    desk.does(staff(2), content(Satisfaction::Unsatisfied), 200);
    assert_eq!((desk.course.stage, desk.course.handler, desk.course.result), (Stage::Assign, None, None));
    assert_eq!(desk.course.stops.last().unwrap().end(), Some(UnixMs(200)), "the clock goes on");
    assert_eq!(desk.placed(Some(who(3)), 201), None, "who did not do it does not get it again by itself");
    desk.does(staff(1), OrderAction::Assign { department: None, handler: Some(who(4)) }, 210);
    desk.does(courier(4), OrderAction::Resolve { text: "道歉并补送".into() }, 300);
    for at in [310, 320] {
        desk.does(staff(2), content(Satisfaction::NotReached), at);
        assert_eq!(desk.course.stage, Stage::Revisit);
    }
    desk.does(staff(2), content(Satisfaction::NotReached), 330);
    assert_eq!((desk.course.stage, desk.course.result), (Stage::Archive, Some(OrderResult::NotReached)));
    desk.does(staff(1), OrderAction::Reopen { reason: "客户来电".into() }, 400);
    assert_eq!((desk.course.stage, desk.course.result), (Stage::Assign, None));
}

#[test]
fn departments_pass_an_order_along_the_path_of_its_type() {
    let mut desk = Desk::of("damage");
    assert_eq!(desk.course.stage, Stage::Review);
    desk.does(staff(1), OrderAction::Approve, 1);
    assert_eq!(desk.placed(Some(who(3)), 2), Some(PlacedBy::Parcel));
    desk.does(courier(3), OrderAction::Resolve { text: "拍照".into() }, 3);
    assert_eq!((desk.course.stage, desk.course.department.as_deref()), (Stage::Assign, Some("claims")));
    assert_eq!(desk.placed(Some(who(3)), 4), Some(PlacedBy::Type), "the courier's part is done");
    assert_eq!((desk.course.stage, desk.course.handler), (Stage::Handle, None));
    let member = Standing { member: true, ..courier(7) };
    desk.does(member, OrderAction::Take, 5);
    assert_eq!(desk.tries(staff(8), &OrderAction::Take, 6), Err(OrderRefusal::TakenAlready));
    desk.does(courier(7), OrderAction::Resolve { text: "已赔付".into() }, 7);
    assert_eq!(desk.course.stage, Stage::Revisit);
    // the flow of the departments binds transfers
    let mut desk = Desk::of("complaint");
    desk.policy.departments[1].next = vec!["service".into()];
    desk.placed(Some(who(3)), 1);
    let to = |key: &str| OrderAction::Transfer {
        department: Some(key.into()),
        handler: None,
        reason: "转".into(),
    };
    assert_eq!(desk.tries(courier(3), &to("claims"), 2), Err(OrderRefusal::NoWay));
    assert_eq!(desk.tries(courier(3), &to("nowhere"), 2), Err(OrderRefusal::NoDepartment));
    desk.does(courier(3), to("service"), 2);
    assert_eq!(desk.course.handler, None);
    let nobody = OrderAction::Assign { department: None, handler: None };
    assert_eq!(desk.tries(staff(1), &nobody, 3), Err(OrderRefusal::NobodyNamed));
}

#[test]
fn what_was_done_without_a_network_counts_from_when_it_was_done() {
    let mut desk = Desk::of("complaint");
    desk.placed(Some(who(3)), 100);
    // paused meanwhile, which does not move what was done before
    desk.does(staff(1), OrderAction::Hold { reason: "等".into(), until: UnixMs(900) }, 400);
    desk.does(courier(3), OrderAction::Resolve { text: "好了".into() }, 300);
    assert_eq!(desk.course.done_at(), Some(UnixMs(300)));
    let always = Calendar::always(ZONE);
    assert_eq!(clock(&always, UnixMs(0), &desk.course.stops, 1, 80, UnixMs(2_000)).used_ms, 300);
    // but nobody did anything before it came to them
    let mut desk = Desk::of("complaint");
    desk.placed(Some(who(3)), 100);
    desk.does(courier(3), OrderAction::Take, 7);
    assert_eq!(desk.course.taken_at, Some(UnixMs(100)));
}

#[test]
fn urges_merge_are_answered_and_escalate() {
    let always = Calendar::always(ZONE);
    let mut desk = Desk::of("complaint");
    desk.placed(Some(who(3)), 0);
    let urge = |by: Option<i64>| OrderAction::Urge {
        channel: UrgeChannel::Phone,
        note: "快点".into(),
        answer_by: by.map(UnixMs),
    };
    let level = |desk: &Desk, at: i64| urge_level(&desk.course, &desk.policy.urge, &always, UnixMs(at));
    assert_eq!(level(&desk, 0), UrgeLevel::None);
    assert_eq!(
        desk.tries(courier(3), &urge(None), 1),
        Err(OrderRefusal::NotYours),
        "nobody urges themselves"
    );
    desk.does(staff(1), urge(None), MINUTE);
    desk.does(staff(1), urge(None), 5 * MINUTE);
    assert_eq!(
        (desk.course.urges, desk.course.urge.unwrap().count),
        (1, 1),
        "one person within ten minutes is one"
    );
    assert_eq!(level(&desk, 30 * MINUTE), UrgeLevel::Urged);
    assert_eq!(level(&desk, 31 * MINUTE), UrgeLevel::Supervised, "nobody has answered");
    assert_eq!(level(&desk, 121 * MINUTE), UrgeLevel::Escalated);
    desk.does(staff(2), urge(Some(7 * MINUTE)), 6 * MINUTE);
    assert_eq!(level(&desk, 7 * MINUTE), UrgeLevel::Supervised, "an answer was expected by then");
    desk.does(courier(3), OrderAction::Acknowledge { text: Some("在路上".into()) }, 8 * MINUTE);
    assert_eq!((level(&desk, 500 * MINUTE), desk.course.urges), (UrgeLevel::None, 2));
    assert_eq!(
        desk.tries(courier(3), &OrderAction::Acknowledge { text: None }, 9 * MINUTE),
        Err(OrderRefusal::NotUrged)
    );
    desk.does(staff(1), urge(None), 60 * MINUTE);
    assert_eq!(level(&desk, 60 * MINUTE), UrgeLevel::Supervised, "the third");
    desk.does(staff(2), urge(None), 61 * MINUTE);
    desk.does(staff(1), urge(None), 62 * MINUTE);
    assert_eq!(level(&desk, 62 * MINUTE), UrgeLevel::Escalated, "the fifth");
    desk.does(courier(3), OrderAction::Resolve { text: "好了".into() }, 63 * MINUTE);
    assert_eq!((level(&desk, 999 * MINUTE), desk.course.urge), (UrgeLevel::None, None));
}

#[test]
fn nobody_sits_on_an_order() {
    let always = Calendar::always(ZONE);
    let mut desk = Desk::of("complaint");
    let asks = |desk: &Desk, at: i64| {
        attention(&desk.policy, Some(&desk.kind), &desk.course, UnixMs(0), &always, UnixMs(at * MINUTE))
    };
    assert_eq!(asks(&desk, 29), []);
    assert_eq!(asks(&desk, 30), [Attention::Unassigned]);
    desk.placed(Some(who(3)), 30 * MINUTE);
    assert_eq!(asks(&desk, 59), []);
    assert_eq!(asks(&desk, 60), [Attention::Unclaimed]);
    desk.does(courier(3), OrderAction::Take, 60 * MINUTE);
    assert_eq!(asks(&desk, 200), [Attention::Warning]);
    assert_eq!(asks(&desk, 300), [Attention::Overdue, Attention::Silent]);
    // a customer's word is no work
    desk.does(
        staff(1),
        OrderAction::Urge { channel: UrgeChannel::Phone, note: "?".into(), answer_by: None },
        301 * MINUTE,
    );
    assert_eq!(asks(&desk, 302), [Attention::Overdue, Attention::Urged, Attention::Silent]);
    desk.does(staff(1), OrderAction::Hold { reason: "等".into(), until: UnixMs(400 * MINUTE) }, 303 * MINUTE);
    assert_eq!(asks(&desk, 304), [Attention::Urged]);
    desk.does(courier(3), OrderAction::Acknowledge { text: None }, 305 * MINUTE);
    assert_eq!(asks(&desk, 399), []);
    assert_eq!(asks(&desk, 400), [Attention::Overdue]);
    assert_eq!(asks(&desk, 640), [Attention::Overdue, Attention::Silent], "the pause is no silence");
    desk.does(courier(3), OrderAction::Resolve { text: "好".into() }, 640 * MINUTE);
    assert_eq!(asks(&desk, 641), []);
    assert_eq!(asks(&desk, 1_360), [Attention::RevisitWaits]);
}

/// Whatever is done in whatever order: every open order can go on, is with somebody or surfaces, and refusals change nothing.
#[test]
fn no_order_is_ever_stuck() {
    let all = actions();
    let people = [staff(1), staff(2), courier(3), courier(4), Standing { opener: true, ..courier(5) }];
    for kind in ["complaint", "damage", "enquiry"] {
        for seed in 0..300u64 {
            let mut desk = Desk::of(kind);
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut pick = |n: usize| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                usize::try_from(random >> 33).unwrap() % n
            };
            for n in 1..40i64 {
                let at = n * HOUR;
                let (who, action) = (people[pick(people.len())], &all[pick(all.len())]);
                if let Ok(course) = desk.tries(who, action, at) {
                    desk.course = course;
                    desk.placed(Some(super::who(3)), at);
                }
                if desk.course.stage == Stage::Archive {
                    assert!(desk.course.result.is_some() && desk.course.done_at().is_some());
                    continue;
                }
                let far = UnixMs(at + 60 * DAY);
                let always = Calendar::always(ZONE);
                let asks = attention(&desk.policy, Some(&desk.kind), &desk.course, UnixMs(0), &always, far);
                assert!(!asks.is_empty(), "{:?} lies for ever", desk.course);
                let way = all.iter().any(|a| {
                    people.iter().any(|p| desk.tries(*p, a, at).is_ok_and(|c| c.stage != desk.course.stage))
                });
                assert!(way, "nothing leads on from {:?}", desk.course);
            }
        }
    }
}

#[test]
fn bad_actions_are_named() {
    let flaw = |action: OrderAction| action.check(UnixMs(0)).unwrap_err().field;
    assert_eq!(flaw(OrderAction::Return { reason: " ".into() }), "reason");
    assert_eq!(flaw(OrderAction::Resolve { text: "长".repeat(MOST_TEXT + 1) }), "text");
    assert_eq!(flaw(OrderAction::Hold { reason: "x".into(), until: UnixMs(0) }), "until");
    assert_eq!(flaw(OrderAction::Hold { reason: "x".into(), until: UnixMs(MOST_HOLD + 1) }), "until");
    for action in actions() {
        assert_eq!(action.check(UnixMs(0)), Ok(()), "{action:?}");
        assert_eq!(serde_json::to_value(&action).unwrap()["do"], action.word());
    }
}

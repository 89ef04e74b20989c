use super::*;
use crate::lang::Lang;
use crate::template::Values;
use proptest::prelude::*;

fn notice() -> Flow {
    notice_arrived().unwrap()
}

fn values() -> Values {
    [("company", "某某"), ("count", "2"), ("estate", "幸福花园"), ("building", "3栋")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into()
}

fn run(script: &[&str]) -> String {
    simulate(&notice(), Lang::Zh, &values(), script).join("\n")
}

#[test]
fn the_door() {
    insta::assert_snapshot!(run(&["1"]), @r"
    say 您好，某某快递员即将派送您的两个快件到幸福花园3栋。
    say 送到门口请按1，放驿站或快递柜请按2，改时间派送请按3，短信通知请按9，联系快递员请按0。
    listen 6000 ms
      key 1
    consent door by key 1
    say 已为您登记。
    say 感谢您的接听，再见。
    hangup
    ");
}

#[test]
fn a_key_during_the_notice() {
    insta::assert_snapshot!(run(&["!2"]), @r"
    say 您好，某某快递员即将派送您的两个快件到幸福花园3栋。
      key 2
    stop playing
    consent station by key 2
    say 已为您登记。
    say 感谢您的接听，再见。
    hangup
    ");
}

#[test]
fn nobody_presses_a_key() {
    insta::assert_snapshot!(run(&[]), @r"
    say 您好，某某快递员即将派送您的两个快件到幸福花园3栋。
    say 送到门口请按1，放驿站或快递柜请按2，改时间派送请按3，短信通知请按9，联系快递员请按0。
    listen 6000 ms
      no key
    say 您好，某某快递员即将派送您的两个快件到幸福花园3栋。
    say 送到门口请按1，放驿站或快递柜请按2，改时间派送请按3，短信通知请按9，联系快递员请按0。
    listen 6000 ms
      no key
    say 感谢您的接听，再见。
    hangup
    ");
}

#[test]
fn a_wrong_key_and_then_a_text_message() {
    insta::assert_snapshot!(run(&["7", "9"]), @r"
    say 您好，某某快递员即将派送您的两个快件到幸福花园3栋。
    say 送到门口请按1，放驿站或快递柜请按2，改时间派送请按3，短信通知请按9，联系快递员请按0。
    listen 6000 ms
      key 7
    say 您好，某某快递员即将派送您的两个快件到幸福花园3栋。
    say 送到门口请按1，放驿站或快递柜请按2，改时间派送请按3，短信通知请按9，联系快递员请按0。
    listen 6000 ms
      key 9
    consent text_message by key 9
    message arrived
    say 短信稍后发送给您。
    say 感谢您的接听，再见。
    hangup
    ");
}

#[test]
fn the_courier_talks() {
    insta::assert_snapshot!(run(&["0", "answer", "end"]), @r"
    say 您好，某某快递员即将派送您的两个快件到幸福花园3栋。
    say 送到门口请按1，放驿站或快递柜请按2，改时间派送请按3，短信通知请按9，联系快递员请按0。
    listen 6000 ms
      key 0
    say 正在为您接通快递员，请稍候。
    dial courier
      answered
    bridge
      bridge ends
    hangup
    ");
}

#[test]
fn the_courier_does_not_answer() {
    let trace = run(&["0", "busy"]);
    assert!(trace.contains("  busy\nsay 抱歉"), "{trace}");
    assert!(trace.ends_with("hangup"), "{trace}");
    assert!(run(&["0", "answer", "failed"]).contains("  bridge fails\nsay 抱歉"));
}

#[test]
fn prompts_that_cannot_be_played_end_nothing_early() {
    let trace = run(&["broken", "broken", "3", "broken"]);
    assert!(trace.contains("consent later by key 3"), "{trace}");
    assert!(trace.ends_with("hangup"), "{trace}");
}

#[test]
fn an_unknown_place_is_not_named() {
    let mut values = values();
    values.insert("estate".into(), String::new());
    values.insert("building".into(), String::new());
    let trace = simulate(&notice(), Lang::Zh, &values, &[]);
    assert_eq!(trace[0], "say 您好，某某快递员即将为您派送两个快件。");
    assert_eq!(trace.iter().filter(|l| **l == trace[0]).count(), 2);
}

#[test]
fn another_wording() {
    let texts = Texts { zh: "{company}提醒：{until}前请取件。".into(), en: String::new() };
    let flow = notice_with(&texts).unwrap();
    assert!(flow.inputs.iter().any(|i| i == "until"));
    let mut values = values();
    assert!(
        matches!(start(&flow, Lang::Zh, values.clone()), Err(FlowError::MissingInput(name)) if name == "until")
    );
    values.insert("until".into(), "18:30".into());
    assert_eq!(simulate(&flow, Lang::En, &values, &["1"])[0], "say 某某提醒：十八点半前请取件。");
    let wrong = notice_with(&Texts { zh: "{who}".into(), en: "ok".into() }).unwrap_err();
    assert!(wrong[0].to_string().contains("column 2"), "{wrong:?}");
    assert!(notice_with(&Texts::default()).is_err());
}

#[test]
fn in_english() {
    let trace = simulate(&notice(), Lang::En, &values(), &["3"]);
    assert!(
        trace[0].starts_with("say Hello, this is 某某. Your courier is bringing two parcels"),
        "{}",
        trace[0]
    );
}

#[test]
fn heard_means_heard() {
    let flow = notice();
    let state = start(&flow, Lang::Zh, values()).unwrap();
    let (state, _) = step(&flow, &state, FlowEvent::Start).unwrap();
    let (hung_up, _) = step(&flow, &state, FlowEvent::HungUp).unwrap();
    assert!(hung_up.is_over() && !hung_up.is_set("heard"));
    let (heard, _) = step(&flow, &state, FlowEvent::Spoken { token: state.token }).unwrap();
    assert!(heard.is_set("heard"));
}

#[test]
fn a_key_before_there_was_anything_to_hear_goes_the_way_of_who_heard_nothing() {
    let flow = Flow::parse(
        r#"{ "version": 1, "name": "asks", "start_action": "greeting", "actions": [
            { "id": "greeting", "type": "say", "next": "parcels",
              "params": { "text": { "zh": "您好。" }, "interruptible": true, "heard": "greeted" },
              "errors": [{ "error": "*", "next": "end" }] },
            { "id": "parcels", "type": "branch", "params": { "on": "greeted" }, "next": "again",
              "conditions": [{ "operator": "equals", "value": "1", "next": "bye" }] },
            { "id": "again", "type": "say", "next": "end", "params": { "text": { "zh": "请稍候。" } },
              "errors": [{ "error": "*", "next": "end" }] },
            { "id": "bye", "type": "say", "next": "end", "params": { "text": { "zh": "再见。" } },
              "errors": [{ "error": "*", "next": "end" }] },
            { "id": "end", "type": "hangup" }
        ] }"#,
    )
    .unwrap();
    let (playing, _) =
        step(&flow, &start(&flow, Lang::Zh, Values::new()).unwrap(), FlowEvent::Start).unwrap();
    for (audible, at) in [(true, "bye"), (false, "again")] {
        let (after, commands) = step(&flow, &playing, FlowEvent::Digit { digit: '1', audible }).unwrap();
        assert_eq!((after.at.as_str(), after.is_set("greeted")), (at, audible));
        assert_eq!((commands[0].clone(), after.keys.as_str()), (FlowCommand::StopPlaying, "1"));
    }
    // what was heard before stays heard
    let mut heard = playing.clone();
    heard.values.insert("greeted".into(), "1".into());
    let (after, _) = step(&flow, &heard, FlowEvent::Digit { digit: '1', audible: false }).unwrap();
    assert_eq!(after.at, "bye");
}

#[test]
fn late_answers_change_nothing() {
    let flow = notice();
    let state = start(&flow, Lang::Zh, values()).unwrap();
    assert_eq!(
        step(&flow, &state, FlowEvent::Spoken { token: 0 }),
        Err(FlowError::Unexpected("an event before start"))
    );
    let (playing, _) = step(&flow, &state, FlowEvent::Start).unwrap();
    let (menu, _) = step(&flow, &playing, FlowEvent::Spoken { token: playing.token }).unwrap();
    for late in [
        FlowEvent::Spoken { token: playing.token },
        FlowEvent::PlayFailed { token: playing.token },
        FlowEvent::Timeout { token: menu.token },
        FlowEvent::DialAnswered { token: menu.token },
    ] {
        assert_eq!(step(&flow, &menu, late).unwrap(), (menu.clone(), Vec::new()));
    }
    assert_eq!(step(&flow, &menu, FlowEvent::Start), Err(FlowError::Unexpected("start")));
    assert_eq!(
        step(&flow, &menu, FlowEvent::Digit { digit: 'x', audible: true }),
        Err(FlowError::NoKey('x'))
    );
    assert!(matches!(start(&flow, Lang::Zh, Values::new()), Err(FlowError::MissingInput(_))));
}

#[test]
fn resumes_from_stored_state() {
    let flow = notice();
    let (state, _) = step(&flow, &start(&flow, Lang::Zh, values()).unwrap(), FlowEvent::Start).unwrap();
    let stored = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<FlowState>(&stored).unwrap(), state);
    insta::assert_json_snapshot!(state, @r#"
    {
      "lang": "zh",
      "at": "notice",
      "waiting": {
        "for": "playing"
      },
      "token": 1,
      "values": {
        "building": "3栋",
        "company": "某某",
        "count": "2",
        "estate": "幸福花园"
      },
      "ahead": "",
      "keys": "",
      "steps": 2
    }
    "#);
}

fn problems(json: &str) -> Vec<String> {
    Flow::parse(json).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn with_actions(actions: &str) -> String {
    format!(r#"{{"version":1,"name":"t","inputs":["company"],"start_action":"a","actions":[{actions}]}}"#)
}

#[test]
fn what_is_no_flow_is_told_in_plain_words() {
    assert_eq!(problems("[]"), ["line 1, column 2: a list where an object is expected"]);
    assert_eq!(problems("7"), ["line 1, column 1: invalid type: integer `7`, expected an object"]);
}

#[test]
fn problems_are_named() {
    let end = r#"{"id":"z","type":"hangup","params":{}}"#;
    for (actions, problem) in [
        (
            r#"{"id":"a","type":"message","params":{"template":"x"},"next":"q"}"#,
            r#"leads to "q", which does not exist"#,
        ),
        (
            r#"{"id":"a","type":"say","params":{"text":{"zh":"{company}"}},"next":"z"}"#,
            r#"say can fail; add an error branch "*""#,
        ),
        (
            r#"{"id":"a","type":"say","params":{"text":{"zh":"{nobody}"}},"next":"z","errors":[{"error":"*","next":"z"}]}"#,
            "there is no variable",
        ),
        (r#"{"id":"a","type":"message","params":{"template":"x"}}"#, "message needs next"),
        (r#"{"id":"a","type":"branch","params":{"on":"q"},"next":"z"}"#, r#"variable "q" is never set"#),
        (
            r#"{"id":"a","type":"message","params":{"template":"x"},"next":"z"},{"id":"b","type":"hangup","params":{}}"#,
            "cannot be reached",
        ),
        (
            r#"{"id":"a","type":"message","params":{"template":"x"},"next":"b"},
               {"id":"b","type":"branch","params":{"on":"company"},"next":"a","conditions":[{"operator":"equals","value":"","next":"z"}]}"#,
            "is on a cycle",
        ),
        (
            r#"{"id":"a","type":"branch","params":{"on":"company"},"next":"z","conditions":[{"operator":"equals","value":"","next":"b"}]},
               {"id":"b","type":"set","params":{"add":{"n":1}},"next":"b"}"#,
            "no way leads from here",
        ),
        (
            r#"{"id":"a","type":"gather","params":{"timeout":1},"next":"z","errors":[{"error":"*","next":"z"}]}"#,
            "timeout must be",
        ),
        (
            r#"{"id":"a","type":"dial","params":{"target":"{q}","timeout":30000},"next":"z","errors":[{"error":"*","next":"z"}]}"#,
            "neither a role",
        ),
    ] {
        let found = problems(&with_actions(&format!("{actions},{end}")));
        assert!(found.iter().any(|p| p.contains(problem)), "{problem}: {found:?}");
    }
    assert!(problems("{").first().is_some_and(|p| p.starts_with("line 1")));
    assert!(
        problems(&with_actions(r#"{"id":"a","type":"fly","params":{}}"#))
            .first()
            .is_some_and(|p| p.contains("fly"))
    );
    // A cycle that counts or waits is good.
    let counting = r#"{"id":"a","type":"set","params":{"add":{"n":1}},"next":"b"},
        {"id":"b","type":"branch","params":{"on":"n"},"next":"a","conditions":[{"operator":"greater","value":"3","next":"z"}]}"#;
    assert_eq!(problems(&with_actions(&format!("{counting},{end}"))), Vec::<String>::new());
}

#[test]
fn prompts_and_messages_must_exist() {
    let flow = notice();
    let known = Known { prompts: Some([].into()), messages: Some([].into()) };
    assert_eq!(flow.check(&known).len(), 1);
    let known = Known { messages: Some(["arrived".to_owned()].into()), ..known };
    assert_eq!(flow.check(&known), []);
}

#[test]
fn several_keys_hours_and_type_ahead() {
    let flow = Flow::parse(&with_actions(
        r##"{"id":"a","type":"hours","params":{"open":[{"from":"09:00","to":"18:00"}]},"next":"ask","errors":[{"error":"*","next":"z"}]},
        {"id":"ask","type":"say","params":{"text":{"zh":"取件码"},"interruptible":false},"next":"code","errors":[{"error":"*","next":"code"}]},
        {"id":"code","type":"gather","params":{"max_digits":4,"timeout":5000,"into":"code"},"next":"back","errors":[{"error":"*","next":"z"}]},
        {"id":"back","type":"say","params":{"text":{"zh":"{code}"}},"next":"z","errors":[{"error":"*","next":"z"}]},
        {"id":"z","type":"hangup","params":{}}"##,
    ))
    .unwrap();
    let at = |time: &str, script: &[&str]| {
        let values =
            [("company", "x"), ("local_time", time)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        simulate(&flow, Lang::Zh, &values, script).join("|")
    };
    assert_eq!(at("20:00", &[]), "hangup");
    assert!(at("10:00", &["12#"]).contains("|say 幺二|hangup"), "{}", at("10:00", &["12#"]));
    assert!(at("10:00", &["1234"]).contains("|say 幺二三四|hangup"));
    assert!(at("10:00", &["5", "wait"]).contains("|say 五|hangup"));
    assert!(at("10:00", &[]).ends_with("no key|hangup"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever people and networks do, the notice comes to an end, and nothing is said after it.
    #[test]
    fn the_notice_always_ends(script in proptest::collection::vec(prop_oneof![
        "[0-9*#]", "![0-9*#]", Just("wait".to_owned()), Just("answer".to_owned()), Just("busy".to_owned()),
        Just("failed".to_owned()), Just("end".to_owned()), Just("broken".to_owned()), Just("hangup".to_owned()),
    ], 0..20)) {
        let script: Vec<&str> = script.iter().map(String::as_str).collect();
        let trace = simulate(&notice(), Lang::Zh, &values(), &script);
        let last = trace.last().map(String::as_str);
        prop_assert!(matches!(last, Some("hangup" | "  hangs up")), "{:?}", trace);
        prop_assert!(!trace.iter().any(|l| l.starts_with("error")), "{:?}", trace);
        prop_assert!(trace.len() < 80);
    }

    /// Any event in any order: no panic, and the state of an error is the state before.
    #[test]
    fn any_event(events in proptest::collection::vec((0u8..10, 0u32..6), 0..30)) {
        let flow = notice();
        let mut state = start(&flow, Lang::En, values()).unwrap();
        for (kind, token) in events {
            let event = match kind {
                0 => FlowEvent::Start,
                1 => FlowEvent::Spoken { token },
                2 => FlowEvent::PlayFailed { token },
                3 => FlowEvent::Digit { digit: char::from_digit(token, 10).unwrap(), audible: token % 2 == 0 },
                4 => FlowEvent::Timeout { token },
                5 => FlowEvent::DialAnswered { token },
                6 => FlowEvent::DialFailed { token, error: "busy".into() },
                7 => FlowEvent::BridgeEnded { token },
                8 => FlowEvent::BridgeFailed { token },
                _ => FlowEvent::HungUp,
            };
            let over = state.is_over();
            if let Ok((after, commands)) = step(&flow, &state, event) {
                prop_assert!(!over || commands.is_empty());
                state = after;
            }
        }
    }

    #[test]
    fn any_text_is_no_panic(json in ".{0,60}") {
        let _ = Flow::parse(&json);
    }
}

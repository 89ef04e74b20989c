//! A notice whose whole conversation is an organisation's own flow: what is checked before anybody hears it.
//!
//! A graph that [`Flow::check`] accepts can be walked; this looks at whether it is a notice. Its two silent walks, one to
//! somebody whose place is known and one to somebody whose is not, must say who is calling, be heard, and end within
//! [`LONGEST_SILENCE`]. Nothing in it may promise what a notice cannot do: it rings the courier alone, sends its own
//! message, and keeps only preferences that the courier's screen knows.

use super::wording::{GIVEN, TemplatePolicy, check_words, spoken_seconds};
use crate::flow::{Action, ActionKind, Flow, FlowCommand, FlowEvent, FlowProblem, Texts, start, step};
use crate::lang::Lang;
use crate::template::Values;

/// What a key press may be kept as, with `consent`.
pub const PREFERENCES: [&str; 4] = ["door", "station", "later", "text_message"];

/// Longest that who presses nothing may be kept on the line, seconds.
pub const LONGEST_SILENCE: f64 = 120.0;

/// The variable that says that the notice itself was heard; the result of a call rests on it.
const HEARD: &str = "heard";

/// Values of a call to somebody with two parcels, as notices are shown and tried with; without a place where `place` is
/// false.
#[must_use]
pub fn sample_values(company: &str, place: bool) -> Values {
    let place = |text: &'static str| if place { text } else { "" };
    [
        ("company", company),
        ("count", "2"),
        ("estate", place("幸福花园")),
        ("building", place("3号楼")),
        ("places", place("幸福花园3号楼")),
        ("local_time", "10:00"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Everything that keeps a flow from being the notice `key`.
#[must_use]
pub fn notice_problems(flow: &Flow, key: &str, policy: &TemplatePolicy) -> Vec<FlowProblem> {
    let mut problems = flow.check(&crate::flow::Known::default());
    for input in flow.inputs.iter().filter(|i| !GIVEN.contains(&i.as_str())) {
        let given = GIVEN.join(", ");
        problems.push(FlowProblem::Flow(format!(
            "no notice has a value for the input {input:?}; there are {given}"
        )));
    }
    for action in &flow.actions {
        let found = action_problems(action, key, policy);
        let of = |problem| FlowProblem::Action { action: action.id.clone(), problem };
        problems.extend(found.into_iter().map(of));
    }
    if problems.is_empty() {
        problems = walk_problems(flow);
    }
    problems
}

/// The sentence of a flow that is the notice itself: what sets `heard` on the way of somebody who listens.
#[must_use]
pub(super) fn main_texts(flow: &Flow) -> Option<&Texts> {
    let heard = walk(flow, Lang::Zh, &sample_values(COMPANY, true)).ok()?.heard?;
    match &flow.action(&heard)?.kind {
        ActionKind::Say { text, .. } => Some(text),
        _ => None,
    }
}

fn action_problems(action: &Action, key: &str, policy: &TemplatePolicy) -> Vec<String> {
    let mut problems = Vec::new();
    match &action.kind {
        ActionKind::Say { text, .. } => {
            for (lang, text) in [("zh", &text.zh), ("en", &text.en)] {
                problems.extend(check_words(text, policy).map(|problem| format!("{lang} {problem}")));
                let (seconds, longest) = (spoken_seconds(text).ceil(), policy.longest_seconds);
                if seconds > f64::from(longest) {
                    problems.push(format!(
                        "{lang} takes about {seconds} s to be spoken; {longest} s are possible"
                    ));
                }
            }
        }
        ActionKind::Play { prompt, .. } => problems.push(format!(
            "a notice says texts; write a say with the text {prompt:?}, and its recorded slot is played"
        )),
        ActionKind::Dial { target, .. } if target != "courier" => {
            problems.push(format!("a notice rings the courier only, not {target:?}; write courier"));
        }
        ActionKind::Message { template } if template != key => {
            problems.push(format!("a notice sends its own message; write {key:?} for {template:?}"));
        }
        ActionKind::Set { assign, consent, .. } => {
            let texts = assign.values().filter_map(|text| check_words(text, policy));
            problems.extend(texts.map(|problem| format!("a value {problem}")));
            let preference = assign.get("preference").map(String::as_str);
            if *consent && !preference.is_some_and(|p| PREFERENCES.contains(&p)) {
                let known = PREFERENCES.join(", ");
                problems.push(format!("consent needs the preference beside it, one of {known}"));
            }
        }
        _ => {}
    }
    problems
}

/// Walks to somebody who presses nothing, with a place and without, in each language that is written.
fn walk_problems(flow: &Flow) -> Vec<FlowProblem> {
    let english =
        flow.actions.iter().any(|a| matches!(&a.kind, ActionKind::Say { text, .. } if !text.en.is_empty()));
    let languages = if english { &[Lang::Zh, Lang::En][..] } else { &[Lang::Zh] };
    let mut problems = Vec::new();
    let times = times(flow);
    let walks = languages.iter().flat_map(|lang| [(*lang, true), (*lang, false)]);
    for ((lang, place), time) in walks.flat_map(|walk| times.iter().map(move |time| (walk, time))) {
        let who = if place { "whose place is known" } else { "whose place is not known" };
        let who = match &**time {
            "" => who.to_owned(),
            time => format!("who is rung at {time} and {who}"),
        };
        let mut values = sample_values(COMPANY, place);
        if !time.is_empty() {
            values.insert("local_time".to_owned(), time.clone());
        }
        let problem = match walk(flow, lang, &values) {
            Err(problem) => format!("breaks off for somebody {who}: {problem}"),
            Ok(Walk { heard: None, .. }) => format!(
                "somebody {who} who listens to the end has not heard the notice: give its say \"heard\": \"{HEARD}\""
            ),
            Ok(Walk { named: false, .. }) => {
                format!(
                    "somebody {who} is not told who is speaking; use the variable company in the notice or before it"
                )
            }
            Ok(walk) if walk.seconds > LONGEST_SILENCE => format!(
                "keeps somebody {who} who presses nothing for about {} s; {LONGEST_SILENCE} s are possible",
                walk.seconds.ceil()
            ),
            Ok(_) => continue,
        };
        if !problems.iter().any(|p: &FlowProblem| p.to_string() == problem) {
            problems.push(FlowProblem::Flow(problem));
        }
    }
    problems
}

/// The times of day at which a flow says different things; an empty one where it asks for none.
fn times(flow: &Flow) -> Vec<String> {
    let mut times = std::collections::BTreeSet::new();
    for action in &flow.actions {
        if let ActionKind::Hours { open } = &action.kind {
            times.insert("00:00".to_owned());
            times.extend(open.iter().flat_map(|span| [span.from, span.to]).map(|t| t.to_string()));
        }
    }
    times.remove("24:00");
    if times.is_empty() { vec![String::new()] } else { times.into_iter().take(MOST_TIMES).collect() }
}

/// Times of day that are tried.
const MOST_TIMES: usize = 50;

/// Stands for the company's name in a walk: nobody writes this.
const COMPANY: &str = "某某某某";

/// What somebody hears who presses nothing.
#[derive(Default)]
struct Walk {
    /// Seconds on the line.
    seconds: f64,
    /// The action by which the notice was heard.
    heard: Option<String>,
    /// The company was named by then.
    named: bool,
}

fn walk(flow: &Flow, lang: Lang, values: &Values) -> Result<Walk, String> {
    let mut state = start(flow, lang, values.clone()).map_err(|e| e.to_string())?;
    let mut walk = Walk::default();
    let mut event = Some(FlowEvent::Start);
    while let Some(now) = event.take() {
        let (after, commands) = step(flow, &state, now).map_err(|e| e.to_string())?;
        let before = std::mem::replace(&mut state, after);
        if walk.heard.is_none() && state.is_set(HEARD) {
            walk.heard = Some(before.at);
        }
        for command in commands {
            match command {
                FlowCommand::Say { token, segments } => {
                    let text: String = segments.into_iter().map(|s| s.text).collect();
                    walk.seconds += spoken_seconds(&text);
                    walk.named |= walk.heard.is_none() && text.contains(COMPANY);
                    event = Some(FlowEvent::Spoken { token });
                }
                FlowCommand::Listen { token, timeout } => {
                    walk.seconds += f64::from(timeout) / 1000.0;
                    event = Some(FlowEvent::Timeout { token });
                }
                FlowCommand::Dial { token, timeout, .. } => {
                    walk.seconds += f64::from(timeout) / 1000.0;
                    event = Some(FlowEvent::DialFailed { token, error: "no_answer".to_owned() });
                }
                FlowCommand::Bridge { token } => event = Some(FlowEvent::BridgeEnded { token }),
                _ => {}
            }
        }
    }
    Ok(walk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::NOTICE_ARRIVED;
    use crate::template::Wording;
    use serde_json::{Value, json};

    /// A notice that asks one thing.
    fn asks() -> Value {
        let say = |id: &str, text: &str, next: &str| {
            json!({ "id": id, "type": "say", "params": { "text": { "zh": text } }, "next": next,
                    "errors": [{ "error": "*", "next": next }] })
        };
        let mut notice =
            say("notice", "您好，{company}，您的{count}个快件今天送到，方便请按1，改天请按3。", "keys");
        notice["params"]["heard"] = json!("heard");
        json!({
            "version": 1, "name": "asks", "inputs": ["company", "count"], "start_action": "notice",
            "actions": [
                notice,
                { "id": "keys", "type": "gather", "params": { "timeout": 5000 },
                  "conditions": [{ "operator": "equals", "value": "1", "next": "home" },
                                 { "operator": "equals", "value": "3", "next": "text" }],
                  "errors": [{ "error": "*", "next": "bye" }] },
                { "id": "home", "type": "set", "params": { "assign": { "preference": "door" }, "consent": true }, "next": "bye" },
                { "id": "text", "type": "message", "params": { "template": "asks" }, "next": "bye" },
                say("bye", "再见。", "end"),
                { "id": "end", "type": "hangup" }
            ]
        })
    }

    fn problems(flow: &Value) -> Vec<String> {
        let flow: Flow = serde_json::from_value(flow.clone()).unwrap();
        let found = notice_problems(&flow, "asks", &TemplatePolicy::default());
        found.iter().map(ToString::to_string).collect()
    }

    fn problem(path: &str, value: Value) -> String {
        let mut flow = asks();
        *flow.pointer_mut(path).unwrap() = value;
        problems(&flow).join("\n")
    }

    #[test]
    fn a_notice_that_can_be_used_has_no_problem() {
        assert_eq!(problems(&asks()), [""; 0]);
        let own = NOTICE_ARRIVED.replace("\"template\": \"arrived\"", "\"template\": \"asks\"");
        assert_eq!(problems(&serde_json::from_str(&own).unwrap()), [""; 0]);
    }

    #[test]
    fn what_is_no_notice_is_named() {
        let text = "/actions/0/params/text/zh";
        for (path, value, expected) in [
            ("/inputs", json!(["company", "count", "code"]), "no notice has a value for the input \"code\""),
            (text, json!("{company}恭喜中奖"), "action \"notice\": zh holds the forbidden word"),
            (text, json!("{company}，请拨13800000000"), "zh holds a telephone"),
            (text, json!(format!("{{company}}{}", "请".repeat(100))), "zh takes about 25 s"),
            (text, json!("您的{count}个快件今天送到"), "is not told who is speaking"),
            ("/actions/0/params/heard", json!("listened"), "has not heard the notice"),
            ("/actions/2/params/assign", json!({}), "action \"home\": consent needs the preference"),
            ("/actions/2/params/assign", json!({ "preference": "roof" }), "one of door"),
            (
                "/actions/2/params/assign",
                json!({ "preference": "door", "x": "加微信" }),
                "a value holds the forbidden",
            ),
            (
                "/actions/3/params/template",
                json!("arrived"),
                "action \"text\": a notice sends its own message",
            ),
            ("/actions/1/errors/0/next", json!("notice"), "breaks off for somebody whose place is known"),
        ] {
            let found = problem(path, value.clone());
            assert!(found.contains(expected), "{path} {value}: {found}");
        }
        let dial = json!({ "id": "text", "type": "dial", "params": { "target": "{count}", "timeout": 30000 },
                           "next": "bye", "errors": [{ "error": "*", "next": "bye" }] });
        assert!(problem("/actions/3", dial).contains("rings the courier only"));
        let play = json!({ "id": "text", "type": "play", "params": { "prompt": "欢迎" }, "next": "bye",
                           "errors": [{ "error": "*", "next": "bye" }] });
        assert!(problem("/actions/3", play).contains("a notice says texts"));
    }

    #[test]
    fn nobody_is_kept_on_the_line() {
        let mut flow = asks();
        flow["actions"][1]["errors"][0]["next"] = json!("count");
        let actions = flow["actions"].as_array_mut().unwrap();
        actions
            .push(json!({ "id": "count", "type": "set", "params": { "add": { "n": 1 } }, "next": "more" }));
        actions.push(json!({ "id": "more", "type": "branch", "params": { "on": "n" },
            "conditions": [{ "operator": "less", "value": "20", "next": "notice" }], "next": "bye" }));
        assert!(
            problems(&flow).join("\n").contains("who presses nothing for about"),
            "{:?}",
            problems(&flow)
        );
        flow["actions"][7]["conditions"][0]["value"] = json!("2");
        assert_eq!(problems(&flow), [""; 0]);
    }

    #[test]
    fn at_every_hour_somebody_is_told_who_calls() {
        let mut flow = asks();
        flow["start_action"] = json!("hours");
        flow["actions"].as_array_mut().unwrap().push(json!({ "id": "hours", "type": "hours",
            "params": { "open": [{ "from": "08:30", "to": "18:00" }] }, "next": "notice",
            "errors": [{ "error": "*", "next": "bye" }] }));
        let found = problems(&flow).join("\n");
        assert!(
            found.contains("who is rung at 00:00") && found.contains("has not heard the notice"),
            "{found}"
        );
        assert!(found.contains("at 18:00") && !found.contains("at 08:30"), "{found}");
        flow["actions"][6]["params"]["open"] = json!([{ "from": "00:00", "to": "24:00" }]);
        assert_eq!(problems(&flow), [""; 0]);
    }

    #[test]
    fn values_do_not_grow_without_end() {
        let mut flow = asks();
        let actions = flow["actions"].as_array_mut().unwrap();
        actions[1]["errors"][0]["next"] = json!("x");
        let twice = "{x}".repeat(100);
        actions.push(
            json!({ "id": "x", "type": "set", "params": { "assign": { "x": "再".repeat(9) } }, "next": "y" }),
        );
        actions
            .push(json!({ "id": "y", "type": "set", "params": { "assign": { "x": twice } }, "next": "bye" }));
        assert!(problems(&flow).join("\n").contains("more than 400 characters"), "{:?}", problems(&flow));
    }

    #[test]
    fn english_is_walked_too() {
        let mut flow = asks();
        flow["actions"][0]["params"]["text"]["en"] = json!("Your {count} parcels come today.");
        assert!(problems(&flow).join("\n").contains("who is speaking"));
        flow["actions"][0]["params"]["text"]["en"] = json!("This is {company}: {count} parcels come today.");
        assert_eq!(problems(&flow), [""; 0]);
    }

    #[test]
    fn a_wording_is_a_flow_or_texts() {
        let flow: Flow = serde_json::from_value(asks()).unwrap();
        let own = Wording {
            name_zh: "问一声".into(),
            flow: Some(flow.clone()),
            message: "【{company}】您有{count}个快件".into(),
            ..Wording::default()
        };
        let policy = TemplatePolicy::default();
        assert_eq!(own.conversation("asks", &policy).unwrap(), flow);
        assert!(own.main_text().starts_with("您好，{company}"));
        assert_eq!(own.conversation("other", &policy).unwrap_err().field, "flow");
        let both = Wording { text: "{company}".into(), ..own.clone() };
        assert_eq!(both.conversation("asks", &policy).unwrap_err().field, "text");
        let json = serde_json::to_string(&own).unwrap();
        assert_eq!(serde_json::from_str::<Wording>(&json).unwrap(), own);
    }
}

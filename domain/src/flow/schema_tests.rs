//! The schema and the reader say the same of a flow.

use super::*;
use serde_json::{Value, json};

fn schema() -> jsonschema::Validator {
    jsonschema::draft202012::new(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

/// A flow with every kind of action.
fn every_kind() -> Value {
    let any = json!([{ "error": "*", "next": "end" }]);
    json!({
        "version": 1, "name": "every kind", "inputs": ["company"], "start_action": "open", "metadata": { "x": 1 },
        "actions": [
            { "id": "open", "type": "hours", "params": { "open": [{ "from": "08:30", "to": "24:00" }] }, "next": "play", "errors": any },
            { "id": "play", "type": "play", "params": { "prompt": "欢迎", "interruptible": true, "heard": "h" }, "next": "say", "errors": any },
            { "id": "say", "type": "say", "params": { "text": { "zh": "{company}", "en": "{company}" } }, "next": "ask", "errors": any },
            { "id": "ask", "type": "gather", "params": { "max_digits": 3, "timeout": 5000, "between": 2000, "into": "room" },
              "conditions": [{ "operator": "starts_with", "value": "1", "next": "many" }], "next": "many", "errors": any },
            { "id": "many", "type": "branch", "params": { "on": "room" },
              "conditions": [{ "operator": "greater", "value": "200", "next": "ring" }], "next": "set" },
            { "id": "set", "type": "set", "params": { "assign": { "preference": "door" }, "add": { "n": 1 }, "consent": true }, "next": "text" },
            { "id": "text", "type": "message", "params": { "template": "arrived" }, "next": "end" },
            { "id": "ring", "type": "dial", "params": { "target": "courier", "timeout": 30000 }, "next": "talk", "errors": any },
            { "id": "talk", "type": "bridge", "params": {}, "next": "end", "errors": any },
            { "id": "end", "type": "hangup" }
        ]
    })
}

fn reads(flow: &Value) -> bool {
    Flow::parse(&flow.to_string()).is_ok()
}

#[test]
fn what_is_written_back_is_of_the_schema() {
    let schema = schema();
    for flow in [every_kind(), serde_json::from_str(NOTICE_ARRIVED).unwrap()] {
        assert!(schema.validate(&flow).is_ok(), "{:?}", schema.validate(&flow).err());
        let read = Flow::parse(&flow.to_string()).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert!(schema.validate(&written).is_ok(), "{:?}", schema.validate(&written).err());
        assert_eq!(Flow::parse(&written.to_string()).unwrap(), read);
    }
}

/// Puts `value` in place of, or beside, what is at `path`.
fn with(path: &str, value: Value) -> Value {
    let mut flow = every_kind();
    let (at, key) = path.rsplit_once('/').unwrap();
    let parent = flow.pointer_mut(at).unwrap();
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        _ => unreachable!("{path}"),
    }
    flow
}

#[test]
fn what_the_schema_refuses_the_reader_refuses_too() {
    let schema = schema();
    for (path, value) in [
        ("/version", json!(2)),
        ("/nmae", json!("x")),
        ("/actions/0/nxt", json!("end")),
        ("/actions/0/params/open/0/from", json!("8.30")),
        ("/actions/0/params/open/0/from", json!("24:30")),
        ("/actions/0/errors", json!([{ "error": "closed", "next": "end" }])),
        ("/actions/1/params/loud", json!(true)),
        ("/actions/1/params", json!({})),
        ("/actions/2/params/text/zh", json!("")),
        ("/actions/2/id", json!("x".repeat(51))),
        ("/actions/2/type", json!("shout")),
        ("/actions/3/params/max_digits", json!(0)),
        ("/actions/3/params/timeout", json!(499)),
        ("/actions/3/params/timeout", json!("5000")),
        ("/actions/3/conditions/0/operator", json!("like")),
        ("/actions/5/errors", json!([{ "error": "*", "next": "end" }])),
        ("/actions/5/params/add/n", json!(1.5)),
        ("/actions/6/conditions", json!([{ "operator": "equals", "value": "", "next": "end" }])),
        ("/actions/7/params/timeout", json!(4999)),
        ("/actions/9/next", json!("say")),
    ] {
        let flow = with(path, value.clone());
        assert!(!schema.is_valid(&flow), "{path} {value}");
        assert!(!reads(&flow), "{path} {value}");
    }
}

#[test]
fn what_only_the_reader_refuses_is_named() {
    let told = |flow: &Value| Flow::parse(&flow.to_string()).unwrap_err()[0].to_string();
    for (path, value, problem) in [
        ("/actions/6/next", json!("nowhere"), "leads to \"nowhere\""),
        ("/start_action", json!("end"), "cannot be reached"),
        ("/actions/2/params/text/zh", json!("{who}"), "who"),
        ("/actions/4/params/on", json!("nobody"), "never set"),
    ] {
        let flow = with(path, value);
        assert!(schema().is_valid(&flow), "{path}");
        assert!(told(&flow).contains(problem), "{path}: {}", told(&flow));
    }
    let typo = told(&with("/actions/1/params/loud", json!(true)));
    assert!(typo.contains("line 1") && typo.contains("\"play\"") && typo.contains("loud"), "{typo}");
}

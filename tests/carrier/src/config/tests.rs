//! Finding a callee, fallbacks, and errors that name what is wrong.

use super::*;

const TEXT: &str = r#"
[defaults]
behaviour = "busy"
ring_ms = 700

[[callee]]
number = "+8613800000001"
behaviour = "answer"
digits = "2"

[[callee]]
prefix = "+86138"
behaviour = "no_answer"

[[callee]]
prefix = "+861380000"
mix = [{ behaviour = "busy", weight = 1 }, { behaviour = "reject", weight = 3 }]

[[callee]]
pattern = "+8610????"
sequence = ["busy", "answer"]
"#;

#[test]
fn callee_is_found_by_number_then_longest_prefix_then_pattern() {
    let settings = Settings::parse(TEXT).unwrap();
    let of = |n: &str, call| settings.callee(n, call, 1).behaviour;
    assert_eq!(of("+8613800000001", 0), Behaviour::Answer);
    assert_eq!(of("+8613899999999", 0), Behaviour::NoAnswer);
    assert_eq!((of("+86101234", 0), of("+86101234", 1), of("+86101234", 9)), {
        (Behaviour::Busy, Behaviour::Answer, Behaviour::Answer)
    });
    assert_eq!(of("+15551234", 0), Behaviour::Busy);
    assert_eq!(settings.callee("+8613800000001", 0, 1).ring_ms, 700);
}

#[test]
fn mix_follows_seed_and_number() {
    let settings = Settings::parse(TEXT).unwrap();
    let picks: Vec<Behaviour> =
        (0..1_000).map(|n| settings.callee(&format!("+861380000{n:04}"), 0, 9).behaviour).collect();
    let rejected = picks.iter().filter(|b| **b == Behaviour::Reject).count();
    assert!((650..850).contains(&rejected), "{rejected}");
    assert_eq!(settings.callee("+8613800000777", 0, 9), settings.callee("+8613800000777", 5, 9));
}

#[test]
fn dialled_numbers_become_e164() {
    let settings = Settings::default();
    for (dialled, e164) in [
        ("+8613800000001", "+8613800000001"),
        ("13800000001", "+8613800000001"),
        ("8613800000001", "+8613800000001"),
        ("008613800000001", "+8613800000001"),
        ("01088886666", "+861088886666"),
        ("138-0000-0001", "+8613800000001"),
        ("alice", "alice"),
    ] {
        assert_eq!(settings.e164(dialled), e164);
    }
}

#[test]
fn errors_name_what_is_wrong() {
    for (text, part) in [
        ("[[callee]]\nbehaviour = \"busy\"", "callee 1"),
        ("[[callee]]\nnumber = \"+86\"\nbehaviour = \"buzy\"", "buzy"),
        ("[[callee]]\nnumber = \"+86\"\ndigits = \"2x\"", "'x'"),
        ("[[callee]]\nnumber = \"+86\"\nrings = 3", "rings"),
        ("[limits]\nwindow = \"8 to 9\"", "HH:MM"),
        ("[limits]\nbarred = [\"8 to 9\"]", "HH:MM"),
        ("[[limits.per_number]]\nwindow = 5\nmax = 1", "window"),
    ] {
        let error = format!("{:#}", Settings::parse(text).unwrap_err());
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn demo_settings_have_sixty_callees_and_a_courier_who_takes_calls() {
    let text = demo_config();
    let settings = Settings::parse(&text).unwrap();
    assert_eq!(settings.callees.len(), 61);
    assert_eq!(text.matches("number = \"+86138").count(), 60);
    assert_eq!(Behaviour::Slow180.name(), "slow_180");
}

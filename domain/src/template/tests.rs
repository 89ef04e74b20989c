use super::*;
use crate::clock::UnixMs;
use crate::dial::plan::Place;
use crate::id::ParcelId;
use crate::phone::PhoneNumber;
use proptest::prelude::*;

fn values(list: &[(&str, &str)]) -> Values {
    list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn renders_and_speaks() {
    let template =
        Template::parse("您好，{company}有{count}件快件已到{estate}{building}，取件码{code}，{time}前有效。")
            .unwrap();
    let values = values(&[
        ("company", "某某快递"),
        ("count", "2"),
        ("estate", "幸福花园"),
        ("building", ""),
        ("code", "8-1-06"),
        ("time", "14:30"),
    ]);
    assert_eq!(
        template.render(&values).unwrap(),
        "您好，某某快递有2件快件已到幸福花园，取件码8-1-06，14:30前有效。"
    );
    let spoken = template.speak(Lang::Zh, &values).unwrap();
    let text: String = spoken.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(text, "您好，某某快递有两件快件已到幸福花园，取件码八幺零六，十四点半前有效。");
    let slots: Vec<_> = spoken.iter().filter_map(|s| s.slot.as_deref()).collect();
    assert_eq!(slots, ["company", "count", "estate", "code", "time"]);
    assert_eq!(template.variables(), ["company", "count", "estate", "building", "code", "time"]);
    insta::assert_json_snapshot!(spoken[1], @r#"
    {
      "text": "某某快递",
      "slot": "company"
    }
    "#);
}

#[test]
fn mistakes_name_their_column() {
    let error = |text: &str| Template::parse(text).unwrap_err();
    assert_eq!(error("  "), TemplateError::Empty);
    assert_eq!(error(&"字".repeat(401)), TemplateError::TooLong(401));
    assert_eq!(error("您好{count"), TemplateError::Unclosed { column: 3 });
    assert_eq!(error("您好count}"), TemplateError::Unopened { column: 8 });
    assert!(matches!(error("a{nam}"), TemplateError::UnknownVariable { column: 3, name, known }
            if name == "nam" && known.len() == VARIABLES.len()));
    assert_eq!(error("a\u{7}"), TemplateError::Control { column: 2 });
    assert!(error("{x}").to_string().contains("company"));
    assert_eq!(
        Template::parse("{{ }} ｛count｝").unwrap().render(&values(&[("count", "3")])).unwrap(),
        "{ } 3"
    );
}

#[test]
fn values_are_checked() {
    let template = Template::parse("{count}").unwrap();
    assert_eq!(template.render(&Values::new()), Err(TemplateError::Missing("count".into())));
    assert!(matches!(template.render(&values(&[("count", "many")])), Err(TemplateError::Value { .. })));
    let code = Template::parse("{code}").unwrap();
    assert!(code.speak(Lang::Zh, &values(&[("code", "十")])).is_err());
    assert!(Template::parse("{time}").unwrap().render(&values(&[("time", "25:00")])).is_err());
}

#[test]
fn built_in_messages() {
    for text in [MESSAGE_ARRIVED_ZH, MESSAGE_ARRIVED_EN] {
        assert_eq!(Template::parse(text).unwrap().variables().len(), 3);
    }
}

#[test]
fn numbers_as_words() {
    let zh = |n| count_words(Lang::Zh, n);
    let list: Vec<String> = [0, 1, 2, 10, 12, 20, 22, 100, 102, 110, 112, 200, 1_002, 2_020].map(zh).into();
    assert_eq!(
        list.join(" "),
        "零 一 两 十 十二 二十 二十二 一百 一百零二 一百一十 一百一十二 两百 一千零二 两千零二十"
    );
    let en: Vec<String> =
        [0, 2, 13, 40, 42, 100, 105, 342, 1_001, 9_999, 10_000].map(|n| count_words(Lang::En, n)).into();
    insta::assert_snapshot!(en.join(", "), @"zero, two, thirteen, forty, forty-two, one hundred, one hundred and five, three hundred and forty-two, one thousand and one, nine thousand nine hundred and ninety-nine, 10000");
    assert_eq!(digit_words(Lang::En, "1a-0"), "one A zero");
    assert_eq!(digit_words(Lang::Zh, "138"), "幺三八");
}

#[test]
fn values_of_a_call() {
    let place = |estate: &str, building: &str, count| Place {
        estate: estate.into(),
        building: building.into(),
        count,
    };
    let mut call = PlannedCall {
        phone: PhoneNumber::parse("13800001111").unwrap(),
        parcels: vec![ParcelId::at(0, [0; 10]), ParcelId::at(0, [1; 10])],
        order: 0,
        not_before: UnixMs(0),
        places: vec![place("幸福花园", "3栋", 2)],
        capped: false,
    };
    let one = notice_values(&call, "某某", Lang::Zh);
    assert_eq!(
        (one["estate"].as_str(), one["building"].as_str(), one["count"].as_str()),
        ("幸福花园", "3栋", "2")
    );
    call.places = vec![place("幸福花园", "3栋", 1), place("阳光小区", "", 1)];
    let two = notice_values(&call, "某某", Lang::Zh);
    assert_eq!((two["estate"].as_str(), two["building"].as_str()), ("幸福花园、阳光小区", ""));
    assert_eq!(two["places"], "幸福花园3栋、阳光小区");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn total(text in "[a-z{}｛｝ count您]{0,40}|.{0,40}") {
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(template.source(), text.as_str());
            let all: Values = VARIABLES.iter().map(|(name, kind, _)| {
                let value = if *kind == VariableKind::Time { "08:00" } else { "7" };
                ((*name).to_owned(), value.to_owned())
            }).collect();
            prop_assert!(template.render(&all).is_ok());
            prop_assert!(template.speak(Lang::Zh, &all).is_ok());
        }
    }

    /// Every count below 10,000 has its own words.
    #[test]
    fn counts_differ(a in 0u32..10_000, b in 0u32..10_000) {
        for lang in [Lang::Zh, Lang::En] {
            prop_assert_eq!(a == b, count_words(lang, a) == count_words(lang, b));
        }
    }
}

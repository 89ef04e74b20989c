use super::*;
use proptest::prelude::*;

fn parts(text: &str) -> [String; 4] {
    let p = split(text);
    [p.estate, p.building, p.unit, p.room].map(Option::unwrap_or_default)
}

#[test]
fn usual_shapes() {
    for (text, expected) in [
        ("杭州市西湖区文一路18号幸福花园3栋2单元501室", ["幸福花园", "3栋", "2单元", "501室"]),
        ("浙江省杭州市余杭区五常街道翡翠城12号楼1单元302", ["翡翠城", "12号楼", "1单元", "302"]),
        (
            "济南市槐荫区城区无影山中路与济齐路交汇处恒生望山花园2号楼1单元2602",
            ["恒生望山花园", "2号楼", "1单元", "2602"],
        ),
        ("天津天津北辰区【民贤里2-7-101】", ["民贤里", "2栋", "7单元", "101"]),
        ("星城路【恒大名都12-1708】(恒大名都附近)", ["恒大名都", "12栋", "", "1708"]),
        ("宁沁路【宁沁家园18幢57号406室】 (宁沁家园附近)", ["宁沁家园", "18幢", "", "406室"]),
        ("幸福花园二期B座1203", ["幸福花园二期", "B座", "", "1203"]),
        ("西湖区文一路18号", ["文一路18号", "", "", ""]),
        ("城关区娘热北路【批发菜市场国祥宾馆】", ["批发菜市场国祥宾馆", "", "", ""]),
        ("贵州毕节赫章县双河村", ["双河村", "", "", ""]),
        ("幸福花园", ["幸福花园", "", "", ""]),
        ("", ["", "", "", ""]),
    ] {
        assert_eq!(parts(text), expected.map(str::to_owned), "{text}");
    }
}

#[test]
fn one_stop_for_one_building() {
    let keys: Vec<String> = ["幸福花园3栋101", "幸福花园三栋202室", "幸福花园3号楼2单元301", "幸福花园3#401"]
        .iter()
        .map(|a| split(a).stop_key())
        .collect();
    assert_eq!(keys, ["幸福花园/3"; 4]);
    assert_ne!(split("幸福花园4栋101").stop_key(), keys[0]);
    assert_eq!(split("").stop_key(), "");
}

/// Shapes that people write, from a public sample (see the note at the head of the file): nearly all have an estate,
/// and where the text ends in building-unit-room all three are found.
#[test]
fn public_sample() {
    let lines: Vec<&str> = include_str!("../../tests/data/addresses.txt")
        .lines()
        .filter(|l| !l.starts_with('#') && !l.is_empty())
        .collect();
    assert!(lines.len() >= 300);
    let estates = lines.iter().filter(|l| split(l).estate.is_some()).count();
    assert!(estates * 100 >= lines.len() * 90, "estates in {estates} of {}", lines.len());
    let three = |l: &&&str| {
        l.split('】').next().is_some_and(|l| {
            let tail: String = l.chars().rev().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
            tail.split('-').filter(|p| !p.is_empty() && p.len() <= 2 || p.len() >= 3 && p.len() <= 4).count()
                == 3
                && tail.split('-').count() == 3
        })
    };
    let dashed: Vec<_> = lines.iter().filter(three).collect();
    assert!(dashed.len() >= 20, "{}", dashed.len());
    for line in dashed {
        let p = split(line);
        assert!(p.building.is_some() && p.unit.is_some() && p.room.is_some(), "{line}: {p:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn total(text in "[市区路街幸福花园小0-9\\-号栋楼单元室【】()A-C#附近]{0,24}|.{0,24}") {
        let p = split(&text);
        prop_assert!(p.estate.as_deref() != Some(""));
        let _ = p.stop_key();
    }
}

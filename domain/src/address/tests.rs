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

#[test]
fn regions_are_told_from_names_like_them() {
    for (text, region, place) in [
        (
            "山东青岛市北区中国山东青岛市北区台柳路188号",
            ["青岛", "市北区", ""],
            ["台柳路", "188", "台柳路188号"],
        ),
        (
            "河北唐山路北区中国河北唐山路北区祥荣里【祥荣里405-4-602】",
            ["唐山", "路北区", ""],
            ["", "", "祥荣里"],
        ),
        ("河南开封尉氏县张市镇沈家村4组", ["开封", "尉氏县", "张市镇"], ["", "", "沈家村4组"]),
        ("广东广州增城市三江镇田心村", ["广州", "增城市", "三江镇"], ["", "", "田心村"]),
        (
            "四川广安广安区环城北路【城市花园3栋2单元101】",
            ["广安", "广安区", ""],
            ["环城北路", "", "城市花园"],
        ),
        (
            "吉林吉林蛟河市吉林省吉林市蛟河市河北街道18栋3单元401",
            ["吉林", "蛟河市", "河北街道"],
            ["", "", ""],
        ),
        ("山东临沂郯城县公路局家属院", ["临沂", "郯城县", ""], ["", "", "公路局家属院"]),
        (
            "上海市普陀区中环外环之间梅川路1333弄49号103室",
            ["", "普陀区", ""],
            ["梅川路", "1333弄49", "梅川路1333弄49号"],
        ),
        ("朝阳路12号", ["", "", ""], ["朝阳路", "12", "朝阳路12号"]),
    ] {
        let p = split(text);
        let got = [p.city, p.district, p.town].map(Option::unwrap_or_default);
        assert_eq!(got, region.map(str::to_owned), "{text}");
        let got = [p.road, p.number, p.estate].map(Option::unwrap_or_default);
        assert_eq!(got, place.map(str::to_owned), "{text}");
    }
}

#[test]
fn shapes_of_towns_and_shops() {
    for (text, expected) in [
        ("北京市海淀区中关村南大街5号院6号楼1201", ["中关村南大街", "5", "中关村南大街5号", "6号楼", "1201"]),
        ("上海市闵行区七宝镇七莘路3333号玉兰苑32号302", ["七莘路", "3333", "玉兰苑", "32号", "302"]),
        ("上海市松江区沪亭北路199弄贝尚湾45号楼1002", ["沪亭北路", "199弄", "贝尚湾", "45号楼", "1002"]),
        ("郑州市二七区兴华南街向南200米路西亚星家园2号楼东户", ["兴华南街", "", "亚星家园", "2号楼", "东"]),
        ("武侯区人民南路四段27号商鼎国际2栋1单元1601", ["人民南路四段", "27", "商鼎国际", "2栋", "1601"]),
        ("上海市徐汇区漕溪北路18号实业大厦24F", ["漕溪北路", "18", "实业大厦", "", ""]),
        ("龙岗区坂田街道五和大道8号万科星火ONLINE 3栋605", ["五和大道", "8", "万科星火ONLINE", "3栋", "605"]),
        ("南昌市红谷滩区丰和中大道1266号翠林大厦8楼", ["丰和中大道", "1266", "翠林大厦", "", ""]),
        ("天津市和平区南市街道清和街清和园3号楼2门501", ["清和街", "", "清和园", "3号楼", "501"]),
        ("重庆市渝北区龙溪街道新牌坊一路128号5-3-2", ["新牌坊一路", "128", "新牌坊一路128号", "5栋", "2"]),
        (
            "深圳市宝安区西乡街道固戍一路正奇隆大厦后面第三栋502",
            ["固戍一路", "", "正奇隆大厦", "三栋", "502"],
        ),
        ("香坊区哈轴红旗小区5栋2单元703", ["", "", "哈轴红旗小区", "5栋", "703"]),
    ] {
        let p = split(text);
        let got = [p.road, p.number, p.estate, p.building, p.room].map(Option::unwrap_or_default);
        assert_eq!(got, expected.map(str::to_owned), "{text}");
    }
}

/// Lines that are near each other and are not one stop.
#[test]
fn neighbours_are_kept_apart() {
    for (a, b) in [
        ("幸福花园3栋", "幸福花园13栋"),
        ("幸福花园东区3栋", "幸福花园西区3栋"),
        ("幸福花园3栋101", "幸福花园"),
        ("杭州市西湖区幸福花园3栋", "宁波市鄞州区幸福花园3栋"),
        ("文一路18号", "文二路18号"),
        ("文一路18号", "文一路181号"),
        ("双河村3组12号", "双河村2组12号"),
        ("人民路小学", "解放路小学"),
        ("第一医院住院部", "第一医院"),
        ("", ""),
        ("501", "501"),
    ] {
        assert!(!StopKey::of(a).same(&StopKey::of(b)), "{a} / {b}");
    }
}

/// Spellings of one place, made by rule from every line of a public sample that has a building: never two stops.
#[test]
fn spellings_of_a_building_are_one_stop() {
    let mut seen = 0;
    for line in include_str!("../../tests/data/addresses.txt").lines().filter(|l| !l.starts_with('#')) {
        let p = split(line);
        let (Some(estate), Some(_), Some(room)) = (&p.estate, &p.building, &p.room) else { continue };
        let (no, unit) = (p.building_no(), p.unit.as_deref().unwrap_or_default());
        if !no.bytes().all(|b| b.is_ascii_digit()) || p.road.as_deref().is_some_and(|r| estate.starts_with(r))
        {
            continue;
        }
        seen += 1;
        let key = StopKey::of(line);
        for word in ["栋", "幢", "号楼", "#"] {
            let text = format!("{}{estate}{no}{word}{unit}{room}", p.district.as_deref().unwrap_or_default());
            assert!(key.same(&StopKey::of(&text)), "{line} / {text}: {key:?} {:?}", StopKey::of(&text));
        }
    }
    assert!(seen >= 80, "{seen}");
}

/// Pairwise F1 of a table in `tests/data/addresses` (see its README) with these columns for address and stop.
fn f1(table: &str, address: usize, stop: usize) -> f64 {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/addresses").join(table);
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<(&str, &str)> = text
        .lines()
        .skip(1)
        .map(|l| l.split('\t').collect::<Vec<_>>())
        .map(|cells| (cells[address], cells[stop]))
        .collect();
    let keys: Vec<StopKey> = rows.iter().map(|r| StopKey::of(r.0)).collect();
    let found = group(&keys);
    let (mut hit, mut wrong, mut missed) = (0.0, 0.0, 0.0);
    for a in 0..rows.len() {
        for b in a + 1..rows.len() {
            let (is, said) = (rows[a].1 == rows[b].1, found[a] == found[b]);
            match (is, said) {
                (true, true) => hit += 1.0,
                (false, true) => wrong += 1.0,
                (true, false) => missed += 1.0,
                (false, false) => continue,
            }
            if is != said {
                eprintln!("{} and {}: one stop is {is}, said {said}", rows[a].0, rows[b].0);
            }
        }
    }
    eprintln!("{table}: hit {hit} wrong {wrong} missed {missed}");
    2.0 * hit / (2.0 * hit + wrong + missed)
}

#[test]
fn labelled_addresses_fall_into_their_stops() {
    let f1 = f1("labels.tsv", 2, 14);
    assert!(f1 >= 0.97, "{f1}");
}

#[test]
fn what_different_senders_write_falls_into_its_stops() {
    let f1 = f1("senders.tsv", 1, 0);
    assert!(f1 >= 0.95, "{f1}");
}

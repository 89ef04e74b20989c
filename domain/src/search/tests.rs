use super::*;
use proptest::prelude::*;

fn doc(address: &str) -> String {
    format!("{address} 王小明 SF1234567890123 +8613800006021")
}

/// The index finds at least what the definition finds, and `matches` is the definition.
fn both(query: &str, text: &str) -> bool {
    let truth = matches(query, text);
    assert!(!truth || query_terms(query).holds(&index_terms(text)), "the index misses {query:?}");
    truth
}

#[test]
fn finds_what_couriers_type() {
    let here = doc("杭州市西湖区幸福花园3栋2单元501室");
    for query in [
        "",
        "花",
        "幸福",
        "幸福花园3",
        "3栋",
        "三栋",
        "xfhy",
        "xfhy3",
        "XFHY3",
        "xingfuhuayuan",
        "xingfuhua",
        "huayuan3",
        "hy",
        "6021",
        "00006021",
        "13800006021",
        "sf1234",
        "sf1",
        "SF12",
        "幸福花园3栋2单元501",
        "xfhy3栋",
        "567890",
        "王",
        "wxm",
        "wangxiaoming",
        "幸福 501",
        "3 501",
        "幸福花园 wang",
        "Ｘ幸福花园３".trim_start_matches('Ｘ'),
        "x",
        "50",
        "西湖区幸福",
    ] {
        assert!(both(query, &here), "{query}");
    }
    for query in [
        "福幸",
        "4栋",
        "xfhy4",
        "zfhy",
        "021",
        "幸园",
        "huayan",
        "sf1235",
        "李",
        "ingfu",
        "13900006021",
        "1栋",
        "2栋",
        "3单元",
        "幸福花园2栋",
        "01室",
        "sf1235",
    ] {
        assert!(!both(query, &here), "{query}");
    }
}

#[test]
fn every_reading_counts() {
    for (query, address) in [
        ("chongqing", "重庆市渝中区"),
        ("zhongqing", "重庆市渝中区"),
        ("cq", "重庆市渝中区"),
        ("changan", "长安街1号"),
        ("zhangan", "长安街1号"),
        ("zhonghangdasha", "中行大厦"),
        ("yinhang", "建设银行"),
        ("lvdi", "绿地公寓"),
        ("dongchong", "东涌镇"),
        ("xian", "西安路"),
    ] {
        assert!(both(query, &doc(address)), "{query}");
    }
}

#[test]
fn numerals_before_a_building_word() {
    assert_eq!(normalise("Ｂ座十二号楼 一〇三室"), "b座12号楼 103室");
    assert_eq!(normalise("一百二十三号"), "123号");
    assert_eq!(normalise("一百零二号"), "102号");
    assert_eq!(normalise("二十栋"), "20栋");
    assert_eq!(normalise("三里屯五一路"), "三里屯五一路");
    assert_eq!(normalise("十十号"), "十十号");
    // Both the numeral as written and its digits are found.
    assert!(both("三", &doc("三栋")) && both("3", &doc("三栋")));
}

#[test]
fn fts5_text() {
    assert_eq!(query_terms("").to_fts5(), None);
    assert_eq!(query_terms(" - ").to_fts5(), None);
    assert_eq!(query_terms("花").to_fts5().as_deref(), Some("\"花\""));
    assert_eq!(query_terms("幸福花3").to_fts5().as_deref(), Some("((\"幸福\" AND \"福花\") AND \"d3\"*)"));
    assert_eq!(query_terms("6021").to_fts5().as_deref(), Some("(\"d6021\"* OR \"t6021\"*)"));
    let hostile = query_terms("\" OR * NEAR(a b) 花\"").to_fts5().unwrap();
    assert_eq!(hostile.matches('"').count() % 2, 0);
}

#[test]
fn ranks() {
    assert_eq!(rank("6021", &doc("幸福花园6021室")), Rank::Number);
    assert_eq!(rank("幸福花园3", &doc("幸福花园3栋")), Rank::Start);
    assert_eq!(rank("幸福花园3", &doc("杭州幸福花园3栋")), Rank::Whole);
    assert_eq!(rank("幸福花园3", &doc("杭州幸福花园31栋")), Rank::Inside);
    assert_eq!(rank("3幸福", &doc("杭州幸福花园31栋")), Rank::Parts);
}

#[test]
fn all_of_these_are_the_closest() {
    let places = ["幸福花园3栋", "幸福花园31栋", "幸福花园5栋301", "幸福花园一区3栋", "平安小区3栋"];
    let texts: Vec<Text> = places.iter().map(|p| Text::new(&doc(p))).collect();
    let fits = |query: &str| texts.iter().map(|t| Picker::new(query).fit(t)).collect::<Vec<_>>();
    use Fit::{Apart, Longer, Loose, Written};
    assert_eq!(fits("幸福花园3"), [Some(Written), Some(Longer), Some(Loose), Some(Apart), None]);
    assert_eq!(fits("幸福花园3栋"), [Some(Written), None, None, Some(Apart), None]);
    assert_eq!(fits("幸福花园 3栋"), [Some(Written), None, None, Some(Written), None]);
    assert_eq!(fits("xfhy3"), [Some(Apart), Some(Loose), Some(Loose), Some(Apart), None]);
    assert_eq!(fits("幸福 301"), [None, None, Some(Written), None, None]);
    assert_eq!(fits("6021"), [Some(Written); 5]);
    assert_eq!(fits(""), [Some(Written); 5]);
}

#[test]
fn terms_of_a_document() {
    insta::assert_debug_snapshot!(index_terms("重庆A座3 12345678").join(" "), @r#""d3 icq iq itq iz izq pchongqing pqing ptongqing pzhongqing pzuo t12345678 t2345678 t345678 t45678 t5678 wa 庆 座 重 重庆""#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    /// What the definition finds, the index finds, for queries unrelated to the text.
    #[test]
    fn the_index_never_misses(text in "[幸福花园重庆长安行栋号楼单元室三十二AaBxfhyzcq0-9 \\-]{0,14}",
        query in "[幸福花园重庆长安行栋号楼单元室三十二AaBxfhyzcq0-9 \\-]{1,5}",
    ) {
        both(&query, &doc(&text));
    }

    /// A piece of the text is found, as it stands, in pinyin and by initials.
    #[test]
    fn a_piece_is_found(text in "[幸福花园重庆长安银行绿地女贞厦门]{2,12}", from in 0usize..10, length in 1usize..6, reading in 0usize..3) {
        let chars: Vec<char> = text.chars().collect();
        let from = from % chars.len();
        let piece = &chars[from..(from + length).min(chars.len())];
        let spelled: Vec<&str> = piece.iter().map(|c| { let all = spell::readings(*c); all[reading % all.len()] }).collect();
        let initials: String = spelled.iter().map(|s| &s[..1]).collect();
        let doc = text.clone();
        prop_assert!(both(&piece.iter().collect::<String>(), &doc));
        prop_assert!(both(&spelled.concat(), &doc), "{:?}", spelled);
        prop_assert!(both(&initials, &doc), "{}", initials);
    }

    /// Any text and any query: no panic, and normalising twice is normalising once.
    #[test]
    fn total(text in ".{0,24}", query in ".{0,12}") {
        both(&query, &text);
        let once = normalise(&text);
        prop_assert_eq!(normalise(&once), once);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// The index in memory gives what a scan gives, in the same order, however many are asked for.
    #[test]
    fn the_index_is_a_scan(
        texts in prop::collection::vec("[幸福花园重庆长安行栋号楼单元室三十二AaBxfhyzcq0-9 \\-]{0,14}", 0..90),
        queries in prop::collection::vec("[幸福花园重庆长安行栋号楼单元室三十二AaBxfhyzcq0-9 \\-]{0,4}|[0-9]{1,2}[栋号楼室]|(sf|a|x)[0-9]{1,3}|[xfhy]{1,2}[0-9]栋", 16),
        most in 1usize..12,
    ) {
        let texts: Vec<String> = texts.iter().enumerate().map(|(i, t)| format!("{t} 王小明 SF12345678901{i:02} +86138000{i:05}")).collect();
        let forms: Vec<Text> = texts.iter().map(|t| Text::new(t)).collect();
        let index = Index::build(forms.iter());
        for query in queries.iter().map(String::as_str).chain(["8000", "00012", "138", "1", "x", "花", "幸福", "王", "sf"]) {
            let mut truth: Vec<(Rank, u32)> = (0u32..).zip(&texts).filter(|(_, t)| matches(query, t)).map(|(i, t)| (rank(query, t), i)).collect();
            if normalise(query).trim().is_empty() {
                truth.iter_mut().for_each(|t| t.0 = Rank::Parts);
            }
            truth.sort_unstable();
            let finder = Finder::new(query);
            for (i, text) in (0u32..).zip(&forms) {
                prop_assert_eq!(finder.rank(text), truth.iter().find(|t| t.1 == i).map(|t| t.0), "{:?} in {:?}", query, &texts[i as usize]);
            }
            let all: Vec<u32> = truth.iter().map(|t| t.1).collect();
            let found = |most| index.find(query, most, |at| &forms[at as usize]);
            prop_assert_eq!(found(usize::MAX), all.clone(), "{:?}", query);
            prop_assert_eq!(found(most), all[..most.min(all.len())].to_vec(), "{:?}", query);
        }
    }
}

use super::seek::{Place, Seek, Sought};
use super::*;
use proptest::prelude::*;

fn problem<T: std::fmt::Debug>(done: Result<T, KnowledgeFlaw>) -> (String, String) {
    let flaw = done.unwrap_err();
    assert!(!flaw.hint.is_empty());
    (flaw.field, flaw.problem)
}

#[test]
fn a_text_goes_by_review_and_an_edit_is_a_draft_again() {
    use Stage::{Archived, Draft, Published, Review};
    Stage::check_words();
    Step::check_words();
    let after = |step| [Draft, Review, Published, Archived].map(|stage: Stage| stage.after(step));
    assert_eq!(after(Step::Edit), [Some(Draft); 4]);
    assert_eq!(after(Step::Submit), [Some(Review), None, None, None]);
    assert_eq!(after(Step::Approve), [None, Some(Published), None, None]);
    assert_eq!(after(Step::Reject), [None, Some(Draft), None, None]);
    assert_eq!(after(Step::Archive), [Some(Archived), Some(Archived), Some(Archived), None]);
}

#[test]
fn texts_are_taken_as_people_write_them_and_flaws_are_named() {
    assert_eq!(title(" 易碎件怎么赔 \n").unwrap(), "易碎件怎么赔");
    assert_eq!(body("\u{feff}\n一\r\n二\r三 \n").unwrap(), "一\n二\n三");
    let given = [" #赔付 ".to_owned(), "破损".into(), "赔付".into()];
    assert_eq!(tags(&given).unwrap(), ["赔付", "破损"]);
    assert_eq!(problem(title("a\u{1b}b")), ("title".into(), "has control characters".into()));
    assert_eq!(problem(title(&"长".repeat(81))).1, "has more than 80 characters");
    assert_eq!(problem(folder_name("a/b")), ("name".into(), "has a /".into()));
    assert_eq!(problem(body(" \n\t")).1, "is missing");
    assert_eq!(problem(body("好\n坏\u{0}")), ("body, line 2".into(), "has control characters".into()));
    assert_eq!(problem(body(&"长".repeat(MOST_BODY + 1))).1, "has more than 30000 characters");
    assert_eq!(problem(tags(&["好".into(), " # ".into()])), ("tags[1]".into(), "is missing".into()));
    let many: Vec<String> = (0..13).map(|n| n.to_string()).collect();
    assert_eq!(problem(tags(&many)).1, "are more than 12");
}

#[test]
fn a_folder_lies_neither_in_itself_nor_too_deep() {
    // 1 ▸ 2 ▸ 3, and 4
    let tree = HashMap::from([(1, None), (2, Some(1)), (3, Some(2)), (4, None)]);
    assert_eq!(ancestors(&tree, Some(3)), [3, 2, 1]);
    for (folder, parent, good) in [
        (1, Some(4), true),
        (3, Some(1), true),
        (3, None, true),
        (1, Some(3), false),
        (1, Some(1), false),
        (2, Some(3), false),
    ] {
        assert_eq!(may_move(&tree, folder, parent).is_ok(), good, "{folder} into {parent:?}");
    }
    let line: HashMap<i32, Option<i32>> =
        (0..8).map(|n| (n, (n > 0).then(|| n - 1))).chain([(8, None), (9, Some(8))]).collect();
    assert!(may_move(&line, 8, Some(5)).is_ok(), "eight");
    assert!(problem(may_move(&line, 8, Some(6))).1.contains("8 folders"), "nine");
    assert!(may_move(&line, 10, Some(7)).is_err(), "a new one");
    // damaged data end
    let ring = HashMap::from([(1, Some(2)), (2, Some(1))]);
    assert_eq!(ancestors(&ring, Some(1)), [1, 2]);
}

#[test]
fn front_matter_is_read_and_told() {
    let text = "---\ntitle: \"怎么 赔\"\n标签：赔付、破损\nfolder: 理赔/破损\nlayout: post\n---\n\n正文\n";
    let (front, body, lines) = front::split(text).unwrap();
    assert_eq!((front.title.as_deref(), front.folder.as_deref()), (Some("怎么 赔"), Some("理赔/破损")));
    assert_eq!(
        (front.tags, front.others),
        (vec!["赔付".to_owned(), "破损".into()], vec!["layout".to_owned()])
    );
    assert_eq!((body, lines), ("\n正文\n", 6));
    let (front, ..) = front::split("---\ntags:\n  - a\n  - 'b c'\n---\nx").unwrap();
    assert_eq!(front.tags, ["a", "b c"]);
    let (front, ..) = front::split("---\ntags: [a, \"b\"]\n...\nx").unwrap();
    assert_eq!(front.tags, ["a", "b"]);
    for none in ["正文", "---\n\n一条线", "", "--- x\ny"] {
        assert_eq!(front::split(none).unwrap(), (front::Front::default(), none, 0));
    }
    assert_eq!(problem(front::split("---\ntitle: a\n正文")).0, "line 3");
    assert_eq!(problem(front::split("---\ntitle: a\n")).0, "line 1");
}

#[test]
fn titles_come_before_texts_and_short_letters_look_at_titles() {
    let article = |title: &str, tags: &[&str], body: &str| {
        Sought::new("理赔/破损", title, &tags.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>(), body)
    };
    let one = article("易碎件怎么赔", &["玻璃"], "先拍照，再打电话 12315。\n四小时内上报。");
    let place = |query: &str| Seek::new(query).place(&one);
    for query in ["易碎", "ysj", "yisuijian", "yisui", "怎么赔", ""] {
        assert!(matches!(place(query), Some(Place::Title(_))), "{query}: {:?}", place(query));
    }
    for query in ["玻璃", "boli", "bl", "理赔", "易碎 破损", "ysj 玻璃"] {
        assert_eq!(place(query), Some(Place::Head), "{query}");
    }
    for query in ["拍照", "paizhao", "dadianhua", "12315", "易碎 拍照"] {
        assert!(matches!(place(query), Some(Place::Text(_))), "{query}: {:?}", place(query));
    }
    // initials of the text alone
    for query in ["pz", "ddh", "冰箱", "ysj 冰箱", "xyz"] {
        assert_eq!(place(query), None, "{query}");
    }
    assert!(place("易碎") < place("玻璃") && place("玻璃") < place("拍照"));
    let seek = Seek::new("上报");
    assert_eq!(seek.line("# 标题\n\n- 先拍照\n- 四小时内**上报**"), Some("四小时内**上报**"));
    assert_eq!(seek.line("# 标题\n\n正文"), Some("标题"), "else the first");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever is done, a tree that had no ring has none, and is no deeper than it may be.
    #[test]
    fn moves_make_no_ring(moves in prop::collection::vec((0u8..14, prop::option::of(0u8..14)), 0..60)) {
        let mut tree: HashMap<u8, Option<u8>> = (0..14).map(|n| (n, None)).collect();
        for (folder, parent) in moves {
            if may_move(&tree, folder, parent).is_ok() {
                tree.insert(folder, parent);
            }
            for id in tree.keys() {
                let path = ancestors(&tree, Some(*id));
                prop_assert!(path.len() <= MOST_DEPTH);
                prop_assert_eq!(tree[path.last().unwrap()], None, "it ends at the top");
            }
        }
    }

    #[test]
    fn any_file_has_front_matter_or_none(text in "(---\n)?([a-z#: -]{0,6}\n){0,6}(---\n)?.{0,20}") {
        if let Ok((_, body, _)) = front::split(&text) {
            prop_assert!(text.ends_with(body));
        }
    }
}

#[cfg(feature = "import")]
mod imports {
    use super::super::{html, safe};
    use super::*;

    const OURS: &str = "picture:01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn a_safe_text_passes_and_its_pictures_are_told() {
        let text = format!(
            "# 标题\n\n[网站](https://a.cn) <https://b.cn> [电话](tel:12315) [信](mailto:a@b.cn) <a@b.cn> [上](#x)\n\n![图]({OURS})\n\n\
             | a | b |\n|---|---|\n| 1 < 2 | `<script>` |\n\n```\n<script>alert(1)</script>\n```\n\n3 < 4, a\\<b>"
        );
        assert_eq!(safe::check(&text, false, 0).unwrap(), [OURS]);
        let beside = format!("![a](图/a.png) ![b]({OURS}) ![c](图/a.png)");
        assert_eq!(safe::check(&beside, true, 0).unwrap(), ["图/a.png", OURS]);
        assert_eq!(safe::heading("# 怎么 *赔*\n\n正文\n"), Some(("怎么 赔".into(), "正文\n".into())));
        assert_eq!(safe::heading("正文\n\n# 后\n\n文"), None);
        assert_eq!(safe::heading("# 只有标题"), None);
    }

    #[test]
    fn what_is_not_safe_is_named_by_its_line() {
        for (text, line) in [
            ("好\n\n<script>alert(1)</script>", 3),
            ("好 <b onclick=x>b</b>", 1),
            ("一\n二 [x](javascript:alert(1))", 2),
            ("[x](JaVaScRiPt:alert(1))", 1),
            ("[x](java\tscript:alert(1))", 0),
            ("[x](&#106;avascript:alert(1))", 1),
            ("[x](data:text/html;base64,AA)", 1),
            ("[x](vbscript:a)", 1),
            ("[x](//evil.cn)", 1),
            ("[x](https:)", 1),
            ("[x](<javascript:alert(1)>)", 1),
            ("[x][y]\n\n[y]: javascript:alert(1)", 1),
            ("<javascript:alert(1)>", 1),
            ("![x](https://track.cn/a.png)", 1),
            ("![x](a.png)", 1),
            ("![x](data:image/png;base64,AA)", 1),
            ("![x](picture:7)", 1),
            ("- a\n- <iframe src=x>", 2),
        ] {
            match (safe::check(text, false, 10), line) {
                (Ok(_), 0) => {}
                (done, _) => assert_eq!(problem(done).0, format!("body, line {}", line + 10), "{text}"),
            }
        }
        for beside in ["![x](../a.png)", "![x](/etc/passwd)", "![x](c:a.png)", "![x](javascript:a)"] {
            assert!(safe::check(beside, true, 0).is_err(), "{beside}");
        }
    }

    #[test]
    fn a_page_becomes_what_people_read_of_it() {
        let page = html::read(
            "<html><head><title>怎么 赔</title><style>p{}</style></head><body><h2>步骤</h2><ol><li>拍照<li>上报</ol>\
             <p>打 <a href='tel:12315' onclick='x()'>12315</a>，见 <a href='https://a.cn'>规定</a>。</p>\
             <table><tr><th>件</th><th>赔</th></tr><tr><td>玻璃</td><td>100</td></tr></table><img src='图.png' alt='样子'></body>",
        )
        .unwrap();
        assert_eq!(page.title.as_deref(), Some("怎么 赔"));
        insta::assert_snapshot!(page.body, @"
        ## 步骤

        1. 拍照
        2. 上报

        打 [12315](tel:12315)，见 [规定](https://a.cn)。

        | 件  | 赔   |
        | -- | --- |
        | 玻璃 | 100 |

        ![样子](图.png)
        ");
        assert_eq!(safe::check(&page.body, true, 0).unwrap(), ["图.png"]);
        assert_eq!(page.left_out, [] as [&str; 0]);
    }

    #[test]
    fn of_hostile_pages_words_are_left() {
        for (html, left, left_out) in [
            ("<p>好<script>alert(1)</script>吗</p>", "好吗", vec!["script"]),
            ("<img src=x onerror=alert(1)><p>好</p>", "![](x)", vec![]),
            ("<a href=javascript:alert(1)>点</a>", "点", vec![]),
            ("<a href=' &#x6A;avascript:alert(1)'>点</a>", "点", vec![]),
            ("<a href='data:text/html,x'><b>点</b></a>", "**点**", vec![]),
            ("<iframe src=//evil></iframe><p>好</p>", "好", vec!["iframe"]),
            ("<svg><script>alert(1)</script></svg>好", "好", vec!["svg"]),
            ("<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>", "alert(1)", vec![]),
            ("<p>[点](javascript:alert(1))</p>", "点", vec![]),
            ("<img alt='](javascript:alert(1)) [x' src=a.png>", "", vec![]),
            ("<img src='https://track.cn/a.png' alt='图'>", "[图](https://track.cn/a.png)", vec![]),
            ("<img src='data:image/svg+xml,<svg onload=alert(1)>' alt='图'>", "图", vec![]),
            ("<!-- <script>alert(1)</script> --><p>好</p>", "好", vec![]),
            ("<p>`</p><script>alert(1)</script><p>`好</p>", "好", vec!["script"]),
            (
                "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></table></mtext></math>好",
                "好",
                vec!["math"],
            ),
            ("<form action=x><input value=y></form>好", "好", vec!["form"]),
        ] {
            let page = html::read(html).unwrap();
            safe::check(&page.body, true, 0).unwrap_or_else(|flaw| panic!("{html}: {flaw:?}: {}", page.body));
            assert!(page.body.contains(left), "{html} → {}", page.body);
            assert_eq!(page.left_out, left_out, "{html}");
        }
        assert_eq!(problem(html::read(&"a".repeat(html::MOST_HTML + 1))).1, "is larger than 512 kB");
    }

    #[test]
    fn a_page_that_grows_beyond_measure_is_not_grown() {
        let formatted: String = (0..150).map(|n| format!("<b id={n}>")).collect();
        for html in [
            "<div>".repeat(100_000),
            "<div><table></div></table>".repeat(15_000),
            format!("{formatted}{}", "<p>a".repeat(50_000)),
            "<p>a<br>".repeat(60_000),
        ] {
            let page = html::read(&html);
            assert!(page.is_err(), "{}", &html[..60]);
            let told = problem(page).1;
            assert_eq!(told, "is nested too deeply, or has too many parts, to be a text");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        /// Whatever a text is, defused it is safe, and one that was safe stays as it was.
        #[test]
        fn defused_is_safe(text in r"(<|>|\[|\]|\(|\)|!|`|\\|javascript:|data:x|https://a|picture:|script|svg|img src=|onerror=|&#106;|&lt;|\n|\n\n|\t| |    |- |> |#|\||a|好|<!--|-->|<!|\?|\]:|:){0,24}") {
            let defused = safe::defuse(&text);
            prop_assert!(safe::check(&defused, true, 0).is_ok(), "{:?} → {:?}", text, defused);
            if safe::check(&text, true, 0).is_ok() {
                prop_assert_eq!(defused, text);
            }
        }

        #[test]
        fn any_page_becomes_a_safe_text(html in r"(<p>|</p>|<a href=|'javascript:x'|>|</a>|<img src=|x|<script>|</script>|<b|<|&lt;|&gt;|&#60;|\[|\]|\(|\)|`|<pre>|</pre>|<code>|</code>|<table>|<td>|<tr>|<ul>|<li>|<!--|-->|<svg>|<title>|<h1>| |好|\n){0,24}") {
            let page = html::read(&html).unwrap();
            prop_assert!(safe::check(&page.body, true, 0).is_ok(), "{:?} → {:?}", html, page.body);
        }
    }
}

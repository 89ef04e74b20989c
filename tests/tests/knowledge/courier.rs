//! The courier's side: the phone without a network, what changes meanwhile, a thousand articles, and the terminal.

use super::phone::Phone;
use super::{draft, edit, folder, publish, published, step, world};
use serde_json::json;
use waybell_core::knowledge::Hit;
use waybell_domain::id::ArticleId;
use waybell_domain::search::matches;
use waybell_tests::World;
use waybell_tests::phone::Death;

fn id_of(text: &str) -> ArticleId {
    text.parse().unwrap()
}

async fn hits(phone: &Phone, query: &str) -> Vec<String> {
    let found: Vec<Hit> = phone.client.knowledge().search(query, 2_000).await.unwrap();
    found.into_iter().map(|hit| hit.article.view.title).collect()
}

async fn tree(phone: &Phone) -> Vec<(String, Vec<String>)> {
    let shelves = phone.client.knowledge().tree().await.unwrap();
    let titles = |articles: Vec<waybell_core::knowledge::Article>| {
        articles.into_iter().map(|a| a.view.title).collect()
    };
    shelves.into_iter().map(|shelf| (shelf.path, titles(shelf.articles))).collect()
}

#[tokio::test]
async fn written_and_reviewed_it_is_found_by_initials_in_a_cellar() {
    let mut world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let (claims, broken) = (folder(&boss, "理赔", None).await, new_folder(&boss).await);
    let id = draft(
        &boss,
        "易碎件怎么赔",
        json!({ "folder": broken.0, "tags": ["玻璃"], "body": "先拍照。\n\n- 四小时内上报，电话 12315。" }),
    )
    .await;
    assert_ne!(claims, broken.0);
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    phone.client.sync().now().await.unwrap();
    assert_eq!(hits(&phone, "易碎").await, [] as [&str; 0], "a draft is nobody's");
    publish(&boss, &id).await;
    published(&boss, "规范用语", json!({ "body": "您好，您的快件到了。易碎件请当面验收。" })).await;
    phone.client.sync().now().await.unwrap();
    world.kill().unwrap();

    assert_eq!(
        tree(&phone).await,
        [
            (String::new(), vec!["规范用语".to_owned()]),
            ("投诉".into(), vec![]),
            ("投诉/破损".into(), vec!["易碎件怎么赔".into()]),
            ("理赔".into(), vec![])
        ]
    );
    assert_eq!(hits(&phone, "ysj").await, ["易碎件怎么赔"], "by initials");
    assert_eq!(hits(&phone, "yisuijian").await, ["易碎件怎么赔", "规范用语"], "the title first");
    for query in ["玻璃", "boli", "tousu posun", "paizhao", "12315", "shangbao"] {
        assert_eq!(hits(&phone, query).await, ["易碎件怎么赔"], "{query}");
    }
    let hit = phone.client.knowledge().search("上报", 9).await.unwrap().remove(0);
    assert_eq!((hit.line.as_str(), hit.article.path.as_str()), ("四小时内上报，电话 12315。", "投诉/破损"));

    let knowledge = phone.client.knowledge();
    for _ in 0..2 {
        assert!(knowledge.open(id_of(&id)).await.unwrap().view.body.contains("四小时"));
        let kept = knowledge.favourite(id_of(&id), true).await.unwrap();
        assert!(kept.view.favourite && kept.pending, "shown at once");
    }
    assert_eq!(phone.client.sync().status().unwrap().queued, 2, "one of each");
    phone.client.sync().now().await.unwrap_err();
    world.server.start().unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.sync().operations().unwrap(), []);
    let article = knowledge.find(&id).await.unwrap();
    assert!(article.view.favourite && !article.pending);
    assert_eq!(article.views, 1);
    // two hours later on another phone: that is told, and counts no more (or once more, where midnight lies in between)
    let other = Phone::signed_in(&world.server.url, "c1", 0).await;
    other.client.sync().now().await.unwrap();
    assert_eq!(other.client.knowledge().favourites().await.unwrap()[0].view.id, id_of(&id));
    other.client.knowledge().open(id_of(&id)).await.unwrap();
    other.client.sync().now().await.unwrap();
    let days = world.database.number("SELECT COUNT(DISTINCT day) FROM knowledge_view").unwrap();
    assert_eq!(world.database.number("SELECT views FROM knowledge_article WHERE views > 0").unwrap(), days);
    assert_eq!(other.client.knowledge().most_used().await.unwrap().len(), 1);
    // signed out, nothing is left of it
    other.client.session().logout().await.unwrap();
    assert!(other.client.knowledge().tree().await.is_err());
    other.client.session().login("c2", waybell_tests::world::PASSWORD).await.unwrap();
    assert_eq!(hits(&other, "").await, [] as [&str; 0]);
}

/// 投诉/破损: its id, and that of the folder around it.
async fn new_folder(boss: &waybell_tests::api::Api) -> (String, String) {
    let top = folder(boss, "投诉", None).await;
    (folder(boss, "破损", Some(&top)).await, top)
}

#[tokio::test]
async fn an_edited_text_replaces_the_old_one_and_an_archived_one_goes() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let id = published(&boss, "派件时间", json!({ "body": "八点到二十点。" })).await;
    let gone = published(&boss, "旧规定", json!({ "body": "不再用。" })).await;
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    let sync = async || phone.client.sync().now().await.unwrap();
    sync().await;
    assert_eq!(hits(&phone, "八点").await, ["派件时间"]);
    edit(&boss, &id, json!({ "body": "九点到十九点。", "title": "派送时间" })).await;
    sync().await;
    assert_eq!((hits(&phone, "八点").await.len(), hits(&phone, "九点").await.len()), (1, 0), "a draft");
    publish(&boss, &id).await;
    sync().await;
    assert_eq!(
        (hits(&phone, "八点").await.len(), hits(&phone, "九点").await),
        (0, vec!["派送时间".to_owned()])
    );
    // kept here while it is archived there: done with, and nothing stays in the queue
    phone.client.knowledge().favourite(id_of(&gone), true).await.unwrap();
    phone.client.knowledge().open(id_of(&gone)).await.unwrap();
    step(&boss, &gone, "archive", json!({})).await;
    sync().await;
    assert_eq!(
        (hits(&phone, "jiuguiding").await, hits(&phone, "").await),
        (vec![], vec!["派送时间".to_owned()])
    );
    assert_eq!(phone.client.sync().operations().unwrap(), []);
    let missing = phone.client.knowledge().open(id_of(&gone)).await.unwrap_err().to_string();
    assert!(missing.contains("article"), "{missing}");
    // a folder that is renamed is found by its new name
    let shelf = folder(&boss, "时间", None).await;
    edit(&boss, &id, json!({ "folder": shelf })).await;
    sync().await;
    assert_eq!(hits(&phone, "时间 九点").await, ["派送时间"]);
    boss.ask("PATCH", &format!("/knowledge/folders/{shelf}"), Some(&json!({ "name": "钟点" })))
        .await
        .unwrap();
    sync().await;
    assert_eq!(hits(&phone, "zhongdian").await, ["派送时间"]);
    assert_eq!(tree(&phone).await[1], ("钟点".to_owned(), vec!["派送时间".to_owned()]));
}

const FIRST: [&str; 10] =
    ["易碎件", "生鲜件", "大件", "到付件", "代收货款", "国际件", "保价件", "退回件", "改址件", "重庆件"];
const SECOND: [&str; 10] = ["赔付", "包装", "登记", "称重", "投诉", "查询", "催办", "拒收", "验收", "转寄"];
const THIRD: [&str; 10] =
    ["流程", "话术", "时限", "电话 12315", "表单", "要求", "禁忌", "FAQ", "范例", "第3版"];

/// A thousand published articles, put into the database while the server is away.
fn thousand(world: &mut World) -> Vec<(String, String)> {
    world.kill().unwrap();
    let (mut articles, mut texts, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..1_000usize {
        let title = format!("{}{}{}", FIRST[n % 10], SECOND[n / 10 % 10], THIRD[n / 100]);
        let body = format!(
            "关于{}。编号 K{n:04}。遇到{}时先{}。",
            SECOND[n * 7 % 10],
            FIRST[n * 3 % 10],
            SECOND[n * 9 % 10]
        );
        let id = uuid::Uuid::now_v7();
        articles.push(format!(
            "('{id}', (SELECT id FROM organisation WHERE name = 'Demo'), 'published', 1, 1, 1, 'x', 1, 'x', {rev}, {rev})",
            rev = n + 1
        ));
        texts.push(format!(
            "('{id}', 1, (SELECT id FROM organisation WHERE name = 'Demo'), '{title}', '[]', '{body}', 'x', 1)"
        ));
        all.push((title, body));
    }
    let sql = |sql: String| world.database.sql(&sql).unwrap();
    sql(format!(
        "INSERT INTO knowledge_article (id, organisation_id, stage, version, published, published_at, made_by, made_at, request_hash, \
         rev, shown_rev) VALUES {}",
        articles.join(", ")
    ));
    sql(format!(
        "INSERT INTO knowledge_text (article_id, version, organisation_id, title, tags, body, person_id, at) VALUES {}",
        texts.join(", ")
    ));
    world.server.start().unwrap();
    all
}

#[tokio::test]
async fn of_a_thousand_articles_each_search_finds_what_it_means() {
    let mut world = world();
    let all = thousand(&mut world);
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    phone.client.sync().now().await.unwrap();
    let c1 = world.sign_in("c1").await.unwrap();
    for query in [
        "易碎",
        "yisuijian",
        "ysj",
        "ysjpf",
        "chongqing",
        "zhongqing",
        "cqj",
        "大件",
        "12315",
        "k0042",
        "K00",
        "faq",
        "FAQ",
        "易碎件赔付流程",
        "代收 流程",
        "dshk 时限",
        "催办 拒收",
        "guanyu 包装",
        "三版",
        "不存在",
        "赔付　登记",
        "a",
        "l c",
    ] {
        let short = |word: &&str| word.len() < 4 && word.bytes().all(|b| b.is_ascii_alphabetic());
        let shorts: Vec<&str> = query.split_whitespace().filter(short).collect();
        let answers = |(title, body): &&(String, String)| {
            let head = format!("{title}\t\t");
            matches(query, &head)
                || matches(&shorts.join(" "), &head) && matches(query, &format!("{head}\t{body}"))
        };
        let mut expected: Vec<&str> = all.iter().filter(answers).map(|(title, _)| title.as_str()).collect();
        let found = hits(&phone, query).await;
        let in_title = found.iter().take_while(|title| matches(query, title)).count();
        assert_eq!(
            in_title,
            expected.iter().filter(|title| matches(query, title)).count(),
            "{query}: titles first"
        );
        let path = format!("/knowledge/search?q={}", query.replace(' ', "%20"));
        let there = c1.get(&path).await.unwrap();
        let there: Vec<&str> =
            there.as_array().unwrap().iter().map(|a| a["title"].as_str().unwrap()).collect();
        assert_eq!(there, found.iter().take(50).collect::<Vec<_>>(), "{query}: the server says the same");
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn by_the_terminal_from_a_file_to_a_reader() {
    let mut world = world();
    let (desk, phone) = (
        waybell_tests::Phone::new(&world.server.url).unwrap(),
        waybell_tests::Phone::new(&world.server.url).unwrap(),
    );
    desk.must(&["login", "boss"]).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    assert!(phone.must(&["knowledge"]).unwrap().contains("nothing in the knowledge base"));
    let file = |name: &str, bytes: &[u8]| {
        let path = desk.home().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    file("样子.jpg", &super::pictures::photo());
    let text = "---\ntitle: 易碎件怎么赔\ntags: [玻璃, 瓷器]\nfolder: 理赔/破损\n---\n\n# 易碎件怎么赔\n\n先拍照：\n\n![样子](%E6%A0%B7%E5%AD%90.jpg)\n";
    let claims = file("claims.md", text.as_bytes());
    // as an old page comes: another encoding, and a script in it
    let page = "<html><head><title>规范用语</title></head><body><script>x()</script><p>您好，<b>您的快件</b>到了。</p>\
                <table><tr><th>时候</th><th>用语</th></tr><tr><td>接通</td><td>您好</td></tr></table></body></html>";
    let wide: Vec<u8> = format!("\u{feff}{page}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let page = file("page.html", &wide);
    let said = desk.run(&["knowledge", "add", &claims, &page, "--submit"], &Death::None).unwrap();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.text.contains("易碎件怎么赔") && said.text.contains("规范用语"), "{said:?}");
    let listed = desk.must(&["knowledge", "written", "--stage", "review", "--lang", "zh"]).unwrap();
    assert_eq!(listed.matches("待审核").count(), 2, "{listed}");
    let boss = world.sign_in("boss").await.unwrap();
    let all = boss.get("/knowledge/articles").await.unwrap();
    let ids: Vec<String> =
        all.as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect();
    let short = |id: &str| id[id.len() - 6..].to_owned();
    let claims_id = all.as_array().unwrap().iter().find(|a| a["title"] == json!("易碎件怎么赔")).unwrap();
    let claims_id = short(claims_id["id"].as_str().unwrap());
    let said = desk.must(&["knowledge", "approve", &claims_id, "--reject", "写明时限"]).unwrap();
    assert!(said.contains("draft"), "{said}");
    std::fs::write(&claims, text.replace("先拍照：", "四小时内先拍照：")).unwrap();
    desk.must(&["knowledge", "edit", &claims_id, "--file", &claims]).unwrap();
    desk.must(&["knowledge", "submit", &claims_id]).unwrap();
    for id in &ids {
        let said = desk.must(&["knowledge", "approve", &short(id)]).unwrap();
        assert!(said.contains("published"), "{said}");
    }
    let history = desk.must(&["knowledge", "history", &claims_id]).unwrap();
    assert!(history.contains("写明时限") && history.lines().count() == 3, "{history}");
    let diff = desk.must(&["knowledge", "history", &claims_id, "--diff", "2"]).unwrap();
    assert!(diff.contains("- 先拍照：") && diff.contains("+ 四小时内先拍照："), "{diff}");

    let tree = phone.must(&["knowledge"]).unwrap();
    assert!(tree.contains("理赔/\n  破损/\n") && tree.contains("规范用语"), "{tree}");
    let pictures = phone.home().join("pictures");
    let pictures = pictures.to_str().unwrap();
    let shown = phone.must(&["knowledge", "show", &claims_id, "--pictures", pictures]).unwrap();
    assert!(
        shown.contains("四小时内先拍照") && shown.contains("#瓷器") && shown.contains("picture saved"),
        "{shown}"
    );
    let saved = std::fs::read_dir(pictures).unwrap().next().unwrap().unwrap().path();
    assert_eq!(saved.extension().unwrap(), "jpg");
    world.kill().unwrap();
    let found = phone.run(&["knowledge", "search", "ysj"], &Death::None).unwrap();
    assert_eq!(found.code, Some(0), "{found:?}");
    assert!(found.text.contains(&claims_id) && found.text.contains("理赔/破损"), "{found:?}");
    let kept = phone.run(&["knowledge", "favourite", &claims_id], &Death::None).unwrap();
    assert_eq!(kept.code, Some(3), "{kept:?}");
    let shown = phone.must(&["knowledge", "search", "jietong", "--lang", "zh"]).unwrap();
    assert!(shown.contains("规范用语"), "{shown}");
    world.server.start().unwrap();
    phone.must(&["sync"]).unwrap();
    assert!(phone.must(&["knowledge", "favourite"]).unwrap().contains("易碎件怎么赔"));
    assert_eq!(world.database.number("SELECT COUNT(*) FROM knowledge_favourite WHERE kept = 1").unwrap(), 1);
    desk.must(&["knowledge", "archive", &claims_id]).unwrap();
    phone.must(&["sync"]).unwrap();
    let gone = phone.run(&["knowledge", "show", &claims_id], &Death::None).unwrap();
    assert_eq!(gone.code, Some(1), "{gone:?}");
    desk.must(&["knowledge", "folder", "理赔/破损", "--remove"]).unwrap();
    let refused = desk.run(&["knowledge", "show", "--bogus"], &Death::None).unwrap();
    assert_eq!(refused.code, Some(2));
    for (name, bytes, problem) in [
        ("bad.md", "好\n\n<script>x()</script>".as_bytes(), "body, line 3"),
        ("lost.md", "![x](nowhere.png)".as_bytes(), "nowhere.png"),
    ] {
        let said = desk.run(&["knowledge", "add", &file(name, bytes)], &Death::None).unwrap();
        assert!(said.code == Some(1) && said.errors.contains(problem), "{said:?}");
    }
}

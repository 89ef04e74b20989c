//! Files that become articles, and requests that cannot: what is hostile or broken is named, and nothing of it is stored.

use super::{new_id, world};
use serde_json::json;

#[tokio::test]
async fn hostile_and_broken_files_are_named_and_nothing_is_stored() {
    let world = world();
    let (boss, c1) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let import = async |format: &str, text: &str| {
        let file = json!({ "format": format, "text": text });
        boss.send("POST", "/knowledge/import", Some(&file), None).await.unwrap()
    };
    let page = "<title>赔付</title><script>steal()</script><h1 onclick=x()>赔付</h1><p>打 <a href='javascript:x()'>这里</a>，或 \
                <a href=tel:12315>12315</a></p><img src=样子.png><iframe src=//x></iframe>&lt;script&gt;x()&lt;/script&gt;";
    let (status, read) = import("html", page).await;
    assert_eq!((status, &read["title"]), (200, &json!("赔付")), "{read}");
    assert_eq!((&read["left_out"], &read["pictures"]), (&json!(["iframe", "script"]), &json!(["样子.png"])));
    let body = read["body"].as_str().unwrap();
    assert!(
        body.contains("打 这里，或 [12315](tel:12315)")
            && !body.contains("javascript")
            && !body.contains("steal"),
        "{body}"
    );
    let (_, read) = import("markdown", "---\ntitle: 规范用语\ntags: [用语, 电话]\nfolder: 客服/电话\nlayout: x\n---\n\n# 规范用语\n\n您好。\n").await;
    let expected = json!({ "title": "规范用语", "tags": ["用语", "电话"], "folder": "客服/电话", "body": "您好。", "left_out": ["layout"] });
    assert_eq!(read, expected);
    for (format, text, field) in [
        ("markdown", "---\ntitle: a\n---\n\n好\n\n<script>x()</script>", "body, line 7"),
        ("markdown", "好\n[x](javascript:x())", "body, line 2"),
        ("markdown", "![x](https://track.cn/a.png)", "body, line 1"),
        ("markdown", "---\ntitle: a\n", "line 1"),
        ("markdown", " \n", "body"),
        ("html", "<script>x()</script>", "body"),
        ("pdf", "x", "format"),
    ] {
        let (status, told) = import(format, text).await;
        assert_eq!((status, &told["field"]), (422, &json!(field)), "{text}: {told}");
        assert!(told["hint"].is_string(), "{told}");
    }
    let deep = "<div>".repeat(60_000);
    assert_eq!(import("html", &deep).await.1["field"], json!("text"));
    for (more, field) in [
        (json!({ "title": "" }), "title"),
        (json!({ "title": "长".repeat(81) }), "title"),
        (json!({ "body": "好\n\u{0}" }), "body, line 2"),
        (json!({ "body": "长".repeat(30_001) }), "body"),
        (json!({ "body": "a\n<b>x</b>" }), "body, line 2"),
        (json!({ "body": "[x](vbscript:x)" }), "body, line 1"),
        (json!({ "body": "![x](a.png)" }), "body, line 1"),
        (json!({ "body": format!("![x](picture:{})", new_id()) }), "body"),
        (json!({ "tags": ["好", " "] }), "tags[1]"),
        (json!({ "tags": (0..13).map(|n| n.to_string()).collect::<Vec<_>>() }), "tags"),
        (json!({ "id": "x" }), "id"),
        (json!({ "folder": "x" }), "folder"),
    ] {
        let mut request = json!({ "id": new_id(), "title": "x", "body": "x" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, told) = boss.send("POST", "/knowledge/articles", Some(&request), None).await.unwrap();
        assert_eq!((status, &told["field"]), (422, &json!(field)), "{more}: {told}");
    }
    let request = json!({ "id": new_id(), "title": "x", "body": "x" });
    assert_eq!(c1.send("POST", "/knowledge/articles", Some(&request), None).await.unwrap().0, 403);
    assert_eq!(
        c1.send("POST", "/knowledge/import", Some(&json!({ "text": "x" })), None).await.unwrap().0,
        403
    );
    assert_eq!(boss.get("/knowledge/articles").await.unwrap(), json!([]));
    for path in [
        "/knowledge/articles?page=x",
        "/knowledge/articles?stage=new",
        "/me/knowledge?since=x",
        "/knowledge/ranking?days=x",
    ] {
        assert_eq!(boss.send("GET", path, None, None).await.unwrap().0, 422, "{path}");
    }
}
